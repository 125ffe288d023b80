# SPDX-License-Identifier: Apache-2.0
"""Sockets as programs use them: connected for nothing but an address, bound to a device, moved by NAT, asking a server of
their own."""

import json
import subprocess

from harness import absent, blocked, case, equal, found, refused, untouched, worked
from plan import EVIL4, GITHUB4, GITHUB6, RESOLVER4, RESOLVER6

ALLOW = ["--allow-cidr", f"{GITHUB4}:7", "--allow-cidr", f"[{GITHUB6}]:7", "--summary", "none"]
NAMED = [*ALLOW, "--allow", "github.com"]


@case("connect() of a datagram socket is not refused and no event; the first datagram is both")
def learn_own_address(lab):
    connect = """
        sockets = {}
        for addr in EVIL4, EVIL6, GITHUB4:
            sockets[addr] = new_socket(addr, socket.SOCK_DGRAM)
            report(**{addr: attempt(lambda: sockets[addr].connect((addr, 9)) or sockets[addr].getsockname()[0])})
"""
    plain = lab.plain(*lab.python(connect)).facts
    for mode in "enforce", "audit":
        r = lab.attack([*ALLOW, "--mode", mode], connect)
        worked(r, *plain)
        equal([f["value"] for f in r.facts.values()], [f["value"] for f in plain.values()], "own addresses")
        equal([e["event_type"] for e in r.events], ["run_started", "run_ended"], "events")
    r = lab.attack(ALLOW, connect + """
        report(**{addr: attempt(s.send, b"x") for addr, s in sockets.items()})
""")
    refused(r, *plain)
    for addr in plain:
        blocked(r, addr, 9, "UDP")


# Each way to make a socket send by a device, and to ask.
ASK = """
        IP_UNICAST_IF, IPV6_UNICAST_IF = 50, 76
        index = struct.pack("!I", socket.if_nametoindex("eth0"))
        def ask(server, how, way):
            with new_socket(server, socket.SOCK_STREAM if way == "tcp" else socket.SOCK_DGRAM) as s:
                if how == "device":
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
                elif s.family == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, IPV6_UNICAST_IF, index)
                else:
                    s.setsockopt(socket.IPPROTO_IP, IP_UNICAST_IF, index)
                q = dnswire.query("github.com")
                if way == "sendto":
                    s.sendto(q, (server, 53))
                    return dnswire.parse(s.recvfrom(4096)[0])["rcode"]
                s.connect((server, 53))
                if way == "tcp":
                    s.sendall(struct.pack("!H", len(q)) + q)
                    return dnswire.parse(recv_exactly(s, struct.unpack("!H", recv_exactly(s, 2))[0]))["rcode"]
                s.send(q)
                return dnswire.parse(s.recv(4096))["rcode"]
        for server in RESOLVER4, RESOLVER6:
            for way in "send", "sendto", "tcp":
                for how in "device", "unicast_if":
                    report(**{f"{server} {way} {how}": attempt(ask, server, how, way)})
"""


@case("a query by a device is refused at once, in audit mode it is answered, and none for the proxy leaves")
def query_by_device(lab):
    for mode in "enforce", "audit":
        lab.watch()
        r = lab.attack([*ALLOW, "--mode", mode], ASK, user="root", seconds=60)
        equal(len(r.facts), 12, "queries")
        if mode == "audit":
            worked(r, *r.facts)
        else:
            refused(r, *(name for name in r.facts if not name.endswith("tcp unicast_if")))  # TCP does not use that option
        for addr in "127.0.0.1", "::1":
            equal(lab.packets(addr), 0, f"{mode}: packets to {addr} on the wire")


@case("a query to a link-local resolver is answered, or, of a socket that is not connected, refused by its own address")
def query_by_zone(lab):
    lab.setup(*lab.in_internet("ip", "-6", "addr", "replace", "fe80::53/64", "dev", "eth0", "nodad"))
    for mode in "enforce", "audit":
        lab.watch()
        r = lab.attack([*ALLOW, "--mode", mode], """
            def ask(connects):
                with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
                    to = ("fe80::53", 53, 0, socket.if_nametoindex("eth0"))
                    if connects:
                        s.settimeout(30)
                        s.connect(to)
                        s.send(dnswire.query("github.com"))
                        return dnswire.parse(s.recv(4096))["rcode"]
                    s.sendto(dnswire.query("github.com"), to)
            report(connected=attempt(ask, True), unconnected=attempt(ask, False))
        """)
        worked(r, "connected")
        audits = mode == "audit"
        (worked if audits else refused)(r, "unconnected")
        found(r, "connection_blocked", dst_ip="fe80::53", dst_port=53, **({"would_deny": True} if audits else {}))
        equal(lab.packets("fe80::53", port=53), int(audits), f"{mode}: packets to fe80::53")
        equal(lab.packets("::1"), 0, f"{mode}: packets to ::1 on the wire")


@case("a socket that was connected to the proxy sends nothing by a device, whatever else it was used for")
def redirected_then_by_device(lab):
    lab.watch()
    r = lab.attack(ALLOW, """
        def by_device(server, allowed, how):
            with new_socket(server, socket.SOCK_DGRAM) as s:
                if how == "before":
                    s.sendto(b"hello", (allowed, 7))
                s.connect((server, 53))
                if how == "after":
                    s.sendto(b"hello", (allowed, 7))
                s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
                s.send(b"sent")
        def unspecified(addr, allowed, how):
            with new_socket(addr, socket.SOCK_DGRAM) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
                if how == "before":
                    s.sendto(b"hello", (allowed, 7))
                s.sendto(b"sent", (addr, 53 if how == "after" else 7))
        for how in "before", "after", "only":
            for server, allowed in (RESOLVER4, GITHUB4), (RESOLVER6, GITHUB6):
                report(**{f"{how} {server}": attempt(by_device, server, allowed, how)})
            for addr, allowed in ("0.0.0.0", GITHUB4), ("::", GITHUB6), ("127.0.0.1", GITHUB4), ("::1", GITHUB6):
                report(**{f"{how} {addr}": attempt(unspecified, addr, allowed, how)})
""", user="root")
    equal(len(r.facts), 18, "sockets")
    for addr in "127.0.0.1", "::1", RESOLVER4, RESOLVER6:
        equal(lab.packets(addr), 0, f"packets to {addr} on the wire ({r.facts})")


# A connection that this machine has with itself, closed when one end is bound to a device: in TIME_WAIT it has no socket of
# the command any more, and the kernel answers what still arrives. The peer's last bytes do.
CLOSED = """
    SO_BINDTOIFINDEX = 62
    def by_name(s, device):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    def by_index(s, device):
        s.setsockopt(socket.SOL_SOCKET, SO_BINDTOIFINDEX, socket.if_nametoindex(device) if device else 0)
    def closed(server, client, bind, device):
        with new_socket(server, socket.SOCK_STREAM) as l, new_socket(client, socket.SOCK_STREAM) as c:
            l.bind((server, 0))
            l.listen()
            c.bind((client, 0))
            c.connect(l.getsockname())
            s = l.accept()[0]
            s.shutdown(socket.SHUT_WR)
            c.recv(1)
            with s:
                bind(s, device)
    def own(addr):
        with new_socket(addr, socket.SOCK_DGRAM) as s:
            s.connect((addr, 7))
            return s.getsockname()[0]
    def cross(server, client, listens):
        with new_socket(server, socket.SOCK_STREAM) as l, new_socket(client, socket.SOCK_STREAM) as c:
            l.bind((server, 0))
            if listens:
                l.listen()
            c.bind((client, 0))
            c.connect(l.getsockname())
    def query(server):
        with new_socket(server, socket.SOCK_STREAM) as s:
            s.bind((own(GITHUB6 if ":" in server else GITHUB4), 0))
            s.connect((server, 53))
            q = dnswire.query("github.com")
            s.sendall(struct.pack("!H", len(q)) + q)
            s.shutdown(socket.SHUT_WR)
            return dnswire.parse(recv_exactly(s, struct.unpack("!H", recv_exactly(s, 2))[0]))["rcode"]
    report(**{"query v4": attempt(query, RESOLVER4), "query v6, True": attempt(query, RESOLVER6)})
    for listens in True, False:
        for server, client in (own(GITHUB6), "::1"), ("::1", own(GITHUB6)):
            report(**{f"{client} to {server}, {listens}": attempt(cross, server, client, listens)})
    for bind in by_name, by_index:
        for server, client in (("::1",) * 2, ("127.0.0.1",) * 2, (own(GITHUB4), "127.0.0.1"), (own(GITHUB6),) * 2):
            for device in "eth0", "lo", "":
                key = f"{bind.__name__} {server} {device}"
                report(**{key: attempt(closed, server, client, bind, device)})
"""


@case("a connection from the loopback to another address gets no device, none crosses from ::1, and nothing is on the wire")
def closed_by_device(lab):
    for mode in "enforce", "audit":
        lab.watch()
        r = lab.attack([*ALLOW, "--mode", mode], CLOSED)
        equal(len(r.facts), 30, "sockets")
        closed_ports = {key for key in r.facts if key.endswith("False")}
        own4 = next(key for key in r.facts if "10." in key).split()[1]
        denied = {key for key in r.facts if key.endswith((f"{own4} eth0", "True"))} | closed_ports
        if mode == "audit":
            worked(r, *(r.facts.keys() - closed_ports))
            found(r, "protocol_blocked", reason="device", would_deny=True)
            found(r, "connection_blocked", reason="device", would_deny=True)
        else:
            refused(r, *denied)
            worked(r, *(r.facts.keys() - denied))
            found(r, "protocol_blocked", reason="device")
            found(r, "connection_blocked", reason="device")
            for addr in "127.0.0.1", "::1":
                equal(lab.packets(addr), 0, f"packets to {addr} on the wire")


NAT = """
table inet moved {
    chain output {
        type nat hook output priority -100
        ip daddr 203.0.113.50 meta l4proto { tcp, udp } th dport 80 dnat ip to %s:7
        ip6 daddr 2001:db8:113::50 meta l4proto { tcp, udp } th dport 80 dnat ip6 to [%s]:7
        ip daddr 127.0.0.1 meta l4proto { tcp, udp } th dport 5432 dnat ip to %s:7
    }
    chain postrouting {
        type nat hook postrouting priority 100
        meta nfproto ipv4 oifname eth0 ip saddr 127.0.0.0/8 masquerade
    }
}
""" % (GITHUB4, GITHUB6, GITHUB4)


# A datagram that is older than the destination of its socket.
HELD = """
    libc = ctypes.CDLL(None)

    def held(old, new, disconnect):
        with new_socket(old, socket.SOCK_DGRAM) as s:
            s.connect((old, 7))
            s.send(b"held", socket.MSG_MORE)
            if disconnect:
                libc.connect(s.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16)
            s.connect((new, 80))
            s.send(b"sent")

    def second(first, then):
        with new_socket(first, socket.SOCK_DGRAM) as s:
            s.connect((first, 9))
            s.sendto(b"hello", (then, 80))
"""


@case("what connect() allowed passes when the administrator's NAT moves it, what it did not does not")
def moved_by_nat(lab):
    subprocess.run(lab.in_client("nft", NAT), check=True)
    local = "for i in all eth0; do echo %d >/proc/sys/net/ipv4/conf/$i/route_localnet; done"
    subprocess.run(lab.in_client("sh", "-c", local % 1), check=True)
    source = """
        report(v4=attempt(tcp, "203.0.113.50", 80), v6=attempt(tcp, "2001:db8:113::50", 80))
        report(local=attempt(tcp, "127.0.0.1", 5432))
        report(target=attempt(tcp, GITHUB4, 7), target6=attempt(tcp, GITHUB6, 7), port=attempt(tcp, "203.0.113.50", 81))
        for what, function in ("udp", udp), ("connected", udp_connected):
            report(**{f"{what} v4": attempt(function, "203.0.113.50", 80), f"{what} v6": attempt(function, "2001:db8:113::50", 80)},
                   **{f"{what} local": attempt(function, "127.0.0.1", 5432)},
                   **{f"{what} target": attempt(function, GITHUB4, 7), f"{what} port": attempt(function, "203.0.113.50", 81)})
"""
    attack = HELD + """
    report(**{f"held {c}": attempt(held, EVIL4, "203.0.113.50", c) for c in (False, True)},
           second=attempt(second, EVIL4, "203.0.113.50"))
"""
    datagrams = [f"{how} {which}" for how in ("udp", "connected") for which in ("v4", "v6")]
    try:
        r = lab.attack(["--allow-cidr", "203.0.113.50:80", "--allow-cidr", "[2001:db8:113::50]:80", "--summary", "none"],
                       source)
        worked(r, "v4", "v6", "local", *datagrams, "udp local", "connected local")
        refused(r, "target", "target6", "port", "udp target", "udp port", "connected target", "connected port")
        for addr, port in ("203.0.113.50", 80), ("2001:db8:113::50", 80), ("127.0.0.1", 5432):
            assert found(r, "connection_allowed", dst_ip=addr, dst_port=port).get("pid"), f"{addr} has no process"
        for addr in "203.0.113.50", "2001:db8:113::50":
            assert found(r, "connection_allowed", dst_ip=addr, protocol="UDP").get("pid"), f"{addr} has no process"
        r = lab.attack(["--allow-cidr", "203.0.113.50:80", "--summary", "none"], attack)
        refused(r, "held False", "held True", "second")
        untouched(lab, EVIL4)
        # To be allowed, the target alone is not enough.
        r = lab.attack(ALLOW, source)
        worked(r, "local", "target", "target6", "udp target", "connected target")
        refused(r, "v4", "v6", "port", *datagrams)
        blocked(r, "203.0.113.50", 80)
    finally:
        subprocess.run(lab.in_client("sh", "-c", local % 0), check=True)
        subprocess.run(lab.in_client("nft", "delete table inet moved"), check=True)


# In a network namespace of its own, whose packets nobody has to forward: the packet hook is asked before.
OWN_NAT = """
set -e
ip link set lo up
ip link add out type veth peer name in
for i in out in; do ip link set $i up; done
ip addr add 10.99.0.1/24 dev out
ip neighbor add 10.99.0.2 lladdr 02:00:00:00:00:02 dev out
ip route add default via 10.99.0.2
nft 'table ip own {
    chain output {
        type nat hook output priority -100
        ip daddr %s tcp dport 7 dnat to %s:7
    }
}'
timeout 2 python3 -c 'import socket; socket.create_connection(("%s", 7))' 2>/dev/null || true
""" % (GITHUB4, EVIL4, GITHUB4)


@case("NAT of the command's own, in a network namespace of its own, opens nothing")
def own_nat(lab):
    r = lab.run(ALLOW, ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", OWN_NAT], user="root")
    equal(r.status, 0, "exit status")
    found(r, "connection_blocked", dst_ip=EVIL4, dst_port=7)
    absent(r, "connection_allowed")


@case("a datagram socket connected to a resolver has its own address, its query is answered, and it can be connected elsewhere")
def connected_to_resolver(lab):
    source = """
        for target, resolver in (GITHUB4, RESOLVER4), (GITHUB6, RESOLVER6):
            s = new_socket(target, socket.SOCK_DGRAM)
            s.connect((resolver, 53))
            report(**{"own " + target: s.getsockname()[0], "peer " + target: s.getpeername()[0]})
            def ask():
                s.send(dnswire.query("github.com"))
                return dnswire.parse(s.recv(4096))["rcode"]
            report(**{"ask " + target: attempt(ask)})
            def again():
                s.connect((target, 7))
                s.send(b"hello")
                return [s.getsockname()[0], s.recv(16).decode()]
            report(**{target: attempt(again)})
"""
    plain = lab.plain(*lab.python(source)).facts
    for mode in "enforce", "audit":
        r = lab.attack([*ALLOW, "--allow", "github.com:443", "--mode", mode], source)
        worked(r, GITHUB4, GITHUB6)
        for name, fact in plain.items():
            got = r.facts[name]
            if isinstance(fact, dict):
                fact, got = fact.get("value"), got.get("value")
            equal(got, fact, f"{mode}: {name}")


@case("a name server of the command's own on the loopback answers the command, over UDP and TCP, and no other run")
def own_name_server(lab):
    own, proxy = [["REFUSED", "REFUSED"]], [["NXDOMAIN", "NXDOMAIN"]]
    r = lab.attack(NAMED, """
    report(before=ask("127.0.0.1"))
    sockets = [*serve("127.0.0.1"), *serve("::1")]
    report(loopback=ask("127.0.0.1", "::1", "0.0.0.0"), others=ask("127.0.0.2", RESOLVER4, RESOLVER6))
""", user="root")
    equal(r.facts["before"], proxy, "nobody listens")
    equal(r.facts["loopback"], own * 3, "the command's own server")
    equal(r.facts["others"], proxy * 3, "other addresses")
    absent(r, "connection_blocked")

    # For all addresses. What it asks for its clients is judged as asked by the command.
    holder = lab.start(["--allow", "evil.example", "--summary", "none"], lab.python("""
    def relay(query):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(LIMIT)
            s.sendto(query, (RESOLVER4, 53))
            return s.recv(4096)
    sockets = serve("0.0.0.0", relay)
    report(allowed=ask("127.0.0.1", "127.0.0.9"), denied=ask("127.0.0.1", name="github.com"))
    print("ready", flush=True)
    input()
"""), user="root")
    lines = [holder.read_line(), holder.read_line()]
    equal(lines[-1], b"ready\n", "the run with a server")
    equal(json.loads(lines[0]), {"allowed": [["NOERROR", "NOERROR"]] * 2, "denied": proxy}, "its relay")
    r = lab.attack(NAMED, """
    report(other=ask("127.0.0.1", "127.0.0.9"), allowed=ask("127.0.0.1", name="github.com"))
""")
    equal(r.facts, {"other": proxy * 2, "allowed": [["NOERROR", "NOERROR"]]}, "another run's server is not asked")
    found(r, "dns_blocked", dst_hostname="evil.example")
    equal(holder.finish(b"\n").status, 0, "the run with a server")
