// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "bugs.hpp"
#include "phalanx/cluster/planted.hpp"
#include "script.hpp"
#include "world.hpp"

namespace {

using phalanx::simulation::describe;
using phalanx::simulation::draw_plan;
using phalanx::simulation::kBugNames;
using phalanx::simulation::Plan;
using phalanx::simulation::Report;
using phalanx::simulation::World;

struct Options {
  std::uint64_t seeds = 1000;
  std::uint64_t start = 1;
  bool timeline = false;
  unsigned bug = 0;
  std::string scenario;
  std::string pinned;
  bool rewrite = false;
  bool expect_violation = false;
};

void usage() {
  std::fputs(
      "usage: simulate [--seeds N] [--start-seed S] [--timeline] [--bug NAME]\n"
      "       simulate --scenario FILE [--rewrite]\n"
      "Runs the cluster core on a simulated network. Exit 1: an invariant was broken (with --bug:\n"
      "was not broken). --timeline prints one seed's events. --bug needs the test-only build.\n",
      stderr);
}

bool number(const char* text, std::uint64_t& value) {
  char* end = nullptr;
  value = std::strtoull(text, &end, 10);
  return end != text && *end == 0;
}

bool bug_by_name(const std::string& name, unsigned& bug) {
  const auto found = std::find(kBugNames.begin(), kBugNames.end(), name);
  bug = static_cast<unsigned>(found - kBugNames.begin());
  return found != kBugNames.end();
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--timeline") {
      options.timeline = true;
      continue;
    }
    if (name == "--rewrite") {
      options.rewrite = true;
      continue;
    }
    if (name == "--scenario" && i + 1 < argc) {
      options.scenario = argv[++i];
      continue;
    }
    if (name == "--pinned" && i + 1 < argc) {
      options.pinned = argv[++i];
      continue;
    }
    if (name == "--bug" && i + 1 < argc) {
      if (!bug_by_name(argv[++i], options.bug)) return false;
      options.expect_violation = options.bug != 0;
      continue;
    }
    std::uint64_t value = 0;
    if (i + 1 == argc || !number(argv[++i], value)) return false;
    if (name == "--seeds") {
      options.seeds = value;
    } else if (name == "--start-seed") {
      options.start = value;
    } else {
      return false;
    }
  }
  return true;
}

// Switches off whatever the failure does not need, part by part, while it still fails.
Plan shrink(Plan plan) {
  const auto wanted = World(plan, false).run().violation->invariant;
  const auto fails = [&](const Plan& candidate) {
    const auto report = World(candidate, false).run();
    return report.violation && report.violation->invariant == wanted;
  };
  const auto attempt = [&](auto change) {
    Plan smaller = plan;
    change(smaller);
    if (fails(smaller)) plan = smaller;
  };
  attempt([](Plan& p) { p.loss = 0; });
  attempt([](Plan& p) { p.duplication = 0; });
  attempt([](Plan& p) { p.spike = 0; });
  attempt([](Plan& p) { p.crash_in_step = 0; });
  attempt([](Plan& p) { p.drains = 0; });
  attempt([](Plan& p) { p.power_losses = 0; });
  attempt([](Plan& p) { p.joins = 0; });
  attempt([](Plan& p) { p.leaves = 0; });
  attempt([](Plan& p) { p.expels = 0; });
  attempt([](Plan& p) { p.disk_losses = 0; });
  attempt([](Plan& p) { p.ghost = 0; });
  attempt([](Plan& p) { p.slow_nodes = 0; });
  attempt([](Plan& p) { p.record_losses = 0; });
  attempt([](Plan& p) { p.crash_in_election = 0; });
  attempt([](Plan& p) { p.clone = 0; });
  attempt([](Plan& p) { p.clock_error = 0; });
  for (auto field : {&Plan::stalls, &Plan::partitions, &Plan::crashes, &Plan::sas}) {
    for (bool again = true; again && plan.*field > 0;) {
      const auto before = plan.*field;
      attempt([&](Plan& p) { --(p.*field); });
      again = plan.*field != before;
    }
  }
  return plan;
}

void explain(const Plan& plan) {
  const auto small = shrink(plan);
  const auto report = World(small, true).run();
  std::printf("shrunk: %s\n", describe(small).c_str());
  const auto& lines = report.timeline;
  const std::size_t shown = 60;
  for (auto i = lines.size() > shown ? lines.size() - shown : 0; i < lines.size(); ++i) {
    std::printf("  %s\n", lines[i].c_str());
  }
  if (report.violation) {
    std::printf("  invariant (%d): %s\n", report.violation->invariant,
                report.violation->text.c_str());
  }
}

#ifdef PHALANX_PLANTED_BUGS
// Each line: a mistake, and a seed that must find it.
int run_pinned(const std::string& path) {
  std::ifstream in(path);
  int good = 0;
  int bad = 0;
  std::uint64_t seed = 0;
  unsigned bug = 0;
  for (std::string name; in >> name >> seed;) {
    const bool known = bug_by_name(name, bug);
    phalanx::cluster::planted_bug = static_cast<phalanx::cluster::Bug>(bug);
    const auto report = World(draw_plan(seed), false).run();
    ++(known && report.violation ? good : bad);
    std::printf("%s, seed %llu: %s\n", name.c_str(), static_cast<unsigned long long>(seed),
                report.violation ? report.violation->text.c_str() : "NOT FOUND");
  }
  std::printf("%d passed, %d failed\n", good, bad);
  return bad == 0 && good != 0 ? 0 : 1;
}
#endif

int run(const Options& options) {
  std::map<std::string, std::uint64_t> totals;
  std::vector<std::uint64_t> steps;
  for (std::uint64_t i = 0; i < options.seeds; ++i) {
    const auto plan = draw_plan(options.start + i);
    const auto report = World(plan, options.timeline).run();
    for (const auto& line : report.timeline) std::printf("%s\n", line.c_str());
    for (const auto& [what, count] : report.counts) totals[what] += count;
    const auto found = report.counts.find("steps");
    steps.push_back(found == report.counts.end() ? 0 : found->second);
    if (!report.violation) continue;
    std::printf("seed %llu breaks invariant (%d): %s\n", static_cast<unsigned long long>(plan.seed),
                report.violation->invariant, report.violation->text.c_str());
    if (!options.expect_violation) explain(plan);
    std::printf("after %llu seeds\n", static_cast<unsigned long long>(i + 1));
    return options.expect_violation ? 0 : 1;
  }
  std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2),
                   steps.end());
  std::printf("%llu seeds from %llu, median %llu steps, no invariant broken\n",
              static_cast<unsigned long long>(options.seeds),
              static_cast<unsigned long long>(options.start),
              static_cast<unsigned long long>(steps[steps.size() / 2]));
  for (const auto& [what, count] : totals) {
    std::printf("  %-24s %llu\n", what.c_str(), static_cast<unsigned long long>(count));
  }
  return options.expect_violation ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options) || options.seeds == 0) {
    usage();
    return 2;
  }
#ifdef PHALANX_PLANTED_BUGS
  if (!options.pinned.empty()) return run_pinned(options.pinned);
#endif
  if (!options.scenario.empty()) {
    const bool same = phalanx::simulation::Script::run_file(options.scenario, options.rewrite);
    return same ? 0 : 1;
  }
  if (options.bug != 0) {
#ifdef PHALANX_PLANTED_BUGS
    phalanx::cluster::planted_bug = static_cast<phalanx::cluster::Bug>(options.bug);
#else
    std::fputs("this build has no planted bugs\n", stderr);
    return 2;
#endif
  }
  return run(options);
}
