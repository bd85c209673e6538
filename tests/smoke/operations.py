#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""What operators do to one gateway that has no neighbors: the example as it ships, starts that must
fail, two daemons where one belongs, signals, clients that ask while it stops, a stop under load."""

import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import algorithms  # noqa: E402
import checks as checking  # noqa: E402
import config_writer  # noqa: E402
import daemon  # noqa: E402
import netns  # noqa: E402
import pcap  # noqa: E402

from scapy.layers.inet import ICMP, IP  # noqa: E402  pylint: disable=wrong-import-order

BOOT_OFFSET = 12  # of the identity file, docs/abi.md
STOP_SECONDS = 1.0 * daemon.SLOWNESS
CLIENTS = 8


def gateway(folder, name):
    """A gateway that is nobody's neighbor."""
    config = config_writer.GatewayConfig(name, folder)
    config.port("public", "net_null0,no-rx=1", "public", ["192.0.2.1/24"])
    config.port("private", "net_null1,no-rx=1", "private", ["10.1.0.1/24"])
    config.neighbor("public", "192.0.2.2", "02:00:00:00:00:02")
    config.route("10.2.0.0/16", via="192.0.2.2")
    algorithm = algorithms.BY_NAME["aes128gcm16"]
    out, back = (algorithms.make_sa(f"{name} {way}", spi, source, destination, algorithm)
                 for way, spi, source, destination in (
                     ("out", 0x1001, "192.0.2.1", "192.0.2.2"),
                     ("in", 0x1002, "192.0.2.2", "192.0.2.1")))
    config.outbound(out)
    config.inbound(back)
    config.protect("all", "10.1.0.0/24", "10.2.0.0/16", out, [back])
    return config


def boot_of(config):
    """The boot count in the state directory."""
    identity = (pathlib.Path(config.state_dir) / "identity").read_bytes()
    return int.from_bytes(identity[BOOT_OFFSET:BOOT_OFFSET + 2], "big")


def start(config, folder, new_state=False):
    pathlib.Path(config.state_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    running = daemon.Daemon(config, folder, new_state)
    running.wait_ready()
    return running


def refusal(config, folder):
    """Status and log of a start that is expected to fail."""
    log = pathlib.Path(folder) / f"{config.name}.log"
    log.unlink(missing_ok=True)
    failing = daemon.Daemon(config, folder)
    status = failing.process.wait(30 * daemon.SLOWNESS)
    return status, failing.log()


def check_example(folder, checks):
    """config/lab-null.conf starts as it is; only its folder, /tmp, is another one here."""
    text = (daemon.ROOT / "config" / "lab-null.conf").read_text(encoding="ascii")
    path = pathlib.Path(folder) / "lab-null.conf"
    path.write_text(text.replace('"/tmp/', f'"{folder}/'), encoding="ascii")
    log = pathlib.Path(folder) / "example.log"
    with log.open("wb") as output, subprocess.Popen(
            [daemon.program(), "--config", str(path), "--new-state"], stderr=output) as process:
        deadline = time.monotonic() + 30 * daemon.SLOWNESS
        while "is ready" not in log.read_text(encoding="utf-8"):
            if process.poll() is not None or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
    said = log.read_text(encoding="utf-8")
    checks.add("the lab example starts", None if "is ready" in said else said)
    shutil.rmtree("/var/run/dpdk/phalanx-lab", ignore_errors=True)


def check_failed_starts(config, folder, checks):
    """Boots are few: a start that fails counts none."""
    device = config.settings["ports"][0]["device"]
    before = boot_of(config)
    config.settings["ports"][0]["device"] = "net_af_packet7,iface=nosuch0"
    status, log = refusal(config, folder)
    config.settings["ports"][0]["device"] = device
    good = status == 1 and boot_of(config) == before
    checks.add("a start without its device counts no boot", None if good else
               f"status {status}, boots {before} and {boot_of(config)}\n{log[-1500:]}")


def check_second_daemon(config, folder, checks):
    """What belongs to a running daemon is refused before a device is touched."""
    cases = (("state directory", lambda other: other["node"].update(
                  state_dir=config.state_dir, run_dir=f"{folder}/other-run"),
              "is in use by another daemon"),
             ("command socket", lambda other: other["node"].update(
                  run_dir=config.settings["node"]["run_dir"]),
              "is in use by another phalanxd"))
    for what, share, message in cases:
        other = gateway(f"{folder}/other", f"{config.name}-other")
        pathlib.Path(other.state_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
        share(other.settings)
        before = boot_of(config)
        status, log = refusal(other, f"{folder}/other")
        good = (status == 1 and message in log and "EAL:" not in log and
                boot_of(config) == before)
        checks.add(f"a second daemon on one {what} is refused at once", None if good else
                   f"status {status}, boots {before} and {boot_of(config)}\n{log[-1500:]}")


def ask_without_end(path, ended):
    """A client that asks what only the control thread can answer, for as long as it may."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(10)
        try:
            client.connect(path)
            client.recv(4096)
            while not ended.is_set():
                client.send(b"/phalanx/neighbors,0")
                if not client.recv(65536):
                    return
        except OSError:
            return  # the daemon has gone, as it should


def stop_while_asked(config, folder):
    """(exit status, seconds) of a stop under the questions of many clients."""
    running = start(config, folder)
    ended = threading.Event()
    clients = [threading.Thread(target=ask_without_end, args=(running.telemetry.path, ended))
               for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(0.3)
    result = running.stop()
    ended.set()
    for client in clients:
        client.join()
    return result


def check_stop_while_asked(config, folder, checks):
    for _ in range(2):  # once may be the machine's fault, twice is ours
        status, seconds = stop_while_asked(config, folder)
        if status == 0 and seconds <= STOP_SECONDS:
            break
    checks.add("clients do not hold up the end", None if status == 0 and seconds <= STOP_SECONDS
               else f"status {status} after {seconds:.2f} s")


def check_signals(config, folder, checks):
    """Each ends the daemon in order, wherever it is in its start."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        running = start(config, folder)
        running.process.send_signal(number)
        status, _ = running.stop()
        good = status == 0 and "has stopped leaked=0" in running.log()[-200:]
        checks.add(f"{number.name} stops in order", None if good else
                   f"status {status}\n{running.log()[-1500:]}")


def check_stop_under_load(folder, name, checks):
    """The control thread has more to answer than it can when SIGTERM comes, and no buffer leaks."""
    mac = "02:00:00:00:01:02"
    config = gateway(folder, name)
    capture = f"{folder}/pings.pcap"
    pcap.write(capture, [pcap.ether(mac, "02:00:00:00:99:99", bytes(
        IP(src=f"10.1.0.{host}", dst="10.1.0.1") / ICMP(id=host))) for host in range(2, 34)])
    config.settings["ports"][1].update(device=f"net_pcap0,rx_pcap={capture},infinite_rx=1", mac=mac)
    running = start(config, folder, new_state=True)
    time.sleep(1.0)
    status, _ = running.stop()
    good = status == 0 and "has stopped leaked=0" in running.log()
    checks.add("a stop under load leaks no buffer", None if good else
               f"status {status}\n{running.log()[-1500:]}")


def run(folder, name, checks):
    check_example(folder, checks)
    config = gateway(f"{folder}/one", name)
    running = start(config, f"{folder}/one", new_state=True)
    check_second_daemon(config, folder, checks)
    running.stop()
    check_failed_starts(config, f"{folder}/one", checks)
    check_signals(config, f"{folder}/one", checks)
    check_stop_while_asked(config, f"{folder}/one", checks)
    check_stop_under_load(f"{folder}/load", f"{name}-load", checks)


def main():
    netns.require_root_and()
    checks = checking.Checks("operations")
    with tempfile.TemporaryDirectory(prefix="plx-operations-") as folder:
        run(folder, pathlib.Path(folder).name, checks)
    return checks.summary()


if __name__ == "__main__":
    sys.exit(main())
