# SPDX-License-Identifier: Apache-2.0
"""D. What is written about an attack cannot be used for another; nor can it be escaped."""

import json
import subprocess
import sys

from harness import Skip, blocked, case, equal, found, refused, untouched, worked
from lab import ROOT
from plan import EVIL4, NAMELESS4

ALLOW = ["--allow", "github.com:7"]


@case("D1 sendto, sendmsg and sendmmsg without connect leave an event each")
def unconnected(lab):
    r = lab.attack(ALLOW, """
        with new_socket(EVIL4, socket.SOCK_DGRAM) as s:
            report(sendto=attempt(s.sendto, b"out", ("203.0.113.65", 1001)),
                   sendmsg=attempt(s.sendmsg, [b"out"], [], 0, ("203.0.113.67", 1002)),
                   sendmmsg=attempt(sendmmsg, [("203.0.113.68", 1003)]))
    """)
    refused(r, "sendto", "sendmsg", "sendmmsg")
    for addr, port in (("203.0.113.65", 1001), ("203.0.113.67", 1002), ("203.0.113.68", 1003)):
        blocked(r, addr, port, "UDP")
    untouched(lab, "203.0.113.65", "203.0.113.67", "203.0.113.68")


@case("D3 a program that deletes or replaces its file, or runs from memory, is still named")
def deleted(lab):
    r = lab.run(ALLOW, ["sh", "-c", """
        d=$(mktemp -d); cp /usr/bin/python3 $d/tool
        $d/tool -c 'from attacker import *; os.unlink(os.readlink("/proc/self/exe"))
report(gone=attempt(tcp, NAMELESS4, 7), pid=os.getpid())'
        rmdir $d"""])
    refused(r, "gone")
    event = blocked(r, NAMELESS4, 7, pid=r.facts["pid"], process="tool")
    if "executable" in event:  # not if the process has ended before it was looked up
        assert event["executable"].split(" ")[0].endswith("/tool"), event


@case("D3 a process that ends at once is still attributed")
def short_lived(lab):
    r = lab.attack(ALLOW, """
        pids = []
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                attempt(tcp, NAMELESS4, 7)
                os._exit(0)
            pids.append(pid)
            os.waitpid(pid, 0)
        report(pids=pids)
    """)
    seen = {e["pid"] for e in r.events if e["event_type"] == "connection_blocked"}
    equal(sorted(set(r.facts["pids"]) - seen), [], "processes without an event")


@case("D6 process names with line ends, escapes, quotes and workflow commands stay one valid line each")
def process_names(lab):
    names = (b"a\nb", b"\x1b[31mred", b'","x":"y', b"::error::x", b"\xff\xfe\x80", b"\\u0000\\", b"a|b`c`<i>",
             b"\r\x08\x7f")
    r = lab.attack(ALLOW, f"""
        for port, name in enumerate({names!r}, 1000):
            set_name(name)
            report(**{{str(port): attempt(tcp, NAMELESS4, port)}})
    """)
    refused(r, *map(str, range(1000, 1000 + len(names))))
    for port in range(1000, 1000 + len(names)):
        blocked(r, NAMELESS4, port)
    assert not set(r.log_text) & (set(range(0x20)) - {0x0A} | {0x7F}), "control characters in the log"
    for line in r.log_text.decode("utf-8").splitlines():
        json.loads(line)
    assert not set("\x1b\r\x08") & set(r.err), f"control characters in the summary: {r.err!r}"
    for line in r.err.splitlines():
        assert not line.startswith("::"), f"a workflow command in the summary: {line!r}"


@case("D6 names in refused queries stay one valid line each")
def query_names(lab):
    r = lab.attack(ALLOW, """
        for label in (b"a\\nb", b'x"y', b"\\x1b]0;t\\x07", b"::warning::w", b"\\xe2\\x80\\xae", b"a\\\\b", b"*", b" "):
            attempt(dns_rcode, RESOLVER4, dnswire.query([label, b"evil", b"example"]))
        report(last=resolve("evil.example"))
    """)
    found(r, "dns_blocked", dst_hostname="evil.example")
    assert not set(r.log_text) & (set(range(0x20)) - {0x0A} | {0x7F}), "control characters in the log"
    for text in (r.err, r.log_text.decode("utf-8")):
        assert "\u202e" not in text, "a direction override passed"


@case("D7 every event of a refusal names its process, under load too")
def attributed(lab):
    r = lab.attack(ALLOW, """
        for port in range(2000, 2300):
            attempt(tcp, NAMELESS4, port)
            dns_rcode(RESOLVER4, dnswire.query(f"n{port}.evil.example"))
    """)
    refusals = [e for e in r.events if e["event_type"] in ("connection_blocked", "dns_blocked")]
    assert len(refusals) > 100, len(refusals)
    equal([e for e in refusals if not e.get("pid") or not e.get("process")][:3], [], "events without a process")


@case("a connection is one flow, however it ends: by FIN, by a reset, or refused by the peer")
def one_flow(lab):
    r = lab.attack(["--allow-cidr", "203.0.113.10"], """
        addr = "203.0.113.10"
        for n in range(20):
            with new_socket(addr, socket.SOCK_STREAM) as s:
                s.connect((addr, 7))
                s.sendall(b"x" * (100 + n))
                recv_exactly(s, 100 + n)
                if n % 2:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        report(closed=attempt(reach, addr, 9))
    """)
    equal(r.facts["closed"].get("errno"), "ECONNREFUSED", "a port nobody listens on")
    opened = [e["src_port"] for e in r.events if e["event_type"] == "connection_allowed"]
    ended = {e["src_port"]: e for e in r.events if e["event_type"] == "connection_closed"}
    equal(len(opened), 21, "flows begun")
    equal(sorted(opened), sorted(ended), "flows begun and ended")
    equal(sorted((e["bytes_out"], e["bytes_in"]) for e in ended.values()),
          [(0, 0)] + [(100 + n, 100 + n) for n in range(20)], "bytes of each")


@case("B11 an expired lease denies new flows; an established TCP flow continues")
def expired(lab):
    # A lease lives for its TTL, five seconds here, but 90 at least: floor and grace of the engine.
    r = lab.attack(["--allow", "brief.github.com:7"], """
        resolve("brief.github.com")
        addr = "203.0.113.13"
        with new_socket(addr, socket.SOCK_STREAM) as s:
            s.connect((addr, 7))
            report(first=attempt(tcp, addr, 7))
            end = time.monotonic() + 300
            while "value" in (outcome := attempt(tcp, addr, 7)) and time.monotonic() < end:
                time.sleep(1)
            report(expired=outcome)
            s.sendall(b"still alive")
            report(live=s.recv(16).decode())
            report(again=(resolve("brief.github.com"), attempt(tcp, addr, 7)))
    """, seconds=330)
    worked(r, "first")
    refused(r, "expired")
    equal(r.facts["live"], "still alive", "a flow that was open")
    assert "value" in r.facts["again"][1], "looked up again, it is open again"
    ends = [e for e in r.events if e["event_type"] == "connection_closed" and e["bytes_out"] == len("still alive")]
    equal([e.get("dst_hostname") for e in ends], ["brief.github.com"], "the name at the end of the flow")


@case("all logs of these tests agree with the schema")
def schema(lab):
    # the first lines of each: a flood repeats itself
    logs = b"".join(b"".join(log.read_bytes().splitlines(True)[:2000]) for log in lab.logs() if log.is_file())
    assert logs.count(b"\n") > 100, "no logs"
    done = subprocess.run([sys.executable, ROOT / "tests" / "schema" / "validate.py"], input=logs, capture_output=True)
    if done.returncode == 77:
        raise Skip("python3-jsonschema is not installed")
    equal(done.returncode, 0, f"validation: {(done.stdout + done.stderr).decode()[-2000:]}")
