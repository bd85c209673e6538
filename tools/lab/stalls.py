# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Stops single threads of running processes, at whatever instruction they are, for random times.

    with Stalls(seed, {pid: "rte-worker"}) as stalls:   # threads whose names begin so
        ...
    stalls.count                                        # how many there were

A signal stops a whole process; the debugger's interface stops one thread while all others go on.
The program needs nothing built in for it, so that what is stopped is what is shipped.
"""

import ctypes
import errno
import os
import pathlib
import random
import threading
import time

import netns

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WAIT_FOR_THREADS = 0x40000000  # __WALL
EVENT_STOP = 128
# Most are as long as a busy system keeps a thread off its CPU, some longer than workers wait for
# each other (20 ms).
LENGTHS = ((0.90, 0.0, 0.002), (0.98, 0.002, 0.010), (1.0, 0.010, 0.030))
MOST_BETWEEN = 0.004

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.restype = ctypes.c_long
_LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def _trace(request, thread, data=0):
    """False when the thread has ended."""
    if _LIBC.ptrace(request, thread, None, data) == 0:
        return True
    if ctypes.get_errno() == errno.ESRCH:
        return False
    raise netns.LabError(f"ptrace {request:#x}: {os.strerror(ctypes.get_errno())}")


def stop_thread(thread, seconds):
    """Whether it was there to be stopped. The caller's own thread does all of it."""
    if not _trace(SEIZE, thread):
        return False
    if not _trace(INTERRUPT, thread):
        return False
    _, status = os.waitpid(thread, WAIT_FOR_THREADS)
    if not os.WIFSTOPPED(status):
        return False
    time.sleep(seconds)
    # A signal that came first is passed on.
    return _trace(DETACH, thread, 0 if status >> 16 == EVENT_STOP else os.WSTOPSIG(status))


def threads_of(pid, name):
    """Numbers of the process's threads whose names begin with `name`."""
    return [int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            if (task / "comm").read_text(encoding="ascii").startswith(name)]


class Stalls:
    """A context manager; one thread is stopped at a time."""

    def __init__(self, seed, names):
        self.random = random.Random(seed)
        self.threads = [thread for pid, name in names.items() for thread in threads_of(pid, name)]
        if not self.threads:
            raise netns.LabError(f"no threads named {set(names.values())}")
        self.count = 0
        self.longest = 0.0
        self.error = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        if self.error:
            raise self.error

    def _run(self):
        try:
            while not self._end.wait(self.random.uniform(0, MOST_BETWEEN)):
                dice = self.random.random()
                least, most = next(row[1:] for row in LENGTHS if dice <= row[0])
                seconds = self.random.uniform(least, most)
                if stop_thread(self.random.choice(self.threads), seconds):
                    self.count += 1
                    self.longest = max(self.longest, seconds)
        except (netns.LabError, OSError) as error:
            self.error = error
