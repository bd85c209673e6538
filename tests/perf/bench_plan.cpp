// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "bench_plan.hpp"

#include <charconv>
#include <cstring>
#include <optional>

namespace phalanx::bench {
namespace {

std::optional<std::uint32_t> number(std::string_view text, std::uint32_t low, std::uint32_t high) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < low || value > high) return std::nullopt;
  return value;
}

bool set_number(std::uint32_t& field, std::string_view text, std::uint32_t low,
                std::uint32_t high) {
  const auto value = number(text, low, high);
  if (value) field = *value;
  return value.has_value();
}

bool set(Plan& plan, std::string_view name, std::string_view value) {
  if (name == "direction") {
    plan.direction = value == "inbound" ? ipsec::Direction::Inbound : ipsec::Direction::Outbound;
    return value == "inbound" || value == "outbound";
  }
  if (name == "alg") {
    const auto algorithm = ipsec::parse_esp_algorithm(value);
    if (algorithm) plan.algorithm = *algorithm;
    return algorithm.has_value();
  }
  if (name == "inner") return set_number(plan.inner_bytes, value, 28, 9000);
  if (name == "sas") return set_number(plan.sas, value, 1, 65536);
  if (name == "buffers") return set_number(plan.buffers, value, 32, 65536);
  if (name == "rounds") return set_number(plan.rounds, value, 1, 1'000'000);
  if (name == "warmup") return set_number(plan.warmup, value, 1, 10'000);
  if (name == "flush") {
    plan.flush = value == "1";
    return value == "0" || value == "1";
  }
  if (name == "order") {
    plan.order = value == "1";
    return value == "0" || value == "1";
  }
  if (name == "check") {
    plan.check = value == "1";
    return value == "0" || value == "1";
  }
  if (name == "result") {
    plan.result = value;
    return !value.empty();
  }
  return false;
}

Ipv4Bytes host(std::uint8_t first, std::uint8_t second, std::uint32_t sa) noexcept {
  return {first, second, static_cast<std::uint8_t>(sa >> 8), static_cast<std::uint8_t>(sa)};
}

}  // namespace

base::Result<Plan, std::string> parse_plan(std::string_view text) {
  Plan plan;
  while (!text.empty()) {
    const auto item = text.substr(0, text.find(','));
    const auto equals = item.find('=');
    if (equals == std::string_view::npos ||
        !set(plan, item.substr(0, equals), item.substr(equals + 1))) {
      return "PHALANX_BENCH: bad item \"" + std::string(item) + "\"";
    }
    text.remove_prefix(std::min(text.size(), item.size() + 1));
  }
  if (plan.result.empty()) return std::string("PHALANX_BENCH: no result file");
  return plan;
}

Ipv4Bytes private_host(std::uint32_t sa) noexcept {
  return host(10, 32, sa);
}
Ipv4Bytes remote_host(std::uint32_t sa) noexcept {
  return host(10, 64, sa);
}
Ipv4Bytes tunnel_remote(std::uint32_t sa) noexcept {
  return host(172, 16, sa);
}

std::array<std::uint8_t, kMaxKeyBytes> key_bytes(ipsec::Direction direction, std::uint32_t sa) {
  std::array<std::uint8_t, kMaxKeyBytes> bytes{};
  std::uint64_t state = (std::uint64_t{sa} << 8) | static_cast<std::uint8_t>(direction);
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(state)) {
    // splitmix64 (Steele, Lea, Flood 2014), the usual constants.
    state += 0x9e37'79b9'7f4a'7c15;
    std::uint64_t word = state;
    word = (word ^ (word >> 30)) * 0xbf58'476d'1ce4'e5b9;
    word = (word ^ (word >> 27)) * 0x94d0'49bb'1331'11eb;
    word ^= word >> 31;
    std::memcpy(&bytes[at], &word, sizeof(word));
  }
  return bytes;
}

}  // namespace phalanx::bench
