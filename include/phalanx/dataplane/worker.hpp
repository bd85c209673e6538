// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/dataplane/bucket_handover.hpp"
#include "phalanx/dataplane/capture_filter.hpp"
#include "phalanx/dataplane/coming_queue.hpp"
#include "phalanx/dataplane/counters.hpp"
#include "phalanx/dataplane/egress_order.hpp"
#include "phalanx/dataplane/flow_cache.hpp"
#include "phalanx/dataplane/foreign_flows.hpp"
#include "phalanx/dataplane/hold_queue.hpp"
#include "phalanx/dataplane/packet_meta.hpp"
#include "phalanx/dataplane/worker_setup.hpp"
#include "phalanx/ipsec/esp_engine.hpp"
#include "phalanx/net/grounds.hpp"

namespace phalanx::dataplane {

inline constexpr unsigned kBurst = 32;

// A data-path lcore: takes bursts from its queues through the stages below, run to completion.
//
//   rx -> classify -+-> clear (flow cache, SPD) -+-> ESP out --+-> adjacency -> tx
//                   |                            +-> route ----+
//                   +-> ESP in -> route ----------------------+
//                   +-> punt to the control thread
//
// One thread at a time: made by the control thread, then run() on its lcore. Counters may be read
// by any thread.
class Worker {
 public:
  static base::Result<std::unique_ptr<Worker>, std::string> create(WorkerSetup setup);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Until `stop` is set; then everything in flight is finished, sent or freed.
  void run(const std::atomic<bool>& stop) noexcept;
  // One iteration; how many packets it found.
  unsigned poll() noexcept;
  // Finishes what is here without receiving; how many packets that were. Other workers may hand on
  // more: once all have ended, until none finds any.
  unsigned drain() noexcept;

  [[nodiscard]] const WorkerCounters& counters() const noexcept { return counters_; }
  // Whether packets of this SA wait here for a lease. Any thread.
  [[nodiscard]] bool holds(std::uint32_t sa) const noexcept { return held_.waits(sa); }

 private:
  // Where a clear packet comes from. Travels as EspPacket::tag, for what may have to be said of it.
  struct ClearOrigin {
    std::uint8_t port = 0;  // where it came in; for our own packets: see clear_port
    std::uint8_t clear_port = PacketMeta::kNoPort;
    bool from_tunnel = false;
    bool own = false;  // made by the gateway: TTL stays, nothing is punted back
  };
  // What a clear packet's header says. One word, stored as one: a core commits one store a cycle.
  struct ClearFacts {
    std::uint16_t total_length = 0;
    std::uint8_t version = 0;
    std::uint8_t traffic_class = 0;
    std::uint8_t ttl = 0;
    bool dont_fragment = false;  // IPv4 DF; IPv6: false
    bool fragment = false;
    std::uint8_t unused = 0;
  };
  static_assert(sizeof(ClearFacts) == sizeof(std::uint64_t));
  // A clear packet between classification and its verdict.
  struct ClearPacket {
    rte_mbuf* packet = nullptr;
    std::uint8_t* l3 = nullptr;
    std::uint64_t hash = 0;
    ipsec::FlowKey key;
    ClearFacts facts;
    ClearOrigin from;
    std::uint32_t fragment_id = 0;
  };
  // An IP packet on its way to a next hop. Where it lies is written to the mbuf when it leaves.
  struct ForwardPacket {
    rte_mbuf* packet = nullptr;
    std::uint8_t* l3 = nullptr;
    std::uint32_t length = 0;
    std::uint8_t port = 0;  // where it, or the ESP packet it came in, was received
    bool from_tunnel = false;
    bool own = false;
    bool policy_done = false;                       // the SPD has had its say for a public egress
    std::uint8_t clear_port = PacketMeta::kNoPort;  // as PacketMeta::clear_port
  };
  // What an ICMP error about a packet needs to know: the port whose address it comes from, and
  // whether the packet came out of an SA, so that an error that quotes it may not leave in clear.
  struct Origin {
    std::uint8_t port = 0;
    bool from_tunnel = false;
  };
  template <typename T>
  struct List {
    std::array<T, kBurst> items;
    unsigned count = 0;
    void push(const T& item) noexcept { items[count++] = item; }
    [[nodiscard]] std::span<T> span() noexcept { return {items.data(), count}; }
  };
  using MbufList = List<rte_mbuf*>;
  struct TxBuffer {
    std::array<rte_mbuf*, 2 * kBurst> packets;
    unsigned count = 0;
    std::uint64_t bytes = 0;
  };
  // What each packet needs to know of its port, without the names and lists of Port.
  struct PortView {
    std::uint64_t mac = 0;  // six bytes as they stand on the wire, and two of 0
    std::uint16_t mtu = 0;
    bool is_public = false;
    std::uint8_t index = 0;
    PacketSide clear_side = PacketSide::Public;   // of what came in there in clear
    PacketSide tunnel_side = PacketSide::Tunnel;  // of what came out of an SA and leaves there
  };
  // Forward mode: addresses by which nodes hand on (net::hand_on_mac()), for the first time and for
  // the second; as PortView::mac.
  struct HandOnView {
    std::array<std::uint64_t, 2> ours{};
    std::array<std::uint64_t, 2> others{};       // of node 0
    std::uint64_t next_hop = ~std::uint64_t{0};  // of node 0; spray mode: net::next_hop_mac()
  };
  static constexpr unsigned kNodeShift = 40;  // of the last byte of a MAC address
  struct PlainRoute {
    std::uint64_t number;        // as Fib gives it
    const Adjacency* adjacency;  // nullptr: not that plain
    std::uint16_t mtu;
    bool is_public;
  };
  // Counts one burst's packets of one port before they go to the shared counters.
  struct RxTally {
    std::uint8_t port = DeviceMap::kNone;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };

  explicit Worker(WorkerSetup setup);
  void fill_hand_on();

  // stage_rx.cpp
  unsigned poll_rx() noexcept;
  void classify_burst(const DeviceMap& map, std::span<rte_mbuf*> packets) noexcept;
  bool classify_plain(std::uint8_t port, rte_mbuf* packet) noexcept;
  void classify(const DeviceMap& map, rte_mbuf* packet, RxTally& tally) noexcept;
  void count_rx(RxTally& tally, std::uint8_t port, std::uint32_t bytes) noexcept;
  void classify_ip(rte_mbuf* packet, std::uint8_t port, std::uint16_t l3_offset,
                   std::uint16_t ether_type) noexcept;
  void classify_esp(rte_mbuf* packet, std::uint8_t* l3, const net::IpView& view) noexcept;
  void push_esp(rte_mbuf* packet, std::uint8_t* esp, std::uint32_t length,
                std::uint8_t traffic_class) noexcept;
  static void read_clear(ClearPacket& clear, rte_mbuf* packet, std::uint8_t* l3,
                         const net::IpView& view, ClearOrigin from) noexcept;
  void push_clear(rte_mbuf* packet, std::uint8_t* l3, const net::IpView& view,
                  ClearOrigin from) noexcept;

  // stage_distribute.cpp
  // Packets of a burst whose bucket decides, in the order of their grounds.
  struct Candidates {
    std::array<std::uint8_t, kBurst + 1> position;  // in the burst; one for a packet that goes on
    bool striped;                                   // there are SAs in packet mode: ESP comes last
    unsigned num_esp = 0;
    std::array<std::uint8_t, kBurst> esp_position;
    std::array<std::uint32_t, kBurst> spis;
    std::array<std::uint32_t, kBurst> sequences;
    // In a cluster: clear packets with ports. If they are to be forwarded, their SA's bucket
    // decides, which policy knows.
    bool by_flow;  // they are looked up among foreign flows
    std::array<std::uint64_t, kBurst> flow_hashes;
  };
  [[nodiscard]] unsigned fence(const DeviceMap& map, rte_mbuf** packets, unsigned count) noexcept;
  [[nodiscard]] unsigned distribute(const DeviceMap& map, rte_mbuf** packets,
                                    unsigned count) noexcept;
  // n: how many grounds there are.
  [[nodiscard]] bool put_plain(const PortView& port, const rte_mbuf* packet, unsigned position,
                               unsigned& n, std::uint32_t& flows, Candidates& found) noexcept;
  [[nodiscard]] unsigned put_any(const DeviceMap& map, const rte_mbuf* packet, unsigned n,
                                 Candidates& found) noexcept;
  [[nodiscard]] unsigned put_esp(const std::uint8_t* esp, unsigned n, Candidates& found) noexcept;
  [[nodiscard]] unsigned put_striped(unsigned n, Candidates& found) noexcept;
  [[nodiscard]] unsigned put_local(rte_mbuf* const* packets, std::uint32_t flows, unsigned n,
                                   Candidates& found) noexcept;
  [[nodiscard]] std::uint64_t hash_flow(const PortView& port,
                                        const std::uint8_t* ip) const noexcept;
  [[nodiscard]] std::uint32_t foreign_flows(std::uint32_t flows,
                                            const Candidates& found) const noexcept;
  // Received as a frame by this worker.
  [[nodiscard]] bool is_off_the_wire(const ClearPacket& clear) const noexcept {
    return !clear.from.own && !clear.from.from_tunnel && !handed_;
  }
  void remember_foreign(const ClearPacket& clear, base::BucketIndex decides) noexcept;
  [[nodiscard]] bool is_local(const net::IpView& view, const std::uint8_t* ip) const noexcept;
  [[nodiscard]] unsigned drop_marked(const DeviceMap& map, rte_mbuf** packets, unsigned count,
                                     std::uint32_t marked, DropReason reason) noexcept;
  // Of a node that shares its buckets with others.
  [[nodiscard]] bool is_foreign(const ClearPacket& clear, const FlowVerdict& verdict,
                                base::BucketIndex bucket) const noexcept;
  void free_received(std::span<rte_mbuf*> packets) noexcept;

  // stage_hand_on.cpp
  [[nodiscard]] bool is_to_us(std::uint64_t destination, const PortView& port) const noexcept {
    if (destination == port.mac) [[likely]]
      return true;
    if (!hands_on_) return false;
    const auto& ours = hand_on_[port.index].ours;
    return destination == ours[0] || destination == ours[1] || is_next_hop(destination, port);
  }
  // Of a node whose next-hop address we serve.
  [[nodiscard]] bool is_next_hop(std::uint64_t destination, const PortView& port) const noexcept {
    const auto node = static_cast<std::uint8_t>(destination >> kNodeShift);
    return (destination & ~(std::uint64_t{0xff} << kNodeShift)) == hand_on_[port.index].next_hop &&
           tables_.distribution.serves(base::NodeId(node));
  }
  [[nodiscard]] unsigned leave_to_receiver(const DeviceMap& map, rte_mbuf** packets,
                                           unsigned count) noexcept;
  void note_owners(rte_mbuf** packets, const base::BucketIndex* buckets, const Candidates& found,
                   unsigned n, std::uint32_t flows) noexcept;
  [[nodiscard]] unsigned hand_on_marked(const DeviceMap& map, rte_mbuf** packets, unsigned count,
                                        std::uint32_t marked) noexcept;
  void hand_on(rte_mbuf* packet, std::uint8_t port, base::NodeId owner) noexcept;

  // stage_coming.cpp
  [[nodiscard]] unsigned hold_coming(const DeviceMap& map, rte_mbuf** packets, unsigned count,
                                     const base::BucketIndex* buckets, const Candidates& found,
                                     unsigned n, std::uint32_t& foreign) noexcept;
  [[nodiscard]] bool hold_clear(const ClearPacket& clear, base::BucketIndex bucket,
                                bool foreign) noexcept;
  [[nodiscard]] std::uint64_t digest_of(const ClearPacket& clear) const noexcept;
  void note_passed(const ClearPacket& clear, base::BucketIndex bucket) noexcept;
  [[nodiscard]] bool has_passed(const ClearPacket& clear, base::BucketIndex bucket) noexcept;
  [[nodiscard]] bool still_wanted(const ComingQueue::Entry& entry) noexcept;
  void release_coming() noexcept;
  void capture_marked(std::span<rte_mbuf* const> packets, std::uint8_t port,
                      DropReason reason) noexcept;

  // stage_clear.cpp
  void process_clear() noexcept;
  [[nodiscard]] bool is_for_others(const ClearPacket& clear, const FlowVerdict& verdict,
                                   base::BucketIndex bucket) noexcept;
  void apply_verdict(ClearPacket& clear, const FlowVerdict& verdict) noexcept;
  // lane: see FlowVerdict. handed: another worker gave it to us, as the owner of the SA's bucket.
  void protect(ClearPacket& clear, ipsec::OutboundSa& sa, std::uint8_t lane, bool handed) noexcept;
  static void describe(const ClearPacket& clear, ipsec::OutboundSa& sa,
                       ipsec::EspPacket& esp) noexcept;
  FlowVerdict decide(const ClearPacket& clear) noexcept;
  FlowVerdict from_policy(std::uint32_t position, bool inbound) noexcept;
  [[nodiscard]] base::BucketIndex bucket_of(const ClearPacket& clear) const noexcept;
  [[nodiscard]] PacketSide side_of(const ClearOrigin& from) const noexcept {
    if (from.own) return PacketSide::Own;
    const auto& port = port_views_[from.port];
    return from.from_tunnel ? port.tunnel_side : port.clear_side;
  }

  // stage_esp.cpp
  void process_esp_in() noexcept;
  void decrypt_session() noexcept;
  void process_esp_out() noexcept;
  void collect_crypto() noexcept;
  void finish_decrypted(std::span<ipsec::EspPacket> packets) noexcept;
  void finish_encrypted(std::span<ipsec::EspPacket> packets) noexcept;
  void too_big(const ipsec::EspPacket& packet) noexcept;
  void hold(const ipsec::EspPacket& packet, bool inbound) noexcept;
  [[nodiscard]] bool must_queue(std::uint32_t sa) const noexcept {
    return !held_.empty() && !releasing_ && held_.waits(sa);
  }
  void queue_behind_held() noexcept;
  void retry_held() noexcept;
  void release_inbound(ipsec::EspPacket& packet) noexcept;
  void pass_raises() noexcept;

  // fragment.cpp
  static constexpr unsigned kMaxFragments = 16;
  using Fragments = std::array<rte_mbuf*, kMaxFragments>;
  // Cuts the IPv4 packet at the mbuf's data; it is freed. 0 when that failed (counted).
  unsigned fragment(rte_mbuf* packet, std::uint16_t mtu, Fragments& out) noexcept;

  // stage_forward.cpp
  void process_forward() noexcept;
  [[nodiscard]] PlainRoute plain_route(std::uint64_t number) const noexcept;
  bool send_plain(const ForwardPacket& forward, const PlainRoute& route) noexcept;
  void route_one(const ForwardPacket& forward, std::uint64_t number) noexcept;
  void leave(const ForwardPacket& forward, const RouteTarget& target) noexcept;
  void send_to(rte_mbuf* packet, const RouteTarget& target, Origin origin) noexcept;
  void back_to_policy(const ForwardPacket& forward, std::uint8_t egress) noexcept;
  void send_adjacent(rte_mbuf* packet, AdjacencyIndex index, Origin origin) noexcept;
  void send_adjacent(rte_mbuf* packet, const Adjacency& adjacency) noexcept;
  void frame_and_send(rte_mbuf* packet, std::uint8_t* l3, std::uint32_t length,
                      const Adjacency& adjacency) noexcept;
  // bytes: the frame's, as the mbuf has it.
  void transmit(rte_mbuf* packet, std::uint8_t port, std::uint32_t bytes) noexcept;
  void flush_tx() noexcept;
  void flush_tx(std::size_t port) noexcept;

  // stage_lanes.cpp
  // EspPacket::tag of a held inbound packet that is a frame already, with the port where it leaves.
  static constexpr std::uint32_t kFramed = 0x100;
  void dispatch_in() noexcept;
  void dispatch_out(std::span<ipsec::EspPacket> packets) noexcept;
  void give_out(std::span<ipsec::EspPacket> packets) noexcept;
  [[nodiscard]] static bool is_too_big(const ipsec::EspPacket& packet) noexcept;
  [[nodiscard]] std::uint8_t next_in_turn() noexcept;
  [[nodiscard]] std::uint8_t shortest_queue() noexcept;
  [[nodiscard]] std::uint8_t lane_for(const ipsec::Policy& policy) noexcept;
  [[nodiscard]] std::uint8_t pick_worker(const ipsec::EspPacket& packet) noexcept;
  void send_run(std::uint8_t worker, std::span<ipsec::EspPacket> run) noexcept;
  [[nodiscard]] std::uint8_t owner_of(const ipsec::InboundSa& sa,
                                      ipsec::EspPacket& packet) noexcept;
  void encrypt_burst(std::span<ipsec::EspPacket> packets) noexcept;
  void decrypt_burst(std::span<ipsec::EspPacket> packets) noexcept;
  [[nodiscard]] static std::uint8_t make_frame(ipsec::EspPacket& entry,
                                               const Adjacency& adjacency) noexcept;
  unsigned serve_lanes() noexcept;
  unsigned serve(PacketLane& lane, bool inbound) noexcept;
  unsigned collect_lanes() noexcept;
  unsigned collect(EgressOrder& order, base::TimePoint& blocked, bool inbound) noexcept;
  void leave_in_order(std::span<ipsec::EspPacket> packets, const std::uint8_t* ports,
                      bool inbound) noexcept;
  void watch_order(EgressOrder& order, unsigned taken, base::TimePoint& blocked) noexcept;
  [[nodiscard]] bool lanes_have_room() const noexcept;
  [[nodiscard]] bool may_receive() noexcept;
  [[nodiscard]] bool paused_for_long() const noexcept;

  // stage_moves.cpp
  void follow_moves() noexcept;
  void adopt_table() noexcept;
  void try_to_drain() noexcept;
  bool pass_on_held() noexcept;
  [[nodiscard]] bool pass_on(const HoldQueue::Entry& entry, std::uint8_t owner) noexcept;
  void take_from_givers() noexcept;

  // stage_queues.cpp
  unsigned poll_control() noexcept;
  unsigned poll_peers() noexcept;
  unsigned poll_peer(PeerLink& link) noexcept;
  void take_task(rte_mbuf* packet) noexcept;
  void take_encrypt(rte_mbuf* packet, const PacketMeta& meta) noexcept;
  void take_held(rte_mbuf* packet, const PacketMeta& meta) noexcept;
  void punt(rte_mbuf* packet, PuntReason reason, std::uint8_t port, std::uint16_t l3_offset,
            bool from_tunnel, std::uint16_t mtu = 0) noexcept;
  void punt_neighbor_miss(rte_mbuf* packet, std::uint8_t port, const net::IpAddress& next_hop,
                          Origin origin) noexcept;
  void hand_to_peer(rte_mbuf* packet, std::uint8_t worker) noexcept;
  void drop(rte_mbuf* packet, DropReason reason) noexcept;
  void flush_drops() noexcept;
  void capture(const std::uint8_t* bytes, std::size_t length, bool ip) noexcept;
  void capture_frame(const rte_mbuf* packet) noexcept;
  void capture_drop(const rte_mbuf* packet, DropReason reason) noexcept;
  void capture_sa(const ipsec::EspPacket& packet, std::uint32_t sa) noexcept;

  // worker.cpp
  void run_lists() noexcept;
  void finish_iteration() noexcept;
  void count_busy_time(bool busy) noexcept;
  void idle(unsigned empty_polls) noexcept;

  const WorkerSetup setup_;
  Tables& tables_;
  std::unique_ptr<ipsec::EspEngine> engine_;
  FlowCache flows_;
  ForeignFlows foreign_;
  HoldQueue held_;
  ComingQueue coming_;
  std::uint64_t seen_moves_ = 0;
  bool releasing_coming_ = false;
  bool moving_ = false;  // buckets move between nodes; as of this iteration
  std::uint64_t seen_lease_version_ = 0;
  bool releasing_ = false;  // held packets are on their way out
  bool submitted_ = false;  // this iteration gave packets to the multi-buffer manager
  bool handed_ = false;     // the burst in the lists came from another worker
  bool capturing_ = false;
  CaptureFilter capture_filter_;
  std::array<PortView, kMaxPorts> port_views_{};
  bool hands_on_ = false;  // forward mode
  std::array<HandOnView, kMaxPorts> hand_on_{};
  std::uint8_t private_port_ = 0;  // Origin::port of what came out of tunnels

  // Work of the current iteration. Each list is emptied before it can overflow.
  List<ClearPacket> clear_;
  List<ipsec::EspPacket> esp_in_;
  std::array<std::uint32_t, kBurst> esp_spis_{};
  List<ipsec::EspPacket> esp_out_;
  List<ipsec::EspPacket> striped_in_;   // packet mode, as received
  List<ipsec::EspPacket> striped_out_;  // packet mode, without numbers
  List<ForwardPacket> forward_;
  net::GroundsBurst grounds_;
  std::array<rte_mbuf*, 2 * kBurst> dropped_{};
  unsigned num_dropped_ = 0;
  std::vector<TxBuffer> tx_;  // by port

  // Packet mode and moving buckets.
  BucketHandover handover_;
  std::array<ipsec::EspPacket, kBurst> served_;  // of another worker, at work on now
  // What encrypt_burst() and decrypt_burst() say of each packet.
  std::array<const std::uint8_t*, kBurst> starts_{};
  std::array<std::uint8_t, kBurst> ports_{};
  LaneBurst collected_;  // those whose turn it is to leave
  EgressOrder order_in_;
  EgressOrder order_out_;
  // Set when all before the fences is taken: what was given out by then has to leave first.
  std::optional<std::uint64_t> drain_mark_;
  base::TimePoint blocked_in_{};  // since when the next run is awaited; zero: not
  base::TimePoint blocked_out_{};
  std::uint32_t last_spi_ = 0;  // whose bucket is known from the packet before
  std::uint32_t last_stripe_ = 0;
  std::uint8_t last_bucket_ = 0;
  bool last_known_ = false;
  std::uint8_t next_worker_ = 0;  // round robin
  base::TimePoint paused_{};      // since when the lanes are full; zero: not
  unsigned busy_polls_ = 0;       // since last_tsc_
  std::uint64_t last_tsc_ = 0;    // when the cycle counter was last read

  WorkerCounters counters_;
};

}  // namespace phalanx::dataplane
