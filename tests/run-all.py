#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs all test programs of one or more build directories and counts what they say in TAP.

run-all.py all|quick|release BUILD [SANITIZED-BUILD]. release: only what another release's compiler and libraries can
change, without the kernel. run-all.py packages: what tests/packaging/run does. Prints failures with their output, skips with their reason, and closes
with "N passed, N failed, N skipped". A program that dies, prints no test at all or runs out of time is a failure.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TAP_LINE = re.compile(r"^(not )?ok\b[ \t]*\d*[ \t]*-?[ \t]*(.*?)(?:[ \t]+#[ \t]*SKIP\b[ \t]*(.*))?$", re.IGNORECASE)
LIMIT_SECONDS = 2400
BEGAN = time.monotonic()


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def line(self, title, line):
        """Counts one line of TAP; False when it is none."""
        match = TAP_LINE.match(line)
        if not match:
            return False
        failed, name, skip = match.groups()
        if skip is not None:
            self.skipped += 1
            print(f"   skipped  {title}: {name}: {skip or 'no reason given'}")
        elif failed:
            self.failed += 1
            print(f"   FAILED   {title}: {name}")
        else:
            self.passed += 1
        return True

    def fail(self, title, why, output):
        self.failed += 1
        print(f"   FAILED   {title}: {why}")
        print("\n".join("      | " + line for line in output.splitlines()[-60:]))


class Program:
    """A test program that was started; use it in a with statement."""

    def __init__(self, command, env=None):
        self.file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                        stdout=self.file, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            if not self.wait(60):
                self.process.kill()
                self.process.wait()
        self.file.close()

    def wait(self, seconds=LIMIT_SECONDS):
        """False if it has not ended within this time."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def output(self):
        self.file.seek(0)
        return self.file.read().decode(errors="replace")


def run(counts, title, command, env=None, tap=True, seconds=LIMIT_SECONDS):
    with Program(command, env) as program:
        finish(counts, title, program, tap, seconds)


def finish(counts, title, program, tap=True, seconds=LIMIT_SECONDS):
    seconds_gone = int(time.monotonic() - BEGAN)
    print(f"-- {seconds_gone // 60:2}:{seconds_gone % 60:02}  {title}", flush=True)
    failed_before, n = counts.failed, 0
    if not program.wait(seconds):
        counts.fail(title, f"no end after {seconds} s", program.output)
        return
    output, done = program.output, program.process
    whole_skip = re.search(r"^1\.\.0[ \t]*#[ \t]*SKIP[ \t]*(.*)$", output, re.IGNORECASE | re.MULTILINE)
    if whole_skip and done.returncode in (0, 77):
        counts.skipped += 1
        print(f"   skipped  {title}: {whole_skip.group(1)}")
        return
    if not tap:
        status = {0: "ok 1", 77: f"ok 1 # SKIP {output.strip()}"}.get(done.returncode)
        if status is None:
            counts.fail(title, f"exit status {done.returncode}", output)
        else:
            counts.line(title, status)
        return
    for line in output.splitlines():
        n += counts.line(title, line)
    if counts.failed > failed_before:
        print("\n".join("      | " + line for line in output.splitlines() if not re.match(r"^ok\b", line)))
    elif done.returncode != 0:
        counts.fail(title, f"exit status {done.returncode}", output)
    elif n == 0:
        counts.fail(title, "ran no test", output)


def run_meson_tests(counts, build, sanitized, with_kernel):
    """Every test the build knows, one by one, as Check programs and corpus replays print TAP."""
    tests = json.loads(subprocess.check_output(["meson", "introspect", "--tests", build]))
    for test in tests:
        if not with_kernel and "cargowall:bpf" in test["suite"]:
            continue
        env = {**test["env"], "CK_TAP_LOG_FILE_NAME": "-", "CK_VERBOSITY": "silent"}
        if sanitized:
            # One process, so that leaks are seen where they are made.
            env |= {"CK_FORK": "no", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
        run(counts, f"{build}: {test['name']}", test["cmd"], env, tap=test["protocol"] == "tap")


def run_builds(counts, what, builds):
    for i, build in enumerate(builds):
        programs = {"CARGOWALL": str(ROOT / build / "cargowall"), "CARGOWALLCTL": str(ROOT / build / "cargowallctl"),
                    "BUS_SERVER": str(ROOT / build / "tests" / "bus-server")}
        run_meson_tests(counts, build, sanitized=i > 0, with_kernel=what != "release")
        run(counts, f"{build}: bus", [sys.executable, "tests/daemon/test_bus.py"], programs)
        run(counts, f"{build}: cargowallctl", [sys.executable, "tests/ctl/test_ctl.py"], programs)
        if i == 0:
            run(counts, "verbs", [sys.executable, "tests/ctl/check_verbs.py"], programs)
        if what == "all":
            run(counts, f"{build}: end to end", ["tests/e2e/run"], programs)


def main():
    what, builds = sys.argv[1], sys.argv[2:]
    counts = Counts()
    if what == "packages":
        run(counts, "packages", ["tests/packaging/run"], seconds=4 * LIMIT_SECONDS)
    elif what != "release":
        run(counts, "layers", [sys.executable, "tests/check-includes.py", "."])
        run(counts, "words", [sys.executable, "tests/check-words.py", "."])
        run(counts, "hooks", [sys.executable, "tests/check-hooks.py", "."])
        run(counts, "scripts", ["tests/check-scripts"])
        run(counts, "units and their files", [sys.executable, "tests/packaging/test_units.py"])
        run(counts, "versions", [sys.executable, "tests/packaging/check_versions.py"])
        run(counts, "release", [sys.executable, "tests/packaging/test_release.py"])
    # Beside the others, because a machine that boots mostly waits.
    with Program(["tests/system/run"] if what == "all" else ["true"]) as machines:
        run_builds(counts, what, builds)
        if what == "all":
            finish(counts, "booted machines", machines)
    if what == "all":  # alone: beside it, nothing else comes forward, with hundreds of tasks that run
        run(counts, "random socket calls", ["tests/attacks/socket-fuzz"], {"CARGOWALL": str(ROOT / builds[0] / "cargowall")})
    print(f"\n{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return 1 if counts.failed or not counts.passed else 0


if __name__ == "__main__":
    sys.exit(main())
