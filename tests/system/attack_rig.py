# SPDX-License-Identifier: Apache-2.0
"""What the tests of attacks on a whole machine share: a machine with a jail in it, commands with attack_tools.py at
hand, and the checks."""

import contextlib
import json
import pathlib
import subprocess

from harness import equal
from lab import LabError, die_with_parent, wait_until
from rig import EVENTS, LIBRARY, allow

HERE = pathlib.Path(__file__).resolve().parent
ONE = "203.0.113.21"  # echo on every address of the lab
JAIL = {"units": ["jail*"]}  # sockets and scopes, too
# A host that lets everything pass, so that whatever leaves the jail's scope is seen on the other side.
OPEN = {"mode": "enforce", "defaultAction": "allow", "rules": []}


# -- tools

def boot(rig, policy=None, jail=None, prepare=None, **options):
    """jail: destinations of the policy for jail*; ONE alone if not given."""
    def put(c):
        c.put(f"{LIBRARY}/attack_tools.py", (HERE / "attack_tools.py").read_bytes())
        if prepare:
            prepare(c)
    documents = {"jail": allow(*(jail or (ONE + "/32",)), match=JAIL)}
    return rig.boot(policy=policy, documents=documents, prepare=put, **options)


def attack(c, source, **options):
    """As c.python, with attack_tools at hand."""
    argv = c.lab.python(source)
    argv[-1] = argv[-1].replace("\n", "\nfrom attack_tools import *\n", 1)
    return c.unit(*argv, **options)


def events(c, name=EVENTS):
    found = []
    for line in c.get(name).splitlines():
        with contextlib.suppress(ValueError):  # the last one may be half written
            found.append(json.loads(line))
    return found


SUPPRESSED = ("connections_suppressed", "queries_suppressed")


def n_logged(c, unit):
    """How many denials of the unit the log stands for: described, merged or suppressed."""
    return sum(e.get("count", 1) for e in events(c)
               if e.get("unit") == unit and (e["event_type"] in SUPPRESSED or e["blocked"] or e["would_deny"]))


def wait_event(c, **fields):
    def found():
        return [e for e in events(c) if all(e.get(k) == v for k, v in fields.items())]
    return wait_until(found, f"an event with {fields}")[0]


def denied(c, addr, unit, scope, **fields):
    """The event of a denial, which says whose it was."""
    event = wait_event(c, dst_ip=addr, verdict="deny", unit=unit, **fields)
    equal(event.get("scope"), scope, f"scope in {event}")
    return event


def stayed(rig, addr, what, **which):
    """The witness has the last word."""
    n = rig.packets(addr, **which)
    assert n == 0, f"{n} packets to {addr}: {what}: {rig.lab.first_packets(addr)}"


def asked_upstream(rig, name):
    wanted = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return [q for q in rig.lab.upstream_queries() if wanted in q.lower()]


def from_outside(rig, source, data=b""):
    """Python in the lab's internet, whose every address can be bound to."""
    done = subprocess.run(rig.lab.in_internet("env", f"PYTHONPATH={rig.lab.dir}/client", *rig.lab.python(source)),
                          input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_parent,
                          timeout=60, check=False)
    if done.returncode:
        raise LabError(f"in the internet: {done.stderr.decode(errors='replace')}")
    return json.loads(done.stdout.decode().strip().splitlines()[-1])


def attacking(c, source, name, user=None, properties=()):
    """As attack(), not waited for."""
    argv = c.lab.python(source)
    argv[-1] = argv[-1].replace("\n", "\nfrom attack_tools import *\n", 1)
    return c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect",
                   *c._unit_options(name, user, None, properties), "--setenv=PYTHONPATH=/usr/local/lib/rig", *argv)


@contextlib.contextmanager
def held(c, source, name, **options):
    """A unit that prints "up" and continues when it gets a line. Yields a function that ends it within so many
    seconds and returns what came."""
    run = attacking(c, source, name, **options)
    try:
        equal(run.read_line(), b"up\n", f"first line of {name}")
        yield lambda seconds=30: run.finish(b"\n", seconds)
    finally:
        run.process.kill()


def put_unit(c, name, text):
    c.put(f"/etc/systemd/system/{name}", text)
    c.check("systemctl", "daemon-reload")


def activated(c, name, listen, source, more=""):
    """A jailed service whose socket systemd makes; it writes what it reports to /run/NAME.out."""
    argv = c.lab.python(source)
    program = argv[-1].replace("\n", "\nfrom attack_tools import *\n", 1)
    c.put(f"{LIBRARY}/{name}.py", program)
    put_unit(c, f"{name}.socket", f"[Socket]\n{listen}\n")
    put_unit(c, f"{name}.service", f"[Service]\nEnvironment=PYTHONPATH=/{LIBRARY}\n"
             f"ExecStart=/usr/bin/python3 /{LIBRARY}/{name}.py\nStandardOutput=file:/run/{name}.out\n{more}")
    c.check("systemctl", "start", f"{name}.socket")


def reported(c, name):
    """What an activated service has reported when it ends."""
    path = c.path(f"/run/{name}.out")
    wait_until(lambda: path.exists() and c.prop(f"{name}.service", "ActiveState") in ("inactive", "failed"),
               f"{name}.service to end")
    facts = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        facts.update(json.loads(line))
    assert facts, f"{name}.service printed nothing: {c.said(name + '.service')}"
    return facts


def not_sent(facts, *names):
    for name in names:
        equal(facts[name].get("errno"), "EPERM", f"{name} ({facts[name]})")
