# SPDX-License-Identifier: Apache-2.0
"""What happens to the service while a sender never stops: not one packet too many, not one too few."""

import shutil
import time

from attack_rig import n_logged
from harness import case, contains, equal, refused, worked
from plan import EVIL4, EXAMPLE4, JOB
from rig import (DROP_IN, SERVICE, Sender, allow, bus_get, main_pid, probe, programs, wait_active, wait_resolves, wait_restarted,
                 wait_state, wait_until)

WATCHDOG = "[Service]\nWatchdogSec=2s\n"


def kill(c, signal="KILL"):
    c.check("systemctl", "kill", "--kill-whom=main", f"--signal={signal}", SERVICE)


def restarts(c):
    return int(c.prop(SERVICE, "NRestarts"))


@case("lifecycle: SIGKILL")
def sigkill(rig):
    c = rig.boot()
    sender, before, old = Sender(c, rig), programs(c), main_pid(c)
    kill(c)
    wait_restarted(c, old)
    sender.advance()
    sender.unbroken()
    equal((restarts(c), programs(c)), (1, before), "restarts, programs")


@case("lifecycle: systemctl restart")
def restart(rig):
    c = rig.boot()
    sender, before, old = Sender(c, rig), programs(c), main_pid(c)
    c.check("systemctl", "restart", SERVICE)
    wait_restarted(c, old)
    sender.advance()
    sender.unbroken()
    equal(programs(c), before, "programs")


@case("lifecycle: nothing serves for a while: what was open stays open, what was shut stays shut")
def absent(rig):
    c = rig.boot(prepare=lambda c: c.put(f"/etc/systemd/system/{SERVICE}.d/slow.conf", "[Service]\nRestartSec=4s\n"))
    sender, old = Sender(c, rig), main_pid(c)
    rounds = sender.counts()["rounds"]
    kill(c)
    wait_state(c, "activating")
    wait_restarted(c, old)
    assert sender.counts()["rounds"] > rounds + 20, "the sender did not continue while nothing served"
    sender.advance()
    counts = sender.unbroken()
    assert counts["longest_dns_ms"] >= 2000, f"the service was not away: {counts}"


@case("lifecycle: a hanging service is killed by the watchdog and followed by another")
def watchdog(rig):
    c = rig.boot(prepare=lambda c: c.put(f"/etc/systemd/system/{SERVICE}.d/watchdog.conf", WATCHDOG))
    sender, old = Sender(c, rig), main_pid(c)
    kill(c, "STOP")
    wait_restarted(c, old, seconds=60)
    sender.advance()
    sender.unbroken()
    said = c.sh(f"journalctl --no-pager -q -o cat UNIT={SERVICE}")
    contains(said, "Watchdog timeout", "what systemd says")


@case("lifecycle: an idle service pings its watchdog")
def watchdog_alive(rig):
    c = rig.boot(prepare=lambda c: c.put(f"/etc/systemd/system/{SERVICE}.d/watchdog.conf", WATCHDOG))
    old = main_pid(c)
    c.sh("sleep 7")
    equal((main_pid(c), restarts(c)), (old, 0), "process, restarts")


@case("lifecycle: ten crashes in a row")
def crash_loop(rig):
    c = rig.boot()
    sender = Sender(c, rig)
    for _ in range(10):
        old = main_pid(c)
        kill(c)
        wait_restarted(c, old)
        sender.advance(rounds=5, answers=2)
    sender.unbroken()
    equal(restarts(c), 10, "restarts")
    count = int(c.prop(SERVICE, "NFileDescriptorStore"))
    assert count < 128, f"descriptors in the store: {count}"


@case("lifecycle: crashes before it is ready do not pile up descriptors, and nothing opens")
def early_crashes(rig):
    c = rig.boot()
    sender, stored = Sender(c, rig), int(c.prop(SERVICE, "NFileDescriptorStore"))
    for _ in range(10):
        c.sh(f"""for i in $(seq 200); do
                     pid=$(systemctl show --value -p MainPID {SERVICE})
                     [ "$pid" = 0 ] || ! kill -KILL "$pid" 2>/dev/null || exit 0  # it may be dead and not reaped
                     sleep 0.01
                 done""")
    wait_active(c)
    answered = sender.counts()["dns_ok"]
    sender.advance()
    wait_until(lambda: sender.counts()["dns_ok"] > answered + 10, "names to resolve again")
    sender.unbroken(away=True)
    now = int(c.prop(SERVICE, "NFileDescriptorStore"))
    assert now <= stored + 4, f"descriptors in the store: {stored} before, {now} now"


@case("lifecycle: daemon-reexec of systemd, and a crash after it")
def reexec(rig):
    c = rig.boot()
    sender, before = Sender(c, rig), programs(c)
    c.check("systemctl", "daemon-reexec")
    sender.advance()
    old = main_pid(c)
    kill(c)
    wait_restarted(c, old)
    sender.advance()
    sender.unbroken()
    equal(programs(c), before, "programs")


@case("lifecycle: daemon-reload while it works")
def daemon_reload(rig):
    c = rig.boot()
    sender, old = Sender(c, rig), main_pid(c)
    for _ in range(5):
        c.check("systemctl", "daemon-reload")
    sender.advance()
    sender.unbroken()
    equal(main_pid(c), old, "process")


@case("lifecycle: an upgrade of the package, with other programs")
def upgrade(rig):
    variant = rig.debs.variant()
    c = rig.boot()
    shutil.copy(variant, c.path("/root/variant.deb"))
    sender, before, old = Sender(c, rig), programs(c), main_pid(c)
    c.check("dpkg", "-i", "--force-confold", "/root/variant.deb", seconds=300,
            env={"DEBIAN_FRONTEND": "noninteractive"})
    wait_restarted(c, old)
    sender.advance()
    sender.unbroken()
    after = programs(c)
    equal(sorted(after), sorted(before), "attach types")
    changed = [kind for kind in before if after[kind] != before[kind]]
    assert len(changed) >= 4, f"programs that changed: {changed} of {before}"


BEFORE = "193b411"  # the last one with a scope and a job in the place of chains


@case("lifecycle: an upgrade from a version whose maps have another layout")
def upgrade_of_layout(rig):
    before = rig.debs.at_commit(BEFORE)
    c = rig.boot()
    policy = c.path("etc/cargowall/policy.json").read_text(encoding="utf-8")
    shutil.copy(before, c.path("/root/before.deb"))
    shutil.copy(rig.debs.current(), c.path("/root/now.deb"))
    quiet = {"env": {"DEBIAN_FRONTEND": "noninteractive"}, "seconds": 300}
    c.check("dpkg", "--purge", "cargowall", **quiet)
    c.check("dpkg", "-i", "/root/before.deb", **quiet)
    c.put("etc/cargowall/policy.json", policy)
    c.check("systemctl", "restart", SERVICE)
    wait_active(c)
    sender, old, old_programs = Sender(c, rig), main_pid(c), programs(c)
    c.check("dpkg", "-i", "--force-confold", "/root/now.deb", **quiet)
    wait_restarted(c, old)
    sender.advance()
    sender.unbroken()
    now = programs(c)
    new = {"cgroup_setsockopt", "cgroup_inet4_post_bind", "cgroup_inet6_post_bind", "cgroup_unix_connect"}
    equal(sorted(set(now) - new), sorted(old_programs), "attach types, without those of new hooks")
    changed = [kind for kind in old_programs if now[kind] != old_programs[kind]]
    assert len(changed) >= 6, f"programs that changed: {changed} of {now}"  # those that show the resolver are the same


@case("lifecycle: systemctl stop reports what was only counted and detaches everything, start attaches it again")
def stop(rig):
    c = rig.boot()
    r = c.python("report(refused=[attempt(tcp, EVIL4, 7).get('errno') for _ in range(500)])", user=JOB,
                 name="repeats.service")
    equal(r.facts["refused"], ["EPERM"] * 500, "refusals")
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive")
    equal(n_logged(c, "repeats.service"), 500, "refusals that the log stands for")
    equal((programs(c), c.prop(SERVICE, "NFileDescriptorStore")), ({}, "0"), "programs, descriptors in the store")
    worked(probe(c, "tcp EVIL4 7", user=JOB), "tcp EVIL4 7")
    wait_resolves(c, "evil.example", EVIL4)
    equal(c.prop(SERVICE, "ActiveState"), "inactive", "the service, which nothing woke")
    c.check("systemctl", "start", SERVICE)
    r = probe(c, "tcp EVIL4 7", "tcp github.com 7", user=JOB)
    refused(r, "tcp EVIL4 7")
    worked(r, "tcp github.com 7")


def ended(c):
    return [e for e in c.journal(f"_SYSTEMD_UNIT={SERVICE}") if e.get("CARGOWALL_EVENT") == "enforcement_ended"]


@case("lifecycle: the end of enforcement is reported by a stop, and by no restart or crash")
def end_is_reported(rig):
    c = rig.boot()
    c.check("systemctl", "restart", SERVICE)
    c.check("systemctl", "kill", "--kill-whom=main", "--signal=TERM", SERVICE)  # it is started again
    wait_until(lambda: c.prop(SERVICE, "NRestarts") == "1" and c.prop(SERVICE, "ActiveState") == "active", "a restart")
    c.wait_journal("CARGOWALL_EVENT=enforcement_resumed")
    equal(ended(c), [], "reports of an end")
    c.check("systemctl", "stop", SERVICE)
    entry = c.wait_journal("CARGOWALL_EVENT=enforcement_ended")
    equal(len(entry), 1, "reports of an end")
    contains(entry[0]["MESSAGE"], "the service is stopped", "the report")


@case("lifecycle: disable --now ends it: no query starts the service, and resolved is as it was before")
def disable(rig):
    c = rig.boot()
    contains(c.check("resolvectl", "dns"), "127.0.0.155", "servers of resolved")
    c.check("systemctl", "disable", "--now", SERVICE)
    for unit in (SERVICE, "cargowalld-dns.socket", "cargowalld-dns6.socket", "cargowalld-fault.path"):
        wait_state(c, "inactive", unit)
        equal(c.prop(unit, "UnitFileState") in ("disabled", "static"), True, f"{unit} is not enabled")
    wait_resolves(c, "evil.example", EVIL4)
    for server in ("127.0.0.155", "::1"):
        assert c.run("dig", "+tries=1", "+time=2", f"@{server}", "-p", "53" if "." in server else "253",
                     "github.com").status != 0, f"an answer from {server}"
    get = ("busctl", "get-property", "org.cargowall1", "/org/cargowall1", "org.cargowall1.Manager", "Mode")
    assert c.run(*get).status != 0, "an answer on the bus"
    equal(c.prop(SERVICE, "ActiveState"), "inactive", "the service, which nothing woke")
    for verb in ("dns", "domain"):
        out = c.check("resolvectl", verb)
        assert "127.0.0.155" not in out and "~" not in out, f"left over in resolved: {out}"
    equal(c.path(DROP_IN).exists(), False, "the drop-in")
    c.check("systemctl", "enable", "--now", SERVICE)
    wait_active(c)
    refused(probe(c, "tcp EVIL4 7", user=JOB), "tcp EVIL4 7")
    wait_until(lambda: c.run("dig", "+tries=1", "+time=2", "@127.0.0.155", "github.com").status == 0, "an answer of the proxy")


@case("lifecycle: what a connection has queued for a denied destination does not leave when the service stops")
def stop_with_queue(rig):
    c = rig.boot()
    held = c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit=held.service", f"--uid={JOB}",
                   "--setenv=PYTHONPATH=/usr/local/lib/rig", *rig.lab.python("""
                       allowed = new_socket(EXAMPLE4, socket.SOCK_STREAM)
                       allowed.connect((EXAMPLE4, 7))
                       s = new_socket(RESOLVER6, socket.SOCK_STREAM)
                       s.connect((RESOLVER6, 53))  # redirected to the proxy, on loopback
                       flood = os.fork()  # its denials leave none for the connection, which then ends with the service only
                       while flood == 0:
                           for port in range(1000, 30000):
                               attempt(tcp, EVIL4, port)
                       time.sleep(2)
                       s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
                       report(queued=attempt(s.send, b"secret " * 100))
                       print("up", flush=True)
                       input()
                       os.kill(flood, 9)
                       allowed.sendall(b"still")
                       report(after=attempt(s.send, b"more"), still=attempt(lambda: allowed.recv(16).decode()))"""))
    try:
        contains(held.read_line().decode(), "value", "queued")
        equal(held.read_line(), b"up\n", "second line")
        rig.watch()
        c.check("systemctl", "stop", SERVICE)
        wait_state(c, "inactive")
        time.sleep(10)  # TCP would send it again within this time
        equal(rig.packets("::1"), 0, "packets that were to be dropped")
        r = held.finish(b"\n")
    finally:
        held.process.kill()
    assert r.facts["after"].get("errno") in ("ECONNABORTED", "EPIPE"), r.facts
    equal(r.facts["still"].get("value"), "still", "echo over the allowed connection")


@case("lifecycle: with Persist=pin a stop ends nothing, and the next start takes over; without it the pins go")
def pin(rig):
    def prepare(c):
        c.put(f"/etc/systemd/system/{SERVICE}.d/pin.conf",
              c.path("usr/share/doc/cargowall/examples/cargowalld-pin.conf").read_text(encoding="utf-8"))
    c = rig.boot(conf="[Service]\nPersist=pin\n", prepare=prepare)
    before = programs(c)

    def is_filtered():
        return "cargowall" in c.check("tc", "filter", "show", "dev", "eth0", "egress")

    contains(c.sh("ls /sys/fs/bpf/cargowall"), "link-egress", "pins")
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive")
    equal(programs(c), before, "programs after the stop")
    refused(probe(c, "tcp EVIL4 7", user=JOB), "tcp EVIL4 7")
    worked(probe(c, "tcp EXAMPLE4 7", user=JOB), "tcp EXAMPLE4 7")
    c.check("systemctl", "start", SERVICE)
    equal((programs(c), is_filtered()), (before, False), "programs, filter on the device after the start")
    c.put("/etc/cargowall/policy.d/jail.json", allow(EXAMPLE4 + "/32", match={"units": ["jail*"]}))
    c.check("cargowallctl", "reload")
    backstop = "backstop" in bus_get(c, "AchievedHooks")  # the kernel cannot refuse sockets
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive")
    equal(is_filtered(), backstop, "filter on the device after the next stop")
    c.check("systemctl", "start", SERVICE)
    c.check("sh", "-c", "rm /etc/cargowall/cargowall.conf.d/50-test.conf")
    c.check("systemctl", "restart", SERVICE)
    equal(c.sh("ls /sys/fs/bpf/cargowall"), "", "pins of a service that does not pin")
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive")
    equal((programs(c), is_filtered()), ({}, False), "programs, filter on the device")


@case("lifecycle: connections that were open before stay open over a restart, and are judged when the service starts")
def open_connection(rig):
    c = rig.boot()
    held = c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit=held.service",
                   "--setenv=PYTHONPATH=/usr/local/lib/rig", *rig.lab.python("""
                       with new_socket(EXAMPLE4, socket.SOCK_STREAM) as s:
                           s.connect((EXAMPLE4, 7))
                           print("up", flush=True)
                           input()
                           s.sendall(b"still")
                           report(after=attempt(lambda: s.recv(16).decode()))"""))
    try:
        equal(held.read_line(), b"up\n", "first line")
        old = main_pid(c)
        kill(c)
        wait_restarted(c, old)
        r = held.finish(b"\n")
    finally:
        held.process.kill()
    equal(r.facts["after"].get("value"), "still", "echo over the old connection")
    equal(rig.packets(EVIL4), 0, "packets")
