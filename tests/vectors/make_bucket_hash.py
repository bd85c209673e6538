#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Writes bucket_hash.txt with the openssl command, from the field lists of docs/abi.md.

The vectors are frozen: a node that hashes otherwise cannot join a cluster. Run it again only to add
rows behind the present ones.
"""

import ipaddress
import pathlib
import random
import subprocess

OUT = pathlib.Path(__file__).resolve().parent / "bucket_hash.txt"
HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
# Made by make_bucket_hash.py: openssl enc -aes-128-cbc over the layouts of docs/abi.md.
# key kind arguments... bucket
"""


def integer(value, size):
    """Network byte order."""
    return int(value, 0).to_bytes(size, "big")


def address(text):
    """4 or 16 bytes."""
    return ipaddress.ip_address(text).packed


def grounds(kind, arguments):
    """The hashed bytes before padding: class, then fields."""
    if kind == "esp_session":
        return bytes([1]) + integer(arguments[0], 4)
    if kind == "esp_packet":
        return bytes([2]) + integer(arguments[0], 4) + integer(arguments[1], 4)
    if kind == "ike":
        return bytes([3]) + integer(arguments[0], 8)
    first, second = address(arguments[0]), address(arguments[1])
    v6 = len(first) == 16
    if kind == "flow":
        ends = sorted([(first, integer(arguments[3], 2)), (second, integer(arguments[4], 2))])
        return bytes([5 if v6 else 4]) + b"".join(a + p for a, p in ends) + integer(arguments[2], 1)
    if kind == "icmp":
        return bytes([7 if v6 else 6]) + b"".join(sorted([first, second])) + \
            integer(arguments[2], 2)
    if kind == "other":
        return bytes([9 if v6 else 8]) + b"".join(sorted([first, second])) + \
            integer(arguments[2], 1)
    assert kind == "fragment"
    return bytes([11 if v6 else 10]) + first + second + integer(arguments[2], 4)


def bucket(key, data):
    """First byte of the last block of AES-128-CBC, zero IV, zero padding."""
    data += bytes(-len(data) % 16)
    out = subprocess.run(
        ["openssl", "enc", "-aes-128-cbc", "-K", key, "-iv", "0" * 32, "-nopad"],
        input=data, stdout=subprocess.PIPE, check=True).stdout
    return out[-16]


def rows():
    """Fixed cases, then random ones from a fixed seed."""
    zero, fips, ones = "0" * 32, "2b7e151628aed2a6abf7158809cf4f3c", "f" * 32
    yield fips, "esp_session", "0x00000100"
    yield fips, "esp_session", "0xffffffff"
    yield zero, "esp_session", "0x12345678"
    yield ones, "esp_session", "0x12345678"
    yield fips, "esp_packet", "0x00000100", "0"
    yield fips, "esp_packet", "0x00000100", "1"
    yield fips, "esp_packet", "0xffffffff", "0xffffffff"
    yield fips, "ike", "0x0000000000000001"
    yield fips, "ike", "0xfedcba9876543210"
    for protocol in ("6", "17", "132"):
        yield fips, "flow", "192.0.2.1", "198.51.100.2", protocol, "49152", "443"
        yield fips, "flow", "198.51.100.2", "192.0.2.1", protocol, "443", "49152"
        yield fips, "flow", "2001:db8::1", "2001:db8::2", protocol, "49152", "443"
        yield fips, "flow", "2001:db8::2", "2001:db8::1", protocol, "443", "49152"
    yield fips, "flow", "10.0.0.1", "10.0.0.1", "17", "500", "4500"
    yield fips, "flow", "10.0.0.1", "10.0.0.1", "17", "4500", "500"
    yield fips, "flow", "10.0.0.1", "10.0.0.1", "17", "256", "1"
    for pair in (("192.0.2.1", "198.51.100.2"), ("198.51.100.2", "192.0.2.1"),
                 ("2001:db8::1", "2001:db8::2"), ("2001:db8::2", "2001:db8::1")):
        yield fips, "icmp", *pair, "0x1234"
        yield fips, "other", *pair, "47"
        yield fips, "fragment", *pair, "0xbeef"
        yield fips, "fragment", *pair, "0xcafe0001"
    source = random.Random(4303)
    for _ in range(100):
        key = source.randbytes(16).hex()
        size, kind = source.choice([4, 16]), source.choice(["flow", "icmp", "other", "fragment"])
        a, b = (str(ipaddress.ip_address(source.randbytes(size))) for _ in range(2))
        if kind == "flow":
            tail = [source.choice([6, 17, 132]), source.getrandbits(16), source.getrandbits(16)]
        else:
            tail = [source.getrandbits({"icmp": 16, "other": 8, "fragment": 32}[kind])]
        yield key, kind, a, b, *map(str, tail)
        yield key, "esp_session", hex(source.getrandbits(32))
        yield key, "esp_packet", hex(source.getrandbits(32)), hex(source.getrandbits(32))
        yield key, "ike", hex(source.getrandbits(64))


def main():
    """Writes the file."""
    lines = [" ".join([key, kind, *arguments, str(bucket(key, grounds(kind, arguments)))])
             for key, kind, *arguments in rows()]
    OUT.write_text(HEADER + "\n".join(lines) + "\n", encoding="ascii")
    print(f"{len(lines)} vectors")


if __name__ == "__main__":
    main()
