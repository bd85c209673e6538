// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
//   bench_tables lookup ENTRIES REPEATS -- EAL...
//   bench_tables move ENTRIES REPEATS -- EAL...
//
// Prints JSON lines, see docs/performance.md. lookup: what finding an entry costs in the daemon's
// table, in DPDK's and in the simplest one there is; keys come in random order, 32 at a time, and
// the 64 bytes of state of each entry are read. move: what it costs to move a bucket of so many
// entries, among a million others, from one worker's table to another's.
#include <rte_cycles.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "bench_lookup.hpp"
#include "phalanx/base/entry_tables.hpp"
#include "phalanx/dpdk/eal.hpp"

namespace phalanx::bench {
namespace {

// Lookups of one round, whose time is one figure.
constexpr std::size_t kRound = 32 * kBulk;
constexpr std::size_t kLookups = 2'000'000;  // of one repeat
// The cluster of seed 001's figure 3: what one node of three owns.
constexpr std::uint32_t kNodes = 3;

volatile std::uint64_t sink;

struct Figures {
  std::vector<double> p10;     // of each repeat
  std::vector<double> median;  // of each repeat
};

// One repeat: rounds of bulk lookups over `queries`, again and again from the front.
template <typename Table, typename Key>
void measure(const Table& table, std::span<const Key> queries, Figures& figures) {
  std::vector<double> rounds;
  std::array<std::uint32_t, kBulk> found;
  std::uint64_t sum = 0;
  std::size_t at = 0;
  const double ns_per_cycle = 1e9 / static_cast<double>(rte_get_tsc_hz());
  for (std::size_t done = 0; done < kLookups; done += kRound) {
    const auto begin = rte_rdtsc();
    for (std::size_t burst = 0; burst < kRound; burst += kBulk) {
      table.lookup(&queries[at], kBulk, found.data());
      for (const auto entry : found) sum += table.state(entry).words[0];
      at += kBulk;
      if (at + kBulk > queries.size()) at = 0;
    }
    const auto cycles = static_cast<double>(rte_rdtsc() - begin);
    rounds.push_back(cycles * ns_per_cycle / kRound);
  }
  sink = sum;
  std::sort(rounds.begin(), rounds.end());
  figures.p10.push_back(rounds[rounds.size() / 10]);
  figures.median.push_back(rounds[rounds.size() / 2]);
}

double best(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

struct Row {
  Figures table, node, rte_hash, floor;
};

void print(const char* key, std::size_t entries, const Row& row) {
  std::printf(
      "{\"bench\": \"tables\", \"key\": \"%s\", \"entries\": %zu, \"ns\": %.1f, "
      "\"floor_ns\": %.1f, \"rte_hash_ns\": %.1f, \"node_entries\": %zu, \"node_ns\": %.1f, "
      "\"median_ns\": %.1f, \"rte_hash_median_ns\": %.1f}\n",
      key, entries, best(row.table.p10), best(row.floor.p10), best(row.rte_hash.p10),
      entries / kNodes, best(row.node.p10), best(row.table.median), best(row.rte_hash.median));
  std::fflush(stdout);
}

// All entries in random order, and those of them that one node owns.
struct Order {
  Order(std::size_t entries, std::mt19937_64& random) : all(entries) {
    std::iota(all.begin(), all.end(), 0U);
    std::shuffle(all.begin(), all.end(), random);
    own.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(entries / kNodes));
  }
  std::vector<std::uint32_t> all, own;
};

template <typename Key>
std::vector<Key> keys_of(std::span<const Key> keys, std::span<const std::uint32_t> entries) {
  std::vector<Key> picked;
  picked.reserve(entries.size());
  for (const auto entry : entries) picked.push_back(keys[entry]);
  return picked;
}

void run_spis(std::size_t entries, int repeats) {
  std::mt19937_64 random(1);
  const HugeArray<StateLine> states(entries + entries / 4);
  std::vector<std::uint32_t> spis;
  std::unordered_set<std::uint32_t> used;
  while (spis.size() < entries) {
    const auto spi = static_cast<std::uint32_t>(random());
    if (spi >= base::kMinSpi && used.insert(spi).second) spis.push_back(spi);
  }
  const Order order(entries, random);
  const auto queries = keys_of<std::uint32_t>(spis, order.all);
  const auto own_queries = keys_of<std::uint32_t>(spis, order.own);

  const NodeSpiTable table(spis, order.all, states);
  const NodeSpiTable node(spis, order.own, states);
  const RteHash<std::uint32_t> rte(spis, states);
  const BareSpiTable bare(spis, states);
  Row row;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    measure<NodeSpiTable, std::uint32_t>(table, queries, row.table);
    measure<RteHash<std::uint32_t>, std::uint32_t>(rte, queries, row.rte_hash);
    measure<BareSpiTable, std::uint32_t>(bare, queries, row.floor);
    measure<NodeSpiTable, std::uint32_t>(node, own_queries, row.node);
  }
  print("spi", entries, row);
}

void run_flows(std::size_t entries, int repeats) {
  std::mt19937_64 random(2);
  const HugeArray<StateLine> states(entries + entries / 4);
  ipsec::FlowKeys flows(entries, kSeed);
  std::vector<ipsec::FlowKey> keys(entries);
  for (std::size_t i = 0; i < entries; ++i) {
    auto& key = keys[i];
    for (auto& byte : key.source) byte = static_cast<std::uint8_t>(random());
    for (auto& byte : key.destination) byte = static_cast<std::uint8_t>(random());
    key.source_port = static_cast<std::uint16_t>(random());
    key.destination_port = static_cast<std::uint16_t>(random());
    key.protocol = 6;
    key.family = 6;
    key.has_ports = 1;
    flows.set(static_cast<std::uint32_t>(i), key);
  }
  const Order order(entries, random);
  const auto queries = keys_of<ipsec::FlowKey>(keys, order.all);
  const auto own_queries = keys_of<ipsec::FlowKey>(keys, order.own);

  const NodeFlowTable table(order.all, flows, states);
  const NodeFlowTable node(order.own, flows, states);
  const RteHash<ipsec::FlowKey> rte(keys, states);
  const BareFlowTable bare(keys, states);
  Row row;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    measure<NodeFlowTable, ipsec::FlowKey>(table, queries, row.table);
    measure<RteHash<ipsec::FlowKey>, ipsec::FlowKey>(rte, queries, row.rte_hash);
    measure<BareFlowTable, ipsec::FlowKey>(bare, queries, row.floor);
    measure<NodeFlowTable, ipsec::FlowKey>(node, own_queries, row.node);
  }
  print("flow", entries, row);
}

// A bucket of `moved` entries goes to and fro between two workers, which have 255 other buckets
// with a million entries.
void run_move(std::size_t moved, int repeats) {
  constexpr std::size_t kOthers = 1'000'000;
  constexpr base::BucketIndex kMoving(0);
  std::mt19937_64 random(3);
  base::EntryTables tables(2, kOthers);
  const auto worker = [](std::size_t index) {
    return base::WorkerIndex(static_cast<std::uint8_t>(index % 2));
  };
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    if (!tables.move(base::BucketIndex(static_cast<std::uint8_t>(i)), worker(i))) {
      throw std::bad_alloc();
    }
  }
  // Entries of the moving bucket lie among the others, as they came.
  std::vector<std::uint8_t> buckets(kOthers + moved);
  for (std::size_t i = moved; i < buckets.size(); ++i) {
    buckets[i] = static_cast<std::uint8_t>(1 + random() % (base::kNumBuckets - 1));
  }
  std::shuffle(buckets.begin(), buckets.end(), random);
  for (std::uint32_t i = 0; i < buckets.size(); ++i) {
    const auto tag = static_cast<std::uint32_t>(random());
    if (!tables.insert(tag, i, base::BucketIndex(buckets[i]))) throw std::bad_alloc();
  }
  std::vector<double> times;
  const std::size_t moves = std::max<std::size_t>(20, 20'000 / moved);
  for (std::size_t i = 0; i < moves * static_cast<std::size_t>(repeats); ++i) {
    const auto begin = rte_rdtsc();
    if (!tables.move(kMoving, worker(i + 1))) throw std::bad_alloc();
    times.push_back(static_cast<double>(rte_rdtsc() - begin) * 1e9 /
                    static_cast<double>(rte_get_tsc_hz()));
  }
  std::sort(times.begin(), times.end());
  const auto figure = times[times.size() / 10];
  std::printf(
      "{\"bench\": \"tables\", \"key\": \"move\", \"entries\": %zu, \"moved\": %zu, "
      "\"us\": %.2f, \"ns_per_entry\": %.1f, \"median_us\": %.2f}\n",
      buckets.size(), moved, figure / 1e3, figure / static_cast<double>(moved),
      times[times.size() / 2] / 1e3);
}

int fail(const std::string& reason) {
  std::fprintf(stderr, "bench_tables: %s\n", reason.c_str());
  return 1;
}

int run(std::string_view what, std::size_t entries, int repeats) {
  try {
    if (what == "move") {
      run_move(entries, repeats);
    } else {
      run_spis(entries, repeats);
      run_flows(entries, repeats);
    }
  } catch (const std::exception& error) {
    return fail(error.what());
  }
  return 0;
}

}  // namespace
}  // namespace phalanx::bench

int main(int argc, char** argv) {
  using namespace phalanx;
  const std::string_view what = argc < 5 ? "" : argv[1];
  if (what != "lookup" && what != "move") {
    return bench::fail("usage: bench_tables lookup|move ENTRIES REPEATS -- EAL...");
  }
  std::vector<std::string> arguments{argv[0]};
  arguments.insert(arguments.end(), argv + 5, argv + argc);
  const auto eal = dpdk::Eal::start(arguments);
  if (!eal) return bench::fail(eal.error());
  return bench::run(what, std::strtoul(argv[2], nullptr, 10),
                    static_cast<int>(std::strtol(argv[3], nullptr, 10)));
}
