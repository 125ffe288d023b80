# SPDX-License-Identifier: Apache-2.0
"""How names reach the proxy: the socket, systemd-resolved or none, and which upstream is asked."""

import contextlib
import json

from attack_rig import events
from harness import case, contains, equal, refused, worked
from lab import wait_until
from plan import EVIL4, FOREIGN4, GITHUB4, JOB, RESOLVER4
from rig import (DROP_IN, PROXY4, SERVICE, SHIPPED, SOCKET, absent_text, allow, bus_get, ctl, main_pid, probe,
                 wait_active, wait_resolves, wait_state)

RESOLVED = "systemd-resolved.service"
NAME_SERVICE_HOOKS = {"unix_stream_connect", "connect_unix"}


def plain(c, server=RESOLVER4):
    """A machine without resolved: the file that the network's configuration wrote."""
    c.mask(RESOLVED)
    c.put("/etc/resolv.conf", f"nameserver {server}\n" if server else "")


def not_asked(rig, name):
    wanted = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    left = [q for q in rig.lab.upstream_queries() if wanted in q.lower()]
    equal(left, [], f"queries for {name} that left the machine")


@case("dns: the first query starts the service and is answered")
def activation(rig):
    c = rig.boot()
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive", SOCKET)  # a stop closes it
    c.check("systemctl", "start", SOCKET)
    equal(c.prop(SERVICE, "ActiveState"), "inactive", SERVICE)
    out = c.check("dig", "+short", "+tries=1", "+time=20", f"@{PROXY4}", "github.com", "A")
    equal(out, GITHUB4, "answer")
    wait_active(c)
    equal(c.check("dig", "+tcp", "+short", f"@{PROXY4}", "github.com", "A"), GITHUB4, "answer over TCP")


@case("dns: with resolved, the stub, its bus and nss-resolve follow the policy, and the address is opened")
def resolved_running(rig):
    c = rig.boot()
    contains(c.get("/etc/nsswitch.conf"), "resolve", "nsswitch.conf")
    r = c.unit("getent", "hosts", "evil.example", user=JOB)
    equal((r.status, r.out), (2, ""), "getent of a denied name")
    worked(probe(c, "tcp github.com 7", user=JOB), "tcp github.com 7")
    contains(c.unit("getent", "ahostsv4", "github.com").out, GITHUB4, "getent")
    contains(c.unit("resolvectl", "query", "--cache=no", "github.com").out, GITHUB4, "resolvectl")
    equal(c.unit("resolvectl", "query", "--cache=no", "evil.example").status, 1, "resolvectl of a denied name")
    absent_text(c.unit("dig", "evil.example").out, EVIL4, "the stub's answer")
    not_asked(rig, "evil.example")


LOOK_UPS = (("evil.example", "TXT"), ("github.com", "MX"), ("_git._tcp.github.com", "SRV"), (".", "NS"),
            ("66.113.0.203.in-addr.arpa", "PTR"), ("evil.example", "A"), ("github.com", "AAAA"), ("github.com", "SOA"),
            ("github.com", "CAA"), ("github.com", "DS"), ("github.com", "ANY"))


def look_ups(c):
    """What the host's resolver says, over UDP and TCP."""
    found = {}
    for name, kind in LOOK_UPS:
        for way in ("+notcp", "+tcp"):
            out = c.unit("dig", way, "+tries=1", "+time=8", "+noall", "+comments", "+answer", name, kind).out
            records = sorted(line.split(None, 4)[4] for line in out.splitlines() if line and line[0] != ";")
            if kind == "ANY":  # what the resolver's cache has at this moment
                records = ["some"] if records else []
            found[name, kind, way] = [out.partition("status: ")[2].partition(",")[0], *records]
    return found


@contextlib.contextmanager
def resolved_restarts(c, expected=True):
    """It reads its configuration then, to which the service adds a drop-in. From systemd 256 on it only reloads."""
    def state():
        return c.prop(RESOLVED, "ActiveState"), c.prop(RESOLVED, "StateChangeTimestampMonotonic")
    before = state()
    yield
    if expected:
        wait_until(lambda: (now := state())[0] == "active" and now != before, "a restart of resolved")


def compare_look_ups(rig, prepare=None, resolved=True, **policy):
    """The host's look-ups are the same with the service and without it. By default, with a policy for one unit alone."""
    policy = policy or {"policy": False, "documents": {"jail": allow("github.com", match={"units": ["jail.service"]})}}
    c = rig.boot(prepare=prepare, **policy)
    with resolved_restarts(c, resolved):
        c.check("systemctl", "stop", SOCKET, SERVICE)
        wait_state(c, "inactive")
    wait_resolves(c, "evil.example", EVIL4)
    without = look_ups(c)
    with resolved_restarts(c, resolved):
        c.check("systemctl", "start", SERVICE)
    found = look_ups(c)
    equal({key: found[key] for key in found if found[key] != without[key]},
          {key: without[key] for key in found if found[key] != without[key]}, "look-ups with the service, and without it")
    return c


@case("dns: with resolved and a policy for one unit alone, its names are opened and the host loses no look-up")
def forwarder_unjudged(rig):
    c = compare_look_ups(rig)
    for _ in range(3):  # and resolved has not turned to another server
        worked(probe(c, "tcp github.com 7", name="jail.service"), "tcp github.com 7")
        c.check("resolvectl", "flush-caches")
    refused(probe(c, f"tcp {EVIL4} 7", name="jail.service"), f"tcp {EVIL4} 7")
    r = c.unit("getent", "ahostsv4", "evil.example")
    contains(r.out, EVIL4, "a name that the host asks for")
    refused_at_resolved(c)
    c.put("/etc/cargowall/cargowall.conf.d/60-test.conf", "[DNS]\nNameServices=allow\n")
    c.check("systemctl", "restart", SERVICE)
    wait_active(c)
    equal(NAME_SERVICE_HOOKS & set(bus_get(c, "AchievedHooks")), set(), "hooks with NameServices=allow")
    contains(c.said(), "NameServices=allow", "what the start says")
    contains(c.unit("getent", "ahostsv4", "evil.example", name="jail.service").out, EVIL4, "a name that resolved looks up for it")
    contains(resolved_in_units(c), "warn: 1 of 1 running units with a policy reach its sockets", "the row of check")
    hide = "hide-resolved.conf"
    c.put(f"/etc/systemd/system/jail.service.d/{hide}", c.get(f"/usr/share/doc/cargowall/examples/{hide}"))
    r = c.unit("getent", "ahostsv4", "evil.example", name="jail.service")
    equal((r.status, r.out), (2, ""), "a name that its own policy denies, without the sockets of resolved")
    worked(probe(c, "tcp github.com 7", name="jail.service"), "tcp github.com 7")
    contains(resolved_in_units(c), "ok: 1 running units have a policy", "the row of check")


def refused_at_resolved(c):
    """By default a unit that is enforced does not reach the sockets of resolved, while the host is not judged."""
    hooks = NAME_SERVICE_HOOKS & set(bus_get(c, "AchievedHooks"))
    if not hooks:
        contains(c.said(), "NAME SERVICES", "what the start says where the kernel cannot refuse it")
        return
    absent_text(c.said(), "NAME SERVICES", "what the start says")
    contains(resolved_in_units(c), "ok: its sockets are closed to units whose policy is enforced", "the row of check")
    contains(c.unit("getent", "ahostsv4", "evil.example", name="other.service").out, EVIL4, "what another unit asks for")
    for user in (JOB, "root"):
        r = c.unit("getent", "ahostsv4", "evil.example", name="jail.service", user=user)
        equal((r.status, r.out), (2, ""), f"a name that the policy of a unit denies ({user})")
        contains(c.unit("getent", "ahostsv4", "github.com", name="jail.service", user=user).out, GITHUB4, "one that it allows")
    wait_until(lambda: any(e["event_type"] == "dns_blocked" and e.get("unit") == "jail.service" and
                           e.get("dst_hostname") == "evil.example" for e in events(c)), "an event of the unit that asked")
    path = "/run/systemd/resolve/io.systemd.Resolve"
    r = c.python(f"""
        os.symlink("{path}", "/tmp/by-link")
        report(whole=attempt(socket.socket(socket.AF_UNIX).connect, "{path}"),
               link=attempt(socket.socket(socket.AF_UNIX).connect, "/tmp/by-link"))
    """, name="jail.service", user=JOB)
    equal(r.facts["whole"].get("errno"), "ECONNREFUSED", f"a connection to {path}")
    if "unix_stream_connect" in hooks:  # the other one sees paths only
        equal(r.facts["link"].get("errno"), "ECONNREFUSED", "a connection by a link")


def resolved_in_units(c):
    """The row of cargowallctl check, while jail.service runs."""
    c.start_unit("sleep", "infinity", name="jail.service")
    rows = [r for r in json.loads(c.run("cargowallctl", "check", "--json=short").out) if r["name"] == "resolved in units"]
    c.check("systemctl", "stop", "jail.service")
    equal(len(rows), 1, "rows of check")
    return f"{rows[0]['state']}: {rows[0]['detail']}"


@case("dns: the package as installed changes no answer of dig, with resolved")
def shipped_resolved(rig):
    compare_look_ups(rig, policy=SHIPPED)


@case("dns: the package as installed changes no answer of dig, without resolved")
def shipped_plain(rig):
    compare_look_ups(rig, prepare=plain, resolved=False, policy=SHIPPED)


@case("dns: a resolved that validates where it can loses no look-up either, and its answers open names")
def forwarder_validates(rig):
    c = compare_look_ups(rig, lambda c: c.put("/etc/systemd/resolved.conf.d/90-dnssec.conf",
                                              "[Resolve]\nDNSSEC=allow-downgrade\n"))
    worked(probe(c, "tcp github.com 7", name="jail.service"), "tcp github.com 7")
    refused(probe(c, f"tcp {EVIL4} 7", name="jail.service"), f"tcp {EVIL4} 7")


SIGNED4 = "203.0.113.53"  # a resolver whose root zone is signed
UNBOUND = "unbound.service"


def sign_root(rig, c):
    """A copy of the lab's root zone with signatures, served at SIGNED4; the machine gets its key."""
    c.put("/root/zone/root.zone", (rig.lab.dir / "root.zone").read_text(encoding="utf-8"))
    c.sh("""cd /root/zone && key=$(ldns-keygen -a ECDSAP256SHA256 -k .) &&
            ldns-signzone -e 20401231 -o . -f signed root.zone "$key" && mv "$key.key" root.key""")
    signed = rig.lab.dir / "signed.zone"
    signed.write_text(c.get("/root/zone/signed"), encoding="utf-8")
    conf = (rig.lab.dir / "unbound.conf").read_text(encoding="utf-8").replace("root.zone", signed.name)
    own = rig.lab.dir / "signed.conf"
    own.write_text("".join(line for line in conf.splitlines(True) if "interface:" not in line)
                   .replace("server:\n", f"server:\n  interface: {SIGNED4}\n", 1), encoding="utf-8")
    rig.lab.serve(rig.lab.dir / "unbound", "-d", "-p", "-c", own)


@case("dns: an unbound that validates and forwards, as the manual has it, resolves what the policy allows, DNSSEC included")
def unbound_validates(rig):
    def prepare(c):
        plain(c, "127.0.0.1")
        c.put("/etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf",
              "server:\n  trust-anchor-file: /etc/unbound/root.key\n  extended-statistics: yes\n")
        c.put("/etc/unbound/unbound.conf.d/forward.conf", f'forward-zone:\n  name: "."\n  forward-addr: {SIGNED4}\n')
    c = rig.boot(prepare=prepare, conf=f"[DNS]\nUpstream={SIGNED4}\nForwarders={UNBOUND}\n",
                 policy=allow("github.com", "*.github.com", "www.shop.example"))
    sign_root(rig, c)
    c.sh("install -m 644 /root/zone/root.key /etc/unbound/root.key")
    c.check("systemctl", "unmask", UNBOUND)
    c.check("systemctl", "start", UNBOUND)
    for name, kind in (("github.com", "A"), ("github.com", "AAAA"), ("v4.github.com", "A"), ("api.github.com", "A"),
                       ("www.shop.example", "A"), ("github.com", "MX")):
        out = c.unit("dig", "+tries=1", "+time=15", name, kind).out
        contains(out, "status: NOERROR", f"{name} {kind}")
        contains(out, "ANSWER SECTION", f"{name} {kind}")
    contains(c.unit("dig", "none.github.com").out, "status: NXDOMAIN", "a name that does not exist")
    worked(probe(c, "tcp github.com 7", user=JOB), "tcp github.com 7")
    absent_text(c.unit("dig", "evil.example").out, EVIL4, "a denied name")
    counts = dict(line.split("=") for line in c.check("unbound-control", "stats_noreset").splitlines())
    assert int(counts["num.answer.secure"]) >= 7 and counts["num.answer.bogus"] == "0", f"validated answers: {counts}"

    # The keys of what is allowed and of the names above, and of no other: a job chooses what a resolver asks for.
    def ask(name, kind):
        return c.sh(f"echo $$ >/sys/fs/cgroup/system.slice/{UNBOUND}/cgroup.procs; dig +dnssec +tries=1 @{SIGNED4} {name} {kind}")
    contains(ask(".", "DNSKEY"), "RRSIG\tDNSKEY", "the root's keys")
    contains(ask("com", "DS"), "RRSIG\tNSEC", "no keys above an allowed name")
    for name in ("secret.evil.example", "evil.example", "secret.example.com"):
        for kind in ("DNSKEY", "DS"):
            absent_text(ask(name, kind), "RRSIG", f"{name} {kind}")
        not_asked(rig, name)


@case("dns: what a forwarder that nobody judges sends to a resolver is caught, and opens the names of others")
def forwarder_caught(rig):
    c = rig.boot(policy=False, documents={"jail": allow("github.com", match={"units": ["jail.service"]})},
                 conf="[DNS]\nWiring=bpf\n")
    absent_text(c.run("resolvectl", "dns").out, PROXY4, "resolved's servers")
    worked(probe(c, "tcp github.com 7", name="jail.service"), "tcp github.com 7")


@case("dns: a query to any resolver is answered by the policy")
def redirected(rig):
    c = rig.boot()
    for server in (RESOLVER4, FOREIGN4, "127.0.0.53"):
        equal(c.unit("dig", "+short", f"@{server}", "github.com").out.strip(), GITHUB4, f"answer of {server}")
        absent_text(c.unit("dig", f"@{server}", "evil.example").out, EVIL4, f"answer of {server}")
    equal(rig.packets(FOREIGN4), 0, "packets to the resolver that nobody configured")
    not_asked(rig, "evil.example")


@case("dns: without resolved, a plain resolv.conf is enough")
def resolved_absent(rig):
    c = rig.boot(prepare=plain)
    equal(bus_get(c, "Upstreams"), [RESOLVER4 + ":53"], "upstreams")
    r = probe(c, "tcp github.com 7", "tcp EVIL4 7", user=JOB)
    worked(r, "tcp github.com 7")
    refused(r, "tcp EVIL4 7")
    equal(c.unit("getent", "hosts", "evil.example").status, 2, "getent of a denied name")
    not_asked(rig, "evil.example")
    equal(c.path(DROP_IN).exists(), False, "a drop-in for a resolved that does not run")
    # programs read hosts(5) themselves
    ctl(c, "explain", "203.0.113.21:443", wanted=1)
    c.put("/etc/hosts", c.get("/etc/hosts") + "203.0.113.21 file.wild.example.com\n")
    wait_until(lambda: c.run("cargowallctl", "explain", "203.0.113.21:443").status == 0, "the address to be open")


@case("dns: the drop-in is there while the service is, over a restart too, and goes when it stops")
def drop_in(rig):
    c = rig.boot()
    contains(c.get(DROP_IN), f"DNS={PROXY4}", "drop-in")
    before, resolved = c.path(DROP_IN).stat(), main_pid(c, RESOLVED)
    equal(before.st_mode & 0o777, 0o644, "mode of the drop-in")
    c.check("systemctl", "restart", SERVICE)
    wait_active(c)
    after = c.path(DROP_IN).stat()
    equal((after.st_ino, after.st_mtime_ns), (before.st_ino, before.st_mtime_ns), "drop-in after the restart")
    equal(main_pid(c, RESOLVED), resolved, "process of resolved")
    c.check("systemctl", "stop", SERVICE)
    equal(c.path(DROP_IN).exists(), False, "drop-in after the stop")
    wait_resolves(c, "evil.example", EVIL4)
    equal(c.prop(SERVICE, "ActiveState"), "inactive", "the service, which nothing woke")


@case("dns: another resolver in resolv.conf is asked from then on")
def upstream_followed(rig):
    c = rig.boot(prepare=plain)
    c.put("/etc/resolv.conf", f"nameserver {FOREIGN4}\n")
    wait_until(lambda: bus_get(c, "Upstreams") == [FOREIGN4 + ":53"], "the new upstream")
    rig.watch()
    worked(probe(c, "tcp github.com 7", user=JOB), "tcp github.com 7")
    equal(c.unit("dig", "+short", "a1.wild.example.com").out.strip(), "203.0.113.32", "answer")
    assert rig.packets(FOREIGN4, port=53) > 0, "the new resolver was not asked"
    equal(rig.packets(RESOLVER4), 0, "packets to the old resolver")


@case("dns: no resolver is left in resolv.conf: the last one stays in use")
def upstream_lost(rig):
    c = rig.boot(prepare=plain)
    c.put("/etc/resolv.conf", "# nothing\n")
    c.wait_journal(f"_SYSTEMD_UNIT={SERVICE}", "PRIORITY=4")
    equal(bus_get(c, "Upstreams"), [RESOLVER4 + ":53"], "upstreams")
    equal(c.unit("dig", "+short", f"@{RESOLVER4}", "a2.wild.example.com").out.strip(), "203.0.113.32", "answer")


@case("dns: without an upstream the service starts and enforces, names fail at once, and the first resolver is followed")
def no_upstream(rig):
    c = rig.boot(prepare=lambda c: plain(c, None))
    equal(bus_get(c, "Upstreams"), [], "upstreams")
    contains(c.run("cargowallctl", "status").out, "none known", "status")
    contains(c.prop(SERVICE, "StatusText"), "no upstream resolver", "status line of the unit")
    contains(c.said(), "no upstream resolver is known", "log")
    refused(probe(c, "tcp EVIL4 7", user=JOB), "tcp EVIL4 7")
    contains(c.unit("dig", "+tries=1", f"@{RESOLVER4}", "github.com").out, "status: SERVFAIL", "a query")
    equal((rig.packets(EVIL4), rig.packets(RESOLVER4)), (0, 0), "packets before there is a resolver")
    c.put("/etc/resolv.conf", f"nameserver {RESOLVER4}\n")
    wait_until(lambda: bus_get(c, "Upstreams") == [RESOLVER4 + ":53"], "the first upstream")
    worked(probe(c, "tcp github.com 7", user=JOB), "tcp github.com 7")


@case("dns: what a link of resolved routes to its own server is asked of that one alone")
def link_route(rig):
    c = rig.boot()
    wait_resolves(c, "github.com", GITHUB4)
    c.check("resolvectl", "dns", "eth0", FOREIGN4)
    c.check("resolvectl", "domain", "eth0", "~example.com")
    rig.watch()
    for ask in ("dig +short a4.wild.example.com", "resolvectl query --cache=no a5.wild.example.com"):
        contains(c.unit(*ask.split()).out, "203.0.113.32", ask)
    equal(rig.packets(RESOLVER4, port=53), 0, "packets to the other server")
    assert rig.packets(FOREIGN4, port=53) > 0, "the server of the link was not asked"
    rig.watch()
    contains(c.unit("dig", "+short", "github.com").out, GITHUB4, "a name of no link")
    equal(rig.packets(FOREIGN4, port=53), 0, "packets to the server of the link")

    def asked(server):
        contains(c.unit("dig", "+short", "a4.wild.example.com").out, "203.0.113.32", "answer")
        return rig.packets(server, port=53) > 0
    rig.watch()
    # what changed above may still be noticed, which forgets the answers once more
    wait_until(lambda: not asked(FOREIGN4), "a name in the cache not to be asked for")
    ctl(c, "dns", "flush")
    equal(asked(FOREIGN4), True, "whether it is asked for after cargowallctl dns flush")
    # the same servers, and another one is responsible for the name
    equal(asked(RESOLVER4), False, "whether the other server has been asked")
    c.check("resolvectl", "domain", "eth0", "~example.net")
    wait_until(lambda: asked(RESOLVER4), "the other server to be asked", 3)


ONE_ADDRESS = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 8600))
while True:
    data, peer = s.recvfrom(4096)
    end = data.index(0, 12) + 5
    known = b"consul" in data[12:end].lower()
    answer = bytes.fromhex("c00c000100010000003c0004") + bytes([10, 99, 0, 7]) if known and data[end - 3] == 1 else b""
    s.sendto(data[:2] + bytes([0x85, 0x80 if known else 0x85, 0, 1, 0, len(answer) > 0]) + bytes(4) + data[12:end] + answer, peer)
"""


ONE_DOMAIN = "[Resolve]\nDNS=127.0.0.1:8600\nDomains=~consul\nFallbackDNS=\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\n"


@case("dns: a server of resolved for one domain, on another port, is asked for it, and no other server is")
def one_domain(rig):
    ask_one_domain(rig, rig.boot(policy=SHIPPED,
                                 prepare=lambda c: c.put("/etc/systemd/resolved.conf.d/lab.conf", ONE_DOMAIN)))


@case("dns: a domain that resolved.conf gets while the service runs is asked of its server alone")
def one_domain_later(rig):
    c = rig.boot(policy=SHIPPED)
    contains(c.unit("dig", "+short", "github.com").out, GITHUB4, "before")
    c.put("/etc/systemd/resolved.conf.d/lab.conf", ONE_DOMAIN)
    c.check("systemctl", "restart", RESOLVED)
    rig.watch()  # the queries of before
    ask_one_domain(rig, c)


def ask_one_domain(rig, c):
    c.start_unit("/usr/bin/python3", "-c", "import socket\n" + ONE_ADDRESS, name="consul.service")
    c.check("resolvectl", "dns", "eth0", RESOLVER4)
    wait_until(lambda: GITHUB4 in c.unit("dig", "+short", "github.com").out, "the server of the link to be asked")
    for _ in range(2):
        equal(c.unit("dig", "+short", "db.service.consul").out.strip(), "10.99.0.7", "a name of the domain")
        contains(c.unit("dig", "+short", "github.com").out, GITHUB4, "a name of no domain")
        c.check("systemctl", "restart", RESOLVED)
        contains(c.unit("dig", "+short", "github.com").out, GITHUB4, "a name of no domain, after a restart")
    not_asked(rig, "db.service.consul")


@case("dns: a query that a filter of the unit's own drops is an event that names it, and what arrives is none")
def own_filter(rig):
    c = rig.boot(policy={**allow("github.com"), "mode": "audit"})
    c.unit("dig", "+tries=1", "+time=1", f"@{RESOLVER4}", "github.com", name="closed.service", properties=("IPAddressDeny=any",))
    lost = wait_until(lambda: [e for e in events(c) if e.get("reason") == "filtered"], "an event")
    equal({(e["event_type"], e["unit"], e["dst_ip"], e["dst_port"], e["would_deny"]) for e in lost},
          {("connection_blocked", "closed.service", RESOLVER4, 53, False)}, "events of what was lost")
    contains(c.said(), "see IPAddressDeny= and RestrictNetworkInterfaces=", "the journal")
    # who does not wait for an answer has lost none
    c.python(f"""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(dnswire.query("github.com"), ("{RESOLVER4}", 53))
    """, name="hasty.service", properties=("IPAddressDeny=any",))
    # the drop-ins of the manual
    for name, settings in (("open", ("IPAddressDeny=any", "IPAddressAllow=127.0.0.155 ::1")),
                           ("none", ())):
        r = c.unit("dig", "+short", "+tries=1", f"@{RESOLVER4}", "github.com", name=f"{name}.service", properties=settings)
        equal(r.out.strip(), GITHUB4, f"a query with {settings}")
        # closed before the answer comes
        c.python(f"""
            for _ in range(20):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.sendto(dnswire.query("github.com"), ("{RESOLVER4}", 53))
        """, name=f"{name}.service", properties=settings)
        equal(c.unit("getent", "ahostsv4", "github.com", name=f"{name}.service", properties=settings).status, 0, "getent")
    c.check("systemctl", "restart", SERVICE)
    wait_active(c)
    c.unit("dig", "+short", f"@{RESOLVER4}", "github.com", name="none.service")
    equal([e for e in events(c) if e.get("reason") == "filtered" and e["unit"] != "closed.service"], [],
          "events of what arrived")


@case("dns: a configured upstream beats the machine's own")
def configured_upstream(rig):
    c = rig.boot(conf=f"[DNS]\nUpstream={FOREIGN4}\n")
    equal(bus_get(c, "Upstreams"), [FOREIGN4 + ":53"], "upstreams")
    equal(c.unit("dig", "+short", "a3.wild.example.com").out.strip(), "203.0.113.32", "answer")
    equal(rig.packets(RESOLVER4), 0, "packets to the machine's own resolver")


@case("dns: Wiring=bpf leaves resolved's configuration alone, and its queries are still captured")
def wiring_bpf(rig):
    c = rig.boot(conf="[DNS]\nWiring=bpf\n")
    equal(c.path(DROP_IN).exists(), False, "drop-in")
    worked(probe(c, "tcp github.com 7", user=JOB), "tcp github.com 7")
    equal(c.unit("getent", "hosts", "evil.example").status, 2, "getent of a denied name")
    not_asked(rig, "evil.example")
