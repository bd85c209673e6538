#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Writes the seeds of host_fuzz, from host.txt, as conversations in its input format.

  /usr/bin/python3 tests/vectors/make_host_corpus.py
"""
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent / "fuzz" / "corpus" / "host"
ARP, LOCAL, TTL_EXCEEDED, TOO_BIG = 0, 1, 2, 3
# Larger packets only make the replay, which cuts each seed everywhere, slow.
LARGEST = 200


def wait(milliseconds):
    return b"\0" + milliseconds.to_bytes(2, "big")


def packet(reason, frame, port=0, repair=1):
    return bytes([1, reason, port, repair]) + len(frame).to_bytes(2, "big") + frame


def miss(family, last, port=0):
    return bytes([2, port, family]) + last.to_bytes(2, "big")


def use(row):
    return bytes([3, row])


def link_up(port):
    return bytes([4, port])


def main():
    vectors = {}
    for line in (HERE / "host.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, digits = line.split()
            vectors[name] = bytes.fromhex(digits)

    seeds = {}
    for name, frame in vectors.items():
        if name.startswith("l3_") or len(frame) > LARGEST or "answer" in name or "report" in name:
            continue
        if name.startswith("arp"):
            reason = ARP
        elif name.startswith(("err", "quiet")):
            reason = TTL_EXCEEDED
        else:
            reason = LOCAL
        seeds[name] = packet(reason, frame, repair=0 if "checksum" in name else 1)
    reply, advertisement = vectors["arp_reply"], vectors["na_solicited"]
    seeds["resolve4"] = miss(0, 9) + packet(ARP, reply) + wait(30000) + wait(20000) + use(1) + \
        wait(5000) + wait(1000) + packet(ARP, reply)
    seeds["resolve6"] = miss(1, 9) + packet(LOCAL, advertisement) + wait(30000) + wait(20000) + \
        use(1) + wait(5000) + wait(1000) + packet(LOCAL, advertisement)
    seeds["unreachable"] = packet(TOO_BIG, vectors["err_short4"]) + miss(0, 9) + miss(0, 9) + \
        miss(0, 9) + miss(0, 9) + wait(1000) + wait(1000) + wait(1000)
    seeds["moved"] = miss(1, 9) + packet(LOCAL, advertisement) + \
        packet(LOCAL, vectors["na_other_mac_override"]) + use(1) + wait(4000) + wait(1500)
    seeds["scan"] = b"".join(miss(0, last) for last in range(2, 40)) + wait(4000)
    seeds["links"] = link_up(0) + link_up(1) + wait(0) + wait(1000) + wait(1000) + link_up(2)

    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, seed in seeds.items():
        (CORPUS / name).write_bytes(seed)


if __name__ == "__main__":
    main()
