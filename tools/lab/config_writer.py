# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Writes phalanxd configuration files from Python values, and the tests' usual gateway."""

import functools
import os
import pathlib
import tempfile


@functools.cache
def _memory():
    """A folder in memory that goes when this process ends. State lives there: while a build next
    door keeps the disk busy, a lease takes longer to become durable than packets are held for it.
    They are dropped then, as they should be, but that is not what tests are about."""
    # pylint: disable=consider-using-with
    return tempfile.TemporaryDirectory(prefix="plx-state-", dir="/dev/shm")


def _state_dir(folder):
    """The same for the same folder, so that gateways find what those before them left."""
    return str(pathlib.Path(_memory().name) / str(folder).strip("/").replace("/", "-"))


def _value(value, indent):
    pad = "  " * indent
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{\n" + _settings(value, indent + 1) + pad + "}"
    if value and not isinstance(value[0], dict):
        return "[" + ", ".join(_value(item, indent) for item in value) + "]"
    inner = ",\n".join(pad + "  " + _value(item, indent + 1) for item in value)
    return "(\n" + inner + "\n" + pad + ")" if value else "()"


def _settings(group, indent):
    pad = "  " * indent
    return "".join(f"{pad}{key} = {_value(value, indent)};\n" for key, value in group.items())


def render(settings):
    """libconfig text of nested dicts, lists, strings, numbers and booleans."""
    return _settings(settings, 0)


class GatewayConfig:
    """A gateway's settings, built step by step; `settings` may be changed directly as well."""

    def __init__(self, name, folder, workers=1):
        """folder: where the command socket lives; it names the state, too. One worker shares CPU 0
        with the control thread; it sleeps when idle, as labs on few cores need."""
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        self.settings = {
            "version": 1,
            "node": {"id": 1, "name": name, "state_dir": _state_dir(folder),
                     "run_dir": f"{folder}/run"},
            "eal": {"memory_mb": 128, "hugepages": False, "pci": False, "file_prefix": name},
            "control": {"cpu": 0},
            "workers": [{"cpu": i % (os.cpu_count() or 1)} for i in range(workers)],
            "idle_sleep": {"enabled": True, "after_empty_polls": 64, "sleep_us": 50},
            # Keys are published only in the sense that they derive from names in this tree.
            "published_keys": True,
            "limits": {"mbufs": 8192, "flow_cache_entries": 4096},
            "ports": [], "routes": [], "neighbors": [], "sas": [], "policies": [],
        }

    @property
    def name(self):
        return self.settings["node"]["name"]

    @property
    def state_dir(self):
        return self.settings["node"]["state_dir"]

    @property
    def file_prefix(self):
        return self.settings["eal"]["file_prefix"]

    def port(self, name, device, role, addresses, **more):
        """more: mac, mtu, vlan..."""
        self.settings["ports"].append(
            {"name": name, "device": device, "role": role, "addresses": list(addresses), **more})

    def route(self, to, via=None, port=None):
        route = {"to": to}
        if via:
            route["via"] = via
        if port:
            route["port"] = port
        self.settings["routes"].append(route)

    def neighbor(self, port, address, mac):
        self.settings["neighbors"].append({"port": port, "address": address, "mac": mac})

    def outbound(self, sa, **more):
        """We encrypt with it."""
        self._sa(sa, "out", sa.source, sa.destination, more)

    def inbound(self, sa, **more):
        """We decrypt with it; more: replay_window."""
        self._sa(sa, "in", sa.destination, sa.source, more)

    def _sa(self, sa, direction, local, remote, more):
        entry = {"name": sa.name.replace(" ", "-"), "direction": direction, "spi": sa.spi,
                 "local": local, "remote": remote, "algorithm": sa.algorithm.name,
                 "key": sa.key.hex(), "esn": sa.esn}
        if sa.auth_key:
            entry["auth_key"] = sa.auth_key.hex()
        self.settings["sas"].append({**entry, **more})

    def policy(self, name, action, local, remote, **more):
        """more: protocol, local_ports, remote_ports, out_sa, in_sas (names of SAs)."""
        self.settings["policies"].append(
            {"name": name, "action": action, "local": local, "remote": remote, **more})

    def protect(self, name, local, remote, out_sa=None, in_sas=(), **more):
        """out_sa and in_sas are Sa values."""
        if out_sa:
            more["out_sa"] = out_sa.name.replace(" ", "-")
        if in_sas:
            more["in_sas"] = [sa.name.replace(" ", "-") for sa in in_sas]
        self.policy(name, "protect", local, remote, **more)

    def write(self, path):
        """The file holds keys: for our eyes only."""
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="ascii") as file:
            # Empty lists of groups say nothing.
            file.write(render({key: value for key, value in self.settings.items()
                               if value != []}))
