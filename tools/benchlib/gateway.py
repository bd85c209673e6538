# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""The gateway that the packet benchmarks measure: its configuration, and how it is run beside
programs that drive the same ports. Packets come from bench_port, which is loaded in front of
either (tests/perf/bench_port.cpp)."""

import os
import pathlib
import shutil

import config_writer

from benchlib import common

# key, salt and HMAC key bytes, as in phalanx/ipsec/algorithm.hpp.
ALGORITHMS = {
    "aes128gcm16": (16, 4, 0), "aes192gcm16": (24, 4, 0), "aes256gcm16": (32, 4, 0),
    "chacha20poly1305": (32, 4, 0),
    "aes128-sha256": (16, 0, 32), "aes128-sha384": (16, 0, 48), "aes128-sha512": (16, 0, 64),
    "aes256-sha256": (32, 0, 32), "aes256-sha384": (32, 0, 48), "aes256-sha512": (32, 0, 64),
}

MEMORY_MB = 128  # taken at start; EAL takes more from the hugepages as needed


def key_bytes(direction, sa, length):
    """Bytes of splitmix64, as bench::key_bytes() makes them. direction: 1 inbound, 2 outbound."""
    mask = (1 << 64) - 1
    state = sa << 8 | direction
    out = b""
    while len(out) < length:
        state = (state + 0x9e3779b97f4a7c15) & mask
        word = ((state ^ state >> 30) * 0xbf58476d1ce4e5b9) & mask
        word = ((word ^ word >> 27) * 0x94d049bb133111eb) & mask
        out += (word ^ word >> 31).to_bytes(8, "little")
    return out[:length]


def sa_entry(alg, number, inbound):
    """The SA of tunnel `number` in one direction, as bench_port knows it."""
    key, salt, auth = ALGORITHMS[alg]
    raw = key_bytes(1 if inbound else 2, number, key + salt + auth)
    entry = {"name": f"{'in' if inbound else 'out'}{number}",
             "direction": "in" if inbound else "out",
             "spi": (0x200000 if inbound else 0x100000) + number,
             "local": "192.0.2.1", "remote": f"172.16.{number >> 8}.{number & 255}",
             "algorithm": alg, "key": raw[:key + salt].hex()}
    if auth:
        entry["auth_key"] = raw[key + salt:].hex()
    return entry


class Gateway:
    """A daemon with `sas` pairs of SAs and one policy each, and buffers for the packets of a round.
    `settings` may be changed before it is run."""

    def __init__(self, folder, hugepages, cpus, *, alg, sas, mbufs):
        """cpus: of the control thread, then of each worker."""
        self.folder = pathlib.Path(folder)
        self.hugepages = hugepages
        self.cpus = cpus
        self.mbufs = mbufs
        self.memory_mb = MEMORY_MB
        if not hugepages:
            self.memory_mb += mbufs * 3 // 1024 + sas * 8 // 1024
        numbers = range(sas)
        self.settings = self._machine() | self._network() | {
            "sas": [sa_entry(alg, i, inbound) for inbound in (False, True) for i in numbers],
            "policies": [{"name": f"p{i}", "action": "protect",
                          "local": f"10.32.{i >> 8}.{i & 255}/32",
                          "remote": f"10.64.{i >> 8}.{i & 255}/32",
                          "out_sa": f"out{i}", "in_sas": [f"in{i}"]} for i in numbers]}

    def _machine(self):
        return {
            "version": 1,
            "node": {"id": 1, "name": "bench", "state_dir": f"{self.folder}/state",
                     "run_dir": f"{self.folder}/run"},
            "eal": {"memory_mb": self.memory_mb, "hugepages": self.hugepages, "pci": False,
                    "file_prefix": f"phalanx-bench-{os.getpid()}"},
            "control": {"cpu": self.cpus[0]},
            "workers": [{"cpu": cpu} for cpu in self.cpus[1:]],
            "published_keys": True,
            "limits": {"mbufs": self.mbufs}}

    @staticmethod
    def _network():
        queues = {"rx_descriptors": 128, "tx_descriptors": 128}  # our ports have none
        return {
            "ports": [
                {"name": "private", "device": "net_null0", "role": "private",
                 "addresses": ["10.0.0.1/24"], "mac": "02:00:00:00:01:01", **queues},
                {"name": "public", "device": "net_null1", "role": "public",
                 "addresses": ["192.0.2.1/24"], "mac": "02:00:00:00:02:01", **queues}],
            "routes": [{"to": "10.32.0.0/16", "via": "10.0.0.2"},
                       {"to": "0.0.0.0/0", "via": "192.0.2.2"}],
            "neighbors": [
                {"port": "private", "address": "10.0.0.2", "mac": "02:00:00:00:01:02"},
                {"port": "public", "address": "192.0.2.2", "mac": "02:00:00:00:02:02"}]}

    def run(self, build_dir, plan):
        """The daemon's figures. plan: result file -> PHALANX_BENCH, see bench_plan.hpp."""
        config = self.folder / "bench.conf"
        config.touch(mode=0o600)
        config.write_text(config_writer.render(self.settings), encoding="ascii")
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        command = [build_dir / "phalanxd", "--config", config, "--new-state"]
        return self._run(build_dir, "daemon", command, plan)

    def run_reference(self, build_dir, mode, plan):
        """The same ports, buffers and packets without a gateway. mode: see bench_reference.cpp."""
        eal = ["--lcores", f"0@{self.cpus[0]},1@{self.cpus[1]}", "--main-lcore", "0",
               "-m", str(self.memory_mb), "--no-pci",
               "--file-prefix", f"phalanx-bench-{os.getpid()}"]
        eal += ["--in-memory"] if self.hugepages else ["--no-huge", "--no-shconf"]
        eal += ["--vdev", "net_null0", "--vdev", "net_null1"]
        program = build_dir / "tests/perf/bench_reference"
        command = [program, mode, str(self.mbufs), "--", *eal]
        return self._run(build_dir, mode, command, plan)

    def _run(self, build_dir, what, command, plan):
        result = self.folder / "result.json"
        environment = dict(os.environ, PHALANX_BENCH=plan(result),
                           LD_PRELOAD=str(build_dir / "tests/perf/bench_port.so"))
        return common.run_for_result(command, environment, result, self.folder / f"{what}.log")
