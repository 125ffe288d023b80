# SPDX-License-Identifier: Apache-2.0
"""The lab itself, without cargowall: all that the other tests see refused is within reach here."""

from harness import case, equal, untouched, worked
from plan import CRAFTED4, EVIL4, EVIL6, FOREIGN4, FOREIGN6, NAMELESS4, NAMELESS6


@case("lab: clients reach every service of both families")
def reachable(lab):
    r = lab.plain(*lab.python(f"""
        for addr in (EVIL4, EVIL6, NAMELESS4, NAMELESS6):
            report(**{{f"{{kind.__name__}} {{addr}}": attempt(kind, addr, 7) for kind in (tcp, udp, udp_connected)}})
        for server in (FOREIGN4, FOREIGN6, RESOLVER4, RESOLVER6):
            question = dnswire.query("evil.example", "TXT")
            report(**{{f"dns {{server}}": attempt(dns_udp, server, question),
                      f"dns-tcp {{server}}": attempt(dns_tcp, server, [question])}})
        report(names=[resolve(n) for n in ("www.shop.example", "loopback.rebind.example", "absent.example")])
    """))
    worked(r, *(f"{kind} {addr}" for kind in ("tcp", "udp", "udp_connected")
                for addr in (EVIL4, EVIL6, NAMELESS4, NAMELESS6)))
    worked(r, *(f"{kind} {addr}" for kind in ("dns", "dns-tcp") for addr in (FOREIGN4, FOREIGN6)))
    equal(r.facts["names"], [["2001:db8:113::20", "203.0.113.20"], ["127.0.0.1"], "EAI NONAME"], "names")


@case("lab: the witness counts what comes and nothing else")
def witness(lab):
    untouched(lab, EVIL4, EVIL6, CRAFTED4)
    lab.plain(*lab.python("udp(EVIL4, 7); udp(EVIL6, 7); udp(EVIL6, 7)"))
    equal((lab.packets(EVIL4, 17, 7), lab.packets(EVIL6, 17, 7), lab.packets(NAMELESS4)), (1, 2, 0), "packets")


@case("lab: curl, git, python and ping work with no options")
def clients(lab):
    r = lab.plain("sh", "-ec", """
        curl -sS -4 https://github.com/
        curl -sS -6 https://evil.example/
        python3 -c 'import urllib.request; print(urllib.request.urlopen("https://example.com/").read().decode())'
        ping -c 1 203.0.113.66 >&2
        git clone -q https://github.com/example/cargowall.git lab-clone
        test -d lab-clone/tests; rm -rf lab-clone""")
    equal(r.status, 0, "exit status")
    equal(r.out.split("\n")[:3], ["hello from github.com at 203.0.113.10",
                                  "hello from evil.example at 2001:db8:113::66",
                                  "hello from example.com at 203.0.113.30"], "answers")


@case("lab: a large answer comes truncated, then over TCP")
def truncation(lab):
    r = lab.plain(*lab.python("""
        question = dnswire.query("many.example", "A")
        report(udp=dns_udp(RESOLVER4, question)["tc"], tcp=len(dns_tcp(RESOLVER4, [question])[0x1234]["answers"]))
    """))
    equal((r.facts["udp"], r.facts["tcp"]), (True, 60), "truncated, addresses over TCP")


@case("lab: no way leads to the host's network")
def isolated(lab):
    r = lab.plain("sh", "-c", "ip -o link; ip -o addr; ip route get 192.0.2.1 2>&1; ip -n 1 link 2>&1 || true")
    equal([line.split(": ")[1].split("@")[0] for line in r.out.splitlines() if "mtu" in line][:2], ["lo", "eth0"],
          "devices")
