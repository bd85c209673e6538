// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace phalanx::ctl {
namespace {

Rows rows_of(const char* text) {
  Rows rows;
  for (auto& row : Json::parse(text)) rows.push_back(row);
  return rows;
}

TEST(FormatTable, AlignsNumbersRightAndTextsLeft) {
  EXPECT_EQ(format_table(rows_of(R"([{"name":"wan","mtu":1500,"addresses":"192.0.2.1/24"},
                                     {"name":"a","mtu":90000,"addresses":""}])")),
            "name    mtu  addresses\n"
            "wan    1500  192.0.2.1/24\n"
            "a     90000  -\n");
}

TEST(FormatTable, UnitesTheColumnsOfDifferentRows) {
  EXPECT_EQ(format_table(rows_of(R"([{"name":"in","window":64},{"name":"out","df":"copy"}])")),
            "name  window  df\n"
            "in        64  -\n"
            "out        -  copy\n");
}

TEST(FormatTable, ShowsSpisInHexadecimalAndAllOf64Bits) {
  EXPECT_EQ(format_table(rows_of(R"([{"spi":3237998081,"packets":18446744073709551615}])")),
            "spi                      packets\n"
            "0xc0ffee01  18446744073709551615\n");
}

TEST(FormatTable, ShowsNoControlCharacters) {
  EXPECT_EQ(format_table(rows_of(R"([{"name":"a\u001b[2Jb\nc"}])")), "name\na?[2Jb?c\n");
}

TEST(FormatTable, HasOnlyAHeadingWithoutRows) {
  EXPECT_EQ(format_table({}), "\n");
}

TEST(FormatRecord, WritesALineForEachColumn) {
  EXPECT_EQ(format_record(rows_of(R"([{"name":"in","spi":4097,"window":64}])")[0]),
            "name    in\nspi     0x00001001\nwindow  64\n");
}

TEST(ShortForm, KeepsTheColumnsOfTheListInItsOrder) {
  const auto rows = short_form("sa", rows_of(R"([{"spi":1,"name":"in","bucket":7}])"));
  EXPECT_EQ(Json(rows).dump(), R"([{"name":"in","spi":1}])");
}

TEST(ShortForm, LeavesOutWhatNeverCounted) {
  const auto rows =
      short_form("drops", rows_of(R"([{"reason":"a","packets":0},{"reason":"b","packets":1}])"));
  EXPECT_EQ(Json(rows).dump(), R"([{"reason":"b","packets":1}])");
  // The worker of a bucket is no counter.
  EXPECT_TRUE(
      short_form("buckets", rows_of(R"([{"bucket":3,"worker":1,"clear_packets":0}])")).empty());
}

TEST(ShortForm, ShowsUnknownListsWhole) {
  const auto rows = rows_of(R"([{"a":0}])");
  EXPECT_EQ(Json(short_form("new", rows)).dump(), Json(rows).dump());
}

TEST(Rates, AreDifferencesOverTime) {
  const auto before =
      rows_of(R"([{"name":"a","packets":100,"mtu":1500},{"name":"b","packets":7}])");
  const auto after = rows_of(R"([{"name":"b","packets":7},{"name":"a","packets":350,"mtu":1500}])");
  EXPECT_EQ(Json(rates_of(before, after, 0.5)).dump(),
            R"([{"name":"b","packets":"0/s"},{"name":"a","packets":"500/s","mtu":1500}])");
  EXPECT_EQ(Json(numeric_rates_of(before, after, 0.5)).dump(),
            R"([{"name":"b","packets":0.0},{"name":"a","packets":500.0,"mtu":1500}])");
}

TEST(Rates, HaveSuffixes) {
  struct Case {
    const char* count;
    const char* rate;
  };
  constexpr Case kCases[] = {{"999", "999/s"},
                             {"1000", "1.00k/s"},
                             {"1234567", "1.23M/s"},
                             {"98765432100", "98.77G/s"},
                             {"5000000000000000", "5000.00T/s"}};
  for (const auto& each : kCases) {
    const auto after =
        rows_of((std::string(R"([{"name":"a","packets":)") + each.count + "}]").c_str());
    const auto rates = rates_of(rows_of(R"([{"name":"a","packets":0}])"), after, 1);
    EXPECT_EQ(rates[0]["packets"], each.rate);
  }
}

TEST(Rates, StartAtZeroForNewRowsAndRestartedDaemons) {
  const auto rates =
      rates_of(rows_of(R"([{"name":"a","packets":1000}])"),
               rows_of(R"([{"name":"a","packets":20},{"name":"b","packets":5000}])"), 1);
  EXPECT_EQ(Json(rates).dump(), R"([{"name":"a","packets":"20/s"},{"name":"b","packets":"0/s"}])");
}

TEST(Rates, TellNeighborsOfTwoPortsApart) {
  const auto rates = rates_of(rows_of(R"([{"address":"fe80::1","port":"a","packets":0},)"
                                      R"({"address":"fe80::1","port":"b","packets":50}])"),
                              rows_of(R"([{"address":"fe80::1","port":"a","packets":1},)"
                                      R"({"address":"fe80::1","port":"b","packets":53}])"),
                              1);
  EXPECT_EQ(rates[0]["packets"], "1/s");
  EXPECT_EQ(rates[1]["packets"], "3/s");
}

}  // namespace
}  // namespace phalanx::ctl
