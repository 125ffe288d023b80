# SPDX-License-Identifier: Apache-2.0
"""Users of units, wherever others run their processes."""

import json

from harness import case, equal
from lab import wait_until
from plan import EXAMPLE4
from rig import SERVICE, absent_text, ctl, main_pid, wait_active, wait_restarted
from test_scopes import ONE, TWO, only

FOLLOW = {"units": ["runner.service"], "follow": True}
YES, NO = "hello", "EPERM"


def reached(r):
    return tuple(fact.get("value", fact.get("errno")) for fact in r.facts.values())


def source_of(*addrs):
    return "\n".join(f"report(**{{{a!r}: attempt(tcp, {a!r}, 7)}})" for a in addrs)


def as_user(rig, c, uid, *addrs, name="cron.service"):
    """What a process of a user reaches in a unit that root has started, as cron starts jobs."""
    change = f"import os; os.setgroups([]); os.setgid({uid}); os.setuid({uid})\n"
    return reached(c.python(change + source_of(*addrs), name=name))


RUNNER = "follower"  # an ordinary user: the number of the rig's own is one that systemd may give to dynamic users


def boot(rig, **options):
    c = rig.boot(documents={"runner": only(ONE, FOLLOW, **options)})
    c.check("useradd", "--create-home", "--uid", "1500", RUNNER)
    c.start_unit("sleep", "infinity", name="runner.service", user=RUNNER)
    uid = 1500
    wait_until(lambda: f"user {uid} of /system.slice/runner.service is followed" in c.said(), "the user is followed", 30)
    return c, uid


@case("follow: what cron starts for the user of a unit is judged by the unit's document, and nobody else is")
def cron(rig):
    c, uid = boot(rig)
    equal(as_user(rig, c, uid, ONE, TWO, EXAMPLE4), (YES, NO, NO), "the user reaches from cron")
    equal(rig.packets(TWO), 0, "packets to what no document allows")
    equal(as_user(rig, c, 0, ONE, EXAMPLE4), (NO, YES), "root reaches from cron")
    equal(as_user(rig, c, 65001, ONE, EXAMPLE4), (NO, YES), "another user reaches from cron")
    events = [json.loads(line) for line in ctl(c, "events", "--json=short").out.splitlines()]
    mine = [e for e in events if e.get("scope") == "runner" and "cron.service" in json.dumps(e)]
    equal(bool(mine), True, "events of the document name the unit where it happened")


@case("follow: the user's service manager and what it starts are judged by the unit's document")
def manager(rig):
    c, uid = boot(rig)
    c.check("systemctl", "start", f"user@{uid}.service")
    c.put("/usr/local/bin/reach", "#!/bin/bash\nexec 2>/dev/null\n" + "".join(
        f"(exec 3<>/dev/tcp/{addr}/7) && echo {addr}\n" for addr in (ONE, TWO, EXAMPLE4)) + "true\n", mode=0o755)
    c.put("/etc/systemd/user/reach.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/reach\n"
          f"StandardOutput=file:/run/user/{uid}/reached\n")
    r = c.unit("systemctl", "--user", "start", "reach.service", user=RUNNER, name="caller.service",
               env={"XDG_RUNTIME_DIR": f"/run/user/{uid}"})
    equal((r.status, c.get(f"/run/user/{uid}/reached")), (0, ONE + "\n"), "what the user's service manager starts reaches")
    equal(rig.packets(TWO), 0, "packets to what no document allows")
    # a process with a number that the user has from /etc/subuid, as in a rootless container in the host's network
    cgroup = f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/libpod-x.scope"
    change = (f"import os; os.makedirs({cgroup!r}, exist_ok=True); open({cgroup!r} + '/cgroup.procs', 'w').write('0')\n"
              "os.setgroups([]); os.setgid(100033); os.setuid(100033)\n")
    equal(reached(c.run(*rig.lab.python(change + source_of(ONE, TWO, EXAMPLE4)))), (YES, NO, NO), "a rootless container reaches")


@case("follow: a restart of the service keeps who is followed, also when the unit has ended; a reload ends it")
def restart(rig):
    c, uid = boot(rig)
    c.systemctl("stop", "runner.service")
    equal(as_user(rig, c, uid, ONE, EXAMPLE4), (YES, NO), "the user reaches when the unit has ended")
    pid = main_pid(c)
    c.systemctl("kill", "--signal=KILL", SERVICE)
    wait_restarted(c, pid)
    wait_active(c)
    equal(as_user(rig, c, uid, ONE, EXAMPLE4), (YES, NO), "the user reaches after the restart")
    c.put("/etc/cargowall/policy.d/runner.json", json.dumps(only(ONE, {"units": ["runner.service"]})))
    ctl(c, "reload")
    equal(as_user(rig, c, uid, ONE, EXAMPLE4), (NO, YES), "the user reaches when no document follows it")


@case("follow: audit refuses nothing")
def modes(rig):
    c, uid = boot(rig, mode="audit")
    equal(as_user(rig, c, uid, ONE, TWO), (YES, YES), "the user reaches in audit")


@case("follow: check counts what is followed as covered")
def check(rig):
    c, uid = boot(rig)
    c.put(f"/var/lib/systemd/linger/{RUNNER}", "")
    row = next(r for r in json.loads(c.run("cargowallctl", "check", "--json=short").out) if r["name"] == "helpers")
    equal(row["state"], "ok", f"row of check ({row})")
    absent_text(c.run("cargowallctl", "status").out, "Helpers", "status")
