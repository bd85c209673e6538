# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""One phalanxd: started with a configuration, asked through DPDK's telemetry socket, stopped."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
# By how much a build with a sanitizer is slower than one without.
SLOWNESS = float(os.environ.get("PHALANX_SLOWNESS", "1"))
STOP_SECONDS = 5.0 * SLOWNESS  # under load on two cores; the daemon itself promises one second


def program(name="phalanxd"):
    """The built program: of PHALANX_BUILD_DIR, else of the release preset."""
    path = pathlib.Path(os.environ.get("PHALANX_BUILD_DIR", ROOT / "build" / "release")) / name
    if not path.exists():
        raise netns.LabError(f"{path} is not built")
    return str(path)


class Telemetry:
    """A connection to DPDK's telemetry socket: one request, one JSON answer."""

    def __init__(self, file_prefix):
        self.path = f"/var/run/dpdk/{file_prefix}/dpdk_telemetry.v2"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10.0)
        self.socket.connect(self.path)
        self.max_output = json.loads(self.socket.recv(4096))["max_output_len"]

    def query(self, command):
        """The value of the answer."""
        self.socket.send(command.encode())
        answer = json.loads(self.socket.recv(self.max_output))
        return answer.get(command.split(",", maxsplit=1)[0])

    def close(self):
        self.socket.close()


class Daemon:
    """Starts on construction; wait_ready() before traffic."""

    def __init__(self, config, folder, new_state=False, namespace=None, options=()):
        # pylint: disable=too-many-arguments,too-many-positional-arguments
        """config: a GatewayConfig. folder: for the config file and the log. options: further ones
        of phalanxd."""
        self.config = config
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        config_path = self.folder / f"{config.name}.conf"
        config.write(config_path)
        self.log_path = self.folder / f"{config.name}.log"
        command = [program(), "--config", str(config_path)]
        command += (["--new-state"] if new_state else []) + list(options)
        if namespace:
            command = namespace.argv(*command)
        self.telemetry = None
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=self.log_path.open("ab"),
                                        stderr=subprocess.STDOUT)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def failure(self, what):
        return netns.LabError(f"{self.config.name}: {what}\n{self.log()[-4000:]}")

    def wait_ready(self, seconds=60.0):
        """Until the workers run and telemetry answers our own commands."""
        deadline = time.monotonic() + seconds
        while True:
            if self.process.poll() is not None:
                raise self.failure(f"ended at start with status {self.process.returncode}")
            if time.monotonic() > deadline:
                raise self.failure(f"not ready within {seconds:.0f} s")
            if self._try_connect():
                return
            time.sleep(0.02)

    def _try_connect(self):
        try:
            self.telemetry = Telemetry(self.config.file_prefix)
            if "/phalanx/workers" in self.telemetry.query("/"):
                return True
            self.telemetry.close()
        except (OSError, ValueError):
            pass  # not there yet: the caller knows how long to try
        self.telemetry = None
        return False

    def query(self, command):
        return self.telemetry.query(command)

    def stop(self):
        """SIGTERM; returns (exit status, seconds until it was gone)."""
        begin = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired as late:
                self.kill()
                raise self.failure(f"still ran {STOP_SECONDS:.0f} s after SIGTERM") from late
        self._forget()
        return self.process.returncode, time.monotonic() - begin

    def kill(self):
        """SIGKILL: what a crash leaves behind is the point."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._forget()

    def _forget(self):
        if self.telemetry:
            self.telemetry.close()
            self.telemetry = None
        # EAL's own folder, under our unique prefix.
        shutil.rmtree(f"/var/run/dpdk/{self.config.file_prefix}", ignore_errors=True)
