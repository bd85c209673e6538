# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""What tests and benchmarks of a live cluster ask it, and how its traffic is judged."""

import json
import socket
import time

import cluster_site
import counters
import netns
import pcap
import probes

INJECTOR_MAC = "02:00:00:00:79:99"
BUCKETS = 256


def status(node):
    """What the node says of itself, as a dict."""
    return {row["name"]: row["value"] for row in counters.rows_of(node.daemon, "cluster")}


def command(node, name, /, **arguments):
    """Tells the node something, by its command socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(node.config.settings["node"]["run_dir"] + "/control.sock")
        connection.sendall(json.dumps({"command": name, **arguments}).encode() + b"\n")
        answer = json.loads(connection.makefile().readline())
    if not answer["ok"]:
        raise netns.LabError(f"{node.name}: {name}: {answer}")


def wait_for(what, condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise netns.LabError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)


def running(site):
    return [node for node in site.nodes.values() if node.running]


def settled(site, least):
    """All buckets are with running nodes, at least so many with each."""
    shares = [status(node)["buckets"] for node in running(site)]
    return sum(shares) == BUCKETS and min(shares) >= least


def owners(site):
    """Which node owns each tunnel's SAs: {tunnel index: {node ids}}."""
    node = running(site)[0]
    by_bucket = {row["bucket"]: row["owner"] for row in counters.rows_of(node.daemon, "owners")}
    out = {}
    for row in counters.rows_of(node.daemon, "sa"):
        tunnel = int(row["name"].split("-")[1])
        out.setdefault(tunnel, set()).add(by_bucket[row["bucket"]])
    return out


def esp_of(path, from_peer):
    """ESP frames of the capture in one direction."""
    peer = pcap.mac_bytes(cluster_site.PEER_MAC)
    source = socket.inet_aton(cluster_site.PEER if from_peer else cluster_site.PUBLIC)
    frames = []
    for frame in pcap.read(path):
        packet = pcap.ip_packet(frame)
        if packet is None or pcap.protocol(packet) != pcap.PROTO_ESP or packet[12:16] != source:
            continue
        # What was replayed or handed on is there once more, from others.
        if not from_peer or frame[6:12] == peer:
            frames.append(frame)
    return frames


def repeats(frames):
    """(SPI, number) and (SPI, IV) that occur twice. One key belongs to one SPI here."""
    numbers, ivs, found = set(), set(), []
    for frame in frames:
        packet = pcap.ip_packet(frame)
        spi, number = pcap.esp_spi_seq(packet)
        iv = pcap.payload(packet)[8:16]
        if (spi, number) in numbers:
            found.append(f"SPI 0x{spi:08x} number {number}")
        if (spi, iv) in ivs:
            found.append(f"SPI 0x{spi:08x} IV {iv.hex()}")
        numbers.add((spi, number))
        ivs.add((spi, iv))
    return found


def replay(site, path):
    """Everything that ever came from the peer, to all nodes at once. In forward mode to the
    receiver and, in turn, to each address by which nodes hand on."""
    link = probes.in_namespace(site.injector.name, lambda: socket.socket(
        socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
    link.bind(("eth0", 3))
    frames = esp_of(path, from_peer=True)
    mac = pcap.mac_bytes(INJECTOR_MAC)
    hops = [pcap.mac_bytes(text) for text in site.hand_on_macs()]
    for i, frame in enumerate(frames):
        link.send(frame[:6] + mac + frame[12:])
        if hops:
            link.send(hops[i % len(hops)] + mac + frame[12:])
        if i % 32 == 31:
            time.sleep(0.002)  # queues of these ports are short
    link.close()
    return len(frames)


def start_capture(site, path):
    """What passes between the switch and the peer."""
    dump = site.switch.start("tcpdump", "-i", "uml0", "-Z", "root", "-U", "--immediate-mode",
                             "-B", "8192", "-w", str(path))
    wait_for("tcpdump", path.exists)
    return dump


def warm_up(site, pairs):
    """Neighbors are found and first leases agreed on."""
    for source, destination in pairs:
        site.host.run("ping", "-n", "-q", "-c5", "-i0.05", "-W2", "-I", source, destination,
                      check=False)
