# SPDX-License-Identifier: Apache-2.0
"""Names looked up as Go's own resolver (net/dnsclient_unix.go) does it, which reads resolv.conf itself and uses no C library:
A and AAAA at once from sockets of their own, with EDNS, its own search list, and what it makes of each reply."""

import select
import socket
import struct
import time

import dnswire

TIMEOUT, ATTEMPTS = 5.0, 2
# recorded from Go 1.19: RD set, one question, and an OPT record for 1232 bytes
HEADER = bytes.fromhex("01000001000000000001")
OPT = bytes.fromhex("00002904d0000000000000")


def query(ident, name, qtype):
    return struct.pack("!H", ident) + HEADER + dnswire.encode_name(name) + struct.pack("!HH", qtype, 1) + OPT


def classify(message):
    """As checkHeader() does. Misbehaving servers are asked again, the others are believed."""
    flags, _, n_answers, _, n_additional = struct.unpack_from("!HHHHH", message, 2)
    authoritative, available, rcode = flags & 0x0400, flags & 0x0080, flags & 15
    if rcode == 3:
        return "no such host"
    if rcode == 0 and not (authoritative or available or n_answers or n_additional):
        return "lame referral"
    if rcode:
        return "misbehaving"
    return "answer"


class Question:
    """One name and type: asks each server in turn, each at most ATTEMPTS times."""

    def __init__(self, name, qtype, servers):
        self.name, self.qtype, self.tries = name, qtype, [s for _ in range(ATTEMPTS) for s in servers]
        self.codes, self.addrs, self.socket = [], [], None
        self.send()

    def send(self):
        if self.socket:
            self.socket.close()
        self.socket = None
        if not self.tries:
            return
        server = self.tries.pop(0)
        self.socket = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((server, 53))
        self.socket.send(query(0x1234 + self.qtype, self.name, self.qtype))

    def receive(self):
        message = self.socket.recv(1232)
        kind = classify(message)
        self.codes.append(kind)
        if kind == "answer":
            self.addrs = [rdata for _, rtype, _, rdata in dnswire.parse(message)["answers"] if rtype == self.qtype]
        if kind in ("answer", "no such host"):
            self.tries = []
        self.send()


def ask(name, servers):
    """Both types at once. The addresses, and how each reply was taken."""
    questions = [Question(name, dnswire.TYPES[kind], servers) for kind in ("A", "AAAA")]
    while waiting := [q for q in questions if q.socket]:
        ready, _, _ = select.select([q.socket for q in waiting], [], [], TIMEOUT)
        for q in waiting:
            if q.socket in ready:
                q.receive()
            elif not ready:
                q.codes.append("timeout")
                q.send()
    return [a for q in questions for a in q.addrs], [q.codes for q in questions]


def look_up(name, servers, search=(), ndots=1):
    """The forms of the name in Go's order; the first with an address ends it."""
    began = time.monotonic()
    whole, expanded = [name], [f"{name}.{domain}" for domain in search]
    forms = whole + expanded if name.count(".") >= ndots else expanded + whole
    replies, addrs = [], []
    for form in forms:
        addrs, codes = ask(form, servers)
        replies.append(codes)
        if addrs:
            break
    return {"addrs": sorted(addrs), "replies": replies, "ms": round(1000 * (time.monotonic() - began))}
