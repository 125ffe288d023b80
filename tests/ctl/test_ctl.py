#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cargowallctl against a service that is a fake (fake_service.py), on a bus of its own. TAP.

CARGOWALLCTL is the program. Needs dbus-daemon, python3-dbus and python3-gi; skips with the reason when one is missing.
"""

import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True

from ctl_lab import (case, CASES, contains, equal, event, HOSTILE, Lab, LIMIT, PATH, POLICY, PROGRAM, PYTHON, RAW, Result,
                     scenario, wait_until)  # noqa: E402


@case("status shows what is in force, and 0 means enforcing")
def _(lab):
    got = lab.run("status")
    equal(got.status, 0, "exit status")
    equal(got.err, "", "stderr")
    contains(got.out, "● cargowalld 9.9", "Mode: enforce (configured: enforce)\n",
             "Effect: refused in: host; only reported in: runners\n", "Policy: 2 documents with 5 rules: see below\n",
             "Hooks: 2 attached, 2 required\n",
             "Families: others than IP are not refused: see \"cargowallctl check\"\n",
             "DNS: bpf+resolved, upstream 192.0.2.53:53", "Connections: 12 allowed, 3 denied, 5 would be denied\n",
             "Queries: 40 allowed, 2 denied, 9 would be denied\n", "Events lost: 0", "Since: 2026-11-18 11:06:40 UTC",
             "/etc/cargowall/policy.d/runners.json", "2 scopes listed.")
    equal(lab.run().out.split("Since")[0], got.out.split("Since")[0], "status as the default verb")
    lab.set(manager={"AchievedHooks": ["connect4", "egress", "socket_create"]})
    contains(lab.run("status").out, "Hooks: 3 attached, 2 required\n", "Families: others than IP are refused in units\n",
             "Names: units reach sockets of name services: see \"cargowallctl check\"\n")
    lab.set(manager={"AchievedHooks": ["connect4", "egress", "connect_unix"]})
    contains(lab.run("status").out, "Names: sockets of name services are closed to units\n")
    lab.set(manager={"AchievedHooks": ["connect4", "egress", "backstop"]})
    contains(lab.run("status").out, "Families: others than IP are dropped at network devices: see \"cargowallctl check\"\n")


def scope(name, mode, rules=1, source=None, **changes):
    return ["org.cargowall1.Scope", {
        "Name": name, "Mode": mode, "ModeSetting": "configured", "ConfiguredMode": mode, "ControlGroups": ["/"],
        "PolicyDigest": "sha256:" + hashlib.sha256(name.encode()).hexdigest(), "RuleCount": rules,
        "PolicySource": source or f"/etc/cargowall/policy.d/{name}.json"} | changes]


def set_scopes(lab, *scopes, **manager):
    """As the service describes these scopes."""
    lab.set(objects={PATH + "/scope/runners": None, PATH + "/scope/host": None, PATH + "/job/7": None} |
            {PATH + "/scope/" + s[1]["Name"]: s for s in scopes}, manager=manager)


HOST = {"source": "/etc/cargowall/policy.json"}
AUDIT = {"EffectiveMode": "audit", "ConfiguredMode": "audit", "Enforcing": False}


@case("status: what the modes do, in words: as installed, in audit, off, and for single scopes")
def _(lab):
    set_scopes(lab, scope("host", "audit", 0, **HOST), **AUDIT, RuleCount=0)
    contains(lab.run("status").out, "Mode: audit (configured: audit)\n",
             "Effect: as installed: nothing is refused; what the policy denies is reported\n", "Policy: /etc/cargowall/policy.json\n")
    set_scopes(lab, scope("host", "audit", 3, **HOST), **AUDIT)
    contains(lab.run("status").out, "Effect: nothing is refused; what the policy denies is reported\n")
    set_scopes(lab, scope("host", "enforce", 3, **HOST))
    contains(lab.run("status").out, "Effect: what the policy denies is refused\n")
    none = scope("host", "off", 0, source="none", PolicyDigest="")
    set_scopes(lab, none, scope("ci", "enforce"), scope("lab", "audit"), **AUDIT)
    contains(lab.run("status").out, "Mode: audit (configured: audit), not enforcing everywhere\n",
             "Effect: refused in: ci; only reported in: lab; not judged: host\n", "Policy: 2 documents with 2 rules: see below\n")
    set_scopes(lab, none, scope("ci", "enforce"))
    got = lab.run("status")
    equal(got.status, 0, "exit status: all documents are enforced")
    contains(got.out, "Effect: refused in: ci; not judged: host\n")
    equal(lab.run("status", "host").status, 3, "exit status of a host that is off")
    set_scopes(lab, none, scope("ci", "off"), EffectiveMode="off", Enforcing=False)
    contains(lab.run("status").out, "Effect: refused in: no scope; not judged: ci, host\n")
    lab.set(manager={"AchievedHooks": ["connect4"], "Enforcing": False})
    contains(lab.run("status").out, "Effect: hooks are missing, so what the policy denies may pass: see Hooks\n")


@case("status: rules and digest of each document, and counters of a service that counts audit among the denials")
def _(lab):
    set_scopes(lab, scope("host", "enforce", 3, **HOST), scope("ci", "audit", 7))
    rows = {line.split()[0]: line.split() for line in lab.run("status", "--full").out.splitlines() if line.strip()}
    for name, rules in (("host", "3"), ("ci", "7")):
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        equal(rows[name][-4:-1], [rules, digest, "1"], f"rules, digest and cgroups of {name}")
    lab.set(manager={"ConnectionsWouldDeny": None, "QueriesWouldDeny": None})  # an older one
    contains(lab.run("status").out, "Connections: 12 allowed, 3 denied\n", "Queries: 40 allowed, 2 denied\n")


@case("status shows a fault of the policy, also of a service that has no such property")
def _(lab):
    assert "Fault" not in lab.run("status").out, "a fault"
    lab.set(manager={"PolicyFault": ""})
    assert "Fault" not in lab.run("status").out, "a fault"
    lab.set(manager={"PolicyFault": "the last good policy is enforced: a.json: no\x1b[31m"})
    contains(lab.run("status").out, "Fault: the last good policy is enforced: a.json: no\\x1b[31m\n")


@case("status: 3 in audit mode and when a hook is missing")
def _(lab):
    lab.set(manager={"Mode": "audit", "EffectiveMode": "audit", "Enforcing": False})
    got = lab.run("status")
    equal(got.status, 3, "exit status")
    contains(got.out, "Mode: audit (set: audit until stop or reboot; configured: enforce), not enforcing everywhere")
    lab.set(manager={"AchievedHooks": ["connect4"], "Enforcing": False})
    got = lab.run("status")
    equal(got.status, 3, "exit status")
    contains(got.out, "1 attached, 2 required, missing: egress")
    lab.set(manager={"AchievedHooks": ["connect4"]})  # a service that contradicts itself
    equal((lab.run("status").status, lab.run("is-enforcing").status), (3, 3), "exit status")


@case("status SCOPE: its mode decides; an unknown one is 4")
def _(lab):
    got = lab.run("status", "runners")
    equal(got.status, 3, "exit status")
    contains(got.out, "● runners - scope", "Mode: audit", "CGroups: /system.slice/a.service\n",
             "\n              /system.slice/b.service\n")
    equal(lab.run("status", "--scope=host").status, 0, "exit status")
    got = lab.run("status", "nowhere")
    equal((got.status, got.out), (4, ""), "status and stdout")
    contains(got.err, "no such scope: nowhere")
    lab.set(manager={"AchievedHooks": []})
    equal(lab.run("status", "host").status, 3, "exit status without hooks")


@case("is-enforcing: 0, 3 and 4; --quiet prints nothing")
def _(lab):
    got = lab.run("is-enforcing")
    equal((got.status, got.out), (0, "enforcing\n"), "result")
    equal(lab.run("is-enforcing", "runners").status, 3, "audit scope")
    equal(lab.run("is-enforcing", "nowhere").status, 4, "unknown scope")
    lab.set(manager={"Enforcing": False})
    got = lab.run("is-enforcing")
    equal((got.status, got.out), (3, "not enforcing\n"), "result")
    got = lab.run("is-enforcing", "--quiet")
    equal((got.status, got.out, got.err), (3, "", ""), "quiet result")


@case("is-enforcing --wait ends as soon as it is so")
def _(lab):
    lab.set(manager={"Enforcing": False})
    process = lab.start("is-enforcing", "--wait=600")
    wait_until(lambda: len(lab.calls("GetAll")) >= 2, "a second question")
    lab.set()
    out, err = process.communicate(timeout=LIMIT)
    equal((process.returncode, out, err), (0, "enforcing\n", ""), "result")


@case("is-enforcing --wait waits for a service that is not there yet")
def _(lab):
    lab.stop_service()
    equal(lab.run("is-enforcing", "--wait=0").status, 5, "without a service")
    process = lab.start("is-enforcing", "--wait=600")
    lab.start_service()
    out, err = process.communicate(timeout=LIMIT)
    equal((process.returncode, out, err), (0, "enforcing\n", ""), "result")


@case("scopes, with and without legend")
def _(lab):
    got = lab.run("scopes")
    equal(got.out, "SCOPE    MODE     SET    CONFIGURED  RULES  DIGEST  CGROUPS  SOURCE\n"
                   "host     enforce  -      enforce     1      aa      1        /etc/cargowall/policy.json\n"
                   "runners  audit    audit  enforce     4      bb      2        /etc/cargowall/policy.d/runners.json\n"
                   "\n2 scopes listed.\n", "table")
    equal(len(lab.run("scopes", "--no-legend").out.splitlines()), 2, "lines without legend")


@case("dns: counters, and leases for whom polkit lets")
def _(lab):
    got = lab.run("dns")
    equal(got.status, 0, "exit status")
    contains(got.out, "Queries", "42", "Cache hits", "192.0.2.53:53", "github.com", "1min 30s", "1 lease listed.")
    equal(lab.run("dns", "--scope=host").status, 0, "exit status")
    equal([c["scope"] for c in lab.calls("ListLeases")], ["", "host"], "scopes asked for")
    lab.set(errors={"ListLeases": ["org.freedesktop.DBus.Error.AccessDenied", "No."]})
    got = lab.run("dns")
    equal(got.status, 6, "exit status")
    contains(got.out, "Cache hits")
    equal(lab.run("dns", "--json=short").out, "", "JSON without leases")


# -- what changes something

@case("mode: shown, set with the interactive flag, never starting the service")
def _(lab):
    contains(lab.run("mode").out, "Effective: enforce\n", "Set: configured\n", "Configured: enforce\n")
    got = lab.run("mode", "audit")
    equal((got.status, got.err), (0, ""), "result")
    equal(got.out, "audit until cargowalld is stopped or the machine reboots (--persist keeps it).\n"
                   "  enforce: host\n  audit: runners\n", "for how long and for whom")
    equal(lab.run("--no-ask-password", "mode", "off", "-q").out, "", "output with -q")
    equal([(c["mode"], c["flags"], c["interactive"], c["auto_start"]) for c in lab.calls("SetMode")],
          [("audit", 0, True, False), ("off", 0, False, False)], "calls")
    equal(lab.run("mode", "permissive").status, 2, "an unknown mode")


@case("mode: one scope by name, kept over reboots, and what a document holds in audit mode")
def _(lab):
    lab.set(manager={"ModeKept": True})
    got = lab.run("mode", "enforce", "--scope=runners", "--persist")
    contains(got.out, "enforce for scope runners until changed; kept over reboots.\n")
    equal([(c["scope"], c["mode"], c["flags"]) for c in lab.calls("SetScopeMode")], [("runners", "enforce", 1)], "calls")
    objects = scenario()["objects"]
    objects[PATH + "/scope/runners"][1] |= {"ModeSetting": "configured", "ConfiguredMode": "audit"}
    lab.set(manager={"ModeKept": False}, objects=objects)
    got = lab.run("mode", "enforce")
    contains(got.out, "enforce until cargowalld is stopped or the machine reboots (--persist keeps it).\n",
             "  audit: runners (as documents say; \"cargowallctl mode enforce --scope SCOPE\" enforces one)\n")
    for argv in (["mode", "--persist"], ["mode", "--scope=host"], ["reload", "--persist"]):
        equal(lab.run(*argv).status, 2, f"exit status of {argv}")


@case("reload, dns flush and log-level")
def _(lab):
    got = lab.run("dns", "flush")
    equal((got.status, got.out, got.err), (0, "", ""), "result of dns flush")
    equal(len(lab.calls("FlushDNSCache")), 1, "calls")
    equal(lab.run("dns", "flush", "--scope=ci").status, 2, "exit status with an option of dns")
    equal(lab.run("reload").status, 0, "exit status")
    equal(len(lab.calls("Reload")), 1, "calls")
    equal(lab.run("log-level").out, "info\n", "level")
    equal(lab.run("log-level", "debug").status, 0, "exit status")
    equal([(c["name"], c["value"]) for c in lab.calls("Set")], [("LogLevel", "debug")], "calls")
    equal(lab.run("log-level", "loud").status, 2, "an unknown level")


@case("each error of the bus has its exit status and one line that says what to do")
def _(lab):
    cases = [
        ("org.cargowall1.Error.InvalidPolicy", 7, ""),
        ("org.cargowall1.Error.NoSuchScope", 4, ""),
        ("org.cargowall1.Error.NoSuchJob", 4, ""),
        ("org.freedesktop.DBus.Error.AccessDenied", 6, "use sudo"),
        ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", 6, "polkit"),
        ("org.freedesktop.DBus.Error.NoReply", 5, "systemctl"),
        ("org.freedesktop.DBus.Error.LimitsExceeded", 8, ""),
        ("org.cargowall1.Error.AlreadyActive", 1, ""),
        ("org.freedesktop.DBus.Error.Failed", 1, ""),
    ]
    for name, status, advice in cases:
        lab.set(errors={"Reload": [name, HOSTILE]})
        got = lab.run("reload")
        equal((got.status, got.out), (status, ""), f"result of {name}")
        equal(len(got.err.splitlines()), 1, f"lines for {name}")
        contains(got.err, "cargowallctl: Reload: evil\\x1b[31m", advice)


@case("5 without the service, and without a bus")
def _(lab):
    lab.stop_service()
    for verb in (["status"], ["reload"], ["mode"], ["events"], ["events", "-f"], ["is-enforcing"], ["job", "list"]):
        got = lab.run(*verb)
        equal((got.status, got.out), (5, ""), f"result of {verb}")
        contains(got.err, "systemctl")
    equal(lab.run("status", DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent/bus").status, 5, "without a bus")
    got = lab.run("version")
    equal(got.status, 0, "exit status of version")
    contains(got.out, "cargowalld not running")


# -- policy

@case("policy show: to the byte, so that the digest agrees")
def _(lab):
    got = lab.run("policy", "show", "--scope=runners")
    equal((got.status, got.out), (0, POLICY), "result")
    equal([c["scope"] for c in lab.calls("GetPolicy")], ["runners"], "scope")
    shown = lab.run("policy", "show", "--json=short").json()
    equal(shown["digest"], "sha256:" + hashlib.sha256(shown["policy"].encode()).hexdigest(), "digest")
    lab.set(policy='{"x":\t"\u202e"}')
    equal(lab.run("policy", "show").out, '{"x":\t"\u202e"}', "off a terminal")
    # The terminal's driver may expand tabs to blanks; either is fine.
    equal(re.sub("[ \t]+", " ", lab.on_terminal("policy", "show", "--no-pager").out), '{"x": "\\u{202e}"}\n', "on one")


@case("policy load: a sealed memfd, from a file and from standard input")
def _(lab):
    file = lab.folder / "policy.json"
    file.write_text(POLICY)
    got = lab.run("policy", "load", str(file))
    equal((got.status, got.out), (0, "sha256:cc\n"), "result")
    equal(lab.run("policy", "load", "-", "--scope=runners", "-q", stdin=POLICY).out, "", "quiet")
    calls = lab.calls("LoadPolicy")
    equal([(c["text"], c["seals"] & 0xe, c["options"]) for c in calls],
          [(POLICY, 0xe, {"scope": "host"}), (POLICY, 0xe, {"scope": "runners"})], "calls")
    got = lab.run("policy", "load", str(lab.folder / "absent"))
    equal(got.status, 1, "a file that is not there")
    contains(got.err, "No such file")


@case("policy load: 7 with every fault; other errors are reported as well")
def _(lab):
    lab.set(errors={"LoadPolicy": ["org.cargowall1.Error.InvalidPolicy", "$.rules[0]: bad (line 3), and 1 more"]},
            faults=[["$.rules[0]", 3, "bad"], ["$.mode", 0, HOSTILE]])
    got = lab.run("policy", "load", "-", stdin=POLICY)
    equal((got.status, got.out), (7, ""), "result")
    equal(got.err.splitlines()[0], "cargowallctl: standard input:3: $.rules[0]: bad", "first line")
    contains(got.err.splitlines()[1], "cargowallctl: standard input: $.mode: evil\\x1b")
    lab.set(errors={"LoadPolicy": ["org.freedesktop.DBus.Error.AccessDenied", "No."]})
    got = lab.run("policy", "load", "-", stdin=POLICY)
    equal(got.status, 6, "exit status")
    contains(got.err, "LoadPolicy: No.")
    lab.set(errors={"LoadPolicy": ["org.cargowall1.Error.NoSuchScope", "No such scope."]})
    equal(lab.run("policy", "load", "-", stdin=POLICY).status, 4, "exit status")


@case("policy check needs no service")
def _(lab):
    file = lab.folder / "policy.json"
    file.write_text(POLICY)
    offline = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}
    got = lab.run("policy", "check", str(file), **offline)
    equal((got.status, got.out), (0, f"{file}: valid, 1 rules\n"), "result")
    got = lab.run("policy", "check", "-", "--json=short", stdin=POLICY, **offline)
    equal(got.json(), {"valid": True, "rules": 1, "faults": []}, "JSON")
    bad = '{\n "rules": [\n {"type": "hostname", "value": "a..b", "action": "allow"}, {"nonsense": 1} ] }'
    got = lab.run("policy", "check", "-", stdin=bad, **offline)
    equal((got.status, got.out), (7, ""), "result")
    contains(got.err, "cargowallctl: standard input:3: $.rules[0]")
    got = lab.run("policy", "check", "-", "-j", stdin=bad, **offline)
    equal(got.status, 7, "exit status")
    equal([f["line"] for f in got.json()["faults"]][0], 3, "line of the first fault")


@case("policy lint needs no service: 0 if nothing was found, 1 with what was, 7 for a bad file")
def _(lab):
    offline = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}
    good = POLICY.replace("443", '"443/tcp"')
    got = lab.run("policy", "lint", "-", stdin=good, **offline)
    equal((got.status, got.out), (0, "standard input: 1 rules, nothing found\n"), "result")
    bad = '{\n "rules": [\n {"type": "hostname", "value": "*.github.io", "action": "allow", "ports": ["443/tcp"]} ] }'
    got = lab.run("policy", "lint", "-", stdin=bad, **offline)
    equal(got.status, 1, "exit status")
    contains(got.out, "standard input:3: $.rules[0] *.github.io: anybody can have a name")
    equal(lab.run("policy", "lint", "-", "-q", stdin=bad, **offline).out, "", "quiet")
    got = lab.run("policy", "lint", "-", "--json=short", stdin=bad, **offline)
    finding = got.json()["findings"][0]
    equal((got.status, got.json()["rules"], got.json()["more"]), (1, 1, 0), "JSON")
    equal([finding[key] for key in ("path", "line", "value", "finding")], ["$.rules[0]", 3, "*.github.io", "shared-domain"], "finding")
    equal(lab.run("policy", "lint", "-", stdin="{", **offline).status, 7, "a bad file")


@case("policy diff: 0 for the same meaning, 1 with the changes, 7 for a bad file")
def _(lab):
    same = json.dumps(json.loads(POLICY), indent=8)
    got = lab.run("policy", "diff", "-", stdin=same)
    equal((got.status, got.out), (0, ""), "the same in another layout")
    other = json.loads(POLICY) | {"mode": "audit"}
    other["rules"] = [other["rules"][0] | {"ports": [22, 443]},
                      {"type": "cidr", "value": "192.0.2.0/24", "action": "deny"}]
    got = lab.run("policy", "diff", "-", stdin=json.dumps(other))
    equal(got.status, 1, "exit status")
    equal(got.out.splitlines(), ["- mode: enforce", "+ mode: audit", "- allow github.com:443",
                                 "+ allow github.com:22;443", "+ deny 192.0.2.0/24"], "changes")
    got = lab.run("policy", "diff", "-", "--json=short", stdin=json.dumps(other))
    equal((got.status, got.json()["same"], len(got.json()["added"])), (1, False, 3), "JSON")
    equal(lab.run("policy", "diff", "-", stdin="{").status, 7, "a bad file")


@case("policy diff: with the policy of the scope that the document is for")
def _(lab):
    matched = json.dumps({"match": {"units": ["runner-*.service"]}, "rules": []})
    named = json.dumps(json.loads(matched) | {"name": "ci"})
    file = lab.folder / "runners.json"
    for text, arguments, scope in (
            (POLICY, [file], "host"), (matched, [file], "runners"), (named, [file], "ci"), (named, ["-"], "ci"),
            (named, ["-", "--scope=lab"], "lab"), (matched, ["-", "--scope=host"], "host"),
            (json.dumps({"match": {"jobs": [{"job": "x"}]}}), [file], "runners")):
        lab.set()
        file.write_text(text)
        assert lab.run("policy", "diff", *map(str, arguments), stdin=text).status in (0, 1), text
        equal([call["scope"] for call in lab.calls("GetPolicy")], [scope], f"scope of {text}")
    lab.set()
    got = lab.run("policy", "diff", "-", stdin=matched)
    equal((got.status, lab.calls("GetPolicy")), (2, []), "exit status and calls without a name")
    contains(got.err, "--scope=")
    file.unlink()


# -- explain, events

@case("explain: host, port and protocol are taken apart; 0 allowed, 1 denied")
def _(lab):
    got = lab.run("explain", "evil.example", "--scope=runners")
    equal((got.status, got.out), (1, "evil.example:443/tcp is denied: no rule allows it\n"), "result")
    lab.set(explain=["allow", "allow 2001:db8::/32", {}])
    got = lab.run("explain", "[2001:db8::1]:53/udp")
    equal((got.status, got.out), (0, "[2001:db8::1]:53/udp: allow, rule allow 2001:db8::/32\n"), "result")
    lab.set()
    for destination, wanted in (("evil.example:22", ("evil.example", 22, "tcp")),
                                ("[2001:db8::1]:53/udp", ("2001:db8::1", 53, "udp")),
                                ("192.0.2.1/icmp", ("192.0.2.1", 0, "icmp"))):
        lab.run("explain", destination)
        last = lab.calls("Explain")[-1]
        equal((last["destination"], last["port"], last["protocol"]), wanted, destination)
    got = lab.run("explain", "evil.example", "--json=short").json()
    equal((got["verdict"], got["rule"], got["name_refused"]), ("deny", None, True), "JSON")
    equal(lab.run("explain", "a..b").status, 2, "no destination")


@case("events: one line each, repeats are counted, notes and DNS too")
def _(lab):
    lab.set(events=[
        event(1), event(2), event(3, count=4),
        event(4, process="wget", pid=9, blocked=False, would_deny=True, reason="rule", matched_rule="evil.example"),
        event(5, event_type="dns_blocked", query_type="TXT", dns_reason="policy"),
        event(6, event_type="mode_changed", verdict="", blocked=False, detail="enforce -> audit", process="", pid=0)])
    got = lab.run("events")
    equal(got.status, 0, "exit status")
    equal(got.out.splitlines(), [
        "Nov 22 03:12:01 denied  curl[123] runner.service -> evil.example [203.0.113.66]:443/tcp: no rule allows it "
        "(6 times)",
        "Nov 22 03:12:04 audit   wget[9] runner.service -> evil.example [203.0.113.66]:443/tcp: rule evil.example",
        "Nov 22 03:12:05 denied  curl[123] runner.service -> evil.example (DNS TXT): no rule allows the name",
        "Nov 22 03:12:06 note    mode changed: enforce -> audit"], "lines")
    equal(len(lab.run("events", "--denied").out.splitlines()), 3, "lines of denials")
    equal(len(lab.run("events", "-n", "1").out.splitlines()), 1, "one line")
    equal(lab.run("events", "--since=@1795000000").out, "", "events behind the last")
    equal([c["since"] for c in lab.calls("ListEvents")][-1], 1795000000000000, "since")


@case("events: a refused look-up is one line, for both versions of the address and their repeats")
def _(lab):
    query = {"event_type": "dns_blocked", "dns_reason": "policy", "dst_ip": "127.0.0.53"}
    lab.set(events=[
        event(1, **query, query_type="A"), event(2, **query, query_type="AAAA"),
        event(3, **query, query_type="AAAA", count=2), event(4, **query, query_type="A", count=2),
        event(5, **query, query_type="A", dst_hostname="x.example"), event(6, **query, query_type="AAAA", dst_hostname="x.example"),
        event(7, **query, query_type="TXT", dst_hostname="x.example")])
    equal(lab.run("events").out.splitlines(), [
        "Nov 22 03:12:01 denied  curl[123] runner.service -> evil.example (DNS): no rule allows the name (3 times)",
        "Nov 22 03:12:05 denied  curl[123] runner.service -> x.example (DNS): no rule allows the name",
        "Nov 22 03:12:07 denied  curl[123] runner.service -> x.example (DNS TXT): no rule allows the name"], "lines")
    equal([json.loads(line)["query_type"] for line in lab.run("events", "--json=short").out.splitlines()],
          ["A", "AAAA", "AAAA", "A", "A", "AAAA", "TXT"], "types in JSON")


@case("events in the vocabularies of others: one line each")
def _(lab):
    lab.set(events=[event(1), event(2, event_type="dns_blocked", query_type="TXT", dns_reason="policy", detail="a\u202eb"),
                    event(3, parents='[{"pid":7,"comm":"bash"}]', job='{"run_id":"7"}')])
    got = lab.run("events", "--format=ocsf")
    assert "\\u202e" in got.out, got.out
    ocsf = [json.loads(line) for line in got.out.splitlines()]
    equal([(e["class_uid"], e["disposition_id"], e["metadata"]["sequence"]) for e in ocsf],
          [(4001, 2, 1), (4003, 2, 2), (4001, 2, 3)], "OCSF")
    equal(ocsf[2]["actor"]["process"]["parent_process"]["name"], "bash", "the parent")
    equal({e["device"]["hostname"] for e in ocsf}, {socket.gethostname()}, "the host")
    ecs = [json.loads(line) for line in lab.run("events", "--format=ecs", "--denied", "-n", "1").out.splitlines()]
    equal([(e["event"]["type"], e["labels"]) for e in ecs], [(["connection", "denied"], {"run_id": "7"})], "ECS")
    ndjson = [json.loads(line) for line in lab.run("events", "--format=ndjson").out.splitlines()]
    equal(ndjson[0]["event_type"], "connection_blocked", "NDJSON")
    for options in (["--format=cef"], ["--format=ocsf", "--by=dest"]):
        equal(lab.run("events", *options).status, 2, " ".join(options))


@case("events: only some of them, and counted by what they have in common")
def _(lab):
    lab.set(events=[
        event(1), event(2, process="wget"), event(3, unit="docker-" + 64 * "a" + ".scope", dst_ip="203.0.113.67"),
        {"timestamp": "2026-11-22T03:12:04.000000Z", "sequence": 4, "event_type": "mode_changed"}])
    for options, wanted in ((["--unit=runner*"], 2), (["--process=curl"], 2), (["--dest=example"], 3),
                            (["--dest=203.0.113.66/32"], 2), (["--dest=203.0.113.66/32", "--process=wget"], 1),
                            (["--job=run_id=7"], 0), (["--unit=runner*", "-n1"], 1)):
        equal(len(lab.run("events", *options).out.splitlines()), wanted, " ".join(options))
    contains(lab.run("events", "--unit=docker*").out, "docker-aaaaaaaaaaaa.scope")
    equal(lab.run("events", "--by=process", "--no-legend").out.split("\n")[0].split(),
          ["1", "denied", *2 * ["Nov", "22", "03:12:03"], "curl", "docker-aaaaaaaaaaaa.scope"], "the first process")
    groups = json.loads(lab.run("events", "--by=dest", "--json=short").out)
    equal([(g["destination"], g["verdict"], g["count"]) for g in groups], [("evil.example:443/tcp", "denied", 3)], "groups")
    for wrong in (["--by=unit"], ["--by=dest", "-f"], ["--job=run_id"], ["--dest="]):
        equal(lab.run("events", *wrong).status, 2, " ".join(wrong))


@case("suggest: the service's files, rotated ones too, or those that are given; without the service")
def _(lab):
    offline = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}
    folder = lab.folder / "cargowall"
    folder.mkdir()
    lines = [json.dumps(event(n, dst_hostname=f"n{n}.example", blocked=False, would_deny=True, scope="runners",
                              job={"repository": "acme/app"})) + "\n" for n in range(3)]
    (folder / "events.ndjson").write_text(lines[0])
    (folder / "events.ndjson.1").write_text(lines[1])
    (folder / "events.ndjson.2.gz").write_bytes(gzip.compress(lines[2].encode()))

    def values(got):
        equal(got.status, 0, got.err)
        return sorted(rule["value"] for rule in got.json()["rules"])

    equal(values(lab.run("suggest", str(folder / "events.ndjson"), str(folder / "events.ndjson.2.gz"), **offline)),
          ["n0.example", "n2.example"], "two files")
    equal(values(lab.run("suggest", "-", stdin=lines[1], **offline)), ["n1.example"], "standard input")
    record = {"__REALTIME_TIMESTAMP": "1795317123000000", "_SYSTEMD_UNIT": "cargowalld.service", "CARGOWALL_VERDICT": "would_deny",
              "CARGOWALL_EVENT": "connection_blocked", "CARGOWALL_REASON": "default", "CARGOWALL_DST_IP": "203.0.113.9",
              "CARGOWALL_DST_PORT": "443", "CARGOWALL_PROTOCOL": "TCP", "CARGOWALL_DST_HOST": "journal.example"}
    forged = record | {"_SYSTEMD_UNIT": "evil.service", "CARGOWALL_DST_HOST": "evil.example"}
    got = lab.run("suggest", "-", stdin=f"{json.dumps(record)}\n{json.dumps(forged)}\n", **offline)
    equal(values(got), ["journal.example"], "records of the journal")
    contains(got.err, "Skipped, a field is missing or invalid: 1 line")
    # /var/log of a mount namespace of its own
    script = 'mount -t tmpfs tmpfs /var/log && cp -a "$1" /var/log/cargowall && shift && exec "$0" suggest "$@"'
    namespace = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else []), "sh", "-c", script, PROGRAM, str(folder)]
    for options, wanted in (([], 3), (["--scope=runners"], 3), (["--job=repository=acme/*"], 3), (["--unit=runner*", "-q"], 3),
                            (["--at-least=2"], 0), (["--scope=host"], 0), (["--since=2026-11-22T03:12:02Z"], 1)):
        done = subprocess.run([*namespace, *options], env=lab.environment(**offline), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=LIMIT, check=False)
        got = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        equal((got.status, len(got.json()["rules"]) if got.out else 0), (0 if wanted else 1, wanted), f"{options} {got.err}")
        equal(got.err == "", "-q" in options, f"what is listed: {got.err}")
    got = lab.run("suggest", "/nonexistent", **offline)
    equal((got.status, got.out), (1, ""), "a file that is missing")
    contains(got.err, "cargowallctl: /nonexistent: cannot read the log")
    for wrong in ["--process=curl"], ["--dest=a.example"], ["--denied"], ["--at-least=0"], ["--job=7"], ["--json=short"]:
        equal(lab.run("suggest", *wrong, "-", **offline).status, 2, f"{wrong}")


@case("events --exit-code: 1 with denials, 0 without")
def _(lab):
    equal(lab.run("events", "--exit-code").status, 0, "without events")
    lab.set(events=[event(1, verdict="allow", blocked=False)])
    equal(lab.run("events", "--exit-code").status, 0, "without denials")
    lab.set(events=[event(1, verdict="allow", blocked=False), event(2, blocked=False, would_deny=True)])
    equal(lab.run("events", "--exit-code", "--quiet").status, 1, "with one that would be denied")
    equal(lab.run("events", "--exit-code", "-f").status, 2, "with --follow")


@case("events: all of a full reply, as JSON lines")
def _(lab):
    lab.set(events=[event(n, parents='[{"pid":1,"comm":"bash"}]', dst_hostname=f"n{n}.example") for n in range(1, 1001)])
    lines = lab.run("events", "--json=short").out.splitlines()
    equal(len(lines), 1000, "events")
    equal(json.loads(lines[0])["parents"], [{"pid": 1, "comm": "bash"}], "nested value")
    equal(json.loads(lines[-1])["dst_hostname"], "n1000.example", "last event")
    equal(len(lab.run("events", "-n5").out.splitlines()), 5, "lines")


@case("events -f: continues with new events, ignores signals from other senders, and ends with the service")
def _(lab):
    lab.set(events=[event(1)])
    process = lab.start("events", "-f")
    contains(process.stdout.readline(), "curl[123]")
    wait_until(lambda: lab.calls("Subscribe"), "a subscription")
    subscriber = lab.calls("Subscribe")[0]["sender"]
    forged = ("import dbus, dbus.lowlevel, os; b = dbus.bus.BusConnection(os.environ['DBUS_SYSTEM_BUS_ADDRESS']); "
              f"s = dbus.lowlevel.SignalMessage('{PATH}', 'org.cargowall1.Manager', 'ConnectionDenied'); "
              "s.append({'process': 'forged', 'verdict': 'deny'}, signature='a{sv}'); "
              f"s.set_destination('{subscriber}'); b.send_message(s); b.flush()")
    subprocess.run([PYTHON, "-c", forged], env=lab.environment(), check=True, timeout=LIMIT)
    lab.set(signals=[event(1), event(2, process="wget"), event(3, process="fetch", bus_events_dropped=9)])
    contains(process.stdout.readline(), "wget[123]")
    contains(process.stdout.readline(), "fetch[123]")
    lab.set(leave=True)
    out, err = process.communicate(timeout=LIMIT)
    lab.service.wait(timeout=LIMIT)  # it leaves the bus before it ends; the next case needs a new one
    equal((process.returncode, out), (5, ""), "result")
    contains(err, "9 events dropped", "the service has disconnected")


# -- jobs

@case("job begin, end, allow, list, show")
def _(lab):
    got = lab.run("job", "begin", "--label", "repository=acme/app", "--label=job=a=b")
    equal((got.status, got.out), (0, "7\n"), "result")
    equal(lab.calls("BeginJob")[0]["labels"], {"repository": "acme/app", "job": "a=b"}, "labels")
    got = lab.run("job", "list")
    contains(got.out, "7   runner.service", "acme/app ci build\n", "1 job listed.")
    got = lab.run("job", "show", "7")
    contains(got.out, "Unit: runner.service", "Labels: repository=acme/app\n", "Connections: 5 allowed, 1 denied")
    got = lab.run("job", "end", "7")
    contains(got.out, "Labels: job=build", "Connections: 5 allowed, 1 denied", "Since: 2026-11-18 11:06:41 UTC")
    equal(lab.calls("EndJob")[0]["job"], PATH + "/job/7", "path")
    for words in (["show", "../x"], ["end", "../x"], ["allow", "../x", "a.example"]):
        equal(lab.run("job", *words).status, 4, "no id")
    for words, usec in ((["7", "a.example"], 600000000), (["7", "192.0.2.1", "--for=2h"], 7200000000),
                        ([PATH + "/job/7", "a.example", "--for", "30"], 30000000)):
        got = lab.run("job", "allow", *words)
        equal((got.status, got.out), (0, ""), f"result of job allow {words}")
        call = lab.calls("AllowOnce")[-1]
        equal((call["job"], call["host"], call["usec"]), (PATH + "/job/7", words[1], usec), "call")
    equal(lab.run("job", "show", "8").status, 4, "an unknown id")
    equal(lab.run("job", "begin", "--label=nothing").status, 2, "no label")


# -- output

READING = [["status"], ["status", "host"], ["is-enforcing"], ["scopes"], ["dns"], ["events", "-n1"],
           ["explain", "evil.example"], ["policy", "show"], ["job", "list"], ["job", "show", "7"], ["mode"],
           ["log-level"], ["check"], ["version"], ["job", "begin"], ["job", "end", "7"]]


@case("--json of every reading verb is JSON, pretty on more than one line")
def _(lab):
    lab.set(events=[event(1)])
    for verb in READING:
        short = lab.run(*verb, "--json=short")
        equal(len(short.out.splitlines()), 1, f"lines of {verb}")
        pretty = lab.run(*verb, "--json=pretty")
        assert len(pretty.out.splitlines()) > 1, verb
        assert type(short.json()) is type(pretty.json()), verb
        equal(lab.run(*verb, "-j").out, short.out, f"-j off a terminal, {verb}")
    equal(lab.run("scopes", "--json=off").out, lab.run("scopes").out, "--json=off")
    got = lab.run("status", "--json=short").json()
    equal((got["policy_source"], got["dns_wiring"], got["start_timestamp"], got["scopes"][1]["name"]),
          ("/etc/cargowall/policy.json", "bpf+resolved", "2026-11-18T11:06:40.000000Z", "runners"), "keys of status")


@case("hostile text from the bus never reaches the terminal as it is, nor in JSON")
def _(lab):
    objects = {
        PATH + "/scope/host": ["org.cargowall1.Scope", {
            "Name": "host", "Mode": HOSTILE, "PolicyDigest": HOSTILE, "RuleCount": 1, "PolicySource": HOSTILE,
            "ControlGroups": [HOSTILE]}],
        PATH + "/job/7": ["org.cargowall1.Job", {
            "Labels": {HOSTILE: HOSTILE, "repository": HOSTILE}, "Unit": HOSTILE, "StartTimestamp": 1,
            "ConnectionsAllowed": 5, "ConnectionsDenied": 1}]}
    manager = {key: HOSTILE for key in ("Version", "Mode", "ConfiguredMode", "EffectiveMode", "PolicyDigest",
                                        "PolicySource", "DNSWiring")}
    hostile = {"manager": manager | {"Upstreams": [HOSTILE], "RequiredHooks": [HOSTILE]}, "objects": objects,
               "dns": {HOSTILE: HOSTILE}, "leases": [[HOSTILE, HOSTILE, HOSTILE, 1]], "digest": HOSTILE,
               "log_level": HOSTILE, "policy": HOSTILE + "\n", "summary": {HOSTILE: HOSTILE, "unit": HOSTILE},
               "explain": ["deny", HOSTILE, {"text": HOSTILE}],
               "events": [event(1, process=HOSTILE, unit=HOSTILE, dst_hostname=HOSTILE, reason=HOSTILE,
                                protocol=HOSTILE, matched_rule=HOSTILE, dst_ip=HOSTILE),
                          event(2, verdict="", event_type=HOSTILE, detail=HOSTILE)]}
    lab.set(**hostile)
    plain = {"NO_COLOR": "1", "PAGER": "cat"}
    for verb in READING + [["policy", "load", "-"], ["events"]]:
        as_json = [] if verb[1:2] == ["load"] else ["--json=short"]
        for got in (lab.on_terminal(*verb, **plain), lab.run(*verb, *as_json)):
            bad = RAW.search(got.out + got.err)
            assert not bad, f"{verb}: {bad.group()!r} in {got.out + got.err!r}"
    contains(lab.run("events", "--json=short").out, "evil\\u001b[31m\\u202e\\u009b2J")


@case("the pager is used on a terminal only, and not when it is not wanted")
def _(lab):
    mark = lab.folder / "paged"
    pager = f"sed s/^/P/ && touch {mark}"
    contains(lab.on_terminal("status", PAGER=pager, NO_COLOR="1").out, "P● cargowalld")
    assert mark.exists(), "no pager on a terminal"
    mark.unlink()
    for got in (lab.run("status", PAGER=pager), lab.on_terminal("status", "--no-pager", PAGER=pager),
                lab.on_terminal("status", PAGER=pager, SYSTEMD_PAGER=""), lab.on_terminal("scopes", PAGER=pager),
                lab.on_terminal("status", "--json=short", PAGER=pager)):
        equal(got.status, 0, "exit status")
        assert not mark.exists() and "P● " not in got.out, "an unwanted pager"
    lab.set(manager={"Enforcing": False})
    equal(lab.on_terminal("status", PAGER="true").status, 3, "exit status when the pager leaves early")
    contains(lab.on_terminal("help", PAGER=pager).out, "Pcargowallctl [OPTION]")


@case("a pager named by the caller of sudo is not run")
def _(lab):
    if os.geteuid() != 0:
        return
    mark = lab.folder / "run-by-root"
    got = lab.on_terminal("status", PAGER=f"touch {mark}; cat", SUDO_UID="1000")
    contains(got.out, "cargowalld 9.9")
    assert not mark.exists(), "the pager ran"


@case("colours: on a terminal, unless NO_COLOR or SYSTEMD_COLORS=0 or TERM=dumb")
def _(lab):
    contains(lab.on_terminal("scopes").out, "\x1b[1;32menforce\x1b[0m")
    for env in ({"NO_COLOR": "1"}, {"SYSTEMD_COLORS": "0"}, {"TERM": "dumb"}):
        assert "\x1b" not in lab.on_terminal("scopes", **env).out, env
    assert "\x1b" not in lab.run("scopes").out, "colours off a terminal"


@case("lines are cut to COLUMNS on a terminal, unless --full; ASCII where the locale is not UTF-8")
def _(lab):
    plain = {"NO_COLOR": "1", "COLUMNS": "80"}
    assert max(map(len, lab.on_terminal("scopes", **plain).out.splitlines())) <= 80, "too long a line"
    contains(lab.on_terminal("scopes", **plain).out, "…")
    contains(lab.on_terminal("scopes", "--full", **plain).out, "/etc/cargowall/policy.d/runners.json")
    contains(lab.run("status", LC_ALL="C").out, "* cargowalld 9.9")
    contains(lab.on_terminal("scopes", LC_ALL="C", **plain).out, "...")
    lab.set(log_level="stärker")
    equal(lab.run("log-level", LC_ALL="C").out, "st??rker\n", "text outside ASCII")


@case("usage errors are 2, with nothing on stdout")
def _(lab):
    for words in (["nonsense"], ["policy"], ["policy", "nonsense"], ["policy", "load"], ["scopes", "x"],
                  ["--json=yaml"], ["status", "--follow"], ["reload", "--json=short"], ["events", "-n", "x"],
                  ["events", "-n", "-1"], ["events", "--since=soon"], ["is-enforcing", "--wait=x"], ["--nonsense"],
                  ["status", "a", "--scope=b"], ["mode", "--label=a=b"], ["explain"], ["job", "begin", "--label==x"], ["job", "allow", "7"],
                  ["job", "allow", "7", "a.example", "--for=0"], ["job", "allow", "7", "a.example", "--for=x"]):
        got = lab.run(*words)
        equal((got.status, got.out), (2, ""), f"result of {words}")
        assert got.err, words
    contains(lab.run("nonsense").err, "status, is-enforcing, scopes, dns, events", "version or help")
    contains(lab.run("policy", "nonsense").err, "policy: ", "show, load, check, lint or diff")
    equal(lab.calls("GetAll"), [], "calls")


@case("help fits 80 columns; --version and version")
def _(lab):
    for words in (["help"], ["--help"], ["-h"]):
        got = lab.run(*words)
        equal(got.status, 0, "exit status")
        assert max(map(len, got.out.splitlines())) <= 80, "a line is too long"
    equal(lab.run("--version").out.split()[0], "cargowallctl", "--version")
    contains(lab.run("version").out, "cargowalld 9.9")


@case("check: a table and its exit status agree")
def _(lab):
    got = lab.run("check")
    rows = lab.run("check", "--json=short").json()
    failed = any(row["state"] == "fail" or row["opens"] for row in rows)
    n_ok, n_open = sum(row["state"] == "ok" for row in rows), sum(row["opens"] for row in rows)
    contains(got.out, f"\n{n_ok} of {len(rows)} checks are met" + (f"; {n_open} gap" if n_open else ".\n"))
    equal(got.status, 1 if failed else 0, "exit status")
    for row in rows:
        assert row["state"] in ("ok", "warn", "fail"), row
        assert row["advice"] or row["state"] != "fail", row
        contains(got.out, row["name"], row["detail"])
    equal({"kernel", "bpf", "cgroup2", "systemd", "resolved", "upstream", "dns port", "polkit"}
          - {row["name"] for row in rows}, set(), "missing rows")


@case("a full disk behind stdout is a failure")
def _(lab):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "scopes"], env=lab.environment(), stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, timeout=LIMIT, check=False)
    equal(done.returncode, 1, "exit status")
    contains(done.stderr.decode(), "cannot write to standard output")


# -- running

def missing():
    if not shutil.which(PROGRAM):
        return f"{PROGRAM} is not there: set CARGOWALLCTL"
    if not shutil.which("dbus-daemon"):
        return "dbus-daemon is missing"
    if not os.path.exists(PYTHON) or subprocess.run([PYTHON, "-c", "import dbus, gi"], capture_output=True,
                                                    check=False).returncode != 0:
        return "python3-dbus or python3-gi is missing"
    return None


def run_case(lab, function):
    lab.set()
    if not lab.service or lab.service.poll() is not None:
        lab.stop_service()
        lab.start_service()
    function(lab)


def main():
    reason = missing()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cargowallctl-") as folder:
        lab = Lab(pathlib.Path(folder))
        try:
            lab.start_bus()
            print(f"1..{len(CASES)}", flush=True)
            for number, (title, function) in enumerate(CASES, 1):
                try:
                    run_case(lab, function)
                    print(f"ok {number} - {title}", flush=True)
                except Exception:  # pylint: disable=broad-except
                    failed += 1
                    print(f"not ok {number} - {title}")
                    print("\n".join("# " + line for line in traceback.format_exc().splitlines()), flush=True)
        finally:
            lab.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
