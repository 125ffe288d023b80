#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Never stops: connects to an allowed and to a denied address over TCP and UDP, and asks DNS, as fast as answers come,
and counts what happened. sender.py FILE: the counts are in FILE as JSON, replaced several times a second and at
SIGTERM.

    allowed_ok, allowed_refused   allowed_refused: any failure, a time-out too
    denied_refused, denied_passed, denied_other   refused: EPERM; other: it did not get through, but not by EPERM
    dns_ok, dns_failed, dns_repeated, longest_dns_ms   repeated: asked again after a time-out, as libc would
    rounds, errors   errors: the first few unexpected outcomes, as text
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import struct
import sys
import threading
import time

import dnswire
from plan import EVIL4, EVIL6, EXAMPLE4, EXAMPLE6, RESOLVER4

PORT = 7
LIMIT = 5.0  # seconds; libc's, see resolv.conf(5): timeout 5, attempts 2
ATTEMPTS = 2
PAUSE = 0.002

COUNTS = dict.fromkeys(("allowed_ok", "allowed_refused", "denied_refused", "denied_passed", "denied_other", "dns_ok",
                        "dns_failed", "dns_repeated", "longest_dns_ms", "rounds"), 0)
ERRORS = []
LOCK = threading.Lock()


def count(key, error=None):
    with LOCK:
        COUNTS[key] += 1
        if error and len(ERRORS) < 20:
            ERRORS.append(f"{time.strftime('%H:%M:%S')} {key}: {error}")


def family_of(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def tcp(addr):
    with socket.socket(family_of(addr), socket.SOCK_STREAM) as s:
        s.settimeout(LIMIT)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no TIME_WAIT: ports would run out
        s.connect((addr, PORT))
        s.sendall(b"x")
        if s.recv(1) != b"x":
            raise ConnectionError("closed without an echo")


def udp(addr):
    with socket.socket(family_of(addr), socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT)
        s.sendto(b"x", (addr, PORT))
        s.recv(1)


def udp_send_only(addr):
    with socket.socket(family_of(addr), socket.SOCK_DGRAM) as s:
        s.sendto(b"x", (addr, PORT))


def attempt_allowed(action, addr):
    try:
        action(addr)
    except OSError as e:
        count("allowed_refused", f"{action.__name__} {addr}: {e!r}")
    else:
        count("allowed_ok")


def attempt_denied(action, addr):
    try:
        action(addr)
    except PermissionError:
        count("denied_refused")
    except OSError as e:
        count("denied_other", f"{action.__name__} {addr}: {e!r}")
    else:
        count("denied_passed", f"{action.__name__} {addr}")


def connect_forever():
    while True:
        for addr in (EXAMPLE4, EXAMPLE6):
            attempt_allowed(tcp, addr)
            attempt_allowed(udp, addr)
        for addr in (EVIL4, EVIL6):
            attempt_denied(tcp, addr)
            attempt_denied(udp_send_only, addr)
        with LOCK:
            COUNTS["rounds"] += 1
        time.sleep(PAUSE)


def ask(name):
    """Whether there was an answer with an address; asks again as a stub resolver does."""
    for n in range(ATTEMPTS):
        if n:
            count("dns_repeated")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, contextlib.suppress(TimeoutError):
            s.settimeout(LIMIT)
            s.connect((RESOLVER4, 53))
            s.send(dnswire.query(name, "A"))
            reply = dnswire.parse(s.recv(4096))
            if reply["rcode"] != "NOERROR" or not reply["answers"]:
                raise OSError(f"{name}: {reply['rcode']}, {len(reply['answers'])} answers")
            return
    raise TimeoutError(f"{name}: no answer")


def look_up(name):
    socket.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)


def resolve_forever(action):
    while True:
        # a name that nobody asked before, and one that may be cached
        for name in (f"{secrets.token_hex(6)}.wild.example.com", "github.com"):
            began = time.monotonic()
            try:
                action(name)
            except OSError as e:
                count("dns_failed", f"{action.__name__} {name}: {e!r}")
            else:
                count("dns_ok")
            took = round(1000 * (time.monotonic() - began))
            with LOCK:
                COUNTS["longest_dns_ms"] = max(COUNTS["longest_dns_ms"], took)
        time.sleep(10 * PAUSE)


def write(path):
    with LOCK:
        text = json.dumps({**COUNTS, "errors": ERRORS})
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(path + ".new", path)


def main():
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    for target, args in ((connect_forever, ()), (resolve_forever, (ask,)), (resolve_forever, (look_up,))):
        threading.Thread(target=target, args=args, daemon=True).start()
    while not ended.wait(0.1):
        write(sys.argv[1])
    write(sys.argv[1])


main()
