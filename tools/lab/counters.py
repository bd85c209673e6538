# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""What a gateway has counted, and whether its books balance."""

import dataclasses
import time


@dataclasses.dataclass(frozen=True)
class Totals:
    """Sums over all workers. drops: by reason, without those that are 0."""
    rx: int
    tx: int
    rx_bytes: int
    tx_bytes: int
    from_control: int
    to_control: int
    from_peer: int
    to_peer: int
    fragmented: int
    fragments: int
    held: int
    in_crypto: int
    in_lanes: int
    rx_no_buffer: int  # read by a device that had no buffer for them; not in rx
    drops: dict

    @property
    def dropped(self):
        return sum(self.drops.values())

    @property
    def missing(self):
        """Packets that came in and are accounted for nowhere; 0 once the workers are quiet."""
        return (self.rx + self.from_control + self.from_peer + self.fragments - self.tx -
                self.to_control - self.to_peer - self.fragmented - self.dropped - self.held -
                self.in_crypto - self.in_lanes)


def rows_of(daemon, view):
    """All rows of a list, page by page."""
    rows = []
    while True:
        page = daemon.query(f"/phalanx/{view},{len(rows)}")
        part = page["rows"]
        rows += part.values() if isinstance(part, dict) else part
        if not part or len(rows) >= page["total"]:
            return rows


def totals(daemon):
    """Asks the daemon."""
    sums = dict.fromkeys((field.name for field in dataclasses.fields(Totals)), 0)
    for row in rows_of(daemon, "workers"):
        for name in sums:
            if name in row and name != "drops":
                sums[name] += row[name]
    sums["rx_no_buffer"] = sum(row["rx_no_buffer"] for row in rows_of(daemon, "ports"))
    sums["drops"] = {row["reason"]: row["packets"] for row in rows_of(daemon, "drops")
                     if row["packets"]}
    return Totals(**sums)


def wait_quiet(daemon, rx_packets, seconds=60.0):
    """Until that many packets came in and nothing changes any more; returns the totals."""
    deadline = time.monotonic() + seconds
    before, calm = None, 0
    while calm < 3:
        now = totals(daemon)
        all_in = now.rx + now.rx_no_buffer >= rx_packets and now.held == 0
        calm = calm + 1 if now == before and all_in else 0
        before = now
        if time.monotonic() > deadline:
            raise daemon.failure(f"not quiet after {seconds:.0f} s, {rx_packets} packets sent: "
                                 f"{now}")
        time.sleep(0.03)
    return before


def security_associations(daemon):
    """One dict per SA, as telemetry shows them."""
    return rows_of(daemon, "sa")
