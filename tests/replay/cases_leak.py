# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Nothing that policy protects leaves in clear, whatever is missing. Every run is held to that by
the harness as well; these cases take away what encryption needs."""

from harness import check, check_drops, check_equal, check_packets
import topology
import esp_oracle
import pcap

from scapy.layers.inet import IP, TCP, UDP  # pylint: disable=wrong-import-order
from scapy.layers.inet6 import IPv6  # pylint: disable=wrong-import-order
from scapy.packet import Raw  # pylint: disable=wrong-import-order


def opened(tunnel, packets):
    by_spi = {sa.spi: sa for sa in tunnel.sas_to_right}
    return [esp_oracle.open_packet(by_spi[pcap.esp_spi_seq(packet)[0]], packet).inner
            for packet in packets]


def protect_without_sa(bench):
    """The policy says protect and no SA does it: every packet is dropped for that reason."""
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel, protect=False)
    for family in (4, 6):
        config.protect(f"tunnel{family}", topology.LEFT_NET[family], topology.RIGHT_NET[family])
        # A route alone would carry them: the policy must stop them.
        config.route(topology.RIGHT_NET[family], topology.RIGHT_PUBLIC[family])
    frames = topology.left_capture()
    result = bench.run(config, {"private": frames})
    check_drops(result, protect_without_sa=len(frames))
    check_equal(result.packets("public"), [], "packets on the public port")


def no_policy(bench):
    """RFC 4301 4.4.1: what no policy matches is discarded."""
    config = topology.left_gateway(bench, topology.default_tunnel(), protect=False)
    for family in (4, 6):
        config.route(topology.RIGHT_NET[family], topology.RIGHT_PUBLIC[family])
    frames = topology.left_capture()
    result = bench.run(config, {"private": frames})
    check_equal(result.packets("public"), [], "packets on the public port")
    check(result.totals.drops.get("policy_none") == len(frames), f"drops {result.totals.drops}")


def missing_neighbor(bench):
    """The peer's MAC address cannot be had: packets wait, then are dropped; none leaves, in clear
    or to a wrong place."""
    config = topology.left_gateway(bench, topology.default_tunnel())
    config.settings["neighbors"] = [n for n in config.settings["neighbors"]
                                    if n["port"] != "public"]
    result = bench.run(config, {"private": topology.left_capture()})
    check_equal(result.packets("public"), [], "packets on the public port")
    asked = [frame for frame in result.frames["public"]
             if pcap.ethertype(frame) == pcap.ETHERTYPE_ARP]
    check(asked, "no ARP request for the peer")
    for frame in asked:
        check_equal(frame[38:42], bytes([198, 51, 100, 2]), "address asked for")


def exhausted_pool(bench):
    """The smallest pool of packet buffers under a burst of full-size packets: what leaves is ESP
    that opens to what came in."""
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel)
    config.settings["limits"]["mbufs"] = 512
    for port in config.settings["ports"]:
        port["rx_descriptors"] = port["tx_descriptors"] = 64
    frames = topology.left_capture() * 20
    result = bench.run(config, {"private": frames})
    sent = opened(tunnel, result.packets("public"))
    allowed = {pcap.forwarded(packet) for packet in pcap.ip_packets(frames)}
    check(set(sent) <= allowed, "something left that never came in")
    check_equal(len(sent) + result.totals.dropped + result.totals.rx_no_buffer, len(frames),
                "packets accounted for")


def actions(bench):
    """bypass goes out in clear, discard and protect do not; the first match decides."""
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel, protect=False)
    local, remote = topology.LEFT_NET[4], topology.RIGHT_NET[4]
    config.route(remote, topology.RIGHT_PUBLIC[4])
    config.policy("no-telnet", "discard", local, remote, protocol="tcp", remote_ports="23")
    config.policy("open-dns", "bypass", local, remote, protocol="udp", remote_ports="53")
    topology.add_protection(config, tunnel.to_right, tunnel.to_left, topology.LEFT_NET,
                            topology.RIGHT_NET)

    def packet(transport):
        return bytes(IP(src=topology.LEFT_HOST[4], dst=topology.RIGHT_HOST[4]) / transport /
                     Raw(b"x" * 20))

    telnet, dns = packet(TCP(dport=23)), packet(UDP(dport=53))
    web, other = packet(TCP(dport=80)), packet(UDP(dport=54))
    frames = [topology.from_left_host(p) for p in (telnet, dns, web, other)]
    result = bench.run(config, {"private": frames}, clear_on_public=True)
    sent = result.packets("public")
    esp = [p for p in sent if pcap.protocol(p) == pcap.PROTO_ESP]
    clear = [p for p in sent if pcap.protocol(p) != pcap.PROTO_ESP]
    check_packets(clear, [pcap.forwarded(dns)], "in clear")
    check_packets(opened(tunnel, esp), [pcap.forwarded(web), pcap.forwarded(other)], "protected")
    check_equal(result.totals.drops.get("policy_discard"), 1, "discarded")


def clear_from_outside(bench):
    """RFC 4301 5.2: what should have come in ESP is not let in without."""
    tunnel = topology.default_tunnel()
    frames = [topology.to_right_public(packet)
              for packet in pcap.ip_packets(topology.left_capture())]
    result = bench.run(topology.right_gateway(bench, tunnel), {"public": frames})
    check_equal(result.packets("private"), [], "packets on the private port")
    check_drops(result, clear_on_public=len(frames))


def wrong_family_policy(bench):
    """A policy for IPv4 protects IPv4 only; IPv6 of the same hosts has no policy and stays in."""
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel, protect=False)
    config.outbound(tunnel.to_right[4])
    config.inbound(tunnel.to_left[4])
    config.protect("tunnel4", topology.LEFT_NET[4], topology.RIGHT_NET[4], tunnel.to_right[4],
                   [tunnel.to_left[4]])
    six = bytes(IPv6(src=topology.LEFT_HOST[6], dst=topology.RIGHT_HOST[6]) / UDP() / Raw(b"six"))
    four = bytes(IP(src=topology.LEFT_HOST[4], dst=topology.RIGHT_HOST[4]) / UDP() / Raw(b"four"))
    result = bench.run(config, {"private": [topology.from_left_host(p) for p in (six, four)]})
    check_packets(opened(tunnel, result.packets("public")), [pcap.forwarded(four)], "protected")
    check_equal(result.totals.drops.get("policy_none"), 1, "IPv6 without policy")


def cases():
    """{name: function(bench)}."""
    return {"protect-without-sa": protect_without_sa, "no-policy": no_policy,
            "missing-neighbor": missing_neighbor, "exhausted-pool": exhausted_pool,
            "actions": actions, "clear-from-outside": clear_from_outside,
            "wrong-family-policy": wrong_family_policy}
