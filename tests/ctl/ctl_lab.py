# SPDX-License-Identifier: Apache-2.0
"""A fake service (fake_service.py) on a bus of its own, and the program that asks it: for test_ctl.py."""

import hashlib
import json
import os
import pathlib
import pty
import re
import select
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = os.environ.get("CARGOWALLCTL", "cargowallctl")
PYTHON = "/usr/bin/python3"  # the one that Debian's python3-dbus belongs to
LIMIT = 60
PATH = "/org/cargowall1"
HOSTILE = "evil\x1b[31m\u202e\u009b2J"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
POLICY = '{ "defaultAction": "deny", "mode": "enforce",\n  "rules": [ { "type": "hostname", "value": "github.com",' \
         ' "action": "allow", "ports": [443] } ] }\n'
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
<allow user="*"/></policy></busconfig>
"""
CASES = []


def case(title):
    def register(function):
        CASES.append((title, function))
        return function
    return register


def equal(got, wanted, what):
    assert got == wanted, f"{what}: wanted {wanted!r}, got {got!r}"


def contains(text, *parts):
    for part in parts:
        assert part in text, f"wanted {part!r} in {text!r}"


def event(sequence, **fields):
    base = {"timestamp": f"2026-11-22T03:12:{sequence % 60:02}.000000Z", "schema_version": 1, "sequence": sequence,
            "event_type": "connection_blocked", "verdict": "deny", "blocked": True, "would_deny": False,
            "mode": "enforce", "reason": "default", "dst_ip": "203.0.113.66", "dst_hostname": "evil.example",
            "dst_port": 443, "protocol": "TCP", "process": "curl", "pid": 123, "unit": "runner.service"}
    return base | fields


def scenario(**changes):
    hooks = ["connect4", "egress"]
    base = {
        "manager": {"Version": "9.9", "Mode": "configured", "ConfiguredMode": "enforce", "EffectiveMode": "enforce",
                    "Enforcing": True, "PolicyDigest": "sha256:" + hashlib.sha256(POLICY.encode()).hexdigest(),
                    "PolicySource": "/etc/cargowall/policy.json", "RuleCount": 1, "DNSWiring": "bpf+resolved",
                    "Upstreams": ["192.0.2.53:53"], "RequiredHooks": hooks, "AchievedHooks": hooks,
                    "StartTimestamp": 1795000000000000, "StartTimestampMonotonic": 5000000,
                    "ConnectionsAllowed": 12, "ConnectionsDenied": 3, "ConnectionsWouldDeny": 5, "QueriesAllowed": 40,
                    "QueriesDenied": 2, "QueriesWouldDeny": 9, "EventsLost": 0},
        "objects": {
            PATH + "/scope/host": ["org.cargowall1.Scope", {
                "Name": "host", "Mode": "enforce", "ModeSetting": "configured", "ConfiguredMode": "enforce", "PolicyDigest": "sha256:aa", "RuleCount": 1,
                "PolicySource": "/etc/cargowall/policy.json", "ControlGroups": ["/"]}],
            PATH + "/scope/runners": ["org.cargowall1.Scope", {
                "Name": "runners", "Mode": "audit", "ModeSetting": "audit", "ConfiguredMode": "enforce", "PolicyDigest": "sha256:bb", "RuleCount": 4,
                "PolicySource": "/etc/cargowall/policy.d/runners.json",
                "ControlGroups": ["/system.slice/a.service", "/system.slice/b.service"]}],
            PATH + "/job/7": ["org.cargowall1.Job", {
                "Labels": {"repository": "acme/app", "workflow": "ci", "job": "build"}, "Unit": "runner.service",
                "StartTimestamp": 1795000001000000, "ConnectionsAllowed": 5, "ConnectionsDenied": 1}]},
        "digest": "sha256:cc", "policy": POLICY, "faults": [], "log_level": "info",
        "explain": ["deny", "", {"text": "evil.example:443/tcp is denied: no rule allows it", "reason": "default",
                                 "action": "deny", "mode": "enforce", "name_refused": True}],
        "events": [], "dns": {"queries": 42, "cache_hits": 7},
        "leases": [["host", "192.0.2.80", "github.com", 90000000]],
        "summary": {"unit": "runner.service", "labels": {"job": "build"}, "start_usec": 1795000001000000,
                    "connections_allowed": 5, "connections_denied": 1},
    }
    for key, value in changes.items():
        base[key] = base[key] | value if isinstance(base.get(key), dict) else value
        if isinstance(base[key], dict):
            base[key] = {k: v for k, v in base[key].items() if v is not None}  # None: it has none
    return base


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def json(self):
        return json.loads(self.out)


class Lab:
    def __init__(self, folder):
        self.folder = folder
        self.log, self.scenario_file = folder / "log", folder / "scenario"
        self.service = self.bus = None
        self.address = f"unix:path={folder}/bus"

    def start_bus(self):
        config = self.folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(self.folder / "bus"))
        with open(self.folder / "bus.log", "w", encoding="utf-8") as log:
            self.bus = subprocess.Popen(["dbus-daemon", "--nofork", "--print-address", f"--config-file={config}"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.bus.stdout.readline(), (self.folder / "bus.log").read_text()

    def start_service(self):
        self.service = subprocess.Popen([PYTHON, str(HERE / "fake_service.py"), str(self.scenario_file), str(self.log)],
                                        env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        text=True)
        equal(self.service.stdout.readline(), "ready\n", "first line of the fake service")

    def stop_service(self):
        if self.service:
            self.service.terminate()
            self.service.wait(LIMIT)
            self.service.stdout.close()
            self.service = None

    def close(self):
        self.stop_service()
        if self.bus:
            self.bus.terminate()
            self.bus.wait(LIMIT)
            self.bus.stdout.close()

    def environment(self, **changes):
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS")}
        return keep | {"DBUS_SYSTEM_BUS_ADDRESS": self.address, "TZ": "UTC", "LC_ALL": "C.UTF-8",
                       "TERM": "xterm"} | changes

    def set(self, **changes):
        """Another scenario, whole at once: the service may be reading."""
        new = self.scenario_file.with_suffix(".new")
        new.write_text(json.dumps(scenario(**changes)))
        new.replace(self.scenario_file)
        self.log.write_text("")

    def calls(self, member):
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["member"] == member]

    def run(self, *args, stdin="", **env):
        done = subprocess.run([PROGRAM, *args], env=self.environment(**env), input=stdin.encode(), capture_output=True,
                              timeout=LIMIT, check=False)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *args):
        return subprocess.Popen([PROGRAM, *args], env=self.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def on_terminal(self, *args, **env):
        """stdout is a terminal; stdin is none, so that nobody is asked for a password."""
        leader, follower = pty.openpty()
        process = subprocess.Popen([PROGRAM, *args], env=self.environment(**env), stdin=subprocess.DEVNULL,
                                   stdout=follower, stderr=subprocess.PIPE)
        os.close(follower)
        text = b""
        while True:
            assert select.select([leader], [], [], LIMIT)[0], "no output, no end"
            try:
                more = os.read(leader, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not more:
                break
            text += more
        os.close(leader)
        err = process.stderr.read().decode()
        process.stderr.close()
        return Result(process.wait(LIMIT), text.decode().replace("\r\n", "\n"), err)


def wait_until(condition, what):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f"{what} never came"
        time.sleep(0.02)


# -- state
