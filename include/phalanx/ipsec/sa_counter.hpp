// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>

#include "phalanx/base/counter.hpp"
#include "phalanx/ipsec/esp_packet.hpp"

namespace phalanx::ipsec {

using SaCounter = base::Counter;

// Packets per verdict, of one SA. Only errors are counted here; success is in the hot line.
using SaErrorCounters = std::array<SaCounter, kNumEspVerdicts>;

}  // namespace phalanx::ipsec
