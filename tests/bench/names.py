# SPDX-License-Identifier: Apache-2.0
"""DNS: CPU time per query of the server process, ours and dnsmasq's, with the same client and the same upstream."""

import contextlib
import statistics

from figures import Row, megabytes, of_pairs, ratio, rotated
from stage import FIRST_CPU, SERVER, ZONE, BenchError

WINDOW = 64
HOSTS = 1000


class Load:
    """A client that keeps one server busy."""

    def __init__(self, server, client):
        self.server, self.client = server, client

    def ask(self, letter, first, count, modulo=1000000, window=WINDOW):
        """CPU ns per query, part of the time the server was busy, what became of the queries, and the time in ns that
        99 of 100 answers do not exceed."""
        before = self.server.cpu_ns()
        ns, *counts, slow = self.client.ask("ask", letter, ZONE, first, count, modulo, window)
        cpu = self.server.cpu_ns() - before
        return cpu / count, cpu / ns, counts, slow

    def measure(self, *args, **options):
        cpu, busy, (answered, refused, failed, lost), slow = self.ask(*args, **options)
        if refused or failed or lost or not answered:
            raise BenchError(f"{self.server.title}: {answered} answered, {refused} refused, {failed} failed, "
                             f"{lost} lost")
        return cpu, busy, slow


def start_ours(stage, stack, log=True):
    policy = stage.policy(hosts=HOSTS, extra=[("hostname", ZONE)])
    options = ("--log", stage.path(".ndjson")) if log else ()
    argv = [*stage.cargowall(policy, *options), stage.program("resolve"), SERVER]
    server = stage.talk("client", argv, cpu=FIRST_CPU, stack=stack)
    return Load(server, server)


def start_dnsmasq(stage, stack):
    server = stage.dnsmasq(stack)
    return Load(server, stage.talk("client", [stage.program("resolve"), "127.0.0.1"], stack=stack))


def microseconds(values):
    return f"{statistics.median(values) / 1000:.1f} us"


class Rounds:
    """What the same load took of each server, in every round."""

    def __init__(self, names):
        self.cpu, self.busy, self.slow = ({name: [] for name in names} for _ in range(3))

    def add(self, name, measured):
        for values, value in zip((self.cpu, self.busy, self.slow), measured):
            values[name].append(value)

    def against_dnsmasq(self, values):
        both = [(a + b) / 2 for a, b in zip(values["theirs"], values["again"])]
        return ratio(of_pairs(values["ours"], both))

    def rows(self, what, target, limit):
        cpu, slow = self.cpu, self.slow
        return [
            Row(f"{what}: dnsmasq, A against A", ratio(of_pairs(cpu["theirs"], cpu["again"])), "noise", ""),
            Row(f"{what}: CPU per query against dnsmasq ({microseconds(cpu['ours'])} to {microseconds(cpu['theirs'])}, "
                f"busy {statistics.median(self.busy['ours']):.0%})", self.against_dnsmasq(cpu), target, limit),
            Row(f"{what}: time that 99 of 100 answers do not exceed, {WINDOW} in flight ({microseconds(slow['ours'])} to "
                f"{microseconds(slow['theirs'])}; A against A: {ratio(of_pairs(slow['theirs'], slow['again']))})",
                self.against_dnsmasq(slow), "1.0", ""),
        ]


def hit(stage):
    n, n_rounds = (10000, 5) if stage.quick else (10000, 15)
    with contextlib.ExitStack() as stack:
        loads = {"theirs": start_dnsmasq(stage, stack), "ours": start_ours(stage, stack)}
        loads["again"] = loads["theirs"]
        for load in loads.values():
            load.measure("u", 0, 2000, modulo=1000)
        rounds = Rounds(loads)
        for i in range(n_rounds):
            for name in rotated(loads, i):
                rounds.add(name, loads[name].measure("u", 0, n, modulo=1000))
    return rounds.rows("DNS, cached answer", "0.6", "0.75")


def miss(stage):
    """Every name new, with an address of its own: a lease is written for each. Fresh servers each round."""
    n, n_rounds = (6000, 3) if stage.quick else (6000, 9)
    starts = {"theirs": start_dnsmasq, "ours": start_ours, "again": start_dnsmasq}
    rounds = Rounds(starts)
    for i in range(n_rounds):
        for name in rotated(starts, i):
            with contextlib.ExitStack() as stack:
                load = starts[name](stage, stack)
                load.measure("u", 0, 500)
                rounds.add(name, load.measure("u", 500, n))
    return rounds.rows("DNS, miss with a lease written", "0.66", "0.75")


def full(stage):
    """The cache holds 10,000 answers. Names share 256 addresses, so that the leases stay few."""
    n_rounds = 2 if stage.quick else 5
    ratios = []
    for _ in range(n_rounds):
        with contextlib.ExitStack() as stack:
            load = start_ours(stage, stack)
            load.measure("s", 0, 500)
            room, *_ = load.measure("s", 500, 5000)
            load.measure("s", 5500, 7000)
            no_room, *_ = load.measure("s", 12500, 5000)
        ratios.append(no_room / room)
    return [Row("DNS, miss with a full cache against not full", ratio(ratios), "1.1", "1.2")]


def flood(stage):
    """100,000 unique names below one rule, once with 256 addresses among them, once with one each."""
    figures = []
    for letter, what in (("s", "256 addresses"), ("u", "an address each")):
        with contextlib.ExitStack() as stack:
            load = start_ours(stage, stack)
            load.measure("v", 0, 1)  # leased before the flood
            load.ask(letter, 0, 20000)
            before, _ = load.server.resident()
            _, _, (answered, refused, failed, lost), _ = load.ask(letter, 20000, 80000)
            after, _ = load.server.resident()
            load.measure("v", 0, 1)
        figures.append(f"{what}: {megabytes(before)} after 20,000, {megabytes(after)} after 100,000 "
                       f"({answered} of the last 80,000 answered, {refused + failed} refused, {lost} lost)")
    return [Row("100,000 unique names below one rule: resident memory", "; ".join(figures), "bounded", "")]


def memory(stage):
    with contextlib.ExitStack() as stack:
        load = start_ours(stage, stack)
        load.measure("u", 0, 1)
        before, own_before = load.server.resident()
        load.measure("u", 1, 9999)
        after, own_after = load.server.resident()
    return [Row("resident memory with 10,000 leased names (with one); anonymous part",
                f"{megabytes(after)} ({megabytes(before)}); {megabytes(own_after)} ({megabytes(own_before)})", "8 MB",
                "12 MB")]
