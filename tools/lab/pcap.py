# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Classic pcap files of Ethernet frames, and the header fields that tests look at.

scapy reads the same files, at a hundredth of the speed; it stays the judge of what packets mean.
"""

import ipaddress
import struct

_HEADER = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")
_MAGIC_US = 0xA1B2C3D4
_MAGIC_NS = 0xA1B23C4D
_LINKTYPE_ETHERNET = 1

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_ARP = 0x0806
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_IPV6 = 0x86DD

PROTO_ICMP = 1
PROTO_ESP = 50
PROTO_ICMPV6 = 58


class PcapError(Exception):
    """The file is not a whole classic little-endian pcap of Ethernet frames."""


def read_timed(path):
    """[(microseconds, frame)] of the file; its writer must have closed it."""
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < _HEADER.size:
        raise PcapError(f"{path}: no pcap header")
    magic, _, _, _, _, _, link = _HEADER.unpack_from(data)
    if magic not in (_MAGIC_US, _MAGIC_NS) or link != _LINKTYPE_ETHERNET:
        raise PcapError(f"{path}: not a little-endian Ethernet pcap")
    divisor = 1000 if magic == _MAGIC_NS else 1
    frames = []
    at = _HEADER.size
    while at < len(data):
        if len(data) - at < _RECORD.size:
            raise PcapError(f"{path}: cut inside a record header")
        seconds, fraction, captured, original = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if captured != original or len(data) - at < captured:
            raise PcapError(f"{path}: cut inside a frame")
        frames.append((seconds * 1_000_000 + fraction // divisor, data[at:at + captured]))
        at += captured
    return frames


def read(path):
    """The frames of the file."""
    return [frame for _, frame in read_timed(path)]


def write_timed(path, frames):
    """Writes [(microseconds, frame)]."""
    parts = [_HEADER.pack(_MAGIC_US, 2, 4, 0, 0, 65535, _LINKTYPE_ETHERNET)]
    for microseconds, frame in frames:
        seconds, fraction = divmod(microseconds, 1_000_000)
        parts.append(_RECORD.pack(seconds, fraction, len(frame), len(frame)))
        parts.append(frame)
    with open(path, "wb") as file:
        file.write(b"".join(parts))


def write(path, frames):
    """Writes frames one microsecond apart."""
    write_timed(path, list(enumerate(frames)))


def ethertype(frame):
    return struct.unpack_from("!H", frame, 12)[0]


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def ether(dst, src, payload):
    """An Ethernet frame around an IP packet; MAC addresses as text."""
    kind = ETHERTYPE_IPV6 if payload[0] >> 4 == 6 else ETHERTYPE_IPV4
    return mac_bytes(dst) + mac_bytes(src) + struct.pack("!H", kind) + payload


def ip_packet(frame):
    """The IP packet in a frame, without Ethernet padding; None for anything else. One VLAN tag
    is skipped."""
    at = 12
    kind = ethertype(frame)
    if kind == ETHERTYPE_VLAN:
        at = 16
        kind = struct.unpack_from("!H", frame, at)[0]
    packet = frame[at + 2:]
    if kind == ETHERTYPE_IPV4 and len(packet) >= 20:
        return packet[:struct.unpack_from("!H", packet, 2)[0]]
    if kind == ETHERTYPE_IPV6 and len(packet) >= 40:
        return packet[:40 + struct.unpack_from("!H", packet, 4)[0]]
    return None


def ip_packets(frames):
    """The IP packets of all frames that carry one."""
    return [packet for packet in map(ip_packet, frames) if packet is not None]


def version(packet):
    return packet[0] >> 4


def protocol(packet):
    """The protocol or first next header."""
    return packet[9] if version(packet) == 4 else packet[6]


def header_length(packet):
    return (packet[0] & 15) * 4 if version(packet) == 4 else 40


def payload(packet):
    return packet[header_length(packet):]


def addresses(packet):
    """(source, destination)."""
    if version(packet) == 4:
        return (ipaddress.IPv4Address(packet[12:16]), ipaddress.IPv4Address(packet[16:20]))
    return (ipaddress.IPv6Address(packet[8:24]), ipaddress.IPv6Address(packet[24:40]))


def esp_spi_seq(packet):
    """(SPI, low 32 bits of the sequence number) of an ESP packet."""
    return struct.unpack_from("!II", packet, header_length(packet))


def internet_checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def forwarded(packet, hops=1):
    """The packet after that many routers: TTL or hop limit lowered, IPv4 checksum computed anew."""
    out = bytearray(packet)
    if version(packet) == 6:
        out[7] -= hops
        return bytes(out)
    out[8] -= hops
    out[10:12] = b"\0\0"
    out[10:12] = struct.pack("!H", internet_checksum(bytes(out[:header_length(packet)])))
    return bytes(out)
