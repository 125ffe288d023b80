# SPDX-License-Identifier: Apache-2.0
"""DNS messages by hand: what an attacker sends is not what a library lets him send."""

import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
         "OPT": 41, "HTTPS": 65, "ANY": 255}
RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")


def encode_name(name):
    labels = name if isinstance(name, list) else [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def query(name, qtype="A", qclass=1, n_questions=1, ident=0x1234, edns=None):
    """A query. name: text, or a list of labels as bytes. edns: the options of an OPT record, b"" for none."""
    qtype = TYPES.get(qtype, qtype)
    question = encode_name(name) + struct.pack("!HH", qtype, qclass)
    extra = b"" if edns is None else b"\0" + struct.pack("!HHIH", TYPES["OPT"], 4096, 0, len(edns)) + edns
    header = struct.pack("!HHHHHH", ident, 0x0100, n_questions, 0, 0, 0 if edns is None else 1)
    return header + question * n_questions + extra


def read_name(message, at):
    """The name at this offset, with its letters as they are, and the offset behind it."""
    labels, end = [], None
    for _ in range(128):
        length = message[at]
        if length >= 0xC0:
            end = at + 2 if end is None else end
            at = struct.unpack_from("!H", message, at)[0] & 0x3FFF
        elif length:
            labels.append(message[at + 1:at + 1 + length].decode("latin-1"))
            at += 1 + length
        else:
            return ".".join(labels), at + 1 if end is None else end
    raise ValueError("name without an end")


def read_rdata(message, qtype, at, length):
    if qtype in (TYPES["A"], TYPES["AAAA"]):
        family = socket.AF_INET if qtype == TYPES["A"] else socket.AF_INET6
        return socket.inet_ntop(family, message[at:at + length])
    if qtype in (TYPES["CNAME"], TYPES["PTR"], TYPES["NS"]):
        return read_name(message, at)[0]
    return message[at:at + length].hex()


def parse(message):
    """A message as a dict; records of the additional section are only counted."""
    ident, flags, n_questions, n_answers, n_authority, n_additional = struct.unpack_from("!HHHHHH", message)
    at, questions, answers = 12, [], []
    for _ in range(n_questions):
        name, at = read_name(message, at)
        questions.append([name, *struct.unpack_from("!HH", message, at)])
        at += 4
    for _ in range(n_answers):
        name, at = read_name(message, at)
        rtype, _, ttl, length = struct.unpack_from("!HHIH", message, at)
        at += 10
        answers.append([name, rtype, ttl, read_rdata(message, rtype, at, length)])
        at += length
    code = flags & 15
    return {"id": ident, "rcode": RCODES[code] if code < len(RCODES) else code, "tc": bool(flags & 0x0200),
            "questions": questions, "answers": answers, "n_authority": n_authority, "n_additional": n_additional,
            "rest": message[at:].hex()}
