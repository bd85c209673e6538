# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""tshark as a decryptor: the bytes it finds inside ESP whose ICV it has verified."""

import struct

import algorithms
import netns

_SECTION = "Decrypted Data ("


def inner_length(data):
    if data[0] >> 4 == 4:
        return struct.unpack_from("!H", data, 2)[0]
    return 40 + struct.unpack_from("!H", data, 4)[0]


def _hex_bytes(line):
    # "0010  0a 47 01 02 ...   ASCII": 16 two-digit columns after the offset.
    return bytes.fromhex(line[6:6 + 16 * 3])


def inner_packets(path, sas):
    """The inner IP packets, in file order, of every frame that tshark could authenticate with the
    keys of sas. Frames whose ICV is wrong or whose SA it does not know are not in the list."""
    text = netns.run("tshark", "-n", "-r", str(path), *algorithms.tshark_options(sas),
                     "-Y", "esp.icv_good==1", "-x").stdout
    packets = []
    wanted = False
    current = bytearray()
    for line in text.splitlines() + ["end"]:
        if line[:1] in "0123456789abcdef" and line[4:6] == "  ":
            if wanted:
                current += _hex_bytes(line)
            continue
        if current:
            packets.append(bytes(current[:inner_length(current)]))
            current = bytearray()
        wanted = line.startswith(_SECTION)
    return packets
