// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/capture.hpp"

#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/exact_buffer.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Read {
  std::int64_t seconds, nanoseconds;
  std::uint32_t captured, length;
  std::vector<std::byte> bytes;
};

std::vector<std::byte> frame_of(std::size_t length) {
  std::vector<std::byte> frame(length);
  for (std::size_t i = 0; i < length; ++i) frame[i] = static_cast<std::byte>(i * 7 + length);
  return frame;
}

class CaptureTest : public testing::Test {
 protected:
  void SetUp() override {
    auto name = testing::TempDir() + "phalanx-capture-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }

  std::unique_ptr<CaptureFile> open(const CaptureLimits& limits = {}) {
    auto opened = CaptureFile::open(path(), limits);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error());
    return opened.ok() ? std::move(*opened) : nullptr;
  }
  std::string refusal() {
    const auto opened = CaptureFile::open(path(), {});
    return opened.ok() ? "opened" : opened.error();
  }
  // The file as libpcap reads it.
  std::vector<Read> read_back() {
    char problem[PCAP_ERRBUF_SIZE] = {};
    auto* handle = pcap_open_offline_with_tstamp_precision(path().c_str(),
                                                           PCAP_TSTAMP_PRECISION_NANO, problem);
    EXPECT_NE(handle, nullptr) << problem;
    if (handle == nullptr) return {};
    EXPECT_EQ(pcap_datalink(handle), DLT_EN10MB);
    snaplen = pcap_snapshot(handle);
    std::vector<Read> packets;
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    int status = 0;
    while ((status = pcap_next_ex(handle, &header, &data)) == 1) {
      const auto* bytes = reinterpret_cast<const std::byte*>(data);
      packets.push_back({header->ts.tv_sec,
                         header->ts.tv_usec,
                         header->caplen,
                         header->len,
                         {bytes, bytes + header->caplen}});
    }
    EXPECT_EQ(status, PCAP_ERROR_BREAK) << pcap_geterr(handle);
    pcap_close(handle);
    return packets;
  }
  [[nodiscard]] std::string path() const { return (folder / "capture.pcap").string(); }
  void put(const std::string& text) const { std::ofstream(path(), std::ios::binary) << text; }
  [[nodiscard]] std::string text() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder;
  int snaplen = 0;
};

TEST_F(CaptureTest, LibpcapReadsBackWhatWasWritten) {
  const auto file = open();
  const std::chrono::nanoseconds at = 1'700'000'000s + 123'456'789ns;
  for (const std::size_t length : {0U, 1U, 14U, 60U, 1514U, 9230U}) {
    const test::ExactBuffer frame(frame_of(length));
    EXPECT_EQ(file->write(at + std::chrono::nanoseconds(length), frame.bytes(),
                          static_cast<std::uint32_t>(length)),
              CaptureWrite::Written);
  }
  EXPECT_TRUE(file->close());
  const auto packets = read_back();
  ASSERT_EQ(packets.size(), 6U);
  for (const auto& packet : packets) {
    EXPECT_EQ(packet.seconds, 1'700'000'000);
    EXPECT_EQ(packet.nanoseconds, 123'456'789 + packet.length);
    EXPECT_EQ(packet.captured, packet.length);
    EXPECT_EQ(packet.bytes, frame_of(packet.length));
  }
  EXPECT_EQ(file->stats().packets, 6U);
  EXPECT_EQ(file->stats().bytes, fs::file_size(path()));
}

TEST_F(CaptureTest, CutsPacketsToTheSnapshotLength) {
  const auto file = open({.snaplen = 64});
  EXPECT_EQ(file->write(0s, frame_of(1000), 1000), CaptureWrite::Written);
  EXPECT_EQ(file->write(0s, frame_of(20), 1000), CaptureWrite::Written) << "cut by the worker";
  EXPECT_TRUE(file->close());
  const auto packets = read_back();
  EXPECT_EQ(snaplen, 64);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].captured, 64U);
  EXPECT_EQ(packets[0].length, 1000U);
  EXPECT_EQ(packets[1].captured, 20U);
  EXPECT_EQ(packets[1].length, 1000U);
}

TEST_F(CaptureTest, StopsAtTheNumberOfPackets) {
  const auto file = open({.max_packets = 3});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(file->write(0s, frame_of(60), 60), CaptureWrite::Written);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(file->write(0s, frame_of(60), 60), CaptureWrite::Full);
  EXPECT_EQ(file->stats().refused, 5U);
  EXPECT_TRUE(file->close());
  EXPECT_EQ(read_back().size(), 3U);
}

TEST_F(CaptureTest, StopsBeforeTheFileIsTooLarge) {
  const auto file = open({.max_bytes = 24 + 2 * (16 + 60) + 75});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(file->write(0s, frame_of(60), 60), CaptureWrite::Written);
  EXPECT_EQ(file->write(0s, frame_of(60), 60), CaptureWrite::Full);
  EXPECT_EQ(file->write(0s, frame_of(1), 1), CaptureWrite::Full) << "a capture has no holes";
  EXPECT_TRUE(file->close());
  EXPECT_EQ(fs::file_size(path()), 24U + 2 * (16 + 60));
}

TEST_F(CaptureTest, IsReadableByItsOwnerOnly) {
  const auto mode = [&] { return fs::status(path()).permissions(); };
  const auto wanted = fs::perms::owner_read | fs::perms::owner_write;
  const auto before = ::umask(0);
  open();
  EXPECT_EQ(mode(), wanted);
  // Also when it replaces one that was not.
  fs::permissions(path(), fs::perms::all);
  open();
  EXPECT_EQ(mode(), wanted);
  ::umask(before);
}

TEST_F(CaptureTest, ShowsReadersWhatIsFlushed) {
  const auto file = open();
  EXPECT_TRUE(read_back().empty()) << "the file header is there at once";
  file->write(0s, frame_of(60), 60);
  EXPECT_TRUE(file->flush());
  EXPECT_EQ(read_back().size(), 1U);
}

TEST_F(CaptureTest, ReplacesAnEarlierCaptureOrAnEmptyFile) {
  {
    const auto file = open();
    file->write(0s, frame_of(60), 60);
  }
  EXPECT_EQ(read_back().size(), 1U) << "also without close";
  open();
  EXPECT_TRUE(read_back().empty());
  put("");
  open();
  EXPECT_TRUE(read_back().empty());
}

TEST_F(CaptureTest, NeverDestroysWhatIsNoCapture) {
  for (const std::string content : {"x", "abc", "keys and leases", "\xa1\xb2\xc3"}) {
    put(content);
    EXPECT_NE(refusal().find("is not a capture"), std::string::npos);
    EXPECT_EQ(text(), content);
  }
}

TEST_F(CaptureTest, FollowsNoSymbolicLink) {
  std::ofstream(folder / "target");
  fs::create_symlink(folder / "target", path());
  EXPECT_NE(refusal().find("is a symbolic link"), std::string::npos);
  EXPECT_EQ(fs::file_size(folder / "target"), 0U);
}

TEST_F(CaptureTest, RefusesAFileWithOtherNames) {
  std::ofstream(folder / "target");
  fs::create_hard_link(folder / "target", path());
  EXPECT_NE(refusal().find("has other names"), std::string::npos);
}

TEST_F(CaptureTest, RefusesWhatIsNoFile) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_NE(refusal().find("is not a regular file"), std::string::npos);
  fs::remove(path());
  fs::create_directory(path());
  EXPECT_NE(refusal().find("cannot open"), std::string::npos);
  EXPECT_FALSE(CaptureFile::open((folder / "missing" / "x").string(), {}).ok());
  EXPECT_FALSE(CaptureFile::open("/dev/full", {}).ok());
}

TEST_F(CaptureTest, RefusesImpossibleSnapshotLengths) {
  for (const std::uint32_t length : {0U, 262145U}) {
    EXPECT_FALSE(CaptureFile::open(path(), {.snaplen = length}).ok()) << length;
    EXPECT_FALSE(fs::exists(path()));
  }
}

TEST_F(CaptureTest, StopsWhenTheFileSystemRefuses) {
  const auto file = open();
  // A file size limit stands in for a full disk.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{20'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  int written = 0;
  while (written < 100 && file->write(0s, frame_of(9000), 9000) == CaptureWrite::Written) ++written;
  const bool whole = file->close();
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, old_handler);
  EXPECT_LE(written, 3);
  EXPECT_FALSE(whole);
  EXPECT_EQ(file->write(0s, frame_of(60), 60), CaptureWrite::Failed);
  EXPECT_GE(file->stats().refused, 2U);
}

TEST_F(CaptureTest, WritesNothingAfterClose) {
  const auto file = open();
  EXPECT_TRUE(file->close());
  EXPECT_FALSE(file->close());
  EXPECT_FALSE(file->flush());
  EXPECT_EQ(file->write(0s, frame_of(60), 60), CaptureWrite::Failed);
  EXPECT_TRUE(read_back().empty());
}

}  // namespace
}  // namespace phalanx::control
