// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <vector>

#include "config_draft.hpp"
#include "phalanx/ipsec/kdf.hpp"

namespace phalanx::mgmt {
namespace {

// Key bytes from hexadecimal text; never repeats the text.
bool parse_hex_key(std::string_view text, base::Secret& out) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  if (text.empty() || text.size() % 2 != 0) return false;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2);
  bool good = true;
  for (std::size_t i = 0; i < text.size() && good; i += 2) {
    unsigned value = 0;
    for (const char c : text.substr(i, 2)) {
      const char lower = static_cast<char>(c | 0x20);
      const bool digit = c >= '0' && c <= '9';
      good = good && (digit || (lower >= 'a' && lower <= 'f'));
      value = value * 16 + static_cast<unsigned>(digit ? c - '0' : lower - 'a' + 10);
    }
    bytes.push_back(static_cast<std::byte>(value));
  }
  if (good) out = base::Secret(bytes);
  base::wipe(bytes.data(), bytes.size());
  return good;
}

bool all_zero(const base::Secret& key) {
  const auto bytes = key.bytes();
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::string bytes_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " byte" : " bytes");
}

void check_key(Group& group, const ipsec::SaParams& sa) {
  const auto& info = ipsec::info(sa.algorithm);
  const auto wanted = static_cast<std::size_t>(info.key_bytes) + info.salt_bytes;
  const std::string rule =
      std::to_string(2 * wanted) + " hexadecimal digits: " + bytes_text(info.key_bytes) +
      " of cipher key" +
      (info.salt_bytes != 0 ? ", then " + bytes_text(info.salt_bytes) + " of salt" : "");
  if (!group.good("key")) return;
  if (sa.key.empty()) return group.error("key", "is missing", rule + "; here or in key_file");
  if (sa.key.size() != wanted) {
    return group.error(
        "key", bytes_text(sa.key.size()) + " are no key of " + std::string(info.name), rule);
  }
  if (all_zero(sa.key)) group.error("key", "is all zero", "random bytes");
}

void check_auth_key(Group& group, const ipsec::SaParams& sa) {
  const auto& info = ipsec::info(sa.algorithm);
  const std::string rule = std::to_string(2 * info.auth_key_bytes) + " hexadecimal digits";
  if (!group.good("auth_key")) return;
  if (info.combined()) {
    if (sa.auth_key.empty()) return;
    return group.error("auth_key", std::string(info.name) + " takes no second key", "leave it out");
  }
  if (sa.auth_key.empty())
    return group.error("auth_key", "is missing", rule + "; here or in key_file");
  if (sa.auth_key.size() != info.auth_key_bytes) {
    return group.error(
        "auth_key",
        bytes_text(sa.auth_key.size()) + " are no authentication key of " + std::string(info.name),
        rule);
  }
  if (all_zero(sa.auth_key)) group.error("auth_key", "is all zero", "random bytes");
}

}  // namespace

void read_key(Group& group, std::string_view key, base::Secret& out) {
  const auto* node = group.find(key);
  if (node == nullptr) return;
  constexpr char kRule[] = "an even number of hexadecimal digits in double quotes";
  if (node->kind != NodeKind::String) {
    return group.error(key, "is a " + std::string(kind_name(node->kind)) + ", not a string", kRule);
  }
  if (!parse_hex_key(node->text.view(), out)) group.error(key, "is not hexadecimal", kRule);
}

void read_key_file(const Node& tree, Problems& problems, Draft& draft) {
  Group root(tree, "", problems);
  root.require("keys", "a list of groups { sa = \"...\"; key = \"...\"; }");
  draft.keys = root.groups("keys");
  draft.key_of.assign(draft.sas.size(), kNoKeyEntry);
  for (std::size_t i = 0; i < draft.keys.size(); ++i) {
    auto& group = draft.keys[i];
    std::uint32_t position = kNoKeyEntry;
    base::Secret key;
    base::Secret auth_key;
    if (group.require("sa", "the name of an SA")) {
      read_reference(group, "sa", "SA", draft.sa_names, position);
    }
    read_key(group, "key", key);
    read_key(group, "auth_key", auth_key);
    group.finish();
    if (position == kNoKeyEntry) continue;
    auto& sa = draft.config.sas[position];
    if (draft.key_of[position] != kNoKeyEntry) {
      group.error("sa", quoted(sa.name) + " has keys in this file already", "each SA once");
    } else if (draft.sas[position].has("key") || draft.sas[position].has("auth_key")) {
      group.error("sa", quoted(sa.name) + " has keys in the config itself", "keys in one place");
    } else {
      draft.key_of[position] = static_cast<std::uint32_t>(i);
      sa.key = std::move(key);
      sa.auth_key = std::move(auth_key);
    }
  }
  root.finish();
}

void check_keys(Draft& draft) {
  for (std::size_t i = 0; i < draft.sas.size(); ++i) {
    auto& group = draft.sas[i];
    auto& sa = draft.config.sas[i];
    if (!group.has("algorithm") || !group.good("algorithm")) continue;
    const bool elsewhere = i < draft.key_of.size() && draft.key_of[i] != kNoKeyEntry;
    auto& place = elsewhere ? draft.keys[draft.key_of[i]] : group;
    check_key(place, sa);
    check_auth_key(place, sa);
    if (group.good("spi") && place.good("key") && place.good("auth_key")) {
      sa.uid = ipsec::static_sa_uid(sa.direction, sa.spi, sa.key.bytes(), sa.auth_key.bytes());
    }
  }
}

}  // namespace phalanx::mgmt
