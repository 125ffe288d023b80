# SPDX-License-Identifier: Apache-2.0
"""Runs in a scope of the machine under test: tries each destination of its arguments, and reports {destination: outcome}.
Outcomes: "deny", for a refusal; "allow", for any other end, also of an attempt that the network fails; for a name also
"unresolved". With "server" as its argument: answers on all addresses of the machine, port 7."""

import errno
import json
import re
import select
import socket
import struct
import sys
import threading

WAIT_MS = 700  # for what nobody answers; the hooks refuse at once
KINDS = {"tcp": (socket.SOCK_STREAM, 0), "udp": (socket.SOCK_DGRAM, 0), "udplite": (socket.SOCK_DGRAM, 136),
         "sctp": (socket.SOCK_STREAM, 132)}


def parse(text):
    """host, port, protocol"""
    host, _, protocol = text.partition("/")
    bracketed = re.fullmatch(r"\[(.*)\](?::(\d+))?", host)
    if bracketed:
        host, port = bracketed.groups()
    elif host.count(":") == 1:
        host, port = host.split(":")
    else:
        port = None
    return host, int(port or 443), protocol or "tcp"


def outcome(action):
    try:
        action()
    except OSError as e:
        if e.errno == errno.EPROTONOSUPPORT:
            return "unsupported"  # the kernel has no such protocol
        return "deny" if e.errno == errno.EPERM else "allow"
    return "allow"


def complete(addr, port, protocol):
    """A link-local address is one of a device."""
    if ":" not in addr:
        return socket.AF_INET, (addr, port)
    local = addr.startswith(("fe80:", "ff02:"))
    return socket.AF_INET6, (addr, port, 0, socket.if_nametoindex("eth0") if local else 0)


def ping(family, addr):
    v6 = family == socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP) as s:
        s.settimeout(WAIT_MS / 1000)
        s.sendto(struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, 0, 1) + b"hello", addr)
        try:
            s.recv(64)
        except TimeoutError:  # the kernel does not say that a packet of ICMPv6 was refused
            raise OSError(errno.EPERM, "no answer") from None


def send(family, kind, addr):
    with socket.socket(family, *kind) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.sendto(b"hello", addr)


def connect(family, kind, addr):
    with socket.socket(family, *kind) as s:
        s.setblocking(False)
        error = s.connect_ex(addr)
        if error == errno.EINPROGRESS:
            poll = select.poll()
            poll.register(s, select.POLLOUT)
            error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if poll.poll(WAIT_MS) else 0
        if error:
            raise OSError(error, "connect")


def reach(addr, port, protocol):
    family, where = complete(addr, port, protocol)
    if protocol == "icmp":
        return outcome(lambda: ping(family, where))
    if protocol in ("udp", "udplite"):
        return outcome(lambda: send(family, KINDS[protocol], where))
    return outcome(lambda: connect(family, KINDS[protocol], where))


def is_address(host):
    return ":" in host or re.fullmatch(r"[0-9.]+", host)


def attempt(text):
    """{"outcome", and for a name "addresses"}. Of the addresses, one is enough, as for a program that tries one after the other."""
    host, port, protocol = parse(text)
    if is_address(host):
        return {"outcome": reach(host, port, protocol)}
    try:
        addresses = sorted({entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except socket.gaierror as e:
        return {"outcome": "unresolved", "error": str(e)}
    outcomes = {a: reach(a, port, protocol) for a in addresses}
    return {"outcome": "allow" if "allow" in outcomes.values() else "deny", "addresses": outcomes}


def serve():
    t = socket.create_server(("::", 7), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
    u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    u.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    u.bind(("::", 7))
    threading.Thread(target=lambda: [u.sendto(*u.recvfrom(64)) for _ in iter(int, 1)], daemon=True).start()
    print("ready", flush=True)
    while True:
        t.accept()[0].close()


if __name__ == "__main__":
    if sys.argv[1:] == ["server"]:
        serve()
    print(json.dumps({text: attempt(text) for text in sys.argv[1:]}), flush=True)
