# SPDX-License-Identifier: Apache-2.0
"""From audit to a policy: `cargowall suggest`, with what jobs did in audit mode, and what its policy then does to them."""

import gzip
import json
import os
import pathlib
import re
import signal

from harness import case, contains, equal, found, refused, untouched, worked

JOB = """
    resolve("github.com")
    report(github=attempt(tcp, GITHUB4, 7))
    report(nameless=attempt(tcp, NAMELESS4, 7))
    report(udp=attempt(udp, NAMELESS4, 7))
"""


def log_of(lab, events):
    return log_file(lab, "".join(json.dumps(e) + "\n" for e in events).encode())


def log_file(lab, data):
    path = lab.policy("")
    path.write_bytes(data)
    os.chmod(path, 0o644)
    return path


def suggest(lab, *arguments, data=b""):
    """As nobody, outside any network."""
    return lab.plain("unshare", "--net", "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", lab.binary,
                     "suggest", *arguments, data=data)


def checked(lab, r):
    """The document on standard output, which `policy check` accepts."""
    equal(r.status, 0, r.err)
    policy = lab.policy(r.out)
    check = lab.plain(lab.binary, "policy", "check", policy)
    equal((check.status, check.err), (0, ""), check.out)
    return json.loads(r.out), policy


def values(document, action="allow"):
    return [(rule["value"], rule.get("ports")) for rule in document["rules"] if rule["action"] == action]


def event(**fields):
    return {"timestamp": "2023-11-14T22:13:20.124456Z", "schema_version": 1, "event_type": "connection_blocked", "verdict": "deny",
            "blocked": False, "would_deny": True, "mode": "audit", "reason": "default", "dst_ip": "203.0.113.5", "dst_port": 443,
            "protocol": "TCP", "scope": "runners", "process": "curl", **fields}


@case("suggest: a job in audit mode, its policy checked, replayed and enforced: the job works, anything else is denied")
def suggest_and_enforce(lab):
    lab.watch()
    r = lab.attack(["--mode", "audit"], JOB)
    worked(r, "github", "nameless", "udp")
    log = log_of(lab, r.events)

    r = suggest(lab, log)
    document, policy = checked(lab, r)
    names = {value: ports for value, ports in values(document)}
    equal(names.pop("github.com"), ["7/tcp"], "the name, without its address")
    equal(names, {next(iter(names)): ["7/tcp", "7/udp"]}, "one address")
    equal(document["defaultAction"], "deny", "default action")
    lines = [line for line in r.err.splitlines() if line.startswith("  ")]
    equal(len(lines), 3, r.err)
    for line in lines:
        assert re.match(r"  \S+:7/(tcp|udp): \d+ events?, \d{4}-\S+Z( to \S+Z)?, python3: was let pass by audit mode$", line), line

    r = lab.plain(lab.binary, "replay", "--json", "--policy", policy, log)
    equal(r.status, 0, "nothing that was allowed would be denied")
    allowed = {d.get("hostname") or d["address"] for d in json.loads(r.out)["destinations"] if d["change"] == "would_be_allowed"}
    equal(allowed, {value for value, _ in values(document)}, "what would be allowed")

    lab.watch()
    r = lab.attack(["--policy", policy], JOB + """
    report(resolved=attempt(resolve, "evil.example"))
    report(port=attempt(tcp, GITHUB4, 22))
    report(other=attempt(tcp, EVIL4, 7))
    """)
    worked(r, "github", "nameless", "udp")
    refused(r, "port", "other")
    equal(r.facts["resolved"].get("value"), "EAI NONAME", "a name that is not in the policy")
    found(r, "dns_blocked", dst_hostname="evil.example", blocked=True)
    untouched(lab, "203.0.113.66")


@case("suggest: what is left out is denied by the policy and listed with the reason; options keep it")
def suggest_left_out(lab):
    log = log_of(lab, [
        event(dst_hostname="forge.example", count=5),
        event(dst_hostname="once.forge.example"),
        event(dst_hostname="evil.forge.example", blocked=True, would_deny=False, mode="enforce", count=3),
        event(dst_hostname="rule.example", reason="rule", matched_rule="rule.example", rule=1, count=3),
        event(dst_hostname="elsewhere.example", count=3),
        event(dst_hostname="elsewhere.example", count=3, blocked=True, would_deny=False, scope="host"),
        event(dst_hostname="forge.example", dst_ip="168.63.129.16", count=3),
        event(dst_hostname="tenant.github.io", count=3),
    ])
    r = suggest(lab, "--at-least", "2", log)
    document, policy = checked(lab, r)
    equal(values(document), [("forge.example", ["443/tcp"])], "allowed")
    equal(values(document, "deny"), [("evil.forge.example", ["443/tcp"]), ("once.forge.example", ["443/tcp"]),
                                     ("168.63.129.16", None)], "denied")
    for name, reason in (("once.forge.example", "--at-least"), ("evil.forge.example", "denied when it was recorded"),
                         ("rule.example", "a rule denies it"), ("elsewhere.example", "in another scope"),
                         ("forge.example", "metadata service"), ("tenant.github.io", "(github.io)")):
        assert re.search(rf"^  {re.escape(name)}:.*{re.escape(reason)}", r.err, re.MULTILINE), f"{name}: {r.err}"
    r = lab.plain(lab.binary, "replay", "--json", "--policy", policy, log)
    changed = [(d["hostname"], d["count"]) for d in json.loads(r.out)["destinations"]]
    equal(changed, [("forge.example", 5)], "what a replay would allow")

    kept = [value for value, _ in values(checked(lab, suggest(lab, "--keep-denied", "--keep-shared", log))[0])]
    equal(kept, ["elsewhere.example", "evil.forge.example", "forge.example", "once.forge.example", "rule.example",
                 "tenant.github.io"], "all but the metadata service")


@case("suggest: selects by scope, unit, job and time")
def suggest_selects(lab):
    log = log_of(lab, [
        event(dst_hostname="a.example", scope="one", unit="build-1.service", job={"repository": "acme/widgets", "run_id": "7"}),
        event(dst_hostname="b.example", scope="two", unit="other.service", job={"repository": "acme/gadgets"},
              timestamp="2024-11-14T22:13:20.124456Z")])
    for options, wanted in ((["--scope", "one"], ["a.example"]), (["--scope=one", "--scope", "two"], ["a.example", "b.example"]),
                            (["--unit", "build-*"], ["a.example"]), (["--job", "7"], ["a.example"]),
                            (["--job", "repository=acme/g*"], ["b.example"]), (["--since", "2024-01-01"], ["b.example"])):
        equal([value for value, _ in values(checked(lab, suggest(lab, *options, log))[0])], wanted, f"{options}")
    r = suggest(lab, "--scope", "three", log)
    equal((r.status, r.out), (1, ""), "nothing to allow")
    contains(r.err, "Not selected by scope, unit, job or time: 2 events", "count")


@case("suggest: rotated logs, compressed or cut, and standard input; other compression and damage are errors")
def suggest_files(lab):
    text = json.dumps(event(dst_hostname="a.example")).encode() + b"\n"
    packed = gzip.compress(text * 1000)
    log, cut = log_file(lab, packed), log_file(lab, packed[:-9])
    for arguments, data in ((["-"], text), ([log, log_file(lab, text + text[:100])], b"")):
        r = suggest(lab, *arguments, data=data)
        equal(values(checked(lab, r)[0]), [("a.example", ["443/tcp"])], f"{arguments}")
    contains(r.err, "a.example:443/tcp: 1001 events", "both files")
    contains(r.err, "Skipped, cut short: 1 line", "cut")
    for path, reason in ((cut, "damaged or not complete"), (log_file(lab, b"\x28\xb5\x2f\xfd" + b"x" * 100), "not by gzip"),
                         ("/nonexistent", "No such file"), ("/", "Is a directory")):
        r = suggest(lab, log_file(lab, text), path)
        equal((r.status, r.out), (125, ""), f"{path}")
        contains(r.err, reason, f"{path}")
    for wrong in [], ["--at-least", "0", log], ["--since", "x", log], ["--unit", "[", log], ["--job", "=x", log], ["--via", "x", log]:
        equal(suggest(lab, *wrong).status, 2, f"{wrong}")
    contains(suggest(lab, "--help").out, "--keep-denied", "help")


@case("suggest: a log that is larger than its memory, with more destinations than a policy lists")
def suggest_bounded(lab):
    lines = [json.dumps(event(dst_hostname=f"n{i}.example")) for i in range(4200)]
    log = log_file(lab, ("\n".join(lines) + "\nx" + "y" * 3_000_000 + "\n").encode())
    sanitized = b"__asan_init" in pathlib.Path(lab.binary).read_bytes()  # needs address space for its own purposes
    limit = "" if sanitized else "prlimit --as=50000000 "
    r = lab.plain("sh", "-c", 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cat "$1"; done | '
                  f'{limit}"$0" suggest -', lab.binary, log, seconds=120)
    document, _ = checked(lab, r)
    equal(len(document["rules"]), 4096, "rules")
    contains(r.err, "MISSING in the policy, of destinations beyond the limit (select fewer events): 1664 events", "limit")
    contains(r.err, "Skipped, too long: 16 lines", "long lines")


@case("--learn: a policy of what COMMAND did, which lets it do this again and nothing else")
def learn(lab):
    target = lab.policy("").with_name("learned.json")
    r = lab.attack(["--learn", target, "--summary", "text"], JOB)
    worked(r, "github", "nameless", "udp")
    equal(found(r, "run_started")["mode"], "audit", "mode")
    contains(r.err, f"policy written to {target}: 2 rules", "message")
    contains(r.err, "github.com:7/tcp: 1 event", "report")
    check = lab.plain(lab.binary, "policy", "check", target)
    equal((check.status, check.err), (0, ""), check.out)
    equal(target.read_text(), suggest(lab, log_of(lab, r.events)).out, "the same as of the log")
    equal((target.stat().st_mode & 0o7777, [p.name for p in target.parent.glob(".cargowall*")]), (0o640, []), "mode, leftovers")

    r = lab.attack(["--policy", target], JOB + """
    report(port=attempt(tcp, GITHUB4, 22))
    report(other=attempt(tcp, EVIL4, 7))
    """)
    worked(r, "github", "nameless", "udp")
    refused(r, "port", "other")

    before = target.read_text()
    r = lab.run(["--learn", target], ["touch", target.with_name("started")])
    equal((r.status, target.read_text(), target.with_name("started").exists()), (125, before, False), "not overwritten")
    contains(r.err, "exists already", "message")
    target.unlink()


@case("--learn: what COMMAND puts in its place stays; no file of a run that is killed; wrong usage")
def learn_refuses(lab):
    folder = lab.policy("").with_name("learning")
    folder.mkdir(exist_ok=True)
    os.chmod(folder, 0o777)
    target, secret = folder / "learned.json", folder / "secret"
    secret.write_text("secret")
    for make in (f"echo mine > {target}", f"ln -s {secret} {target}"):
        r = lab.run(["--learn", target], ["sh", "-c", make])
        equal((r.status, secret.read_text()), (125, "secret"), make)
        contains(r.err, "exists already", make)
        target.unlink()
    os.chmod(folder, 0o755)  # the user has no right to write here: root's is used
    r = lab.run(["--learn", target, "--summary", "none"], ["false"])
    equal((r.status, json.loads(target.read_text())["rules"]), (1, []), "a command that needs nothing, and fails")
    contains(r.err, "COMMAND failed", "message")
    target.unlink()
    running = lab.start(["--learn", target], ["sh", "-c", "echo started; exec sleep 1000"])
    equal(running.read_line(), b"started\n", "command")
    running.signal(signal.SIGKILL)
    running.finish()
    equal(sorted(p.name for p in folder.iterdir()), ["secret"], "nothing half written")
    for wrong in (["--learn", target, "--mode", "enforce"], ["--learn", target, "--learn", target], ["--learn", folder],
                  ["--learn", folder / "missing" / "x"], ["--learn", str(folder) + "/"]):
        r = lab.run(wrong, ["echo", "started"])
        equal((r.status, r.out), (125, ""), f"{wrong}")
