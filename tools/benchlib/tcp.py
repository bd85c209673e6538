# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""tools/bench tcp: one TCP flow through one SA in session mode, and through one in packet mode on
two workers, to and from a Linux kernel with ESP of its own and a replay window of 64 packets.

   host namespace              gateway namespace                  User Mode Linux
   10.90.0.2 -- eth0 === priv0 -- phalanxd -- uml0 ======== vec0 -- 192.0.2.2
   10.91.N.1                                                        10.92.N.1     (N: the mode)

One daemon has both SAs, and the modes take turns. Everything shares this machine's CPUs. A row is
valid when the peer had CPU time left, and the machine, too, and nothing to speak of was lost in the
peer's short queue: otherwise it is they that are measured. As the peer is slower than one worker,
flows are also sent at set fractions of the rate that session mode reaches unlimited (`paced`).
"""

import json
import os
import pathlib
import statistics
import tempfile
import time

import algorithms
import config_writer
import counters
import daemon
import netns
import uml

from benchlib import common

HELP = "one TCP flow in session mode and in packet mode"
TARGETS = ("phalanxd",)

MODES = {"session": 1, "packet": 2}
DIRECTIONS = ("outbound", "inbound")
WANTED_RATIO = 0.9
# Of the wall clock time that the peer's one CPU has to be idle, and all CPUs together.
LEAST_PEER_IDLE, LEAST_MACHINE_IDLE = 0.10, 0.05
BETWEEN_READINGS = 10  # packets
MOST_LOST_AT_PEER = 0.001  # of the packets that the gateway sent there
MTU = 1600  # between gateway and peer: full-size packets of the hosts fit into tunnels
WINDOW = 64
PACKET_MODE = {"mode": "packet", "stripe_shift": 3}
GATEWAY_MAC, PEER_MAC = "02:00:00:00:90:01", "02:00:00:00:90:02"
PUBLIC, PEER = "192.0.2.1", "192.0.2.2"
PRIVATE, HOST = "10.90.0.1", "10.90.0.2"
FLOW = pathlib.Path(uml.__file__).parent / "tcp_flow.py"


def add_options(parser):
    parser.add_argument("--direction", choices=DIRECTIONS)
    parser.add_argument("--seconds", type=int, default=4, help="of each run")
    parser.add_argument("--repeat", type=int, help="runs of each kind; default 5, quick 3")
    parser.add_argument("--paced", type=lambda text: [float(item) for item in text.split()],
                        default=[0.4, 0.6],
                        help="fractions of session mode's unlimited rate, default '0.4 0.6'")


class Site:
    """The lab, with a gateway between a host and a Linux kernel."""

    def __init__(self, lab, folder):
        self.gateway, self.host = lab.namespace("gw"), lab.namespace("host")
        lab.veth(self.host, "eth0", self.gateway, "priv0")
        self.host.plain_interface("eth0")
        self.gateway.quiet_interface("priv0")
        gcm = algorithms.BY_NAME["aes128gcm16"]
        self.sas = {mode: (algorithms.make_sa(f"tcp {mode} out", 0x9000 + n, PUBLIC, PEER, gcm),
                           algorithms.make_sa(f"tcp {mode} in", 0x9100 + n, PEER, PUBLIC, gcm))
                    for mode, n in MODES.items()}
        self.host.batch([f"address add {HOST}/24 dev eth0"] + [
            line for n in MODES.values() for line in (
                f"address add 10.91.{n}.1/32 dev lo",
                f"route add 10.92.{n}.1/32 via {PRIVATE} src 10.91.{n}.1")])
        self.peer = uml.Peer(lab, self.gateway, "uml0", self._peer_commands(), PEER_MAC, MTU)
        config = self._config(lab, folder)
        pathlib.Path(config.state_dir).mkdir(mode=0o700, parents=True)
        self.daemon = daemon.Daemon(config, folder, True, self.gateway)

    def _peer_commands(self):
        lines = [f"link set vec0 mtu {MTU} up", f"address add {PEER}/24 dev vec0"]
        for mode, n in MODES.items():
            host, peer = f"10.91.{n}.1/32", f"10.92.{n}.1/32"
            to_peer, to_gateway = self.sas[mode]
            lines += [f"address add {peer} dev lo",
                      f"route add {host} via {PUBLIC} dev vec0 src 10.92.{n}.1 mtu 1500",
                      algorithms.xfrm_state(to_peer, n, WINDOW),
                      algorithms.xfrm_state(to_gateway, n, WINDOW),
                      algorithms.xfrm_policy("in", host, peer, PUBLIC, PEER, n),
                      algorithms.xfrm_policy("out", peer, host, PEER, PUBLIC, n)]
        return lines

    def _config(self, lab, folder):
        config = config_writer.GatewayConfig(f"{lab.prefix}-gw", folder, 2)
        config.settings["rebalance"] = {"enabled": False}
        config.port("private", "net_af_packet0,iface=priv0", "private", [f"{PRIVATE}/24"])
        config.port("public", "net_af_packet1,iface=uml0", "public", [f"{PUBLIC}/24"], mtu=MTU,
                    mac=GATEWAY_MAC)
        for mode, n in MODES.items():
            to_peer, to_gateway = self.sas[mode]
            more = PACKET_MODE if mode == "packet" else {}
            config.outbound(to_peer, **more, **({"peer_window": WINDOW} if more else {}))
            config.inbound(to_gateway, **more)
            config.route(f"10.91.{n}.0/24", HOST)
            config.protect(mode, f"10.91.{n}.1/32", f"10.92.{n}.1/32", to_peer, [to_gateway])
        return config

    def peer_file(self, path):
        """A file of the peer."""
        return self.host.run("curl", "-sf", "-m", "30", "--interface", "10.91.1.1",
                             f"http://10.92.1.1:{uml.HTTP_PORT}/file{path}").stdout


def linux_counters(text):
    """Of /proc/net/snmp or netstat: lines of names and values in turn."""
    lines = [line.split() for line in text.splitlines()]
    return {names[0][:-1] + "." + name: int(value) for names, values in zip(lines[::2], lines[1::2])
            for name, value in zip(names[1:], values[1:])}


def what_tcp_saw(site):
    """Of both sides: segments sent again, and segments that came out of order; packets that the
    peer, the gateway or its workers found late, what the gateway dropped for any reason, and how
    many packets it sent to the peer and the peer had."""
    out = {}
    for side, read in (("host", lambda path: site.host.run("cat", path).stdout),
                       ("peer", site.peer_file)):
        seen = linux_counters(read("/proc/net/snmp")) | linux_counters(read("/proc/net/netstat"))
        out[side, "again"] = seen["Tcp.RetransSegs"]
        out[side, "disorder"] = seen["TcpExt.TCPOFOQueue"]
    xfrm = dict(line.split() for line in site.peer_file("/proc/net/xfrm_stat").splitlines())
    out["late"] = int(xfrm["XfrmInStateSeqError"])
    drops = counters.totals(site.daemon).drops
    out["late"] += sum(count for reason, count in drops.items() if reason.startswith("esp_replay"))
    out["dropped"] = sum(drops.values())
    out["to_peer"] = next(row["tx_packets"] for row in counters.rows_of(site.daemon, "ports")
                          if row["name"] == "public")
    devices = dict(line.split(":") for line in site.peer_file("/proc/net/dev").splitlines()[2:])
    received = next(text for name, text in devices.items() if name.strip() == "vec0")
    out["at_peer"] = int(received.split()[1])
    out["not_waited"] = sum(row["lane_late"] for row in counters.rows_of(site.daemon, "workers"))
    return out


def cpu_seconds(group):
    """CPU time of all processes of a group, their ended children included."""
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        if int(fields[2]) == group:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def idle_seconds():
    """Of all CPUs of this machine."""
    first = pathlib.Path("/proc/stat").read_text(encoding="ascii").split("\n", maxsplit=1)[0]
    return sum(map(int, first.split()[4:6])) / os.sysconf("SC_CLK_TCK")


def one_run(site, mode, direction, seconds, rate):
    """Figures of one flow. rate: Gbit/s; None: unlimited."""
    n = MODES[mode]
    seen = what_tcp_saw(site)
    begin, peer, idle = time.monotonic(), cpu_seconds(site.peer.process.pid), idle_seconds()
    flow = json.loads(site.host.run(
        "python3", str(FLOW), direction, f"10.91.{n}.1", f"10.92.{n}.1", str(seconds),
        str(round((rate or 0) * 1e9 / 8))).stdout)
    took = time.monotonic() - begin
    peer_idle = 1 - (cpu_seconds(site.peer.process.pid) - peer) / took
    machine_idle = (idle_seconds() - idle) / took / (os.cpu_count() or 1)
    now = what_tcp_saw(site)
    sender, receiver = ("host", "peer") if direction == "outbound" else ("peer", "host")
    return {"gbit_s": flow["bytes"] * 8 / flow["seconds"] / 1e9,
            "peer_idle_cpu": peer_idle, "machine_idle_cpu": machine_idle,
            "sent_again": now[sender, "again"] - seen[sender, "again"],
            "out_of_order": now[receiver, "disorder"] - seen[receiver, "disorder"],
            "late_for_window": now["late"] - seen["late"],
            "not_waited_for": now["not_waited"] - seen["not_waited"],
            "gateway_drops": now["dropped"] - seen["dropped"],
            "to_peer": now["to_peer"] - seen["to_peer"],
            # The two are not read at one moment: a few packets are in between.
            "lost_at_peer": max(0, now["to_peer"] - seen["to_peer"] - now["at_peer"] +
                                seen["at_peer"] - BETWEEN_READINGS)}


def measure(site, direction, repeat, seconds, paced, rate):
    """Rows of both modes. rate: Gbit/s, fraction `paced` of what session mode can."""
    # pylint: disable=too-many-arguments,too-many-positional-arguments
    runs = {mode: [] for mode in MODES}
    for _ in range(repeat):
        for mode, made in runs.items():
            made.append(one_run(site, mode, direction, seconds, rate))
    base = statistics.median(run["gbit_s"] for run in runs["session"])
    for mode, made in runs.items():
        median = {name: statistics.median(run[name] for run in made)
                  for name in ("gbit_s", "peer_idle_cpu", "machine_idle_cpu")}
        sums = {name: sum(run[name] for run in made) for name in
                ("to_peer", "lost_at_peer", "sent_again", "out_of_order", "late_for_window",
                 "not_waited_for", "gateway_drops")}
        valid = (median["peer_idle_cpu"] >= LEAST_PEER_IDLE and
                 median["machine_idle_cpu"] >= LEAST_MACHINE_IDLE and
                 sums["lost_at_peer"] <= MOST_LOST_AT_PEER * sums["to_peer"])
        yield {"bench": "tcp", "mode": mode, "workers": 2, "direction": direction,
               "paced": paced, "paced_gbit_s": rate and round(rate, 4),
               "gbit_s": round(median["gbit_s"], 4), "ratio": round(median["gbit_s"] / base, 3),
               "wanted_ratio": WANTED_RATIO if mode == "packet" else None,
               "peer_idle_cpu": round(median["peer_idle_cpu"], 3),
               "machine_idle_cpu": round(median["machine_idle_cpu"], 3), "valid": valid,
               "runs_gbit_s": [round(run["gbit_s"], 4) for run in made], **sums}


def run(options, _build):
    """Prints the rows; how many valid ones miss the wanted ratio. Without a valid comparison in a
    direction nothing was shown: that counts, too."""
    netns.require_root_and("ip", "ethtool", "curl", "linux.uml")
    repeat = options.repeat or (3 if options.quick else 5)
    missed = 0
    with tempfile.TemporaryDirectory(prefix="plx-tcp-") as folder, netns.Lab("plxt") as lab:
        site = Site(lab, folder)
        try:
            site.daemon.wait_ready()
            site.peer.wait_ready()
            for mode in MODES:  # neighbors are known afterwards, and leases have grown
                one_run(site, mode, "outbound", 1, None)
            for direction in DIRECTIONS:
                if options.direction in (None, direction):
                    missed += compare(site, direction, repeat, options)
        finally:
            site.daemon.kill()
    return missed


def compare(site, direction, repeat, options):
    """All rows of a direction."""
    missed, valid, rate = 0, 0, None
    for paced in [None, *options.paced]:
        common.progress(f"bench: tcp {direction}, " +
                        (f"at {paced} of that" if paced else "as fast as it goes"))
        rows = list(measure(site, direction, repeat, options.seconds, paced,
                            paced and paced * rate))
        rate = rate or rows[0]["gbit_s"]
        for row in rows:
            common.print_row(row | common.machine())
        if all(row["valid"] for row in rows):
            valid += 1
            missed += rows[1]["ratio"] < WANTED_RATIO
    return missed + (valid == 0)
