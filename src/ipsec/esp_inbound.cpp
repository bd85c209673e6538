// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <bit>

#include "ecn.hpp"
#include "esp_stages.hpp"
#include "phalanx/base/bytes.hpp"

namespace phalanx::ipsec {
namespace {

// Compares without telling by its time how many bytes agree.
bool equal_16(const std::uint8_t* a, const std::uint8_t* b) noexcept {
  std::uint64_t a_words[2];
  std::uint64_t b_words[2];
  std::memcpy(a_words, a, 16);
  std::memcpy(b_words, b, 16);
  return ((a_words[0] ^ b_words[0]) | (a_words[1] ^ b_words[1])) == 0;
}

// RFC 4303 2.4: pad bytes are 1, 2, 3 ... `pad` is no more than what is before the pad length; IV
// and ESP header before the body make it safe to load whole words.
bool padding_holds(const std::uint8_t* body, std::uint32_t body_bytes, std::uint32_t pad) noexcept {
  const auto* end = body + body_bytes - 2;  // the pad length
  if (pad <= 3) [[likely]] {
    constexpr std::uint32_t kMask[4] = {0, 0xff0000, 0xffff00, 0xffffff};
    constexpr std::uint32_t kWanted[4] = {0, 0x010000, 0x020100, 0x030201};
    std::uint32_t word;
    std::memcpy(&word, end - 3, sizeof(word));
    return (word & kMask[pad]) == kWanted[pad];
  }
  std::uint32_t differences = 0;
  for (std::uint32_t i = 0; i < pad; ++i) differences |= (end - pad)[i] ^ (i + 1);
  return differences == 0;
}

bool matches(const MaskedAddress& wanted, const std::uint8_t* address, std::size_t size) noexcept {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), address, size);
  return (((words[0] & wanted.mask[0]) ^ wanted.value[0]) |
          ((words[1] & wanted.mask[1]) ^ wanted.value[1])) == 0;
}

bool matches(const InboundSelector& selector, const net::IpView& view,
             const std::uint8_t* inner) noexcept {
  if (selector.family != view.version) return false;
  if (selector.protocol != 0 && selector.protocol != view.protocol) return false;
  const bool v4 = view.version == 4;
  const std::size_t size = v4 ? 4 : 16;
  const auto* source = inner + (v4 ? 12 : 8);
  if (!matches(selector.source, source, size) ||
      !matches(selector.destination, source + size, size)) {
    return false;
  }
  if (!selector.wants_ports) return true;
  // RFC 4301 4.4.1.1: a selector with ports does not take what shows none.
  const auto in = [](std::uint16_t port, std::uint16_t low, std::uint16_t span) {
    return static_cast<std::uint16_t>(port - low) <= span;
  };
  return view.has_ports &&
         in(view.source_port, selector.source_port_low, selector.source_port_span) &&
         in(view.destination_port, selector.destination_port_low, selector.destination_port_span);
}

}  // namespace

// The SA's first selector when it is one of whole words: IPv4 addresses side by side as in the
// header.
inline bool EspStages::selected_plain(const InboundSa& sa, const net::PlainIpv4& inner) noexcept {
  const auto addresses = inner.source() | std::uint64_t{inner.destination} << 32;
  return (addresses & sa.inline_mask_) == sa.inline_value_ &&
         (sa.inline_protocol_ == 0 || sa.inline_protocol_ == inner.protocol());
}

bool EspStages::selected(const InboundSa& sa, const net::IpView& view,
                         const std::uint8_t* inner) noexcept {
  for (std::size_t i = 0; i < sa.num_selectors_; ++i) {
    if (matches(sa.selectors_[i], view, inner)) return true;
  }
  return false;
}

// Fills in family, length and inner class of a packet that this SA may carry; otherwise its verdict
// says why not.
[[gnu::always_inline]] inline bool EspStages::admit_inner(Impl& engine, EspPacket& packet,
                                                          InboundSa& sa,
                                                          std::span<const std::uint8_t> inner,
                                                          std::uint8_t next_header,
                                                          std::uint8_t& inner_class) noexcept {
  net::PlainIpv4 plain;
  if (next_header == net::kProtoIpv4 && inner.size() >= sizeof(net::Ipv4Header) &&
      net::read_plain_ipv4(inner.data(), inner.size(), plain) && selected_plain(sa, plain))
      [[likely]] {
    packet.family = 4;
    // RFC 4303 2.7: what follows the inner packet is filler against traffic analysis.
    packet.length = plain.total_length();
    inner_class = plain.traffic_class();
    return true;
  }
  if (next_header != net::kProtoIpv4 && next_header != net::kProtoIpv6) {
    refuse(engine, packet, sa,
           next_header == net::kProtoNoNext ? EspVerdict::Dummy : EspVerdict::BadNextHeader);
    return false;
  }
  const auto view = net::parse_ip_packet(std::as_bytes(inner));
  const std::uint8_t family = next_header == net::kProtoIpv4 ? 4 : 6;
  if (view.fault != net::IpFault::Ok || view.version != family) {
    refuse(engine, packet, sa, EspVerdict::BadInnerPacket);
    return false;
  }
  if (!selected(sa, view, inner.data())) {
    refuse(engine, packet, sa, EspVerdict::SelectorMismatch);
    return false;
  }
  packet.family = family;
  packet.length = view.total_length;
  inner_class = view.traffic_class;
  return true;
}

template <SaMode kMode>
bool EspStages::admit(Impl& engine, EspPacket& packet) noexcept {
  auto& sa = *packet.in_sa;
  const auto wire = base::wire_at<net::EspHeader>(packet.data)->sequence.host();
  ReplayVerdict verdict;
  if constexpr (kMode == SaMode::Packet) {
    verdict = check_striped(engine, packet, wire);
  } else {
    packet.sequence =
        (sa.flags_ & InboundSa::kEsn) != 0 ? guess_sequence(sa.window_.top(), wire) : wire;
    verdict = sa.window_.check(packet.sequence);
  }
  if (verdict == ReplayVerdict::Fresh) [[likely]]
    return true;
  refuse_replay(engine, packet, sa, verdict);
  return false;
}

void EspStages::refuse_replay(Impl& engine, EspPacket& packet, InboundSa& sa,
                              ReplayVerdict verdict) noexcept {
  // Numbers from before a restart lie in the window as if seen, but nobody knows whether they were.
  const bool old = verdict == ReplayVerdict::TooOld || packet.sequence < sa.floor_;
  refuse(engine, packet, sa, old ? EspVerdict::ReplayTooOld : EspVerdict::ReplayDuplicate);
}

template <SaMode kMode>
void EspStages::finish(Impl& engine, EspPacket& packet, std::uint8_t* body,
                       std::uint32_t body_bytes) noexcept {
  auto& sa = *packet.in_sa;
  // The second check: the same number may have come twice in one burst.
  constexpr bool kStriped = kMode == SaMode::Packet;
  ReplayVerdict replay;
  if constexpr (kStriped) {
    replay = accept_striped(engine, packet);
  } else {
    replay = sa.window_.accept(packet.sequence);
  }
  if (replay != ReplayVerdict::Fresh) [[unlikely]] {
    refuse_replay(engine, packet, sa, replay);
    return;
  }
  raise_if_due<kMode>(engine, sa, packet.sequence);

  const std::uint32_t pad = body[body_bytes - 2];
  const std::uint8_t next_header = body[body_bytes - 1];
  if (pad > body_bytes - 2 || !padding_holds(body, body_bytes, pad)) [[unlikely]] {
    refuse(engine, packet, sa, EspVerdict::BadPadding);
    return;
  }
  std::uint8_t inner_class = 0;
  if (!admit_inner(engine, packet, sa, {body, body_bytes - 2 - pad}, next_header, inner_class))
      [[unlikely]] {
    return;
  }
  const std::uint8_t inner_ecn = inner_class & net::kEcnMask;
  const auto ecn = kEcnOnExit[inner_ecn][packet.traffic_class & net::kEcnMask];
  if (ecn != inner_ecn) [[unlikely]] {
    if (ecn == kEcnDrop) {
      refuse(engine, packet, sa, EspVerdict::EcnIllegal);
      return;
    }
    write_ecn(body, packet.family, ecn);
  }

  if constexpr (kStriped) {
    count_striped(engine, sa, packet.length);
  } else {
    sa.packets_.add(1);
    sa.bytes_.add(packet.length);
  }
  packet.data = body;
  if (sa.gate_.allows(packet.sequence)) [[likely]] {
    packet.verdict = EspVerdict::Done;
  } else {
    refuse(engine, packet, sa, EspVerdict::Held);
  }
}

inline void EspStages::open_op(Impl& engine, AeadOp& op) noexcept {
  const auto gcm = engine.open[static_cast<std::size_t>(op.shape.algorithm)];
  op.shape.refused = false;
  if (gcm != nullptr) [[likely]] {
    gcm(static_cast<const gcm_key_data*>(op.key), &engine.gcm_context, op.body, op.body,
        op.shape.body_bytes, op.nonce.data(), op.aad, op.shape.aad_bytes, op.tag.data(),
        op.tag.size());
  } else {
    op.shape.refused = !chacha_open(engine, op, op.tag.data());
  }
}

template <SaMode kMode>
inline void EspStages::verify_and_finish(Impl& engine, const AeadOp& op) noexcept {
  if (op.shape.refused || !equal_16(op.tag.data(), op.body + op.shape.body_bytes)) [[unlikely]] {
    refuse(engine, *op.packet, *op.packet->in_sa,
           op.shape.refused ? EspVerdict::CryptoError : EspVerdict::AuthFailed);
    return;
  }
  finish<kMode>(engine, *op.packet, op.body, op.shape.body_bytes);
}

// Flat: a packet of one SA takes 1.5 ns less without the calls.
template <SaMode kMode>
[[gnu::flatten]] void EspStages::decrypt(Impl& engine, std::span<EspPacket> packets) noexcept {
  std::array<AeadOp, EspEngine::kBurst> ops;
  std::array<EspPacket*, EspEngine::kBurst> cbc;
  std::size_t num_ops = 0;
  std::size_t num_cbc = 0;
  constexpr std::uint32_t kFixed = sizeof(net::EspHeader) + 8 + 16;  // header, IV, ICV
  for (auto& packet : packets) {
    auto& sa = *packet.in_sa;
    if (!is_combined(sa.algorithm_)) {
      cbc[num_cbc++] = &packet;
      continue;
    }
    // The body is padded to a multiple of 4 and holds at least pad length and next header.
    if (packet.length < kFixed + 4 || packet.length % 4 != 0) [[unlikely]] {
      refuse(engine, packet, sa, EspVerdict::Malformed);
      continue;
    }
    if (!admit<kMode>(engine, packet)) continue;
    auto& op = ops[num_ops++];
    op.packet = &packet;
    op.key = sa.key_;
    op.body = packet.data + 16;
    const bool esn = (sa.flags_ & InboundSa::kEsn) != 0;
    set_shape(op, sa.algorithm_, packet.length - kFixed, esn);
    engine.prefetch_key_early(ops.data(), num_ops - 1);
    if constexpr (kMode == SaMode::Session) sa.window_.prefetch(packet.sequence);
    std::memcpy(op.nonce.data(), sa.salt_.data(), 4);
    std::memcpy(op.nonce.data() + 4, packet.data + 8, 8);
    set_aad(op, packet.data, esn, packet.sequence);
  }

  // Each packet is finished after the next one is decrypted: read at once, its header and tag would
  // still be in the store buffer, in stores too wide to forward from.
  for (std::size_t i = 0; i < num_ops; ++i) {
    engine.prefetch_key_late(ops.data(), i, num_ops);
    open_op(engine, ops[i]);
    if (i != 0) verify_and_finish<kMode>(engine, ops[i - 1]);
  }
  if (num_ops != 0) verify_and_finish<kMode>(engine, ops[num_ops - 1]);
  if (num_cbc != 0) submit_decrypt<kMode>(engine, std::span(cbc).first(num_cbc));
}

template void EspStages::decrypt<SaMode::Session>(Impl&, std::span<EspPacket>) noexcept;
template void EspStages::decrypt<SaMode::Packet>(Impl&, std::span<EspPacket>) noexcept;
template bool EspStages::admit<SaMode::Session>(Impl&, EspPacket&) noexcept;
template bool EspStages::admit<SaMode::Packet>(Impl&, EspPacket&) noexcept;
template void EspStages::finish<SaMode::Session>(Impl&, EspPacket&, std::uint8_t*,
                                                 std::uint32_t) noexcept;
template void EspStages::finish<SaMode::Packet>(Impl&, EspPacket&, std::uint8_t*,
                                                std::uint32_t) noexcept;

}  // namespace phalanx::ipsec
