# SPDX-License-Identifier: Apache-2.0
"""The system service, on a booted machine of tests/system: what its start, its successor, its idleness, its memory, a
reload and a question over the bus cost. The machine has the package and 10,000 networks for its host policy."""

import contextlib
import os
import pathlib
import shutil
import signal
import statistics
import sys
import time

import tracefs
from figures import Row, megabytes, spread
from stage import ROOT, ZONE, BenchError

sys.path[:0] = [str(ROOT / "tests" / part) for part in ("system", "e2e", "e2e/client")]

from base import Unavailable  # noqa: E402
from deb import Debs  # noqa: E402
from lab import LabError, wait_until  # noqa: E402
from rig import POLICY, SERVICE, Rig, Sender, main_pid, wait_active, wait_restarted  # noqa: E402

NETWORKS = 10000
HOST = "/etc/cargowall/policy.json"
TOOLS = "/usr/local/lib/bench"
UPSTREAM = "127.0.0.77"      # bench-upstream, in the machine itself
QUESTIONED = "198.51.100.1"  # asked by bench-resolve; the service answers in its place
IDLE_SECONDS = 20
TICK_SECONDS = 8             # memory that a start took goes back to the system
SETTLE_SECONDS = 1           # resolved is restarted, old entries are collected
# MESSAGE_ID_ENFORCEMENT_STARTED, _RESUMED: src/event/message-id.h
READY_MESSAGES = ("7d7c0ef51da348408e46a528aeddc860", "4dad0ac9b01346a49c81d452866864ff")


def policy(kind=None):
    """Two kinds, which share nothing but what they say of the sender's destinations; or without the networks."""
    if kind is None:
        return {**POLICY, "rules": [*POLICY["rules"], {"type": "hostname", "value": ZONE, "action": "allow"}]}
    rules = [{"type": "cidr", "value": f"{60 + kind}.{i >> 8}.{i & 255}.0/24", "action": "allow",
              "ports": [443, 1000 + i % 50]} for i in range(NETWORKS)]
    return {**policy(), "rules": [*policy()["rules"], *rules]}


def milliseconds(values):
    median, low, high = spread(values)
    return f"{median * 1e3:.1f} ms ({low * 1e3:.1f} to {high * 1e3:.1f})"


def short(values):
    return f"{statistics.median(values) * 1e3:.1f}"


class Machine:
    """A booted machine with the service. Times are seconds of CLOCK_MONOTONIC."""

    def __init__(self, stage):
        self.stage, self.stack = stage, contextlib.ExitStack()

    def __enter__(self):
        with self.stack:
            try:
                self.rig = self.stack.enter_context(Rig(Debs()))
                self.c = self.rig.boot(policy=policy(0), prepare=self._add_tools, conf=f"[DNS]\nUpstream={UPSTREAM}\n")
            except (Unavailable, LabError, AssertionError) as error:
                raise BenchError(str(error)) from None
            self.trace = tracefs.Tracefs(self.stack, self.rig.directory)
            self.settle()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *exc_info):
        return self.stack.__exit__(*exc_info)

    def _add_tools(self, c):
        c.path(TOOLS).mkdir(parents=True)
        for name in ("bus", "resolve", "upstream"):
            shutil.copy(self.stage.program(name), c.path(f"{TOOLS}/bench-{name}"))
        # It ends with its stdin. The sender's names get addresses from it that the sender does not use.
        c.put("/etc/systemd/system/bench-upstream.service",
              f"[Service]\nExecStart=/bin/sh -c 'sleep infinity | exec {TOOLS}/bench-upstream {UPSTREAM}'\n")
        wants = c.path("/etc/systemd/system/multi-user.target.wants/bench-upstream.service")
        wants.parent.mkdir(parents=True, exist_ok=True)
        wants.symlink_to("../bench-upstream.service")

    def settle(self):
        wait_active(self.c)
        wait_active(self.c, "systemd-resolved.service")
        time.sleep(SETTLE_SECONDS)

    # -- the service's process

    def pid(self):
        """The main process, as this side counts."""
        inside, namespace = main_pid(self.c), os.readlink(f"/proc/{self.c.leader}/ns/pid")
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                numbers = self.status(path)["NSpid"]
                if numbers[-1] == str(inside) and os.readlink(path / "ns/pid") == namespace:
                    return int(path.name)
        raise BenchError("the service's process is not found")

    @staticmethod
    def status(path):
        lines = (path / "status").read_text(encoding="utf-8").splitlines()
        return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}

    def memory(self):
        """Resident bytes: all, and of them anonymous, of files and maps, shared (the state that outlives a process); then
        all again with each page divided by how many processes map it."""
        path = pathlib.Path(f"/proc/{self.pid()}")
        status = self.status(path)
        share = next(line.split()[1] for line in (path / "smaps_rollup").read_text(encoding="ascii").splitlines()
                     if line.startswith("Pss:"))
        return [int(status[key][0]) * 1024 for key in ("VmRSS", "RssAnon", "RssFile", "RssShmem")] + [int(share) * 1024]

    # -- what it does

    def ready_since(self, began):
        """When the service became ready: its event comes right after it has said so. By the kernel's stamp."""
        def look():
            offset = time.time() - time.monotonic()
            for entry in self.c.journal("-n", "4", *(f"MESSAGE_ID={m}" for m in READY_MESSAGES)):
                at = int(entry["_SOURCE_REALTIME_TIMESTAMP"]) / 1e6 - offset
                if at > began:
                    return at
            return None
        return wait_until(look, "the event of a start in the journal")

    def bus(self, *argv):
        """Seconds of each call."""
        return [int(line) / 1e9 for line in self.c.check(f"{TOOLS}/bench-bus", *argv, seconds=110).split()]

    @contextlib.contextmanager
    def client(self):
        """A line to bench-resolve in a cgroup of its own, which the service judges like any other."""
        process = self.c.start(f"{TOOLS}/bench-resolve", QUESTIONED).process

        def ask(*words):
            process.stdin.write((" ".join(map(str, ("ask", *words))) + "\n").encode())
            process.stdin.flush()
            return [int(word) for word in process.stdout.readline().split()]
        try:
            yield ask
        finally:
            process.stdin.close()
            process.wait(20)


def machine(stage):
    """One for all benchmarks of a run."""
    if not hasattr(stage, "machine"):
        stage.machine = stage.stack.enter_context(Machine(stage))
    return stage.machine


# ------------------------------------------------------------------ start

STEPS = ("libraries, configuration, policy", "programs", "policy into the maps", "links", "self-test, descriptor store")


def steps(calls, began, ready):
    """Seconds of each of STEPS, by the system calls of the process that was executed after began; None without them."""
    for of_process in calls.values():
        exec_at = next((c.at for c in of_process if c.what == "exec" and c.text.endswith("/cargowalld")), None)
        bpf = [c for c in of_process if c.what == "bpf"]
        links = [c for c in bpf if c.number in (tracefs.LINK_CREATE, tracefs.LINK_UPDATE)]
        if exec_at is None or exec_at < began or not links:
            continue
        loads = [c for c in bpf if c.number == tracefs.PROG_LOAD and c.at < links[0].at]
        ends = [exec_at, bpf[0].at, loads[-1].until, links[0].at, links[-1].until, ready]
        return [b - a for a, b in zip(ends, ends[1:])]
    return None


def say_steps(found):
    found = [f for f in found if f]
    if not found:
        return "no tracing here: no split"
    return ", ".join(f"{name} {short(values)}" for name, values in zip(STEPS, zip(*found)))


def measure_start(m, action):
    """action(m) ends the service and has it started. Seconds from there, from exec, and the steps."""
    m.trace.begin()
    began, old = time.monotonic(), main_pid(m.c)
    action(m)
    wait_restarted(m.c, old)
    job = int(m.c.prop(SERVICE, "InactiveExitTimestampMonotonic")) / 1e6
    ready = m.ready_since(job)
    split = steps(m.trace.end(), began, ready)
    m.settle()
    return ready - began, ready - job, sum(split) if split else ready - job, split


def stop_and_start(m):
    m.c.check("systemctl", "stop", SERVICE)
    m.c.check("systemctl", "start", SERVICE)


def crash(m):
    os.kill(m.pid(), signal.SIGKILL)


def ready(stage):
    m = machine(stage)
    n = 3 if stage.quick else 9
    starts = [measure_start(m, stop_and_start) for _ in range(n)]
    crashes = [measure_start(m, crash) for _ in range(n)]
    restart = m.c.prop(SERVICE, "RestartUSec")
    return [
        Row("service: start to ready, 10,000 networks, from exec", milliseconds([s[2] for s in starts]), "100 ms", ""),
        Row(f"of it: {say_steps([s[3] for s in starts])} ms; from the start of the systemd job, including the sandbox",
            milliseconds([s[1] for s in starts]), "", ""),
        Row("service: successor ready after SIGKILL, from its exec", milliseconds([s[2] for s in crashes]), "100 ms",
            ""),
        Row(f"of it: {say_steps([s[3] for s in crashes])} ms; from the signal, including systemd's delay of {restart}",
            milliseconds([s[0] for s in crashes]), "", ""),
    ]


# ------------------------------------------------------------------ idle, memory

def cpu_seconds(pid):
    """All threads, by the scheduler's own account to the nanosecond: schedstats in the kernel's documentation."""
    threads = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(t.read_text(encoding="ascii").split()[0]) for t in threads) / 1e9


def idle(stage):
    m = machine(stage)
    seconds = 10 if stage.quick else IDLE_SECONDS
    m.settle()
    pid = m.pid()
    path = pathlib.Path(f"/proc/{pid}")
    cpu, switches = cpu_seconds(pid), int(m.status(path)["voluntary_ctxt_switches"][0])
    time.sleep(seconds)
    cpu, switches = cpu_seconds(pid) - cpu, int(m.status(path)["voluntary_ctxt_switches"][0]) - switches
    return [Row(f"service: idle for {seconds} s beside systemd-resolved: CPU; wake-ups",
                f"{cpu * 1e3:.1f} ms, {cpu / seconds:.3%} of a core; {switches / seconds:.1f} a second", "0 %", "")]


def lease(ask, first, count):
    _, answered, refused, failed, lost = ask("u", ZONE, first, count, 1000000, 64)
    if answered != count:
        raise BenchError(f"{answered} answered, {refused} refused, {failed} failed, {lost} lost")


def resident_with(m, document):
    """With one leased name, and with 10,000."""
    m.c.put(HOST, document)
    stop_and_start(m)
    m.settle()
    with m.client() as ask:
        lease(ask, 0, 1)
        time.sleep(TICK_SECONDS)
        before = m.memory()
        lease(ask, 1, 9999)
        return before, m.memory()


def resident(stage):
    m = machine(stage)

    def say(figures):
        whole, *parts, share = figures
        return f"{megabytes(whole)}: " + " + ".join(f"{n / 1e6:.1f}" for n in parts) + f", share {share / 1e6:.1f}"
    small, large = resident_with(m, policy()), resident_with(m, policy(0))
    return [
        Row("service: resident memory with 10,000 leased names (with one): total: anonymous + files and maps + state; "
            "proportional share (Pss)", f"{say(small[1])} ({say(small[0])})", "8 MB", "12 MB"),
        Row("the same with 10,000 networks", f"{say(large[1])} ({say(large[0])})", "", ""),
    ]


# ------------------------------------------------------------------ reload, explain

def map_writes(calls):
    """Seconds from the first write of a batch to the last one's end, by the process that made the most calls."""
    batches = [[c for c in of_process if c.what == "bpf" and c.number == tracefs.MAP_UPDATE_BATCH]
               for of_process in calls.values()]
    most = max(batches, key=len, default=[])
    return most[-1].until - most[0].at if most else None


def reload(stage):
    m = machine(stage)
    n = 6 if stage.quick else 20
    stop_and_start(m)  # without the leases of another benchmark
    m.settle()

    def some(first):
        times, writes = [], []
        for i in range(first, first + n):
            m.c.put(HOST, policy((i + 1) % 2))
            m.trace.begin()
            times += m.bus("reload")
            writes.append(map_writes(m.trace.end()))
            time.sleep(0.2)
        return times, [w for w in writes if w is not None]
    alone, writes = some(0)
    sender = Sender(m.c, m.rig)
    busy, busy_writes = some(n)
    sender.advance(rounds=5, answers=0)
    counts = sender.stop()
    with m.client() as ask:
        lease(ask, 0, 10000)
        leased, _ = some(2 * n)
    right, wrong = counts["allowed_ok"] + counts["denied_refused"], counts["allowed_refused"] + counts["denied_passed"]
    if not counts["allowed_ok"] or not counts["denied_refused"]:
        raise BenchError(f"the sender: {counts}")
    kernel = f"{short(writes)} ms without the sender, {short(busy_writes)} ms with it" if writes else "not measured"
    return [
        Row("service: Reload over the bus, 10,000 networks for 10,000 others, without load",
            milliseconds(alone), "", ""),
        Row(f"the same with a sender that never stops (of which map writes: {kernel})",
            f"{milliseconds(busy)}, longest {max(busy) * 1e3:.1f} ms", "50 ms", ""),
        Row("meanwhile: attempts judged incorrectly", f"{wrong} of {right + wrong}", "0", ""),
        Row("the same with 10,000 leased names, whose addresses are also judged and written again",
            milliseconds(leased), "", ""),
    ]


def explain(stage):
    m = machine(stage)
    n = 300 if stage.quick else 1000
    both = m.bus("explain", n, "60.20.30.40", f"{ZONE}")
    ping = m.bus("ping", n)

    def say(values):
        median, low, high = spread(values)
        return f"{median * 1e6:.0f} us ({low * 1e6:.0f} to {high * 1e6:.0f})"
    return [Row(f"service: Explain over the bus, {n} calls: an address of the 10,000 networks; a name "
                f"(a Ping: {say(ping)})", f"{say(both[::2])}; {say(both[1::2])}", "1 ms", "")]


BENCHMARKS = {"ready": ready, "idle": idle, "resident": resident, "reload": reload, "explain": explain}
