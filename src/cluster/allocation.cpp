// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/allocation.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace phalanx::cluster {
namespace {

bool has(const std::vector<base::NodeId>& list, base::NodeId node) noexcept {
  return std::find(list.begin(), list.end(), node) != list.end();
}

bool majority(const std::vector<base::NodeId>& set,
              std::span<const base::NodeId> agreeing) noexcept {
  const auto count = std::count_if(set.begin(), set.end(), [&](base::NodeId node) {
    return std::find(agreeing.begin(), agreeing.end(), node) != agreeing.end();
  });
  return static_cast<std::size_t>(count) * 2 > set.size();
}

// The queues of the shortest-queue-first rule: load per weight of each candidate.
class Queues {
 public:
  explicit Queues(std::span<const Candidate> candidates) : candidates_(candidates) {
    loads_.resize(candidates.size());
  }
  [[nodiscard]] std::size_t index_of(const StreamId& stream) const noexcept {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (candidates_[i].weight != 0 && candidates_[i].stream == stream) return i;
    }
    return candidates_.size();
  }
  void add(std::size_t index, std::uint64_t load) noexcept { loads_[index] += load; }
  void remove(std::size_t index, std::uint64_t load) noexcept { loads_[index] -= load; }

  // Compares the queues as they would be with `load` more, without fractions: a/wa < b/wb.
  [[nodiscard]] std::size_t shortest(std::uint64_t load) const noexcept {
    std::size_t best = candidates_.size();
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (candidates_[i].weight == 0) continue;
      if (best == candidates_.size() || (loads_[i] + load) * candidates_[best].weight <
                                            (loads_[best] + load) * candidates_[i].weight) {
        best = i;
      }
    }
    return best;
  }
  [[nodiscard]] std::size_t longest() const noexcept {
    std::size_t best = candidates_.size();
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (candidates_[i].weight == 0) continue;
      if (best == candidates_.size() ||
          loads_[i] * candidates_[best].weight > loads_[best] * candidates_[i].weight) {
        best = i;
      }
    }
    return best;
  }
  // Whether moving `load` from one queue to the other makes the longer of the two shorter by more
  // than `percent` of it.
  [[nodiscard]] bool worth_moving(std::size_t from, std::size_t to, std::uint64_t load,
                                  std::uint32_t percent) const noexcept {
    const auto before = loads_[from] * candidates_[to].weight;
    const auto after = (loads_[to] + load) * candidates_[from].weight;
    return after < before && (before - after) * 100 > before * percent;
  }

 private:
  std::span<const Candidate> candidates_;
  std::vector<std::uint64_t> loads_;
};

// A table of owners being changed, bucket by bucket.
class Plan {
 public:
  Plan(const OwnerTable& owners, std::span<const Candidate> candidates,
       std::span<const std::uint32_t, base::kNumBuckets> load)
      : owners_(owners), candidates_(candidates), load_(load), queues_(candidates) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return cost(a) > cost(b); });
    for (std::size_t bucket = 0; bucket < owners.size(); ++bucket) {
      at_[bucket] = queues_.index_of(owners[bucket].stream);
      if (at_[bucket] != candidates.size()) queues_.add(at_[bucket], cost(bucket));
    }
  }

  // Buckets without a living owner, heaviest first.
  void house() {
    for (const auto bucket : order_) {
      if (at_[bucket] != candidates_.size()) continue;
      const auto to = queues_.shortest(cost(bucket));
      if (to == candidates_.size()) return;
      give(bucket, to);
    }
  }

  void rebalance(std::uint32_t hysteresis_percent) {
    bool started = false;  // hysteresis keeps us from starting, not from finishing
    for (std::size_t round = 0; round < base::kNumBuckets; ++round) {
      const auto from = queues_.longest();
      const auto to = queues_.shortest(0);
      if (from == to || from == candidates_.size()) return;
      const auto best = std::find_if(order_.begin(), order_.end(), [&](std::size_t bucket) {
        // Once moved, a bucket stays: nothing moves twice in one plan.
        if (at_[bucket] != from || owners_[bucket].stream != candidates_[from].stream) return false;
        return queues_.worth_moving(from, to, cost(bucket), started ? 0 : hysteresis_percent);
      });
      if (best == order_.end()) return;
      started = true;
      queues_.remove(from, cost(*best));
      give(*best, to);
    }
  }

  [[nodiscard]] std::vector<BucketMove> take() noexcept { return std::move(moves_); }

 private:
  // Every bucket costs at least one, so that idle buckets are spread as well.
  [[nodiscard]] std::uint64_t cost(std::size_t bucket) const noexcept {
    return std::uint64_t{load_[bucket]} + 1;
  }
  void give(std::size_t bucket, std::size_t to) {
    queues_.add(to, cost(bucket));
    at_[bucket] = to;
    moves_.push_back(
        {base::BucketIndex(static_cast<std::uint8_t>(bucket)), candidates_[to].stream});
  }

  const OwnerTable& owners_;
  std::span<const Candidate> candidates_;
  std::span<const std::uint32_t, base::kNumBuckets> load_;
  Queues queues_;
  std::array<std::size_t, base::kNumBuckets> order_{};
  std::array<std::size_t, base::kNumBuckets> at_{};
  std::vector<BucketMove> moves_;
};

}  // namespace

bool VoterSet::contains(base::NodeId node) const noexcept {
  return has(current, node) || has(next, node);
}

bool VoterSet::has_left(base::NodeId node) const noexcept {
  return has(left, node);
}

bool VoterSet::is_blocking(std::span<const base::NodeId> nodes) const noexcept {
  const auto blocks = [&](const std::vector<base::NodeId>& set) {
    std::vector<base::NodeId> others;
    for (const auto node : set) {
      if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) others.push_back(node);
    }
    return !majority(set, others);
  };
  return blocks(current) && (next.empty() || blocks(next));
}

bool VoterSet::may_withdraw(std::span<const base::NodeId> agreeing) const noexcept {
  return changing() && !decided && majority(current, agreeing);
}

VoterSet VoterSet::withdrawn() const {
  auto set = *this;
  set.next.clear();
  return set;
}

bool VoterSet::is_quorum(std::span<const base::NodeId> agreeing) const noexcept {
  return majority(current, agreeing) && (next.empty() || majority(next, agreeing));
}

std::vector<base::NodeId> VoterSet::all() const {
  auto all = current;
  for (const auto node : next) {
    if (!has(all, node)) all.push_back(node);
  }
  return all;
}

std::vector<base::NodeId> wanted_voters(const VoterSet& voters,
                                        std::span<const base::NodeId> leaving,
                                        std::span<const base::NodeId> ready) {
  const auto is_in = [](std::span<const base::NodeId> list, base::NodeId node) {
    return std::find(list.begin(), list.end(), node) != list.end();
  };
  std::vector<base::NodeId> wanted;
  for (const auto node : voters.current) {
    if (!is_in(leaving, node)) wanted.push_back(node);
  }
  const bool leaves = wanted.size() != voters.current.size();
  if (wanted.empty()) return voters.current;  // somebody has to stay
  const auto kept = wanted.size();
  for (const auto node : ready) {
    if (!is_in(wanted, node) && !is_in(leaving, node)) wanted.push_back(node);
  }
  const bool odd = wanted.size() % 2 == 1 || wanted.size() == 2;
  // The last to come waits; without learners the last of those who stay becomes one.
  if (!odd && (wanted.size() > kept || leaves)) wanted.pop_back();
  std::sort(wanted.begin(), wanted.end());
  auto current = voters.current;
  std::sort(current.begin(), current.end());
  return wanted == current ? voters.current : wanted;
}

void apply_owners(OwnerTable& table, const AllocationStep& step) noexcept {
  for (const auto& move : step.moves) {
    table[move.bucket.value()] = {move.to, grant_of(step.version)};
  }
}

OwnerTable Allocation::owners() const {
  auto table = settled;
  for (const auto& step : steps) apply_owners(table, step);
  return table;
}

void Allocation::settle(const Version& up_to) {
  auto end = steps.begin();
  while (end != steps.end() && end->version <= up_to) {
    apply_owners(settled, *end);
    settled_version = end->version;
    ++end;
  }
  steps.erase(steps.begin(), end);
}

std::vector<BucketMove> plan_moves(const OwnerTable& owners, std::span<const Candidate> candidates,
                                   std::span<const std::uint32_t, base::kNumBuckets> load,
                                   const PlanOptions& options) {
  Plan plan(owners, candidates, load);
  plan.house();
  if (options.rebalance) plan.rebalance(options.hysteresis_percent);
  return plan.take();
}

}  // namespace phalanx::cluster
