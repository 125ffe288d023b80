# SPDX-License-Identifier: Apache-2.0
"""What is in force stays in force when a start finds documents with faults; and audit mode loses nothing to them."""

import json

from harness import case, contains, equal, refused, worked
from lab import wait_until
from plan import EVIL4, EXAMPLE4
from rig import POLICY, SERVICE, absent_text, allow, bus_get, ctl, probe, programs, wait_active

FILE = "/etc/cargowall/policy.json"
STATE = "/var/lib/cargowall"
KEPT = STATE + "/last-good"
FAULT = "cargowalld-fault.service"
FAULTY = '{"mode": "enforce", "defaultAction": "deny", "rules": [{"type": "cidr", "value": "nonsense", "action": "allow"}]}'


def is_listed(c):
    return FAULT in c.check("systemctl", "--failed", "--no-legend", "--plain")


def restart_with(c, text=None, change=None):
    """A stop and a start, after which the service has only what is in its state directory."""
    c.check("systemctl", "stop", SERVICE)
    if text is not None:
        c.put(FILE, text)
    if change:
        change()
    c.check("systemctl", "start", SERVICE)
    wait_active(c)


def wait_as_written(c):
    """No command: the service notices it."""
    wait_until(lambda: bus_get(c, "PolicyFault") == "", "the repaired documents to be in force", 15)
    wait_until(lambda: not is_listed(c), "no failed unit")
    absent_text(c.run("cargowallctl", "status").out, "Fault:", "status")


@case("last good: a start whose documents have faults enforces the last good ones, says so, and takes the repaired ones")
def last_good(rig):
    c = rig.boot()
    digest = bus_get(c, "PolicyDigest")
    equal((bus_get(c, "PolicyFault"), is_listed(c)), ("", False), "fault, failed unit")
    restart_with(c, FAULTY)
    r = probe(c, "tcp EVIL4 7", "tcp EXAMPLE4 7", "tcp github.com 7")
    refused(r, "tcp EVIL4 7")
    worked(r, "tcp EXAMPLE4 7", "tcp github.com 7")
    equal(bus_get(c, "PolicyDigest"), digest, "digest")
    for part in ("Fault: the last good policy, in force since 20", "policy.json", "rules[0]", "last-good"):
        contains(ctl(c, "status").out, part, "status")
    contains(c.prop(SERVICE, "StatusText"), "Enforcing the last good policy of 20", "the line of systemctl status")
    ctl(c, "is-enforcing")
    wait_until(lambda: is_listed(c), "the failed unit")
    contains(c.said(FAULT), "the last good policy, in force since", "what the failed unit says")
    contains(c.wait_journal("CARGOWALL_EVENT=policy_rejected")[0]["MESSAGE"], "last good policy", "event")
    ctl(c, "reload", wanted=7)  # still faulty
    contains(bus_get(c, "PolicyFault"), "last good policy", "fault after a reload")

    c.check("systemctl", "kill", "--kill-whom=main", "--signal=KILL", SERVICE)  # and a successor does the same
    wait_active(c)
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")

    c.put(FILE, allow(EVIL4 + "/32"))
    wait_as_written(c)
    r = probe(c, "tcp EVIL4 7", "tcp EXAMPLE4 7")
    worked(r, "tcp EVIL4 7")
    refused(r, "tcp EXAMPLE4 7")
    restart_with(c, FAULTY)  # those are the last good ones now
    worked(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    c.check("systemctl", "stop", SERVICE)
    equal(is_listed(c), False, "failed unit of a service that was stopped")


@case("last good: a first start with faults denies what enforced documents match, and audit mode loses nothing")
def first_start(rig):
    broken = {"rules": [{"type": "cidr", "value": "nonsense", "action": "allow"}]}
    c = rig.boot(policy=allow(mode="audit"), documents={
        "jail": {"match": {"units": ["jail.service"]}, "mode": "enforce", **broken},
        "watched": {"match": {"units": ["watched.service"]}, "mode": "audit", **broken},
        "lost": '{"mode": "enforce", "rules": [',
        "sound": allow(EXAMPLE4 + "/32", match={"units": ["sound.service"]})})
    refused(probe(c, "tcp EXAMPLE4 7", name="jail.service"), "tcp EXAMPLE4 7")
    r = probe(c, "tcp EVIL4 7", "tcp EXAMPLE4 7", name="sound.service")
    refused(r, "tcp EVIL4 7")
    worked(r, "tcp EXAMPLE4 7")
    worked(probe(c, "tcp EVIL4 7", "tcp github.com 7", "tcp evil.example 7", name="watched.service"),
           "tcp EVIL4 7", "tcp github.com 7", "tcp evil.example 7")
    worked(probe(c, "tcp EVIL4 7", "tcp evil.example 7"), "tcp EVIL4 7", "tcp evil.example 7")
    fault = bus_get(c, "PolicyFault")
    contains(fault, "there is no last good policy", "fault")
    contains(fault, "1 of them cannot be read that far and is not enforced", "fault")
    wait_until(lambda: is_listed(c), "the failed unit")
    equal(c.path(KEPT).exists(), False, "kept as the last good ones")
    for name in ("jail", "watched", "lost"):
        c.path(f"/etc/cargowall/policy.d/{name}.json").unlink()
    wait_as_written(c)
    worked(probe(c, "tcp EXAMPLE4 7", name="jail.service"), "tcp EXAMPLE4 7")
    wait_until(c.path(KEPT).exists, "the last good ones")


@case("last good: a first start with documents that cannot be read leaves the machine alone, and is not enforcing")
def unreadable(rig):
    c = rig.boot(policy="{")
    worked(probe(c, "tcp EVIL4 7", "tcp evil.example 7"), "tcp EVIL4 7", "tcp evil.example 7")
    ctl(c, "is-enforcing", wanted=3)
    contains(c.prop(SERVICE, "StatusText"), "Partly off; documents have faults, and there is no last good policy: not enforced", "the line of systemctl status")
    wait_until(lambda: is_listed(c), "the failed unit")
    c.put(FILE, POLICY)
    wait_as_written(c)
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    ctl(c, "is-enforcing")


@case("last good: what somebody changed in the state directory is not taken: what was enforced is denied")
def forged(rig):
    c = rig.boot()
    good = c.path(KEPT).read_bytes()
    owner = c.path(KEPT).stat().st_uid

    def start_with(text, change=None):
        def write():
            c.path(KEPT).write_bytes(text)
            if change:
                change(c.path(KEPT))
        restart_with(c, FAULTY, write)
        return bus_get(c, "PolicyFault"), probe(c, "tcp EXAMPLE4 7").facts["tcp EXAMPLE4 7"]

    for text, change, part in ((good[:-10], None, "cut or changed"),
                               (good.replace(b"github.com", b"gitbub.com"), None, "its digest is wrong"),
                               (good, lambda path: c.check("chown", "root:root", KEPT), "belongs to another user"),
                               (good, lambda path: path.chmod(0o666), "its mode lets other users")):
        fault, fact = start_with(text, change)
        contains(fault, part, "fault")
        equal(fact.get("errno"), "EPERM", f"what only the last good policy allows ({part})")
        c.check("chown", f"{owner}:{owner}", KEPT)
        c.path(KEPT).chmod(0o600)
    fault, fact = start_with(good)
    contains(fault, "the last good policy, in force since", "fault")
    equal(fact.get("value"), "hello", "what the last good policy allows")


@case("last good: a state directory that is full or read-only is reported, and nothing older is taken")
def full(rig):
    c = rig.boot()

    def fill():
        c.check("mount", "-t", "tmpfs", "-o", "size=8k,mode=0750,uid=cargowall,gid=cargowall", "full", STATE)
        c.sh(f"head -c 100000 /dev/zero > {STATE}/rest || true")
    restart_with(c, allow(EVIL4 + "/32"), fill)
    said = c.wait_journal("CARGOWALL_EVENT=state_not_kept")[0]["MESSAGE"]
    contains(said, "no last good policy", "event")
    restart_with(c, FAULTY)
    contains(bus_get(c, "PolicyFault"), "there is no last good policy", "fault")
    refused(probe(c, "tcp EVIL4 7", "tcp EXAMPLE4 7"), "tcp EVIL4 7", "tcp EXAMPLE4 7")
    c.put(FILE, allow(EVIL4 + "/32"))
    wait_as_written(c)
    c.path(STATE)  # the mount is the container's own
    c.sh(f"rm {STATE}/rest")
    wait_until(lambda: c.run("test", "-e", KEPT).status == 0, "the documents to be kept once there is room", 30)
    c.check("mount", "-o", "remount,ro", STATE)
    restart_with(c, POLICY)
    contains(c.said(), "Read-only file system", "what the service says")
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")


@case("last good: a service that cannot start is in the list of failed units, and does not spin")
def cannot_start(rig):
    c = rig.boot(active=False, conf="[Service]\nSurprise=yes\n")
    wait_until(lambda: is_listed(c), "the failed unit", 30)
    contains(c.said(FAULT), "cargowalld.service cannot start", "what the failed unit says")
    equal(programs(c), {}, "programs")
    c.check("touch", "--date=2 minutes ago", "/run/cargowall/fault")

    def restarts():
        return int(c.prop(SERVICE, "NRestarts"))
    begin = restarts()
    wait_until(lambda: restarts() > begin + 1, "another attempt", 60)  # from here, each waits ten seconds
    before = restarts(), float(c.sh("cut -d' ' -f1 /proc/uptime"))
    wait_until(lambda: restarts() >= before[0] + 2, "two more attempts", 60)
    took = float(c.sh("cut -d' ' -f1 /proc/uptime")) - before[1]
    assert took > 10, f"two attempts took {took} s"
    c.path("/etc/cargowall/cargowall.conf.d/50-test.conf").unlink()
    wait_active(c, seconds=30)
    wait_until(lambda: not is_listed(c), "no failed unit")


@case("last good: what came over the bus stays for a restart, and is not kept as the last good")
def over_the_bus(rig):
    c = rig.boot()
    c.put("/root/wide.json", allow(EVIL4 + "/32"))
    ctl(c, "policy", "load", "/root/wide.json")
    worked(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    c.put(FILE, FAULTY)
    c.check("systemctl", "restart", SERVICE)
    wait_active(c)
    worked(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    restart_with(c)
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    contains(json.dumps(bus_get(c, "PolicyFault")), "last good policy", "fault")
