# SPDX-License-Identifier: Apache-2.0
"""The fuzzer of socket calls, for `cargowall run` and for a unit: its programs, the witness, the outcome."""

import contextlib
import json
import os
import pathlib
import queue
import secrets
import shutil
import subprocess
import threading

import plan
from lab import LabError, die_with_parent, wait_until

HERE = pathlib.Path(__file__).resolve().parent
NAME = "example.com"  # allowed at PORT_NAME, and GITHUB4 and GITHUB6 at PORT_CIDR
PORT_CIDR, PORT_NAME = 7777, 7778  # as in values.h
WORKERS, BEFORE_SECONDS = 4, 0.25  # how far back the cause of a frame is searched
SHOWN = 10


def compile_programs(directory):
    """job and witness, for the addresses of the lab. $SOCKET_FUZZ_PROGRAMS: a directory that has them."""
    if existing := os.environ.get("SOCKET_FUZZ_PROGRAMS"):
        for program in ("job", "witness"):
            shutil.copy(pathlib.Path(existing) / program, directory)
        return
    names = {"ADDR": "GITHUB", "NAME": "EXAMPLE", **{n: n for n in ("CLIENT", "GATEWAY", "EVIL", "NAMELESS", "RESOLVER",
                                                                    "FOREIGN")}}
    values = {f"{name}{ip}": getattr(plan, f"{source}{ip}") for name, source in names.items() for ip in (4, 6)}
    values |= {"MARK4": plan.MARK4, "NAME": NAME}
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-pthread",
             *(f'-D{name}="{value}"' for name, value in values.items())]
    programs = {"job": ("job", "calls", "entry32", "ring", "values"), "witness": ("witness", "frame")}
    for program, sources in programs.items():
        done = subprocess.run(["cc", *flags, "-o", directory / program, *(HERE / f"{s}.c" for s in sources)],
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise LabError(f"cc:\n{done.stderr}")


class Witness:
    """Judges what the client's namespace of the lab sends."""

    def __init__(self, lab):
        self.lab, self.lines = lab, queue.Queue()
        own, router = (self.link_local(enter) for enter in (lab.in_client, lab.in_internet))
        self.process = subprocess.Popen(lab.in_internet(lab.dir / "client" / "witness", "eth0", own, router), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent,
                                        start_new_session=True)
        if self.process.stdout.readline() != "ready\n":
            raise LabError("the witness did not start")
        threading.Thread(target=self.read, daemon=True).start()

    @staticmethod
    def link_local(enter):
        def address():
            done = subprocess.run(enter("ip", "-json", "-6", "addr", "show", "dev", "eth0", "scope", "link"),
                                  stdout=subprocess.PIPE, check=True)
            found = [a for link in json.loads(done.stdout) for a in link.get("addr_info", [])
                     if "local" in a and not a.get("tentative")]
            return found and found[0]["local"]
        return wait_until(address, "a link-local address")

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put({"counts": None})

    def report(self):
        """(counts, violations) since the last report; all that was sent before is in it."""
        mark, violations = secrets.token_hex(8), []
        self.process.stdin.write(mark + "\n")
        self.process.stdin.flush()
        self.lab.marker.sendto(mark.encode(), (plan.MARK4, plan.MARK_PORT))
        with contextlib.suppress(queue.Empty):
            while "counts" not in (line := self.lines.get(timeout=60)):
                violations.append(line)
            if line["counts"] and not line["counts"]["lost"]:
                return line["counts"], violations
        raise LabError("the witness is not reliable: it ended or lost frames")

    def close(self):
        self.process.kill()
        self.process.wait()


class Outcome:
    """Of one job: what it reports, what the witness saw."""

    def __init__(self, seed, seconds, report, seen):
        self.seed, self.seconds, self.job = seed, seconds, json.loads(report.splitlines()[-1])
        self.counts, self.violations = seen

    def fault(self, families=None, replay=False):
        """Why this run is not as it should be, or None. families: of which sockets can be created."""
        if self.counts["violations"]:
            return f"{self.counts['violations']} frames left that should not"
        if families and (strange := set(self.job["families"]) - families):
            return f"sockets of the families {sorted(strange)}"
        if not replay and not (self.counts["arrived_udp"] and self.counts["arrived_tcp"]):
            return "nothing arrived where it may: this shows nothing"
        return None

    def text(self):
        job, counts = self.job, self.counts
        return (f"seed {self.seed}, {self.seconds} s: {job['sequences']} sequences, {job['calls']} calls "
                f"({job['succeeded']} succeeded), {job['left']} processes left; frames: {counts['allowed']} to allowed "
                f"destinations (payloads: {counts['arrived_udp']} UDP, {counts['arrived_tcp']} TCP), "
                f"{counts['queries']} queries, {counts['neighbors']} to neighbors, {counts['refusals']} refusals")

    def sequences(self, violation):
        """(first, last) sequence that may have caused it: from the token, from a destination that contains the number,
        or by time."""
        progress = self.job["progress"]
        if violation["token"]:
            return violation["sequence"], violation["sequence"]
        frame = bytes.fromhex(violation["frame"])
        if frame[12:14] == b"\x86\xdd" and frame[38:48] == bytes.fromhex("20010db80113000f0000"):
            number = int.from_bytes(frame[50:54], "big")
            return number, number
        before = [n for at, n in progress if at <= violation["at"] - BEFORE_SECONDS]
        after = [n for at, n in progress if at >= violation["at"]]
        return max(0, (before or [0])[-1] - WORKERS), (after or [progress[-1][1]])[0]

    def show(self, again):
        """The first violations as comments of TAP. again: the command that repeats a sequence."""
        began = self.job["progress"][0][0]
        for v in self.violations[:SHOWN]:
            first, last = self.sequences(v)
            print(f"# {v['why']}: {v['at'] - began:.3f} s after the start, {v['size']} bytes: {v['frame']}")
            if v["token"]:
                print(f"#   token: sequence {v['sequence']}, call {v['call']}, for {v['intended']}")
            print(f"#   again: {again} --seed {self.seed} --steps {first if first == last else f'{first}-{last}'}")
        if len(self.violations) > SHOWN:
            print(f"# and {len(self.violations) - SHOWN} more")
