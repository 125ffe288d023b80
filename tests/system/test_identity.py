# SPDX-License-Identifier: Apache-2.0
"""Whose it was: the unit and the job of an event, whatever became of the process and however many events there are."""

import textwrap

from attack_rig import ONE, attack, boot, events, held, n_logged, wait_event
from harness import Skip, case, equal
from lab import wait_until
from plan import JOB
from rig import allow, ctl

DELEGATED = {"properties": ("Delegate=yes",)}
NESTED = """
    own = own_cgroup()
    os.makedirs(own + "/nested", exist_ok=True)
    enter_cgroup(own + "/nested")
"""
LOOP = 4000
NOISE = f"""
    for n in range({LOOP}):
        with socket.socket() as s:
            s.connect_ex(("203.0.113.%d" % (100 + n % 100), 1000 + n // 100))
"""
SHORT = 100
SHORT_LIVED = f"""
    for n in range({SHORT}):
        if os.fork() == 0:
            with socket.socket() as s:
                s.connect_ex(("203.0.113.%d" % (100 + n), 7))
            os._exit(0)
        os.wait()
"""


def code(*parts):
    return "\n".join(["", *(textwrap.dedent(part).strip("\n") for part in parts)])


def noise(c):
    return [e for e in events(c) if e.get("dst_ip", "").startswith("203.0.113.1") and e["blocked"]]


def units_of(found):
    units = [e.get("unit", "none") for e in found]
    return {unit: units.count(unit) for unit in set(units)}


@case("identity: a process of a nested cgroup that ends at once, and one whose cgroup does, have their unit in the event")
def short_lived(rig):
    c = boot(rig)
    attack(c, code(NESTED, SHORT_LIVED), name="jail.service", **DELEGATED)
    wait_until(lambda: len(noise(c)) >= SHORT, "their events")
    equal(units_of(noise(c)), {"jail.service": SHORT}, "events by unit")
    attack(c, code("own = own_cgroup()", """
        for n in range(20):
            os.mkdir(own + "/short")
            if os.fork() == 0:
                enter_cgroup(own + "/short")
                with socket.socket() as s:
                    s.connect_ex(("203.0.113.90", 7))
                os._exit(0)
            os.wait()
            os.rmdir(own + "/short")
    """), name="jail-2.service", **DELEGATED)
    wait_until(lambda: sum(e.get("dst_ip") == "203.0.113.90" for e in events(c)) >= 20, "their events")
    equal(units_of([e for e in events(c) if e.get("dst_ip") == "203.0.113.90"]), {"jail-2.service": 20}, "events by unit")


@case("identity: what a user's manager starts and ends at once belongs to user@UID.service")
def below_a_user_manager(rig):
    def prepare(c):  # an account that PAM takes
        with open(c.path("etc/shadow"), "a", encoding="ascii") as shadow:
            shadow.write(f"{JOB}:*:19000:0:99999:7:::\n")
    c = boot(rig, policy=False, prepare=prepare)
    c.put("/etc/cargowall/policy.d/users.json", allow(ONE + "/32", match={"units": ["user@*.service"]}))
    ctl(c, "reload")
    uid = c.check("id", "-u", JOB)
    if c.systemctl("start", f"user@{uid}.service").status:
        raise Skip("no user manager can be started here: " + c.said(f"user@{uid}.service")[-300:])
    c.put("/usr/local/bin/short", "#!/usr/bin/python3\nimport os, socket\n" + textwrap.dedent(SHORT_LIVED), mode=0o755)
    c.put("/etc/systemd/user/short.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/short\n")
    r = c.unit("systemctl", "--user", "start", "short.service", user=JOB, name="caller.service",
               env={"XDG_RUNTIME_DIR": f"/run/user/{uid}"})
    equal(r.status, 0, f"status of the user's unit ({r.err})")
    wait_until(lambda: len(noise(c)) >= SHORT, "their events")
    equal(units_of(noise(c)), {f"user@{uid}.service": SHORT}, "events by unit")


@case("identity: a unit that makes much noise from a cgroup of its own hides no unit's name, not even its own")
def noisy(rig):
    c = boot(rig)
    with held(c, code(NESTED, """
            attempt(tcp, "203.0.113.71", 7)
            print("up", flush=True)
            input()
            report(late=attempt(tcp, "203.0.113.72", 7))
            """), "jail-quiet.service", **DELEGATED) as go_on:
        early = wait_event(c, dst_ip="203.0.113.71")
        attack(c, code(NESTED, NOISE, "time.sleep(1)", 'attempt(tcp, "203.0.113.73", 7)'), name="jail.service", seconds=100, **DELEGATED)
        go_on()
    late, last = wait_event(c, dst_ip="203.0.113.72"), wait_event(c, dst_ip="203.0.113.73")
    equal((early.get("unit"), late.get("unit"), last.get("unit")),
          ("jail-quiet.service", "jail-quiet.service", "jail.service"),
          "units in the events of the quiet one before and after, and in the last one of the noisy one")
    equal(set(units_of(noise(c))), {"jail.service"}, "units in the noise")


@case("identity: the denials of a job count, however many there are")
def job_counts(rig):
    c = boot(rig)
    with held(c, code("""
            import subprocess
            begun = run_status("cargowallctl", "job", "begin", "--label", "repository=a/b")
            """, NESTED, NOISE, """
            print("up", flush=True)
            input()
            out = subprocess.run(["cargowallctl", "job", "end", "1", "--json=short"], capture_output=True, text=True).stdout
            report(begun=begun, summary=json.loads(out))
            """), "jail.service", **DELEGATED) as go_on:
        r = go_on()
    equal(int(r.facts["summary"]["connections_denied"]), LOOP, "denied connections of the job")
    wait_until(lambda: n_logged(c, "jail.service") >= LOOP, "the same in the log")
    equal(n_logged(c, "jail.service"), LOOP, "denials that the log stands for")
