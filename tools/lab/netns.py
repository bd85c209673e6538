# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Network namespaces of one run: unique names, and nothing left behind.

    with Lab("plx") as lab:
        left = lab.namespace("left")          # plx-<pid>-left
        right = lab.namespace("right")
        lab.veth(left, "l0", right, "r0", mtu=1500)
        left.run("ping", "-c1", "192.0.2.2")
        server = right.start("iperf3", "-s")  # ended by its pid when the lab closes
"""

import os
import shutil
import signal
import subprocess


class LabError(Exception):
    """The lab could not be built, or a program in it failed."""


def require_root_and(*programs):
    """Says at once and in one message what this machine lacks."""
    problems = [] if os.geteuid() == 0 else ["not root"]
    problems += [f"program {name} is missing" for name in programs if not shutil.which(name)]
    if problems:
        raise LabError("cannot run here: " + "; ".join(problems) +
                       " (tools/install_packages installs the programs)")


def run(*command, check=True, stdin=None, timeout=120):
    """Runs a program to its end; returns the CompletedProcess with text output."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout,
                          check=False)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def stop_process(process, seconds=5.0):
    """SIGTERM, then SIGKILL; returns the exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


class Namespace:
    """One network namespace. Made by Lab.namespace()."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name

    def argv(self, *command):
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command, **options):
        return run(*self.argv(*command), **options)

    def start(self, *command, **options):
        """Starts a program that runs until the lab closes or stop_process() ends it."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        # "ip netns exec" replaces itself by the program, so the pid is the program's.
        # pylint: disable=consider-using-with
        process = subprocess.Popen(self.argv(*command), **options)
        self.lab.processes.append(process)
        return process

    def ip(self, *arguments):
        return run("ip", "-netns", self.name, *arguments)

    def batch(self, lines):
        """Many ip(8) commands in one process."""
        return run("ip", "-netns", self.name, "-batch", "-", stdin="\n".join(lines) + "\n")

    def sysctl(self, **settings):
        """Keys with "__" for the dot: net__ipv4__ip_forward=1."""
        for key, value in settings.items():
            path = "/proc/sys/" + key.replace("__", "/")
            self.run("sh", "-c", f"echo {value} >{path}")

    def quiet_interface(self, name):
        """An interface for raw frames: up, without kernel addresses or offloads, so that frames
        carry whole checksums and are no larger than the MTU."""
        self.run("sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{name}/disable_ipv6")
        self.plain_interface(name)

    def plain_interface(self, name):
        """Up, offloads off."""
        for feature in ("tx", "rx", "sg", "tso", "gso", "gro"):
            # A device that lacks a feature refuses to switch it, which is what we want anyway.
            self.run("ethtool", "-K", name, feature, "off", check=False)
        self.ip("link", "set", name, "up")


class Lab:
    """All namespaces and processes of a run. A context manager; closing it removes everything."""

    def __init__(self, prefix):
        self.prefix = f"{prefix}-{os.getpid()}"
        self.namespaces = []
        self.processes = []
        self.peers = []  # whatever else has a stop()

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: exit_by_signal())
        return self

    def __exit__(self, *_):
        self.close()

    def namespace(self, name):
        full = f"{self.prefix}-{name}"
        run("ip", "netns", "add", full)
        made = Namespace(self, full)
        self.namespaces.append(made)
        # Addresses are usable at once; the kernel's own IPv6 chatter stays off.
        made.sysctl(net__ipv6__conf__all__accept_dad=0, net__ipv6__conf__default__accept_dad=0,
                    net__ipv6__conf__default__accept_ra=0,
                    net__ipv6__conf__default__router_solicitations=0)
        made.ip("link", "set", "lo", "up")
        return made

    def veth(self, left, left_name, right, right_name, mtu=1500, left_mac=None, right_mac=None):
        command = ["link", "add", left_name, "mtu", str(mtu)]
        command += ["address", left_mac] if left_mac else []
        command += ["type", "veth", "peer", "name", right_name, "mtu", str(mtu)]
        command += ["address", right_mac] if right_mac else []
        left.ip(*command, "netns", right.name)

    def close(self):
        for peer in reversed(self.peers):
            peer.stop()
        self.peers.clear()
        for process in reversed(self.processes):
            stop_process(process)
        self.processes.clear()
        for namespace in self.namespaces:
            run("ip", "netns", "del", namespace.name, check=False)
        self.namespaces.clear()


def exit_by_signal():
    """SIGTERM unwinds the stack, so that open labs close."""
    raise SystemExit(143)
