#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the lab's internet: echo over TCP and UDP on every address, a resolver that lies, and the witness, which
counts each packet that comes in from the client. One line of JSON in and out on stdin and stdout."""

import contextlib
import ctypes
import json
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "client"))
import dnswire  # noqa: E402
import plan  # noqa: E402

IPV6_RECVPKTINFO, IPV6_PKTINFO = 49, 50
SOL_PACKET, PACKET_STATISTICS, PACKET_OUTGOING, SO_RCVBUFFORCE = 263, 6, 4, 33
SAMPLE_BYTES = 96
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD


def thread(target, *args):
    threading.Thread(target=target, args=args, daemon=True).start()


def echo_connection(s):
    with s:
        while data := s.recv(65536):
            s.sendall(data)


def echo_tcp(port):
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, 23, 16)  # TCP_FASTOPEN
        while True:
            thread(echo_connection, listener.accept()[0])


def serve_udp(addr, port, answer):
    """answer(data, send) may send several times; each leaves from the address that was asked."""
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    s.bind((addr, port))
    while True:
        data, ancillary, _, peer = s.recvmsg(65535, 256)
        source = [(level, kind, value[:16] + bytes(4)) for level, kind, value in ancillary if kind == IPV6_PKTINFO]
        with contextlib.suppress(OSError):  # a client that nothing can be sent to, as one with port 0, ends no service
            answer(data, lambda reply: s.sendmsg([reply], source, 0, peer))


def lie(data, send):
    """What A6 and A7 of the attacks ask for, by the first label of the name."""
    question = dnswire.parse(data[:2] + b"\x01\0\0\x01" + bytes(6) + data[12:])["questions"][0]
    end_of_question = 12 + len(dnswire.encode_name(question[0])) + 4
    wire = data[12:end_of_question]
    rtype = question[1]

    def record(owner, kind, rdata, ttl=60):
        return dnswire.encode_name(owner) + struct.pack("!HHIH", dnswire.TYPES[kind], 1, ttl, len(rdata)) + rdata

    def reply(*records, ident=data[:2], flags=0x8180, section=wire, additional=()):
        return ident + struct.pack("!HHHHH", flags, 1, len(records), 0, len(additional)) + section + \
            b"".join(records) + b"".join(additional)

    if rtype != dnswire.TYPES["A"]:
        return send(reply())
    name = question[0]
    honest = record(name, "A", socket.inet_aton(plan.GITHUB4))
    evil = record(name, "A", socket.inet_aton(plan.EVIL4))
    kind = name.lower().split(".")[0]
    if kind == "unrelated":  # records of another owner, in the answer and behind it
        stranger = record("evil.example", "A", socket.inet_aton(plan.EVIL4))
        send(reply(honest, stranger, additional=[stranger]))
    elif kind == "detour":  # a chain that does not begin at the question
        send(reply(record("other.example", "CNAME", dnswire.encode_name("evil.example")),
                   record("evil.example", "A", socket.inet_aton(plan.EVIL4))))
    elif kind == "loop":
        send(reply(record(name, "CNAME", dnswire.encode_name("loop2.github.com")),
                   record("loop2.github.com", "CNAME", dnswire.encode_name(name))))
    elif kind == "wrongid":
        send(reply(evil, ident=bytes([data[0] ^ 0x55, data[1]])))
        send(reply(honest))
    elif kind == "wrongcase":
        send(reply(evil, section=wire.swapcase()))
        send(reply(honest))
    elif kind == "wrongquestion":
        send(reply(record("evil.example", "A", socket.inet_aton(plan.EVIL4)),
                   section=dnswire.encode_name("evil.example") + wire[-4:]))
        send(reply(honest))
    elif kind == "twice":
        send(reply(honest))
        send(reply(evil))
    elif kind == "garbage":
        send(data[:2] + os.urandom(40))
        send(data[:2] + b"\x81\x80" + b"\xff" * 8 + wire)
    elif kind == "silent":
        pass
    else:
        send(reply(honest))


class Witness:
    """Sees what the client's namespace sends, on the wire and with nothing of cargowall's own."""

    def __init__(self, device):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 128 << 20)
        self.socket.bind((device, ETH_P_ALL))
        self.changed = threading.Condition()
        self.clear()

    def clear(self):
        self.counts, self.samples, self.queries, self.marks = {}, {}, [], set()

    def packet(self, data):
        """(destination, protocol, port, payload of UDP), or None for what is neither IPv4 nor IPv6."""
        if data[0] >> 4 == 4:
            header, protocol, dst = (data[0] & 15) * 4, data[9], socket.inet_ntop(socket.AF_INET, data[16:20])
        elif data[0] >> 4 == 6:
            header, protocol, dst = 40, data[6], socket.inet_ntop(socket.AF_INET6, data[24:40])
        else:
            return None
        port = struct.unpack_from("!H", data, header + 2)[0] if protocol in (6, 17) and len(data) >= header + 4 else 0
        return dst, protocol, port, data[header + 8:] if protocol == 17 else b""

    def watch(self):
        while True:
            data, (_, ethertype, direction, *_) = self.socket.recvfrom(65535)
            if direction == PACKET_OUTGOING or ethertype not in (ETH_P_IP, ETH_P_IPV6) or not data:
                continue
            seen = self.packet(data)
            if seen is None:
                continue
            dst, protocol, port, payload = seen
            with self.changed:
                if (dst, port) == (plan.MARK4, plan.MARK_PORT):
                    self.marks.add(payload.decode())
                    self.changed.notify_all()
                    continue
                key = f"{dst} {protocol} {port}"
                self.counts[key] = self.counts.get(key, 0) + 1
                self.samples.setdefault(key, data[:SAMPLE_BYTES].hex())
                if protocol == 17 and port == 53 and len(self.queries) < 100000:
                    self.queries.append(payload.hex())

    def lost(self):
        statistics = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return struct.unpack("=II", statistics)[1]

    def report(self, mark):
        """All that came before the marked packet."""
        with self.changed:
            if not self.changed.wait_for(lambda: mark in self.marks, timeout=20):
                return {"error": "the mark did not come"}
            return {"counts": self.counts, "samples": self.samples, "queries": self.queries, "lost": self.lost()}


def main():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: ends with the lab, however the lab ends
    witness = Witness(sys.argv[1])
    thread(witness.watch)
    for port in plan.ECHO_PORTS:
        thread(echo_tcp, port)
    for port in plan.UDP_ECHO_PORTS:
        thread(serve_udp, "::", port, lambda data, send: send(data))
    thread(serve_udp, "::ffff:" + plan.CRAFTED4, 53, lie)
    time.sleep(0.05)  # the lab asks each service before it trusts it
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "clear":
            with witness.changed:
                witness.clear()
            print("{}", flush=True)
        else:
            print(json.dumps(witness.report(order["mark"])), flush=True)


main()
