// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace phalanx::base {
namespace {

// Standard error is a pipe for the time of a test.
class LogIntoPipe : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reader_ = ends[0];
    saved_ = ::dup(STDERR_FILENO);
    ASSERT_EQ(::dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    ::close(ends[1]);
    ASSERT_EQ(::fcntl(reader_, F_SETFL, O_NONBLOCK), 0);
  }
  void TearDown() override {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(reader_);
  }
  // Everything in the pipe.
  std::string read_all() const {
    std::string all;
    std::array<char, 4096> chunk{};
    for (;;) {
      const auto length = ::read(reader_, chunk.data(), chunk.size());
      if (length <= 0) return all;
      all.append(chunk.data(), static_cast<std::size_t>(length));
    }
  }
  int reader_ = -1;
  int saved_ = -1;
};

TEST_F(LogIntoPipe, WritesOneLineWhateverTheMessageHolds) {
  log_warn("test", "file=/tmp/a\nerror fake: \x1b[31mred\x7f\tend \xc3\xa9");
  const auto line = read_all();
  EXPECT_EQ(line.substr(line.find("test:")),
            "test: file=/tmp/a?error fake: ?[31mred??end \xc3\xa9\n");
}

// A reader that does not read must stop nobody; what was lost is told.
TEST_F(LogIntoPipe, LosesLinesRatherThanWait) {
  const std::string message(1000, 'x');
  constexpr int kLines = 200;  // a pipe holds 64 KiB
  for (int i = 0; i < kLines; ++i) log_warn("test", message);
  const auto kept = read_all();
  EXPECT_GT(kept.size(), 32768U);
  EXPECT_LT(kept.size(), 65536U);
  log_warn("test", "read again");
  const auto later = read_all();
  EXPECT_NE(later.find("lines are missing here, as nobody read them lines="), std::string::npos);
  EXPECT_NE(later.find("test: read again"), std::string::npos);
  log_warn("test", "and again");
  EXPECT_EQ(read_all().find("missing"), std::string::npos) << "told once";
}

}  // namespace
}  // namespace phalanx::base
