# SPDX-License-Identifier: Apache-2.0
"""Connections and datagrams: the same system calls with all hooks on and without any BPF."""

import contextlib
import json
import time

from figures import Row, of_pairs, ratio, rotated
from stage import NAMED, REFUSED, SERVER, UNREACHABLE, ZONE, BenchError

PORT_ACCEPT, PORT_DISCARD, PORT_STREAM = 8001, 8002, 8003
HOSTS, NETWORKS = 1000, 10000


class Pair:
    """Two clients without BPF, one below cargowall which has leased NAMED. Nothing but the client differs."""

    def __init__(self, stage, stack):
        policy = stage.policy(HOSTS, NETWORKS, [("hostname", ZONE), ("cidr", f"{SERVER}/31")])
        self.log = stage.path(".ndjson")
        lease = f'echo "ask v {ZONE} 1 1 1 1" | "$1" {SERVER} && exec "$2"'
        confined = [*stage.cargowall(policy, "--log", self.log), "sh", "-c", lease, "sh", stage.program("resolve"),
                    stage.program("client")]
        self.first = stage.talk("client", [stage.program("client")], stack=stack)
        self.second = stage.talk("client", [stage.program("client")], stack=stack)
        self.confined = stage.talk("client", confined, stack=stack)
        if self.confined.read_line()[1] != "1":
            raise BenchError("the name of the server could not be resolved")


def measure(who, command, address, port, n, outcome="done"):
    """(first time, second time) of a command in which every call ended as it should: done, refused or failed."""
    first, second, done, denied, failed = who.ask(command, address, port, n)
    count = 1 if command == "bulk" else n
    if (done, denied, failed) != tuple(count if outcome == name else 0 for name in ("done", "refused", "failed")):
        raise BenchError(f"{command} to {address}: {done} done, {denied} refused, {failed} failed of {n}")
    return first, second


def rounds(n, cases):
    """Every case once a round, in turn: {name: [(first, second), ...]}. The first round warms up."""
    times = {name: [] for name in cases}
    for i in range(n + 1):
        for name in rotated(cases, i):
            value = measure(**cases[name])
            if i > 0:
                times[name].append(value)
    return times


def compare(times, name, base=("first", "second"), which=0):
    """Ratios of a case to the mean of both runs without BPF."""
    below = [(a[which] + b[which]) / 2 for a, b in zip(times[base[0]], times[base[1]])]
    return of_pairs([t[which] for t in times[name]], below)


def noise(times, which=0):
    return ratio(of_pairs([t[which] for t in times["first"]], [t[which] for t in times["second"]]))


def cases_of(pair, command, port, n, allowed):
    same = {"command": command, "port": port, "n": n}
    cases = {"first": {"who": pair.first, "address": SERVER, **same},
             "second": {"who": pair.second, "address": SERVER, **same}}
    return cases | {name: {"who": pair.confined, "address": address, **same} for name, address in allowed.items()}


def count_recorded(log, n):
    """How many connections the log has, after the reader's last delay."""
    recorded = 0
    for _ in range(20):
        time.sleep(0.2)
        with open(log, encoding="utf-8") as lines:
            events = [json.loads(line) for line in lines]
        recorded = sum(e["event_type"] == "connection_allowed" and e.get("dst_port") == PORT_ACCEPT for e in events)
        if recorded >= n:
            break
    return recorded


def tcp(stage):
    n, n_rounds = (300, 21) if stage.quick else (500, 61)
    with contextlib.ExitStack() as stack:
        pair = Pair(stage, stack)
        cases = cases_of(pair, "connect", PORT_ACCEPT, n, {"lease": NAMED, "network": SERVER})
        same = cases["lease"]
        cases["refused"] = {**same, "address": REFUSED, "outcome": "refused"}
        cases["unreachable"] = {**cases["first"], "address": UNREACHABLE, "outcome": "failed"}
        times = rounds(n_rounds, cases)
        made = 2 * n * (n_rounds + 1)
        recorded = count_recorded(pair.log, made)
    return [
        Row("TCP connect, A against A (no BPF)", noise(times), "noise", ""),
        Row("TCP connect to a leased address, all hooks, event recorded", ratio(compare(times, "lease")), "1.04",
            "1.06"),
        Row("the same by one of 10,000 networks", ratio(compare(times, "network")), "", ""),
        Row("socket, connect and close together, both events (A against A: " + noise(times, 1) + ")",
            ratio(compare(times, "lease", which=1)), "", ""),
        Row("connections recorded in the log", f"{recorded} of {made}", "all", ""),
        Row("TCP connect refused: time to EPERM against a connect (one that fails without BPF: "
            + ratio(compare(times, "unreachable")) + ")", ratio(compare(times, "refused")), "0.1", "0.2"),
    ]


def count_denied(log, n):
    """(denials that the log stands for, events that say so), after the reader's last delay."""
    for _ in range(40):
        time.sleep(0.2)
        with open(log, encoding="utf-8") as lines:
            events = [json.loads(line) for line in lines]
        denials = [e for e in events if e["blocked"] or e["event_type"] == "connections_suppressed"]
        counted = sum(e.get("count", 1) for e in denials)
        if counted >= n:
            break
    return counted, len(denials)


def denials(stage):
    n, n_ports = 2000, 20 if stage.quick else 100
    with contextlib.ExitStack() as stack:
        pair = Pair(stage, stack)
        began, used = time.monotonic(), pair.confined.cpu_ns()
        for port in range(n_ports):
            measure(pair.confined, "connect", REFUSED, 9000 + port, n, outcome="refused")
        seconds = time.monotonic() - began
        share = (pair.confined.cpu_ns() - used) / 1e9 / seconds
        counted, events = count_denied(pair.log, n * n_ports)
    return [Row(f"{n * n_ports} refused connections in a loop, {n * n_ports / seconds:.0f} per second: processor time of "
                "cargowall", f"{share:.2f} of one ({counted} counted by {events} events)", "0.1", "0.2")]


def udp(stage):
    n, n_rounds = (2000, 21) if stage.quick else (4000, 61)
    rows = []
    with contextlib.ExitStack() as stack:
        pair = Pair(stage, stack)
        for command, what, target, limit in (("send", "UDP send, connected", "1.04", "1.05"),
                                             ("sendto", "UDP sendto, unconnected", "", "")):
            times = rounds(n_rounds, cases_of(pair, command, PORT_DISCARD, n, {"lease": NAMED, "network": SERVER}))
            rows.append(Row(f"{what}, A against A", noise(times), "noise", ""))
            rows.append(Row(f"{what}, all hooks", ratio(compare(times, "lease")), target, limit))
    return rows


def bulk(stage):
    n, n_rounds = (64, 7) if stage.quick else (128, 21)
    with contextlib.ExitStack() as stack:
        pair = Pair(stage, stack)
        times = rounds(n_rounds, cases_of(pair, "bulk", PORT_STREAM, n, {"lease": NAMED}))
    return [
        Row(f"bulk TCP, {n} MB, A against A: time; CPU of the sender", noise(times) + "; " + noise(times, 1), "noise",
            ""),
        Row("bulk TCP, all hooks: time; CPU of the sender",
            ratio(compare(times, "lease")) + "; " + ratio(compare(times, "lease", which=1)), "inside A/A", ""),
    ]
