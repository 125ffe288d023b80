# SPDX-License-Identifier: Apache-2.0
"""Real clients under `cargowall run`: what the policy names works as if nothing were there."""

import json
import shutil
import subprocess

from harness import Skip, absent, blocked, case, contains, equal, found, refused, untouched, worked
from plan import CLIENT4, CLIENT6, EVIL4, EVIL6, GITHUB4, GITHUB6, NAMELESS4, NAMELESS6

ALLOW = ["--allow", "github.com:443"]


def curl(lab, *arguments, options=ALLOW):
    return lab.run(options, ["curl", "-sS", "--max-time", "20", *arguments])


@case("curl fetches an allowed name over IPv4, and the log says who, where and by which rule")
def curl4(lab):
    r = curl(lab, "-4", "https://github.com/")
    equal((r.status, r.out), (0, f"hello from github.com at {GITHUB4}\n"), "curl")
    event = found(r, "connection_allowed", dst_ip=GITHUB4)
    wanted = {"dst_hostname": "github.com", "dst_port": 443, "protocol": "TCP", "process": "curl", "verdict": "allow",
              "blocked": False, "would_deny": False, "mode": "enforce", "matched_rule": "github.com"}
    equal({key: event.get(key) for key in wanted}, wanted, "event")
    equal(event["executable"].split("/")[-1], "curl", "executable")
    assert event["pid"] > 1 and event["src_ip"] == "10.77.0.2", event


@case("curl fetches an allowed name over IPv6")
def curl6(lab):
    r = curl(lab, "-6", "https://github.com/")
    equal((r.status, r.out), (0, f"hello from github.com at {GITHUB6}\n"), "curl")
    found(r, "connection_allowed", dst_ip=GITHUB6, dst_hostname="github.com", process="curl")

SNAT = """
table inet rewrite {
    chain postrouting {
        type nat hook postrouting priority srcnat
        meta nfproto ipv4 oifname eth0 snat ip to 192.0.2.99
        meta nfproto ipv6 oifname eth0 snat ip6 to 3fff::99
    }
}
"""


@case("sources that the administrator rewrites to an address of no interface pass, connected or not")
def rewritten_source(lab):
    ways = ((("-4", "route"), "192.0.2.99/32", CLIENT4), (("-6", "route"), "3fff::99/128", CLIENT6))
    for family, net, via in ways:
        subprocess.run(lab.in_internet("ip", *family, "add", net, "via", via), check=True)
    subprocess.run(lab.in_client("nft", SNAT), check=True)
    try:
        for family in "-4", "-6":
            r = curl(lab, family, "https://github.com/")
            equal(r.status, 0, f"curl {family}")
            found(r, "connection_allowed", dst_hostname="github.com", process="curl")
        r = lab.attack(["--allow-cidr", f"{GITHUB4}:7", "--allow-cidr", f"[{GITHUB6}]:7"], """
        for addr in GITHUB4, GITHUB6:
            report(**{addr: attempt(udp, addr, 7), f"{addr} connected": attempt(udp_connected, addr, 7)})
""")
        worked(r, GITHUB4, GITHUB6, f"{GITHUB4} connected", f"{GITHUB6} connected")
    finally:
        subprocess.run(lab.in_client("nft", "delete table inet rewrite"), check=True)
        for family, net, _ in ways:
            subprocess.run(lab.in_internet("ip", *family, "delete", net), check=True)


@case("a flow's end is logged with its bytes and its duration")
def closed(lab):
    r = curl(lab, "-4", "https://github.com/")
    event = found(r, "connection_closed", dst_ip=GITHUB4, dst_port=443)
    assert event["bytes_out"] > 200 and event["bytes_in"] > 500 and event["duration_usec"] > 0, event


@case("git clones the repository over HTTPS")
def git_clone(lab):
    r = lab.run(ALLOW, ["sh", "-ec", "d=$(mktemp -d); git clone -q https://github.com/example/cargowall.git $d/c; "
                        "git -C $d/c log --format=%s; rm -rf $d"])
    equal((r.status, r.out), (0, "The project as it is\n"), "git")
    found(r, "connection_allowed", dst_hostname="github.com", process="git-remote-http")


@case("python's urllib fetches over both families")
def python_fetches(lab):
    r = lab.run(["--allow", "v4.github.com:443", "--allow", "v6.github.com:443"], ["/usr/bin/python3", "-c", """
from urllib.request import urlopen
for name in "v4.github.com", "v6.github.com":
    print(urlopen(f"https://{name}/").read().decode(), end="")"""])
    equal((r.status, r.out), (0, "hello from v4.github.com at 203.0.113.12\n"
                              "hello from v6.github.com at 2001:db8:113::12\n"), "python")


@case("a rule for a name covers its subdomains and CNAMEs into itself")
def subdomain(lab):
    r = curl(lab, "-4", "https://api.github.com/")
    equal((r.status, r.out), (0, f"hello from api.github.com at {GITHUB4}\n"), "curl")


@case("a CNAME chain out of the rule's zone is followed, and logged")
def cname_chain(lab):
    r = curl(lab, "-4", "https://www.shop.example/", options=["--allow", "www.shop.example:443"])
    equal((r.status, r.out), (0, "hello from www.shop.example at 203.0.113.20\n"), "curl")
    event = found(r, "connection_allowed", dst_hostname="www.shop.example")
    equal(event["cname_chain"], ["www.shop.example", "lb.shop.example", "edge.cdn.example"], "chain")


@case("an answer of sixty addresses comes over TCP, and each of them is open")
def many_addresses(lab):
    r = lab.attack(["--allow", "many.example:7"], """
        names = resolve("many.example")
        report(n=len(names), last=attempt(tcp, "203.0.113.187", 7), other=attempt(tcp, "203.0.113.188", 7))
    """)
    worked(r, "last")
    refused(r, "other")
    equal(r.facts["n"], 60, "addresses")


def ping_program(lab):
    """A copy, which has no file capability: the installed one asks for CAP_NET_RAW, which no run has."""
    copy = lab.dir / "client" / "ping"
    if not copy.exists():
        shutil.copy(shutil.which("ping"), copy)
    return copy


@case("ping is judged: allowed by name, refused elsewhere, both families")
def ping(lab):
    program = ping_program(lab)
    r = lab.run(["--allow", "github.com"], ["sh", "-c", f"""
        {program} -4 -c 1 -W 5 github.com >&2; echo $?
        {program} -6 -c 1 -W 5 github.com >&2; echo $?
        {program} -4 -c 1 -W 1 {EVIL4} >&2; echo $?
        {program} -6 -c 1 -W 1 {EVIL6} >&2; echo $?"""])
    statuses = r.out.split()
    equal(statuses[:2], ["0", "0"], "allowed pings")
    assert "0" not in statuses[2:] and len(statuses) == 4, f"refused pings: {statuses}"
    found(r, "connection_blocked", dst_ip=EVIL4, process="ping")  # it connects a UDP socket first, to learn its address
    untouched(lab, EVIL4, EVIL6)


@case("ping by an icmp rule: the rule's port list holds")
def ping_rule(lab):
    r = lab.run(["--allow-cidr", f"{GITHUB4}:0/icmp"], lab.python(f"""
        import subprocess
        report(ping=subprocess.run(["{ping_program(lab)}", "-c", "1", "-W", "5", GITHUB4], stdout=2).returncode,
               tcp=attempt(tcp, GITHUB4, 7))
    """))
    equal(r.facts["ping"], 0, "ping")
    refused(r, "tcp")


@case("curl to a denied name fails with its own message, and the log has the refused query")
def denied_name(lab):
    r = curl(lab, "https://evil.example/")
    equal(r.status, 6, "curl's status for a name that does not resolve")
    event = found(r, "dns_blocked", dst_hostname="evil.example", process="curl")
    assert event["blocked"] is True and event["pid"] > 1 and event["query_type"] in ("A", "AAAA"), event
    absent(r, "connection_allowed", dst_hostname="evil.example")
    untouched(lab, EVIL4, EVIL6)
    equal([q for q in lab.upstream_queries() if b"evil" in q.lower()], [], "queries that left")
    assert r.seconds < 10, f"took {r.seconds} s"


@case("curl to a denied address, on an allowed port, fails at once")
def denied_address(lab):
    r = curl(lab, "http://203.0.113.77/", options=["--allow", "github.com"])
    equal(r.status, 7, "curl's status for a failed connect")
    blocked(r, NAMELESS4, 80, process="curl", blocked=True)
    untouched(lab, NAMELESS4)


@case("curl with --resolve to a denied address gets nowhere")
def resolve_option(lab):
    r = curl(lab, "--resolve", f"github.com:443:{EVIL4}", "https://github.com/")
    assert r.status != 0, r
    blocked(r, EVIL4, 443)
    untouched(lab, EVIL4)


@case("an allowed name on another port is refused")
def other_port(lab):
    r = curl(lab, "-4", "http://github.com/")
    equal(r.status, 7, "curl's status")
    blocked(r, GITHUB4, 80, dst_hostname="github.com")
    untouched(lab, GITHUB4)


@case("an allowed name that does not exist: the client hears NXDOMAIN")
def nxdomain(lab):
    r = lab.attack(["--allow", "github.com"], """
        report(absent=resolve("absent.github.com"), dig=dns_udp(RESOLVER4, dnswire.query("absent.github.com"))["rcode"])
    """)
    equal((r.facts["absent"], r.facts["dig"]), ("EAI NONAME", "NXDOMAIN"), "answers")


@case("a bare address in a rule needs no name")
def by_address(lab):
    r = lab.attack(["--allow-cidr", f"{NAMELESS4}:7", "--allow-cidr", f"[{NAMELESS6}]:7"], """
        report(v4=attempt(tcp, NAMELESS4, 7), v6=attempt(tcp, NAMELESS6, 7), port=attempt(tcp, NAMELESS4, 22),
               port6=attempt(tcp, NAMELESS6, 22))
    """)
    worked(r, "v4", "v6")
    refused(r, "port", "port6")
    untouched(lab, "203.0.113.66")


@case("CIDR rules with ports, ranges and protocols")
def cidr_ports(lab):
    r = lab.attack(["--allow-cidr", "203.0.113.0/24:8000-8004/tcp;7/udp", "--deny-cidr", "203.0.113.77"], """
        report(low=attempt(tcp, GITHUB4, 8000), above=attempt(tcp, GITHUB4, 8005), udp=attempt(udp, GITHUB4, 7),
               tcp7=attempt(tcp, GITHUB4, 7), udp8000=attempt(udp, GITHUB4, 8000),
               outside=attempt(tcp, RESOLVER4, 8000), hole=attempt(tcp, NAMELESS4, 8000))
    """)
    worked(r, "low", "udp")
    refused(r, "above", "tcp7", "udp8000", "outside", "hole")
    untouched(lab, NAMELESS4)


@case("a lease opens an address only after the name was looked up")
def lease_first(lab):
    r = lab.attack(["--allow", "github.com:7"], """
        report(before=attempt(tcp, GITHUB4, 7), name=resolve("github.com"), after=attempt(tcp, GITHUB4, 7),
               neighbour=attempt(tcp, "203.0.113.11", 7))
    """)
    refused(r, "before", "neighbour")
    worked(r, "after")
    untouched(lab, "203.0.113.11")


@case("a denied name that shares its address with an allowed one stays denied as a name")
def shared_address(lab):
    r = lab.attack(["--allow", "github.com:7", "--deny", "shared.example"], """
        report(allowed=resolve("github.com"), denied=resolve("shared.example"), tcp=attempt(tcp, GITHUB4, 7))
    """)
    worked(r, "tcp")
    equal(r.facts["denied"], "EAI NONAME", "denied name")


@case("default allow: deny rules by name, address and port hold, all else passes")
def default_allow(lab):
    policy = lab.policy({"defaultAction": "allow", "rules": [
        {"type": "hostname", "value": "evil.example", "action": "deny"},
        {"type": "cidr", "value": "203.0.113.77/32", "action": "deny", "ports": [8000]},
        {"type": "cidr", "value": "2001:db8:113::77", "action": "deny"}]})
    r = lab.attack(["--policy", policy], """
        report(name=resolve("evil.example"), port=attempt(tcp, NAMELESS4, 8000), other_port=attempt(tcp, NAMELESS4, 7),
               six=attempt(tcp, NAMELESS6, 7), example=resolve("example.com"), github=attempt(tcp, GITHUB4, 7),
               udp=attempt(udp, GITHUB6, 7))
    """)
    worked(r, "other_port", "github", "udp")
    refused(r, "port", "six")
    equal((r.facts["name"], len(r.facts["example"])), ("EAI NONAME", 2), "names")
    untouched(lab, NAMELESS6)


@case("audit mode: the same events, marked would_deny, and the traffic passes")
def audit(lab):
    r = lab.attack(["--allow", "github.com:7", "--mode", "audit"], """
        report(name=resolve("evil.example"), tcp=attempt(tcp, NAMELESS4, 7), tcp6=attempt(tcp, NAMELESS6, 7),
               udp=attempt(udp, NAMELESS4, 8000), udp6=attempt(udp, NAMELESS6, 8000),
               allowed=[resolve("github.com"), attempt(tcp, GITHUB4, 7)])
    """)
    worked(r, "tcp", "tcp6", "udp", "udp6")
    equal(r.facts["name"], [EVIL6, EVIL4], "a denied name is answered")
    for event in (found(r, "dns_blocked", dst_hostname="evil.example"), blocked(r, NAMELESS4, 7),
                  blocked(r, NAMELESS6, 7), blocked(r, NAMELESS4, 8000, "UDP"), blocked(r, NAMELESS6, 8000, "UDP")):
        equal((event["would_deny"], event["blocked"], event["verdict"], event["mode"]), (True, False, "deny", "audit"),
              "event")
    absent(r, "connection_allowed", dst_ip=NAMELESS4)
    found(r, "connection_allowed", dst_ip=GITHUB4, would_deny=False)
    assert lab.packets(NAMELESS4) > 0 and lab.packets(NAMELESS6) > 0, "the traffic passes"


@case("audit and enforce reach the same verdict on the same traffic")
def same_verdict(lab):
    source = """
        resolve("evil.example"); resolve("github.com")
        for addr in GITHUB4, GITHUB6, NAMELESS4, NAMELESS6:
            for port in 7, 22:
                attempt(tcp, addr, port), attempt(udp, addr, port)
    """
    verdicts = []
    for mode in "enforce", "audit":
        r = lab.attack(["--allow", "github.com:7", "--mode", mode], source.replace("udp, addr, port", "udp, addr, 7"))
        flows = [e for e in r.events if e["event_type"] in ("connection_allowed", "connection_blocked")]
        # not the server: the C library asks the next one when it is refused
        names = [e for e in r.events if e["event_type"] == "dns_blocked"]
        verdicts.append({(e["dst_ip"], e.get("dst_port"), e["protocol"], e.get("dst_hostname"), e["verdict"])
                         for e in flows}
                        | {(e["dst_hostname"], e["query_type"], e["verdict"]) for e in names})
    equal(verdicts[0], verdicts[1], "verdicts of enforce and audit")
    assert len(verdicts[0]) > 10, verdicts


@case("the summary names destinations and the option that would allow each denied one")
def summary(lab):
    r = lab.run(ALLOW, ["sh", "-c", "curl -sS https://github.com/; curl -sS https://evil.example/ 2>/dev/null; "
                        "curl -sS http://203.0.113.77/ 2>/dev/null; exit 0"])
    equal((r.status, r.out), (0, "hello from github.com at 203.0.113.10\n"), "command")
    for part in ("github.com", "--allow evil.example", f"--allow-cidr {NAMELESS4}:80"):
        contains(r.err, part, "summary")


@case("the summary as JSON and as markdown, or none")
def summary_formats(lab):
    source = "attempt(tcp, NAMELESS4, 7)"
    r = lab.attack([*ALLOW, "--summary", "json"], source)
    assert isinstance(json.loads(r.err), dict), r.err
    contains(lab.attack([*ALLOW, "--summary", "markdown"], source).err, "|", "markdown table")
    equal(lab.attack([*ALLOW, "--summary", "none"], source).err, "", "stderr with no summary")


LIBRARIES = {"glibc": ["gcc"], "musl": ["musl-gcc", "-static"]}
SEARCH = "search ci.internal svc.cluster.local\noptions ndots:5\n"


def look_up(lab, library, options, *names):
    """{name: (milliseconds, addresses)}, and the run."""
    compiler, *flags = LIBRARIES[library]
    if not shutil.which(compiler):
        raise Skip(f"no {compiler}")
    program = lab.dir / "client" / f"look-up-{library}"
    if not program.exists():
        source = lab.dir / "client" / "look-up.c"
        subprocess.run([compiler, "-O1", *flags, "-o", program, source], check=True)
    r = lab.run([*options, "--summary", "none"], [program, *names], seconds=60)
    lines = [line.split() for line in r.out.splitlines()]
    return {name: (int(line[0]), line[2:]) for name, line in zip(names, lines)}, r


def with_search_list(lab, case_of_it):
    path = lab.dir / "etc" / "resolv.conf"
    before = path.read_text(encoding="ascii")
    path.write_text(before + SEARCH, encoding="ascii")
    try:
        case_of_it()
    finally:
        path.write_text(before, encoding="ascii")


@case("glibc and musl give up at once on a denied name, keep the good family, and continue their search list")
def libraries(lab):
    names = {"evil.example": [], "github.com": [GITHUB4, GITHUB6], "mixed.rebind.example": ["2001:db8:113::30"]}

    def check():
        for library in LIBRARIES:
            lab.watch()
            seen, r = look_up(lab, library, ["--allow", "github.com:443", "--allow", "mixed.rebind.example:443"], *names)
            for name, addrs in names.items():
                equal(sorted(seen[name][1]), sorted(addrs), f"{name} with {library}")
                assert seen[name][0] < 4000, f"{name} with {library}: {seen}"
            for query in lab.upstream_queries():
                assert b"\x08internal" not in query.lower() and b"\x05local" not in query.lower(), f"left: {query!r}"
            told = {(e["dst_hostname"], e["dns_reason"]) for e in r.events if e["event_type"] == "dns_blocked"}
            equal(told, {("evil.example", "policy"), ("mixed.rebind.example", "rebinding")}, "denials")
    with_search_list(lab, check)


@case("a resolver like Go's believes each refusal at once, keeps the good family, and continues its search list")
def go_resolver(lab):
    names = {"evil.example": [], "github.com": [GITHUB4, GITHUB6], "mixed.rebind.example": ["2001:db8:113::30"]}

    def check():
        r = lab.attack(["--allow", "github.com:443", "--allow", "mixed.rebind.example:443", "--summary", "none"], f"""
            from go_resolver import look_up
            for name in {list(names)}:
                report(**{{name: look_up(name, [RESOLVER4, RESOLVER6], ["ci.internal", "svc.cluster.local"], 5)}})
            report(bare=look_up("evil.example", [RESOLVER6]))
        """)
        equal(r.status, 0, "exit status")
        for name, addrs in names.items():
            seen = r.facts[name]
            equal(seen["addrs"], sorted(addrs), name)
            equal(seen["replies"][:2], [[["no such host"]] * 2] * 2, f"replies to the expanded forms of {name}")
        equal(r.facts["evil.example"]["replies"][2], [["no such host"]] * 2, "replies to a denied name")
        equal(r.facts["mixed.rebind.example"]["replies"][2], [["answer"]] * 2, "replies to a name, one of whose families is refused")
        equal(r.facts["bare"]["replies"], [[["no such host"]] * 2], "replies without a search list")
        equal({e["dst_hostname"] for e in r.events if e["event_type"] == "dns_blocked"},
              {"evil.example", "mixed.rebind.example"}, "denials")
    with_search_list(lab, check)


@case("the queries of Java's directory provider: a service is found, and one for all types and classes is refused at once")
def java_directory(lab):
    r = lab.attack(["--allow", "github.com:443"], """
        for key, question in dict(service=("_git._tcp.github.com", "SRV", 1), all=("github.com", "ANY", 255),
                                  denied=("evil.example", "SRV", 1)).items():
            report(**{key: dns_udp(RESOLVER4, dnswire.query(*question))})
    """)
    equal(r.status, 0, "exit status")
    equal({key: (r.facts[key]["rcode"], len(r.facts[key]["answers"])) for key in ("service", "all", "denied")},
          {"service": ("NOERROR", 1), "all": ("REFUSED", 0), "denied": ("NXDOMAIN", 0)}, "replies")


@case("a search list alone makes no denial, also of a name with one label")
def search_list(lab):
    def check():
        r = lab.run(["--allow", "github.com:443", "--allow", "registry:443", "--fail-on-denied", "--summary", "none"],
                    ["sh", "-c", "getent ahosts github.com >/dev/null && ! getent ahosts registry"], seconds=60)
        equal(r.status, 0, "exit status")
        absent(r, "dns_blocked")
    with_search_list(lab, check)


@case("records of further types below an allowed name, from the upstream resolver; TXT if the rule says so")
def further_types(lab):
    policy = lab.policy({"rules": [
        {"type": "hostname", "value": "github.com", "action": "allow"},
        {"type": "hostname", "value": "evil.example", "action": "allow", "types": ["TXT"]}]})
    wanted = {"github.com MX": "10 mail.github.com.", "_git._tcp.github.com SRV": "0 0 443 github.com.", "github.com TXT": "",
              "evil.example TXT": '"command"', "localhost A": "127.0.0.1", "-x 127.0.0.1": "localhost."}
    r = lab.run(["--policy", policy, "--fail-on-denied", "--summary", "none"], ["sh", "-c", "".join(
        f"printf '%s\\n' \"$(dig +short +tries=1 {question})\"\n" for question in wanted)], seconds=60)
    equal(dict(zip(wanted, r.out.splitlines())), wanted, "answers")
    equal(r.status, 0, "exit status")
    absent(r, "dns_blocked")


@case("the gateway is reached by its name if a rule names it")
def gateway(lab):
    source = """
        report(names=resolve("_gateway"), gateway=attempt(tcp, GATEWAY4, 7))
    """
    r = lab.attack(["--allow", "_gateway:7"], source)
    worked(r, "gateway")
    r = lab.attack([], source)
    refused(r, "gateway")
    assert r.facts["names"], r.facts
    absent(r, "dns_blocked")
