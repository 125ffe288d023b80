# SPDX-License-Identifier: Apache-2.0
"""Another policy while the machine works."""

import hashlib
import json

from harness import case, contains, equal, refused, worked
from lab import wait_until
from plan import EVIL4, EXAMPLE4, JOB
from rig import POLICY, SERVICE, Sender, allow, bus_get, ctl, probe

FILE = "/etc/cargowall/policy.json"


def large(n=10000):
    rules = [{"type": "cidr", "value": f"10.{i >> 8 & 255}.{i & 255}.0/24", "ports": [1000 + i % 7], "action": "allow"}
             for i in range(n)]
    return {**POLICY, "rules": POLICY["rules"] + rules}


def put(c, policy):
    """Writes the host policy and returns the digest it has."""
    text = policy if isinstance(policy, str) else json.dumps(policy)
    c.put(FILE, text)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def reload(c, digest):
    c.check("systemctl", "reload", SERVICE)
    wait_until(lambda: bus_get(c, "PolicyDigest") == digest, "the policy to be in force")


@case("policy: reloads under load: 10,000 CIDRs back and forth, ten times")
def reload_under_load(rig):
    c = rig.boot()
    sender = Sender(c, rig)
    for n in range(10):
        policy = large() if n % 2 == 0 else POLICY
        reload(c, put(c, policy))
        equal(bus_get(c, "RuleCount"), len(policy["rules"]), "rules")
        sender.advance(rounds=5, answers=2)
    sender.unbroken()


@case("policy: a reload takes back what was allowed and opens what was not, for processes that run")
def reload_takes_effect(rig):
    c = rig.boot()
    held = c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit=held.service",
                   "--setenv=PYTHONPATH=/usr/local/lib/rig", *rig.lab.python("""
                       report(example1=attempt(tcp, EXAMPLE4, 7), evil1=attempt(tcp, EVIL4, 7))
                       input()
                       report(example2=attempt(tcp, EXAMPLE4, 7), evil2=attempt(tcp, EVIL4, 7))"""))
    try:
        contains(held.read_line().decode(), "EPERM", "the first report")
        reload(c, put(c, allow(EVIL4 + "/32")))
        r = held.finish(b"\n")
    finally:
        held.process.kill()
    worked(r, "evil2")
    refused(r, "example2")


@case("policy: a bad file at a reload: the old policy stays, an error says what and where")
def bad_reload(rig):
    c = rig.boot()
    before = bus_get(c, "PolicyDigest")
    c.put(FILE, '{"defaultAction": "deny",\n "rules": [{"type": "cidr", "value": "nonsense", "action": "allow"}]}\n')
    assert c.systemctl("reload", SERVICE).status != 0, "systemctl reload succeeded"
    entry = c.wait_journal("CARGOWALL_EVENT=policy_rejected")[0]
    contains(entry["MESSAGE"], "policy.json", "entry")
    contains(entry["MESSAGE"], "rules[0]", "entry")
    equal(int(entry["PRIORITY"]) <= 3, True, f"an error by its priority ({entry['PRIORITY']})")
    ctl(c, "reload", wanted=7)
    equal((bus_get(c, "PolicyDigest"), c.prop(SERVICE, "ActiveState")), (before, "active"), "digest, state")
    r = probe(c, "tcp EVIL4 7", "tcp EXAMPLE4 7", user=JOB)
    refused(r, "tcp EVIL4 7")
    worked(r, "tcp EXAMPLE4 7")


@case("policy: one bad document of several: none is changed")
def all_or_nothing(rig):
    c = rig.boot()
    put(c, allow(EVIL4 + "/32"))
    c.put("/etc/cargowall/policy.d/x.json", '{"match": {"units": ["x.service"]}, "surprise": 1}')
    ctl(c, "reload", wanted=7)
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    equal(bus_get(c, "Scopes"), ["/org/cargowall1/scope/host"], "scopes")


@case("policy: a document that comes or goes is in force after a reload")
def documents(rig):
    c = rig.boot()
    c.put("/etc/cargowall/policy.d/x.json", allow(EVIL4 + "/32", match={"units": ["x.service"]}))
    ctl(c, "reload")
    r = probe(c, "tcp EVIL4 7", "tcp EXAMPLE4 7", name="x.service")
    worked(r, "tcp EVIL4 7")
    refused(r, "tcp EXAMPLE4 7")
    c.path("/etc/cargowall/policy.d/x.json").unlink()
    ctl(c, "reload")
    refused(probe(c, "tcp EVIL4 7", name="x.service"), "tcp EVIL4 7")


@case("policy: the file is edited while the service is down: the new one is in force from the start")
def changed_while_down(rig):
    c = rig.boot()
    c.check("systemctl", "stop", SERVICE)
    digest = put(c, allow(EVIL4 + "/32"))
    c.check("systemctl", "start", SERVICE)
    equal(bus_get(c, "PolicyDigest"), digest, "digest")
    r = probe(c, "tcp EVIL4 7", f"tcp {EXAMPLE4} 7")
    worked(r, "tcp EVIL4 7")
    refused(r, f"tcp {EXAMPLE4} 7")


@case("policy: a bad file at a restart after a crash: what was in force stays in force")
def bad_after_crash(rig):
    c = rig.boot()
    sender = Sender(c, rig)
    c.put(FILE, "{")
    c.check("systemctl", "kill", "--kill-whom=main", "--signal=KILL", SERVICE)
    c.wait_journal(f"_SYSTEMD_UNIT={SERVICE}", "PRIORITY=3")
    before = sender.counts()
    wait_until(lambda: sender.counts()["rounds"] >= before["rounds"] + 20, "the sender to continue")
    counts = sender.stop()
    equal((counts["denied_passed"], counts["allowed_refused"]), (0, 0), f"passed, refused ({counts})")
    equal(rig.packets(EVIL4), 0, "packets")
