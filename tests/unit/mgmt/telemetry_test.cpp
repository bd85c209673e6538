// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// Against DPDK's own telemetry socket: what nests, what is escaped and how long a reply may be is
// DPDK's to decide.
#include "phalanx/mgmt/telemetry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "phalanx/control/file_descriptor.hpp"
#include "phalanx/dpdk/eal.hpp"
#include "support/temporary_directory.hpp"

namespace phalanx::mgmt {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kRows = 1000;

Page numbered_rows(std::size_t offset, std::size_t limit) {
  Page page;
  page.total = kRows;
  for (auto i = offset; i < std::min(kRows, offset + limit); ++i) {
    page.rows.push_back({{"name", "row " + std::to_string(i)},
                         {"packets", ~std::uint64_t{0} - i},
                         {"odd", std::string(i % 200, '"')}});
  }
  return page;
}

Page odd_texts(std::size_t offset, std::size_t) {
  Page page;
  page.total = 1;
  if (offset == 0) {
    page.rows.push_back({{"quotes", "\"\\/"},
                         {"controls", std::string("a\x01\x1b\x7f\n\tz")},
                         {"beyond_ascii", "gr\xc3\xbc\xff"},
                         {"long", std::string(500, 'x')}});
  }
  return page;
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "{\"line\\n\": " + std::to_string(i) + "}\n";
  return text;
}

// One EAL and one set of views for all tests: a process has only one.
class TelemetryTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_.emplace();
    ASSERT_EQ(::setenv("RUNTIME_DIRECTORY", directory_->path().c_str(), 1), 0);
    auto eal = dpdk::Eal::start({"mgmt_test", "--no-huge", "--no-shconf", "--no-pci", "-m", "64",
                                 "-l", "0", "--file-prefix", "t", "--log-level", "error"});
    ASSERT_TRUE(eal.ok()) << eal.error();
    eal_.emplace(*std::move(eal));
    auto telemetry = Telemetry::start(
        {{"rows", "A help text that is longer than the 63 bytes DPDK allows for one",
          numbered_rows},
         {"odd", "Odd texts.", odd_texts},
         {"none", "No rows.", [](std::size_t, std::size_t) { return Page{}; }},
         {"throws", "Fails.",
          [](std::size_t, std::size_t) -> Page { throw std::runtime_error("no"); }}},
        {{"text", "A long text.", long_text()}});
    ASSERT_TRUE(telemetry.ok()) << telemetry.error();
    telemetry_ = *std::move(telemetry);
  }
  static void TearDownTestSuite() {
    telemetry_.reset();
    eal_.reset();
    directory_.reset();
  }

  // The reply to one request, without the outer object that names it.
  static Json ask(const std::string& request) {
    const control::FileDescriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = directory_->path("dpdk/t/dpdk_telemetry.v2");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
        0) {
      ADD_FAILURE() << "cannot connect to " << path;
      return {};
    }
    std::string buffer(65536, '\0');
    EXPECT_GT(::recv(socket.get(), buffer.data(), buffer.size(), 0), 0);
    EXPECT_GT(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
    const auto length = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    EXPECT_GT(length, 0);
    EXPECT_LT(length, 16384);
    const auto reply =
        Json::parse(buffer.substr(0, static_cast<std::size_t>(length)), nullptr, false);
    EXPECT_FALSE(reply.is_discarded()) << request << " gives no JSON";
    const auto command = request.substr(0, request.find(','));
    return reply.is_object() && reply.contains(command) ? reply[command] : Json("no reply");
  }

  static std::optional<test::TemporaryDirectory> directory_;
  static std::optional<dpdk::Eal> eal_;
  static std::unique_ptr<Telemetry> telemetry_;
};

std::optional<test::TemporaryDirectory> TelemetryTest::directory_;
std::optional<dpdk::Eal> TelemetryTest::eal_;
std::unique_ptr<Telemetry> TelemetryTest::telemetry_;

TEST_F(TelemetryTest, GivesEveryRowOnceOverAllPages) {
  std::size_t next = 0;
  while (next < kRows) {
    const auto page = ask("/phalanx/rows," + std::to_string(next));
    ASSERT_TRUE(page.is_object());
    EXPECT_EQ(page["total"], kRows);
    EXPECT_EQ(page["offset"], next);
    const auto count = page["count"].get<std::size_t>();
    ASSERT_GT(count, 0U);
    ASSERT_EQ(page["rows"].size(), count);
    for (const auto end = next + count; next < end; ++next) {
      const auto& row = page["rows"][std::to_string(next)];
      EXPECT_EQ(row["name"], "row " + std::to_string(next));
      EXPECT_EQ(row["packets"], ~std::uint64_t{0} - next);
      const auto length = next % 200;
      EXPECT_EQ(row["odd"],
                length <= 120 ? std::string(length, '"') : std::string(117, '"') + "...");
    }
  }
}

TEST_F(TelemetryTest, EndsListsWithAnEmptyPage) {
  for (const char* request : {"/phalanx/rows,1000", "/phalanx/rows,99999999", "/phalanx/none"}) {
    const auto page = ask(request);
    ASSERT_TRUE(page.is_object()) << request;
    EXPECT_EQ(page["count"], 0) << request;
    EXPECT_TRUE(page["rows"].empty()) << request;
  }
}

TEST_F(TelemetryTest, SendsOnlyWhatDpdkCanEscape) {
  const auto row = ask("/phalanx/odd")["rows"]["0"];
  EXPECT_EQ(row["quotes"], "\"\\/");
  EXPECT_EQ(row["controls"], "a???\n\tz");
  EXPECT_EQ(row["beyond_ascii"], "gr???");
  EXPECT_EQ(row["long"], std::string(117, 'x') + "...");
}

TEST_F(TelemetryTest, GivesATextInPieces) {
  const auto expected = long_text();
  std::string text;
  while (text.size() < expected.size()) {
    const auto page = ask("/phalanx/text," + std::to_string(text.size()));
    ASSERT_TRUE(page.is_object());
    ASSERT_EQ(page["total"], expected.size());
    ASSERT_GT(page["count"], 0);
    for (const auto& piece : page["text"]) text += piece.get<std::string>();
  }
  EXPECT_EQ(text, expected);
}

TEST_F(TelemetryTest, AnswersNullToWhatItDoesNotKnow) {
  for (const char* request :
       {"/phalanx/nosuch", "/phalanx/rows,x", "/phalanx/rows,-1", "/phalanx/rows,1,2",
        "/phalanx/rows,18446744073709551616", "/phalanx/throws"}) {
    EXPECT_TRUE(ask(request).is_null()) << request;
  }
}

}  // namespace
}  // namespace phalanx::mgmt
