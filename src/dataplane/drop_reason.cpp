// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/drop_reason.hpp"

#include <cassert>

namespace phalanx::dataplane {

DropReason to_drop_reason(net::IpFault fault) noexcept {
  switch (fault) {
    case net::IpFault::Truncated: return DropReason::IpTruncated;
    case net::IpFault::BadVersion: return DropReason::IpBadVersion;
    case net::IpFault::BadHeader: return DropReason::IpBadHeader;
    case net::IpFault::BadChecksum: return DropReason::IpBadChecksum;
    case net::IpFault::TooManyHeaders: return DropReason::IpTooManyHeaders;
    case net::IpFault::BadAddress: return DropReason::IpBadAddress;
    case net::IpFault::Ok: break;
  }
  assert(false && "a good packet has no drop reason");
  return DropReason::IpBadHeader;
}

DropReason to_drop_reason(ipsec::EspVerdict verdict) noexcept {
  using ipsec::EspVerdict;
  switch (verdict) {
    case EspVerdict::Malformed: return DropReason::EspMalformed;
    case EspVerdict::ReplayDuplicate: return DropReason::EspReplayDuplicate;
    case EspVerdict::ReplayTooOld: return DropReason::EspReplayTooOld;
    case EspVerdict::AuthFailed: return DropReason::EspAuthFailed;
    case EspVerdict::BadPadding: return DropReason::EspBadPadding;
    case EspVerdict::BadNextHeader: return DropReason::EspBadNextHeader;
    case EspVerdict::Dummy: return DropReason::EspDummy;
    case EspVerdict::BadInnerPacket: return DropReason::EspBadInnerPacket;
    case EspVerdict::SelectorMismatch: return DropReason::EspSelectorMismatch;
    case EspVerdict::EcnIllegal: return DropReason::EspEcnIllegal;
    case EspVerdict::SequenceExhausted: return DropReason::EspSequenceExhausted;
    case EspVerdict::IvExhausted: return DropReason::EspIvExhausted;
    case EspVerdict::TooBig: return DropReason::EspTooBig;
    case EspVerdict::NoRoom: return DropReason::EspNoRoom;
    case EspVerdict::CryptoError: return DropReason::EspCryptoError;
    case EspVerdict::Done:
    case EspVerdict::InFlight:
    case EspVerdict::Held: break;
  }
  assert(false && "not a drop");
  return DropReason::EspCryptoError;
}

}  // namespace phalanx::dataplane
