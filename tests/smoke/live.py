#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Two gateways, live, with real programs on both sides.

  left host     left gateway             right gateway    right host      (one namespace each)
  10.71.1.2 --- 10.71.1.1 | 198.51.100.1 --- .2 | 10.71.2.1 --- 10.71.2.2
  fd71:1::2     fd71:1::1 | 2001:db8:64::1 - ::2| fd71:2::1     fd71:2::2

Every link has MTU 1500, so full-size TCP needs the gateways' word about the tunnel's MTU. Checks:
ping of many sizes, iperf3 both ways over IPv4 and IPv6, only ESP between the gateways, a gateway
killed and started again under traffic.
"""

import argparse
import json
import pathlib
import re
import shutil
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import algorithms  # noqa: E402
import checks as checking  # noqa: E402
import config_writer  # noqa: E402
import counters  # noqa: E402
import daemon  # noqa: E402
import netns  # noqa: E402
import pcap  # noqa: E402

HOSTS = {"left": {4: "10.71.1.2", 6: "fd71:1::2"}, "right": {4: "10.71.2.2", 6: "fd71:2::2"}}
PRIVATE = {"left": {4: "10.71.1.1", 6: "fd71:1::1"}, "right": {4: "10.71.2.1", 6: "fd71:2::1"}}
PUBLIC = {"left": {4: "198.51.100.1", 6: "2001:db8:64::1"},
          "right": {4: "198.51.100.2", 6: "2001:db8:64::2"}}
NETS = {"left": {4: "10.71.1.0/24", 6: "fd71:1::/64"},
        "right": {4: "10.71.2.0/24", 6: "fd71:2::/64"}}
BITS = {4: 24, 6: 64}
SIDES = ("left", "right")
PING_SIZES = (0, 1, 31, 56, 500, 1200, 1372)
STOP_SECONDS = 1.0
BACK_SECONDS = 2.0  # an SA at one packet a second after a restart of its gateway


def other(side):
    return "right" if side == "left" else "left"


class Site:
    """Four namespaces in a row, and the two daemons in the middle."""

    def __init__(self, lab, folder, algorithm_name, workers=1):
        self.folder = pathlib.Path(folder)
        self.host = {side: lab.namespace(f"{side}-host") for side in SIDES}
        self.gateway = {side: lab.namespace(f"{side}-gw") for side in SIDES}
        self._connect_gateways(lab)
        for side in SIDES:
            lab.veth(self.host[side], "eth0", self.gateway[side], "priv0")
            self.host[side].plain_interface("eth0")
            self.gateway[side].quiet_interface("priv0")
            self.gateway[side].quiet_interface("pub0")
            lines = []
            for family in (4, 6):
                lines += [f"address add {HOSTS[side][family]}/{BITS[family]} dev eth0" +
                          (" nodad" if family == 6 else ""),
                          f"route add {NETS[other(side)][family]} via {PRIVATE[side][family]}"]
            self.host[side].batch(lines)
        algorithm = algorithms.BY_NAME[algorithm_name]
        self.sas = {side: {family: algorithms.make_sa(
            f"live from {side} {algorithm_name} v{family}", spi + family, PUBLIC[side][family],
            PUBLIC[other(side)][family], algorithm) for family in (4, 6)}
            for side, spi in (("left", 0x1000), ("right", 0x2000))}
        self.configs = {side: self._config(side, workers) for side in SIDES}
        self.daemons = {}

    def _connect_gateways(self, lab):
        lab.veth(self.gateway["left"], "pub0", self.gateway["right"], "pub0")

    def _config(self, side, workers):
        config = config_writer.GatewayConfig(f"{self.gateway[side].lab.prefix}-{side}",
                                             self.folder / side, workers)
        for name, role, addresses, device in (
                ("private", "private", PRIVATE[side], "net_af_packet0,iface=priv0"),
                ("public", "public", PUBLIC[side], "net_af_packet1,iface=pub0")):
            config.port(name, device, role,
                        [f"{address}/{BITS[family]}" for family, address in addresses.items()])
        for family in (4, 6):
            config.outbound(self.sas[side][family])
            config.inbound(self.sas[other(side)][family], replay_window=1024)
            config.protect(f"tunnel{family}", NETS[side][family], NETS[other(side)][family],
                           self.sas[side][family], [self.sas[other(side)][family]])
        return config

    def start(self, side):
        config = self.configs[side]
        new_state = not pathlib.Path(config.state_dir).exists()
        pathlib.Path(config.state_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.daemons[side] = daemon.Daemon(config, self.folder / side, new_state,
                                           self.gateway[side])
        self.daemons[side].wait_ready()

    def close(self):
        for each in self.daemons.values():
            each.kill()


def ping(host, target, size, count=1, wait=1):
    """(How many were answered, what ping said)."""
    done = host.run("ping", "-n", "-q", f"-c{count}", "-i0.02", f"-W{wait}", f"-s{size}", target,
                    check=False)
    received = re.search(r" (\d+) received", done.stdout)
    return int(received[1]) if received else 0, done.stdout + done.stderr


def check_pings(site, checks):
    for side in SIDES:
        for family in (4, 6):
            problems = []
            for size in PING_SIZES:
                answered, output = ping(site.host[side], HOSTS[other(side)][family], size, 3, 2)
                if answered:
                    checks.lost += 3 - answered
                else:
                    problems.append(f"{size} bytes: {output}")
            checks.add(f"ping from {side}, IPv{family}", "\n".join(problems) or None)


def iperf(site, family, seconds, *options):
    """(Gbit/s, bytes received). A server that does not listen yet, or is still busy with the client
    before, is asked again."""
    deadline = time.monotonic() + 10
    while True:
        done = site.host["left"].run("iperf3", "-J", "-c", HOSTS["right"][family], "-t",
                                     str(seconds), *options, check=False, timeout=seconds + 60)
        try:
            report = json.loads(done.stdout)["end"]["sum_received"]
            return report["bits_per_second"] / 1e9, report["bytes"]
        except (ValueError, KeyError) as error:
            busy = "refused" in done.stdout or "busy" in done.stdout
            if not busy or time.monotonic() > deadline:
                raise netns.LabError(f"iperf3: {done.stdout[-2000:]}{done.stderr}") from error
        time.sleep(0.1)


def command(site, side, **request):
    """The answer of the daemon's command socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(site.configs[side].settings["node"]["run_dir"] + "/control.sock")
        connection.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(connection.makefile().readline())


def check_capture(site, checks):
    """The daemon's own capture holds the pings that went by, and only as many packets as asked
    for."""
    path = str(site.folder / "own.pcap")
    started = command(site, "left", command="capture_start", port="private", file=path,
                      max_packets=8)
    answered, output = ping(site.host["left"], HOSTS["right"][4], 200, 6, 2)
    status = command(site, "left", command="capture_stop")
    frames = pcap.read(path)
    pings = [packet for packet in pcap.ip_packets(frames)
             if pcap.protocol(packet) == pcap.PROTO_ICMP and len(packet) == 228]
    good = (started["ok"] and answered and status["packets"] == len(frames) <= 8 and
            len(pings) >= 2)
    checks.add(f"capture of {len(frames)} packets", None if good else
               f"{started}\n{status}\n{len(pings)} pings\n{output}")
    refused = command(site, "left", command="capture_start", port="private", file=path + "\0x")
    checks.add("capture into a misleading name is refused", None if not refused["ok"] else refused)


def check_iperf(site, checks, seconds):
    """Returns rows for the quickstart's table: packets and drops are those of both gateways."""
    rows = []
    site.host["right"].start("iperf3", "-s")
    for family in (4, 6):
        for options, way in (((), "left to right"), (("-R",), "right to left")):
            what = f"live TCP, IPv{family}, {way}"
            before = {side: counters.totals(site.daemons[side]) for side in SIDES}
            try:
                rate, received = iperf(site, family, seconds, *options)
            except netns.LabError as error:
                checks.add(what, error)
                continue
            checks.add(f"{what}: {rate:.3f} Gbit/s", None if rate > 0.001 else "stalled")
            rows.append({"step": what, "bytes": received, "gbit_per_second": rate,
                         **traffic_since(site, before)})
    return rows


def traffic_since(site, before):
    """Packets that entered the left gateway, and what either dropped, since `before`."""
    drops = {}
    for side in SIDES:
        for reason, count in counters.totals(site.daemons[side]).drops.items():
            new = count - before[side].drops.get(reason, 0)
            if new:
                drops[reason] = drops.get(reason, 0) + new
    packets = counters.totals(site.daemons["left"]).rx - before["left"].rx
    return {"packets": packets, "drops": drops}


def check_only_esp(path, checks):
    """What a capture between the gateways may hold: ESP, and finding each other."""
    wrong = {}
    esp = 0
    for frame in pcap.read(path):
        packet = pcap.ip_packet(frame)
        if packet is None:
            kind = pcap.ethertype(frame)
            if kind != pcap.ETHERTYPE_ARP:
                wrong[f"EtherType 0x{kind:04x}"] = frame.hex()
        elif pcap.protocol(packet) == pcap.PROTO_ESP:
            esp += 1
        elif frame[:6] == bytes.fromhex("333300000016"):
            continue  # multicast listener report, RFC 3810
        elif not (pcap.protocol(packet) == pcap.PROTO_ICMPV6 and 133 <= packet[40] <= 137):
            wrong[f"protocol {pcap.protocol(packet)}"] = frame.hex()
    checks.add(f"only ESP between the gateways ({esp} packets)",
               (wrong or None) if esp else "no ESP at all")


def pings_during_restart(site, restart):
    """One ping a second from the left while restart() runs. Returns the longest silence after it
    in seconds."""
    answered = []
    stop = threading.Event()

    def pinger():
        while not stop.is_set():
            begin = time.monotonic()
            if ping(site.host["left"], HOSTS["right"][4], 56)[0]:
                answered.append(time.monotonic())
            stop.wait(max(0.0, begin + 1.0 - time.monotonic()))

    thread = threading.Thread(target=pinger)
    thread.start()
    time.sleep(2.5)
    restart()
    ready = time.monotonic()
    deadline = ready + 10
    while not any(at > ready for at in answered) and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    thread.join()
    later = [at for at in answered if at > ready]
    return later[0] - ready if later else None


def check_unique(path, checks):
    """P1 and P2 on the wire, over crashes: no SA repeats a sequence number or an IV."""
    numbers, ivs, repeated = set(), set(), []
    for packet in pcap.ip_packets(pcap.read(path)):
        if pcap.protocol(packet) != pcap.PROTO_ESP:
            continue
        spi, number = pcap.esp_spi_seq(packet)
        iv = pcap.payload(packet)[8:16]
        if (spi, number) in numbers or (spi, iv) in ivs:
            repeated.append(f"SPI 0x{spi:08x} number {number} IV {iv.hex()}")
        numbers.add((spi, number))
        ivs.add((spi, iv))
    problem = "\n".join(repeated[:10]) or (None if len(numbers) > 100 else "too little traffic")
    checks.add(f"no number or IV repeats over crashes ({len(numbers)} packets)", problem)


def check_restarts(site, checks):
    """Each gateway is killed under traffic: hundreds of pings a second over IPv6, one over IPv4."""
    capture = site.folder / "restarts.pcap"
    dump = start_capture(site, capture)
    flood = site.host["left"].start("ping", "-n", "-q", "-i0.004", HOSTS["right"][6])
    for side in SIDES:
        check_restart(site, checks, side)
    netns.stop_process(flood)
    netns.stop_process(dump)
    check_unique(capture, checks)


def start_capture(site, path):
    """Everything between the gateways, until the process is stopped."""
    dump = site.gateway["left"].start("tcpdump", "-i", "pub0", "-Z", "root", "-U",
                                      "--immediate-mode", "-w", str(path))
    deadline = time.monotonic() + 10
    while not path.exists():
        if time.monotonic() > deadline:
            raise netns.LabError("tcpdump did not start")
        time.sleep(0.05)
    return dump


def check_restart(site, checks, side):
    """SIGKILL and start again: the same SAs go on with the state on disk."""
    def restart():
        site.daemons[side].kill()
        site.start(side)

    # One second is the ping's own interval. A slow one may be the machine's fault, two are ours.
    for _ in range(2):
        silence = pings_during_restart(site, restart)
        if silence is not None and silence <= BACK_SECONDS + 1.0:
            break
        print(f"live: {side} gateway back after {silence} s", flush=True)
    else:
        checks.add(f"{side} gateway killed and started again", f"answer after {silence} s")
        return
    checks.add(f"{side} gateway killed and started again", None)


def check_books(site, checks):
    """Balance of both gateways, and what they dropped."""
    for side in SIDES:
        totals = counters.wait_quiet(site.daemons[side], 1)
        checks.add(f"{side} gateway balances, drops {totals.drops}",
                   None if totals.missing == 0 else totals)


def check_stop(site, checks):
    for side in SIDES:
        status, seconds = site.daemons[side].stop()
        if status == 0 and seconds > STOP_SECONDS:  # may be the machine's fault; two are ours
            print(f"live: {side} gateway stopped in {seconds:.2f} s", flush=True)
            site.start(side)
            status, seconds = site.daemons[side].stop()
        checks.add(f"{side} gateway stops within a second",
                   None if status == 0 and seconds <= STOP_SECONDS else
                   f"status {status} after {seconds:.2f} s\n{site.daemons[side].log()[-2000:]}")


def run(folder, algorithm, seconds, workers):
    checks = checking.Checks("live")
    with netns.Lab("plx") as lab:
        site = Site(lab, folder, algorithm, workers)
        try:
            for side in SIDES:
                site.start(side)
            capture = pathlib.Path(folder) / "between.pcap"
            dump = start_capture(site, capture)
            check_pings(site, checks)
            netns.stop_process(dump)
            check_only_esp(capture, checks)
            check_capture(site, checks)
            rows = check_iperf(site, checks, seconds)
            check_books(site, checks)
            check_restarts(site, checks)
            check_books(site, checks)
            check_stop(site, checks)
        finally:
            site.close()
    return checks, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--algorithm", default="aes128gcm16", choices=algorithms.BY_NAME)
    parser.add_argument("--seconds", type=int, default=2, help="of each iperf3 run")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", metavar="FILE", help="write the iperf3 results there as JSON")
    options = parser.parse_args()
    netns.require_root_and("ip", "ethtool", "ping", "iperf3", "tcpdump")
    folder = tempfile.mkdtemp(prefix="plx-live-")
    checks, rows = run(folder, options.algorithm, options.seconds, options.workers)
    if options.rows:
        pathlib.Path(options.rows).write_text(json.dumps(rows), encoding="ascii")
    status = checks.summary()
    if status == 0:
        shutil.rmtree(folder)
    else:
        print(f"live: files are in {folder}")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"live: {error}")
