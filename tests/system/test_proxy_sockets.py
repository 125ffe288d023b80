# SPDX-License-Identifier: Apache-2.0
"""The addresses and ports at which the DNS proxy is reached: nobody else can have them, share them, or keep them from the
service."""

from attack_rig import attack, boot, held, wait_event
from harness import case, contains, equal
from lab import wait_until
from plan import EVIL4, RESOLVER4, RESOLVER6
from rig import OTHER, PROXY4, SERVICE, SOCKET, Sender, allow, main_pid, probe, wait_active, wait_restarted

SOCKET6 = "cargowalld-dns6.socket"
PROXY6, PORT6 = "::1", 253
POLICY = allow("github.com")

# %s: what else is set on the sockets. Binds, says so, and reports what was heard.
HOLDER = """
    def bind(addr, port, kind):
        s = socket.socket(family_of(addr), kind)
        %s
        s.bind((addr, port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        return s
    taken = [bind(*what) for what in %s]
    print("up", flush=True)
    input()
    heard = 0
    for s in taken:
        s.setblocking(False)
        try:
            s.recvfrom(4096)
            heard += 1
        except OSError:
            pass
    report(heard=heard)
"""
# Connections to the proxy that have ended may still have the address.
REUSE = "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)"
SHARE = 's.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.setsockopt(socket.SOL_SOCKET, 25, b"lo")'  # BINDTODEVICE
UDP4, UDP6 = f'("{PROXY4}", 53, socket.SOCK_DGRAM)', f'("{PROXY6}", {PORT6}, socket.SOCK_DGRAM)'


def users_may_bind(c, port=53):
    c.sh(f"echo {port} >/proc/sys/net/ipv4/ip_unprivileged_port_start")


def answers(c):
    """The result codes of look-ups at a resolver of either family."""
    return attack(c, """
        found = {}
        for server in (RESOLVER4, RESOLVER6):
            found[server] = attempt(lambda: dns_udp(server, dnswire.query("github.com"))["rcode"])
        report(**found)
    """).facts


def answered(c, what):
    facts = answers(c)
    for server in (RESOLVER4, RESOLVER6):
        equal(facts[server].get("value"), "NOERROR", f"a look-up at {server} {what} ({facts})")


def inode4(c):
    """Of the UDP socket at the proxy's IPv4 address."""
    line = next(x for x in c.sh("cat /proc/net/udp").splitlines() if "9B00007F:0035" in x)
    return line.split()[9]


def sockets_new(c):
    """The socket units begin again, with sockets that the service has not had yet."""
    c.check("systemctl", "stop", SOCKET, SERVICE)
    c.check("systemctl", "start", SOCKET, SOCKET6)


def ended(c, unit):
    wait_until(lambda: c.prop(unit, "ActiveState") in ("inactive", "failed"), f"{unit} to be ended")


@case("proxy sockets: both ports are privileged, and once the service has its sockets nobody can share them")
def not_shared(rig):
    c = boot(rig, policy=POLICY)
    source = """
        def bind(addr, port):
            s = socket.socket(family_of(addr), socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((addr, port))
        report(v4=attempt(bind, %r, 53), v6=attempt(bind, %r, %d))
    """ % (PROXY4, PROXY6, PORT6)
    facts = attack(c, source, user=OTHER).facts
    equal([facts[k].get("errno") for k in ("v4", "v6")], ["EACCES"] * 2, "a user binds the proxy's addresses")
    users_may_bind(c)
    facts = attack(c, source, user=OTHER).facts
    equal([facts[k].get("errno") for k in ("v4", "v6")], ["EADDRINUSE"] * 2, "the same where ports of users begin at 53")
    answered(c, "with the service's sockets alone")


@case("proxy sockets: processes that share them before the start are killed, receive nothing, and cannot return")
def shared_before_start(rig):
    c = boot(rig, policy=POLICY)
    users_may_bind(c)
    sockets_new(c)
    with held(c, HOLDER % (SHARE, f"[{UDP4}, {UDP6}]"), "thief.service", user=OTHER):
        c.check("systemctl", "start", SERVICE)
        ended(c, "thief.service")
    answered(c, "after somebody shared the sockets")
    contains(c.said(), "was killed", "what the log says")
    assert "free port" not in c.said(), f"the service's own sockets are not used: {c.said()}"


@case("proxy sockets: a user who holds a port before the socket units start does not keep the service from starting")
def held_before_start(rig):
    c = boot(rig, policy=POLICY)
    users_may_bind(c)
    c.check("systemctl", "stop", SOCKET, SERVICE)
    with held(c, HOLDER % (REUSE, f'[("{PROXY4}", 53, socket.SOCK_STREAM)]'), "holder.service", user=OTHER):
        c.check("systemctl", "start", SERVICE)
        ended(c, "holder.service")
    equal([c.prop(u, "ActiveState") for u in (SERVICE, SOCKET, SOCKET6)], ["active"] * 3, "states of the units")
    equal(probe(c, f"tcp {EVIL4} 7").facts[f"tcp {EVIL4} 7"].get("errno"), "EPERM", "a denied connection")
    answered(c, "after somebody held the ports")


@case("proxy sockets: a user's DNS server for all addresses is left alone, and no query is lost while the service is killed")
def wildcard_before_start(rig):
    c = boot(rig)
    users_may_bind(c)
    c.check("systemctl", "stop", SOCKET, SERVICE)
    taken = f'[("0.0.0.0", 53, socket.SOCK_DGRAM), ("::", {PORT6}, socket.SOCK_DGRAM)]'
    with held(c, HOLDER % (REUSE, taken), "server.service", user=OTHER) as end:
        c.check("systemctl", "start", SERVICE)
        contains(c.said(), "listens on a free port of the loopback", "what the log says")
        answered(c, "while a user's DNS server runs")
        sender = Sender(c, rig)
        for _ in range(3):
            old = main_pid(c)
            c.check("systemctl", "kill", "--kill-whom=main", "--signal=KILL", SERVICE)
            wait_restarted(c, old)
        sender.advance()
        sender.unbroken()
        equal(end().facts["heard"], 0, "sockets of the user's that heard something")
    equal(c.prop("server.service", "Result"), "success", "how the DNS server ended")
    old = main_pid(c)
    c.check("systemctl", "restart", SERVICE)
    wait_restarted(c, old)
    equal([c.prop(u, "ActiveState") for u in (SERVICE, SOCKET, SOCKET6)], ["active"] * 3, "states after a restart")
    own = [x for x in c.sh("cat /proc/net/udp").splitlines() if " 0100007F:" in x and " 00000000:0000 " in x]
    equal(own, [], "UDP sockets that receive at 127.0.0.1")
    answered(c, "after the user's DNS server ended")


@case("proxy sockets: the socket units can be restarted while connections to them end")
def restarted_after_tcp(rig):
    c = boot(rig, policy=POLICY)
    with held(c, """
        s = socket.create_connection((RESOLVER4, 53), 10)
        print("up", flush=True)
        input()
        s.close()
        """, "client.service") as end:
        c.check("systemctl", "restart", SOCKET)  # the service closes first: its side is in TIME_WAIT afterwards
        equal([c.prop(u, "ActiveState") for u in (SOCKET, SOCKET6)], ["active"] * 2, "states with an open connection")
        end()
    c.check("systemctl", "restart", SOCKET)
    equal([c.prop(u, "ActiveState") for u in (SOCKET, SOCKET6)], ["active"] * 2, "states after it was closed")
    wait_active(c)
    assert "free port" not in c.said(), f"the socket unit's sockets are not used: {c.said()}"
    answered(c, "after the restarts")


@case("proxy sockets: root's socket at the same address is not ended, hears nothing, and is reported")
def shared_by_root(rig):
    c = boot(rig, policy=POLICY)
    sockets_new(c)
    with held(c, HOLDER % (SHARE, f"[{UDP4}, {UDP6}]"), "root.service") as end:
        c.check("systemctl", "start", SERVICE)
        answered(c, "while root shares the sockets")
        equal(end().facts["heard"], 0, "sockets of root's that heard something")
    detail = wait_event(c, event_type="proxy_shared")["detail"]
    contains(detail, "UDP [::1]:253, with user 0", "the event")
    contains(c.said(), "listens on a free port of the loopback", "what the log says")
    old = main_pid(c)
    c.check("systemctl", "restart", SERVICE)
    wait_restarted(c, old)
    answered(c, "after a restart")
    equal(inode4(c) != "0", True, "the socket unit's socket")


@case("proxy sockets: a listener of root's at the port fails the socket unit alone, which is tried again")
def root_listener(rig):
    c = boot(rig, policy=POLICY)
    c.check("systemctl", "stop", SOCKET, SERVICE)
    with held(c, HOLDER % (REUSE, f'[("{PROXY4}", 53, socket.SOCK_STREAM)]'), "root.service") as end:
        c.check("systemctl", "start", SERVICE)
        answered(c, "while root listens there")
        equal(probe(c, f"tcp {EVIL4} 7").facts[f"tcp {EVIL4} 7"].get("errno"), "EPERM", "a denied connection")
        end()
    equal(c.prop(SOCKET, "ActiveState"), "failed", "state of the socket unit")
    old = main_pid(c)
    c.check("systemctl", "restart", SERVICE)
    wait_restarted(c, old)
    equal([c.prop(u, "ActiveState") for u in (SERVICE, SOCKET, SOCKET6)], ["active"] * 3, "states after a restart")
    answered(c, "after root went")


@case("proxy sockets: an upgrade from one unit with both families keeps the IPv4 sockets and opens the new port")
def upgrade_of_units(rig):
    c = boot(rig, policy=POLICY)
    drop_in = f"/etc/systemd/system/{SOCKET}.d/old.conf"
    c.check("systemctl", "stop", SOCKET, SERVICE)
    c.check("systemctl", "mask", "--runtime", SOCKET6)
    c.put(drop_in, "[Socket]\nListenDatagram=[::1]:1053\nListenStream=[::1]:1053\nBindIPv6Only=ipv6-only\n")
    c.check("systemctl", "daemon-reload")
    c.check("systemctl", "start", SERVICE)
    answered(c, "with the old unit")
    contains(c.sh("cat /proc/net/udp6"), ":041D", "UDP sockets with the old unit")
    socket, old = inode4(c), main_pid(c)

    c.path(drop_in).unlink()
    c.check("systemctl", "unmask", "--runtime", SOCKET6)
    c.check("systemctl", "daemon-reload")
    c.check("systemctl", "restart", SERVICE)  # as the package does
    wait_restarted(c, old)
    answered(c, "with the new units")
    equal(inode4(c), socket, "the IPv4 socket")
    equal([c.prop(u, "ActiveState") for u in (SERVICE, SOCKET, SOCKET6)], ["active"] * 3, "states of the units")
    contains(c.sh("cat /proc/net/udp6"), ":00FD", "UDP sockets with the new units")
    assert ":041D" not in c.sh("cat /proc/net/udp6"), "the old port is still open"
