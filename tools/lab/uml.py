# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""A whole Linux kernel with its own ESP, as a process: User Mode Linux on a veth pair.

    peer = uml.Peer(lab, namespace, "uml0", commands, mac)   # commands: ip(8) batch lines
    peer.wait_ready()
    ...                                                           # its interface is vec0
    peer.stop()

It reads its end of the pair through a packet socket. Not a tap device, though UML can: a tap
device signals a frame (SIGIO) before it says that there is one (epoll), so that UML, which looks
once for each signal, on a second CPU finds nothing and leaves the frame until the next one comes.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import netns

HERE = pathlib.Path(__file__).resolve().parent
HTTP_PORT = 8080
_PROGRAM = "linux.uml"
_MEMORY = "256M"


class Peer:
    """Boots on construction, in the background. Both ends of the link are made here: `interface`
    in the namespace, and the other in one of its own, where no other kernel answers."""

    def __init__(self, lab, namespace, interface, commands, mac, mtu=1500):
        # pylint: disable=too-many-arguments,too-many-positional-arguments,consider-using-with
        if not shutil.which(_PROGRAM):
            raise netns.LabError("user-mode-linux is not installed")
        # /run and /tmp are the peer's own or may be: its folder lies where hostfs shows it.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="plx-uml-", dir="/var/tmp"))
        (self.folder / "commands.batch").write_text("\n".join(commands) + "\n", encoding="ascii")
        shutil.copy(HERE / "uml_server.py", self.folder / "server.py")
        shutil.copy(HERE / "uml_init", self.folder / "init")
        inside = lab.namespace(f"{interface}-peer")
        lab.veth(namespace, interface, inside, "vec0", mtu)
        namespace.quiet_interface(interface)
        inside.quiet_interface("vec0")
        self.console = self.folder / "console"
        environment = dict(os.environ, HOME=str(self.folder))
        self.process = subprocess.Popen(
            inside.argv(
                _PROGRAM, f"mem={_MEMORY}", "rootfstype=hostfs", "rootflags=/", "ro", "quiet",
                f"init={self.folder}/init", f"lab={self.folder}", f"uml_dir={self.folder}",
                f"vec0:transport=raw,ifname=vec0,mac={mac},depth=128,gro=0,mtu={mtu}",
                "con=null", "con0=null,fd:1"),
            stdin=subprocess.DEVNULL, stdout=self.console.open("wb"), stderr=subprocess.STDOUT,
            env=environment, start_new_session=True)
        lab.peers.append(self)

    def output(self):
        return self.console.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self, seconds=120.0):
        """Until the peer's server listens; says what the console said otherwise."""
        deadline = time.monotonic() + seconds
        while "uml: serving" not in self.output():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise netns.LabError(f"the UML peer did not start:\n{self.output()[-3000:]}")
            time.sleep(0.05)

    def stop(self):
        """A UML kernel is a group of processes: all of them, and only those, are ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder)
