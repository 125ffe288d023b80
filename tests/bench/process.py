# SPDX-License-Identifier: Apache-2.0
"""Start, policy swap, events, verifier: figures of the program itself."""

import os
import statistics
import tempfile

from figures import Row, rotated, spread
from stage import REFUSED, SERVER, BenchError


def milliseconds(values):
    median, low, high = spread(values)
    return f"{median / 1e6:.1f} ms ({low / 1e6:.1f} to {high / 1e6:.1f})"


def start(stage):
    """From exec of cargowall to COMMAND's main(), less what COMMAND alone takes."""
    n_rounds = 5 if stage.quick else 15
    stamp = [stage.program("start"), "--stamp"]
    cases = {
        "alone": stamp,
        "empty": [*stage.cargowall(stage.policy()), *stamp],
        "1,000 host rules": [*stage.cargowall(stage.policy(hosts=1000)), *stamp],
        "10,000 networks": [*stage.cargowall(stage.policy(networks=10000)), *stamp],
    }
    limits = {"empty": ("", ""), "1,000 host rules": ("60 ms", "100 ms"), "10,000 networks": ("100 ms", "200 ms")}
    times = {name: [] for name in cases}
    for i in range(n_rounds):
        for name in rotated(cases, i):
            times[name].append(int(stage.run("client", [stage.program("start"), *cases[name]])))
    alone = statistics.median(times["alone"])
    return [Row(f"start to enforcing, {name}", milliseconds([t - alone for t in times[name]]), *limits[name])
            for name in limits]


def swap(stage):
    output = stage.run("client", [stage.program("swap"), SERVER, REFUSED, 10 if stage.quick else 30])
    lines = [line.split() for line in output.splitlines()]
    swaps = [int(line[1]) for line in lines if line[0] == "swap"]
    barrier = next(int(line[1]) for line in lines if line[0] == "barrier")
    done, wrongly_refused, refused, wrongly_passed, failed = (int(n) for n in lines[-1][1:])
    if failed or not done or not refused:
        raise BenchError(f"the sender: {done} done, {refused} refused, {failed} failed")
    return [
        Row(f"policy swap, 10,000 networks for 10,000 others ({barrier / 1e6:.1f} ms of it wait for RCU)",
            f"{milliseconds(swaps)}, longest {max(swaps) / 1e6:.1f} ms", "50 ms", ""),
        Row("meanwhile in the cgroup: allowed but refused; denied but passed",
            f"{wrongly_refused} of {done}; {wrongly_passed} of {refused}", "0; 0", ""),
    ]


def events(stage):
    """The file is in memory where there is a tmpfs for it: the figure is the program's, not the disk's."""
    directory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else stage.directory
    with tempfile.TemporaryDirectory(prefix="bench-", dir=directory) as parent:
        output = stage.run("client", [stage.program("events"), f"{parent}/log", 10 if stage.quick else 40])
    rows = [[float(word) for word in line.split()] for line in output.splitlines()]
    rates = {name: spread([1e3 / row[i] for row in rows]) for i, name in enumerate(("encoder", "file"))}
    encoder, file = (f"{median:.2f} M/s ({low:.2f} to {high:.2f})" for median, low, high in rates.values())
    return [
        Row(f"events to NDJSON, one core, {rows[0][2]:.0f} bytes a line", file, "at least 1 M/s", "at least 0.6 M/s"),
        Row("the encoder alone", encoder, "", ""),
    ]


def verifier(stage):
    programs = [line.split() for line in stage.run("client", [stage.program("programs")]).splitlines()]
    counts = {name: int(n) for name, n, _ in programs if name != "load"}
    if not counts:
        raise BenchError("no program was loaded")
    # 1,000,000 instructions: BPF_COMPLEXITY_LIMIT_INSNS in linux/bpf.h
    listed = ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda item: -item[1]))
    return [Row(f"verifier instructions, the most of {len(counts)} programs, of 1,000,000 ({listed})",
                f"{max(counts.values()) / 1e4:.2f} %", "5 %", "10 %")]
