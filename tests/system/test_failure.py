# SPDX-License-Identifier: Apache-2.0
"""What cannot work does not start, and says why in one line. Documents with faults: see also test_last_good.py."""

import os

from harness import Skip, case, contains, equal, worked
from plan import EVIL4, EXAMPLE4
from rig import SERVICE, allow, bus_get, errors_by_start, probe, programs, wait_active

HOST = "/etc/cargowall/policy.json"


def fails_with(rig, *parts, **options):
    """Boots a machine whose service cannot start; the one line has these parts. What was judged by nobody is open, and
    the machine is there to be repaired."""
    c = rig.boot(active=False, **options)
    line = errors_by_start(c)[0]
    for part in parts:
        contains(line, part, "the line")
    equal(programs(c), {}, "programs")
    return c


def left_alone_with(rig, *parts, **options):
    """Boots a machine with documents from which nothing can be enforced: the service says why, and nothing is refused."""
    c = rig.boot(**options)
    fault = bus_get(c, "PolicyFault")
    for part in parts:
        contains(fault, part, "the fault")
        contains(c.said(), part, "what the service says")
    worked(probe(c, "tcp EVIL4 7", "tcp evil.example 7"), "tcp EVIL4 7", "tcp evil.example 7")
    return c


@case("failure: no policy at all; with one, the next attempt works")
def no_policy(rig):
    c = fails_with(rig, HOST, policy=False)
    c.put(HOST, allow(EXAMPLE4 + "/32"))
    c.systemctl("reset-failed", SERVICE)
    c.systemctl("start", SERVICE)
    wait_active(c)
    worked(probe(c, "tcp EXAMPLE4 7"), "tcp EXAMPLE4 7")


@case("failure: a policy that the service may not read")
def unreadable(rig):
    def prepare(c):
        os.chmod(c.path(HOST), 0)
        os.chown(c.path(HOST), 0, 0)
    left_alone_with(rig, HOST, "ermission denied", prepare=prepare)


@case("failure: a policy that is no regular file")
def not_a_file(rig):
    def prepare(c):
        c.path(HOST).unlink()
        os.mkfifo(c.path(HOST), 0o644)
    left_alone_with(rig, HOST, prepare=prepare)


@case("failure: a policy with faults, in audit mode")
def bad_policy(rig):
    left_alone_with(rig, HOST, "rules[0]", policy={
        "mode": "audit", "defaultAction": "deny", "rules": [{"type": "cidr", "value": "x", "action": "deny"}]})


@case("failure: a document without match")
def no_match(rig):
    left_alone_with(rig, "policy.d/a.json", "match", policy=False, documents={"a": allow(EXAMPLE4 + "/32")})


@case("failure: a host policy with a match")
def misplaced_match(rig):
    left_alone_with(rig, HOST, "match", policy=allow(EXAMPLE4 + "/32", match={"units": ["a.service"]}))


@case("failure: a key of the configuration that nobody knows, with file and line")
def bad_configuration(rig):
    fails_with(rig, "50-test.conf", "2", "Surprise", conf="[Service]\nSurprise=yes\n")


@case("failure: the bus is not there: the service starts and enforces without it")
def no_bus(rig):
    def prepare(c):
        for unit in ("dbus.service", "dbus.socket", "systemd-logind.service"):
            c.mask(unit)
    c = rig.boot(policy=allow(EXAMPLE4 + "/32"), prepare=prepare)
    # systemctl talks to systemd by its private socket; systemd-run would need the bus
    r = c.run("env", *rig.lab.python("report(denied=attempt(tcp, EVIL4, 7), allowed=attempt(tcp, EXAMPLE4, 7))"))
    equal((r.facts["denied"].get("errno"), r.facts["allowed"].get("value")), ("EPERM", "hello"), "verdicts")
    equal(rig.packets(EVIL4), 0, "packets")


@case("failure: a machine without cgroup2")
def no_cgroup2(rig):
    raise Skip("the containers of the rig have cgroup2; the unit test of host/cgroup covers its absence")


@case("failure: the kernel refuses the programs: a failed start, not a service that lets everything pass")
def no_bpf(rig):
    c = fails_with(rig, prepare=lambda c: c.put(
        f"/etc/systemd/system/{SERVICE}.d/deny.conf", "[Service]\nCapabilityBoundingSet=\nAmbientCapabilities=\n"))
    assert c.prop(SERVICE, "ActiveState") != "active", "the service is active without its programs"
