#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""One gateway with two workers and a load that is uneven: buckets move by themselves, and no packet
is lost or overtaken for it; an SA that fills a worker is reported, one that only seems to is not.

  host                    gateway                              peer
  10.71.1.2 --- 10.71.1.1 | 198.51.100.1 --- 198.51.100.2   (takes frames, answers nothing)

Each SA, in session mode, has one UDP port. What leaves is captured and judged by its numbers.
"""

import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import live  # first: it finds tools/lab

# pylint: disable=wrong-import-order
import algorithms
import checks as checking
import config_writer
import counters
import daemon
import netns
import pcap

SAS = 8
PORT = 9000
HOST, PRIVATE, PUBLIC, PEER = "10.71.1.2", "10.71.1.1", "198.51.100.1", "198.51.100.2"
REMOTE = "10.71.2.2"
PEER_MAC = "02:00:00:00:64:02"
ELEPHANT_PERCENT = 25
WATCHED = range(4)  # SAs whose packets are captured; one in a thousand would do, if it moves
DATAGRAM_BYTES = 1300
TRICKLE = 500  # packets a second
FIRST_RATE, MOST_RATE, FASTER = 10_000, 200_000, 1.5
WANTED_BUSY = 40  # percent, of the worker that has all buckets: more than the balancer's least
MOST_ROUNDS = 30  # of a second

# argv: address, first port, number of ports, bytes. Takes packets a second by its input, line by
# line. Looks twice in a millisecond whether a batch is due, to each port in turn, and makes up for
# no lost time. 103 is UDP_SEGMENT: the kernel cuts a batch into datagrams.
BLASTER = """
import os, select, socket, sys, time
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
address, first, ports, size = sys.argv[1], *map(int, sys.argv[2:])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.SOL_UDP, 103, size)
batch, rate, due, number = 16, 0, 0, 0
before = time.monotonic()
while True:
    if select.select([sys.stdin], [], [], 0.0005)[0]:
        line = sys.stdin.readline()
        if not line:
            break
        rate = int(line)
    now = time.monotonic()
    due = min(due + (now - before) * rate, 16 * batch)
    before = now
    while due >= batch:
        out.sendto(bytes(batch * size), (address, first + number % ports))
        number, due = number + 1, due - batch
"""


class Site:
    """The gateway between a host and a peer that only listens."""

    def __init__(self, lab, folder):
        self.host, self.gateway, self.peer = map(lab.namespace, ("host", "gw", "peer"))
        lab.veth(self.host, "eth0", self.gateway, "priv0")
        lab.veth(self.gateway, "pub0", self.peer, "eth0")
        self.host.plain_interface("eth0")
        for namespace, name in ((self.gateway, "priv0"), (self.gateway, "pub0"),
                                (self.peer, "eth0")):
            namespace.quiet_interface(name)
        self.host.batch([f"address add {HOST}/24 dev eth0",
                         f"route add 10.71.2.0/24 via {PRIVATE}"])
        slow = algorithms.BY_NAME["aes256-sha512"]
        self.sas = [algorithms.make_sa(f"balance {number}", 0x3000 + number, PUBLIC, PEER, slow)
                    for number in range(SAS)]
        config = config_writer.GatewayConfig(f"{lab.prefix}-gw", folder, 2)
        config.settings["rebalance"] = {"enabled": True, "elephant_percent": ELEPHANT_PERCENT}
        config.port("private", "net_af_packet0,iface=priv0", "private", [f"{PRIVATE}/24"])
        config.port("public", "net_af_packet1,iface=pub0", "public", [f"{PUBLIC}/24"])
        config.neighbor("public", PEER, PEER_MAC)
        for number, sa in enumerate(self.sas):
            config.outbound(sa)
            config.protect(f"port{number}", "10.71.1.0/24", "10.71.2.0/24", sa, protocol="udp",
                           remote_ports=PORT + number)
        pathlib.Path(config.state_dir).mkdir(mode=0o700, parents=True)
        self.configs = {"gw": config}
        self.daemon = daemon.Daemon(config, folder, True, self.gateway)

    def blaster(self, first, count):
        """Sends to `count` ports, as fast as lines to its input say."""
        return self.host.start("python3", "-c", BLASTER, REMOTE, str(PORT + first), str(count),
                               str(DATAGRAM_BYTES), stdin=netns.subprocess.PIPE, text=True)

    def capture(self, path):
        """ESP packets of the watched SAs."""
        spis = " or ".join(f"ip[20:4] == {self.sas[number].spi}" for number in WATCHED)
        started = self.peer.start("tcpdump", "-i", "eth0", "-Z", "root", "-n", "-U", "-B", "16384",
                                  "-w", str(path), f"ip proto 50 and ({spis})")
        while not path.exists():
            time.sleep(0.05)
        return started

    def rows(self):
        """The SAs, in the order of the configuration."""
        return counters.security_associations(self.daemon)

    def busy(self):
        """By worker, percent of the last second."""
        return [row["busy_percent"] for row in counters.rows_of(self.daemon, "load")]

    def elephants(self):
        """Their names."""
        return [row["sa"] for row in counters.rows_of(self.daemon, "elephants")]


def set_rate(blaster, rate):
    blaster.stdin.write(f"{rate}\n")
    blaster.stdin.flush()


def load_until(site, blaster, reached):
    """Sends more and more until a worker is busy enough, and goes on until reached(). Returns the
    rate. Rounds are counted, not time: a machine that stops all of us for a while stops the
    gateway, too."""
    rate = FIRST_RATE
    for _ in range(MOST_ROUNDS):
        set_rate(blaster, rate)
        time.sleep(1)
        if reached():
            break
        if max(site.busy()) < WANTED_BUSY and rate < MOST_RATE:
            rate = int(rate * FASTER)
    return rate


def check_stopped(site, checks, blaster):
    """A gateway with little to do that is stopped in the midst of it reports nobody."""
    set_rate(blaster, TRICKLE)
    time.sleep(1.5)
    quiet = site.busy()
    for seconds in (0.7, 2.5):
        site.daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        site.daemon.process.send_signal(signal.SIGCONT)
        time.sleep(1.2)
    seen = site.elephants()
    checks.add(f"{TRICKLE} packets a second are no load: {quiet} percent",
               None if max(quiet) < ELEPHANT_PERCENT else "busy")
    checks.add("a stopped gateway sees no elephants",
               seen or (site.daemon.log() if "fills a worker" in site.daemon.log() else None))


def pile_up(site):
    """Gives worker 0 the buckets of all SAs."""
    for row in site.rows():
        while not live.command(site, "gw", command="bucket_move", bucket=row["bucket"],
                               worker=0)["ok"]:
            time.sleep(0.002)


def check_balance(site, checks, blaster, folder):
    """Worker 0 has all SAs; when it is busy, it gives some of them away."""
    pile_up(site)
    path = folder / "watched.pcap"
    capture = site.capture(path)
    rate = load_until(site, blaster, lambda: any(row["worker"] != 0 for row in site.rows()))
    owners = [row["worker"] for row in site.rows()]
    checks.add(f"owners of {SAS} SAs at {rate} packets a second, {site.busy()} percent: {owners}",
               None if set(owners) == {0, 1} and "moves buckets" in site.daemon.log() else
               site.daemon.log()[-2000:])
    time.sleep(1)
    set_rate(blaster, 0)
    totals = counters.wait_quiet(site.daemon, 1)
    netns.stop_process(capture)
    check_numbers(site, checks, path, owners)
    bad = {reason for reason in totals.drops if reason != "not_forwardable"}
    checks.add(f"gateway balances, drops {totals.drops}",
               None if totals.missing == 0 and not bad else totals)


def check_numbers(site, checks, path, owners):
    """Numbers of each watched SA leave in order and without a gap, before, during and after the
    move."""
    numbers = {}
    for packet in pcap.ip_packets(pcap.read(path)):
        spi, number = pcap.esp_spi_seq(packet)
        numbers.setdefault(spi, []).append(number)
    moved = [number for number in WATCHED if owners[number] != 0]
    for number in WATCHED:
        seen = numbers.get(site.sas[number].spi, [])
        problem = None
        if not seen or seen != list(range(seen[0], seen[0] + len(seen))):
            breaks = [(one, other) for one, other in zip(seen, seen[1:]) if other != one + 1]
            problem = f"{len(breaks)} breaks: {breaks[:10]}"
        where = "moved" if number in moved else "stayed"
        checks.add(f"SA {number}, which {where}: {len(seen)} packets in order", problem)
    checks.add(f"SAs {moved} of the watched ones moved", None if moved else "none")


def check_elephant(site, checks):
    """One SA alone fills its worker, and is named."""
    name = site.sas[SAS - 1].name.replace(" ", "-")
    blaster = site.blaster(SAS - 1, 1)
    rate = load_until(site, blaster, site.elephants)
    seen, log = site.elephants(), site.daemon.log()
    netns.stop_process(blaster)
    checks.add(f"elephants at {rate} packets a second: {seen}",
               None if seen == [name] and f"sa={name} " in log else log[-2000:])


def run(folder):
    """All checks."""
    checks = checking.Checks("balance")
    with netns.Lab("plxb") as lab:
        site = Site(lab, folder)
        try:
            site.daemon.wait_ready()
            blaster = site.blaster(0, SAS)
            check_stopped(site, checks, blaster)
            check_balance(site, checks, blaster, folder)
            netns.stop_process(blaster)
            check_elephant(site, checks)
            status, _ = site.daemon.stop()
            checks.add("gateway stops", None if status == 0 else site.daemon.log()[-8000:])
        finally:
            site.daemon.kill()
    return checks


def main():
    """Command line."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    netns.require_root_and("ip", "ethtool", "tcpdump")
    folder = tempfile.mkdtemp(prefix="plx-balance-")
    status = run(pathlib.Path(folder)).summary()
    if status == 0:
        shutil.rmtree(folder)
    else:
        print(f"balance: files are in {folder}")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"balance: {error}")
