# SPDX-License-Identifier: Apache-2.0
"""Attacks on the service itself, and on its neighbours by way of it: floods, forged names, its bus, its files, its
programs and maps, control groups. Each title begins with the id of its class."""

import contextlib
import json
import os
import time

from attack_rig import (ONE, OPEN, asked_upstream, attack, attacking, boot, denied, events, held, n_logged, put_unit,
                        stayed, wait_event)
from harness import Skip, case, contains, equal, refused, worked
from lab import LabError, wait_until
from plan import CRAFTED4, EVIL4, JOB, NAMELESS4
from rig import (EVENTS, OTHER, POLICY, SERVICE, Sender, allow, bus_get, ctl, main_pid, probe, programs, wait_active,
                 wait_restarted, wait_state)

MANAGER = ("org.cargowall1", "/org/cargowall1", "org.cargowall1.Manager")


def memory(c):
    """Resident, in KiB."""
    status = c.get(f"/proc/{main_pid(c)}/status")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


# -- D5: floods

@case("D5 100000 refused connections from one unit: the others work, nothing is forgotten without being counted")
def event_flood(rig):
    c = boot(rig)
    sender, pid, before = Sender(c, rig), main_pid(c), memory(c)
    r = attack(c, """
        began, refusals = time.monotonic(), 0
        for n in range(100000):
            with socket.socket() as s:
                try:
                    s.connect(("203.0.113.%d" % (64 + n % 64), 1000 + n // 64))
                except PermissionError:
                    refusals += 1
        report(refusals=refusals, seconds=time.monotonic() - began)
    """, user=JOB, name="jail-flood.service", seconds=120)
    equal(r.facts["refusals"], 100000, f"refusals ({r})")
    sender.advance()
    sender.unbroken()
    equal(main_pid(c), pid, "the service's process")
    assert memory(c) < before + 64 * 1024, f"resident: {before} KiB before, {memory(c)} KiB after"

    with contextlib.suppress(LabError):
        wait_until(lambda: n_logged(c, "jail-flood.service") >= 100000, "the log to stand for what was refused", 20)
    equal(n_logged(c, "jail-flood.service"), 100000, "denials that the log stands for")
    assert os.stat(c.path(EVENTS)).st_size < 20 << 20, "size of the log"
    stayed(rig, EVIL4, "during the flood")


FLOOD_OF_ALL = """
    counts, count = os.pipe()
    children = []
    while len(children) < 3:
        pid = os.fork()
        if not pid:
            break
        children.append(pid)
    print("up", flush=True)
    query = dnswire.query("a.evil.example")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.connect((RESOLVER4, 53))
    end, n, refusals = time.monotonic() + 8, 0, 0
    while time.monotonic() < end:
        n += 1
        try:
            if len(children) % 2:
                s.send(query)
            else:
                with socket.socket() as u:
                    refusals += u.connect_ex((NAMELESS4, 1 + n % 65000)) == errno.EPERM
        except OSError:
            pass
    os.write(count, b"%d " % refusals)
    if len(children) < 3:
        os._exit(0)
    for pid in children:
        os.waitpid(pid, 0)
    report(refusals=sum(int(word) for word in os.read(counts, 1000).split()))
"""


def processor_time(c):
    """Of the service, in seconds."""
    fields = c.get(f"/proc/{main_pid(c)}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@case("D5 a flood of connections and names from one unit: the only denial of another is in the file, in the journal and on "
      "the bus, its names resolve, and the counts are exact")
def victim_of_a_flood(rig):
    c = boot(rig, jail=(ONE + "/32", "*.wild.example.com"))
    c.start_unit("sh", "-c", "exec stdbuf -oL cargowallctl events --follow --json=short >/run/followed",
                 name="follow.service")
    flood = attacking(c, FLOOD_OF_ALL, "jail-flood.service", user=JOB)
    equal(flood.read_line(), b"up\n", "first line of the flood")
    began, used = time.monotonic(), processor_time(c)
    r = attack(c, """
        answers = []
        for i in range(40):
            answers.append(attempt(lambda: dns_udp(RESOLVER4, dnswire.query("y%d.wild.example.com" % i))["rcode"]))
            time.sleep(0.05)
        report(out=attempt(tcp, EVIL4, 7777), answers=[a.get("value") or str(a) for a in answers])
    """, user=JOB, name="jail-victim.service", seconds=60)
    load = (processor_time(c) - used) / (time.monotonic() - began)
    refusals = flood.finish(seconds=60).facts["refusals"]
    print(f"# the service took {load:.2f} of a processor; {refusals} refused connections, "
          f"{os.stat(c.path(EVENTS)).st_size} bytes of log")
    equal(set(r.facts["answers"]), {"NOERROR"}, f"answers during the flood ({r.facts['answers']})")
    refused(r, "out")
    denied(c, EVIL4, "jail-victim.service", "jail", dst_port=7777)
    wait_until(lambda: "7777" in c.run("journalctl", "--quiet", "-o", "cat", "CARGOWALL_UNIT=jail-victim.service").out,
               "the denial in the journal", 20)
    wait_until(lambda: any("jail-victim.service" in line and "7777" in line
                           for line in c.get("/run/followed").splitlines()), "the denial on the bus", 20)
    wait_until(lambda: any("jail-victim.service" in line and "7777" in line for line in
                           ctl(c, "events", "--json=short").out.splitlines()), "the denial among the last events", 20)

    def connections():
        return sum(e.get("count", 1) for e in events(c) if e.get("unit") == "jail-flood.service" and
                   e["event_type"] in ("connection_blocked", "connections_suppressed"))
    with contextlib.suppress(LabError):
        wait_until(lambda: connections() >= refusals, "the log to stand for all refusals", 20)
    equal(connections(), refusals, "refused connections that the log stands for")
    assert not [e for e in events(c) if e["event_type"] == "events_lost"], "lost events"
    assert os.stat(c.path(EVENTS)).st_size < 20 << 20, "size of the log"


@case("D5 a flood while the service cannot read: what was lost is counted, in the log and in the counters")
def blind_flood(rig):
    c = boot(rig)
    with held(c, """
            print("up", flush=True)
            input()
            refusals = 0
            for n in range(20000):
                with socket.socket() as s:
                    refusals += s.connect_ex((EVIL4, 1000 + n)) == errno.EPERM
            report(refusals=refusals)
            """, "jail-flood.service", user=JOB) as go_on:
        worked(probe(c, f"tcp {ONE} 7", name="jail.service"), f"tcp {ONE} 7")
        counted = bus_get(c, "ConnectionsDenied")
        c.check("systemctl", "kill", "--kill-whom=main", "--signal=STOP", SERVICE)
        try:
            r = go_on()
        finally:
            c.check("systemctl", "kill", "--kill-whom=main", "--signal=CONT", SERVICE)
    equal(r.facts["refusals"], 20000, f"refusals ({r})")
    wait_event(c, event_type="connections_suppressed")

    def reported():
        return n_logged(c, "jail-flood.service") + sum(e["count"] for e in events(c) if e["event_type"] == "events_lost")
    wait_until(lambda: reported() >= 20000, "the log to stand for what was refused", 20)
    equal((bus_get(c, "ConnectionsDenied") - counted, reported()), (20000, 20000), "refusals counted, and in the log")


@case("D5 G8 refused datagrams to more destinations than are remembered push nobody's connections out")
def flow_flood(rig):
    c = boot(rig)
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive")
    with held(c, """
            old = [new_socket(NAMELESS4, socket.SOCK_STREAM) for _ in range(64)]
            for t in old:
                t.settimeout(1)
                t.connect((NAMELESS4, 7))
            print("up", flush=True)
            input()
            def more(t):
                t.sendall(b"more")
                return t.recv(100).decode()
            report(cut=sum("value" not in attempt(more, t) for t in old))
            """, "kept.service", user=JOB) as go_on:
        c.check("systemctl", "start", SERVICE)
        wait_active(c)
        r = attack(c, """
            refusals = 0
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                for n in range(150000):
                    try:
                        s.sendto(b"x", ("203.0.113.%d" % (64 + n % 100), 1000 + n // 100))
                    except PermissionError:
                        refusals += 1
            report(refusals=refusals)
        """, user=JOB, name="jail-flood.service", seconds=120)
        equal(r.facts["refusals"], 150000, f"refusals ({r})")
        r = go_on(120)
    equal(r.facts["cut"], 0, "connections of another unit, kept from before the start, that were cut")


@case("D5 one unit holds all TCP connections of the proxy: other units still get answers")
def idle_connections(rig):
    c = boot(rig)
    with held(c, """
            taken = [new_socket(RESOLVER4, socket.SOCK_STREAM) for _ in range(200)]
            for s in taken:
                s.settimeout(0.2)
                attempt(s.connect, (RESOLVER4, 53))
            print("up", flush=True)
            input()
            report(done=True)
            """, "jail-idle.service", user=JOB) as end:
        source = """
            ask = dnswire.query("github.com")
            report(udp=attempt(lambda: dns_udp(RESOLVER4, ask)["rcode"]),
                   tcp=attempt(lambda: dns_tcp(RESOLVER4, [ask])[0x1234]["rcode"]))
        """
        r = attack(c, source, user=JOB, name="victim.service")
        end()
    equal((r.facts["udp"].get("value"), r.facts["tcp"].get("value")), ("NOERROR", "NOERROR"), f"answers ({r.facts})")


# Until there is a line to read. The resolver of the lab never answers for names with "silent".
HOLD_QUERIES = """
    import select
    print("up", flush=True)
    socks, n = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)], 0
    while not select.select([0], [], [], 0.02)[0]:
        for k, s in enumerate(socks):  # half of them for the same names again
            s.sendto(dnswire.query("silent.%s%d.{0}" % ("q" if k % 2 else n // 64, k), ident=n % 65536), {1})
            n += 1
    report(sent=n)
"""

HOLD_CONNECTIONS = """
    import select
    taken, n = [], 0
    def ask():
        s = new_socket(RESOLVER4, socket.SOCK_STREAM)
        taken.append(s)
        s.settimeout(1)
        s.connect((RESOLVER4, 53))
        message = dnswire.query(f"silent.t{n}.slow.example")
        s.sendall(struct.pack("!H", len(message)) + message)
    for n in range(80):
        attempt(ask)
    print("up", flush=True)
    while not select.select([0], [], [], 0.1)[0]:
        n += 1
        taken.pop(0).close()
        attempt(ask)
    report(sent=n)
"""

# Answered from the cache, and faster than they can be read.
FLOOD_OF_QUERIES = """
    import select
    children = []
    while len(children) < 8 and 0 not in children:
        children.append(os.fork())
    if 0 in children:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((RESOLVER4, 53))
            s.setblocking(False)
            message = dnswire.query("y1.wild.example.com")
            parent = os.getppid()
            while os.getppid() == parent:
                attempt(s.send, message)
    else:
        print("up", flush=True)
        input()
        report(done=True)
"""

LOOK_UPS = """
    def tcp(name):
        return dns_tcp(RESOLVER4, [dnswire.query(name)])[0x1234]["rcode"]
    report(udp=[attempt(dns_udp, RESOLVER4, dnswire.query(f"y{n}.wild.example.com")) for n in range(8)],
           tcp=[attempt(tcp, f"z{n}.wild.example.com") for n in range(4)])
"""


@case("D5 A3 units without and with a policy hold queries and connections of the proxy that take long, or "
      "flood it: another unit gets its answers, and an event names them")
def slow_questions(rig):
    c = boot(rig, policy=False, jail=("slow.example", "wild.example.com"), conf=f"[DNS]\nUpstream={CRAFTED4}\n")
    with held(c, HOLD_QUERIES.format("slow.example", '(RESOLVER4, 53)'), "jail-asks.service", user=JOB) as end, \
            held(c, HOLD_QUERIES.format("any.example", '("127.0.0.155", 53)'), "nobody.service", user=OTHER) as end2, \
            held(c, HOLD_CONNECTIONS, "jail-holds.service", user=JOB) as end3:
        limited = [wait_event(c, event_type="queries_limited", unit=unit)
                   for unit in ("jail-asks.service", "nobody.service", "jail-holds.service")]
        r = attack(c, LOOK_UPS, user=JOB, name="jail-victim.service", seconds=60)
        for e in (end, end2, end3):
            e()
    with held(c, FLOOD_OF_QUERIES, "jail-floods.service", user=JOB) as end, \
            held(c, FLOOD_OF_QUERIES, "jail-floods2.service", user=JOB) as end2:
        dropped = [wait_event(c, event_type="queries_suppressed", unit=f"jail-floods{n}.service") for n in ("", "2")]
        flooded = attack(c, LOOK_UPS, user=JOB, name="jail-victim.service", seconds=60)
        for e in (end, end2):
            e()
    for e in dropped:
        contains(e["detail"], "flood", "why")
    equal([a.get("value", {}).get("rcode") for a in flooded.facts["udp"]], ["NOERROR"] * 8, f"answers in a flood ({flooded})")
    assert asked_upstream(rig, "slow.example"), "the resolver that does not answer was not asked"
    equal([a.get("value", {}).get("rcode") for a in r.facts["udp"]], ["NOERROR"] * 8, f"answers over UDP ({r})")
    equal([a.get("value") for a in r.facts["tcp"]], ["NOERROR"] * 4, f"answers over TCP ({r})")
    for e, what in zip(limited, ("DNS queries without an answer", "DNS queries", "connections to the DNS proxy")):
        contains(e["detail"], what, "what the unit has too much of")
    assert not [e for e in events(c) if e["event_type"] == "queries_limited" and e.get("unit") == "jail-victim.service"]


# -- D6: names that lie

HOSTILE = r"b'\n\x1b[31m\",\"x\":\"\x07\xff\n::e'"  # 15 bytes of a name


@case("A13 the service's proxy does not answer who addresses its own port: `cargowall run` would not see a query")
def proxy_port(rig):
    c = boot(rig, policy=OPEN)
    source = """
        def direct(kind):
            with socket.socket(socket.AF_INET6, kind) as s:
                s.settimeout(2)
                s.connect(("::1", 253))
                message = dnswire.query("direct.evil.example")
                s.sendall((struct.pack("!H", len(message)) if kind == socket.SOCK_STREAM else b"") + message)
                return len(s.recv(4096))
        report(ways=[attempt(direct, kind).get("value") for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)],
               answered=dns_udp(RESOLVER6, dnswire.query("github.com"))["rcode"])
    """
    r = attack(c, source, user=JOB, name="plain.service")
    equal((r.facts["ways"], r.facts["answered"]), ([None, None], "NOERROR"), "of a unit")
    run = c.unit("cargowall", "run", "--user", JOB, "--allow", "github.com", "--summary", "none", "--",
                 *c.lab.python(source), name="ci.service")
    equal((run.facts["ways"], run.facts["answered"]), ([None, None], "NOERROR"), "of a run")
    equal(asked_upstream(rig, "evil.example"), [], "queries that left")


@case("D6 a process name of newlines, ANSI and JSON stays one field everywhere: journal, file, cargowallctl")
def hostile_names(rig):
    c = boot(rig)
    r = attack(c, f"""
        set_name({HOSTILE}[:15])
        report(out=attempt(tcp, NAMELESS4, 7))
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(dnswire.query([b"\\n\\x1b[31m", b"\\",\\"a\\":\\"", b"evil", b"example"]), (RESOLVER4, 53))
        time.sleep(0.5)
    """, user=JOB, name=r"jail\x0a\x22.service")
    refused(r, "out")
    entry = c.wait_journal(f"CARGOWALL_DST_IP={NAMELESS4}")[0]
    equal(entry["PRIORITY"], "4", "priority")
    for key in ("MESSAGE", "CARGOWALL_COMM"):
        assert isinstance(entry[key], str) and all(ord(ch) >= 32 and ord(ch) != 127 for ch in entry[key]), entry[key]
    equal(entry["CARGOWALL_UNIT"], r"jail\x0a\x22.service", "unit")
    event = wait_event(c, dst_ip=NAMELESS4)
    assert "x" not in event, event
    for line in c.get(EVENTS).splitlines():
        json.loads(line)
        assert "\x1b" not in line, line
    for argv in (("events",), ("events", "--json=short"), ("status",)):
        out = ctl(c, *argv).out
        assert not [ch for ch in out if ord(ch) < 32 and ch not in "\n\t"], f"{argv}: {out!r}"
    contains(ctl(c, "events").out, NAMELESS4, "cargowallctl events")


# -- F1: root against the service

def links(c):
    """Ids of the links at the machine's root; bpftool shows those of the whole kernel, and so of other containers."""
    root = os.stat(c.path("/sys/fs/cgroup")).st_ino
    found = json.loads(c.check("bpftool", "--json", "link", "show") or "[]")
    return [link["id"] for link in found if link["type"] == "cgroup" and link["cgroup_id"] == root]


def told_at_once(c, kind):
    return c.wait_journal(f"CARGOWALL_EVENT={kind}", seconds=40)[0]


@case("F1 root detaches a link: detected within seconds, logged with high priority, reattached")
def links_detached(rig):
    c = boot(rig)
    before = programs(c)
    assert links(c), "no links"
    for link in links(c):
        c.run("bpftool", "link", "detach", "id", str(link))
    told_at_once(c, "hook_lost")  # what was detached first may be back by now
    wait_until(lambda: programs(c) == before, "the programs to be back", 60)
    entry = told_at_once(c, "hook_lost")
    assert int(entry["PRIORITY"]) <= 3, f"priority of {entry['MESSAGE']}"
    wait_active(c)
    refused(probe(c, "tcp EVIL4 7", name="jail.service"), "tcp EVIL4 7")


def maps(c):
    """{name: id} of the maps of the programs at the machine's root, and of no other container's."""
    attached = json.loads(c.check("bpftool", "--json", "cgroup", "show", "/sys/fs/cgroup"))
    programs_by_id = {p["id"]: p for p in json.loads(c.check("bpftool", "--json", "prog", "show"))}
    ids = {i for p in attached for i in programs_by_id[p["id"]].get("map_ids", ())}
    return {m["name"]: m["id"] for m in json.loads(c.check("bpftool", "--json", "map", "show")) if m["id"] in ids}


def little(number, size):
    return [str(b) for b in number.to_bytes(size, "little")]


@case("F1 root writes to the map of layers: detected, logged, restored")
def scopes_edited(rig):
    c = boot(rig)
    ids = maps(c)
    value = json.loads(c.check("bpftool", "--json", "map", "lookup", "id", str(ids["layers"]), "key", *little(0, 4)))
    policy = [str(int(b, 16)) for b in value["value"]][:4]
    c.check("bpftool", "map", "update", "id", str(ids["layers"]), "key", *little(0, 4), "value", *policy, "2", "0", "0",
            "0")  # mode off
    worked(probe(c, "tcp EXAMPLE4 7"), "tcp EXAMPLE4 7")

    def shut():
        return probe(c, "tcp EVIL4 7").facts["tcp EVIL4 7"].get("errno") == "EPERM"
    wait_until(shut, "the scope to be restored", 45)
    assert c.journal(f"_SYSTEMD_UNIT={SERVICE}", "PRIORITY=2") + c.journal(f"_SYSTEMD_UNIT={SERVICE}", "PRIORITY=3"), \
        "nothing was logged"


@case("F1 root deletes the kernel's entry of a jail: shut, not the host's")
def subjects_deleted(rig):
    c = boot(rig, policy=OPEN)
    with held(c, """
            print("up", flush=True)
            input()
            report(out=attempt(tcp, EVIL4, 7))
            """, "jail.service") as go_on:
        ids = maps(c)
        where = os.stat(c.path("/sys/fs/cgroup/system.slice/jail.service")).st_ino
        c.check("bpftool", "map", "delete", "id", str(ids["subjects"]), "key", *little(where, 8))
        r = go_on()
    assert "errno" in r.facts["out"], r.facts
    stayed(rig, EVIL4, "from a jail that was forgotten")


@case("F1 root moves out of a jail, to the root of the control groups: the host's policy is the floor")
def moved_to_root(rig):
    c = boot(rig)
    r = attack(c, """
        enter_cgroup("/sys/fs/cgroup")
        report(evil=attempt(tcp, EVIL4, 7), floor=attempt(tcp, EXAMPLE4, 7), ping=attempt(send_icmp, EVIL4, 8))
    """, name="jail.service")
    worked(r, "floor")
    refused(r, "evil", "ping")
    stayed(rig, EVIL4, "from the root cgroup")


@case("F1 killed as often as it starts, the jail stays shut")
def killed(rig):
    c = boot(rig)
    sender = Sender(c, rig)
    for _ in range(5):
        old = main_pid(c)
        c.check("systemctl", "kill", "--kill-whom=main", "--signal=KILL", SERVICE)
        r = probe(c, "tcp EVIL4 7", name="jail.service")  # denied, or waits for a service that knows it
        assert "value" not in r.facts["tcp EVIL4 7"], r.facts
        wait_restarted(c, old)
    sender.advance()
    sender.unbroken()


# -- F4, F5, F6: files and environment

@case("F4 F5 nothing of the service's is open to users; a log that became a link is not written through")
def files(rig):
    c = boot(rig)
    for path in ("/var/log/cargowall", "/var/lib/cargowall", "/run/cargowall"):
        mode = os.stat(c.path(path)).st_mode & 0o007
        assert path == "/run/cargowall" or mode == 0, f"mode of {path}: {mode:o}"
        found = c.sh(f"find {path} -perm /o+rw ! -type l ! -path {path} -ls")
        equal(found, "", f"files that all may read or write below {path}")
    equal(os.stat(c.path(EVENTS)).st_mode & 0o777, 0o640, "mode of the events file")
    r = attack(c, f"""
        report(read=attempt(lambda: open({EVENTS!r}).read(1)), write=attempt(lambda: open({EVENTS!r}, "a").close()),
               config=attempt(lambda: open("/etc/cargowall/policy.json", "a").close()),
               state=attempt(os.listdir, "/var/lib/cargowall"))
    """, user=JOB)
    refused(r, "read", "write", "config", "state", error="EACCES")
    c.sh(f"echo precious > /var/log/cargowall/target; chown cargowall: /var/log/cargowall/target; "
         f"mv {EVENTS} {EVENTS}.1; ln -s target {EVENTS}")
    pid = main_pid(c)
    c.check("systemctl", "kill", "--kill-whom=main", "--signal=USR1", SERVICE)
    refused(probe(c, f"tcp {NAMELESS4} 7", name="jail.service"), f"tcp {NAMELESS4} 7")
    wait_until(lambda: NAMELESS4 in c.get(EVENTS + ".1"), "the event in the old file")
    equal(c.get("/var/log/cargowall/target"), "precious\n", "the file behind the link")
    equal(main_pid(c), pid, "the service's process")
    assert c.systemctl("restart", SERVICE).status != 0, "the service works without the log it was asked for"
    contains(c.said(), EVENTS, "what the service says of the link")
    r = probe(c, "tcp EVIL4 7")  # waits for a service that knows the unit
    assert "value" not in r.facts["tcp EVIL4 7"], r.facts
    stayed(rig, EVIL4, "while the service cannot start")
    equal(c.get("/var/log/cargowall/target"), "precious\n", "the file behind the link, after a restart")
    c.sh(f"rm {EVENTS}; systemctl restart {SERVICE}")
    wait_active(c)


@case("F6 the environment of a unit changes nothing")
def environment(rig):
    c = boot(rig)
    names = ("MODE", "POLICY", "ALLOW", "ALLOW_CIDR", "ALLOW_HOSTS", "DEFAULT_ACTION", "AUDIT", "DISABLE", "UPSTREAM")
    env = {f"CARGOWALL_{name}": value for name, value in zip(names, (
        "audit", '{"defaultAction":"allow"}', EVIL4, EVIL4 + "/32", "evil.example", "allow", "1", "1", EVIL4))}
    r = probe(c, "tcp EVIL4 7", name="jail.service", env=env)
    refused(r, "tcp EVIL4 7")
    r = c.unit("cargowallctl", "is-enforcing", env=env, user=JOB)
    equal(r.status, 0, "exit status of is-enforcing")
    stayed(rig, EVIL4, "by environment")


# -- F9: the bus

BUSCTL = ("busctl", "--timeout=50", "--allow-interactive-authorization=no")


def call(c, *argv, user=None):
    return c.unit(*BUSCTL, "call", *MANAGER, *argv, user=user)


UNPRIVILEGED = (("SetMode", "st", "off", "0"), ("SetMode", "st", "audit", "0"), ("Reload",),
                ("LoadPolicyString", "sa{sv}", '{"defaultAction":"allow"}', "0"), ("GetPolicy", "s", "host"),
                ("ListEvents", "tu", "0", "10"), ("ListLeases", "su", "", "0"), ("Subscribe",),
                ("BeginJob", "a{sv}", "0"), ("AllowOnce", "ost", "/org/cargowall1/job/1", "evil.example", "1000000"))


@case("F9 an ordinary user may do nothing that changes or shows what is not his, with polkit and without it")
def unauthorised(rig):
    c = boot(rig)
    c.start_unit("sh", "-c", "cargowallctl job begin && sleep 1000", name="job.service")
    wait_until(lambda: bus_get(c, "Jobs"), "job 1")
    before = bus_get(c, "PolicyDigest")
    for stopped in (False, True):
        if stopped:
            c.check("systemctl", "mask", "--runtime", "--now", "polkit.service")
        for argv in UNPRIVILEGED:
            r = call(c, *argv, user=OTHER)
            assert r.status != 0 and any(w in r.err.lower() for w in ("denied", "author", "authent")), f"{argv}: {r}"
            assert r.seconds < 25, f"{argv} took {r.seconds} s"
        r = c.unit("busctl", "set-property", *MANAGER, "Mode", "s", "off", user=OTHER)
        assert r.status != 0, f"Mode can be written: {r}"
        r = c.unit("busctl", "set-property", MANAGER[0], "/org/freedesktop/LogControl1",
                   "org.freedesktop.LogControl1", "LogLevel", "s", "err", user=OTHER)
        assert r.status != 0, f"the log level can be written: {r}"
        r = c.unit("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                   "RequestName", "su", "org.cargowall1", "3", user=OTHER)
        assert r.status != 0, f"the name can be taken: {r}"
    equal((bus_get(c, "EffectiveMode"), bus_get(c, "PolicyDigest")), ("enforce", before), "mode, policy")


@case("F9 polkit hangs: callers are refused in bounded time, root is served meanwhile")
def hanging_polkit(rig):
    c = boot(rig)
    c.check("systemctl", "start", "polkit.service")
    c.check("systemctl", "kill", "--signal=STOP", "polkit.service")
    calls = [c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--property=User={OTHER}", *BUSCTL,
                     "call", *MANAGER, "SetMode", "st", "off", "0") for _ in range(12)]
    ctl(c, "mode", "audit", seconds=10)
    ctl(c, "mode", "configured", seconds=10)
    for run in calls:
        r = run.finish(seconds=55)
        assert r.status != 0 and r.seconds < 45, f"status {r.status} after {r.seconds} s"
    equal(bus_get(c, "EffectiveMode"), "enforce", "mode")


FLOOD = """
    import subprocess
    calls = []
    for n in range({n}):
        calls.append(subprocess.Popen([{what}], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        if len(calls) == 50:
            assert all([c.wait() for c in calls]) == {fails}
            calls = []
    report(done=True)
"""


@case("F9 2000 calls of a user, messages of a megabyte and more, wrong types: root is still answered, nothing leaks")
def bus_flood(rig):
    c = boot(rig)
    pid, before = main_pid(c), memory(c)
    what = ", ".join(repr(a) for a in (*BUSCTL, "call", *MANAGER, "SetMode", "st", "off", "0"))
    flood = attack_start(c, FLOOD.format(n=2000, what=what, fails=True), "flood.service")
    for _ in range(5):
        equal(bus_get(c, "EffectiveMode"), "enforce", "mode during the flood")
    r = flood.finish(seconds=300)
    equal(r.facts.get("done"), True, f"the flood: each call was refused ({r})")
    for size in (1 << 20, (1 << 20) + 1, 5 << 20, 40 << 20):
        r = c.unit("bash", "-c", f"head -c {size} /dev/zero | tr '\\0' ' ' | "
                   "cargowallctl policy load - --no-ask-password", user=OTHER)
        assert r.status not in (0, "timeout"), f"{size} bytes: {r}"
        r = attack(c, f"""
            import ctypes.util
            libsystemd = ctypes.CDLL("libsystemd.so.0")
            bus = ctypes.c_void_p()
            libsystemd.sd_bus_open_system(ctypes.byref(bus))
            reply = ctypes.c_void_p()
            report(r=libsystemd.sd_bus_call_method(
                bus, b"org.cargowall1", b"/org/cargowall1", b"org.cargowall1.Manager", b"ValidatePolicyString", None,
                ctypes.byref(reply), b"s", b" " * {size}))
        """, user=OTHER)
        assert r.facts["r"] < 0, f"{size} bytes: {r.facts}"
    for argv in (("SetMode", "s", "off"), ("SetMode", "su", "off", "0"), ("SetMode", "st", "off", "2"),
                 ("SetMode", "st", "OFF", "0"), ("SetMode", "st", "", "0"), ("SetMode", "as", "1", "off"),
                 ("Explain", "sqsa{sv}", "github.com", "443", "tcp", "1", "scope", "u", "1"), ("Nothing",),
                 ("BeginJob", "a{sv}", "1", "repository", "u", "1")):
        assert call(c, *argv).status != 0, f"root's {argv} was taken"
    equal((main_pid(c), bus_get(c, "EffectiveMode")), (pid, "enforce"), "process, mode")
    assert memory(c) < before + 32 * 1024, f"resident: {before} KiB before, {memory(c)} KiB after"


def attack_start(c, source, name, user=OTHER):
    return c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--unit={name}",
                   f"--property=User={user}", "--setenv=PYTHONPATH=/usr/local/lib/rig", *c.lab.python(source))


# -- G: life

@case("G1 enforcement never ends silently: is-enforcing, status and an event show it")
def downgrade(rig):
    c = boot(rig)
    for mode in ("audit", "off"):
        ctl(c, "mode", mode)
        equal(c.unit("cargowallctl", "is-enforcing", user=JOB).status, 3, f"is-enforcing in {mode}")
        assert wait_event(c, event_type="mode_changed", mode=mode)
        equal(bus_get(c, "Enforcing"), False, "Enforcing")
        ctl(c, "mode", "configured")
        ctl(c, "is-enforcing")
    entries = c.wait_journal("CARGOWALL_EVENT=mode_changed")
    assert len(entries) == 4 and all(int(e["PRIORITY"]) <= 5 for e in entries), [e["MESSAGE"] for e in entries]


@case("G2 one bad rule or document: the old policies stay in force, and it is logged")
def bad_reload(rig):
    c = boot(rig)
    before = bus_get(c, "PolicyDigest")
    bad = dict(POLICY, rules=[*POLICY["rules"], {"type": "cidr", "value": "203.0.113.66/33", "action": "allow"}])
    for path in ("/etc/cargowall/policy.json", "/etc/cargowall/policy.d/new.json"):
        old = c.get(path) if c.path(path).exists() else None
        c.put(path, bad)
        assert c.run("cargowallctl", "reload").status != 0, "a bad policy was taken"
        equal(bus_get(c, "PolicyDigest"), before, "digest")
        c.path(path).unlink() if old is None else c.put(path, old)
    wait_event(c, event_type="policy_rejected")
    ctl(c, "reload")
    c.put("/etc/cargowall/policy.json", dict(POLICY, rules=[*POLICY["rules"], {
        "type": "hostname", "value": "nowhere.example", "action": "allow"}]))
    ctl(c, "reload")
    r = probe(c, "tcp github.com 7", "tcp EVIL4 7")
    worked(r, "tcp github.com 7")
    refused(r, "tcp EVIL4 7")


JOBS = """
polkit.addRule(function (action, subject) {
    if (action.id == "org.cargowall1.manage-jobs")
        return polkit.Result.YES;
});
"""


@case("G7 D7 a job is its unit's: another unit cannot end it, relabel it or begin one in its place")
def jobs(rig):
    c = boot(rig, prepare=lambda c: c.put("/etc/polkit-1/rules.d/50-test.rules", JOBS))
    with held(c, """
            print("up", flush=True)
            report(begun=run_status("cargowallctl", "job", "begin", "--label", "repository=a/b"))
            input()
            report(out=attempt(tcp, NAMELESS4, 7), again=run_status("cargowallctl", "job", "begin"))
            """, "jail.service", user=JOB) as go_on:
        job = wait_until(lambda: bus_get(c, "Jobs"), "the job")[0]
        path = job if isinstance(job, str) else job[1]
        r = c.unit("busctl", "call", *MANAGER, "EndJob", "oa{sv}", path, "0", user=OTHER, name="other.service")
        assert r.status != 0, f"another unit has ended the job: {r.out}"
        r = c.unit("busctl", "call", *MANAGER, "EndJob", "oa{sv}", path, "0", user=JOB, name="another.service")
        assert r.status != 0, f"another unit of the same user has ended the job: {r.out}"
        for wrong in ("/org/cargowall1/job/0", "/org/cargowall1/job/99999999999999999999", "/", path + "0"):
            assert c.unit("busctl", "call", *MANAGER, "EndJob", "oa{sv}", wrong, "0", user=OTHER).status != 0, wrong
        equal(len(bus_get(c, "Jobs")), 1, "jobs")
        r = go_on()
    refused(r, "out")
    assert r.facts["again"] != 0, "a unit has two jobs"
    equal(wait_event(c, dst_ip=NAMELESS4)["job"], {"repository": "a/b"}, "labels")


@case("G6 resolv.conf belongs to root; devices that come and go leave the verdicts alone")
def churn(rig):
    c = boot(rig)
    sender = Sender(c, rig)
    r = attack(c, 'report(write=attempt(lambda: open("/etc/resolv.conf", "a").close()))', user=JOB)
    refused(r, "write", error="EACCES")
    c.sh("""for i in $(seq 60); do ip link add churn$i link eth0 type macvlan; ip addr add 10.88.$i.1/24 dev churn$i
            ip link set churn$i up; done; for i in $(seq 60); do ip link del churn$i; done""")
    sender.advance()
    sender.unbroken()
    r = probe(c, "tcp 10.88.5.1 7", "tcp EVIL4 7", user=JOB)
    refused(r, "tcp 10.88.5.1 7", "tcp EVIL4 7")


@case("G9 a policy larger than any map: taken whole or refused whole, never in part")
def big_policy(rig):
    c = boot(rig)
    before = bus_get(c, "PolicyDigest")
    rules = [{"type": "cidr", "value": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32", "action": "allow"}
             for n in range(199999)]
    document = dict(POLICY, rules=[*rules, {"type": "cidr", "value": ONE + "/32", "action": "allow"}])
    c.put("/root/big.json", json.dumps(document))
    r = c.run("cargowallctl", "policy", "load", "/root/big.json", seconds=120)
    allowed = probe(c, f"tcp {ONE} 7", "tcp EVIL4 7", "tcp EXAMPLE4 7").facts
    taken = bus_get(c, "PolicyDigest") != before
    equal(taken, r.status == 0, f"digest changed, exit status {r.status} ({r.err})")
    equal(("value" in allowed[f"tcp {ONE} 7"], "value" in allowed["tcp EXAMPLE4 7"]), (taken, not taken),
          f"what is allowed ({allowed})")
    equal(allowed["tcp EVIL4 7"].get("errno"), "EPERM", "what nobody allows")
    wait_active(c)


# -- control groups

@case("C9 E7 a unit's name that looks like another's, or like a slice, is what it is")
def names_alike(rig):
    c = boot(rig, policy=False)
    c.put("/etc/cargowall/policy.d/jail.json", allow(ONE + "/32", match={"units": ["jail.service"]}))
    c.put("/etc/cargowall/policy.d/ci.json", allow(ONE + "/32", match={"slices": ["ci.slice"]}))
    ctl(c, "reload")
    for name in ("jail\\x2eservice.service", "xjail.service", "jail.service.service", "Jail.service"):
        worked(probe(c, "tcp EVIL4 7", name=name), "tcp EVIL4 7")
    refused(probe(c, "tcp EVIL4 7", name="jail.service", slice="x-jail\\x2eservice.slice"), "tcp EVIL4 7")
    refused(probe(c, "tcp EVIL4 7", name="free.service", slice="ci-free.slice"), "tcp EVIL4 7")
    worked(probe(c, "tcp EVIL4 7", name="ci\\x2eslice.service"), "tcp EVIL4 7")


@case("C9 control groups that a unit makes below its own, thirty deep and thousands wide, are the unit's")
def own_groups(rig):
    c = boot(rig, policy=OPEN)
    pid = main_pid(c)
    r = attack(c, """
        own = own_cgroup()
        for n in range(3000):
            os.mkdir(f"{own}/free{n}.slice")
        deep = own
        for n in range(30):
            deep += "/free.slice" if n % 2 else "/free.service"
            os.mkdir(deep)
        enter_cgroup(deep)
        report(deep=attempt(tcp, EVIL4, 7), mine=attempt(tcp, "203.0.113.21", 7), udp=attempt(udp, EVIL4, 7))
        enter_cgroup(f"{own}/free7.slice")
        report(wide=attempt(tcp, EVIL4, 7), rename=attempt(os.rename, f"{own}/free8.slice", f"{own}/free.service/x"))
    """, name="jail.service", properties=("Delegate=yes", "TasksMax=infinity"), seconds=120)
    worked(r, "mine")
    refused(r, "deep", "udp", "wide")
    assert "errno" in r.facts["rename"], "a control group has moved"
    denied(c, EVIL4, "jail.service", "jail")
    equal(main_pid(c), pid, "the service's process")
    worked(probe(c, "tcp EVIL4 7", name="free.service"), "tcp EVIL4 7")


@case("C9 units that come faster than they can be followed are never judged by another's policy")
def many_units(rig):
    c = boot(rig, policy=OPEN)
    c.put("/usr/local/bin/escape", f"#!/bin/bash\n(exec 3<>/dev/tcp/{EVIL4}/7) 2>/dev/null && touch /run/out-$1\n"
          f"for i in 1 2 3; do (exec 3<>/dev/tcp/{ONE}/7) 2>/dev/null && touch /run/ok-$1 && break; done\n", mode=0o755)
    put_unit(c, "jail-burst@.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/escape %i\n")
    churn_run = c.start("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit=churn.service", "bash", "-c",
                        """for i in $(seq 4000); do mkdir /sys/fs/cgroup/churn$i.slice; done
                           for i in $(seq 4000); do rmdir /sys/fs/cgroup/churn$i.slice; done""")
    c.check("bash", "-c", "systemctl start $(for i in $(seq 100); do echo jail-burst@$i.service; done)", seconds=120)
    churn_run.finish(seconds=500)
    out = c.sh("ls /run | grep -c ^out- || true")
    ok = c.sh("ls /run | grep -c ^ok- || true")
    equal((out, ok), ("0", "100"), "units that reached what another policy allows, and what theirs does")
    stayed(rig, EVIL4, "by a new unit")


@case("C9 a user's manager, and whatever it calls its units, stays in user@UID.service")
def user_manager(rig):
    def prepare(c):  # an account that PAM takes
        with open(c.path("etc/shadow"), "a", encoding="ascii") as shadow:
            shadow.write(f"{JOB}:*:19000:0:99999:7:::\n")
    c = boot(rig, policy=False, prepare=prepare)
    c.put("/etc/cargowall/policy.d/users.json", allow(ONE + "/32", match={"units": ["user@*.service"]}))
    c.put("/etc/cargowall/policy.d/free.json", allow("0.0.0.0/0", match={"units": ["free.service"],
                                                                          "slices": ["free.slice"]}))
    ctl(c, "reload")
    uid = c.check("id", "-u", JOB)
    if c.systemctl("start", f"user@{uid}.service").status:
        raise Skip("no user manager can be started here: " + c.said(f"user@{uid}.service")[-300:])
    c.put("/usr/local/bin/escape", f"#!/bin/bash\nexec 2>/dev/null\n(exec 3<>/dev/tcp/{EVIL4}/7) && echo OUT\n"
          f"(exec 3<>/dev/tcp/{ONE}/7) && echo FLOOR\n", mode=0o755)
    for name, more in (("free", ""), ("free-sliced", "Slice=free.slice\n"), ("systemd-resolved", "")):
        c.put(f"/etc/systemd/user/{name}.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/escape\n"
              f"StandardOutput=file:/run/user/{uid}/{name}.out\n{more}")
        r = c.unit("systemctl", "--user", "start", f"{name}.service", user=JOB, name="caller.service",
                   env={"XDG_RUNTIME_DIR": f"/run/user/{uid}"})
        assert c.path(f"/run/user/{uid}/{name}.out").exists(), f"{name} did not start ({r.err})"
        equal(c.get(f"/run/user/{uid}/{name}.out"), "FLOOR\n", f"what {name}.service of a user reaches")
    stayed(rig, EVIL4, "from a user's unit")
