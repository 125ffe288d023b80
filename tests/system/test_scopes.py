# SPDX-License-Identifier: Apache-2.0
"""Which policy a process is judged by."""

import contextlib
import json
import re

from attack_rig import wait_event
from harness import case, contains, equal, refused, worked
from lab import wait_until
from plan import EVIL4, EXAMPLE4, GITHUB4, JOB
from rig import SERVICE, absent_text, allow, bus_get, ctl, main_pid, probe

ONE, TWO = "203.0.113.21", "203.0.113.22"  # echo on every address of the lab
NEITHER = "203.0.113.23"


def only(addr, match, **more):
    return allow(addr + "/32", match=match, **more)


def verdicts(c, **options):
    """What a unit reaches of ONE, TWO and what the host's policy allows."""
    r = probe(c, f"tcp {ONE} 7", f"tcp {TWO} 7", "tcp EXAMPLE4 7", **options)
    equal(r.status, 0, "exit status")
    return tuple(fact.get("value", fact.get("errno")) for fact in r.facts.values())


YES, NO = "hello", "EPERM"


@case("scopes: two units by two policies, and a third by the host's")
def two_units(rig):
    c = rig.boot(documents={"a": only(ONE, {"units": ["a.service"]}), "b": only(TWO, {"units": ["b.service"]})})
    equal(verdicts(c, name="a.service"), (YES, NO, NO), "a reaches")
    equal(verdicts(c, name="b.service"), (NO, YES, NO), "b reaches")
    for other in ("c.service", "aa.service", "a.b.service"):
        equal(verdicts(c, name=other), (NO, NO, YES), f"{other} reaches")
    equal(sorted(path.rpartition("/")[2] for path in bus_get(c, "Scopes")), ["a", "b", "host"], "scopes on the bus")


@case("scopes: both units at the same time, and users make no difference")
def at_once(rig):
    c = rig.boot(documents={"a": only(ONE, {"units": ["a*.service"]}), "b": only(TWO, {"units": ["b*.service"]})})
    runs = [c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--unit={name}{n}.service",
                    "--property=User=job", "--setenv=PYTHONPATH=/usr/local/lib/rig", *rig.lab.python(f"""
                        for _ in range(20):
                            report(mine=attempt(tcp, {mine!r}, 7), other=attempt(tcp, {other!r}, 7))
                            if attempt(tcp, {other!r}, 7).get("errno") != "EPERM":
                                raise SystemExit(9)"""))
            for n in range(4) for name, mine, other in (("a", ONE, TWO), ("b", TWO, ONE))]
    for run in runs:
        r = run.finish()
        worked(r, "mine")
        refused(r, "other")


@case("scopes: a new unit of a pattern is judged by it from its first instruction")
def fresh_units(rig):
    c = rig.boot(documents={"jobs": only(ONE, {"units": ["job-*.service"]})})
    # bash connects a few milliseconds after the start; the host's policy would allow the one and refuse the other
    source = f"(exec 3<>/dev/tcp/{ONE}/7) || exit 3; ! (exec 4<>/dev/tcp/{EXAMPLE4}/7) 2>/dev/null || exit 4"
    for n in range(20):
        r = c.unit("bash", "-c", source, name=f"job-{n}.service")
        equal(r.status, 0, f"status of unit {n} (3: what its policy allows was refused, 4: it got by the host's)")
    equal(rig.packets(EXAMPLE4), 0, "packets to what only the host's policy allows")


@case("scopes: a slice, what is below it, and a unit that has a policy of its own inside it")
def slices(rig):
    c = rig.boot(documents={"ci": only(ONE, {"slices": ["ci.slice"]}), "x": only(TWO, {"units": ["x.service"]})})
    equal(verdicts(c, slice="ci.slice"), (YES, NO, NO), "a unit in the slice reaches")
    equal(verdicts(c, slice="ci-deep.slice"), (YES, NO, NO), "a unit in a slice below it reaches")
    equal(verdicts(c, slice="ci.slice", name="x.service"), (NO, YES, NO), "the unit with its own policy reaches")
    equal(verdicts(c, slice="other.slice"), (NO, NO, YES), "a unit in another slice reaches")


@case("scopes: a cgroup that a unit makes below its own belongs to the unit")
def below_a_unit(rig):
    c = rig.boot(documents={"a": only(ONE, {"units": ["a.service"]})})
    source = f"""
        import os
        own = "/sys/fs/cgroup" + open("/proc/self/cgroup").read().split("0::")[1].strip()
        os.makedirs(own + "/deep/b.service")
        open(own + "/deep/b.service/cgroup.procs", "w").write("0")
        report(one=attempt(tcp, {ONE!r}, 7), two=attempt(tcp, {TWO!r}, 7), host=attempt(tcp, EXAMPLE4, 7))
    """
    r = c.python(source, name="a.service", properties=("Delegate=yes",))
    worked(r, "one")
    refused(r, "two", "host")


CONTAINERS = {name: path % (name * 64)[:64] for name, path in (
    ("a", "/system.slice/docker-%s.scope"), ("b", "/docker/%s"), ("c", "/libpod_parent/libpod-%s"),
    ("d", "/system.slice/system.slice:docker:%s"), ("e", "/kubepods/besteffort/pod1-2/%s"))}
ROOTLESS = f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{'f' * 64}.scope"


def in_cgroup(rig, c, path):
    """What a process reaches in a cgroup made by hand, as an engine makes it."""
    source = "\n".join(f"report(**{{{a!r}: attempt(tcp, {a!r}, 7)}})" for a in (ONE, TWO))
    r = c.run("sh", "-ec", 'echo 0 >"$0/cgroup.procs"; exec "$@"', "/sys/fs/cgroup" + path, *rig.lab.python(source))
    return tuple(fact.get("value", fact.get("errno")) for fact in r.facts.values())


def row_of_check(c, name):
    return next(r for r in json.loads(c.run("cargowallctl", "check", "--json=short").out) if r["name"] == name)


@case("scopes: check and status name what the user of an enforced unit can have others do, and who judges that")
def helpers(rig):
    c = rig.boot(policy=False, documents={"jail": only(ONE, {"units": ["jail.service"]})})
    c.start_unit("sleep", "infinity", name="jail.service", user=JOB)
    row = row_of_check(c, "helpers")
    equal(row["state"], "ok", f"row of check ({row})")
    absent_text(c.run("cargowallctl", "status").out, "Helpers", "status")
    c.put(f"/var/lib/systemd/linger/{JOB}", "")
    row = row_of_check(c, "helpers")
    equal((row["state"], row["detail"]), ("warn", "1 of 1 running units with an enforced policy can have others act, such as "
                                          "jail.service (user manager)"), "row of check")
    contains(c.run("cargowallctl", "status").out, "Helpers: jail.service can have others act (user manager)", "status")
    c.put("/etc/cargowall/policy.d/jail.json", only(ONE, {"units": ["jail.service", "user@*.service"]}))
    equal(row_of_check(c, "helpers")["state"], "ok", "row of check when the document matches the user's manager")
    c.check("systemctl", "stop", "jail.service")
    c.start_unit("sleep", "infinity", name="jail.service")
    contains(row_of_check(c, "helpers")["detail"], "jail.service (runs as root)", "row of check")


@case("scopes: containers of engines that make cgroups themselves are judged; check names those that no document matches")
def engines(rig):
    c = rig.boot(policy=False, documents={"containers": only(ONE, {"containers": ["*"]}, mode="enforce")})
    for path in (*CONTAINERS.values(), ROOTLESS):
        c.sh(f"mkdir -p '/sys/fs/cgroup{path}'")
    wait_until(lambda: all(path in c.run("cargowallctl", "status", "--full", "containers").out for path in CONTAINERS.values()),
               "the containers to be in their scope")
    for path in CONTAINERS.values():
        equal(in_cgroup(rig, c, path), (YES, NO), f"{path} reaches")
    c.sh(f"mkdir -p '/sys/fs/cgroup{CONTAINERS['b']}/docker/x'")  # by the container itself
    equal(in_cgroup(rig, c, CONTAINERS["b"] + "/docker/x"), (YES, NO), "a cgroup below the container reaches")
    wait_event(c, dst_ip=TWO, unit="b" * 64, cgroup=CONTAINERS["b"])
    equal(in_cgroup(rig, c, ROOTLESS), (YES, YES), "a container of a user reaches")
    row = row_of_check(c, "containers")
    equal((row["state"], row["detail"]), ("warn", f"1 of {len(CONTAINERS) + 1} belong to no document and are not judged, such as {ROOTLESS}"),
          "the row of check")


@case("scopes: a name is open for the scope that may ask for it, and for no other")
def names(rig):
    c = rig.boot(documents={"a": allow("github.com", match={"units": ["a.service"]}),
                            "b": allow(match={"units": ["b.service"]})})
    worked(probe(c, "tcp github.com 8000", name="a.service"), "tcp github.com 8000")
    r = probe(c, "tcp GITHUB4 8000", "tcp github.com 8000", name="b.service")
    refused(r, "tcp GITHUB4 8000")
    assert "value" not in r.facts["tcp github.com 8000"], r.facts
    worked(probe(c, "tcp GITHUB4 8000", name="a.service"), "tcp GITHUB4 8000")


@case("scopes: without a policy for the host, only matched units are judged")
def host_off(rig):
    c = rig.boot(policy=False, documents={"a": only(ONE, {"units": ["a.service"]})})
    equal(verdicts(c, name="a.service"), (YES, NO, NO), "a reaches")
    equal(verdicts(c, name="b.service"), (YES, YES, YES), "another unit reaches")
    equal(bus_get(c, "EffectiveMode"), "enforce", "effective mode: the weakest of the scopes that have a policy")


@case("scopes: one scope in audit does not weaken another")
def audit_beside_enforce(rig):
    c = rig.boot(documents={"a": only(ONE, {"units": ["a.service"]}, mode="audit")})
    equal(verdicts(c, name="a.service"), (YES, YES, YES), "the audited unit reaches")
    equal(verdicts(c, name="b.service"), (NO, NO, YES), "another unit reaches")


@case("scopes: a denial in the journal bears its unit and its scope")
def attributed(rig):
    c = rig.boot(documents={"ci": only(ONE, {"units": ["a.service"]})})
    refused(probe(c, "tcp EVIL4 7", name="a.service"), "tcp EVIL4 7")
    refused(probe(c, f"tcp {NEITHER} 7", name="b.service"), f"tcp {NEITHER} 7")
    for addr, unit, scope in ((EVIL4, "a.service", "ci"), (NEITHER, "b.service", "host")):
        entry = c.wait_journal(f"CARGOWALL_DST_IP={addr}")[0]
        equal({k: entry.get(k) for k in ("CARGOWALL_UNIT", "CARGOWALL_SCOPE", "CARGOWALL_VERDICT")},
              {"CARGOWALL_UNIT": unit, "CARGOWALL_SCOPE": scope, "CARGOWALL_VERDICT": "deny"}, f"fields for {addr}")
        equal(entry["_SYSTEMD_UNIT"], "cargowalld.service", "who wrote the entry")


@case("scopes: the units that were there before the service are judged too")
def older_units(rig):
    c = rig.boot(documents={"a": only(ONE, {"units": ["a.service"]})})
    c.check("systemctl", "stop", "cargowalld.service")
    with contextlib.ExitStack() as stack:
        held = c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit=a.service",
                       "--setenv=PYTHONPATH=/usr/local/lib/rig", *rig.lab.python(f"""
                           print("up", flush=True)
                           input()
                           report(one=attempt(tcp, {ONE!r}, 7), two=attempt(tcp, {TWO!r}, 7))"""))
        stack.callback(held.process.kill)
        equal(held.read_line(), b"up\n", "first line")
        c.check("systemctl", "start", "cargowalld.service")
        r = held.finish(b"\n")
    worked(r, "one")
    refused(r, "two")
    equal(rig.packets(GITHUB4), 0, "packets that nobody sent")


@case("scopes: a unit that starts while the service is stopped stays unassigned, and gets its policy once it continues")
def held_up(rig):
    c = rig.boot(documents={"jail": only(ONE, {"units": ["jail*.service"]})})
    pid = main_pid(c)
    c.sh(f"kill -STOP {pid}")
    try:
        runs = [c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--unit=jail{n}.service",
                        "--setenv=PYTHONPATH=/usr/local/lib/rig", *rig.lab.python(f"""
                            with socket.socket() as s:
                                s.settimeout(100)  # TCP itself would give up after two minutes
                                report(outcome=attempt(lambda: s.connect(({addr!r}, 7)) or "connected"))
                        """)) for n, addr in enumerate((ONE, TWO))]
        wait_until(lambda: len(re.findall(r":0007 02 ", c.check("cat", "/proc/net/tcp"))) == 2, "two connects to wait")
    finally:
        c.sh(f"kill -CONT {pid}")
    allowed, denied = [run.finish(seconds=60) for run in runs]
    worked(allowed, "outcome")
    equal(denied.facts["outcome"].get("errno"), "ECONNABORTED", "the error of the refused one")
    equal(rig.packets(TWO), 0, "packets to what the policy refuses")


@case("scopes: the slot of a removed scope is reused, also after a restart that brings the first one back")
def places(rig):
    c = rig.boot(documents={"a": only(ONE, {"units": ["a.service"]})})
    equal(verdicts(c, name="a.service"), (YES, NO, NO), "a reaches")
    c.path("etc/cargowall/policy.d/a.json").unlink()
    ctl(c, "reload")
    c.put("etc/cargowall/policy.d/c.json", only(TWO, {"units": ["c.service"]}))
    ctl(c, "reload")
    c.put("etc/cargowall/policy.d/a.json", only(ONE, {"units": ["a.service"]}))
    for what in ("first", "second"):
        c.check("systemctl", "restart", SERVICE)
        equal(verdicts(c, name="a.service"), (YES, NO, NO), f"a reaches after the {what} restart")
        equal(verdicts(c, name="c.service"), (NO, YES, NO), f"c reaches after the {what} restart")
        equal(verdicts(c, name="d.service"), (NO, NO, YES), f"others reach after the {what} restart")
