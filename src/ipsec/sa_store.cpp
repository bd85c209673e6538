// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/sa_store.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "arena.hpp"
#include "imb.hpp"
#include "key_block.hpp"
#include "phalanx/ipsec/kdf.hpp"
#include "phalanx/net/checksum.hpp"

namespace phalanx::ipsec {
namespace {

// Time to live of the outer header; RFC 1700, and what other gateways send.
constexpr std::uint8_t kOuterTtl = 64;
constexpr std::uint64_t kMaxSequence32 = 0xffffffff;

std::size_t key_bytes(EspAlgorithm algorithm) noexcept {
  return std::size_t{info(algorithm).key_bytes} + info(algorithm).salt_bytes;
}

std::optional<SaStoreError> check(const SaParams& sa, const SaStart& start) noexcept {
  if (sa.key.size() != key_bytes(sa.algorithm) ||
      sa.auth_key.size() != info(sa.algorithm).auth_key_bytes) {
    return SaStoreError::BadKeyLength;
  }
  if (sa.local.family != sa.remote.family) return SaStoreError::BadAddress;
  // One above the last number says that the SA was used up before.
  if (start.first == 0 || (!sa.esn && start.first > kMaxSequence32 + 1)) {
    return SaStoreError::BadStart;
  }
  const bool striped = sa.mode == SaMode::Packet;
  if (striped && (sa.stripe_shift < kMinStripeShift || sa.stripe_shift > kMaxStripeShift)) {
    return SaStoreError::BadStripe;
  }
  if (sa.direction == Direction::Outbound) {
    return start.iv_counter == nullptr ? std::optional(SaStoreError::MissingIvCounter)
                                       : std::nullopt;
  }
  const bool window_ok =
      sa.replay_window >= kMinReplayWindow && sa.replay_window <= kMaxReplayWindow;
  if (!window_ok) return SaStoreError::BadWindow;
  if (striped && (sa.replay_window >> sa.stripe_shift) > kMaxWindowStripes) {
    return SaStoreError::BadStripe;
  }
  return std::nullopt;
}

std::optional<SaStoreFailure> check_all(std::span<const SaParams> params,
                                        std::span<const Policy> policies,
                                        std::span<const SaStart> starts) {
  if (starts.size() != params.size()) return SaStoreFailure{SaStoreError::SizeMismatch, 0};
  std::unordered_set<std::string_view> keys;
  std::vector<std::size_t> num_selectors(params.size());
  std::size_t num_striped = 0;
  for (std::size_t i = 0; i < params.size(); ++i) {
    if (const auto error = check(params[i], starts[i])) return SaStoreFailure{*error, i};
    if (params[i].mode == SaMode::Packet && ++num_striped > kMaxPacketModeSas) {
      return SaStoreFailure{SaStoreError::TooManyPacketMode, i};
    }
    // The cipher key alone, whatever its salt: P1 then needs no look at the salts.
    const auto key = params[i].key.bytes().first(info(params[i].algorithm).key_bytes);
    const std::string_view text(static_cast<const char*>(static_cast<const void*>(key.data())),
                                key.size());
    if (!keys.insert(text).second) return SaStoreFailure{SaStoreError::KeyReused, i};
  }
  for (std::size_t i = 0; i < policies.size(); ++i) {
    for (const auto sa : policies[i].in_sas) {
      if (sa >= params.size() || params[sa].direction != Direction::Inbound) {
        return SaStoreFailure{SaStoreError::BadPolicy, i};
      }
      if (++num_selectors[sa] > kMaxSelectorsPerSa)
        return SaStoreFailure{SaStoreError::BadPolicy, i};
    }
  }
  return std::nullopt;
}

MaskedAddress masked(const net::Prefix& prefix) noexcept {
  std::array<std::uint8_t, 16> mask{};
  for (unsigned bit = 0; bit < prefix.length; ++bit) {
    mask[bit / 8] |= static_cast<std::uint8_t>(0x80U >> (bit % 8));
  }
  MaskedAddress made;
  std::memcpy(made.mask.data(), mask.data(), mask.size());
  std::memcpy(made.value.data(), prefix.address.bytes.data(), mask.size());
  return made;
}

// Inbound packets have our side as destination.
InboundSelector compile(const Selector& selector) noexcept {
  InboundSelector made;
  made.source = masked(selector.remote);
  made.destination = masked(selector.local);
  made.source_port_low = selector.remote_ports.low;
  made.source_port_span =
      static_cast<std::uint16_t>(selector.remote_ports.high - selector.remote_ports.low);
  made.destination_port_low = selector.local_ports.low;
  made.destination_port_span =
      static_cast<std::uint16_t>(selector.local_ports.high - selector.local_ports.low);
  made.family = static_cast<std::uint8_t>(selector.local.address.family);
  made.protocol = selector.protocol;
  made.wants_ports = !selector.local_ports.any() || !selector.remote_ports.any();
  return made;
}

// The first bytes of source and destination side by side, as they stand in an IPv4 header.
std::uint64_t side_by_side(std::uint64_t source, std::uint64_t destination) noexcept {
  return (source & 0xffffffff) | (destination << 32);
}

}  // namespace

// Where everything lives. The destructor of an arena wipes it.
struct SaStore::Impl {
  Arena arena;        // SAs
  Arena key_arena;    // expanded keys
  Arena table_arena;  // windows, what packet mode needs, and selectors
  std::span<InboundSa> inbound;
  std::span<OutboundSa> outbound;
  std::span<StripedInbound> striped_inbound;  // those not given out yet
  std::span<OutboundShards> outbound_shards;
  // Position in the list of SAs -> the SA; one of the two is null.
  struct Place {
    InboundSa* in = nullptr;
    OutboundSa* out = nullptr;
  };
  std::vector<Place> places;

  bool allocate(std::span<const SaParams> params, std::span<const Policy> policies);
  const void* take_key(const SaParams& params, const IMB_MGR& manager) noexcept;
  void fill_outbound(OutboundSa& sa, const SaParams& params, const SaStart& start,
                     std::uint64_t iv_prefix_bits) noexcept;
  void fill_inbound(InboundSa& sa, const SaParams& params, const SaStart& start) noexcept;
  void fill_selectors(InboundSa& sa, std::span<const Policy* const> policies) noexcept;
};

bool SaStore::Impl::allocate(std::span<const SaParams> params, std::span<const Policy> policies) {
  std::size_t num_in = 0;
  std::size_t key_space = 0;
  std::size_t table_space = 2 * base::kCacheLine;
  std::size_t num_striped[2] = {};
  for (const auto& sa : params) {
    key_space += key_block_bytes(sa.algorithm);
    if (sa.mode == SaMode::Packet) ++num_striped[sa.direction == Direction::Outbound ? 1 : 0];
    if (sa.direction != Direction::Inbound) continue;
    ++num_in;
    if (sa.mode == SaMode::Packet) continue;
    table_space += ReplayWindow::ring_words(sa.replay_window) * sizeof(std::uint64_t);
  }
  table_space += num_striped[0] * sizeof(StripedInbound) + num_striped[1] * sizeof(OutboundShards);
  for (const auto& policy : policies) table_space += policy.in_sas.size() * sizeof(InboundSelector);
  const auto num_out = params.size() - num_in;

  arena = Arena(num_in * sizeof(InboundSa) + num_out * sizeof(OutboundSa));
  key_arena = Arena(key_space);
  table_arena = Arena(table_space);
  if (arena.empty() || key_arena.empty() || table_arena.empty()) return false;
  // Those with the strictest alignment first.
  striped_inbound = table_arena.take<StripedInbound>(num_striped[0]);
  outbound_shards = table_arena.take<OutboundShards>(num_striped[1]);
  inbound = arena.take<InboundSa>(num_in);
  outbound = arena.take<OutboundSa>(num_out);

  places.resize(params.size());
  std::size_t next_in = 0;
  std::size_t next_out = 0;
  for (std::size_t i = 0; i < params.size(); ++i) {
    if (params[i].direction == Direction::Inbound) {
      places[i].in = &inbound[next_in++];
    } else {
      places[i].out = &outbound[next_out++];
    }
  }
  return true;
}

const void* SaStore::Impl::take_key(const SaParams& params, const IMB_MGR& manager) noexcept {
  struct alignas(base::kCacheLine) Line {
    std::array<std::byte, base::kCacheLine> bytes;
  };
  auto* block = key_arena.take<Line>(key_block_bytes(params.algorithm) / sizeof(Line)).data();
  return expand_keys(manager, params, block);
}

namespace {

std::array<std::uint8_t, 4> salt_of(const SaParams& params) noexcept {
  std::array<std::uint8_t, 4> salt{};
  const auto& algorithm = info(params.algorithm);
  std::memcpy(salt.data(), params.key.bytes().data() + algorithm.key_bytes, algorithm.salt_bytes);
  return salt;
}

// The unfinished sum of the words that never change: the engine adds the others and complements.
net::Ipv4Header outer_ipv4(const SaParams& params) noexcept {
  net::Ipv4Header header{};
  header.version_ihl = 0x45;
  header.ttl = kOuterTtl;
  header.protocol = net::kProtoEsp;
  std::memcpy(header.source.data(), params.local.bytes.data(), 4);
  std::memcpy(header.destination.data(), params.remote.bytes.data(), 4);
  const auto sum = net::checksum_add(0, std::as_bytes(std::span(&header, 1)));
  header.checksum = base::be16(static_cast<std::uint16_t>(~net::checksum_finish(sum)));
  return header;
}

}  // namespace

void SaStore::Impl::fill_outbound(OutboundSa& sa, const SaParams& params, const SaStart& start,
                                  std::uint64_t iv_prefix_bits) noexcept {
  const bool v6 = params.local.is_v6();
  sa.next_sequence_.set(start.first);
  sa.gate_.publish(start.lease_limit, start.lease_raise_at);
  sa.iv_base_ = iv_prefix_bits;
  if (info(params.algorithm).combined()) sa.iv_base_ ^= iv_mask(params.key.bytes());
  sa.iv_counter_ = start.iv_counter;

  sa.spi_ = base::be32(params.spi.value());
  if (v6) {
    sa.outer_.v6 = {params.local.bytes, params.remote.bytes};
  } else {
    sa.outer_.v4 = {outer_ipv4(params), sa.spi_};
  }
  sa.salt_ = salt_of(params);
  sa.outer_mtu_.store(params.path_mtu != 0 ? params.path_mtu : 0xffff, std::memory_order_relaxed);
  sa.algorithm_ = params.algorithm;
  sa.flags_ = static_cast<std::uint8_t>((params.esn ? OutboundSa::kEsn : 0) |
                                        (v6 ? OutboundSa::kOuterV6 : 0) |
                                        (params.df == DfPolicy::Copy ? OutboundSa::kDfCopy : 0) |
                                        (params.df == DfPolicy::Set ? OutboundSa::kDfSet : 0));
  // RFC 6040 4.1, normal mode: the ECN field is copied whatever becomes of the DSCP.
  sa.class_keep_ = params.copy_dscp ? 0xff : net::kEcnMask;
  sa.class_set_ = params.copy_dscp ? 0 : static_cast<std::uint8_t>(params.outer_dscp << 2);
  sa.uid_ = params.uid;
  if (params.mode == SaMode::Packet) {
    sa.flags_ |= OutboundSa::kPacketMode;
    sa.stripe_shift_ = params.stripe_shift;
    sa.shards_ = &outbound_shards.front();
    outbound_shards = outbound_shards.subspan(1);
    for (auto& shard : sa.shards_->shards) shard.iv_base = sa.iv_base_;
  }
}

void SaStore::Impl::fill_inbound(InboundSa& sa, const SaParams& params,
                                 const SaStart& start) noexcept {
  const bool striped = params.mode == SaMode::Packet;
  const auto window = striped ? kMinReplayWindow : params.replay_window;  // not used when striped
  const auto words = ReplayWindow::ring_words(window);
  sa.window_.start(window, start.first, table_arena.take<std::uint64_t>(words));
  sa.gate_.publish(start.lease_limit, start.lease_raise_at);
  sa.salt_ = salt_of(params);
  sa.spi_ = base::be32(params.spi.value());
  sa.algorithm_ = params.algorithm;
  sa.flags_ = params.esn ? InboundSa::kEsn : 0;
  sa.uid_ = params.uid;
  sa.floor_ = start.first;
  sa.window_size_ = params.replay_window;
  if (striped) {
    sa.flags_ |= InboundSa::kPacketMode;
    sa.stripe_shift_ = params.stripe_shift;
    sa.striped_ = &striped_inbound.front();
    striped_inbound = striped_inbound.subspan(1);
    for (auto& context : sa.striped_->contexts) context.start(start.first, params.stripe_shift);
  }
}

void SaStore::Impl::fill_selectors(InboundSa& sa,
                                   std::span<const Policy* const> policies) noexcept {
  const auto selectors = table_arena.take<InboundSelector>(policies.size());
  for (std::size_t i = 0; i < policies.size(); ++i) {
    selectors[i] = compile(policies[i]->selector);
  }
  sa.selectors_ = selectors.data();
  sa.num_selectors_ = static_cast<std::uint16_t>(selectors.size());
  if (selectors.size() == 1 && selectors[0].family == 4 && !selectors[0].wants_ports) {
    const auto& only = selectors[0];
    sa.inline_mask_ = side_by_side(only.source.mask[0], only.destination.mask[0]);
    sa.inline_value_ = side_by_side(only.source.value[0], only.destination.value[0]);
    sa.inline_protocol_ = only.protocol;
  }
}

const char* to_string(SaStoreError error) noexcept {
  switch (error) {
    case SaStoreError::OutOfMemory: return "does not fit into memory with the others";
    case SaStoreError::UnsupportedIsa: return "needs instructions that this CPU lacks";
    case SaStoreError::SizeMismatch: return "has no state to begin with";
    case SaStoreError::BadKeyLength: return "has a key that does not fit its algorithm";
    case SaStoreError::BadAddress: return "has tunnel ends of two IP versions";
    case SaStoreError::BadWindow: return "has a replay window outside 32..65536";
    case SaStoreError::BadStripe:
      return "has a stripe_shift outside 1..6, or a replay window of more than 128 stripes";
    case SaStoreError::TooManyPacketMode: return "is one SA in packet mode too many, 4096 may be";
    case SaStoreError::BadStart: return "begins at a number that it cannot send";
    case SaStoreError::MissingIvCounter: return "has no counter for its IVs";
    case SaStoreError::KeyReused: return "has the cipher key of another SA";
    case SaStoreError::BadPolicy:
      return "names an SA that is not inbound, or one that 256 policies name already";
  }
  return "cannot be used";
}

SaStore::SaStore(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
SaStore::~SaStore() = default;

base::Result<std::unique_ptr<SaStore>, SaStoreFailure> SaStore::create(
    std::span<const SaParams> params, std::span<const Policy> policies,
    std::span<const SaStart> starts, base::NodeId node, base::BootCount boot, Isa isa) {
  if (const auto failure = check_all(params, policies, starts)) return *failure;
  const auto manager = make_manager(isa);
  if (!manager) return SaStoreFailure{SaStoreError::UnsupportedIsa, 0};
  auto impl = std::make_unique<Impl>();
  if (!impl->allocate(params, policies)) return SaStoreFailure{SaStoreError::OutOfMemory, 0};

  std::vector<std::vector<const Policy*>> policies_of(params.size());
  for (const auto& policy : policies) {
    for (const auto sa : policy.in_sas) policies_of[sa].push_back(&policy);
  }
  for (std::size_t i = 0; i < params.size(); ++i) {
    const void* key = impl->take_key(params[i], *manager);
    const auto& place = impl->places[i];
    if (place.in != nullptr) {
      place.in->key_ = key;
      place.in->index_ = static_cast<std::uint32_t>(i);
      impl->fill_inbound(*place.in, params[i], starts[i]);
      impl->fill_selectors(*place.in, policies_of[i]);
    } else {
      place.out->key_ = key;
      place.out->index_ = static_cast<std::uint32_t>(i);
      impl->fill_outbound(*place.out, params[i], starts[i], iv_prefix(node, boot));
    }
  }
  return std::unique_ptr<SaStore>(new SaStore(std::move(impl)));
}

void SaStore::restart(std::uint32_t index, std::uint64_t first) noexcept {
  if (auto* in = inbound(index)) {
    in->window_.restart(first);
    in->floor_ = first;
  }
  if (auto* out = outbound(index)) out->next_sequence_.set(first);
}

void SaStore::resume(std::uint32_t index, std::uint64_t top,
                     std::span<const std::uint64_t> seen) noexcept {
  if (auto* in = inbound(index)) {
    in->window_.restore(top, seen);
    in->floor_ = 1;
  }
  if (auto* out = outbound(index)) out->next_sequence_.set(top + 1);
}

std::size_t SaStore::size() const noexcept {
  return impl_->places.size();
}
InboundSa* SaStore::inbound(std::uint32_t index) const noexcept {
  return index < size() ? impl_->places[index].in : nullptr;
}
OutboundSa* SaStore::outbound(std::uint32_t index) const noexcept {
  return index < size() ? impl_->places[index].out : nullptr;
}
std::span<InboundSa> SaStore::inbound() const noexcept {
  return impl_->inbound;
}
std::span<OutboundSa> SaStore::outbound() const noexcept {
  return impl_->outbound;
}

}  // namespace phalanx::ipsec
