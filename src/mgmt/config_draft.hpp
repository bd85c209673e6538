// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config_reader.hpp"
#include "phalanx/mgmt/config.hpp"

namespace phalanx::mgmt {

// Positions of named things; the first of two with one name counts.
using Names = std::unordered_map<std::string, std::uint32_t>;

inline constexpr std::uint32_t kNoKeyEntry = UINT32_MAX;

// A config while it is read. The lists of groups run parallel to those of the config, so that a
// check can say which line it does not like, and skip what was unreadable already.
struct Draft {
  Config config;
  std::vector<Group> ports;
  std::vector<Group> routes;
  std::vector<Group> neighbors;
  std::vector<Group> workers;
  std::vector<Group> sas;
  std::vector<Group> policies;
  std::vector<Group> members;         // of the cluster
  std::vector<Group> keys;            // entries of the key file
  std::vector<std::uint32_t> key_of;  // position in `keys` of each SA's entry, or kNoKeyEntry
  Names port_names;
  Names sa_names;
  std::string key_file;
  bool inline_keys = false;     // keys stand in the config file itself
  bool published_keys = false;  // and are known to the world, as in examples
};

// Reading: settings into the draft, with what a setting alone can have wrong. They run in this
// order, since later ones look names up.
void read_node(Group& root, Draft& draft);
void read_eal(Group& root, Draft& draft);
void read_threads(Group& root, Draft& draft, const std::vector<std::uint16_t>& cpus);
void read_limits(Group& root, Draft& draft);
void read_ports(Group& root, Draft& draft);
void read_routes(Group& root, Draft& draft);
void read_neighbors(Group& root, Draft& draft);
void read_sas(Group& root, Draft& draft);
void read_policies(Group& root, Draft& draft);
void read_cluster(Group& root, Draft& draft);

// Keys by SA name from the file that key_file names; its problems are reported under its own name.
void read_key_file(const Node& tree, Problems& problems, Draft& draft);
// After all keys were read: every SA has what its algorithm takes.
void check_keys(Draft& draft);

// The secrets of the cluster, from the file that the section names; as read_key_file.
void load_cluster_secrets(Group& root, const std::string& config_path, Draft& draft,
                          Problems& problems);

// Checking: what settings can have wrong between them.
void check_network(Group& root, Draft& draft);
void check_sas(Draft& draft);
void check_cluster(Group& root, Draft& draft);
void check_policies(Group& root, Draft& draft);

// Shared by the readers.
// A name that logs, commands and file names can carry; reports duplicates.
void read_name(Group& group, std::string_view kind, std::size_t position, Names& names,
               std::string& out);
// The position of the thing that setting `key` names.
bool read_reference(Group& group, std::string_view key, std::string_view kind, const Names& names,
                    std::uint32_t& out);
// Why no interface or tunnel can have this address; empty: it can.
[[nodiscard]] std::string_view address_fault(const net::IpAddress& address);
bool read_address(Group& group, std::string_view key, net::IpAddress& out);
bool read_prefix(Group& group, std::string_view key, net::Prefix& out);
void read_key(Group& group, std::string_view key, base::Secret& out);
enum class MacKind : std::uint8_t { Unicast, UnicastOrGroup };
bool read_mac(Group& group, std::string_view key, MacKind kind, net::MacAddress& out);

}  // namespace phalanx::mgmt
