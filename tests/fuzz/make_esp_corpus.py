#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Writes the corpus of esp_fuzz from the packets of tests/vectors/ip_packets.txt.

Each algorithm and kind of input gets some of them, so that a replay of the corpus passes every
branch behind the ICV. Run it again only to add files.
"""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "corpus" / "esp"
ALGORITHMS = 10
WIRE, CONTENT, INNER = 0, 2, 4


def packets():
    """Name and bytes of each row."""
    for line in (HERE.parent / "vectors" / "ip_packets.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            columns = line.split()
            yield columns[0], bytes.fromhex(columns[-1])


def trailer(payload, next_header, block, extra=0):
    """Padding 1, 2, 3 ..., its length and the next header."""
    length = -(len(payload) + 2) % block + extra * block
    return bytes(range(1, length + 1)) + bytes([length, next_header])


def main():
    """Cycles through algorithms and kinds."""
    OUT.mkdir(parents=True, exist_ok=True)
    for number, (name, packet) in enumerate(packets()):
        algorithm = number % ALGORITHMS
        block = 4 if algorithm < 4 else 16
        esn = number // ALGORITHMS % 2
        next_header = 4 if packet[0] >> 4 == 4 else 41
        content = packet + trailer(packet, next_header, block, number % 3)
        head = bytes([algorithm, CONTENT | esn, number % 4])
        (OUT / f"content-{name}").write_bytes(head + content)
        if number % 6 == 0:
            (OUT / f"inner-{name}").write_bytes(bytes([algorithm, INNER | esn, 0]) + packet)
        if number % 9 == 0:
            filled = packet + bytes(40)
            (OUT / f"filled-{name}").write_bytes(
                head + filled + trailer(filled, next_header, block))
            (OUT / f"wire-{name}").write_bytes(
                bytes([algorithm, WIRE | esn, 0]) + number.to_bytes(4, "big") + packet)
    dummy = bytes(30)
    (OUT / "content-dummy").write_bytes(bytes([0, CONTENT, 0]) + dummy + trailer(dummy, 59, 4))


if __name__ == "__main__":
    main()
