# SPDX-License-Identifier: Apache-2.0
"""What an RPM does on a machine that runs, and what it leaves. Loaded only if $RPM names one."""

import shutil

from harness import case, equal, refused, worked
from plan import EVIL4, JOB
from rig import POLICY, SERVICE, SOCKET, ctl, main_pid, probe, programs, wait_active, wait_resolves, wait_restarted

UNITS = ("cargowalld.service", "cargowalld-dns.socket", "cargowalld-dns6.socket")


def rpm(c, *arguments):
    return c.check("rpm", *arguments, seconds=300)


@case("rpm: installed on a machine that runs, it is enabled, and works when it is started")
def install_running(rig):
    c = rig.container("machine").boot()
    shutil.copy(rig.debs.package(), c.path("/root/package.rpm"))
    equal(rpm(c, "--install", "--nodeps", "/root/package.rpm"), "", "what the installation prints")
    for unit in UNITS:
        equal(c.prop(unit, "UnitFileState"), "enabled", unit)
    equal(c.sh("getent passwd cargowall | cut -d: -f1,7"), "cargowall:/usr/sbin/nologin", "user")
    equal(c.sh("stat -c %U:%a /etc/cargowall /etc/cargowall/policy.d").split(), ["root:755"] * 2, "directories")
    c.check("systemctl", "start", SERVICE)
    wait_active(c)
    c.put("/etc/cargowall/policy.json", POLICY)
    ctl(c, "reload")
    refused(probe(c, "tcp EVIL4 7", user=JOB), "tcp EVIL4 7")
    equal(c.state(), "running", "state of the machine")


@case("rpm: a repeated installation restarts the service without an end of enforcement, and keeps the configuration")
def reinstall(rig):
    c = rig.boot()
    shutil.copy(rig.debs.package(), c.path("/root/package.rpm"))
    before, attached = main_pid(c), programs(c)
    rpm(c, "--upgrade", "--nodeps", "--replacepkgs", "/root/package.rpm")
    wait_restarted(c, before)
    equal(programs(c), attached, "programs")
    refused(probe(c, "tcp EVIL4 7", user=JOB), "tcp EVIL4 7")


@case("rpm: erased, it stops and detaches, and keeps what the administrator changed")
def erase(rig):
    c = rig.boot(documents={"own": {"match": {"units": ["x.service"]}, "rules": []}})
    rpm(c, "--erase", "--nodeps", "cargowall")
    equal(programs(c), {}, "programs")
    for unit in (SERVICE, SOCKET):
        equal(c.prop(unit, "LoadState"), "not-found", unit)
    wait_resolves(c, "evil.example", EVIL4)
    worked(probe(c, "tcp EVIL4 7", user=JOB), "tcp EVIL4 7")
    equal(c.sh("cd /etc/cargowall; find . -type f | sort").split(), ["./policy.d/own.json", "./policy.json.rpmsave"], "files")
    equal(c.sh("find /usr /etc/systemd -iname '*cargowall*' -not -path '*/python*'"), "", "files of the package")
