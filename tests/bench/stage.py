# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a veth pair, and the programs that run in them.

The namespaces have no names and no way to the host's: they live as long as the two processes that hold them, which die
with this one at the latest. Everything started is a child and is ended by its pid. All files are in one temporary
directory."""

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = ("ip", "unshare", "nsenter", "dnsmasq")
READY_SECONDS = 20
END_SECONDS = 5
FIRST_CPU, LAST_CPU = 0, (os.cpu_count() or 1) - 1

CLIENT = "198.18.0.1"      # RFC 2544: for benchmarks
SERVER = "198.18.0.2"      # bench-sink and bench-upstream
REFUSED = "198.18.0.6"     # the server as well, but no rule allows it
UNREACHABLE = "198.51.100.1" # without a route
NAMED = "20.127.0.1"       # the server as well, as bench-upstream has it for v<N>; public, as answers have to be
ZONE = "bench.example"


class BenchError(Exception):
    pass


class Talker:
    """A child that answers each line with one line."""

    def __init__(self, process, title):
        self.process, self.title, self.pid = process, title, process.pid

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"{self.title} ended with status {self.process.wait()}: {self.errors()}")
        return line.split()

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return [int(word) for word in self.read_line()]

    def errors(self):
        self.process.stderr.seek(0)
        return self.process.stderr.read().strip()[-300:] or "nothing on stderr"

    def end(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_ns(self):
        """CPU time of all its threads, to the nanosecond: sched(5) in the kernel's documentation of schedstats."""
        threads = pathlib.Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads)

    def resident(self):
        """(all, anonymous): resident bytes, and those that are not pages of files and maps."""
        fields = {}
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            fields[key] = value.split()
        return tuple(int(fields[key][0]) * 1024 for key in ("VmRSS", "RssAnon"))


def bind_to_parent(cpu):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


class Stage:
    def __init__(self, quick):
        self.quick = quick
        self.stack = contextlib.ExitStack()
        self.binary = os.environ.get("CARGOWALL", str(ROOT / "build" / "cargowall"))
        self.programs = pathlib.Path(os.environ.get("BENCH_PROGRAMS", pathlib.Path(self.binary).parent / "tests"))
        self.n_files = 0

    def __enter__(self):
        missing = [tool for tool in TOOLS if not shutil.which(tool)]
        if missing:
            raise BenchError("not installed: " + " ".join(missing))
        if os.geteuid() != 0:
            raise BenchError("it makes namespaces and loads BPF programs: run it as root")
        with self.stack:
            self.directory = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            self.client = self._hold_namespace()
            self.server = self._hold_namespace()
            self._join()
            self.talk("server", [self.program("sink")], ready=True)
            self.talk("server", [self.program("upstream"), SERVER], ready=True, cpu=LAST_CPU)
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *exc_info):
        return self.stack.__exit__(*exc_info)

    def program(self, name):
        path = self.programs / f"bench-{name}"
        if not os.access(path, os.X_OK):
            raise BenchError(f"{path} is not built (set BENCH_PROGRAMS to the directory it is in)")
        return str(path)

    def path(self, suffix=""):
        self.n_files += 1
        return self.directory / f"{self.n_files}{suffix}"

    # ------------------------------------------------------------------ namespaces

    def _hold_namespace(self):
        own = os.stat("/proc/self/ns/net").st_ino
        holder = subprocess.Popen(["unshare", "--net", "--", "sleep", "infinity"], stdin=subprocess.DEVNULL,
                                  preexec_fn=lambda: bind_to_parent(None))
        self.stack.callback(holder.wait)
        self.stack.callback(holder.kill)
        end = time.monotonic() + READY_SECONDS
        while os.stat(f"/proc/{holder.pid}/ns/net").st_ino == own:
            if holder.poll() is not None or time.monotonic() > end:
                raise BenchError("no network namespace can be made")
            time.sleep(0.002)
        return holder.pid

    def _inside(self, where):
        pid = self.client if where == "client" else self.server
        return ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]

    def run(self, where, argv, **options):
        """Runs to its end; its output."""
        done = subprocess.run([*self._inside(where), *map(str, argv)], stdin=subprocess.DEVNULL, text=True, timeout=120,
                              capture_output=True, check=False, **options)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(map(str, argv))}: status {done.returncode}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def _join(self):
        # Reno: the default of some kernels paces, which ruins short runs.
        for where in ("client", "server"):
            self.run(where, ["sh", "-c", "ip link set lo up; echo reno >/proc/sys/net/ipv4/tcp_congestion_control"])
        self.run("client", ["ip", "link", "add", "bench0", "type", "veth", "peer", "bench0", "netns", self.server])
        self.run("client", ["ip", "addr", "add", f"{CLIENT}/24", "dev", "bench0"])
        for address in (f"{SERVER}/24", f"{REFUSED}/24", f"{NAMED}/32"):
            self.run("server", ["ip", "addr", "add", address, "dev", "bench0"])
        for where in ("client", "server"):
            self.run(where, ["ip", "link", "set", "bench0", "up"])
        self.run("client", ["ip", "route", "add", "default", "via", SERVER])
        self.run("client", ["ip", "route", "add", "unreachable", UNREACHABLE])

    # ------------------------------------------------------------------ programs

    def talk(self, where, argv, ready=False, cpu=None, stack=None):
        argv = [*self._inside(where), *map(str, argv)]
        errors = (stack or self.stack).enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                                   preexec_fn=lambda: bind_to_parent(cpu))
        process.stderr = errors
        talker = Talker(process, pathlib.Path(argv[3]).name)
        (stack or self.stack).callback(talker.end)
        if ready:
            talker.read_line()
        return talker

    def cargowall(self, policy, *options):
        """The beginning of a command line."""
        return [self.binary, "run", "--policy", policy, "--upstream", SERVER, "--summary", "none", "--user", "root",
                *options, "--"]

    def dnsmasq(self, stack):
        argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-poll",
                f"--server={SERVER}", "--listen-address=127.0.0.1", "--bind-interfaces", "--cache-size=10000",
                "--dns-forward-max=1000", "--user=root", "--pid-file=", "--log-facility=/dev/null"]
        talker = self.talk("client", argv, cpu=FIRST_CPU, stack=stack)
        stack.callback(talker.process.terminate)
        end = time.monotonic() + READY_SECONDS
        while b":0035 " not in pathlib.Path(f"/proc/{self.client}/net/udp").read_bytes():
            if talker.process.poll() is not None or time.monotonic() > end:
                raise BenchError(f"dnsmasq does not start: {talker.errors()}")
            time.sleep(0.005)
        return talker

    # ------------------------------------------------------------------ policies

    def policy(self, hosts=0, networks=0, extra=()):
        rules = [{"type": "hostname", "value": f"host{i}.site{i % 97}.example", "action": "allow", "ports": [443]}
                 for i in range(hosts)]
        rules += [{"type": "cidr", "value": f"60.{i >> 8}.{i & 255}.0/24", "action": "allow",
                   "ports": [443, 1000 + i % 50]} for i in range(networks)]
        rules += [{"type": kind, "value": value, "action": "allow"} for kind, value in extra]
        path = self.path(".json")
        path.write_text(json.dumps({"defaultAction": "deny", "rules": rules}), encoding="utf-8")
        return path
