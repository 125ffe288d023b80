# SPDX-License-Identifier: Apache-2.0
"""From audit to a policy: what the service has recorded of a unit, as a document that is enforced."""

import json

from harness import case, contains, equal, refused, worked
from lab import wait_until
from plan import EXAMPLE4
from rig import allow, ctl, probe

AUDIT = allow(mode="audit")
JOB = ("tcp EXAMPLE4 7", "udp EXAMPLE4 7")


def values(text):
    return [(rule["value"], rule["ports"], rule["action"]) for rule in json.loads(text)["rules"]]


@case("suggest: a unit in audit mode, from the log and from the journal; its policy is enforced, and anything else refused")
def unit(rig):
    c = rig.boot(policy=AUDIT)
    worked(probe(c, *JOB, name="build.service"), *JOB)
    worked(probe(c, "tcp EVIL4 7", name="other.service"), "tcp EVIL4 7")
    wanted = [(EXAMPLE4, ["7/tcp", "7/udp"], "allow")]

    def suggested():
        r = c.run("cargowallctl", "suggest", "--unit=build.service")
        return r.status == 0 and values(r.out) == wanted
    wait_until(suggested, "what the unit did in the log")
    r = ctl(c, "suggest", "--unit=build.service")
    contains(r.err, f"{EXAMPLE4}:7/tcp: 1 event", "what is listed")
    contains(r.err, "was let pass by audit mode", "what is listed")
    equal("203.0.113.66" in r.err, False, "the other unit")
    journal = c.sh("journalctl -t cargowalld -o json | cargowallctl suggest --unit=build.service -q -")
    equal(values(journal), wanted, "the journal")

    c.put("/etc/cargowall/policy.json", json.dumps(json.loads(r.out) | {"mode": "enforce"}))
    c.check("cargowallctl", "policy", "check", "/etc/cargowall/policy.json")
    c.check("cargowallctl", "policy", "lint", "/etc/cargowall/policy.json")
    ctl(c, "reload")
    worked(probe(c, *JOB, name="build.service"), *JOB)
    refused(probe(c, "tcp EVIL4 7", name="build.service"), "tcp EVIL4 7")
    r = c.run("runuser", "-u", "nobody", "--", "cargowallctl", "suggest")
    equal((r.status, r.out), (1, ""), "a user who may not read the log")
    contains(r.err, "no log can be read here; root and the group cargowall can", "what is said")
