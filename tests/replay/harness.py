# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Whole gateways on pcap ports: frames in, frames out, counters.

A case is a function that takes a Bench, runs gateways on it and calls the check_ functions, which
raise CheckFailed. Each run of a gateway is also held to what must always be true: exit status 0,
a balance without remainder, no packet buffer leaked, no IV used twice by a key, nothing but ESP and
the gateway's own neighbour discovery and ICMP on a public port.
"""

import dataclasses
import os
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import config_writer  # noqa: E402
import counters  # noqa: E402
import daemon  # noqa: E402
import pcap  # noqa: E402

CAPTURES = pathlib.Path(__file__).resolve().parents[1] / "captures"
STOP_SECONDS = 1.0 * daemon.SLOWNESS
MOST_SLOW_STOPS = 2  # of all runs: a busy machine may be to blame for a few, not for more


class CheckFailed(Exception):
    """The gateway did something else than it should."""


def check(condition, what):
    if not condition:
        raise CheckFailed(what)


def check_equal(got, wanted, what):
    check(got == wanted, f"{what}: got {got}, wanted {wanted}")


@dataclasses.dataclass
class Result:
    """What one run of a gateway did. frames: by port name."""
    frames: dict
    totals: counters.Totals
    sa_rows: list
    log: str

    def packets(self, port):
        """The IP packets that left by the port, neighbour discovery left out."""
        return [packet for packet in pcap.ip_packets(self.frames[port])
                if not is_neighbor_discovery(packet)]


def is_neighbor_discovery(packet):
    return (pcap.version(packet) == 6 and pcap.protocol(packet) == pcap.PROTO_ICMPV6 and
            len(packet) > 40 and 133 <= packet[40] <= 137)


def is_announcement(frame):
    """Gratuitous ARP, an unsolicited neighbor advertisement or a multicast listener report: what a
    gateway tells each link when it starts, beside the traffic that a case is about."""
    if frame[:6] in (bytes.fromhex("333300000001"), bytes.fromhex("333300000016")):
        return True
    body = frame[18:] if pcap.ethertype(frame) == ETHERTYPE_VLAN else frame[14:]
    # Sender and target protocol address, RFC 826: the same one says "it is me".
    return frame[:6] == b"\xff" * 6 and body[14:18] == body[24:28]


def own_icmp(packet, addresses):
    """An ICMP message that the gateway itself sent."""
    return (pcap.protocol(packet) in (pcap.PROTO_ICMP, pcap.PROTO_ICMPV6) and
            str(pcap.addresses(packet)[0]) in addresses)


ETHERTYPE_VLAN = 0x8100


class Bench:
    """The folder of one case. Gateways of one name share state from run to run."""
    slow_stops = 0  # of all cases together
    # Packets whose lease was not on disk in time: the machine was too busy, or the disk.
    late_packets = 0
    drops = {}  # of the last run

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.runs = 0
        self.running = []
        self.ivs = set()  # (gateway, SPI, IV) of everything any run sent

    def config(self, name, workers=1):
        return config_writer.GatewayConfig(f"plx-{os.getpid()}-{name}", self.folder / name,
                                           workers)

    def start(self, config, inputs, new_state=None):
        """Fills in the pcap devices and starts the gateway; returns (daemon, output paths). The
        first run of a name makes its state, later ones need it, unless new_state says otherwise."""
        self.runs += 1
        outputs = {}
        folder = self.folder / f"run{self.runs}"
        folder.mkdir(parents=True)
        for number, port in enumerate(config.settings["ports"]):
            source, sink = folder / f"{port['name']}-in.pcap", folder / f"{port['name']}-out.pcap"
            pcap.write(source, inputs.get(port["name"], []))
            port["device"] = f"net_pcap{number},rx_pcap={source},tx_pcap={sink}"
            outputs[port["name"]] = sink
        if new_state is None:
            new_state = not pathlib.Path(config.state_dir).exists()
        pathlib.Path(config.state_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
        gateway = daemon.Daemon(config, folder, new_state)
        self.running.append(gateway)
        return gateway, outputs

    def run(self, config, inputs, clear_on_public=False, look=None):
        """Runs the gateway until it has dealt with all input frames, by port name. look: called
        with the gateway before it ends."""
        gateway, outputs = self.start(config, inputs)
        gateway.wait_ready()
        totals = counters.wait_quiet(gateway, sum(map(len, inputs.values())))
        self.drops = totals.drops
        self.late_packets += totals.drops.get("hold_timeout", 0)
        sa_rows = counters.security_associations(gateway)
        if look:
            look(gateway)
        status, seconds = gateway.stop()
        self.running.remove(gateway)
        frames = {name: [frame for frame in pcap.read(path) if not is_announcement(frame)]
                  for name, path in outputs.items()}
        result = Result(frames, totals, sa_rows, gateway.log())
        check_equal(status, 0, "exit status")
        Bench.slow_stops += seconds > STOP_SECONDS
        check(Bench.slow_stops <= MOST_SLOW_STOPS, f"took {seconds:.2f} s to stop, like others")
        check_equal(totals.missing, 0, f"packets without account in {totals}")
        check("leak" not in result.log or "leaked=0" in result.log,
              f"leak reported: {result.log[-2000:]}")
        self._check_ports(config, result, clear_on_public)
        return result

    def crash(self, config, inputs):
        """The same, ended by SIGKILL in the middle of nothing; returns the totals. What it sent
        is not looked at: the pcap port's buffers die with it."""
        gateway, _ = self.start(config, inputs)
        gateway.wait_ready()
        totals = counters.wait_quiet(gateway, sum(map(len, inputs.values())))
        self.drops = totals.drops
        self.late_packets += totals.drops.get("hold_timeout", 0)
        gateway.kill()
        self.running.remove(gateway)
        return totals

    def refuse(self, config, new_state=False):
        """Starts a gateway that must refuse to; returns (exit status, log)."""
        gateway, _ = self.start(config, {}, new_state)
        try:
            status = gateway.process.wait(20)
        finally:
            gateway.kill()
            self.running.remove(gateway)
        return status, gateway.log()

    def close(self):
        for gateway in self.running:
            gateway.kill()

    def _check_ports(self, config, result, clear_on_public):
        for port in config.settings["ports"]:
            own = {address.split("/")[0] for address in port["addresses"]}
            for packet in result.packets(port["name"]):
                if pcap.protocol(packet) == pcap.PROTO_ESP:
                    self._check_iv(config, packet)
                elif port["role"] == "public" and not clear_on_public:
                    check(own_icmp(packet, own), f"in clear on {port['name']}: {packet.hex()}")

    def _check_iv(self, config, packet):
        """The first 8 bytes identify an IV of either length: CBC's 16 are a cipher's output."""
        spi, _ = pcap.esp_spi_seq(packet)
        iv = pcap.payload(packet)[8:16]
        key = (config.name, spi, iv)
        check(key not in self.ivs, f"IV {iv.hex()} of SPI 0x{spi:08x} was used before")
        self.ivs.add(key)


def check_drops(result, **wanted):
    check_equal(result.totals.drops, wanted, "drops by reason")


def check_packets(got, wanted, what):
    """Same packets; the same order within each IP version, for these belong to different SAs."""
    for version in (4, 6):
        left = [packet for packet in got if pcap.version(packet) == version]
        right = [packet for packet in wanted if pcap.version(packet) == version]
        check_equal(len(left), len(right), f"{what}: number of IPv{version} packets")
        for number, (one, other) in enumerate(zip(left, right)):
            check(one == other, f"{what}: IPv{version} packet {number} differs:\n"
                  f"  got    {one.hex()}\n  wanted {other.hex()}")


def check_sequences(packets, spi, first=1):
    """The SA numbered its packets first, first + 1, ... in the order they left; how many."""
    numbers = [number for one, number in map(pcap.esp_spi_seq, packets) if one == spi]
    check_equal(numbers, list(range(first, first + len(numbers))),
                f"sequence numbers of SPI 0x{spi:08x}")
    return len(numbers)


def ipv4_checksum_ok(packet):
    return pcap.internet_checksum(packet[:pcap.header_length(packet)]) == 0


def with_sequence(packet, number):
    """An ESP packet whose sequence number was forged."""
    at = pcap.header_length(packet) + 4
    return packet[:at] + struct.pack("!I", number) + packet[at + 4:]
