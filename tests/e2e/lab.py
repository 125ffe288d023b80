#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small internet of real servers, in network namespaces of its own, and a client that `cargowall run` runs in.

Two unnamed namespaces joined by a veth pair; neither has a way to the host's. All that is started is a child of this
process, is ended by its pid, and dies with this process at the latest. All files are in one temporary directory.

As a program: lab.py COMMAND [ARG...] runs COMMAND with the lab up and these variables set:
    LAB          the directory
    LAB_CLIENT   a program: runs its arguments as root in the client's namespace
    LAB_WITNESS  a program: prints how many packets each of its arguments (addresses) was sent so far
"""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE / "client"))
import plan  # noqa: E402

TOOLS = ("ip", "nsenter", "unbound", "nginx", "fcgiwrap", "openssl", "git", "curl", "dig", "ping")
CLONE_NEWNET = 0x40000000
PATIENCE = int(os.environ.get("LAB_PATIENCE", "1"))  # an emulated processor is slow
READY_SECONDS = 90 * PATIENCE
NAMES = ("github.com", "*.github.com", "example.com", "*.example.com", "evil.example", "*.evil.example",
         "shared.example", "www.shop.example", "many.example")


class LabError(Exception):
    pass


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def wait_until(condition, what, seconds=READY_SECONDS):
    """Polls; a generous limit costs nothing when all is well."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise LabError(f"waited {seconds} s for {what}")
        time.sleep(0.01)
    return value


class Result:
    """What one run did: its status, its output, its log."""

    def __init__(self, argv, status, out, err, log, seconds, pid):
        self.argv, self.status, self.out_bytes, self.seconds, self.pid = argv, status, out, seconds, pid
        self.out, self.err = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        self.log = log
        self.log_text = log.read_bytes() if log and log.is_file() else b""

    @property
    def events(self):
        return [json.loads(line) for line in self.log_text.decode("utf-8").splitlines()]

    @property
    def facts(self):
        """What the command reported: the JSON lines of its stdout, as one dict."""
        facts = {}
        for line in self.out.splitlines():
            if line.startswith("{"):
                facts.update(json.loads(line))
        return facts

    def __str__(self):
        command = " ".join(a if len(a) < 200 and "\n" not in a else "…" for a in self.argv)
        log = self.log_text.decode("utf-8", "replace").splitlines()
        return "\n".join([f"$ {command}", f"status {self.status} after {self.seconds:.2f} s",
                          "stdout: " + self.out[-3000:], "stderr: " + self.err[-3000:],
                          f"log ({len(log)} lines):", *log[-20:]])


class Running:
    """A run that continues while the test does something else."""

    def __init__(self, argv, process, log):
        self.argv, self.process, self.log, self.began = argv, process, log, time.monotonic()
        self.pid = process.pid

    def finish(self, data=b"", seconds=90):
        seconds *= PATIENCE
        try:
            out, err = self.process.communicate(data or None, timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            out, err = self._rest()
            result = Result(self.argv, "timeout", out, err, self.log, time.monotonic() - self.began, self.pid)
            raise LabError(f"still running after {seconds} s\n{result}") from None
        status = self.process.returncode
        return Result(self.argv, status, out, err, self.log, time.monotonic() - self.began, self.pid)

    def _rest(self):
        """What was written so far; a process that left the group may still hold the pipes."""
        try:
            return self.process.communicate(timeout=2)
        except subprocess.TimeoutExpired as e:
            return e.stdout or b"", e.stderr or b""

    def read_line(self):
        """One line of its stdout. b"" when it is closed."""
        return self.process.stdout.readline()

    def signal(self, number):
        self.process.send_signal(number)


class Lab:
    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.n_logs = 0
        self.runs = []
        self.results = []
        self.witness_lock = threading.Lock()
        self.binary = os.environ.get("CARGOWALL", str(ROOT / "build" / "cargowall"))

    def __enter__(self):
        missing = [tool for tool in TOOLS if not shutil.which(tool)]
        if missing:
            raise LabError("not installed: " + " ".join(missing) + " (tools/packages lists the packages)")
        if os.geteuid() != 0:
            raise LabError("the lab makes namespaces and needs root")
        try:
            self._make_files()
            self._make_namespaces()
            self._start_servers()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *exc):
        self.stack.close()

    # -- making it

    def _make_files(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cargowall-lab-"))
        self.stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o711)
        self.setup_log = open(self.dir / "setup.log", "wb")  # closed with the process
        for name in ("work", "logs", "client", "git", "nginx-tmp", "home"):
            (self.dir / name).mkdir()
        os.chown(self.dir / "work", plan.JOB_ID, plan.JOB_ID)
        for source in (HERE / "client").iterdir():
            if source.is_file():
                shutil.copy(source, self.dir / "client")
        (self.dir / "bulk").write_bytes(bytes(1 << 20))
        values = dict(vars(plan), LAB=self.dir, GIT_HTTP_BACKEND=self._git_http_backend())
        for name in ("root.zone", "unbound.conf", "nginx.conf"):
            text = (HERE / "internet" / name).read_text(encoding="utf-8")
            text = re.sub(r"@([A-Z0-9_]+)@", lambda m: str(values.get(m[1], m[0])), text)
            (self.dir / name).write_text(text, encoding="utf-8")
        self._make_certificates()
        self._make_etc()
        self._make_repository()

    @staticmethod
    def _git_http_backend():
        path = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
        return path + "/git-http-backend"

    def setup(self, *argv, **options):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        self.setup_log.write(done.stdout)
        if done.returncode:
            raise LabError(" ".join(map(str, argv)) + ":\n" + done.stdout.decode("utf-8", "replace"))
        return done.stdout.decode().strip()

    def _make_certificates(self):
        new = ("openssl", "req", "-x509", "-nodes", "-days", "30", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:P-256")
        self.setup(*new, "-subj", "/CN=lab CA", "-keyout", self.dir / "ca.key", "-out", self.dir / "ca.crt")
        names = ",".join("DNS:" + name for name in NAMES)
        self.setup(*new, "-subj", "/CN=github.com", "-CA", self.dir / "ca.crt", "-CAkey", self.dir / "ca.key",
                    "-addext", "subjectAltName=" + names, "-addext", "basicConstraints=critical,CA:false",
                    "-keyout", self.dir / "server.key", "-out", self.dir / "server.crt")

    def _make_etc(self):
        """The client's own /etc: its resolver, and the lab's CA, so that clients need no options."""
        etc = self.dir / "etc"
        self.setup("cp", "-a", "/etc", etc)
        (etc / "resolv.conf").unlink(missing_ok=True)
        servers = "".join(f"nameserver {addr}\n" for addr in (plan.RESOLVER4, plan.RESOLVER6))
        (etc / "resolv.conf").write_text(servers, encoding="ascii")
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n", encoding="ascii")
        (etc / "hosts").write_text(f"127.0.0.1 localhost {os.uname().nodename}\n::1 localhost\n", encoding="utf-8")
        (etc / "gai.conf").unlink(missing_ok=True)
        with open(etc / "passwd", "a", encoding="utf-8") as passwd, open(etc / "group", "a", encoding="utf-8") as group:
            passwd.write(f"{plan.JOB}:x:{plan.JOB_ID}:{plan.JOB_ID}::{self.dir}/work:/bin/sh\n")
            group.write(f"{plan.JOB}:x:{plan.JOB_ID}:\n")
        certificates = etc / "ssl" / "certs"
        certificates.mkdir(parents=True, exist_ok=True)
        bundle = certificates / "ca-certificates.crt"
        ca = (self.dir / "ca.crt").read_bytes()
        bundle.write_bytes((bundle.read_bytes() if bundle.is_file() else b"") + ca)
        subject = self.setup("openssl", "x509", "-in", self.dir / "ca.crt", "-noout", "-hash")
        (certificates / (subject + ".0")).write_bytes(ca)

    def _make_repository(self):
        """git/example/cargowall.git: this project's files as one commit."""
        where = self.dir / "git" / "example" / "cargowall.git"
        env = dict(os.environ, HOME=str(self.dir / "home"), GIT_DIR=str(where), GIT_WORK_TREE=str(ROOT),
                   GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="lab", GIT_AUTHOR_EMAIL="lab@example.com",
                   GIT_COMMITTER_NAME="lab", GIT_COMMITTER_EMAIL="lab@example.com")
        self.setup("git", "init", "--bare", "--initial-branch=main", where, env=dict(os.environ, HOME=env["HOME"]))
        folders = [name for name in ("src", "bpf", "docs", "tests", "tools") if any((ROOT / name).glob("**/*"))]
        self.setup("git", "-c", "core.bare=false", "add", "--", *folders, env=env, cwd=ROOT)
        self.setup("git", "-c", "core.bare=false", "commit", "-q", "-m", "The project as it is", env=env, cwd=ROOT)

    def _hold_namespace(self):
        """A process that does nothing in namespaces of its own; they end with it."""
        holder = subprocess.Popen([sys.executable, HERE / "hold.py"],
                                  stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
                                  start_new_session=True)
        self._end_at_exit(holder)
        if holder.stdout.readline() != b"ready\n":
            raise LabError("cannot make a network namespace")
        return holder.pid

    def _end_inhabitants(self):
        """Ends what tests left running, which is only so when they were interrupted. Runs are asked to clean up after
        themselves; then all that is in the lab's own namespaces is killed."""
        for process in self.runs:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
        ours = {os.readlink(f"/proc/{pid}/ns/net") for pid in (self.internet, self.client)}
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "ns" / "net") in ours:
                    os.kill(int(entry.name), signal.SIGKILL)

    def _end_at_exit(self, process):
        def end():
            process.kill()
            process.wait()
        self.stack.callback(end)

    @staticmethod
    def _enter(pid, *argv, directory="/"):
        return ["nsenter", f"--target={pid}", "--net", "--mount", "--root", "--wd", "env", f"--chdir={directory}",
                *map(str, argv)]

    def in_client(self, *argv, directory=None):
        return self._enter(self.client, *argv, directory=directory or self.dir / "work")

    def in_internet(self, *argv):
        return self._enter(self.internet, *argv)

    def end_connections(self):
        """Of earlier cases: none of their last packets is to be in this one's watch. The servers' ends go first, since the
        client would answer what comes later."""
        for enter in (self.in_internet, self.in_client):
            self.setup(*enter("ss", "--kill", "--tcp", "state", "connected"))

    def _make_namespaces(self):
        self.internet, self.client = self._hold_namespace(), self._hold_namespace()
        self.stack.callback(self._end_inhabitants)
        both = ["ip link set lo up"] + [f"echo {value} >/proc/sys/net/{key}" for key, value in (
            ("ipv6/conf/all/disable_ipv6", 0), ("ipv6/conf/default/disable_ipv6", 0),
            ("ipv4/tcp_congestion_control", "reno"), ("ipv4/tcp_fastopen", 3))]
        client = [f"mount --bind {self.dir}/etc /etc",
                  f"ip link add eth0 type veth peer name eth0 netns {self.internet}",
                  f"ip addr add {plan.CLIENT4}/24 dev eth0", f"ip addr add {plan.CLIENT6}/64 dev eth0 nodad",
                  "ip link set eth0 up",
                  "echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range",
                  f"ip route add default via {plan.GATEWAY4}", f"ip -6 route add default via {plan.GATEWAY6}"]
        internet = ["echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind",
                    f"ip addr add {plan.GATEWAY4}/24 dev eth0", f"ip addr add {plan.GATEWAY6}/64 dev eth0 nodad",
                    "ip link set eth0 up",
                    *(f"ip route add local {prefix} dev lo" for prefix in plan.INTERNET4),
                    *(f"ip -6 route add local {prefix} dev lo" for prefix in plan.INTERNET6),
                    f"ip route add blackhole {plan.DEAD4}/32 table local"]
        # the route out needs the other end up: addresses and link first, then the routes
        self.setup(*self._enter(self.client, "sh", "-ec", "\n".join(both + client[:5])))
        self.setup(*self._enter(self.internet, "sh", "-ec", "\n".join(both + internet)))
        self.setup(*self._enter(self.client, "sh", "-ec", "\n".join(client[5:])))
        # for the tests to look at; not in the client's namespace, where cargowall shall find its own way
        (self.dir / "cgroup2").mkdir()
        self.setup(*self._enter(self.internet, "mount", "-t", "cgroup2", "cgroup2", self.dir / "cgroup2"))

    def serve(self, *argv, **options):
        process = subprocess.Popen(self.in_internet(*argv), stdin=options.pop("stdin", subprocess.DEVNULL),
                                   stdout=options.pop("stdout", self.setup_log), stderr=self.setup_log,
                                   preexec_fn=die_with_parent, start_new_session=True, **options)
        self._end_at_exit(process)
        return process

    def _start_servers(self):
        self.services = self.serve(sys.executable, HERE / "internet" / "services.py", "eth0", text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # a copy, because the AppArmor profile of the installed path keeps unbound out of other directories
        shutil.copy(shutil.which("unbound"), self.dir / "unbound")
        self.serve(self.dir / "unbound", "-d", "-p", "-c", self.dir / "unbound.conf")
        self.serve("nginx", "-c", self.dir / "nginx.conf", "-e", self.dir / "nginx.err")
        self.serve("fcgiwrap", "-s", f"unix:{self.dir}/fcgiwrap.sock")
        if self.services.stdout.readline() != "ready\n":
            raise LabError("services: " + (self.dir / "setup.log").read_text(errors="replace"))
        wait_until((self.dir / "fcgiwrap.sock").exists, "fcgiwrap")
        self._wait_for_tcp(plan.GITHUB4, 443, *plan.ECHO_PORTS)
        self._wait_for_tcp(plan.GITHUB6, 443)
        for resolver in (plan.RESOLVER4, plan.RESOLVER6, plan.FOREIGN4, plan.FOREIGN6):
            self._wait_for_tcp(resolver, 53)
        self.marker = self.client_socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.watch()

    def client_socket(self, family, kind):
        """A socket of this process that belongs to the client's namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as own, open(f"/proc/{self.client}/ns/net", "rb") as theirs:
            if libc.setns(theirs.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                return socket.socket(family, kind)
            finally:
                if libc.setns(own.fileno(), CLONE_NEWNET):
                    os.abort()  # never continue in the wrong namespace

    def _wait_for_tcp(self, addr, *ports):
        def answers(port):
            with self.client_socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_STREAM) as s:
                s.settimeout(1)
                # reset when it is closed: the last packets of an orderly end may be late, and in a test's watch
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return s.connect_ex((addr, port)) == 0
        for port in ports:
            wait_until(lambda port=port: answers(port), f"{addr} port {port} to answer")

    # -- the witness

    def _order(self, **order):
        with self.witness_lock:
            self.services.stdin.write(json.dumps(order) + "\n")
            self.services.stdin.flush()
            return json.loads(self.services.stdout.readline())

    def watch(self):
        """Forgets what was seen so far."""
        self._witnessed()
        self._order(do="clear")

    def _witnessed(self):
        mark = secrets.token_hex(8)
        self.marker.sendto(mark.encode(), (plan.MARK4, plan.MARK_PORT))
        report = self._order(do="report", mark=mark)
        if "error" in report or report["lost"]:
            raise LabError(f"the witness is not reliable: {report.get('error') or report['lost']}")
        return report

    def packets(self, addr, protocol=None, port=None):
        """How many packets the client sent to this address since watch()."""
        total = 0
        for key, n in self._witnessed()["counts"].items():
            dst, proto, dport = key.split()
            if dst == addr and protocol in (None, int(proto)) and port in (None, int(dport)):
                total += n
        return total

    def first_packets(self, addr):
        """The first packet to each port of this address since watch(), for those who ask why there is one."""
        samples = self._witnessed()["samples"]
        return {key: data for key, data in samples.items() if key.split()[0] == addr}

    def destinations(self):
        """The addresses that the client sent a packet to since watch()."""
        return {key.split()[0] for key in self._witnessed()["counts"]}

    def upstream_queries(self):
        """The DNS messages that were sent over UDP since watch()."""
        return [bytes.fromhex(query) for query in self._witnessed()["queries"]]

    # -- running things in the client

    def environment(self, extra=None):
        kept = {k: v for k, v in os.environ.items() if k.startswith(("ASAN_", "UBSAN_", "LSAN_", "TSAN_"))}
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                "HOME": str(self.dir / "work"), "PYTHONPATH": str(self.dir / "client"), "PYTHONDONTWRITEBYTECODE": "1",
                "LAB": str(self.dir), **kept, **(extra or {})}

    def start_plain(self, argv, env=None, log=None, **options):
        streams = {name: options.pop(name, subprocess.PIPE) for name in ("stdin", "stdout", "stderr")}
        argv = [str(a) for a in argv]
        process = subprocess.Popen(self.in_client(*argv), env=self.environment(env), preexec_fn=die_with_parent,
                                   start_new_session=True, **streams, **options)
        self.runs = [run for run in self.runs if run.poll() is None] + [process]
        return Running(argv, process, log)

    def plain(self, *argv, data=b"", env=None, seconds=30):
        """Runs a command in the client's namespace without cargowall."""
        result = self.start_plain(argv, env).finish(data, seconds)
        self.results.append(result)
        return result

    def new_log(self):
        self.n_logs += 1
        return self.dir / "logs" / f"{self.n_logs}.ndjson"

    def start(self, options, command, user=plan.JOB, log=True, **others):
        """cargowall run OPTIONS -- COMMAND, not waited for."""
        log = self.new_log() if log is True else log
        argv = [self.binary, "run", *(["--log", log] if log else []), *(["--user", user] if user else []),
                *options, "--", *command]
        return self.start_plain(argv, log=log, **others)

    def run(self, options, command, data=b"", seconds=30, **others):
        result = self.start(options, command, **others).finish(data, seconds)
        self.results.append(result)
        return result

    def attack(self, options, source, **others):
        """Runs Python source that has client/attacker.py at hand."""
        return self.run(options, self.python(source), **others)

    @staticmethod
    def python(source):
        lines = source.rstrip().splitlines()
        while lines and not lines[0].strip():
            del lines[0]
        indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
        body = "\n".join(line[indent:] for line in lines)
        return ["/usr/bin/python3", "-c", "from attacker import *\n" + body]

    def policy(self, text):
        """A policy file; text, or what json can write."""
        path = self.dir / "work" / f"policy-{secrets.token_hex(4)}.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return path

    def leftover_cgroups(self, pid):
        """Directories that the run with this pid should have removed. Meanwhile, others may remove theirs."""
        mount = f"/proc/{self.internet}/root{self.dir}/cgroup2"
        return [name for _, names, _ in os.walk(mount) for name in names if name.startswith(f"cargowall-{pid}-")]

    def logs(self):
        return sorted((self.dir / "logs").iterdir())


def end_on_signals():
    """SIGTERM and SIGHUP end the program as SIGINT does: through its with blocks. SIGINT and SIGQUIT are ignored by what
    a shell starts in the background, and by all that is started from there; the tests want them as they are elsewhere."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)

    def stop(number, _):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def serve_witness(lab, path):
    """LAB_WITNESS talks to this: one line of addresses in, one line with their packets out."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(4)
    while True:
        with listener.accept()[0] as s, s.makefile("rw") as stream:
            counts = [str(lab.packets(addr)) for addr in stream.readline().split()]
            stream.write(" ".join(counts) + "\n")


def write_program(path, text):
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def main():
    end_on_signals()
    try:
        with Lab() as lab:
            sock = lab.dir / "witness.sock"
            threading.Thread(target=serve_witness, args=(lab, sock), daemon=True).start()
            enter = " ".join(lab.in_client(directory="/"))
            client = write_program(lab.dir / "in-client", f'#!/bin/sh\nexec {enter} "$@"\n')
            witness = write_program(lab.dir / "witness", "#!/usr/bin/python3\nimport socket, sys\n"
                                    "s = socket.socket(socket.AF_UNIX)\n"
                                    f"s.connect({str(sock)!r})\nstream = s.makefile('rw')\n"
                                    "stream.write(' '.join(sys.argv[1:]) + '\\n')\nstream.flush()\n"
                                    "print(stream.readline().strip())\n")
            env = dict(os.environ, LAB=str(lab.dir), LAB_CLIENT=client, LAB_WITNESS=witness)
            return subprocess.run(sys.argv[1:], env=env).returncode
    except LabError as e:
        print(f"lab: {e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
