# SPDX-License-Identifier: Apache-2.0
"""Modes that are set: for how long, and for whom."""

from harness import case, contains, equal, refused, worked
from lab import wait_until
from plan import EVIL4, EXAMPLE4
from rig import SERVICE, allow, bus_get, ctl, probe, wait_active

CONF = "[Service]\nMode=audit\n"
PLAIN = {key: value for key, value in allow(EXAMPLE4 + "/32").items() if key != "mode"}  # the mode is the configured one
HELD = allow(EXAMPLE4 + "/32", mode="audit", match={"units": ["held.service"]})
STATE = "/var/lib/cargowall/modes"


def boot(rig):
    return rig.boot(policy=PLAIN, documents={"held": HELD}, conf=CONF)


def verdicts(c):
    """Whether the host and the unit of the document in audit mode are refused."""
    return tuple(probe(c, "tcp EVIL4 7", name=name).facts["tcp EVIL4 7"].get("errno") == "EPERM"
                 for name in ("plain.service", "held.service"))


@case("modes: enforce lifts no scope that its document holds in audit mode, and ends with a stop")
def until_stop(rig):
    c = boot(rig)
    equal(verdicts(c), (False, False), "refused as configured")
    out = ctl(c, "mode", "enforce").out
    contains(out, "enforce until cargowalld is stopped or the machine reboots (--persist keeps it).", "what is said")
    contains(out, "  enforce: host\n", "what is said")
    contains(out, '  audit: held (as documents say; "cargowallctl mode enforce --scope SCOPE" enforces one)', "what is said")
    equal(verdicts(c), (True, False), "refused")
    contains(ctl(c, "status", wanted=3).out, "Mode: audit (set: enforce until stop or reboot; configured: audit)", "status")
    ctl(c, "is-enforcing", "host")
    ctl(c, "is-enforcing", "held", wanted=3)
    c.check("systemctl", "restart", SERVICE)
    equal(verdicts(c), (True, False), "refused after a restart")
    c.check("systemctl", "stop", SERVICE)
    c.check("systemctl", "start", SERVICE)
    wait_active(c)
    equal((verdicts(c), bus_get(c, "Mode")), ((False, False), "configured"), "refused after a stop, mode")


@case("modes: a scope is lifted by name, also after a crash; audit for all is for all")
def by_name(rig):
    c = boot(rig)
    out = ctl(c, "mode", "enforce", "--scope=held").out
    contains(out, "enforce for scope held until", "what is said")
    contains(out, "  enforce: held\n", "what is said")
    equal(verdicts(c), (False, True), "refused")
    pid = c.prop(SERVICE, "MainPID")
    c.check("systemctl", "kill", "--kill-whom=main", "--signal=KILL", SERVICE)
    wait_until(lambda: c.prop(SERVICE, "MainPID") not in ("0", pid), "another process")
    wait_active(c)
    equal(verdicts(c), (False, True), "refused after a crash")
    rows = [line.split() for line in ctl(c, "scopes").out.splitlines()]
    equal([row[:4] for row in rows if row[:1] == ["held"]], [["held", "enforce", "enforce", "audit"]], "scope, mode, set, configured")
    entry = c.wait_journal("CARGOWALL_EVENT=mode_changed")[-1]
    contains(entry["MESSAGE"], "in scope held", "event")
    ctl(c, "mode", "enforce")
    equal(verdicts(c), (True, True), "refused")
    ctl(c, "mode", "audit")
    equal(verdicts(c), (False, False), "refused in audit mode")
    ctl(c, "mode", "enforce", "--scope=nobody", wanted=4)


@case("modes: --persist keeps it over a stop and a reboot, until it is changed")
def persistent(rig):
    c = boot(rig)
    contains(ctl(c, "mode", "enforce", "--persist").out, "enforce until changed; kept over reboots.", "what is said")
    contains(ctl(c, "status", wanted=3).out, "(set: enforce, kept over reboots; configured: audit)", "status")
    ctl(c, "mode", "audit")  # for now
    equal((verdicts(c), bus_get(c, "ModeKept")), ((False, False), False), "refused, kept")
    c.check("systemctl", "stop", SERVICE)
    c.check("systemctl", "start", SERVICE)
    wait_active(c)
    equal((verdicts(c), bus_get(c, "Mode")), ((True, False), "enforce"), "refused after a stop, mode")
    ctl(c, "mode", "configured", "--persist")
    equal(c.path(STATE).exists(), False, "a file that keeps a mode")
    c.check("systemctl", "stop", SERVICE)
    c.check("systemctl", "start", SERVICE)
    wait_active(c)
    equal(verdicts(c), (False, False), "refused as configured")


@case("modes: what cannot be kept is not set, and what somebody else wrote is not taken")
def bad_files(rig):
    c = rig.boot()
    c.check("systemctl", "stop", SERVICE)
    c.put(STATE, "cargowall modes 1\nall off\nend\n", 0o600)  # root's, not the service's
    c.check("systemctl", "start", SERVICE)
    wait_active(c)
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    contains(c.said(), "cannot read the modes that were set from /var/lib/cargowall/modes", "what the service says")
    c.path(STATE).unlink()
    c.check("mount", "-t", "tmpfs", "-o", "size=4k,mode=0750,uid=cargowall,gid=cargowall", "full", "/var/lib/cargowall")
    c.sh("head -c 100000 /dev/zero > /var/lib/cargowall/rest || true")
    r = c.run("cargowallctl", "mode", "audit", "--persist")
    assert r.status != 0, "it was kept"
    contains(r.err, "cannot be kept over reboots, so it was not changed", "what is said")
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    ctl(c, "mode", "audit")
    worked(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
