# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""One table of tunnels between a gateway and a Linux kernel: every algorithm, with and without
ESN, each inner over each outer family. Both ends are configured from it.

  private host               gateway                                     Linux peer
  10.80.N.1  --- 10.79.0.0/24 ---|--- 192.0.2.0/24, 2001:db8::/64 ---  10.81.N.1
  fd80:N::1      fd79::/64                                             fd81:N::1   (N: the case)
"""

import dataclasses
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

import algorithms  # noqa: E402  pylint: disable=wrong-import-position

GATEWAY_MAC, PEER_MAC = "02:00:00:00:79:01", "02:00:00:00:79:02"
GATEWAY = {4: "192.0.2.1", 6: "2001:db8::1"}
PEER = {4: "192.0.2.2", 6: "2001:db8::2"}
PUBLIC_PREFIX = {4: 24, 6: 64}
PRIVATE_GATEWAY = {4: "10.79.0.1", 6: "fd79::1"}
PRIVATE_HOST = {4: "10.79.0.2", 6: "fd79::2"}
# Inner packets of up to 1448 bytes fit with every algorithm, so that no size is fragmented.
MTU = 1600


@dataclasses.dataclass(frozen=True)
class Case:
    """to_peer: the gateway's outbound SA; to_gateway: its inbound one."""
    index: int
    inner: int
    outer: int
    to_peer: algorithms.Sa
    to_gateway: algorithms.Sa

    @property
    def name(self):
        sa = self.to_peer
        return f"{sa.algorithm.name}{' esn' if sa.esn else ''}, v{self.inner} in v{self.outer}"

    def _address(self, net):
        return f"10.{net}.{self.index}.1" if self.inner == 4 else f"fd{net}:{self.index}::1"

    @property
    def host_address(self):
        """Of the host behind the gateway."""
        return self._address(80)

    @property
    def peer_address(self):
        """Inside the Linux peer."""
        return self._address(81)


def make_cases():
    cases = []
    for algorithm in algorithms.ALGORITHMS:
        for esn in (False, True):
            for inner in (4, 6):
                for outer in (4, 6):
                    index = len(cases) + 1
                    kind = f"uml {algorithm.name} {esn} {inner} {outer}"
                    cases.append(Case(
                        index, inner, outer,
                        algorithms.make_sa(kind + " out", 0x10000 + index, GATEWAY[outer],
                                           PEER[outer], algorithm, esn),
                        algorithms.make_sa(kind + " in", 0x20000 + index, PEER[outer],
                                           GATEWAY[outer], algorithm, esn)))
    return cases


def peer_commands(cases):
    """The Linux peer's set-up, as ip(8) batch lines."""
    lines = [f"link set vec0 mtu {MTU} up"]
    for family in (4, 6):
        lines.append(f"address add {PEER[family]}/{PUBLIC_PREFIX[family]} dev vec0"
                     f"{' nodad' if family == 6 else ''}")
    for case in cases:
        bits = 32 if case.inner == 4 else 128
        host, peer = f"{case.host_address}/{bits}", f"{case.peer_address}/{bits}"
        lines += [
            f"address add {peer} dev lo{' nodad' if case.inner == 6 else ''}",
            f"route add {host} via {GATEWAY[case.inner]} dev vec0 src {case.peer_address}",
            algorithms.xfrm_state(case.to_peer, case.index),
            algorithms.xfrm_state(case.to_gateway, case.index),
            algorithms.xfrm_policy("in", host, peer, case.to_peer.source,
                                   case.to_peer.destination, case.index),
            algorithms.xfrm_policy("out", peer, host, case.to_gateway.source,
                                   case.to_gateway.destination, case.index)]
    return lines
