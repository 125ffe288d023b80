# SPDX-License-Identifier: Apache-2.0
"""What the commands of the tests are made of. Runs under `cargowall run`; each report() is one line of JSON on stdout
that the test reads as facts."""

import ctypes
import errno
import json
import os
import socket
import struct
import threading
import time

import dnswire
from plan import *  # noqa: F401,F403  the tests' commands use the addresses

LIMIT = 4.0  # seconds: far above what an answer in the lab takes
MSG_ZEROCOPY, SO_ZEROCOPY, MSG_FASTOPEN = 0x4000000, 60, 0x20000000
IPPROTO_SCTP, IPPROTO_UDPLITE = 132, 136


def report(**facts):
    print(json.dumps(facts), flush=True)


def attempt(action, *args, **kwargs):
    """{"value"} or {"errno": name}, and how long it took."""
    began = time.monotonic()
    try:
        outcome = {"value": action(*args, **kwargs)}
    except OSError as e:
        name = "timeout" if isinstance(e, TimeoutError) and not e.errno else errno.errorcode.get(e.errno, str(e))
        outcome = {"errno": name}
    outcome["ms"] = round(1000 * (time.monotonic() - began), 1)
    return outcome


def family_of(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def new_socket(addr, kind, protocol=0):
    s = socket.socket(family_of(addr), kind, protocol)
    s.settimeout(LIMIT)
    return s


def tcp(addr, port):
    """Connects to an echo service and hears itself."""
    with new_socket(addr, socket.SOCK_STREAM) as s:
        s.connect((addr, port))
        s.sendall(b"hello")
        return s.recv(16).decode()


def reach(addr, port):
    """Connects, no more."""
    with new_socket(addr, socket.SOCK_STREAM) as s:
        s.connect((addr, port))
        return "connected"


def udp(addr, port):
    with new_socket(addr, socket.SOCK_DGRAM) as s:
        s.sendto(b"hello", (addr, port))
        return s.recvfrom(16)[0].decode()


def udp_connected(addr, port):
    with new_socket(addr, socket.SOCK_DGRAM) as s:
        s.connect((addr, port))
        s.send(b"hello")
        return s.recv(16).decode()


def resolve(name):
    """What the C library says: the addresses, or its error's name."""
    try:
        return sorted({entry[4][0] for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except socket.gaierror as e:
        return "EAI " + {socket.EAI_NONAME: "NONAME", socket.EAI_AGAIN: "AGAIN"}.get(e.errno, str(e.errno))


def recv_exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionResetError(errno.ECONNRESET, "closed")
        data += more
    return data


def dns_udp(server, message, port=53):
    with new_socket(server, socket.SOCK_DGRAM) as s:
        s.sendto(message, (server, port))
        return dnswire.parse(s.recvfrom(65535)[0])


def dns_rcode(server, message):
    """The answer's code alone, for questions whose answer may have no body."""
    with new_socket(server, socket.SOCK_DGRAM) as s:
        s.sendto(message, (server, 53))
        return dnswire.RCODES[s.recvfrom(65535)[0][3] & 15]


def dns_tcp(server, messages, port=53, chunk=None):
    """All messages over one connection, in pieces of chunk bytes; the replies by id."""
    stream = b"".join(struct.pack("!H", len(m)) + m for m in messages)
    with new_socket(server, socket.SOCK_STREAM) as s:
        s.connect((server, port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(stream), chunk or len(stream)):
            s.sendall(stream[at:at + (chunk or len(stream))])
        replies = {}
        for _ in messages:
            reply = dnswire.parse(recv_exactly(s, struct.unpack("!H", recv_exactly(s, 2))[0]))
            replies[reply["id"]] = reply
        return replies


def refusal(query):
    return query[:2] + bytes([0x84, 5]) + query[4:]


def serve(addr, answer=refusal):
    """A name server at port 53 of this address, over UDP and TCP, until the process ends. Returns its sockets."""
    u = socket.socket(family_of(addr), socket.SOCK_DGRAM)
    u.bind((addr, 53))
    t = socket.create_server((addr, 53), family=family_of(addr))

    def datagrams():
        while True:
            query, peer = u.recvfrom(4096)
            u.sendto(answer(query), peer)

    def streams():
        while True:
            with t.accept()[0] as s:
                reply = answer(recv_exactly(s, struct.unpack("!H", recv_exactly(s, 2))[0]))
                s.sendall(struct.pack("!H", len(reply)) + reply)
                s.recv(1)
    for loop in datagrams, streams:
        threading.Thread(target=loop, daemon=True).start()
    return u, t


def ask(*addresses, name="evil.example"):
    """What the servers say about a name, over UDP and TCP. One of serve() refuses all names; the proxy denies this one."""
    return [[dns_udp(a, dnswire.query(name))["rcode"], dns_tcp(a, [dnswire.query(name)])[0x1234]["rcode"]]
            for a in addresses]


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class MsgHdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("name_length", ctypes.c_uint), ("iov", ctypes.POINTER(IoVec)),
                ("n_iov", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class MMsgHdr(ctypes.Structure):
    _fields_ = [("header", MsgHdr), ("length", ctypes.c_uint)]


def sendmmsg(destinations):
    """One datagram to each (address, port), in one system call. Returns how many went."""
    libc = ctypes.CDLL(None, use_errno=True)
    headers = (MMsgHdr * len(destinations))()
    for header, (addr, port) in zip(headers, destinations):
        name = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(addr))
        iov = IoVec(b"hello", 5)
        header.header = MsgHdr(name, len(name), ctypes.pointer(iov), 1, None, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        n = libc.sendmmsg(s.fileno(), headers, len(destinations), 0)
    if n < 0:
        raise OSError(ctypes.get_errno(), "sendmmsg")
    return n


def disconnect(s):
    """connect() with AF_UNSPEC: forgets the peer."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.connect(s.fileno(), struct.pack("=H14x", socket.AF_UNSPEC), 16) < 0:
        raise OSError(ctypes.get_errno(), "connect")


def set_name(name):
    """The process name as attackers set it: any bytes but NUL."""
    with open("/proc/self/comm", "wb", buffering=0) as f:
        f.write(name)
