// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// Loaded before everything else (LD_PRELOAD) into the program that is measured. It stands behind
// two net_null devices: once both are started, their receive and transmit functions are ours. The
// program is not changed, nor does it know: it opens, configures and polls ordinary DPDK devices.
//
// A round: the poll of the receiving port that starts it first prepares all packets of the round in
// buffers of the program's own pool, then hands them out in bursts. Time runs from the first packet
// handed out to the last one seen at the transmitting port; preparing is outside.
#include <dlfcn.h>
#include <emmintrin.h>
#include <fcntl.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench_traffic.hpp"

namespace phalanx::bench {
namespace {

constexpr std::uint16_t kBurst = 32;
// Without a packet for so long after the last one was handed out, the rest of a round is lost.
constexpr std::uint64_t kPatienceMs = 200;
// Rounds that may fail before the program forwards at all (it may still be starting).
constexpr std::uint32_t kMaxFailedWarmups = 50;

[[noreturn]] void give_up(const std::string& reason) {
  std::fprintf(stderr, "bench port: %s\n", reason.c_str());
  std::_Exit(3);
}

// receive() belongs to the one thread that polls the source's first queue: a single SA is a single
// flow, and a device puts it into one queue. transmit() may be called by any worker; between rounds
// only receive() runs.
class Rounds {
 public:
  Rounds(const Plan& plan, int result) : plan_(plan), result_(result) {}

  void start(rte_mempool* pool, std::uint16_t source_port) {
    pool_ = pool;
    source_port_ = source_port;
    traffic_ = std::make_unique<Traffic>(plan_);
    buffers_.resize(plan_.buffers);
    times_.reserve(plan_.rounds);
    patience_ = rte_get_tsc_hz() / 1000 * kPatienceMs;
  }

  std::uint16_t receive(rte_mbuf** packets, std::uint16_t wanted) {
    if (served_ == plan_.buffers) [[unlikely]] {
      if (finished_ || !end_round()) return 0;
    }
    if (served_ == 0 && !begin_round()) [[unlikely]]
      return 0;
    const auto count = static_cast<std::uint16_t>(
        std::min({std::uint32_t{wanted}, std::uint32_t{kBurst}, plan_.buffers - served_}));
    for (std::uint16_t i = 0; i < count; ++i) {
      packets[i] = hand_out(served_ + i);
    }
    served_ += count;
    if (served_ == plan_.buffers) all_served_ = rte_rdtsc();
    return count;
  }

  std::uint16_t transmit(rte_mbuf** packets, std::uint16_t count) {
    std::uint32_t ours = 0;
    if (checking()) [[unlikely]]
      check(packets, count);
    for (std::uint16_t i = 0; i < count; ++i) {
      if (packets[i]->hash.fdir.hi != cookie_) continue;
      ++ours;
      if (plan_.order) watch_order(packets[i]->vlan_tci_outer);
      // What the program sends for itself later must not count as a packet of this round.
      packets[i]->hash.fdir.hi = 0;
    }
    rte_pktmbuf_free_bulk(packets, count);
    if (ours == 0) return count;
    last_seen_.store(rte_rdtsc(), std::memory_order_relaxed);
    seen_.fetch_add(ours, std::memory_order_release);
    return count;
  }

 private:
  [[nodiscard]] bool checking() const noexcept {
    return plan_.check && rounds_done_ < plan_.warmup;
  }

  // How far behind the newest packet one leaves that should have left before it. Packets of one SA
  // leave by one worker at a time.
  void watch_order(std::uint16_t packet) {
    const auto ahead = static_cast<std::int16_t>(packet - newest_.load(std::memory_order_relaxed));
    if (ahead >= 0) {
      newest_.store(packet, std::memory_order_relaxed);
      return;
    }
    reordered_.fetch_add(1, std::memory_order_relaxed);
    if (-ahead > latest_.load(std::memory_order_relaxed)) {
      latest_.store(-ahead, std::memory_order_relaxed);
    }
  }

  void check(rte_mbuf** packets, std::uint16_t count) {
    for (std::uint16_t i = 0; i < count; ++i) {
      if (packets[i]->hash.fdir.hi != cookie_ || !is_ipv4(packets[i])) continue;
      const bool whole = packets[i]->nb_segs == 1;
      const std::span frame(rte_pktmbuf_mtod(packets[i], std::uint8_t*), packets[i]->data_len);
      if (!whole || !traffic_->check(frame, packets[i]->hash.fdir.lo)) {
        give_up("a packet came out wrong");
      }
      ++checked_;
    }
  }

  // What the program sends for itself, ARP, may have the buffer of a packet that it dropped.
  static bool is_ipv4(const rte_mbuf* packet) {
    const auto* ether_type = rte_pktmbuf_mtod_offset(packet, const std::uint8_t*, 12);
    return ether_type[0] == 0x08 && ether_type[1] == 0x00;
  }

  bool begin_round() {
    if (rte_pktmbuf_alloc_bulk(pool_, buffers_.data(), plan_.buffers) != 0) {
      if (rte_rdtsc() - last_failure_ > patience_ && ++failed_allocations_ > kMaxFailedWarmups) {
        give_up("the pool has too few buffers for a round");
      }
      return false;
    }
    traffic_->begin_round();
    for (std::uint32_t i = 0; i < plan_.buffers; ++i) {
      traffic_->write_frame(i, rte_pktmbuf_mtod(buffers_[i], std::uint8_t*));
    }
    if (plan_.direction == ipsec::Direction::Inbound) traffic_->seal();
    if (plan_.flush) flush_frames();
    // Not 0, which is what a buffer carries that is not ours.
    cookie_ = 0x8000'0000U | ++rounds_begun_;
    seen_.store(0, std::memory_order_relaxed);
    newest_.store(0, std::memory_order_relaxed);
    first_served_ = rte_rdtsc();
    return true;
  }

  // A device writes packets into memory, and no core has them. What this thread has just written
  // would otherwise be close to it and far from other workers.
  void flush_frames() {
    for (auto* buffer : buffers_) {
      const auto* frame = rte_pktmbuf_mtod(buffer, const std::uint8_t*);
      for (std::uint32_t at = 0; at < traffic_->frame_bytes(); at += 64) _mm_clflush(frame + at);
    }
    _mm_mfence();
  }

  // The buffer as a driver would fill it in: its header is in the cache afterwards.
  rte_mbuf* hand_out(std::uint32_t packet) {
    rte_mbuf* mbuf = buffers_[packet];
    if (packet + kBurst < plan_.buffers) rte_prefetch0(buffers_[packet + kBurst]);
    // As drivers do: one store to each of two words. The second line of the header stays untouched;
    // a buffer from the pool has nothing behind it.
    mbuf->data_off = RTE_PKTMBUF_HEADROOM;
    mbuf->port = source_port_;
    mbuf->ol_flags = 0;
    mbuf->data_len = traffic_->frame_bytes();
    mbuf->pkt_len = traffic_->frame_bytes();
    mbuf->hash.fdir.lo = traffic_->sa_of(packet);
    mbuf->hash.fdir.hi = cookie_;
    // A field that nobody reads without the flag that says so: which packet of the round it is.
    if (plan_.order) mbuf->vlan_tci_outer = static_cast<std::uint16_t>(packet);
    return mbuf;
  }

  // True when another round may begin.
  bool end_round() {
    const auto seen = seen_.load(std::memory_order_acquire);
    const bool whole = seen == plan_.buffers;
    if (!whole && rte_rdtsc() - all_served_ < patience_) return false;
    served_ = 0;
    const bool warm = rounds_done_ >= plan_.warmup;
    if (!whole) {
      lost_ += plan_.buffers - seen;
      ++(warm ? lost_rounds_ : failed_warmups_);
      if (failed_warmups_ > kMaxFailedWarmups) give_up("packets go in and do not come out");
      if (lost_rounds_ > plan_.rounds) give_up("more rounds lose packets than do not");
      return true;
    }
    if (warm) times_.push_back(last_seen_.load(std::memory_order_relaxed) - first_served_);
    if (++rounds_done_ < plan_.warmup + plan_.rounds) return true;
    finished_ = true;
    served_ = plan_.buffers;
    write_result();
    return false;
  }

  [[nodiscard]] double nanoseconds(std::size_t permille) const {
    const auto at = (times_.size() - 1) * permille / 1000;
    return static_cast<double>(times_[at]) * 1e9 / static_cast<double>(rte_get_tsc_hz()) /
           plan_.buffers;
  }

  void write_result() {
    std::sort(times_.begin(), times_.end());
    std::array<char, 512> text{};
    const int length = std::snprintf(
        text.data(), text.size(),
        "{\"ns_median\": %.2f, \"ns_min\": %.2f, \"ns_p10\": %.2f, \"ns_p90\": %.2f, "
        "\"rounds\": %u, \"lost_rounds\": %u, \"lost_packets\": %llu, \"checked_packets\": %llu, "
        "\"reordered_packets\": %u, \"latest_packet\": %d}\n",
        nanoseconds(500), nanoseconds(0), nanoseconds(100), nanoseconds(900), plan_.rounds,
        lost_rounds_, static_cast<unsigned long long>(lost_),
        static_cast<unsigned long long>(checked_), reordered_.load(), latest_.load());
    if (length <= 0 || ::write(result_, text.data(), static_cast<std::size_t>(length)) != length) {
      give_up("cannot write the result");
    }
    ::close(result_);
  }

  Plan plan_;
  int result_;  // opened before the program drops its privileges
  rte_mempool* pool_ = nullptr;
  std::uint16_t source_port_ = 0;
  std::unique_ptr<Traffic> traffic_;
  std::vector<rte_mbuf*> buffers_;
  std::vector<std::uint64_t> times_;

  std::uint32_t served_ = 0;
  std::uint32_t cookie_ = 0;
  std::uint32_t rounds_begun_ = 0;
  std::uint32_t rounds_done_ = 0;
  std::uint32_t lost_rounds_ = 0;
  std::uint32_t failed_warmups_ = 0;
  std::uint32_t failed_allocations_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t checked_ = 0;
  std::uint64_t first_served_ = 0;
  std::uint64_t all_served_ = 0;
  std::uint64_t last_failure_ = 0;
  std::uint64_t patience_ = 0;
  bool finished_ = false;
  // writer: whoever transmits
  alignas(64) std::atomic<std::uint32_t> seen_{0};
  std::atomic<std::uint64_t> last_seen_{0};
  std::atomic<std::uint16_t> newest_{0};
  std::atomic<std::uint32_t> reordered_{0};
  std::atomic<int> latest_{0};
};

struct Hooks {
  std::unique_ptr<Rounds> rounds;
  const void* source_queue = nullptr;
  rte_mempool* pool = nullptr;
  std::uint32_t started = 0;
};
Hooks hooks;

std::uint16_t receive_from_source(void* queue, rte_mbuf** packets, std::uint16_t wanted) {
  if (queue != hooks.source_queue) return 0;
  return hooks.rounds->receive(packets, wanted);
}
std::uint16_t receive_nothing(void*, rte_mbuf**, std::uint16_t) {
  return 0;
}
std::uint16_t transmit(void*, rte_mbuf** packets, std::uint16_t count) {
  return hooks.rounds->transmit(packets, count);
}

// The next definition of a function that we stand in front of.
template <typename Function>
Function* original(const char* name) {
  auto* symbol = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
  if (symbol == nullptr) give_up(std::string("no function ") + name);
  return symbol;
}

std::uint16_t port_of(std::string_view device) {
  std::uint16_t port = 0;
  if (rte_eth_dev_get_port_by_name(device.data(), &port) != 0) {
    give_up("no device " + std::string(device));
  }
  return port;
}

// Both devices run and nobody polls yet: main thread, in the last rte_eth_dev_start.
void take_over() {
  const char* text = std::getenv("PHALANX_BENCH");
  if (text == nullptr) give_up("PHALANX_BENCH is not set");
  const auto plan = parse_plan(text);
  if (!plan) give_up(plan.error());
  const int result = plan->result == "-" ? ::dup(STDOUT_FILENO)
                                         : ::open(plan->result.c_str(),
                                                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (result < 0) give_up("cannot create " + plan->result);
  const std::uint16_t inside = port_of(kPrivateDevice);
  const std::uint16_t outside = port_of(kPublicDevice);
  const bool outbound = plan->direction == ipsec::Direction::Outbound;
  hooks.rounds = std::make_unique<Rounds>(*plan, result);
  hooks.rounds->start(hooks.pool, outbound ? inside : outside);
  auto& source = rte_eth_fp_ops[outbound ? inside : outside];
  auto& sink = rte_eth_fp_ops[outbound ? outside : inside];
  hooks.source_queue = source.rxq.data[0];
  source.tx_pkt_burst = sink.tx_pkt_burst = transmit;
  sink.rx_pkt_burst = receive_nothing;
  source.rx_pkt_burst = receive_from_source;
}

}  // namespace
}  // namespace phalanx::bench

extern "C" {

__attribute__((visibility("default"))) int rte_eth_rx_queue_setup(
    std::uint16_t port, std::uint16_t queue, std::uint16_t descriptors, unsigned socket,
    const rte_eth_rxconf* conf, rte_mempool* pool) {
  using namespace phalanx::bench;
  hooks.pool = pool;
  static auto* next = original<decltype(rte_eth_rx_queue_setup)>("rte_eth_rx_queue_setup");
  return next(port, queue, descriptors, socket, conf, pool);
}

__attribute__((visibility("default"))) int rte_eth_dev_start(std::uint16_t port) {
  using namespace phalanx::bench;
  static auto* next = original<decltype(rte_eth_dev_start)>("rte_eth_dev_start");
  const int error = next(port);
  if (error == 0 && ++hooks.started == 2) take_over();
  return error;
}
}
