// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/replay_window.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <vector>

namespace phalanx::ipsec {
namespace {

constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;
constexpr std::uint64_t kMax64 = ~std::uint64_t{0};

// A window with its ring.
struct Window {
  explicit Window(std::uint32_t size, std::uint64_t floor = 1)
      : ring(ReplayWindow::ring_words(size)) {
    window.start(size, floor, ring);
  }
  ReplayVerdict receive(std::uint64_t sequence) {
    const auto before = window.check(sequence);
    const auto verdict = window.accept(sequence);
    EXPECT_EQ(before, verdict);
    return verdict;
  }
  std::vector<std::uint64_t> ring;
  ReplayWindow window;
};

// The definition of RFC 4303 3.4.3, with a set.
class Model {
 public:
  Model(std::uint64_t size, std::uint64_t floor) : size_(size), floor_(floor), top_(floor - 1) {}
  ReplayVerdict receive(std::uint64_t sequence) {
    if (sequence <= top_ && top_ - sequence >= size_) return ReplayVerdict::TooOld;
    if (sequence < floor_ || !seen_.insert(sequence).second) return ReplayVerdict::Duplicate;
    top_ = std::max(top_, sequence);
    return ReplayVerdict::Fresh;
  }

 private:
  std::uint64_t size_, floor_, top_;
  std::set<std::uint64_t> seen_;
};

class ReplayWindowSizes : public testing::TestWithParam<std::uint32_t> {};

TEST_P(ReplayWindowSizes, EdgesOfTheWindowAreExact) {
  const std::uint64_t w = GetParam();
  for (const std::uint64_t top : {w + 5, w * 3 + 17, kTwo32 + 3, kMax64}) {
    struct Case {
      std::uint64_t sequence;
      ReplayVerdict verdict;
    };
    const std::vector<Case> cases = {
        {top, ReplayVerdict::Duplicate},
        {top - 1, ReplayVerdict::Fresh},
        {top - (w - 1), ReplayVerdict::Fresh},
        {top - w, ReplayVerdict::TooOld},
        {top - w - 1, ReplayVerdict::TooOld},
        {1, ReplayVerdict::TooOld},
        {0, ReplayVerdict::TooOld},
    };
    for (const auto& test_case : cases) {
      Window window(GetParam());
      ASSERT_EQ(window.receive(top), ReplayVerdict::Fresh);
      EXPECT_EQ(window.receive(test_case.sequence), test_case.verdict)
          << "top " << top << " sequence " << test_case.sequence;
      EXPECT_EQ(window.window.top(), top);
    }
  }
}

TEST_P(ReplayWindowSizes, EachNumberIsTakenOnceInOrderAndReversed) {
  const std::uint64_t w = GetParam();
  Window window(GetParam());
  for (std::uint64_t n = 1; n <= 3 * w; ++n) ASSERT_EQ(window.receive(n), ReplayVerdict::Fresh);
  for (std::uint64_t n = 2 * w + 1; n <= 3 * w; ++n) {
    ASSERT_EQ(window.receive(n), ReplayVerdict::Duplicate);
  }
  // A jump of one window, then everything behind it from right to left.
  ASSERT_EQ(window.receive(4 * w), ReplayVerdict::Fresh);
  for (std::uint64_t n = 4 * w - 1; n > 3 * w; --n) {
    ASSERT_EQ(window.receive(n), ReplayVerdict::Fresh) << n;
    ASSERT_EQ(window.receive(n), ReplayVerdict::Duplicate) << n;
  }
  EXPECT_EQ(window.receive(3 * w), ReplayVerdict::TooOld);
}

TEST_P(ReplayWindowSizes, NothingBelowTheFloorIsEverTaken) {
  const std::uint64_t w = GetParam();
  for (const std::uint64_t floor : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{63},
                                    std::uint64_t{64}, std::uint64_t{65}, w, w + 1, kTwo32}) {
    Window window(GetParam(), floor);
    EXPECT_EQ(window.window.top(), floor - 1);
    for (std::uint64_t n = floor > 2 * w ? floor - 2 * w : 0; n < floor; ++n) {
      ASSERT_NE(window.receive(n), ReplayVerdict::Fresh) << "floor " << floor << " number " << n;
    }
    EXPECT_EQ(window.receive(floor + w / 2), ReplayVerdict::Fresh);
    for (std::uint64_t n = floor; n < floor + w / 2; ++n) {
      ASSERT_EQ(window.receive(n), ReplayVerdict::Fresh) << "floor " << floor << " number " << n;
    }
    EXPECT_NE(window.receive(floor - 1), ReplayVerdict::Fresh);
  }
}

TEST_P(ReplayWindowSizes, AgreesWithTheDefinitionOnRandomTraffic) {
  const std::uint64_t w = GetParam();
  std::mt19937_64 random(GetParam());
  for (const std::uint64_t floor : {std::uint64_t{1}, kTwo32 - 5, std::uint64_t{77}}) {
    Window window(GetParam(), floor);
    Model model(w, floor);
    std::uint64_t center = floor;
    for (int i = 0; i < 20000; ++i) {
      // Mostly near the top, at times ahead by up to several rings.
      const auto kind = random() % 64;
      if (kind == 0) {
        center += random() % (6 * w);
      } else if (kind < 40) {
        center += 1;
      }
      const auto back = random() % (w + w / 4 + 2);
      const auto sequence = center > back ? center - back : center;
      ASSERT_EQ(window.receive(sequence), model.receive(sequence))
          << "floor " << floor << " step " << i << " number " << sequence;
    }
  }
}

TEST_P(ReplayWindowSizes, CheckChangesNothing) {
  Window window(GetParam());
  window.receive(100);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(window.window.check(1000000), ReplayVerdict::Fresh);
    EXPECT_EQ(window.window.check(99), ReplayVerdict::Fresh);
  }
  EXPECT_EQ(window.window.top(), 100U);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ReplayWindowSizes,
                         testing::Values(32U, 33U, 63U, 64U, 65U, 100U, 128U, 1000U, 1024U, 65535U,
                                         65536U));

TEST(GuessSequence, IsTheNearestNumberWithTheseLowBits) {
  struct Case {
    const char* what;
    std::uint64_t reference;
    std::uint32_t wire;
    std::uint64_t guess;
  };
  const std::vector<Case> cases = {
      {"first packet", 0, 1, 1},
      {"same subspace, ahead", 100, 5000, 5000},
      {"same subspace, behind", 5000, 100, 100},
      {"far ahead, no subspace below", 100, 0xfffffff0, 0xfffffff0},
      {"wrap ahead", kTwo32 - 1, 0, kTwo32},
      {"wrap ahead by more", kTwo32 - 10, 20, kTwo32 + 20},
      {"behind the wrap", kTwo32 + 5, 0xfffffffe, kTwo32 - 2},
      {"after the wrap", kTwo32 + 5, 6, kTwo32 + 6},
      {"half a subspace behind", kTwo32, 0x80000000, 0x80000000},
      {"just under half a subspace ahead", kTwo32, 0x7fffffff, kTwo32 + 0x7fffffff},
      {"high subspace", 0x1234567800000010, 0x8, 0x1234567800000008},
      {"high subspace wrap", 0x12345678ffffffff, 0x3, 0x1234567900000003},
      {"end of the number space", kMax64, 0, kMax64 - 0xffffffff},
      {"last number", kMax64 - 1, 0xffffffff, kMax64},
  };
  for (const auto& test_case : cases) {
    EXPECT_EQ(guess_sequence(test_case.reference, test_case.wire), test_case.guess)
        << test_case.what;
  }
}

// Another node goes on with the window of this one: it answers the same for every number.
TEST(ReplayWindow, GoesOnElsewhereAsItWas) {
  std::mt19937 random(11);
  for (const std::uint32_t size : {32U, 64U, 65U, 1024U, 4096U}) {
    for (const std::uint64_t floor : {std::uint64_t{1}, std::uint64_t{5000}}) {
      std::vector<std::uint64_t> ring(ReplayWindow::ring_words(size));
      std::vector<std::uint64_t> other_ring(ring.size());
      ReplayWindow window;
      ReplayWindow other;
      window.start(size, floor, ring);
      other.start(size, 1, other_ring);
      for (int i = 0; i < 3000; ++i) {
        static_cast<void>(window.accept(floor + random() % (2 * size) + static_cast<unsigned>(i)));
        if (i % 500 == 0) other.restore(window.top(), window.seen());
      }
      other.restore(window.top(), window.seen());
      EXPECT_EQ(other.top(), window.top());
      for (std::uint64_t number = 1; number < window.top() + 10; ++number) {
        const bool fresh = window.check(number) == ReplayVerdict::Fresh;
        ASSERT_EQ(other.check(number) == ReplayVerdict::Fresh, fresh) << size << " " << number;
      }
    }
  }
}

TEST(ReplayWindow, OfAnotherSizeTakesNothingThatItCannotKnow) {
  ReplayWindow small;
  small.start(32, 1, {});
  for (const std::uint64_t number : {100U, 90U, 80U}) static_cast<void>(small.accept(number));
  std::vector<std::uint64_t> ring(ReplayWindow::ring_words(256));
  ReplayWindow large;
  large.start(256, 1, ring);
  large.restore(small.top(), small.seen());
  EXPECT_EQ(large.check(95), ReplayVerdict::Fresh);
  EXPECT_NE(large.check(90), ReplayVerdict::Fresh);
  EXPECT_NE(large.check(20), ReplayVerdict::Fresh) << "left of the smaller window";
}

TEST(ReplayWindow, BeginsAnewAtAnotherFloor) {
  std::vector<std::uint64_t> ring(ReplayWindow::ring_words(256));
  ReplayWindow window;
  window.start(256, 1, ring);
  for (std::uint64_t number = 1; number < 1000; ++number) {
    static_cast<void>(window.accept(number));
  }
  window.restart(5000);
  EXPECT_NE(window.check(4999), ReplayVerdict::Fresh);
  EXPECT_EQ(window.accept(5000), ReplayVerdict::Fresh);
  EXPECT_EQ(window.accept(5000), ReplayVerdict::Duplicate);
}

TEST(GuessSequence, AgreesWithSearchingTheNeighborhood) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 100000; ++i) {
    const auto reference = random() >> (random() % 64);
    const auto wire = static_cast<std::uint32_t>(random());
    const auto guess = guess_sequence(reference, wire);
    ASSERT_EQ(static_cast<std::uint32_t>(guess), wire);
    const auto distance = [&](std::uint64_t n) {
      return n > reference ? n - reference : reference - n;
    };
    const auto high = reference >> 32;
    for (const auto candidate :
         {high == 0 ? high : high - 1, high, high == 0xffffffff ? high : high + 1}) {
      ASSERT_LE(distance(guess), distance((candidate << 32) | wire));
    }
  }
}

}  // namespace
}  // namespace phalanx::ipsec
