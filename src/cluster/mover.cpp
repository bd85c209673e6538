// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "mover.hpp"

namespace phalanx::cluster {

// Whether the bucket is still where it was when the order was given. Of other buckets we may know
// more than the master did then, or less: packets are held by now, and not for nothing.
bool Mover::is_current(const MoveOrder& order, base::BucketIndex bucket) const {
  const auto owner = core_.memory.newest.owners()[bucket.value()];
  return order.version.generation == core_.memory.generation &&
         order.version.term == core_.memory.term && owner.grant <= grant_of(order.version);
}

void Mover::on(const Header& from, const MoveOrder& order) {
  if (!core_.levelled) return;
  for (const auto& move : order.moves) {
    if (!is_current(order, move.bucket)) continue;
    switch (order.step) {
      case MoveStep::Note: note(order, move); break;
      case MoveStep::Hold: hold(from, order, move); break;
      case MoveStep::Close: close(from, move); break;
    }
  }
}

void Mover::note(const MoveOrder& order, const BucketMove& move) {
  if (!owner_.serves(move.bucket) || move.to.node == core_.self.node) return;
  next_[move.bucket] = {move.to.node, {order.version, MoveStep::Hold, {move}}};
  Event event(EventKind::MoveWanted, move.bucket);
  event.node = move.to.node;
  core_.emit(event);
}

void Mover::hold(const Header& from, const MoveOrder& order, const BucketMove& move) {
  // Who lacks records cannot open the bucket soon.
  if (move.to != core_.stream || !core_.complete || voter_.lags()) return;
  next_[move.bucket] = {from.sender.node, {order.version, MoveStep::Close, {move}}};
  core_.emit(Event(EventKind::MoveComing, move.bucket));
}

void Mover::close(const Header& from, const BucketMove& move) {
  const auto noted = next_.find(move.bucket);
  const bool known = noted != next_.end() && noted->second.to == from.sender.node &&
                     noted->second.order.step == MoveStep::Hold;
  if (!known || !owner_.serves(move.bucket)) return;
  Event event(EventKind::CloseWanted, move.bucket);
  event.node = move.to.node;
  core_.emit(event);
}

void Mover::ready(base::BucketIndex bucket) {
  const auto found = next_.find(bucket);
  if (found == next_.end() || !core_.levelled) return;
  const auto& next = found->second;
  if (is_current(next.order, bucket)) core_.send(next.to, next.order);
}

}  // namespace phalanx::cluster
