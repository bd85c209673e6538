// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// What the daemon is compared with, on the same ports, pool and packets (bench_port is loaded in
// front of it in the same way):
//   bench_reference floor MBUFS -- EAL...   receive and transmit, nothing in between
//   bench_reference limit MBUFS -- EAL...   and every packet through intel-ipsec-mb, nothing else
//   bench_reference flush MBUFS -- EAL...   the same, jobs flushed after every burst (not for GCM,
//                                          whose one-shot calls leave nothing to flush)
#include <emmintrin.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_prefetch.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bench_crypto.hpp"
#include "bench_plan.hpp"
#include "bench_traffic.hpp"
#include "phalanx/dataplane/packet_meta.hpp"
#include "phalanx/dpdk/device.hpp"
#include "phalanx/dpdk/eal.hpp"
#include "phalanx/dpdk/mempool.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::bench {
namespace {

constexpr std::uint16_t kBurst = 32;
volatile std::sig_atomic_t stop_requested = 0;

struct Ports {
  std::uint16_t source;
  std::uint16_t sink;
};

void send_all(std::uint16_t port, rte_mbuf** packets, std::size_t count) {
  rte_eth_tx_burst(port, 0, packets, static_cast<std::uint16_t>(count));
}

void run_floor(const Ports& ports) {
  std::array<rte_mbuf*, kBurst> packets{};
  while (stop_requested == 0) {
    const auto count = rte_eth_rx_burst(ports.source, 0, packets.data(), kBurst);
    if (count != 0) send_all(ports.sink, packets.data(), count);
    rte_eth_rx_burst(ports.sink, 0, packets.data(), kBurst);
  }
}

// Where ESP begins in a frame that bench_port hands out. Outbound there is only the inner packet:
// header and IV are taken to be in front of it, over the Ethernet header and the headroom.
EspItem item_of(const Plan& plan, rte_mbuf* packet) {
  auto* frame = rte_pktmbuf_mtod(packet, std::uint8_t*) + sizeof(net::EthernetHeader);
  const std::size_t header = sizeof(net::EspHeader) + ipsec::info(plan.algorithm).iv_bytes;
  auto* esp = plan.direction == ipsec::Direction::Inbound ? frame + sizeof(net::Ipv4Header)
                                                          : frame - header;
  return {packet->hash.fdir.lo, esp, padded_bytes(plan.algorithm, plan.inner_bytes)};
}

// Salt, then IV (RFC 4106 4), in one 16-byte store: the library reads it back at once in one load,
// and a load that spans two younger stores waits for both to reach the cache (14 ns a packet).
void write_nonce(std::array<std::uint64_t, 2>& nonce, std::uint32_t salt, const std::uint8_t* iv) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, iv, sizeof(bits));
  const auto low = static_cast<long long>((bits << 32) | salt);
  const auto high = static_cast<long long>(bits >> 32);
  _mm_store_si128(reinterpret_cast<__m128i*>(nonce.data()), _mm_set_epi64x(high, low));
}

class Limit {
 public:
  explicit Limit(const Plan& plan)
      : plan_(plan),
        manager_(make_manager()),
        keys_(*manager_, plan.algorithm, plan.direction, plan.sas),
        encrypt_(plan.direction == ipsec::Direction::Outbound) {
    const auto& mb = *manager_;
    switch (ipsec::info(plan.algorithm).key_bytes) {
      case 16: one_shot_ = encrypt_ ? mb.gcm128_enc : mb.gcm128_dec; break;
      case 24: one_shot_ = encrypt_ ? mb.gcm192_enc : mb.gcm192_dec; break;
      default: one_shot_ = encrypt_ ? mb.gcm256_enc : mb.gcm256_dec; break;
    }
  }

  [[nodiscard]] bool gcm() const {
    return ipsec::info(plan_.algorithm).combined() &&
           plan_.algorithm != ipsec::EspAlgorithm::ChaCha20Poly1305;
  }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

  // All of a burst, one call a packet.
  void run_gcm(rte_mbuf** packets, std::uint16_t count) {
    gcm_context_data context;
    for (std::uint16_t i = 0; i < count; ++i) {
      const auto item = item_of(plan_, packets[i]);
      auto* payload = item.esp + sizeof(net::EspHeader) + 8;
      std::array<std::uint8_t, 16> tag;
      alignas(16) std::array<std::uint64_t, 2> nonce;
      write_nonce(nonce, keys_.salt(item.sa), item.esp + sizeof(net::EspHeader));
      const auto* key = reinterpret_cast<const gcm_key_data*>(keys_.key(item.sa));
      auto* icv = payload + item.cipher_bytes;
      one_shot_(key, &context, payload, payload, item.cipher_bytes,
                reinterpret_cast<const std::uint8_t*>(nonce.data()), item.esp, 8,
                encrypt_ ? icv : tag.data(), tag.size());
      if (!encrypt_ && std::memcmp(icv, tag.data(), tag.size()) != 0) ++failures_;
    }
  }

  // Puts a burst into the manager; hands every packet that is done to `done`.
  template <typename Done>
  void submit(rte_mbuf** packets, std::uint16_t count, Done&& done) {
    for (std::uint16_t first = 0; first < count;) {
      const auto wanted = static_cast<std::uint32_t>(count - first);
      const std::uint32_t got = IMB_GET_NEXT_BURST(manager_.get(), wanted, jobs_.data());
      if (got == 0) {
        flush(done);
        continue;
      }
      for (std::uint32_t i = 0; i < got; ++i) {
        const auto item = item_of(plan_, packets[first + i]);
        Slot& slot = slots_[next_slot_++ % slots_.size()];
        slot.item = item;
        fill_job(*jobs_[i], keys_, item, encrypt_, slot.scratch);
        jobs_[i]->user_data = packets[first + i];
        jobs_[i]->user_data2 = &slot;
      }
      const std::uint32_t finished = IMB_SUBMIT_BURST_NOCHECK(manager_.get(), got, jobs_.data());
      for (std::uint32_t i = 0; i < finished; ++i) complete(*jobs_[i], done);
      first = static_cast<std::uint16_t>(first + got);
    }
  }

  // Not IMB_FLUSH_BURST: in release 1.3 it returns jobs a second time when it empties the queue
  // where the queue wraps round.
  template <typename Done>
  void flush(Done&& done) {
    while (const IMB_JOB* job = IMB_FLUSH_JOB(manager_.get())) complete(*job, done);
  }

 private:
  struct Slot {
    EspItem item;
    JobScratch scratch;
  };

  template <typename Done>
  void complete(const IMB_JOB& job, Done&& done) {
    const auto* slot = static_cast<const Slot*>(job.user_data2);
    const bool good = job.status == IMB_STATUS_COMPLETED &&
                      (encrypt_ || tag_matches(keys_, slot->item, slot->scratch));
    if (!good) ++failures_;
    done(static_cast<rte_mbuf*>(job.user_data));
  }

  Plan plan_;
  Manager manager_;
  KeyTable keys_;
  bool encrypt_;
  aes_gcm_enc_dec_t one_shot_ = nullptr;
  std::array<IMB_JOB*, 256> jobs_{};
  std::array<Slot, 512> slots_{};  // more than the manager holds
  std::size_t next_slot_ = 0;
  std::uint64_t failures_ = 0;
};

void run_gcm(const Ports& ports, Limit& limit) {
  std::array<rte_mbuf*, kBurst> packets{};
  while (stop_requested == 0) {
    const auto count = rte_eth_rx_burst(ports.source, 0, packets.data(), kBurst);
    if (count != 0) {
      for (std::uint16_t i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
      limit.run_gcm(packets.data(), count);
      send_all(ports.sink, packets.data(), count);
    }
    rte_eth_rx_burst(ports.sink, 0, packets.data(), kBurst);
  }
}

void run_jobs_loop(const Ports& ports, Limit& limit, bool flush_always) {
  std::array<rte_mbuf*, kBurst> packets{};
  std::vector<rte_mbuf*> out;
  out.reserve(512);
  const auto done = [&out](rte_mbuf* packet) { out.push_back(packet); };
  while (stop_requested == 0) {
    const auto count = rte_eth_rx_burst(ports.source, 0, packets.data(), kBurst);
    for (std::uint16_t i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
    if (count != 0) limit.submit(packets.data(), count, done);
    if (flush_always || count == 0) limit.flush(done);
    if (!out.empty()) send_all(ports.sink, out.data(), out.size());
    out.clear();
    rte_eth_rx_burst(ports.sink, 0, packets.data(), kBurst);
  }
}

struct Work {
  std::string_view mode;
  Plan plan;
  Ports ports;
  Limit* limit;
};

int worker(void* argument) {
  const auto& work = *static_cast<const Work*>(argument);
  if (work.mode == "floor") {
    run_floor(work.ports);
  } else if (work.limit->gcm()) {
    run_gcm(work.ports, *work.limit);
  } else {
    run_jobs_loop(work.ports, *work.limit, work.mode == "flush");
  }
  return 0;
}

int fail(const std::string& reason) {
  std::fprintf(stderr, "bench_reference: %s\n", reason.c_str());
  return 1;
}

// Until bench_port has written the figures, which it does when it has served all rounds.
void wait_for_result(const Plan& plan) {
  struct stat status {};
  while (stop_requested == 0 &&
         (::stat(plan.result.c_str(), &status) != 0 || status.st_size == 0)) {
    rte_delay_us_sleep(10'000);
  }
}

int run(std::string_view mode, const Plan& plan, std::uint32_t mbufs) {
  // Buffers are laid out as the daemon's.
  auto pool = dpdk::Mempool::create({"packets", mbufs, dataplane::kPacketMetaBytes, 2048});
  if (!pool) return fail(pool.error());
  auto inside =
      dpdk::Device::open({std::string(kPrivateDevice), 1, 1024, 1024, 1500, false, {}}, *pool);
  if (!inside) return fail(inside.error());
  auto outside =
      dpdk::Device::open({std::string(kPublicDevice), 1, 1024, 1024, 1500, false, {}}, *pool);
  if (!outside) return fail(outside.error());
  Ports ports{inside->port_id(), outside->port_id()};
  if (plan.direction == ipsec::Direction::Inbound) std::swap(ports.source, ports.sink);

  Limit limit(plan);
  Work work{mode, plan, ports, &limit};
  const unsigned lcore = rte_get_next_lcore(static_cast<unsigned>(-1), 1, 0);
  if (lcore == RTE_MAX_LCORE) return fail("needs a second lcore");
  if (rte_eal_remote_launch(worker, &work, lcore) != 0) return fail("the worker does not start");
  wait_for_result(plan);
  stop_requested = 1;
  rte_eal_mp_wait_lcore();
  if (limit.failures() != 0) return fail("the library failed, or an ICV was wrong");
  return 0;
}

}  // namespace
}  // namespace phalanx::bench

int main(int argc, char** argv) {
  using namespace phalanx;
  const char* text = std::getenv("PHALANX_BENCH");
  if (argc < 4 || text == nullptr) {
    return bench::fail("usage: PHALANX_BENCH=PLAN bench_reference floor|limit|flush MBUFS -- EAL");
  }
  const auto plan = bench::parse_plan(text);
  if (!plan) return bench::fail(plan.error());
  std::vector<std::string> arguments{argv[0]};
  arguments.insert(arguments.end(), argv + 4, argv + argc);
  std::signal(SIGTERM, [](int) { bench::stop_requested = 1; });
  const auto eal = dpdk::Eal::start(arguments);
  if (!eal) return bench::fail(eal.error());
  return bench::run(argv[1], *plan, static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)));
}
