# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""A gateway that comes back, after a stop or a crash: no number and no IV is used twice (the
harness compares the IVs of all runs), nothing old is let in; without its state it stays down."""

import pathlib
import shutil

from cases_hostile import check_accepted, sealed
from harness import check, check_equal
import topology
import pcap


def numbers_by_spi(result):
    numbers = {}
    for packet in result.packets("public"):
        spi, number = pcap.esp_spi_seq(packet)
        numbers.setdefault(spi, []).append(number)
    return numbers


def check_continues(before, result):
    """before: highest number sent, by SPI. Returns the new highest ones."""
    now = numbers_by_spi(result)
    for spi, numbers in now.items():
        check_equal(numbers, sorted(set(numbers)), f"SPI 0x{spi:08x}: numbers in order")
        check(numbers[0] > before.get(spi, 0),
              f"SPI 0x{spi:08x}: number {numbers[0]} after {before.get(spi, 0)}")
    check_equal(sum(map(len, now.values())), len(topology.left_capture()), "packets sent")
    return {spi: numbers[-1] for spi, numbers in now.items()}


def outbound_after_stop(bench):
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel)
    highest = {}
    for _ in range(4):
        highest = check_continues(highest, bench.run(config, {"private": topology.left_capture()}))


def outbound_after_crash(bench):
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel)
    frames = topology.left_capture()
    versions = [pcap.version(packet) for packet in pcap.ip_packets(frames)]
    highest = {}
    for _ in range(3):
        totals = bench.crash(config, {"private": frames})
        check_equal(totals.dropped, 0, "packets dropped before the crash")
        # It sent all of them from the last known number on, at least.
        highest = {tunnel.to_right[family].spi:
                   highest.get(tunnel.to_right[family].spi, 0) + versions.count(family)
                   for family in (4, 6)}
        highest = check_continues(highest, bench.run(config, {"private": frames}))


def inbound(bench, stop):
    """stop: run or crash. What was accepted before is not accepted again; what is new is."""
    tunnel = topology.default_tunnel()
    config = topology.right_gateway(bench, tunnel)
    old = sealed(tunnel, range(1, 201))
    totals = getattr(bench, stop)(config, {"public": old})
    totals = getattr(totals, "totals", totals)
    check_equal(totals.dropped, 0, "packets dropped before")
    far = 1 << 22  # above any lease, which has 2^20 at most
    result = bench.run(config, {"public": old + sealed(tunnel, [far, far + 1])})
    check_accepted(result, [far, far + 1])
    check_equal(result.totals.drops, {"esp_replay_too_old": len(old)}, "drops by reason")


def failed_start(bench):
    """A start that fails when its workers run already leaves exact leases: no number is lost."""
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel)
    run_dir = config.settings["node"]["run_dir"]
    config.settings["node"]["run_dir"] = "/proc"  # no file system for a command socket
    status, log = bench.refuse(config, new_state=True)
    check_equal(status, 1, "exit status")
    check("control.sock" in log, f"the log does not name the socket:\n{log}")
    check("starts node" in log, f"the start failed earlier:\n{log}")
    config.settings["node"]["run_dir"] = run_dir
    first = numbers_by_spi(bench.run(config, {"private": topology.left_capture()}))
    check_equal({spi: numbers[0] for spi, numbers in first.items()},
                {sa.spi: 1 for sa in tunnel.sas_to_right}, "first numbers")


def missing_state(bench):
    """State that was there and is gone is not made anew without --new-state."""
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel)
    bench.run(config, {"private": topology.left_capture()})
    shutil.rmtree(config.state_dir)
    status, log = bench.refuse(config)
    check_equal(status, 1, "exit status")
    check("--new-state" in log, f"the log does not name --new-state:\n{log}")
    left = {path.name for path in pathlib.Path(config.state_dir).iterdir()}
    check(left <= {"lock"}, f"state was made all the same: {left}")


def damaged_state(bench):
    """State that cannot be trusted is refused, not believed. One bad sector of the leases is
    survived, as they are written twice; damage all over is not."""
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel)
    bench.run(config, {"private": topology.left_capture()})
    files = [path for path in pathlib.Path(config.state_dir).iterdir()
             if path.is_file() and path.stat().st_size]
    check(files, "no state on disk")
    for path in files:
        good = path.read_bytes()
        bad = bytearray(good)
        for at in range(32, len(bad), 64):
            bad[at] ^= 0x40
        path.write_bytes(bytes(bad))
        status, log = bench.refuse(config)
        check_equal(status, 1, f"exit status with flipped bits in {path.name}")
        check(path.name in log, f"the log does not name {path.name}:\n{log}")
        path.write_bytes(good)


def cases():
    """{name: function(bench)}."""
    return {"outbound-after-stop": outbound_after_stop,
            "outbound-after-crash": outbound_after_crash,
            "inbound-after-stop": lambda bench: inbound(bench, "run"),
            "inbound-after-crash": lambda bench: inbound(bench, "crash"),
            "failed-start": failed_start, "missing-state": missing_state,
            "damaged-state": damaged_state}
