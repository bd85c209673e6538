# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""A cluster of gateways behind switches, a host on one side and a Linux kernel on the other.

  host 10.79.0.2 ---+                                    +--- UML peer 192.0.2.2
  10.80.N.1         |      node 1, 2, 3 ...              |    10.81.N.1  (N: the tunnel)
             [bridge priv] -- priv0  pub0 -- [bridge pub] ---+--- injector (replays what came in)
                              sync0 -- [bridge sync] -- witness ...

All nodes share 10.79.0.1 and 192.0.2.1 and the MAC addresses that go with them. Tunnels are static
SAs, one pair each, so that their buckets spread over all nodes.
"""

import dataclasses
import os
import pathlib
import secrets
import subprocess

import algorithms
import config_writer
import daemon
import netns
import uml

SHARED_MAC = {"private": "02:50:48:00:00:79", "public": "02:50:48:00:00:c0"}
GROUP_MAC = {"private": "03:50:48:00:00:79", "public": "03:50:48:00:00:c0"}
PEER_MAC = "02:00:00:00:79:02"
PRIVATE, PRIVATE_HOST = "10.79.0.1", "10.79.0.2"
PUBLIC, PEER = "192.0.2.1", "192.0.2.2"
INGRESS_MODES = ("unicast", "multicast", "forward", "spray")
PEER_ENTERS_BY = 2  # spray mode: the node whose next-hop address the peer's route has
BRIDGES = ("priv", "pub", "sync")


@dataclasses.dataclass(frozen=True)
class Tunnel:
    """to_peer: the cluster's outbound SA; to_cluster: its inbound one."""
    index: int
    to_peer: algorithms.Sa
    to_cluster: algorithms.Sa

    @property
    def host_address(self):
        return f"10.80.{self.index}.1"

    @property
    def peer_address(self):
        return f"10.81.{self.index}.1"


def make_tunnels(count):
    gcm = algorithms.BY_NAME["aes128gcm16"]
    return [Tunnel(i, algorithms.make_sa(f"cluster {i} out", 0x10000 + i, PUBLIC, PEER, gcm),
                   algorithms.make_sa(f"cluster {i} in", 0x20000 + i, PEER, PUBLIC, gcm))
            for i in range(1, count + 1)]


def next_hop(address, node_id):
    """Beside the shared one."""
    return f"{address}{node_id}"


def peer_commands(tunnels, ingress):
    """The Linux peer's set-up, as ip(8) batch lines."""
    lines = ["link set vec0 up", f"address add {PEER}/24 dev vec0"]
    if ingress == "spray":
        lines.append(f"route add {PUBLIC}/32 via {next_hop(PUBLIC, PEER_ENTERS_BY)}")
    for tunnel in tunnels:
        host, peer = f"{tunnel.host_address}/32", f"{tunnel.peer_address}/32"
        lines += [
            f"address add {peer} dev lo",
            f"route add {host} via {PUBLIC} dev vec0 src {tunnel.peer_address}",
            algorithms.xfrm_state(tunnel.to_peer, tunnel.index, 1024),
            algorithms.xfrm_state(tunnel.to_cluster, tunnel.index, 1024),
            algorithms.xfrm_policy("in", host, peer, PUBLIC, PEER, tunnel.index),
            algorithms.xfrm_policy("out", peer, host, PEER, PUBLIC, tunnel.index)]
    return lines


class Node:
    """One member: its namespace, configuration and daemon."""

    def __init__(self, site, node_id):
        self.site = site
        self.id = node_id
        self.name = f"n{node_id}"
        self.namespace = site.lab.namespace(self.name)
        for bridge in BRIDGES:
            site.plug(self.namespace, f"{bridge}0", bridge, f"{bridge}-n{node_id}")
        self.folder = site.folder / self.name
        self.config = self._config()
        self.daemon = None

    def _config(self):
        config = config_writer.GatewayConfig(f"{self.site.lab.prefix}-{self.name}", self.folder)
        settings = config.settings
        settings["node"]["id"] = self.id
        settings["eal"]["memory_mb"] = 192
        cpu = self.id % (os.cpu_count() or 1)
        settings["control"]["cpu"] = cpu
        settings["workers"] = [{"cpu": cpu}]
        config.port("private", "net_af_packet0,iface=priv0", "private", [f"{PRIVATE}/24"],
                    mac=self.site.macs["private"])
        config.port("public", "net_af_packet1,iface=pub0", "public", [f"{PUBLIC}/24"],
                    mac=self.site.macs["public"])
        config.port("sync", "net_af_packet2,iface=sync0", "cluster", [f"10.9.0.{self.id}/24"])
        config.route("10.80.0.0/16", PRIVATE_HOST)
        for tunnel in self.site.tunnels:
            config.outbound(tunnel.to_peer)
            config.inbound(tunnel.to_cluster, replay_window=1024)
            config.protect(f"tunnel{tunnel.index}", f"{tunnel.host_address}/32",
                           f"{tunnel.peer_address}/32", tunnel.to_peer, [tunnel.to_cluster])
        settings["cluster"] = {
            "members": self.site.members_for(self.id), "secret_file": str(self.site.secret_file),
            "heartbeat_interval_ms": self.site.heartbeat_ms, "ingress": self.site.ingress}
        return config

    def start(self):
        """Does not wait: a member alone has nobody to agree with."""
        state = pathlib.Path(self.config.state_dir)
        first = "--new-cluster" if self.id <= self.site.founders else "--new-state"
        options = [] if state.exists() else [first]
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.daemon = daemon.Daemon(self.config, self.folder, namespace=self.namespace,
                                    options=options)

    def kill(self):
        self.daemon.kill()

    def log(self):
        return self.daemon.log() if self.daemon else ""

    @property
    def running(self):
        return self.daemon is not None and self.daemon.process.poll() is None


class Witness:
    """A member without ports: its namespace, configuration and process."""

    def __init__(self, site, member_id):
        self.id = member_id
        self.name = f"w{member_id}"
        self.namespace = site.lab.namespace(self.name)
        site.plug(self.namespace, "sync0", "sync", f"sync-{self.name}")
        self.namespace.ip("address", "add", f"10.9.0.{member_id}/24", "dev", "sync0")
        self.folder = site.folder / self.name
        self.folder.mkdir()
        self.state_dir = self.folder / "state"
        self.log_path = self.folder / "witness.log"
        self.config_path = self.folder / "witness.conf"
        self.config_path.write_text(config_writer.render({
            "version": 1,
            "node": {"id": member_id, "name": self.name, "state_dir": str(self.state_dir)},
            "cluster": {"members": site.members, "secret_file": str(site.secret_file),
                        "heartbeat_interval_ms": site.heartbeat_ms}}), encoding="ascii")
        self.process = None

    def start(self):
        command = [daemon.program("phalanx-witness"), "--config", str(self.config_path)]
        if not self.state_dir.exists():
            command.append("--new-cluster")
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(self.namespace.argv(*command), stdin=subprocess.DEVNULL,
                                        stdout=self.log_path.open("ab"), stderr=subprocess.STDOUT)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """Its exit status."""
        self.process.terminate()
        return self.process.wait(5)


class ClusterSite:
    """Everything in the drawing above. Nodes are made, not started."""

    # pylint: disable=too-many-instance-attributes
    def __init__(self, lab, folder, count=3, tunnels=8, heartbeat_ms=100, witnesses=0,
                 ingress="unicast", founders=None):
        """founders: as many nodes, from the first on, begin the cluster; the others may join it."""
        # pylint: disable=too-many-arguments,too-many-positional-arguments
        self.lab = lab
        self.folder = pathlib.Path(folder)
        self.founders = count if founders is None else founders
        voters = count + witnesses
        self.members = [{"name": f"n{i}" if i <= count else f"w{i}", "id": i,
                         "address": f"10.9.0.{i}", "witness": i > count}
                        for i in range(1, voters + 1)]
        if ingress == "spray":
            for member in self.members[:count]:
                member["next_hops"] = [next_hop(PUBLIC, member["id"]),
                                       next_hop(PRIVATE, member["id"])]
        self.heartbeat_ms = heartbeat_ms
        self.ingress = ingress
        self.macs = GROUP_MAC if ingress == "multicast" else SHARED_MAC
        self.tunnels = make_tunnels(tunnels)
        self.secret_file = self.folder / "cluster.secret"
        self.secret_file.touch(mode=0o600)
        self.secret_file.write_text(f'secret = "{secrets.token_hex(32)}";\n'
                                    f'birth_key = "{secrets.token_hex(16)}";\n', encoding="ascii")
        self.switch = lab.namespace("switch")
        for bridge in BRIDGES:
            # Switches that flood what they do not know and learn nothing from anybody's wishes.
            self.switch.ip("link", "add", bridge, "type", "bridge", "forward_delay", "0",
                           "mcast_snooping", "0")
            self.switch.quiet_interface(bridge)
        self.host = lab.namespace("host")
        self.plug(self.host, "eth0", "priv", "priv-host")
        self.injector = lab.namespace("inject")
        self.plug(self.injector, "eth0", "pub", "pub-inject")
        self.nodes = {i: Node(self, i) for i in range(1, count + 1)}
        self.witnesses = {i: Witness(self, i) for i in range(count + 1, voters + 1)}
        self.peer = uml.Peer(lab, self.switch, "uml0", peer_commands(self.tunnels, ingress),
                             PEER_MAC)
        self.switch.ip("link", "set", "uml0", "master", "pub")
        self.host.batch([f"address add {PRIVATE_HOST}/24 dev eth0",
                         f"route add 10.81.0.0/16 via {PRIVATE}"] + self._spray_routes() +
                        [f"address add {t.host_address}/32 dev lo" for t in self.tunnels])

    def enters_by(self, tunnel):
        """Spray mode: nodes whose next-hop addresses the routes of host and peer have. The kernel's
        own spreading is by addresses, of which ESP has one pair: each tunnel has its route."""
        return {(tunnel.index % len(self.nodes)) + 1, PEER_ENTERS_BY}

    def _spray_routes(self):
        if self.ingress != "spray":
            return []
        return [f"route add {t.peer_address}/32 via "
                f"{next_hop(PRIVATE, t.index % len(self.nodes) + 1)}" for t in self.tunnels]

    def hand_on_macs(self):
        """Forward and spray mode: where nodes take packets of the public side from each other, as
        include/phalanx/net/hand_on_mac.hpp makes these addresses."""
        if self.ingress not in ("forward", "spray"):
            return []
        return [f"{first}{self.macs['public'][2:-2]}{node:02x}"
                for node in self.nodes for first in ("06", "0a", "0e")]

    def plug(self, namespace, interface, bridge, port):
        """A cable from a namespace to one of the bridges."""
        self.lab.veth(namespace, interface, self.switch, port)
        namespace.quiet_interface(interface)
        self.switch.quiet_interface(port)
        self.switch.ip("link", "set", port, "master", bridge)

    def members_for(self, node_id):
        """What the config of a member says: all that were there when it was written."""
        return [member for member in self.members
                if member["id"] <= max(self.founders, node_id) or member["witness"]]

    def start(self):
        nodes = [node for node in self.nodes.values() if node.id <= self.founders]
        for member in [*self.witnesses.values(), *nodes]:
            member.start()
        for node in nodes:
            node.daemon.wait_ready()

    def close(self):
        for node in self.nodes.values():
            if node.daemon is not None:
                node.kill()
        for witness in self.witnesses.values():
            witness.kill()
