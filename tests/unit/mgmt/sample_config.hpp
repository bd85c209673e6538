// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <stdexcept>
#include <string>

namespace phalanx::test {

// The smallest config with a tunnel; tests change one thing of it at a time.
inline std::string sample_config() {
  return R"(version = 1;
workers = ( { cpu = 1; } );
ports = (
  { name = "wan"; device = "net_null0"; role = "public";
    addresses = [ "192.0.2.1/24", "2001:db8::1/64" ]; },
  { name = "lan"; device = "net_null1"; role = "private";
    addresses = [ "10.1.0.1/24", "2001:db8:a::1/64" ]; }
);
routes = ( { to = "0.0.0.0/0"; via = "192.0.2.254"; } );
sas = (
  { name = "out"; direction = "out"; spi = 0x1001; local = "192.0.2.1"; remote = "203.0.113.9";
    algorithm = "aes128gcm16"; key = "000102030405060708090a0b0c0d0e0f10111213"; },
  { name = "in"; direction = "in"; spi = 0x1002; local = "192.0.2.1"; remote = "203.0.113.9";
    algorithm = "aes128gcm16"; key = "202122232425262728292a2b2c2d2e2f30313233"; }
);
policies = (
  { name = "hq"; action = "protect"; local = "10.1.0.0/24"; remote = "10.2.0.0/16";
    out_sa = "out"; in_sas = [ "in" ]; }
);
)";
}

inline std::string with(std::string text, const std::string& old_part,
                        const std::string& new_part) {
  const auto at = text.find(old_part);
  if (at == std::string::npos) throw std::logic_error("the sample has no " + old_part);
  return text.replace(at, old_part.size(), new_part);
}

inline std::string sample_with(const std::string& old_part, const std::string& new_part) {
  return with(sample_config(), old_part, new_part);
}

}  // namespace phalanx::test
