// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// The service manager's side of sd_notify(3), played by a socket.
#include "phalanx/control/supervisor.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "phalanx/control/file_descriptor.hpp"
#include "support/temporary_directory.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

constexpr base::TimePoint kNow{1h};

struct Supervised : testing::Test {
  void SetUp() override {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = folder.path() + "/notify";
    ASSERT_LT(path.size(), sizeof(address.sun_path));
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ASSERT_EQ(::bind(manager.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "2000000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  std::string heard() const {
    std::array<char, 256> text{};
    const auto size = ::recv(manager.get(), text.data(), text.size(), MSG_DONTWAIT);
    return size < 0 ? std::string("nothing")
                    : std::string(text.data(), static_cast<std::size_t>(size));
  }
  test::TemporaryDirectory folder;
  FileDescriptor manager{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(Supervised, HearsWhenItIsReadyAndWhenItStops) {
  const Supervisor supervisor;
  EXPECT_EQ(heard(), "nothing");
  supervisor.ready("2 workers");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=2 workers");
  supervisor.stopping();
  EXPECT_EQ(heard(), "STOPPING=1");
}

TEST_F(Supervised, HearsTwiceInItsPatienceThatItLives) {
  Supervisor supervisor;
  supervisor.alive(kNow);
  EXPECT_EQ(heard(), "WATCHDOG=1");
  supervisor.alive(kNow + 999ms);
  EXPECT_EQ(heard(), "nothing");
  supervisor.alive(kNow + 1s);
  EXPECT_EQ(heard(), "WATCHDOG=1");
}

TEST_F(Supervised, IsNotBotheredWhenItDoesNotWatch) {
  ::unsetenv("WATCHDOG_USEC");
  Supervisor supervisor;
  supervisor.alive(kNow);
  EXPECT_EQ(heard(), "nothing");
}

TEST_F(Supervised, IsForgottenByAnotherProcess) {
  ::setenv("WATCHDOG_PID", "1", 1);
  Supervisor supervisor;
  supervisor.alive(kNow);
  EXPECT_EQ(heard(), "nothing");
}

TEST(Supervisor, WithoutAManagerSaysNothing) {
  Supervisor supervisor;
  supervisor.ready("alone");
  supervisor.alive(kNow);
  supervisor.stopping();
}

}  // namespace
}  // namespace phalanx::control
