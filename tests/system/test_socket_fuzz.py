# SPDX-License-Identifier: Apache-2.0
"""Random socket calls in a unit with a policy, on a machine whose other units may send anything: a witness outside
judges every frame. tests/attacks/socket-fuzz does it in `cargowall run`, and repeats what is found."""

import os
import pathlib
import sys
import time

import plan
from attack_rig import JAIL, OPEN
from harness import Skip, case
from lab import LabError

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "attacks" / "fuzz"))
from fuzzing import NAME, PORT_CIDR, PORT_NAME, Outcome, Witness, compile_programs  # noqa: E402

SECONDS, AFTER_SECONDS = 30, 10


def allowed():
    rules = [{"type": "cidr", "value": value, "ports": [PORT_CIDR], "action": "allow"}
             for value in (plan.GITHUB4 + "/32", plan.GITHUB6 + "/128")]
    rules.append({"type": "hostname", "value": NAME, "ports": [PORT_NAME], "action": "allow"})
    return {"mode": "enforce", "defaultAction": "deny", "rules": rules, "match": JAIL}


@case("random socket calls in a unit: what leaves is for allowed destinations, also when the unit has ended")
def unit(rig):
    if "FUZZ_UNIT" not in os.environ:
        raise Skip("it takes all of the machine for minutes: set FUZZ_UNIT to a seed")
    seed = int(os.environ["FUZZ_UNIT"])
    try:
        compile_programs(rig.lab.dir / "client")
    except (LabError, OSError) as e:
        raise Skip(f"the programs cannot be built: {e}") from None
    c = rig.boot(policy=OPEN, documents={"jail": allowed()})
    c.put("/usr/local/bin/job", (rig.lab.dir / "client" / "job").read_bytes(), mode=0o755)
    c.sh("echo 64 >/proc/sys/net/ipv4/tcp_max_tw_buckets")  # or the ports run out
    c.unit("getent", "ahosts", NAME)
    witness = Witness(rig.lab)
    try:
        witness.report()
        # Not so that the service misses its watchdog: the machine of the lab may have no CPU controller.
        r = c.unit("/usr/local/bin/job", seed, SECONDS, user=plan.JOB, name="jail.service", properties=["Nice=19"],
                   seconds=SECONDS + 150)
        if not r.out.rstrip().endswith("}"):  # the status is that of the unit, whose other processes may end late
            raise LabError(f"the job: {r}")
        time.sleep(AFTER_SECONDS)
        outcome = Outcome(seed, SECONDS, r.out, witness.report())
    finally:
        witness.close()
    outcome.show("(in a unit)")
    print("# " + outcome.text())
    assert not outcome.fault(), outcome.fault()
