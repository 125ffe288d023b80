# SPDX-License-Identifier: Apache-2.0
"""What every system test needs: the lab's internet (tests/e2e/lab.py), a root with the package on it, containers made
of it, and the checks that are said in one line."""

import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile

import base
import plan
from container import Container, Unavailable, private_mounts, sweep
from harness import equal
from lab import Lab, LabError, wait_until

HERE = pathlib.Path(__file__).resolve().parent
SERVICE, SOCKET = "cargowalld.service", "cargowalld-dns.socket"
PROXY4 = "127.0.0.155"
EVENTS = "/var/log/cargowall/events.ndjson"
DROP_IN = "/run/systemd/resolved.conf.d/60-cargowall.conf"
LIBRARY = "usr/local/lib/rig"
OTHER, OTHER_ID = "other", 64124  # a second unprivileged user, in no group that matters

SHIPPED = object()

# The host policy of most tests: what the sender needs, and what a job may do.
POLICY = {
    "mode": "enforce",
    "defaultAction": "deny",
    "rules": [
        {"type": "hostname", "value": "github.com", "ports": [443, 7], "action": "allow"},
        {"type": "hostname", "value": "*.wild.example.com", "action": "allow"},
        {"type": "cidr", "value": plan.EXAMPLE4 + "/32", "action": "allow"},
        {"type": "cidr", "value": plan.EXAMPLE6 + "/128", "action": "allow"},
    ],
}


def allow(*destinations, mode="enforce", **more):
    """A policy that allows these names and CIDRs on all ports, and what else is given."""
    def rule(value):
        kind = "cidr" if "/" in value else "hostname"
        return {"type": kind, "value": value, "action": "allow"}
    return {**more, "mode": mode, "defaultAction": "deny", "rules": [rule(d) for d in destinations]}


class Rig:
    def __init__(self, debs):
        """debs: what makes and finds the packages (deb.Debs), or None for the tests of the rig itself."""
        self.debs, self.lab, self.stack = debs, Lab(), contextlib.ExitStack()
        self.results, self.containers, self.layers = [], [], {}

    def __enter__(self):
        reason = base.missing()
        if reason:
            raise Unavailable(reason)
        try:
            package = self.debs.package() if self.debs else None
            self.base = base.Base(package).ensure()
            private_mounts()
            sweep()
            self.stack.enter_context(self.lab)
            self.directory = pathlib.Path(tempfile.mkdtemp(prefix="cargowall-rig-"))
            self.stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            # a tmpfs: quick, gone with the mount namespace, and good as the upper side of an overlay
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700,size=2G", "rig", self.directory], check=True)
            self.stack.callback(base.unmount, self.directory)
            self.stack.callback(self.end_case)
            self._make_machine_layer()
            if package:
                self._make_package_layer(package)
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *exc):
        self.stack.close()

    # -- layers

    def _layer(self, name, lower, change):
        """A directory to put on top of lower: what change(container) did to a root that is not running."""
        container = Container(self.lab, lower, self.directory, "layer-" + name)
        try:
            change(container)
        finally:
            base.unmount(container.root)
        (container.directory / "upper" / "etc" / "machine-id").unlink()
        self.layers[name] = [container.directory / "upper", *lower]

    def _make_machine_layer(self):
        """The machine of an administrator: users, the resolver, the lab's CA, what the tests run."""
        def change(c):
            for name, number in ((plan.JOB, plan.JOB_ID), (OTHER, OTHER_ID)):
                with open(c.path("etc/passwd"), "a", encoding="ascii") as passwd:
                    passwd.write(f"{name}:x:{number}:{number}::/tmp:/bin/sh\n")
                with open(c.path("etc/group"), "a", encoding="ascii") as group:
                    group.write(f"{name}:x:{number}:\n")
            bundle = c.path("etc/ssl/certs/ca-certificates.crt")
            bundle.write_bytes(bundle.read_bytes() + (self.lab.dir / "ca.crt").read_bytes())
            c.put("etc/systemd/resolved.conf.d/lab.conf",
                  f"[Resolve]\nDNS={plan.RESOLVER4}\nFallbackDNS=\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\n")
            link = c.path("etc/resolv.conf")
            link.unlink(missing_ok=True)
            link.symlink_to("../run/systemd/resolve/stub-resolv.conf")
            for source in (HERE / "sender.py", *(HERE.parent / "e2e" / "client").glob("*.py")):
                c.put(f"{LIBRARY}/{source.name}", source.read_bytes())
        self._layer("machine", [self.base], change)

    def _make_package_layer(self, package):
        """dpkg -i of the one package, offline, and nothing else. An RPM: rpm, which does not know of Debian's packages."""
        def change(c):
            name = f"/root/cargowall{package.suffix}"
            shutil.copy(package, c.path(name))
            install = ["rpm", "--install", "--nodeps", name] if package.suffix == ".rpm" else ["dpkg", "-i", name]
            done = subprocess.run(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={c.root}",
                                   "--private-network", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
                                   "--pipe", "--as-pid2", "--", "env", "DEBIAN_FRONTEND=noninteractive", *install],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env=dict(base.os.environ, SYSTEMD_NSPAWN_LOCK="0"), check=False)
            if done.returncode:
                raise LabError(f"{' '.join(install)}:\n{done.stdout.decode(errors='replace')}")
            c.path(name).unlink()
        self._layer("package", self.layers["machine"], change)

    # -- containers

    def container(self, layer="package", lab=None):
        """Not booted yet: its files can be edited."""
        c = Container(lab or self.lab, self.layers[layer], self.directory)
        self.containers.append(c)
        return c

    def boot(self, policy=None, documents=None, conf=None, prepare=None, active=True):
        """A machine with the package, the host policy (default: POLICY; False: none; SHIPPED: as installed), documents
        of policy.d by name and lines of a configuration drop-in. Waits for the service, unless active is false."""
        c = self.container()
        if policy is False:
            c.path("etc/cargowall/policy.json").unlink(missing_ok=True)
        elif policy is not SHIPPED:
            c.put("etc/cargowall/policy.json", policy or POLICY)
        for name, document in (documents or {}).items():
            c.put(f"etc/cargowall/policy.d/{name}.json", document)
        if conf:
            c.put("etc/cargowall/cargowall.conf.d/50-test.conf", conf)
        if prepare:
            prepare(c)
        c.boot()
        if active:
            wait_active(c)
        return c

    # -- for the harness

    def end_connections(self):
        self.lab.end_connections()

    def watch(self):
        self.lab.watch()

    def packets(self, addr, protocol=None, port=None):
        return self.lab.packets(addr, protocol, port)

    def explain_failure(self):
        for c in self.containers:
            if c.leader:
                self.results += [*c.results[-1:], c.diagnosis()]

    def end_case(self):
        while self.containers:
            self.containers.pop().stop()


# -- checks

def absent_text(text, part, what):
    assert part not in text, f"{what}: there is {part!r} in {text[-500:]!r}"


# -- the service

def wait_active(c, unit=SERVICE, seconds=30):
    def active():
        state = c.prop(unit, "ActiveState")
        if state == "failed" or (state == "inactive" and c.prop(unit, "Job") in ("", "0")):
            raise AssertionError(f"{unit} is {state}:\n{c.said(unit)}")
        return state == "active"
    wait_until(active, f"{unit} to be active", seconds)


def wait_state(c, state, unit=SERVICE, seconds=30):
    wait_until(lambda: c.prop(unit, "ActiveState") == state, f"{unit} to be {state}", seconds)


def main_pid(c, unit=SERVICE):
    """As the container counts. 0: none."""
    return int(c.prop(unit, "MainPID") or 0)


def wait_restarted(c, old_pid, unit=SERVICE, seconds=30):
    """Another process, and it is ready."""
    wait_until(lambda: main_pid(c, unit) not in (0, old_pid) and c.prop(unit, "ActiveState") == "active",
               f"{unit} to be restarted", seconds)


def bus_get(c, name, interface="Manager", path="/org/cargowall1"):
    """A property, as JSON has it."""
    out = c.check("busctl", "--json=short", "get-property", "org.cargowall1", path, f"org.cargowall1.{interface}", name)
    return json.loads(out)["data"]


def programs(c):
    """The BPF programs of the machine's cgroup root, as {attach type: tag}."""
    attached = json.loads(c.check("bpftool", "--json", "cgroup", "show", "/sys/fs/cgroup") or "[]")
    tags = {p["id"]: p["tag"] for p in json.loads(c.check("bpftool", "--json", "prog", "show") or "[]")}
    return {p["attach_type"]: tags.get(p["id"]) for p in attached}


def errors_by_start(c, starts=1):
    """For a service that cannot start: waits for so many attempts, and expects one line of error from each. Returns the
    lines."""
    def attempts():
        found = {}
        for entry in c.journal(f"_SYSTEMD_UNIT={SERVICE}"):
            if int(entry.get("PRIORITY", 6)) <= 3:
                found.setdefault(entry.get("_SYSTEMD_INVOCATION_ID"), []).append(entry["MESSAGE"])
        return found if len(found) >= starts + 1 or (found and c.prop(SERVICE, "ActiveState") == "failed") else None
    found = wait_until(attempts, f"{starts} failed start(s) with an error in the journal", 60)
    complete = list(found.values())[:starts]  # the last attempt may still be at it
    for lines in complete:
        equal(len(lines), 1, f"lines of error of one start ({lines})")
    assert c.prop(SERVICE, "ActiveState") != "active", "the service is active"
    return [lines[0] for lines in complete]


def boot_unit(c, name, command, unit="", service=""):
    """A oneshot unit that the machine starts when it boots."""
    c.put(f"/etc/systemd/system/{name}", f"[Unit]\n{unit}\n[Service]\nType=oneshot\n{service}\nExecStart={command}\n")
    link = c.path(f"/etc/systemd/system/multi-user.target.wants/{name}")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"../{name}")


def ctl(c, *argv, wanted=0, **options):
    """cargowallctl, whose exit status is checked."""
    r = c.run("cargowallctl", *argv, **options)
    equal(r.status, wanted, f"exit status of cargowallctl {' '.join(argv)} ({r.out[-300:]}{r.err[-300:]})")
    return r


def wait_resolves(c, name, addr):
    """After the service has gone: resolved is being restarted without its drop-in, and nobody waits for that."""
    wait_until(lambda: addr in c.run("getent", "ahostsv4", name).out, f"{name} to resolve")


def probe(c, *what, **options):
    """Attempts from a unit of its own: "tcp EVIL4 7", "udp 203.0.113.66 7", "tcp github.com 443", where upper case is a
    name of plan.py. The facts have the same names."""
    lines = []
    for text in what:
        kind, addr, port = text.split()
        lines.append(f"report(**{{{text!r}: attempt({kind}, {addr if addr.isupper() else repr(addr)}, {port})}})")
    return c.python("\n".join(lines), **options)


# -- the sender

class Sender:
    FILE = "/run/sender/counts.json"

    def __init__(self, c, rig):
        self.c, self.rig = c, rig
        rig.watch()
        c.start_unit("python3", f"/{LIBRARY}/sender.py", self.FILE, name="sender.service", user=plan.JOB,
                     properties=("RuntimeDirectory=sender", "RuntimeDirectoryPreserve=yes"))
        wait_until(lambda: c.path(self.FILE).exists(), "the sender to start")
        self.advance()

    def counts(self):
        return json.loads(self.c.get(self.FILE))

    def advance(self, rounds=20, answers=10, seconds=60):
        """Waits for more of everything: what happens from now on has been tried."""
        before = self.counts()

        def more():
            now = self.counts()
            return now["rounds"] >= before["rounds"] + rounds and \
                now["dns_ok"] + now["dns_failed"] >= before["dns_ok"] + before["dns_failed"] + answers
        wait_until(more, "the sender to continue", seconds)

    def stop(self):
        self.c.check("systemctl", "stop", "sender.service")
        return self.counts()

    def unbroken(self, away=False):
        """Stops it. Nothing denied got through, nothing allowed was refused, every name was answered (unless nothing
        may have served for longer than a client waits: away); the witness on the other side agrees."""
        counts = self.stop()
        for key in ("denied_passed", "denied_other", "allowed_refused", *(() if away else ("dns_failed",))):
            equal(counts[key], 0, f"{key} ({counts})")
        worked = all(counts[key] for key in ("allowed_ok", "denied_refused", "dns_ok"))
        assert worked, f"the sender did not work: {counts}"
        for addr in (plan.EVIL4, plan.EVIL6):
            equal(self.rig.packets(addr), 0, f"packets that reached {addr}")
        return counts
