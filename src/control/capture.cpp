// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/capture.hpp"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

namespace phalanx::control {
namespace {

// pcap-savefile(5): file header, and the header of each packet.
constexpr std::uint64_t kFileHeaderBytes = 24;
constexpr std::uint64_t kRecordHeaderBytes = 16;
constexpr std::uint32_t kMaxSnaplen = 262144;
// First bytes of a capture in either byte order, with microseconds or nanoseconds; of a pcapng.
constexpr std::array<std::uint32_t, 5> kCaptureMagics = {0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d,
                                                         0x4d3cb2a1, 0x0a0d0d0a};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string failure(const std::string& what, const std::string& path) {
  return what + " " + path + ": " + std::strerror(errno);
}

bool is_capture(int fd) noexcept {
  std::uint32_t magic = 0;
  return ::pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) &&
         std::find(kCaptureMagics.begin(), kCaptureMagics.end(), magic) != kCaptureMagics.end();
}

// Why the open file must not be overwritten.
std::optional<std::string> objection(int fd, const std::string& path) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return failure("cannot look at", path);
  if (!S_ISREG(about.st_mode)) return path + " is not a regular file";
  if (about.st_nlink != 1) return path + " has other names";
  if (about.st_uid != ::geteuid()) return path + " belongs to another user";
  if (about.st_size != 0 && !is_capture(fd)) return path + " exists and is not a capture";
  return std::nullopt;
}

}  // namespace

struct CaptureFile::Writer {
  Writer(pcap_t* handle_in, pcap_dumper_t* dumper_in) noexcept
      : handle(handle_in), dumper(dumper_in) {}
  ~Writer() { static_cast<void>(finish()); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  [[nodiscard]] bool healthy() const noexcept { return std::ferror(pcap_dump_file(dumper)) == 0; }
  [[nodiscard]] bool flush() const noexcept { return pcap_dump_flush(dumper) == 0 && healthy(); }
  // True when all bytes have reached the file.
  [[nodiscard]] bool finish() noexcept {
    if (dumper == nullptr) return true;
    const bool flushed = flush();
    pcap_dump_close(std::exchange(dumper, nullptr));
    pcap_close(handle);
    return flushed;
  }

  pcap_t* handle;
  pcap_dumper_t* dumper;
};

base::Result<std::unique_ptr<CaptureFile>, std::string> CaptureFile::open(
    const std::string& path, const CaptureLimits& limits) {
  if (limits.snaplen == 0 || limits.snaplen > kMaxSnaplen) {
    return std::string("snaplen must be 1..262144");
  }
  // Without O_TRUNC, as it is not known yet what this is; O_NONBLOCK, as a pipe would make us wait.
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  FileDescriptor file(::open(path.c_str(), kFlags, S_IRUSR | S_IWUSR));
  if (file.get() < 0 && errno == ELOOP) return path + " is a symbolic link, or leads in a circle";
  if (file.get() < 0) return failure("cannot open", path);
  if (auto problem = objection(file.get(), path)) return *std::move(problem);
  if (::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0) return failure("cannot protect", path);
  if (::ftruncate(file.get(), 0) != 0) return failure("cannot empty", path);

  auto* handle = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, static_cast<int>(limits.snaplen),
                                                      PCAP_TSTAMP_PRECISION_NANO);
  if (handle == nullptr) return std::string("libpcap has no memory");
  std::FILE* stream = ::fdopen(file.get(), "wb");
  if (stream == nullptr) {
    pcap_close(handle);
    return failure("cannot write", path);
  }
  static_cast<void>(file.release());
  auto* dumper = pcap_dump_fopen(handle, stream);
  if (dumper == nullptr) {
    std::string problem = "cannot write " + path + ": " + pcap_geterr(handle);
    std::fclose(stream);
    pcap_close(handle);
    return problem;
  }
  auto writer = std::make_unique<Writer>(handle, dumper);
  if (!writer->flush()) return failure("cannot write", path);
  return std::unique_ptr<CaptureFile>(new CaptureFile(std::move(writer), limits));
}

CaptureFile::CaptureFile(std::unique_ptr<Writer> writer, const CaptureLimits& limits)
    : writer_(std::move(writer)), limits_(limits) {
  stats_.bytes = kFileHeaderBytes;
}

CaptureFile::~CaptureFile() = default;

CaptureWrite CaptureFile::write(std::chrono::nanoseconds since_epoch,
                                std::span<const std::byte> frame,
                                std::uint32_t original_length) noexcept {
  if (writer_ == nullptr) state_ = CaptureWrite::Failed;
  const auto kept = std::min<std::size_t>(frame.size(), limits_.snaplen);
  const auto size = kRecordHeaderBytes + kept;
  const bool full = (limits_.max_packets != 0 && stats_.packets >= limits_.max_packets) ||
                    (limits_.max_bytes != 0 && stats_.bytes + size > limits_.max_bytes);
  if (state_ == CaptureWrite::Written && full) state_ = CaptureWrite::Full;
  if (state_ != CaptureWrite::Written) {
    stats_.refused += 1;
    return state_;
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  pcap_pkthdr header{};
  header.ts.tv_sec = seconds.count();
  header.ts.tv_usec = (since_epoch - seconds).count();  // nanoseconds at this precision
  header.caplen = static_cast<bpf_u_int32>(kept);
  header.len = std::max(original_length, header.caplen);
  pcap_dump(reinterpret_cast<u_char*>(writer_->dumper), &header,
            reinterpret_cast<const u_char*>(frame.data()));
  if (!writer_->healthy()) {
    stats_.refused += 1;
    return state_ = CaptureWrite::Failed;
  }
  stats_.packets += 1;
  stats_.bytes += size;
  return CaptureWrite::Written;
}

bool CaptureFile::flush() noexcept {
  return writer_ != nullptr && writer_->flush();
}

bool CaptureFile::close() noexcept {
  if (writer_ == nullptr) return false;
  const bool whole = writer_->finish();
  writer_.reset();
  return whole;
}

}  // namespace phalanx::control
