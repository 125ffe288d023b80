# SPDX-License-Identifier: Apache-2.0
"""Runs in the lab's internet: a server that accepts and never answers, and resolvers that refuse every name. peer.py FILE:
each query is a line of FILE, with its time and name."""

import ctypes
import socket
import struct
import sys
import threading
import time

NO_ANSWER, CUT = 9001, 9002
REFUSED, NOERROR = 5, 0
RESOLVERS = {"198.51.100.70": REFUSED, "198.51.100.71": NOERROR}
TTL = 5


def thread(target, *args):
    threading.Thread(target=target, args=args, daemon=True).start()


def listen(port):
    s = socket.create_server(("0.0.0.0", port), backlog=256)
    kept = []
    while True:
        kept.append(s.accept()[0])


def end_of_question(query):
    at = 12
    while query[at]:
        at += 1 + query[at]
    return at + 5


def refuse(query, rcode):
    """The reply of the proxy: the question, and a SOA record by which clients keep it for five seconds."""
    soa = b"\0" + struct.pack("!HHIH", 6, 1, TTL, 22) + b"\0\0" + struct.pack("!5I", 1, TTL, TTL, TTL, TTL)
    return query[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, 0, 1, 0) + query[12:end_of_question(query)] + soa


def labels(query):
    at, out = 12, []
    while query[at]:
        out.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    return ".".join(out)


def serve(addr, rcode, log):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((addr, 53))
    while True:
        query, peer = s.recvfrom(4096)
        log.write(f"{time.time():.3f} {labels(query)}\n")
        s.sendto(refuse(query, rcode), peer)


def main():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: ends with the lab
    log = open(sys.argv[1], "w", encoding="latin-1", buffering=1)
    for port in NO_ANSWER, CUT:
        thread(listen, port)
    for addr, rcode in RESOLVERS.items():
        thread(serve, addr, rcode, log)
    print("ready", flush=True)
    threading.Event().wait()


main()
