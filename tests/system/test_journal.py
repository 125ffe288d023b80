# SPDX-License-Identifier: Apache-2.0
"""What is written: the journal's fields, catalog and counts, and the file of events."""

import json
import re

from harness import case, contains, equal, refused
from lab import wait_until
from plan import EVIL4, EXAMPLE4, JOB, NAMELESS4
from rig import EVENTS, SERVICE, allow, bus_get, ctl, probe

CATALOG = "/usr/lib/systemd/catalog/cargowall.catalog"
WINDOW_SECONDS = 10


def catalog(c):
    """{message id: subject}"""
    return dict(re.findall(r"^-- ([0-9a-f]{32})\nSubject: (.*)$", c.get(CATALOG), re.MULTILINE))


def events(c, name=EVENTS):
    return [json.loads(line) for line in c.get(name).splitlines()]


def wait_event(c, name=EVENTS, **fields):
    def found():
        return [e for e in events(c, name) if all(e.get(k) == v for k, v in fields.items())]
    return wait_until(found, f"an event with {fields} in {name}")[0]


@case("journal: each class has its message id, and the catalog explains it")
def message_ids(rig):
    c = rig.boot()
    refused(probe(c, "tcp EVIL4 7", user=JOB), "tcp EVIL4 7")
    c.unit("getent", "hosts", "evil.example", user=JOB)
    ctl(c, "mode", "audit")
    c.put("/etc/cargowall/policy.json", allow(EXAMPLE4 + "/32"))
    ctl(c, "reload")
    subjects, seen = catalog(c), {}
    for kind in ("enforcement_started", "connection_blocked", "dns_blocked", "mode_changed", "policy_loaded",
                 "privileged_call"):
        entry = c.wait_journal(f"CARGOWALL_EVENT={kind}")[0]
        seen[kind] = entry["MESSAGE_ID"]
        assert seen[kind] in subjects, f"{kind}: no catalog entry for {seen[kind]}"
        contains(c.sh(f"journalctl --no-pager -q -x -n 1 MESSAGE_ID={seen[kind]}"), subjects[seen[kind]].split("@")[0],
                 f"explanation of {kind}")
    equal(len(set(seen.values())), len(seen), f"different ids ({seen})")


@case("journal: the fields of a denial")
def fields(rig):
    c = rig.boot()
    refused(probe(c, "tcp EVIL4 7", user=JOB, name="job.service"), "tcp EVIL4 7")
    entry = c.wait_journal("CARGOWALL_EVENT=connection_blocked", f"CARGOWALL_DST_IP={EVIL4}")[0]
    wanted = {"CARGOWALL_DST_PORT": "7", "CARGOWALL_PROTOCOL": "TCP", "CARGOWALL_VERDICT": "deny",
              "CARGOWALL_MODE": "enforce", "CARGOWALL_UID": "64123", "CARGOWALL_UNIT": "job.service",
              "CARGOWALL_SCOPE": "host", "CARGOWALL_COMM": "python3", "SYSLOG_IDENTIFIER": "cargowalld",
              "PRIORITY": "4"}
    equal({k: entry.get(k) for k in wanted}, wanted, "fields")
    for part in (EVIL4, "python3", "job.service"):
        contains(entry["MESSAGE"], part, "message")
    assert "\n" not in entry["MESSAGE"], entry["MESSAGE"]


@case("journal: a process cannot forge fields by its name")
def forged(rig):
    c = rig.boot()
    r = c.python(r"""
        set_name(b"x\nPRIORITY=0\n")
        report(denied=attempt(tcp, NAMELESS4, 7))""", user=JOB)
    refused(r, "denied")
    entry = c.wait_journal(f"CARGOWALL_DST_IP={NAMELESS4}")[0]
    equal(entry["PRIORITY"], "4", "priority")
    assert "\n" not in entry["CARGOWALL_COMM"] and "\n" not in entry["MESSAGE"], entry


@case("journal: no bytes in the names of a program hide its denials, from the log, the journal or the bus")
def non_ascii(rig):
    c = rig.boot()
    names = {b"caf\xc3\xa9": NAMELESS4, b"\xff\xfe\xc3": EVIL4}
    for name, addr in names.items():
        refused(c.python(f"""
            set_name({name!r})
            report(denied=attempt(tcp, {addr!r}, 7))""", user=JOB), "denied")
        shown = name.decode(errors="replace")
        equal(wait_event(c, dst_ip=addr)["process"], shown, "name in the log")
        listed = [json.loads(line) for line in ctl(c, "events", "--json=short").out.splitlines()]
        equal([e["process"] for e in listed if e.get("dst_ip") == addr], [shown], "name on the bus")
        contains(ctl(c, "events", "--denied").out, addr, "lines for people")
        c.wait_journal(f"CARGOWALL_DST_IP={addr}")


@case("journal: the same denial many times becomes two entries, whose counts add up")
def aggregated(rig):
    c = rig.boot()
    r = c.python("report(errors=[attempt(reach, NAMELESS4, 7).get('errno') for _ in range(50)])", user=JOB)
    equal(r.facts["errors"], ["EPERM"] * 50, "refusals")

    def total():
        return sum(int(e.get("CARGOWALL_COUNT", 1)) for e in c.journal(f"CARGOWALL_DST_IP={NAMELESS4}")) >= 50
    wait_until(total, "the counts to add up", 6 * WINDOW_SECONDS)
    counts = [int(e.get("CARGOWALL_COUNT", 1)) for e in c.journal(f"CARGOWALL_DST_IP={NAMELESS4}")]
    equal(sum(counts), 50, f"sum of {counts}")
    assert len(counts) <= 4, f"entries: {counts}"  # two, unless the attempts fell into two windows
    equal(sum(e.get("count", 1) for e in events(c) if e.get("dst_ip") == NAMELESS4), 50, "sum of counts in the file")


@case("journal: what was lost is known: a number on the bus, which is 0 here")
def events_lost(rig):
    c = rig.boot()
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    c.wait_journal(f"CARGOWALL_DST_IP={EVIL4}")
    equal(bus_get(c, "EventsLost"), 0, "EventsLost")
    equal((bus_get(c, "ConnectionsDenied") >= 1, bus_get(c, "ConnectionsWouldDeny")), (True, 0), "denied, would be denied")


@case("journal: the service does not wait for a journal that hangs")
def journal_hangs(rig):
    c = rig.boot()
    c.check("systemctl", "kill", "--signal=STOP", "systemd-journald.service")
    try:
        r = c.run("env", *rig.lab.python("""
            report(**{f"denied{n}": attempt(reach, f"203.0.113.{100 + n}", 7) for n in range(100)})
            report(allowed=attempt(tcp, EXAMPLE4, 7), name=attempt(tcp, "github.com", 7))"""))
    finally:
        c.check("systemctl", "kill", "--signal=CONT", "systemd-journald.service")
    equal([r.facts[k].get("value") for k in ("allowed", "name")], ["hello", "hello"], "what is allowed")
    refused(r, *(f"denied{n}" for n in range(100)))


@case("journal: cargowallctl events shows denials, to those who may see them")
def ctl_events(rig):
    c = rig.boot()
    refused(probe(c, "tcp EVIL4 7", name="job.service"), "tcp EVIL4 7")
    wait_until(lambda: EVIL4 in c.run("cargowallctl", "events", "--denied").out, "the denial among the events")
    ctl(c, "events", "--denied", "--exit-code", wanted=1)
    line = next(x for x in ctl(c, "events", "--denied").out.splitlines() if EVIL4 in x)
    for part in ("job.service", "python3"):
        contains(line, part, "line")


@case("journal: the file of events is the service's own, and no one else's to read")
def events_file(rig):
    c = rig.boot()
    refused(probe(c, "tcp EVIL4 7", name="job.service", user=JOB), "tcp EVIL4 7")
    event = wait_event(c, event_type="connection_blocked", dst_ip=EVIL4)
    equal((event.get("unit"), event.get("scope"), event.get("uid")), ("job.service", "host", 64123),
          "unit, scope, uid")
    assert event["policy_digest"] == bus_get(c, "PolicyDigest"), event
    equal(c.sh(f"stat -c '%a %U %G' {EVENTS}"), "640 cargowall cargowall", "mode and owner")
    equal(c.unit("cat", EVENTS, user=JOB).status, 1, "exit status of a user who reads it")


@case("journal: logrotate moves the file away, no event is lost")
def rotated(rig):
    c = rig.boot()
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    wait_event(c, dst_ip=EVIL4)
    first = len(events(c))
    c.check("logrotate", "--force", "/etc/logrotate.d/cargowall")
    wait_until(lambda: c.path(EVENTS).exists(), "a new file")
    refused(probe(c, "tcp NAMELESS4 7"), "tcp NAMELESS4 7")
    wait_event(c, dst_ip=NAMELESS4)
    equal(c.sh(f"stat -c '%a %U %G' {EVENTS}"), "640 cargowall cargowall", "mode and owner of the new file")
    assert len(events(c, EVENTS + ".1")) >= first, "events went from the old file"
    numbers = [e["sequence"] for name in (EVENTS + ".1", EVENTS) for e in events(c, name)]
    equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "sequence numbers over both files")


@case("journal: the service rotates the file of events when it would exceed its limit, and keeps as many as configured")
def limited(rig):
    limit = 1 << 20
    c = rig.boot(conf=f"[Log]\nEventsFileMaxSize={limit}\nEventsFileKeep=2\n")
    for port in range(7001, 7005):
        pad = '{"pad":"' + "0" * (limit - 100) + '"}\n'  # no room for another event
        with c.path(EVENTS).open("a", encoding="utf-8") as file:
            file.write(pad)
        refused(probe(c, f"tcp EVIL4 {port}"), f"tcp EVIL4 {port}")
        wait_event(c, dst_ip=EVIL4, dst_port=port)
        assert c.path(EVENTS).stat().st_size < limit, "the new file"
    names = sorted(path.name for path in c.path(EVENTS).parent.iterdir())
    equal(names, ["events.ndjson", "events.ndjson.old.1", "events.ndjson.old.2"], "files")
    equal(c.sh(f"stat -c '%a %U %G' {EVENTS}"), "640 cargowall cargowall", "mode and owner of the new file")


@case("journal: a full or missing directory of events costs no enforcement")
def no_file(rig):
    c = rig.boot(conf="[Log]\nEventsFile=none\n")
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    c.wait_journal(f"CARGOWALL_DST_IP={EVIL4}")
    equal((c.path(EVENTS).exists(), c.prop(SERVICE, "ActiveState")), (False, "active"), "file, state")


@case("journal: looking adds no event: status, events, explain, dns, check and policy show, as root")
def looking(rig):
    c = rig.boot()
    refused(probe(c, "tcp EVIL4 7"), "tcp EVIL4 7")
    wait_until(lambda: [e for e in events(c) if e.get("dst_ip") == EVIL4], "the denial in the file")
    before = [e for e in events(c) if e["event_type"] != "connection_closed"]
    for words in (["status"], ["scopes"], ["events"], ["events", "--by=dest"], ["explain", "evil.example"], ["dns"], ["check"],
                  ["policy", "show"], ["job", "list"], ["is-enforcing"]):
        c.run("cargowallctl", *words)
    refused(probe(c, "udp EVIL4 7"), "udp EVIL4 7")  # what came before it has been written, too
    wait_until(lambda: [e for e in events(c) if e.get("dst_ip") == EVIL4 and e["protocol"] == "UDP"], "the second denial")
    added = [e for e in events(c) if e["event_type"] != "connection_closed"][len(before):]
    equal([e for e in added if e.get("dst_ip") != EVIL4], [], "events of those who looked")
