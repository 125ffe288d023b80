# SPDX-License-Identifier: Apache-2.0
"""The package: what it brings, what it does on a machine that runs, what it leaves."""

import pathlib
import re
import shutil
import subprocess

from harness import Skip, case, contains, equal, refused, worked
from plan import EVIL4, JOB
from rig import (DROP_IN, EVENTS, POLICY, SERVICE, SHIPPED, SOCKET, absent_text, bus_get, ctl, main_pid, probe,
                 programs, wait_active, wait_resolves, wait_restarted)

HERE = pathlib.Path(__file__).resolve().parent
PLACES = ("/etc/cargowall", "/usr/lib/cargowall", "/usr/libexec/cargowall", "/run/cargowall", "/var/lib/cargowall",
          "/var/log/cargowall", "/sys/fs/bpf/cargowall", DROP_IN)
VERIFY = {".deb": "dpkg --verify", ".rpm": "rpm --verify --nodeps"}
LIST = {".deb": "dpkg -L", ".rpm": "rpm --query --list"}
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


def install(c, deb):
    shutil.copy(deb, c.path("/root/package.deb"))
    return c.check("dpkg", "-i", "--force-confold", "/root/package.deb", seconds=300, env=QUIET)


def gone(c):
    """No program, no file, no unit, no name; the network as if it had never been."""
    equal(programs(c), {}, "programs")
    equal([place for place in PLACES if c.path(place).exists()], [], "places")
    for unit in (SERVICE, SOCKET):
        equal(c.prop(unit, "LoadState"), "not-found", unit)
    equal(c.sh("find /etc /usr /lib /var/lib/systemd -iname '*cargowall*' -not -path '*/python*' | sort"), "",
          "files by name")
    worked(probe(c, "tcp EVIL4 7", user=JOB), "tcp EVIL4 7")
    equal(c.state(), "running", "state of the machine")


@case("packaging: as installed, everything passes and what would be denied is reported")
def as_installed(rig):
    c = rig.boot(policy=SHIPPED)
    equal((bus_get(c, "EffectiveMode"), bus_get(c, "Enforcing")), ("audit", False), "mode, enforcing")
    status = ctl(c, "status", wanted=3).out
    for line in ("Mode: audit (configured: audit)\n", "Effect: as installed: nothing is refused; what the policy denies is reported\n"):
        contains(status, line, "status")
    worked(probe(c, "tcp EVIL4 7", "tcp evil.example 7", user=JOB), "tcp EVIL4 7", "tcp evil.example 7")
    entry = c.wait_journal("CARGOWALL_EVENT=connection_blocked", f"CARGOWALL_DST_IP={EVIL4}")[0]
    equal((entry["CARGOWALL_VERDICT"], entry["CARGOWALL_MODE"]), ("would_deny", "audit"), "verdict, mode")
    counted = {key: bus_get(c, key) for what in ("Connections", "Queries") for key in (what + "Denied", what + "WouldDeny")}
    equal((counted["ConnectionsDenied"], counted["QueriesDenied"]), (0, 0), f"refusals counted ({counted})")
    equal((counted["ConnectionsWouldDeny"] > 0, counted["QueriesWouldDeny"] > 0), (True, True), f"what would be denied ({counted})")
    contains(ctl(c, "status", wanted=3).out, f", 0 denied, {counted['ConnectionsWouldDeny']} would be denied\n", "status")
    equal(c.sh(f"{VERIFY[rig.debs.package().suffix]} cargowall"), "", "files that differ from the package's")
    ctl(c, "policy", "check", "/etc/cargowall/policy.json")


@case("packaging: installed on a machine that runs, it is active at once, and works")
def install_running(rig):
    c = rig.container("machine").boot()
    lines = [line for line in install(c, rig.debs.current()).splitlines() if line.startswith("cargowall:")]
    equal(len(lines), 1, f"lines about the product: {lines}")
    for words in ("audit mode", "'cargowallctl check'", "'cargowallctl events'", "policy.json"):
        contains(lines[0], words, "what the installation ends with")
    wait_active(c)
    c.put("/etc/cargowall/policy.json", POLICY)
    ctl(c, "reload")
    r = probe(c, "tcp EVIL4 7", "tcp github.com 7", user=JOB)
    refused(r, "tcp EVIL4 7")
    worked(r, "tcp github.com 7")
    equal(c.state(), "running", "state of the machine")


@case("packaging: remove stops it and detaches, purge leaves nothing but the administrator's own files")
def purge(rig):
    rig.debs.current()  # no test for an RPM
    c = rig.boot()
    c.put("/etc/cargowall/policy.d/own.json", "")
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    c.check("dpkg", "--remove", "cargowall", seconds=300, env=QUIET)
    equal((programs(c), c.path(DROP_IN).exists()), ({}, False), "programs, drop-in after the removal")
    wait_resolves(c, "evil.example", EVIL4)
    equal(c.path("/etc/cargowall/policy.json").exists(), True, "configuration after the removal")
    c.check("dpkg", "--purge", "cargowall", seconds=300, env=QUIET)
    c.check("systemctl", "daemon-reload")
    equal(c.sh("cd /etc/cargowall; find . | sort").split(), [".", "./policy.d", "./policy.d/own.json"], "own files")
    shutil.rmtree(c.path("/etc/cargowall"))
    gone(c)


@case("packaging: an upgrade keeps the administrator's files, the next one works as well")
def upgrade(rig):
    c = rig.boot()
    before, policy = main_pid(c), c.get("/etc/cargowall/policy.json")
    install(c, rig.debs.variant())
    wait_restarted(c, before)
    equal(c.get("/etc/cargowall/policy.json"), policy, "policy")
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    before = main_pid(c)
    shutil.copy(rig.debs.current(), c.path("/root/package.deb"))
    c.check("dpkg", "-i", "--force-confold", "--force-downgrade", "/root/package.deb", seconds=300, env=QUIET)
    wait_restarted(c, before)
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    contains(c.sh(f"wc -l {EVENTS}"), EVENTS, "events over both")


@case("packaging: Debian's own test of the installed package")
def autopkgtest(rig):
    c = rig.boot(policy=SHIPPED)
    c.put("/root/enforcement", (HERE.parent.parent / "debian/tests/enforcement").read_text(encoding="utf-8"), mode=0o755)
    contains(c.check("/root/enforcement"), "192.0.2.1", "the denial that it lists")
    equal(bus_get(c, "EffectiveMode"), "audit", "mode afterwards")


@case("packaging: the service's sandbox, by systemd's own measure")
def sandbox(rig):
    c = rig.boot()
    out = c.run("systemd-analyze", "--no-pager", "security", SERVICE).out
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", out)
    assert score and float(score[1]) <= 2.0, out[-2000:]
    equal(c.run("systemd-analyze", "--no-pager", "--man=no", "verify", SERVICE, SOCKET).err.strip(), "", "what verify says")
    equal(c.sh(f"ps -o user= -p {main_pid(c)}"), "cargowall", "user of the process")
    bits = int(c.sh(f"awk '$1 == \"CapEff:\" {{ print $2 }}' /proc/{main_pid(c)}/status"), 16)
    equal(bits, 1 << 12 | 1 << 39, "effective capabilities: CAP_NET_ADMIN and CAP_BPF")


@case("packaging: man pages, completions and the manual's names are there")
def documentation(rig):
    c = rig.boot()
    files = c.sh(f"{LIST[rig.debs.package().suffix]} cargowall")
    for name in ("man1/cargowall.1.gz", "man1/cargowallctl.1.gz", "man5/cargowall.conf.5.gz", "man5/cargowall-policy.5.gz",
                 "man5/cargowall-events.5.gz", "man5/org.cargowall1.5.gz", "man8/cargowalld.8.gz",
                 "bash-completion/completions/cargowallctl", "bash-completion/completions/cargowall",
                 "/_cargowallctl", "/_cargowall", "cargowall/schema/events.schema.json",
                 "doc/cargowall/README.md", "doc/cargowall/events.md", "doc/cargowall/clients.md", "/etc/cargowall/policy.d"):
        contains(files, name, "files of the package")
    for example in c.sh("ls /usr/share/doc/cargowall/examples/policies/*.json").split():
        ctl(c, "policy", "check", example)
    absent_text(files, "/usr/local", "files of the package")
    for text in (c.check("cargowallctl", "--help"), c.check("cargowallctl", "--version")):
        assert text, "nothing said"


@case("packaging: lintian has no errors")
def lintian(rig):
    if not shutil.which("lintian"):
        raise Skip("lintian is not installed")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", rig.debs.current()], capture_output=True,
                          text=True, check=False)
    equal(done.returncode, 0, f"exit status of lintian ({done.stdout[-3000:]}{done.stderr[-500:]})")
