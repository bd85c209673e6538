// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>

namespace phalanx::ipsec {

class InboundSa;
class OutboundSa;

// What became of a packet in the ESP stage. Done, InFlight and Held are not errors.
enum class EspVerdict : std::uint8_t {
  Done,       // processed in place, goes on
  InFlight,   // the multi-buffer manager has it; collect() returns it later
  Held,       // its number is beyond the lease. Outbound: untouched, submit again later.
              // Inbound: authenticated, window bit set, decrypted; forward once the lease is up
  Malformed,  // too short, or not a whole number of blocks
  ReplayDuplicate,    // number seen before
  ReplayTooOld,       // number left of the window, or below the floor of a restart
  AuthFailed,         // ICV does not match
  BadPadding,         // pad bytes or pad length wrong after decryption (RFC 4303 2.4)
  BadNextHeader,      // neither IPv4 nor IPv6 inside
  Dummy,              // next header 59: traffic-flow-confidentiality filler (RFC 4303 2.6)
  BadInnerPacket,     // inner IP header does not parse
  SelectorMismatch,   // inner packet is not what this SA may carry (RFC 4301 5.2)
  EcnIllegal,         // CE outside, Not-ECT inside (RFC 6040 4.2)
  SequenceExhausted,  // outbound counter at its end; the SA must be replaced
  IvExhausted,        // the 2^40 IVs of this key, node and boot are used up
  TooBig,             // would exceed the outer MTU
  NoRoom,             // not enough headroom or tailroom in the buffer
  CryptoError,        // the library refused the job
};
inline constexpr std::size_t kNumEspVerdicts = 18;

// One packet on its way through ESP; the data path fills it, the engine works in place.
// Outbound in:  data = inner IP header, length = inner packet, headroom/tailroom writable around
// it. Outbound out: data = outer IP header, length = outer packet. Inbound in:   data = ESP header,
// length = up to the end of the outer packet. Inbound out:  data = inner IP header, length = inner
// packet.
struct EspPacket {
  std::uint8_t* data = nullptr;
  std::uint32_t length = 0;
  union {
    std::uint16_t headroom = 0;  // outbound: writable bytes before data
    std::uint16_t bucket;        // inbound in packet mode: of the packet, 0..255
  };
  std::uint16_t tailroom = 0;  // outbound: writable bytes after the packet
  union {
    InboundSa* in_sa = nullptr;
    OutboundSa* out_sa;
  };
  void* cookie = nullptr;  // the caller's (an mbuf); never touched
  union {
    // Out: the 64-bit number sent or received. Outbound in packet mode: in, from number().
    std::uint64_t sequence = 0;
    std::uint64_t place;  // until there is a number: the caller's
  };
  std::uint8_t family = 4;         // 4 or 6: the inner packet's. Outbound in; inbound out
  std::uint8_t traffic_class = 0;  // outbound in: the inner one; inbound in: the outer one
  EspVerdict verdict = EspVerdict::Done;
  bool dont_fragment = false;  // outbound in: inner DF (IPv6: false)
  std::uint32_t tag = 0;       // the caller's; never touched
};
static_assert(sizeof(EspPacket) == 48);

}  // namespace phalanx::ipsec
