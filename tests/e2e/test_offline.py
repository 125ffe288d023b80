# SPDX-License-Identifier: Apache-2.0
"""`cargowall policy check`, `cargowall explain` and `cargowall replay`: offline and unprivileged."""

import json
import os
import pathlib

from harness import case, contains, equal

POLICY = {"defaultAction": "deny", "rules": [
    {"type": "hostname", "value": "github.com", "action": "allow", "ports": [443]},
    {"type": "hostname", "value": "secret.github.com", "action": "deny"},
    {"type": "cidr", "value": "10.0.0.0/8", "action": "allow", "ports": [22]},
    {"type": "cidr", "value": "2001:db8::/32", "action": "allow"}]}


def cargowall(lab, *arguments):
    """As nobody, outside any network: in a namespace with nothing in it."""
    return lab.plain("unshare", "--net", "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", lab.binary,
                     *arguments)


@case("policy check: 0 and silence on stderr for a valid policy")
def check_valid(lab):
    r = cargowall(lab, "policy", "check", lab.policy(POLICY))
    equal((r.status, r.err), (0, ""), "status, stderr")


@case("policy lint: 1 and one line for each finding; 0, 2 and 125")
def lint(lab):
    r = cargowall(lab, "policy", "lint", lab.policy(POLICY))
    equal((r.status, r.err, len(r.out.splitlines())), (1, "", 2), "findings")
    contains(r.out, "$.rules[0] github.com: a port without a protocol is also allowed for UDP", "the first")
    contains(r.out, "$.rules[3] 2001:db8::/32: it allows all ports", "the second")
    r = cargowall(lab, "policy", "lint", lab.policy({"rules": []}))
    equal((r.status, r.err), (0, ""), r.out)
    for arguments, status in (([], 2), (["--json", "x"], 2), ([lab.policy("{")], 125), (["/nonexistent"], 125)):
        equal(cargowall(lab, "policy", "lint", *arguments).status, status, f"{arguments}")


@case("policy check: 1 and one line for each fault")
def check_faults(lab):
    policy = lab.policy({"rules": [
        {"type": "hostname", "value": "a*b.example", "action": "allow"},
        {"type": "hostname", "value": "good.example", "action": "allow"},
        {"type": "cidr", "value": "300.0.0.0/8", "action": "allow"},
        {"type": "hostname", "value": "b.example", "action": "sometimes"}]})
    r = cargowall(lab, "policy", "check", policy)
    equal(r.status, 1, "exit status")
    lines = (r.out + r.err).strip().splitlines()
    equal(len(lines), 3, f"lines {lines}")
    for line, path in zip(lines, ("$.rules[0]", "$.rules[2]", "$.rules[3]")):
        contains(line, path, "fault")
        contains(line, str(policy), "fault")


@case("policy check: a file that is missing or not JSON, and wrong usage")
def check_usage(lab):
    assert cargowall(lab, "policy", "check", "/nonexistent.json").status != 0
    equal(cargowall(lab, "policy", "check", lab.policy("[")).status, 1, "not JSON")
    equal(cargowall(lab, "policy", "check").status, 2, "no file")


EXPLAINED = (
    ("github.com", 0, "allow"), ("github.com:443", 0, "allow"), ("api.github.com:443/tcp", 0, "allow"),
    ("github.com:80", 1, "deny"), ("secret.github.com", 1, "deny"), ("evil.example", 1, "deny"),
    ("10.1.2.3:22", 0, "allow"), ("10.1.2.3", 1, "deny"), ("[2001:db8::1]:8000/udp", 0, "allow"),
    ("2001:db9::1", 1, "deny"),
)


@case("explain: 0 allowed, 1 denied, and JSON that says why")
def explain(lab):
    policy = lab.policy(POLICY)
    for destination, status, verdict in EXPLAINED:
        r = cargowall(lab, "explain", "--policy", policy, destination)
        equal(r.status, status, destination)
        assert r.out.strip() and not r.err, f"{destination}: {r.out!r} {r.err!r}"
        r = cargowall(lab, "explain", "--policy", policy, "--json", destination)
        equal(r.status, status, destination)
        answer = json.loads(r.out)
        equal(answer["verdict"], verdict, destination)
        for key in ("verdict", "action", "rule", "reason", "tier"):
            assert key in answer, f"{destination}: no {key} in {answer}"


@case("explain --via: an address is judged as one that the name resolved to")
def explain_via(lab):
    policy = lab.policy(POLICY)
    for via, destination, status in (([], "203.0.113.10:443", 1), (["--via", "github.com"], "203.0.113.10:443", 0),
                                     (["--via", "evil.example"], "203.0.113.10", 1)):
        equal(cargowall(lab, "explain", "--policy", policy, *via, destination).status, status, f"{via} {destination}")


@case("explain: 2 for wrong usage, 125 for an invalid policy")
def explain_usage(lab):
    policy = lab.policy(POLICY)
    equal(cargowall(lab, "explain", "--policy", policy).status, 2, "no destination")
    equal(cargowall(lab, "explain", "--policy", policy, "git hub.com").status, 2, "a bad destination")
    equal(cargowall(lab, "explain", "--policy", policy, "github.com:443/tpc").status, 2, "a bad protocol")
    equal(cargowall(lab, "explain", "--policy", lab.policy("{"), "github.com").status, 125, "invalid policy")


@case("explain and enforcement agree")
def agree(lab):
    policy = lab.policy({"rules": [
        {"type": "hostname", "value": "github.com", "action": "allow", "ports": [7]},
        {"type": "cidr", "value": "203.0.113.64/26", "action": "allow", "ports": [7, 8000]},
        {"type": "cidr", "value": "203.0.113.77", "action": "deny", "ports": [7]}]})
    r = lab.attack(["--policy", policy], """
        resolve("github.com")
        for addr in GITHUB4, EVIL4, NAMELESS4, EXAMPLE4:
            report(**{f"{addr}:{port}": attempt(tcp, addr, port) for port in (7, 22, 8000)})
    """)
    for destination, fact in r.facts.items():
        via = ["--via", "github.com"] if destination.startswith("203.0.113.10:") else []
        explained = cargowall(lab, "explain", "--policy", policy, *via, destination)
        equal("allowed" if explained.status == 0 else "EPERM", fact.get("errno", "allowed"), destination)
    equal(len(r.facts), 12, "destinations")


GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "unit" / "data" / "events.ndjson"


def log_file(lab, text):
    path = lab.policy("")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, 0o644)
    return path


def replay(lab, policy, *logs):
    """Exit status and the JSON object, having seen that the text says the same to a terminal that is safe."""
    text = cargowall(lab, "replay", "--policy", policy, *logs)
    r = cargowall(lab, "replay", "--json", "--policy", policy, *logs)
    equal((r.status, r.err), (text.status, ""), "exit status and stderr with --json")
    for out in text.out, r.out:
        assert not any(ord(c) < 32 and c != "\n" for c in out), out
    found = json.loads(r.out)
    for d in found["destinations"]:
        contains(text.out, d.get("hostname") or d["address"], "text")
    return r.status, found


def changes(found, change):
    return [(d.get("hostname") or d.get("address"), d.get("port"), d["count"]) for d in found["destinations"]
            if d["change"] == change]


@case("replay: what was allowed and would be denied, and the other way round")
def replay_golden(lab):
    golden = log_file(lab, GOLDEN.read_bytes())
    other = {"rules": [{"type": "hostname", "value": "evil.example", "action": "allow"}]}
    status, found = replay(lab, lab.policy(other), golden)
    equal(status, 1, "exit status")
    equal(changes(found, "would_be_denied"), [("www.example", 443, 1)], "denied")
    equal(changes(found, "would_be_allowed"), [("evil.example", 443, 1), ("evil.example", None, 1)], "allowed")
    equal(found["lost"], 12, "lost events")

    same = {"rules": [{"type": "hostname", "value": "www.example", "action": "allow"}]}
    status, found = replay(lab, lab.policy(same), golden)
    equal((status, found["destinations"]), (0, []), "with the policy of the log")
    wide = {"defaultAction": "allow", "rules": []}
    status, found = replay(lab, lab.policy(wide), golden)
    equal((status, changes(found, "would_be_denied")), (0, []), "with a policy that allows everything")
    contains(changes(found, "would_be_allowed"), ("2001:db8::7", 443, 2), "denied, and in audit mode")


@case("replay: a log of cargowall run with its own policy changes nothing; with a narrower one, 1")
def replay_run(lab):
    policy = {"rules": [{"type": "hostname", "value": "github.com", "action": "allow", "ports": [7]},
                        {"type": "cidr", "value": "203.0.113.64/26", "action": "allow", "ports": [7]}]}
    for mode in "enforce", "audit":
        r = lab.attack(["--mode", mode, "--policy", lab.policy(policy)], """
            resolve("github.com")
            resolve("evil.example")
            for addr in GITHUB4, NAMELESS4:
                report(**{f"{addr}:{port}": attempt(tcp, addr, port) for port in (7, 22)})
        """)
        log = log_file(lab, "".join(json.dumps(e) + "\n" for e in r.events))
        status, found = replay(lab, lab.policy(policy), log)
        equal((status, found["destinations"]), (0, []), f"its own policy, {mode}")
        equal(sum(found["totals"]["allowed"].values()) > 1, True, f"{found['totals']}")
        narrow = {"rules": policy["rules"][:1]}
        status, found = replay(lab, lab.policy(narrow), log)
        equal(status, 1, f"narrower policy, {mode}")
        equal([port for _, port, _ in changes(found, "would_be_denied")], [7], f"one destination, {mode}")
        equal(changes(found, "would_be_allowed"), [], f"nothing else, {mode}")
        wide = {"rules": policy["rules"] + [{"type": "hostname", "value": "evil.example", "action": "allow"}]}
        status, found = replay(lab, lab.policy(wide), log)
        equal((status, [d["kind"] for d in found["destinations"]]), (0, ["dns"]), f"a name more, {mode}")


@case("replay: lines that cannot be read are counted by kind and skipped; repeats count")
def replay_lines(lab):
    event = json.loads(GOLDEN.read_text().splitlines()[1])
    line = json.dumps({**event, "count": 7, "process": "\x1b[31m\u202e"}).encode()
    text = b"\n".join([line, b"garbage \x1b[31m\xff\x00", json.dumps({**event, "schema_version": 2}).encode(),
                       json.dumps({**event, "pad": "x" * 70000}).encode(), json.dumps({**event, "pad": "x" * 700000}).encode(),
                       json.dumps({**event, "dst_port": 1 << 40}).encode(), line, line[:200]])
    policy = lab.policy({"rules": []})
    status, found = replay(lab, policy, log_file(lab, text))
    equal(status, 1, "exit status")
    equal(changes(found, "would_be_denied"), [("www.example", 443, 14)], "repeats")
    equal(found["lines"], {"judged": 2, "other": 0, "cut": 1, "not_json": 1, "too_long": 2, "newer": 1, "invalid": 1},
          "lines")
    equal(replay(lab, policy, log_file(lab, ""))[0], 0, "an empty log")


@case("replay: more destinations than are listed are counted; standard input")
def replay_limit(lab):
    event = json.loads(GOLDEN.read_text().splitlines()[1])
    text = "".join(json.dumps({**event, "dst_hostname": f"n{i}.example", "cname_chain": []}) + "\n" for i in range(4100))
    policy = lab.policy({"rules": []})
    r = lab.plain(lab.binary, "replay", "--json", "--policy", policy, "-", data=text.encode())
    found = json.loads(r.out)
    equal((r.status, len(found["destinations"]), found["unlisted"]["would_be_denied"]), (1, 4096, 4), "standard input")


@case("replay: 2 for wrong usage, 125 for an invalid policy or a log that cannot be read")
def replay_usage(lab):
    policy, log = lab.policy({"rules": []}), log_file(lab, "")
    for arguments in ([], ["--policy", policy], [log], [log, "--policy"], ["--policy", policy, "--via", "a", log]):
        equal(cargowall(lab, "replay", *arguments).status, 2, f"{arguments}")
    equal(cargowall(lab, "replay", "--policy", lab.policy("{"), log).status, 125, "invalid policy")
    for path in "/nonexistent", "/":
        equal(cargowall(lab, "replay", "--policy", policy, log, path).status, 125, path)
    equal(cargowall(lab, "replay", log, "--policy", policy, "--", log).status, 0, "any order")
    contains(cargowall(lab, "replay", "--help").out, "--policy", "help")
