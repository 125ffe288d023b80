# SPDX-License-Identifier: Apache-2.0
"""One booted container: its own systemd, journal, bus and cgroup tree, in the network namespace of a lab's client.

systemd-nspawn starts it without a machine manager (the host may have none) and in a cgroup of its own, so that several
can run side by side and the container's cgroup2 root is the root of everything in it, as on a real machine. The program
inside loads BPF programs; that needs all capabilities and bpf(2) in the system call filter."""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import time

from base import Unavailable, mask, mount_overlay, unmount
from lab import LabError, Result, Running, die_with_parent, wait_until

BOOT_SECONDS = 90
# Other tests run beside, and a command that takes seconds alone has taken a minute.
COMMAND_SECONDS = 240
CLONE_NEWNS, MS_PRIVATE_RECURSIVE, MS_BIND_RECURSIVE = 0x00020000, 0x40000 | 0x4000, 0x1000 | 0x4000
NUMBERS = itertools.count(1)
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LANG": "C.UTF-8", "TERM": "dumb", "PYTHONPATH": "/usr/local/lib/rig", "PYTHONDONTWRITEBYTECODE": "1",
               "SYSTEMD_PAGER": "cat", "SYSTEMD_COLORS": "0"}


def private_mounts():
    """What this process mounts from now on is seen by it and its children only, and ends with them. By the same way as
    tests/e2e/hold.py, which says why."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        raise Unavailable(f"no mount namespace can be made here: {os.strerror(ctypes.get_errno())}")
    root = os.open("/", os.O_DIRECTORY)  # of the new namespace
    with open("/proc/self/ns/mnt", "rb") as own:
        libc.setns(own.fileno(), CLONE_NEWNS)
    if libc.mount(None, b"/", None, MS_PRIVATE_RECURSIVE, None):
        raise Unavailable(f"mounts cannot be made private here: {os.strerror(ctypes.get_errno())}")
    os.fchdir(root)
    os.chroot(".")
    os.close(root)
    if not root_is_a_mount():  # as in a plain chroot; systemd-nspawn wants to change the propagation of /
        if libc.mount(b"/", b"/mnt", None, MS_BIND_RECURSIVE, None):
            raise Unavailable(f"/ cannot be made a mount point here: {os.strerror(ctypes.get_errno())}")
        os.chdir("/mnt")
        os.chroot(".")


def root_is_a_mount():
    lines = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(line.split()[4] == "/" for line in lines)


def hierarchies():
    """Where a cgroup of one's own is made: cgroup2, and on hybrid hosts systemd's own hierarchy as well."""
    found = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
            found.append((kind, pathlib.Path(left.split()[4])))
    if not any(kind == "cgroup2" for kind, _ in found):
        raise Unavailable("no cgroup2 is mounted on this host")
    return found


def sweep():
    """Removes what a runner that was killed has left: empty cgroups, which nothing else removes."""
    for _, where in hierarchies():
        for cgroup in where.glob("cargowall-rig-*-*"):
            owner = cgroup.name.split("-")[2]
            if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
                Container._remove_cgroup(cgroup)


class Container:
    def __init__(self, lab, lower, directory, name=None):
        """lower: root directories, the lowest last; directory: an existing one on a file system that can be the upper
        side of an overlay. The root is mounted; edit it (put, mask), then boot."""
        self.lab, self.name = lab, name or f"cargowall-rig-{os.getpid()}-{next(NUMBERS)}"
        self.directory = directory / self.name
        self.root = self.directory / "root"
        self.leader = self.process = None
        self.results = []
        mount_overlay(lower, self.directory / "upper", self.directory / "work", self.root)
        (self.root / "etc" / "machine-id").write_text(secrets.token_hex(16) + "\n", encoding="ascii")

    # -- files

    def path(self, name):
        """Where a file of the container is seen from here; follows the container's own mounts while it runs."""
        base = pathlib.Path(f"/proc/{self.leader}/root") if self.leader else self.root
        return base / str(name).lstrip("/")

    def put(self, name, text, mode=0o644):
        """Replaces a file, also in place of a symbolic link. text: str, bytes, or what json can write."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, (str, bytes)) else json.dumps(text, indent=1) + "\n"
        partial = path.with_name(path.name + ".new")
        partial.write_bytes(data.encode() if isinstance(data, str) else data)
        partial.chmod(mode)
        partial.rename(path)

    def get(self, name):
        return self.path(name).read_text(encoding="utf-8", errors="replace")

    def mask(self, unit):
        mask(self.root, unit)

    # -- life

    def boot(self):
        self._start("--boot", f"--network-namespace-path=/proc/{self.lab.client}/ns/net")
        self.leader = wait_until(self._find_leader, "the container's first process", BOOT_SECONDS)
        wait_until(self._booted, "the container to boot", BOOT_SECONDS)
        # nspawn before 254 does not mount it
        self.run("sh", "-c", "mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf")
        return self

    def _start(self, *options):
        self.cgroups = [(kind, where / self.name) for kind, where in hierarchies()]
        for _, cgroup in self.cgroups:
            cgroup.mkdir(exist_ok=True)

        def enter():
            die_with_parent()
            for _, cgroup in self.cgroups:
                (cgroup / "cgroup.procs").write_text("0", encoding="ascii")
        argv = ["systemd-nspawn", "--register=no", "--keep-unit", f"--machine={self.name}", f"--directory={self.root}",
                "--capability=all", "--system-call-filter=bpf perf_event_open keyctl add_key request_key @mount",
                "--resolv-conf=off", "--timezone=off", "--link-journal=no", *options]
        env = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1", SYSTEMD_NSPAWN_API_VFS_WRITABLE="yes",
                   SYSTEMD_NSPAWN_LOCK="0")
        with open(self.directory / "console.log", "ab") as log:
            self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=enter, start_new_session=True)

    def console(self):
        return (self.directory / "console.log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def _find_leader(self):
        if self.process.poll() is not None:
            raise Unavailable(f"systemd-nspawn cannot start a container here: {self.console().strip()}")
        with contextlib.suppress(OSError, ValueError):
            todo = [self.process.pid]
            while todo:
                pid = todo.pop()
                status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                nspid = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
                if len(nspid) > 1 and nspid[-1] == "1":
                    return int(pid)
                todo += pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return None

    def state(self):
        return self._quietly("systemctl", "is-system-running")

    def _quietly(self, *argv):
        try:
            return subprocess.run(self._enter(*argv), env=ENVIRONMENT, preexec_fn=self._join, capture_output=True,
                                  text=True, check=False).stdout.strip()
        except subprocess.SubprocessError:  # it has not made its cgroups yet
            return ""

    def _booted(self):
        # not --wait: right after the start nobody listens, and that is "offline"
        if self.process.poll() is not None:
            raise LabError(f"the container ended while it booted: {self.console()}")
        return self.state() in ("running", "degraded")

    def power_off(self):
        """An orderly end, for tests that look at what it leaves. The root stays until stop()."""
        self.run("systemctl", "poweroff", "--no-block")
        self.process.wait(60)
        self.leader = None

    def stop(self):
        """Ends it at once, and everything of it."""
        if self.leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGKILL)
        if self.process:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for _, cgroup in self.cgroups:
                wait_until(lambda cgroup=cgroup: self._remove_cgroup(cgroup), f"{cgroup} to become empty")
        self.leader = self.process = None
        unmount(self.root)
        shutil.rmtree(self.directory, ignore_errors=True)

    @staticmethod
    def _remove_cgroup(cgroup):
        for directory, _, _ in os.walk(cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
        return not cgroup.exists()

    # -- commands

    def _join(self):
        """A process that only enters the namespaces stays in the caller's cgroup, outside of the container's."""
        for _, cgroup in self.cgroups:
            where = cgroup / "payload" / "rig"
            for left in range(100, -1, -1):  # the container's systemd removes it when it is empty, maybe just now
                try:
                    where.mkdir(exist_ok=True)
                    (where / "cgroup.procs").write_text("0", encoding="ascii")
                    break
                except OSError:
                    if not left:
                        raise

    def _enter(self, *argv):
        return ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                "--root", "--wd", "--", *map(str, argv)]

    def start(self, *argv, env=None, **streams):
        """A command as root in the container, beside its units, not waited for."""
        argv = [str(a) for a in argv]
        options = {name: streams.get(name, subprocess.PIPE) for name in ("stdin", "stdout", "stderr")}

        def before():
            die_with_parent()
            self._join()
        process = subprocess.Popen(self._enter(*argv), env={**ENVIRONMENT, **(env or {})}, preexec_fn=before,
                                   start_new_session=True, **options)
        return Running(argv, process, None)

    def run(self, *argv, data=b"", env=None, seconds=COMMAND_SECONDS):
        """A command as root in the container, beside its units."""
        result = self.start(*argv, env=env).finish(data, seconds)
        self.results.append(result)
        return result

    def check(self, *argv, **options):
        """The same, of what must not fail. Returns its output."""
        result = self.run(*argv, **options)
        if result.status:
            raise LabError(f"failed: {result}")
        return result.out.strip()

    def sh(self, script, **options):
        return self.check("sh", "-ec", script, **options)

    def systemctl(self, *argv, seconds=COMMAND_SECONDS):
        return self.run("systemctl", "--no-pager", *argv, seconds=seconds)

    def prop(self, unit, name):
        return self._quietly("systemctl", "show", "--value", "-p", name, unit)

    def unit(self, *command, name=None, user=None, slice=None, properties=(), seconds=COMMAND_SECONDS, env=None):
        """A command as a transient service: its own cgroup, waited for, output and exit status passed through."""
        argv = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", *self._unit_options(
            name, user, slice, properties), *(f"--setenv={k}={v}" for k, v in self._unit_environment(env)), "--"]
        return self.run(*argv, *command, seconds=seconds)

    def start_unit(self, *command, name, user=None, slice=None, properties=(), env=None):
        """The same, started and left running; its output goes to the journal."""
        self.check("systemd-run", "--quiet", "--collect", *self._unit_options(name, user, slice, properties),
                   *(f"--setenv={k}={v}" for k, v in self._unit_environment(env)), "--", *command)

    @staticmethod
    def _unit_environment(env):
        kept = ("PATH", "LANG", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
        return [*((k, ENVIRONMENT[k]) for k in kept), *(env or {}).items()]

    @staticmethod
    def _unit_options(name, user, slice, properties):
        options = [f"--property={p}" for p in properties]
        options += [f"--unit={name}"] if name else []
        options += [f"--slice={slice}"] if slice else []
        return options + ([f"--property=User={user}"] if user else [])

    def python(self, source, **options):
        """Python source with tests/e2e/client/attacker.py at hand, as a unit."""
        return self.unit(*self.lab.python(source), **options)

    def in_unit(self, name, source, **options):
        return self.python(source, name=name, **options)

    # -- the journal

    def journal(self, *matches):
        """Entries as dicts, oldest first. matches: FIELD=value, or options of journalctl."""
        out = subprocess.run(self._enter("journalctl", "--no-pager", "--quiet", "--all", "--output=json", *matches),
                             env=ENVIRONMENT, preexec_fn=self._join, capture_output=True, check=False).stdout
        return [json.loads(line) for line in out.splitlines()]

    def said(self, unit="cargowalld.service"):
        """What a unit's processes wrote, as text."""
        return self._quietly("journalctl", "--no-pager", "--quiet", "--output=cat", f"_SYSTEMD_UNIT={unit}")

    def wait_journal(self, *matches, seconds=60):
        return wait_until(lambda: self.journal(*matches), "a journal entry " + " ".join(matches), seconds)

    def diagnosis(self, unit="cargowalld.service"):
        """What to read when a test failed."""
        began = time.monotonic()
        text = self._quietly("sh", "-c", f"""
            uptime; grep . /proc/pressure/* 2>/dev/null
            systemctl --no-pager --failed --plain --no-legend
            systemctl --no-pager --plain --no-legend list-jobs
            systemctl --no-pager --lines=0 status {unit} cargowalld-dns.socket 2>&1 | head -40
            journalctl --no-pager -q -n 5000 -o short-precise UNIT={unit} + _SYSTEMD_UNIT={unit} + \
                UNIT=cargowalld-dns.socket | grep -v ': Denied: ' | tail -n 80""")
        return Result(["journal of " + self.name], 0, text.encode(), b"", None, time.monotonic() - began, self.leader)
