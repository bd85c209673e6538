// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/dataplane.hpp"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <algorithm>
#include <utility>

#include "phalanx/base/log.hpp"
#include "phalanx/net/hand_on_mac.hpp"

namespace phalanx::dataplane {
namespace {

constexpr std::uint32_t kCaptureBuffers = 1024;
constexpr std::uint32_t kCaptureSlots = 512;
// Beside what the queues of the cluster port hold: a few datagrams on their way out.
constexpr std::uint32_t kClusterBuffers = 1024;
// Ethernet header, VLAN tag, and what ESP needs behind a packet: padding, trailer and the longest
// ICV. Rounded up so that the usual MTU gives the usual 2 KiB buffer.
constexpr std::uint32_t kFrameSlack = 14 + 4 + 64;

std::uint16_t buffer_bytes(const Config& config) {
  std::uint32_t largest = 0;
  for (const auto& port : config.ports) largest = std::max<std::uint32_t>(largest, port.mtu);
  const auto wanted = std::max<std::uint32_t>(largest + kFrameSlack, 2048);
  return static_cast<std::uint16_t>((wanted + 63) / 64 * 64);
}

std::string ring_name(const char* what, std::size_t worker) {
  return std::string("phalanx_") + what + "_" + std::to_string(worker);
}

// Workers that receive share each device's queues; this says which of them each worker is.
std::vector<std::uint16_t> receivers(const Config& config) {
  std::vector<std::uint16_t> workers;
  for (std::size_t i = 0; i < config.workers.size(); ++i) {
    if (config.workers[i].receives()) workers.push_back(static_cast<std::uint16_t>(i));
  }
  return workers;
}

}  // namespace

Dataplane::Dataplane(const Config& config, const base::Clock& clock, dpdk::Mempool pool,
                     dpdk::Mempool capture_pool, dpdk::Quiescence quiescence)
    : config_(config),
      clock_(clock),
      pool_(std::move(pool)),
      capture_pool_(std::move(capture_pool)),
      quiescence_(std::move(quiescence)),
      links_(config.workers.size()) {}

base::Result<std::unique_ptr<Dataplane>, std::string> Dataplane::open(const Config& config,
                                                                      const base::Clock& clock) {
  auto pool = dpdk::Mempool::create(
      {"phalanx_packets", config.limits.mbufs, kPacketMetaBytes, buffer_bytes(config)});
  if (!pool) return pool.error();
  auto capture_pool = dpdk::Mempool::create(
      {"phalanx_capture", kCaptureBuffers, kPacketMetaBytes, buffer_bytes(config)});
  if (!capture_pool) return capture_pool.error();
  auto quiescence = dpdk::Quiescence::create(base::kMaxWorkers);
  if (!quiescence) return quiescence.error();
  std::unique_ptr<Dataplane> dataplane(new Dataplane(
      config, clock, std::move(*pool), std::move(*capture_pool), std::move(*quiescence)));
  if (auto opened = dataplane->open_devices(); !opened) return opened.error();
  dataplane->fill_ports();
  if (config.cluster_node != base::NodeId{}) {
    dataplane->tables_.distribution.join(config.cluster_node, config.hand_on);
    dataplane->tables_.open_until_ns.store(0, std::memory_order_relaxed);
  }
  auto& tables = dataplane->tables_;
  tables.adjacencies =
      std::make_unique<AdjacencyTable>(config.limits.neighbors, dataplane->quiescence_);
  auto hosts = HostTable::create(config.limits.neighbors);
  if (!hosts) return hosts.error();
  tables.hosts = std::make_unique<HostTable>(std::move(*hosts));
  if (auto made = dataplane->make_queues(); !made) return made.error();
  return dataplane;
}

Dataplane::~Dataplane() {
  stop();
}

base::Result<base::Ok, std::string> Dataplane::open_devices() {
  for (const auto& port : config_.ports) {
    const auto known = std::find(device_names_.begin(), device_names_.end(), port.device);
    if (known != device_names_.end()) continue;
    dpdk::Device::Options options;
    options.device = port.device;
    options.wanted_queues = static_cast<std::uint16_t>(receivers(config_).size());
    options.rx_descriptors = port.rx_descriptors;
    options.tx_descriptors = port.tx_descriptors;
    // The address of all nodes is none that a device could have for itself.
    if (config_.cluster_node == base::NodeId{}) options.mac = port.mac;
    for (const auto& other : config_.ports) {
      if (other.device != port.device) continue;
      options.mtu = std::max(options.mtu, other.mtu);
      options.tagged = options.tagged || other.vlan != 0;
    }
    const bool cluster = port.role == PortRole::Cluster;
    if (cluster) {
      options.wanted_queues = 1;
      auto pool = dpdk::Mempool::create(
          {"phalanx_cluster", kClusterBuffers + port.rx_descriptors + port.tx_descriptors,
           kPacketMetaBytes, buffer_bytes(config_)});
      if (!pool) return pool.error();
      cluster_pool_ = std::move(*pool);
    }
    auto device = dpdk::Device::open(options, cluster ? *cluster_pool_ : pool_);
    if (!device) return device.error();
    if (cluster) {
      cluster_link_ = {device->port_id(), cluster_pool_->get(), device->mac(), port.mtu};
    }
    devices_.push_back(std::move(*device));
    device_names_.push_back(port.device);
  }
  return base::Ok{};
}

void Dataplane::fill_ports() {
  tables_.devices.resize(devices_.size());
  for (const auto& port : config_.ports) {
    const auto device = static_cast<std::uint8_t>(
        std::find(device_names_.begin(), device_names_.end(), port.device) - device_names_.begin());
    const auto index = static_cast<std::uint8_t>(tables_.ports.size());
    const auto mac = port.mac.is_zero() ? devices_[device].mac() : port.mac;
    const bool by_hop = config_.hand_on && port.role != PortRole::Cluster;
    const auto source = by_hop ? net::hand_on_mac(mac, config_.cluster_node, net::HandOnHop::First)
                               : devices_[device].mac();
    tables_.ports.push_back({port.name, port.role, mac, source, port.mtu, port.vlan, device,
                             port.addresses, port.next_hops});
    auto& map = tables_.devices[device];
    if (port.vlan == 0) {
      map.untagged = index;
    } else {
      map.vlans.push_back({port.vlan, index});
    }
    for (const auto& hop : port.next_hops) tables_.local.add(hop.address);
    for (const auto& address : port.addresses) {
      tables_.local.add(address.address);
      if (address.address.is_v4() && address.prefix_length < 31) {
        const auto host_bits = 0xffffffffU >> address.prefix_length;
        tables_.local.add_broadcast(
            net::IpAddress::v4(address.address.v4_host_order() | host_bits));
      }
    }
  }
}

base::Result<base::Ok, std::string> Dataplane::make_queues() {
  const auto workers = links_.size();
  for (std::size_t i = 0; i < workers; ++i) {
    auto& link = links_[i];
    link.owner = this;
    auto to_control = dpdk::PacketRing::create(ring_name("punt", i), config_.limits.punt_queue);
    if (!to_control) return to_control.error();
    auto from_control = dpdk::PacketRing::create(ring_name("inject", i), config_.limits.punt_queue);
    if (!from_control) return from_control.error();
    auto to_capture = dpdk::PacketRing::create(ring_name("capture", i), kCaptureSlots);
    if (!to_capture) return to_capture.error();
    link.to_control = std::move(*to_control);
    link.from_control = std::move(*from_control);
    link.to_capture = std::move(*to_capture);
    link.to_peers.resize(workers);
    for (std::size_t peer = 0; peer < workers; ++peer) {
      if (peer != i) link.to_peers[peer] = std::make_unique<PeerLink>();
    }
  }
  return base::Ok{};
}

base::Result<base::Ok, std::string> Dataplane::set_routes(std::span<const Route> routes,
                                                          std::vector<RouteTarget> targets) {
  auto fib = Fib::create(routes, std::move(targets));
  if (!fib) return fib.error();
  tables_.fib = std::make_unique<Fib>(std::move(*fib));
  return base::Ok{};
}

base::Result<base::Ok, std::string> Dataplane::set_policies(
    std::span<const ipsec::Policy> policies) {
  auto spd = SpdClassifier::create(policies);
  if (!spd) return spd.error();
  tables_.spd = std::make_unique<SpdClassifier>(std::move(*spd));
  return base::Ok{};
}

base::Result<base::Ok, std::string> Dataplane::set_sas(std::unique_ptr<ipsec::SaStore> sas) {
  auto sad = ipsec::Sad::create(sas->inbound());
  if (!sad) return std::string("two inbound SAs have one SPI");
  tables_.sad = std::make_unique<ipsec::Sad>(std::move(*sad));
  // The bucket of the SPI decides which worker owns the SA, in both directions. In packet mode it
  // is the owner who numbers outbound packets; inbound ones have buckets of their own.
  const auto assign = [&](auto& sa) { sa.set_bucket(tables_.bucket_hash->esp_session(sa.spi())); };
  for (auto& sa : sas->inbound()) {
    assign(sa);
    if (sa.packet_mode() && !tables_.stripes.insert(sa.spi(), sa.stripe_shift())) {
      return std::string("no memory for the list of SAs in packet mode");
    }
  }
  for (auto& sa : sas->outbound()) assign(sa);
  tables_.sas = std::move(sas);
  return base::Ok{};
}

void Dataplane::set_bucket_key(const net::BucketHash::Key& key) {
  tables_.bucket_hash = std::make_unique<net::BucketHash>(key);
  tables_.digest = net::PacketDigest(key);
}

void Dataplane::set_fixed_neighbor(AdjacencyIndex index, const FixedNeighbor& neighbor) {
  if (tables_.fixed_neighbors.size() <= index.value()) {
    tables_.fixed_neighbors.resize(index.value() + 1);
  }
  tables_.fixed_neighbors[index.value()] = neighbor;
}

base::Result<base::Ok, std::string> Dataplane::make_worker(std::size_t index,
                                                           std::uint64_t flow_seed) {
  auto& link = links_[index];
  const auto workers = links_.size();
  auto raises =
      RaiseRing::create(ring_name("raise", index), static_cast<std::uint32_t>(tables_.sas->size()));
  if (!raises) return raises.error();
  link.raises = std::move(*raises);
  WorkerSetup setup;
  setup.index = base::WorkerIndex(static_cast<std::uint8_t>(index));
  setup.tables = &tables_;
  setup.quiescence = &quiescence_;
  setup.clock = &clock_;
  setup.capture = &capture_;
  setup.pool = pool_.get();
  setup.capture_pool = capture_pool_.get();
  setup.to_control = &*link.to_control;
  setup.from_control = &*link.from_control;
  setup.to_capture = &*link.to_capture;
  setup.raises = &*link.raises;
  if (tables_.distribution.shared()) {
    link.passed = std::make_unique<PassedRing>(kPassedRingSlots);
    setup.passed = link.passed.get();
  }
  setup.coming_hold = config_.coming_hold;
  setup.limits = config_.limits;
  setup.idle_sleep = config_.idle_sleep;
  setup.tell_discarded = config_.tell_discarded;
  setup.flow_seed = flow_seed + index;
  for (std::size_t peer = 0; peer < workers; ++peer) {
    setup.to_peers.push_back(link.to_peers[peer].get());
    setup.from_peers.push_back(links_[peer].to_peers[index].get());
    if (config_.workers[peer].encrypts()) {
      setup.encrypts = static_cast<std::uint16_t>(setup.encrypts | (1U << peer));
    }
  }
  const auto receiving = receivers(config_);
  const auto place = std::find(receiving.begin(), receiving.end(), index) - receiving.begin();
  const bool receives = config_.workers[index].receives();
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const auto& device = devices_[i];
    // A reserved port (the cluster's) takes no part in forwarding yet.
    const bool reserved = std::all_of(
        tables_.ports.begin(), tables_.ports.end(),
        [&](const Port& port) { return port.device != i || port.role == PortRole::Cluster; });
    for (std::uint16_t queue = 0; queue < device.rx_queues() && !reserved; ++queue) {
      // Device i's queues are dealt out from worker i on, so that two one-queue devices do not
      // both burden the first worker.
      if (receiving[(i + queue) % receiving.size()] != index) continue;
      setup.rx_queues.push_back({device.port_id(), queue, static_cast<std::uint8_t>(i)});
    }
    const bool own = receives && place < device.tx_queues();
    const auto sender =
        receiving[index % std::min<std::size_t>(device.tx_queues(), receiving.size())];
    setup.tx_paths.push_back({own, device.port_id(), static_cast<std::uint16_t>(place),
                              static_cast<std::uint8_t>(sender)});
  }
  auto worker = Worker::create(std::move(setup));
  if (!worker) return worker.error();
  link.worker = std::move(*worker);
  return base::Ok{};
}

int Dataplane::run_worker(void* argument) noexcept {
  auto* link = static_cast<Link*>(argument);
  link->worker->run(link->owner->stop_);
  link->ended.store(true, std::memory_order_release);
  return 0;
}

base::Result<base::Ok, std::string> Dataplane::start(std::uint64_t flow_seed) {
  std::vector<std::uint8_t> shares;
  for (const auto& worker : config_.workers) {
    shares.push_back(worker.encrypts() ? worker.share : std::uint8_t{0});
  }
  buckets_ = std::make_unique<BucketTable>(make_bucket_table(shares));
  show_owners();
  tables_.handover.publish(*buckets_);
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (auto made = make_worker(i, flow_seed); !made) return made.error();
  }
  unsigned lcore = rte_get_next_lcore(-1U, 1, 0);
  for (auto& link : links_) {
    if (lcore >= RTE_MAX_LCORE) return std::string("fewer lcores than workers");
    link.lcore = lcore;
    lcore = rte_get_next_lcore(lcore, 1, 0);
  }
  running_ = true;
  for (auto& link : links_) {
    if (rte_eal_remote_launch(&Dataplane::run_worker, &link, link.lcore) != 0) {
      return std::string("a worker's lcore is busy");
    }
  }
  return base::Ok{};
}

void Dataplane::stop() noexcept {
  if (!running_) return;
  running_ = false;
  stop_.store(true, std::memory_order_relaxed);
  for (const auto& link : links_) {
    rte_eal_wait_lcore(link.lcore);
    static_cast<void>(link.ended.load(std::memory_order_acquire));
  }
  // A worker may have handed packets to one that had ended already. Nobody runs any more, so the
  // queues are finished here; as often as that makes one hand on something more.
  for (unsigned work = 1; work != 0;) {
    work = 0;
    for (auto& link : links_) work += link.worker->drain();
  }
}

bool Dataplane::move_buckets(std::span<const BucketMove> moves) {
  if (!running_ || !tables_.handover.settled(buckets_->version, links_.size())) return false;
  for (const auto& move : moves) {
    const auto to = move.to.value();
    if (to >= links_.size() || !config_.workers[to].encrypts()) return false;
  }
  old_buckets_ = std::move(buckets_);
  buckets_ = std::make_unique<BucketTable>(after_moves(*old_buckets_, moves));
  show_owners();
  tables_.handover.publish(*buckets_);
  return true;
}

std::uint64_t Dataplane::cycles() noexcept {
  return rte_rdtsc();
}

void Dataplane::show_owners() noexcept {
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    owners_[i].store(buckets_->owner[i], std::memory_order_relaxed);
  }
}

unsigned Dataplane::pop_punted(std::size_t worker, std::span<rte_mbuf*> packets) noexcept {
  return links_[worker].to_control->pop(packets.data(), static_cast<unsigned>(packets.size()));
}

bool Dataplane::push_to_worker(std::size_t worker, rte_mbuf* packet) noexcept {
  return links_[worker].from_control->push(&packet, 1) == 1;
}

unsigned Dataplane::pop_captured(std::size_t worker, std::span<rte_mbuf*> packets) noexcept {
  return links_[worker].to_capture->pop(packets.data(), static_cast<unsigned>(packets.size()));
}

bool Dataplane::pop_raise(std::size_t worker, ipsec::Direction& direction,
                          std::uint32_t& index) noexcept {
  return links_[worker].raises->pop(direction, index);
}

void Dataplane::announce_leases() noexcept {
  tables_.lease_version.fetch_add(1, std::memory_order_release);
}

}  // namespace phalanx::dataplane
