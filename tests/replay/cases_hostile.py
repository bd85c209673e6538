# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Replayed, forged and broken ESP: nothing gets in, and each packet is counted by its reason."""

from harness import check_drops, check_equal, check_packets, with_sequence
import topology
import algorithms
import esp_oracle
import pcap

from scapy.layers.inet import ICMP, IP, UDP  # pylint: disable=wrong-import-order
from scapy.packet import Raw  # pylint: disable=wrong-import-order


def marked(number, source=topology.LEFT_HOST[4], destination=topology.RIGHT_HOST[4]):
    """A small inner packet that tells its number."""
    return bytes(IP(src=source, dst=destination, id=number & 0xFFFF) /
                 UDP(sport=4000, dport=4001) / Raw(b"number %d" % number))


def sealed(tunnel, numbers, **options):
    """Frames to the right gateway with these sequence numbers, in this order."""
    return [topology.to_right_public(
        esp_oracle.seal(tunnel.to_right[4], marked(number), number, **options))
        for number in numbers]


def check_accepted(result, numbers):
    check_packets(result.packets("private"), [pcap.forwarded(marked(n)) for n in numbers],
                  "accepted")


def own_esp_again(bench):
    """A capture of our own ESP sent twice, in one run: the second copy is dropped entirely."""
    tunnel = topology.default_tunnel()
    left = bench.run(topology.left_gateway(bench, tunnel), {"private": topology.left_capture()})
    esp = left.frames["public"]
    # The window must span the capture, or old copies would be dropped for their age instead.
    config = topology.right_gateway(bench, tunnel, replay_window=4096)
    right = bench.run(config, {"public": esp + esp})
    check_drops(right, esp_replay_duplicate=len(esp))
    check_packets(right.packets("private"),
                  [pcap.forwarded(p, 2) for p in pcap.ip_packets(topology.left_capture())],
                  "first copy")


def window_edges(bench, width):
    """Highest W: W-1 left of it is the window's last place, W left of it is outside."""
    tunnel = topology.default_tunnel()
    top = 5 * width
    numbers = [top, top - 1, top - width + 1, top - width, top - width - 1, top, top - width + 1,
               top + 1, top - width + 1, top - width + 2, 1, top + 1 + width, top + 2]
    config = topology.right_gateway(bench, tunnel, replay_window=width)
    result = bench.run(config, {"public": sealed(tunnel, numbers)})
    # After top + 1, place top - width + 1 is outside; after top + 1 + width, top + 2 is the edge.
    check_accepted(result, [top, top - 1, top - width + 1, top + 1, top - width + 2,
                            top + 1 + width, top + 2])
    check_drops(result, esp_replay_too_old=4, esp_replay_duplicate=2)


def sequence_zero(bench):
    """RFC 4303 3.3.3: the first packet has number 1, so 0 is never valid without ESN."""
    tunnel = topology.default_tunnel()
    frames = sealed(tunnel, [1, 2]) + [
        topology.to_right_public(esp_oracle.seal(tunnel.to_right[4], marked(0), 0))]
    result = bench.run(topology.right_gateway(bench, tunnel), {"public": frames})
    check_accepted(result, [1, 2])
    check_equal(result.totals.dropped, 1, "packets dropped")


def esn_wrap(bench, algorithm):
    """Numbers climb over 2^32; the high half is not on the wire (RFC 4303 appendix A)."""
    tunnel = topology.make_tunnel(algorithm, esn=True)
    wrap = 1 << 32
    climb = [0x3FFFFFFF, 0x7FFFFFFF, 0xBFFFFFFF, wrap - 3, wrap - 1, wrap, wrap + 2, wrap + 1,
             wrap - 2]
    again = [wrap - 1, wrap, wrap + 2]
    # No peer climbs by 2^30 within one burst of ours: other hosts' frames keep the steps apart.
    stranger = pcap.ether("02:00:00:00:ff:ff", "02:00:00:00:ff:fe", bytes(64))
    frames = []
    for frame in sealed(tunnel, climb + again):
        frames += [frame] + [stranger] * 64
    result = bench.run(topology.right_gateway(bench, tunnel), {"public": frames})
    check_accepted(result, climb)
    check_drops(result, esp_replay_duplicate=len(again), not_our_mac=64 * len(climb + again))


def forged(bench):
    """Forged packets change nothing: after them, the genuine numbers are still accepted."""
    tunnel = topology.default_tunnel()
    genuine = sealed(tunnel, range(1, 21))
    outer = [pcap.ip_packet(frame) for frame in genuine]
    flipped = [topology.to_right_public(p[:-1] + bytes([p[-1] ^ 1])) for p in outer[:10]]
    renumbered = [topology.to_right_public(with_sequence(p, 1_000_000 + i))
                  for i, p in enumerate(outer[:10])]
    result = bench.run(topology.right_gateway(bench, tunnel),
                       {"public": flipped + renumbered + genuine})
    check_accepted(result, range(1, 21))
    check_drops(result, esp_auth_failed=20)


def broken_esp(bench, algorithm):
    """One packet per way to be wrong, among good ones."""
    tunnel = topology.make_tunnel(algorithm)
    sa = tunnel.to_right[4]
    stranger = algorithms.make_sa("stranger", 0x7777, sa.source, sa.destination, algorithm)
    good = marked(1)
    block = algorithm.block_bytes
    pad = esp_oracle.default_padding(sa, len(good))
    long_pad = bytes(range(1, len(pad) + 1 + 2 * block))[:len(pad) + 2 * block]

    def esp(number, inner=good, **options):
        return topology.to_right_public(esp_oracle.seal(sa, inner, number, **options))

    header = esp_oracle.outer_packet(sa, b"")
    table = [
        (esp(1), None),
        (topology.to_right_public(esp_oracle.seal(stranger, good, 1)), "esp_unknown_spi"),
        (esp(2, next_header=59), "esp_dummy"),
        (esp(3, next_header=17), "esp_bad_next_header"),
        (esp(4, padding=bytes(len(long_pad)),), "esp_bad_padding"),
        (esp(5, pad_length=255), "esp_bad_padding"),
        (esp(6, padding=long_pad), None),  # more than needed is allowed, RFC 4303 2.4
        (esp(7, inner=good[:10] + bytes(2), next_header=4), "esp_bad_inner_packet"),
        (esp(8, inner=bytes([0x65]) + good[1:], next_header=4), "esp_bad_inner_packet"),
        (esp(9, inner=marked(9, source="10.99.0.1")), "esp_selector_mismatch"),
        (esp(10, inner=marked(10, destination="10.99.0.1")), "esp_selector_mismatch"),
        (topology.to_right_public(
            esp_oracle.outer_packet(sa, esp_oracle.seal_esp(sa, good, 11)[:20])), "esp_malformed"),
        (topology.to_right_public(
            esp_oracle.outer_packet(sa, sa.spi.to_bytes(4, "big"))), "esp_malformed"),
        (topology.to_right_public(header), "esp_malformed"),
        (esp(12), None),
    ]
    drops = {}
    for _, reason in table:
        if reason:
            drops[reason] = drops.get(reason, 0) + 1
    result = bench.run(topology.right_gateway(bench, tunnel),
                       {"public": [frame for frame, _ in table]})
    check_drops(result, **drops)
    check_equal(len(result.packets("private")), sum(not reason for _, reason in table),
                "packets accepted")


def wrong_outer_source(bench):
    """An SA is its SPI and addresses: the same SPI from elsewhere is not this SA."""
    tunnel = topology.default_tunnel()
    genuine = pcap.ip_packet(sealed(tunnel, [1])[0])
    moved = bytearray(genuine)
    moved[12:16] = bytes([203, 0, 113, 9])
    moved[10:12] = b"\0\0"
    moved[10:12] = pcap.internet_checksum(bytes(moved[:20])).to_bytes(2, "big")
    result = bench.run(topology.right_gateway(bench, tunnel), {"public": [
        topology.to_right_public(bytes(moved)), topology.to_right_public(genuine)]})
    # RFC 4301 4.1: for unicast the SPI alone may identify the SA; it must not get lost either way.
    check_equal(len(result.packets("private")) + result.totals.dropped, 2, "packets accounted for")


def truncated(bench):
    """An ESP packet cut at each byte: none gets in, none stops the gateway."""
    tunnel = topology.default_tunnel()
    frame = sealed(tunnel, [1])[0]
    cut = [frame[:length] for length in range(len(frame))]
    last = sealed(tunnel, [2])
    result = bench.run(topology.right_gateway(bench, tunnel), {"public": cut + last})
    check_accepted(result, [2])
    check_equal(result.totals.dropped, len(cut), "packets dropped")


def truncated_clear(bench):
    """The same on the private port, for each kind of packet in the capture's first lines."""
    tunnel = topology.default_tunnel()
    kinds = {}
    for frame in topology.left_capture():
        packet = pcap.ip_packet(frame)
        kinds.setdefault((pcap.version(packet), pcap.protocol(packet)), frame)
    cut = [frame[:length] for frame in kinds.values() for length in range(len(frame))]
    good = topology.from_left_host(bytes(
        IP(src=topology.LEFT_HOST[4], dst=topology.RIGHT_HOST[4]) / ICMP()))
    result = bench.run(topology.left_gateway(bench, tunnel), {"private": cut + [good]})
    check_equal(len(result.packets("public")), 1, "packets sent")
    check_equal(result.totals.dropped, len(cut), "packets dropped")


def cases():
    """{name: function(bench)}."""
    gcm, cbc = algorithms.BY_NAME["aes128gcm16"], algorithms.BY_NAME["aes128-sha256"]
    table = {"own-esp-again": own_esp_again, "sequence-zero": sequence_zero, "forged": forged,
             "wrong-outer-source": wrong_outer_source, "truncated-esp": truncated,
             "truncated-clear": truncated_clear}
    for width in (32, 64, 1024):
        table[f"window-edges-{width}"] = lambda bench, w=width: window_edges(bench, w)
    for algorithm in (gcm, algorithms.BY_NAME["chacha20poly1305"], cbc):
        table[f"esn-wrap-{algorithm.name}"] = lambda bench, a=algorithm: esn_wrap(bench, a)
        table[f"broken-esp-{algorithm.name}"] = lambda bench, a=algorithm: broken_esp(bench, a)
    return table
