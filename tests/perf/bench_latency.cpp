// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// How long a cache line takes from one CPU to another and back, halved: bench_latency CPU CPU. On
// virtual machines it changes when the host moves a CPU, so it is measured beside what depends on
// it.
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

constexpr int kTrips = 20000;
constexpr int kRounds = 9;

struct alignas(64) Ball {
  std::atomic<int> value{0};
};

bool pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
}

// Even values are returned by the other side as the next odd one.
double round_trip_ns(Ball& ball) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kTrips; ++i) {
    ball.value.store(2 * i + 1, std::memory_order_release);
    while (ball.value.load(std::memory_order_acquire) != 2 * i + 2) {
    }
  }
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
  return time.count() / kTrips;
}

void answer(Ball& ball, const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed)) {
    const int value = ball.value.load(std::memory_order_acquire);
    if (value % 2 != 0) ball.value.store(value + 1, std::memory_order_release);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_latency CPU CPU\n");
    return 2;
  }
  Ball ball;
  std::atomic<bool> stop{false};
  std::atomic<bool> pinned{false};
  std::thread other([&] {
    pinned = pin(std::atoi(argv[2]));
    answer(ball, stop);
  });
  std::array<double, kRounds> rounds{};
  const bool ok = pin(std::atoi(argv[1]));
  for (auto& ns : rounds) {
    ns = round_trip_ns(ball) / 2;
    ball.value.store(0);
  }
  stop = true;
  other.join();
  if (!ok || !pinned) {
    std::fprintf(stderr, "bench_latency: no such CPU\n");
    return 1;
  }
  std::nth_element(rounds.begin(), rounds.begin() + kRounds / 2, rounds.end());
  std::printf("{\"core_to_core_ns\": %.1f}\n", rounds[kRounds / 2]);
  return 0;
}
