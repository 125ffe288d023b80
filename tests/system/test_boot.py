# SPDX-License-Identifier: Apache-2.0
"""What a start of the machine comes to."""

import json

from harness import case, equal
from plan import EVIL4, EVIL6, EXAMPLE4
from rig import SERVICE, SOCKET, absent_text, boot_unit, bus_get, programs

FIRST = """
import json, sys
from attacker import *
with open(sys.argv[1], "w") as f:
    json.dump({"denied": attempt(tcp, EVIL4, 7), "denied6": attempt(udp, EVIL6, 7),
               "allowed": attempt(tcp, EXAMPLE4, 7)}, f)
"""


@case("boot: the service is active, nothing failed, no ordering cycle")
def boots(rig):
    c = rig.boot()
    equal(c.state(), "running", f"state of the machine ({c.systemctl('--failed', '--plain').out})")
    absent_text(c.sh("journalctl --no-pager -q -b"), "ordering cycle", "the journal")
    for unit in (SERVICE, SOCKET):
        equal(c.systemctl("is-enabled", unit).out.strip(), "enabled", unit)
        equal(c.prop(unit, "ActiveState"), "active", unit)
    equal(c.prop(SERVICE, "NRestarts"), "0", "restarts")
    equal(c.prop(SERVICE, "StatusText") != "", True, "the service says how it is")


@case("boot: the service enforces with every hook it requires")
def enforces(rig):
    c = rig.boot()
    equal((bus_get(c, "Enforcing"), bus_get(c, "EffectiveMode")), (True, "enforce"), "enforcing, mode")
    missing = set(bus_get(c, "RequiredHooks")) - set(bus_get(c, "AchievedHooks"))
    equal(missing, set(), "required hooks that are missing")
    assert len(programs(c)) >= 10, f"programs at the root cgroup: {programs(c)}"


@case("boot: a unit ordered after the service is refused at its first instruction")
def ready_means_enforcing(rig):
    def prepare(c):
        c.put("/usr/local/lib/rig/first.py", FIRST)
        boot_unit(c, "first.service", "/usr/bin/python3 /usr/local/lib/rig/first.py /run/first.json",
                  unit=f"After={SERVICE}", service="Environment=PYTHONPATH=/usr/local/lib/rig")
    c = rig.boot(prepare=prepare)
    c.sh("until systemctl is-active -q multi-user.target; do sleep 0.1; done")
    facts = json.loads(c.get("/run/first.json"))
    equal((facts["denied"].get("errno"), facts["denied6"].get("errno"), facts["allowed"].get("value")),
          ("EPERM", "EPERM", "hello"), "what the unit met")
    equal((rig.packets(EVIL4), rig.packets(EVIL6), rig.packets(EXAMPLE4) > 0), (0, 0, True), "packets")


@case("boot: the machine goes down in order, and quickly")
def goes_down(rig):
    c = rig.boot()
    c.power_off()
    absent_text(c.console(), "Timed out", "the console")
