# SPDX-License-Identifier: Apache-2.0
"""Resolvers with a link-local address, as routers announce them: one is a server of its own on each link."""

import contextlib
import errno
import json
import subprocess

from attack_rig import events
from harness import case, contains, equal, worked
from lab import wait_until
from plan import GITHUB4, JOB
from rig import bus_get, probe, wait_resolves
from test_dns import RESOLVED, UNBOUND, plain

SERVER = "fe80::53"  # on both links
ADDRESSES = {"eth0": "203.0.113.32", "eth1": "203.0.113.34"}  # what the one of each link says for every name

# Answers A with one address, everything else with no records. Over TCP, too.
ONE_ANSWER = """
import socket, struct, sys, threading
zone, address = socket.if_nametoindex(sys.argv[1]), socket.inet_aton(sys.argv[2])
def answer(data):
    end = data.index(0, 12) + 5
    a = data[end - 3] == 1
    record = bytes.fromhex("c00c000100010000003c0004") + address if a else b""
    return data[:2] + bytes([0x81, 0x80, 0, 1, 0, a, 0, 0, 0, 0]) + data[12:end] + record
def serve(connection):
    with connection:
        while size := connection.recv(2):
            reply = answer(connection.recv(struct.unpack("!H", size)[0]))
            connection.sendall(struct.pack("!H", len(reply)) + reply)
def listen():
    tcp = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind(("fe80::53", 53, 0, zone))
    tcp.listen()
    while True:
        threading.Thread(target=serve, args=(tcp.accept()[0],), daemon=True).start()
threading.Thread(target=listen, daemon=True).start()
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(("fe80::53", 53, 0, zone))
print("ready", flush=True)
while True:
    data, peer = udp.recvfrom(4096)
    udp.sendto(answer(data), peer)
"""


@contextlib.contextmanager
def links(rig):
    """The link to the internet and a second one, with a resolver at the same link-local address on each."""
    def internet(*argv):
        rig.lab.setup(*rig.lab.in_internet(*argv))
    servers = []
    try:
        rig.lab.setup(*rig.lab.in_client("sh", "-ec", f"""
            ip link add eth1 type veth peer name eth1 netns {rig.lab.internet}
            ip link set eth1 up"""))
        internet("ip", "link", "set", "eth1", "up")
        for device, address in ADDRESSES.items():
            internet("ip", "-6", "addr", "replace", f"{SERVER}/64", "dev", device, "nodad")
            servers.append(rig.lab.serve("python3", "-c", ONE_ANSWER, device, address, stdout=subprocess.PIPE))
            equal(servers[-1].stdout.readline(), b"ready\n", f"the server on {device}")
        yield
    finally:
        for server in servers:
            server.kill()
            server.wait()
        rig.lab.setup(*rig.lab.in_client("ip", "link", "del", "eth1"))
        internet("ip", "-6", "addr", "del", f"{SERVER}/64", "dev", "eth0")


# A forwarder's ways to ask: by a socket that is bound to the link, or by the zone in the address alone.
ASK = f"""
import json, socket, struct, sys
sys.path.insert(0, "/usr/local/lib/rig")
import dnswire
def ask(kind, bound, zone, connects=True):
    with socket.socket(socket.AF_INET6, kind) as s:
        s.settimeout(20)
        if bound:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, bound.encode())
        query, to = dnswire.query("github.com"), ("{SERVER}", 53, 0, socket.if_nametoindex(zone))
        if kind == socket.SOCK_STREAM:
            s.connect(to)
            s.sendall(struct.pack("!H", len(query)) + query)
            (size,) = struct.unpack("!H", s.recv(2, socket.MSG_WAITALL))
            data = s.recv(size, socket.MSG_WAITALL)
        elif connects:
            s.connect(to)
            s.send(query)
            data, peer = s.recvfrom(4096)
            assert peer[:2] == to[:2], peer
        else:
            s.sendto(query, to)
            data = s.recv(4096)
    m = dnswire.parse(data)
    return [value for *_, value in m["answers"]] or m["rcode"]
def report(how, *arguments):
    try:
        found[how] = ask(*arguments)
    except OSError as e:
        found[how] = e.errno
found = {{}}
for link in "eth0", "eth1":
    report("udp bound " + link, socket.SOCK_DGRAM, link, link)
    report("tcp bound " + link, socket.SOCK_STREAM, link, link)
report("udp zone", socket.SOCK_DGRAM, None, "eth0")
report("tcp zone", socket.SOCK_STREAM, None, "eth0")
report("unconnected", socket.SOCK_DGRAM, None, "eth0", False)
print(json.dumps(found))
"""


def ask_as(c, unit):
    """What the server says to this service, by way of asking."""
    c.put("/root/ask.py", ASK)
    return json.loads(c.sh(f"echo $$ >/sys/fs/cgroup/system.slice/{unit}/cgroup.procs; exec python3 /root/ask.py"))


@case("dns links: a link-local server, which resolved asks by its device, answers, and the one of the other link is another")
def resolved_by_device(rig):
    with links(rig):
        c = rig.boot()
        wait_resolves(c, "github.com", GITHUB4)
        for device, domain in ("eth0", "~github.com"), ("eth1", "~wild.example.com"):
            c.check("resolvectl", "dns", device, SERVER)
            c.check("resolvectl", "domain", device, domain)
        for name, device in ("github.com", "eth0"), ("a1.wild.example.com", "eth1"):
            wait_until(lambda: c.unit("dig", "+short", "+tries=1", name).out.strip() == ADDRESSES[device],
                       f"{name} from the server of {device}", 20)
        worked(probe(c, "tcp github.com 7", user=JOB), "tcp github.com 7")
        bound = {f"{way} bound {device}": [address] for way in ("udp", "tcp") for device, address in ADDRESSES.items()}
        unknown = {**bound, "udp zone": "SERVFAIL", "tcp zone": "SERVFAIL", "unconnected": errno.EPERM}
        equal(ask_as(c, RESOLVED), unknown, "answers while the file of resolved names neither server")
        wait_until(lambda: any(e["event_type"] == "upstream_failed" and "is on an unknown link" in e.get("detail", "")
                               for e in events(c)), "an event that says why")
        for device in ADDRESSES:
            c.check("resolvectl", "default-route", device, "yes")
        wait_until(lambda: {f"[{SERVER}%{d}]:53" for d in ADDRESSES} <= set(bus_get(c, "Upstreams")), "both servers")
        equal(ask_as(c, RESOLVED), unknown, "answers while both links have a server at this address")
        # that of the second link is none of the machine's any more, and still a server of its own
        c.check("resolvectl", "revert", "eth1")
        wait_until(lambda: not any("%eth1" in server for server in bus_get(c, "Upstreams")), "eth1 to have no server")
        equal(ask_as(c, RESOLVED), {**bound, "udp zone": [ADDRESSES["eth0"]], "tcp zone": [ADDRESSES["eth0"]],
                                    "unconnected": errno.EPERM}, "answers while one link has a server at this address")


@case("dns links: a link-local server in resolv.conf answers, and one that unbound forwards to")
def plain_and_unbound(rig):
    def prepare(c):
        plain(c, f"{SERVER}%eth0")
        c.put("/etc/unbound/unbound.conf.d/forward.conf",
              f'server:\n  module-config: "iterator"\nforward-zone:\n  name: "."\n  forward-addr: {SERVER}%eth0\n')
    with links(rig):
        c = rig.boot(prepare=prepare, conf=f"[DNS]\nForwarders={UNBOUND}\n")
        equal(bus_get(c, "Upstreams"), [f"[{SERVER}%eth0]:53"], "upstreams")
        r = c.unit("getent", "ahostsv4", "github.com", user=JOB)
        contains(r.out, ADDRESSES["eth0"], "getent")
        worked(probe(c, "tcp github.com 7", user=JOB), "tcp github.com 7")
        equal(c.unit("getent", "ahostsv4", "evil.example").status, 2, "getent of a denied name")
        c.check("systemctl", "unmask", UNBOUND)
        c.check("systemctl", "start", UNBOUND)
        equal(c.unit("dig", "+short", "@127.0.0.1", "a1.wild.example.com").out.strip(), ADDRESSES["eth0"], "unbound's answer")
