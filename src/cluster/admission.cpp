// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "admission.hpp"

#include <algorithm>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {

void Admission::on(const Header& from, const Hello& hello) {
  // Who lost its disk cannot say which boots exist.
  if (core_.disk.fresh) return;
  const auto node = from.sender.node;
  auto& known = core_.disk.boots[node];
  HelloReply reply{HelloStatus::Known, hello.boot, known.boot, hello.nonce, {}, {}};
  const bool member = core_.levelled && core_.memory.newest.version != Version{};
  reply.voters_at = member ? core_.memory.newest.version : core_.disk.voters_at;
  reply.voters = member ? core_.memory.newest.voters : core_.disk.voters;
  if (hello.boot != base::BootCount{}) {
    // Of a boot that others told us about we do not know the machine: they do.
    const bool same_machine = known.machine == MachineId{} || known.machine == hello.machine ||
                              reply.voters.has_left(node);
    const bool newer = hello.boot > known.boot;
    const bool same = hello.boot == known.boot &&
                      (known.nonce == hello.nonce || planted(Bug::EqualBootOtherNonce));
    if (same_machine && (newer || same)) {
      if (newer) {
        known = {hello.boot, hello.nonce, hello.machine};
        core_.learn_boot(node, hello.boot);
        core_.persist();
      }
      reply.status = HelloStatus::Stored;
    } else {
      reply.status = HelloStatus::Refused;
    }
  }
  core_.send(node, reply);
}

bool Admission::agreed() const {
  auto agreeing = answers_;
  if (!core_.disk.fresh) agreeing.push_back(core_.self.node);
  return core_.disk.voters.is_quorum(agreeing);
}

bool Admission::on(const Header& from, const HelloReply& reply) {
  if (core_.admitted || reply.nonce != core_.config.nonce) return false;
  const auto asked = registering_ ? core_.disk.boot : base::BootCount{};
  if (reply.asked != asked) return false;
  // The voters have changed since: those of now must know us.
  if (core_.learn_voters(reply.voters_at, reply.voters)) answers_.clear();
  highest_ = std::max(highest_, reply.highest_boot);
  if (reply.status == HelloStatus::Refused) {
    core_.emit(EventKind::BootRefused);
    registering_ = false;
    answers_.clear();
    return false;
  }
  const auto node = from.sender.node;
  if (std::find(answers_.begin(), answers_.end(), node) == answers_.end()) {
    answers_.push_back(node);
  }
  if (!agreed()) return false;
  if (!registering_) {
    choose_boot();
    return false;
  }
  admit();
  return true;
}

void Admission::admit() {
  core_.admitted = true;
  core_.self.boot = core_.disk.boot;
  core_.stream = {core_.self.node, core_.self.boot, 0};
  core_.learn_boot(core_.self.node, core_.self.boot);
  core_.emit(EventKind::Admitted);
}

void Admission::choose_boot() {
  const auto next = std::max(core_.disk.boot, highest_).value() + 1;
  core_.disk.boot = base::BootCount(static_cast<std::uint16_t>(next));
  if (!planted(Bug::BootWrittenLate)) core_.persist();
  registering_ = true;
  answers_.clear();
  asked_at_ = {};
  tick();
}

void Admission::tick() {
  if (core_.admitted || core_.stopped) return;
  if (asked_at_ != base::TimePoint{} && core_.now - asked_at_ < core_.config.heartbeat_interval) {
    return;
  }
  asked_at_ = core_.now;
  const auto boot = registering_ ? core_.disk.boot : base::BootCount{};
  auto asked = core_.peers();
  for (const auto node : core_.config.seeds) {
    const bool known = std::find(asked.begin(), asked.end(), node) != asked.end();
    if (!known && node != core_.self.node) asked.push_back(node);
  }
  core_.send_all(asked, Hello{boot, core_.config.nonce, core_.config.machine});
  // A cluster of one asks nobody; its disk, which choose_boot() has written, is the quorum.
  if (!answers_.empty() || !agreed()) return;
  if (registering_) {
    admit();
  } else {
    choose_boot();
  }
}

}  // namespace phalanx::cluster
