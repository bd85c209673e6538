// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/state_store.hpp"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "phalanx/base/bytes.hpp"
#include "phalanx/base/crc32c.hpp"
#include "phalanx/base/endian.hpp"
#include "phalanx/ipsec/kdf.hpp"

namespace phalanx::control {
namespace {

constexpr const char* kIdentityName = "identity";
// The file holds the record twice, in two pages, so that one bad sector does no harm.
constexpr std::size_t kSecondCopy = 4096;
constexpr std::size_t kIdentityFileLimit = 65536;
constexpr std::array<char, 8> kMagic = {'P', 'H', 'X', 'S', 'T', 'A', 'T', 'E'};
constexpr std::uint16_t kVersion = 1;
constexpr auto kLastBoot = std::numeric_limits<std::uint16_t>::max();

struct IdentityWire {
  std::array<char, 8> magic;
  base::be16 version;
  std::uint8_t node;
  std::uint8_t machine_known;
  base::be16 boot;
  base::be16 reserved;
  MachineId machine;
  BirthKey birth_key;
  StateId state;
  base::be32 reserved2;
  base::be32 crc;
};
static_assert(sizeof(IdentityWire) == kIdentityBytes && alignof(IdentityWire) == 1);

struct ReadIdentity {
  std::optional<Identity> identity;
  std::optional<StateError> error;  // why there is none
  std::string notice;
};

StateError damaged(const StateDir& dir, const std::string& what) {
  return {StateFault::Damaged, "state directory " + dir.path() + " is damaged: " + what +
                                   "; numbers or nonces could be used again, so it is not used"};
}

ReadIdentity read_identity(StateDir& dir) {
  ReadIdentity read;
  const auto content = dir.read(kIdentityName, kIdentityFileLimit);
  if (!content) {
    const auto path = dir.path() + "/" + kIdentityName;
    switch (content.error().fault) {
      case FileFault::NotFound:
        read.error = StateError{StateFault::Missing,
                                path +
                                    " does not exist; start once with --new-state if this node "
                                    "never ran with the keys it is configured with"};
        break;
      case FileFault::Exposed:
        read.error = StateError{StateFault::Exposed, path + " " + to_string(content.error())};
        break;
      case FileFault::NotRegular:
      case FileFault::TooLarge:
        read.error = damaged(dir, std::string(kIdentityName) + " " + to_string(content.error()));
        break;
      case FileFault::Io:
        read.error =
            StateError{StateFault::Io, "cannot read " + path + ": " + to_string(content.error())};
        break;
    }
    return read;
  }

  const std::span<const std::byte> bytes(*content);
  const auto first = parse_identity(bytes);
  const auto second = parse_identity(bytes.subspan(std::min(bytes.size(), kSecondCopy)));
  const auto later = [](const auto& copy) {
    return !copy.ok() && copy.error() == IdentityError::BadVersion;
  };
  if (later(first) || later(second)) {
    read.error = StateError{StateFault::WrongVersion,
                            dir.path() + "/" + kIdentityName + " was written by a later version"};
  } else if (!first && !second) {
    read.error = damaged(dir, "both copies of the identity");
  } else if (first && second && !(*first == *second)) {
    read.error = damaged(dir, "the two copies of the identity differ");
  } else {
    read.identity = first ? *first : *second;
    if (!first || !second) read.notice = "one of two copies of the identity was damaged";
  }
  return read;
}

FileResult write_identity_file(StateDir& dir, const Identity& identity) {
  std::vector<std::byte> content(kSecondCopy + kIdentityBytes);
  const auto record = write_identity(identity);
  std::copy(record.begin(), record.end(), content.begin());
  std::copy(record.begin(), record.end(), content.begin() + kSecondCopy);
  return replace_file(dir, kIdentityName, content);
}

// What the identity must be for this daemon to go on with it.
std::optional<StateError> check_identity(const StateDir& dir, const Identity& identity,
                                         const StateOptions& options) {
  if (identity.node != options.node) {
    return StateError{StateFault::ForeignNode,
                      "state directory " + dir.path() + " is that of node " +
                          std::to_string(identity.node.value()) + ", the configuration says node " +
                          std::to_string(options.node.value())};
  }
  if (identity.machine_known && options.machine != identity.machine) {
    return StateError{StateFault::ForeignMachine,
                      "state directory " + dir.path() +
                          " was made on another machine (machine-id differs); two machines must "
                          "never run as one node"};
  }
  return std::nullopt;
}

StateError boots_used_up(const StateDir& dir, base::NodeId node) {
  return {StateFault::BootsUsedUp, "state directory " + dir.path() + ": all 65535 boots of node " +
                                       std::to_string(node.value()) +
                                       " are used up; give the node another id or all SAs new "
                                       "keys, remove the directory and start with --new-state"};
}

// What is there, if this daemon may go on with it or, with new_state, in place of it.
base::Result<ReadIdentity, StateError> admit(StateDir& dir, const StateOptions& options) {
  auto read = read_identity(dir);
  if (read.identity && read.identity->boot.value() == kLastBoot) {
    return boots_used_up(dir, read.identity->node);
  }
  if (options.new_state) {
    // Only what is not there or makes no sense is given up; the rest an operator can put right, and
    // the boot count with it.
    if (read.error && read.error->fault != StateFault::Missing &&
        read.error->fault != StateFault::Damaged) {
      return *read.error;
    }
    return read;
  }
  if (!read.identity) return *read.error;
  if (auto error = check_identity(dir, *read.identity, options)) return *error;
  return read;
}

// A birth: new keys and ids, no leases. The identity is written last, so that a crash in between
// leaves leases that do not fit it, which is noticed.
base::Result<Identity, StateError> give_birth(StateDir& dir, const StateOptions& options,
                                              const RandomSource& random) {
  Identity identity;
  identity.node = options.node;
  identity.machine_known = options.machine.has_value();
  bool ok = random(identity.birth_key) && random(identity.state);
  if (identity.machine_known) {
    identity.machine = *options.machine;
  } else {
    ok = random(identity.machine) && ok;
  }
  if (!ok) return StateError{StateFault::Io, "the system has no random bytes"};
  if (auto made = LeaseFile::create(dir, identity.state); !made) {
    return StateError{StateFault::Io, "cannot write leases in state directory " + dir.path() +
                                          ": " + to_string(made.error())};
  }
  return identity;
}

}  // namespace

base::Result<Identity, IdentityError> parse_identity(std::span<const std::byte> bytes) noexcept {
  const auto* wire = base::view_as<IdentityWire>(bytes);
  if (wire == nullptr) return IdentityError::Truncated;
  if (wire->magic != kMagic) return IdentityError::BadMagic;
  const auto checked = bytes.first(kIdentityBytes - sizeof(wire->crc));
  if (wire->crc.host() != base::crc32c(checked)) return IdentityError::BadChecksum;
  // Every version keeps magic, version and the checksum of 72 bytes where they are.
  if (wire->version.host() != kVersion) return IdentityError::BadVersion;
  if (wire->node == 0 || wire->boot.host() == 0 || wire->machine_known > 1) {
    return IdentityError::BadValue;
  }
  Identity identity;
  identity.node = base::NodeId(wire->node);
  identity.boot = base::BootCount(wire->boot.host());
  identity.machine_known = wire->machine_known == 1;
  identity.machine = wire->machine;
  identity.birth_key = wire->birth_key;
  identity.state = wire->state;
  return identity;
}

std::array<std::byte, kIdentityBytes> write_identity(const Identity& identity) noexcept {
  IdentityWire wire{
      .magic = kMagic,
      .version = base::be16(kVersion),
      .node = identity.node.value(),
      .machine_known = identity.machine_known ? std::uint8_t{1} : std::uint8_t{0},
      .boot = base::be16(identity.boot.value()),
      .reserved = base::be16(0),
      .machine = identity.machine,
      .birth_key = identity.birth_key,
      .state = identity.state,
      .reserved2 = base::be32(0),
      .crc = base::be32(0),
  };
  const auto bytes = std::as_bytes(std::span(&wire, 1));
  wire.crc = base::be32(base::crc32c(bytes.first(kIdentityBytes - sizeof(wire.crc))));
  return std::bit_cast<std::array<std::byte, kIdentityBytes>>(wire);
}

bool system_random(std::span<std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const auto got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

std::optional<MachineId> this_machine(const std::string& file) {
  static constexpr std::string_view kPurpose = "phalanx machine id v1";
  std::ifstream input(file);
  std::string id;
  if (!(input >> id) || id.size() != 32) return std::nullopt;  // machine-id(5): 32 digits
  const auto digest =
      ipsec::hmac_sha256(std::as_bytes(std::span(id)), std::as_bytes(std::span(kPurpose)));
  MachineId machine{};
  std::memcpy(machine.data(), digest.data(), machine.size());
  return machine;
}

base::Result<base::Ok, StateError> StateStore::check(const std::shared_ptr<StateDir>& dir,
                                                     const StateOptions& options) {
  const auto read = admit(*dir, options);
  if (!read) return read.error();
  if (options.new_state) return base::Ok{};
  const auto leases = LeaseFile::open(dir, read->identity->state);
  if (!leases) return leases.error();
  return base::Ok{};
}

base::Result<StateStore, StateError> StateStore::open(const std::shared_ptr<StateDir>& dir,
                                                      const StateOptions& options,
                                                      const RandomSource& random) {
  auto admitted = admit(*dir, options);
  if (!admitted) return admitted.error();
  auto read = std::move(admitted).value();
  const auto last_boot = read.identity ? read.identity->boot.value() : std::uint16_t{0};
  Identity identity;
  if (options.new_state) {
    auto born = give_birth(*dir, options, random);
    if (!born) return born.error();
    identity = *born;
    if (read.error && read.error->fault == StateFault::Damaged) {
      read.notice =
          "the boot count begins again at 1, as the old one cannot be read: " + read.error->message;
    } else if (read.identity) {
      read.notice = "existing state was replaced: all number leases are forgotten";
    }
  } else {
    identity = *read.identity;
  }
  // Looked at before the boot count is raised, so that a start that must fail uses no boot up.
  auto leases = LeaseFile::open(dir, identity.state);
  if (!leases) return leases.error();
  if (leases->damaged_copies() != 0 && read.notice.empty()) {
    read.notice =
        std::to_string(leases->damaged_copies()) + " redundant copies of leases were damaged";
  }

  identity.boot = base::BootCount(static_cast<std::uint16_t>(last_boot + 1));
  if (auto written = write_identity_file(*dir, identity); !written) {
    return StateError{StateFault::Io, "cannot raise the boot count in state directory " +
                                          dir->path() + ": " + to_string(written.error())};
  }
  return StateStore(dir, identity, std::move(leases).value(), std::move(read.notice));
}

FileResult StateStore::raise_boot(base::BootCount boot) {
  if (boot <= identity_.boot) return base::Ok{};
  auto raised = identity_;
  raised.boot = boot;
  if (auto written = write_identity_file(*dir_, raised); !written) return written;
  identity_ = raised;
  return base::Ok{};
}

}  // namespace phalanx::control
