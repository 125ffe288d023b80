# SPDX-License-Identifier: Apache-2.0
"""The service on the bus as administrators and others meet it: cargowallctl, busctl, polkit."""

import hashlib
import json
import xml.etree.ElementTree as ElementTree

from base import ROOT
from harness import case, contains, equal, refused, worked
from lab import wait_until
from plan import EVIL4, JOB
from rig import OTHER, OTHER_ID, SERVICE, allow, bus_get, ctl, main_pid, probe, wait_restarted

RULE = """
polkit.addRule(function (action, subject) {
    if (action.id.indexOf("org.cargowall1.") == 0 && subject.isInGroup("%s"))
        return polkit.Result.YES;
});
""" % JOB


def digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def interface(element):
    """What of an interface is promised, without order and without what is default."""
    def arguments(member):
        return [(a.get("type"), a.get("name"), a.get("direction")) for a in member.findall("arg")]

    def annotations(member):
        defaults = {("org.freedesktop.DBus.Property.EmitsChangedSignal", "true")}
        found = {(a.get("name"), a.get("value")) for a in member.findall("annotation")}
        return sorted(a for a in found - defaults if not a[0].startswith("org.freedesktop.systemd1."))
    members = {("method", m.get("name")): arguments(m) for m in element.findall("method")}
    members |= {("signal", m.get("name")): [a[:2] for a in arguments(m)] for m in element.findall("signal")}
    members |= {("property", m.get("name")): (m.get("type"), m.get("access"), annotations(m))
                for m in element.findall("property")}
    return members


def introspected(c, path, name):
    out = c.check("busctl", "introspect", "--xml-interface", "org.cargowall1", path)
    found = [e for e in ElementTree.fromstring(out).findall("interface") if e.get("name") == name]
    equal(len(found), 1, f"interfaces {name} at {path}")
    return interface(found[0])


def promised(name):
    text = (ROOT / "dbus" / f"{name}.xml").read_text(encoding="utf-8")
    return interface(ElementTree.fromstring(text).find("interface"))


@case("bus: status is readable by everybody, for people and for programs")
def status(rig):
    c = rig.boot()
    for user in (None, JOB):
        r = c.unit("cargowallctl", "status", "--json=short", user=user)
        equal(r.status, 0, f"exit status ({r.err})")
        assert json.loads(r.out), r.out
    out = c.unit("cargowallctl", user=JOB).out
    for part in ("enforce", "host", bus_get(c, "PolicyDigest")[7:17]):
        contains(out, part, "the status")
    ctl(c, "is-enforcing")
    ctl(c, "is-enforcing", "nosuch", wanted=4)


@case("bus: exit statuses without the service, and in audit mode")
def exit_statuses(rig):
    c = rig.boot(policy=allow(mode="audit"))
    ctl(c, "is-enforcing", wanted=3)
    ctl(c, "status", wanted=3)
    ctl(c, "frobnicate", wanted=2)
    c.check("systemctl", "stop", SERVICE)
    c.check("systemctl", "mask", "--runtime", SERVICE)
    ctl(c, "status", wanted=5)


@case("bus: an unprivileged user may not change the mode; a rule for a group lets its members")
def polkit(rig):
    c = rig.boot(prepare=lambda c: c.put("/etc/polkit-1/rules.d/50-test.rules", RULE))
    audit = ("cargowallctl", "mode", "audit", "--no-ask-password")
    r = c.unit(*audit, user=OTHER)
    equal((r.status, bus_get(c, "EffectiveMode")), (6, "enforce"), f"exit status, mode ({r.err})")
    contains(r.err, "nteractive authentication", "the message for the user")
    for argv in (("policy", "load", "/etc/cargowall/policy.json"), ("reload",), ("mode", "off"), ("events",)):
        r = c.unit("cargowallctl", *argv, "--no-ask-password", user=OTHER)
        equal(r.status, 6, f"exit status of {argv} ({r.err})")
    equal(c.unit(*audit, user=JOB).status, 0, "exit status of a member of the group")
    equal(bus_get(c, "EffectiveMode"), "audit", "mode")


@case("bus: the service enforces, and root may command it, where polkit is not there")
def no_polkit(rig):
    c = rig.boot(prepare=lambda c: c.mask("polkit.service"))
    equal(c.unit("cargowallctl", "mode", "audit", "--no-ask-password", user=JOB).status, 6, "exit status for a user")
    equal(bus_get(c, "EffectiveMode"), "enforce", "mode")
    ctl(c, "mode", "audit")
    equal(bus_get(c, "EffectiveMode"), "audit", "mode")


@case("bus: audit lets everything pass at once, configured takes it back, a restart keeps what was set")
def modes(rig):
    c = rig.boot()
    for mode, judge in (("audit", worked), ("enforce", refused), ("off", worked), ("configured", refused)):
        ctl(c, "mode", mode)
        judge(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    ctl(c, "mode", "audit")
    old = main_pid(c)
    c.check("systemctl", "kill", "--signal=KILL", SERVICE)
    wait_restarted(c, old)
    equal(bus_get(c, "EffectiveMode"), "audit", "mode after a crash")
    worked(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")


@case("bus: the interfaces are those of dbus/")
def introspection(rig):
    c = rig.boot()
    equal(introspected(c, "/org/cargowall1", "org.cargowall1.Manager"), promised("org.cargowall1.Manager"), "Manager")
    scope = bus_get(c, "Scopes")[0]
    equal(introspected(c, scope, "org.cargowall1.Scope"), promised("org.cargowall1.Scope"), "Scope")
    c.start_unit("sh", "-c", "cargowallctl job begin --label repository=a/b && sleep 1000", name="job.service")
    job = wait_until(lambda: bus_get(c, "Jobs"), "the job on the bus", 20)[0]
    equal(introspected(c, job, "org.cargowall1.Job"), promised("org.cargowall1.Job"), "Job")


@case("bus: a bad policy is refused with its fault, and the old one stays")
def bad_policy(rig):
    c = rig.boot()
    before = bus_get(c, "PolicyDigest")
    equal(before, digest(c.get("/etc/cargowall/policy.json")), "digest: sha256sum agrees")
    bad = b'{"defaultAction": "deny", "rules": [{"type": "cidr", "value": "x"}]}'
    r = ctl(c, "policy", "load", "-", data=bad, wanted=7)
    contains(r.err, "rules[0]", "what is said of the fault")
    equal(bus_get(c, "PolicyDigest"), before, "digest")
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")


@case("bus: a policy loaded over the bus is in force at once, until the next reload")
def load_policy(rig):
    c = rig.boot()
    before = bus_get(c, "PolicyDigest")
    text = json.dumps(allow(EVIL4 + "/32"))
    ctl(c, "policy", "load", "-", data=text.encode())
    equal(bus_get(c, "PolicyDigest"), digest(text), "digest")
    worked(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    refused(probe(c, "tcp EXAMPLE4 7"), "tcp EXAMPLE4 7")
    ctl(c, "reload")
    equal(bus_get(c, "PolicyDigest"), before, "digest after the reload")
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")


@case("bus: explain agrees with what then happens")
def explain(rig):
    c = rig.boot()
    contains(ctl(c, "explain", "github.com:443").out, "allow", "explanation")
    contains(ctl(c, "explain", EVIL4 + ":7", wanted=1).out, "denied", "explanation")


@case("bus: each privileged call is in the journal, with its caller and result")
def journalled(rig):
    c = rig.boot()
    c.unit("cargowallctl", "mode", "audit", "--no-ask-password", user=OTHER, name="nosy.service")
    ctl(c, "mode", "audit")
    entries = c.wait_journal("CARGOWALL_EVENT=privileged_call", "CARGOWALL_UID=0")
    contains(entries[0]["MESSAGE"], "set-mode", "entry of root's call")
    denied = c.wait_journal("CARGOWALL_EVENT=privileged_call", "CARGOWALL_UID=64124")[0]
    contains(denied["MESSAGE"], "denied", "entry of the other's call")
    equal(denied.get("CARGOWALL_UNIT"), "nosy.service", "unit of the caller")
    equal(len(c.journal("CARGOWALL_EVENT=mode_changed")), 1, "changes of the mode")


@case("bus: only those who may view a unit's events can ask what it may reach, and each refusal is recorded")
def explain_others(rig):
    secret = allow("203.0.113.21/32", match={"units": ["secret.service"]})
    c = rig.boot(documents={"secret": secret})

    def ask(destination, scope, name):
        return c.unit("cargowallctl", "explain", destination, f"--scope={scope}", "--no-ask-password", user=OTHER,
                      name=name)
    r = ask("203.0.113.21:443", "secret", "nosy.service")
    equal(r.status, 6, f"exit status ({r.out}{r.err})")
    denied = c.wait_journal("CARGOWALL_EVENT=privileged_call", f"CARGOWALL_UID={OTHER_ID}")[0]
    contains(denied["MESSAGE"], "view-events", "the entry")
    equal(denied.get("CARGOWALL_UNIT"), "nosy.service", "unit of the caller")
    contains(ask("203.0.113.21:443", "secret", "secret.service").out, "allow", "its own policy")
    equal(ask(EVIL4 + ":7", "host", "plain.service").status, 1, "exit status for the caller's own scope")
    contains(ctl(c, "explain", "--scope=secret", "203.0.113.21:443").out, "allow", "root's answer")


HOLD_NAME = """
import ctypes, time
lib = ctypes.CDLL("libsystemd.so.0")
bus = ctypes.c_void_p()
assert lib.sd_bus_open_system(ctypes.byref(bus)) >= 0
while lib.sd_bus_request_name(bus, b"org.cargowall1", ctypes.c_uint64(0)) < 0:
    time.sleep(0.05)
open("/run/held", "w").close()
time.sleep(1000)
"""

ROOT_OWNS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><policy user="root"><allow own="org.cargowall1"/></policy></busconfig>
"""


@case("bus: the service logs that its bus name is taken, and acquires it once it is free")
def name_taken(rig):
    c = rig.boot(prepare=lambda c: c.put("/etc/dbus-1/system.d/owner.conf", ROOT_OWNS))
    c.check("systemctl", "stop", SERVICE)
    c.start_unit("python3", "-c", HOLD_NAME, name="holder.service")
    c.sh("until test -e /run/held; do sleep 0.1; done")
    c.check("systemctl", "start", SERVICE)
    wait_until(lambda: "cannot acquire bus name org.cargowall1" in c.said(), "what the journal says")
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    c.check("systemctl", "stop", "holder.service")
    wait_until(lambda: "acquired bus name org.cargowall1" in c.said().split("cannot acquire", 1)[1], "the name", 100)
    ctl(c, "is-enforcing")
