# SPDX-License-Identifier: Apache-2.0
"""`cargowall policy check` and `cargowall explain`: offline and unprivileged."""

import json

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
    equal(cargowall(lab, "explain", "--policy", policy, "github.com:443/sctp").status, 2, "a bad protocol")
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
