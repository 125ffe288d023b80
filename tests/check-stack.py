#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds each program of a BPF object within the verifier's stack. TAP.

check-stack.py OBJECT: on every path of calls, the frames add up to at most 512 bytes. Counted as by older verifiers:
each frame is rounded up to 32 bytes, and a function without one counts as well.
"""

import collections
import struct
import sys

STACK_MAX = 512
ROUND = 32
FRAME_POINTER = 10
CALL, MOV, ADD_CONSTANT = 0x85, 0xBF, 0x07
LD, LDX, ST, STX = 0, 1, 2, 3  # classes of instructions that address memory
PSEUDO_CALL = 1
SYMBOL_TABLE, RELOCATIONS = 2, 9  # section types
SECTION_SYMBOL, FUNCTION_SYMBOL = 3, 2

Section = collections.namedtuple("Section", "name kind flags address offset size link info align entry")
Instruction = collections.namedtuple("Instruction", "code to source offset constant")


class Object:
    def __init__(self, data):
        if data[:6] != b"\x7fELF\x02\x01":
            raise SystemExit("not a 64-bit little-endian ELF file")
        table, = struct.unpack_from("<Q", data, 0x28)
        size, n, names = struct.unpack_from("<HHH", data, 0x3A)
        self.data = data
        self.sections = [Section(*struct.unpack_from("<IIQQQQIIQQ", data, table + size * i)) for i in range(n)]
        self.names = self.sections[names]

    def contents(self, section):
        return self.data[section.offset:section.offset + section.size]

    def string(self, table, at):
        start = table.offset + at
        return self.data[start:self.data.index(b"\0", start)].decode()

    def symbols(self):
        for section in self.sections:
            if section.kind != SYMBOL_TABLE:
                continue
            for name, info, _, index, value, size in struct.iter_unpack("<IBBHQQ", self.contents(section)):
                yield self.string(self.sections[section.link], name), info & 15, index, value, size

    def calls(self, index):
        """Where the relocations of a section point: {offset: (section, value, kind of symbol)}."""
        symbols = list(self.symbols())
        found = {}
        for section in self.sections:
            if section.kind == RELOCATIONS and section.info == index:
                for offset, info in struct.iter_unpack("<QQ", self.contents(section)):
                    _, kind, target, value, _ = symbols[info >> 32]
                    found[offset] = (target, value, kind)
        return found


def decode(code):
    for opcode, registers, offset, constant in struct.iter_unpack("<BBhi", code):
        yield Instruction(opcode, registers & 15, registers >> 4, offset, constant)


def frame_size(instructions):
    """The lowest address below the frame pointer that is accessed or passed on."""
    lowest, copies = 0, {FRAME_POINTER}
    for i in instructions:
        kind = i.code & 7
        base = i.source if kind == LDX else i.to if kind in (ST, STX) else None
        if base in copies:
            lowest = min(lowest, i.offset)
        if i.code == MOV and i.source == FRAME_POINTER:
            copies.add(i.to)
        elif i.code == ADD_CONSTANT and i.to in copies:
            lowest = min(lowest, i.constant)
            copies.discard(i.to)
        elif kind not in (ST, STX):
            copies.discard(i.to)
    return -lowest


def read_functions(elf):
    """{(section, offset): (name, frame, callees)}"""
    functions = {}
    for name, kind, index, value, size in elf.symbols():
        if kind != FUNCTION_SYMBOL:
            continue
        code = elf.contents(elf.sections[index])[value:value + size]
        instructions, relocations, callees = list(decode(code)), elf.calls(index), set()
        for n, i in enumerate(instructions):
            if i.code != CALL or i.source != PSEUDO_CALL:
                continue
            at = value + 8 * n
            if at not in relocations:
                callees.add((index, at + 8 * (i.constant + 1)))
                continue
            section, start, symbol = relocations[at]
            callees.add((section, start + 8 * (i.constant + 1)) if symbol == SECTION_SYMBOL else (section, start))
        functions[index, value] = name, frame_size(instructions), callees
    return functions


def deepest(functions, key):
    """The path from this function on that takes most: [(name, counted)]."""
    name, frame, callees = functions[key]
    paths = [deepest(functions, callee) for callee in callees]
    below = max(paths, key=lambda path: sum(size for _, size in path), default=[])
    return [(name, -(-max(frame, 1) // ROUND) * ROUND)] + below


def main():
    with open(sys.argv[1], "rb") as f:
        elf = Object(f.read())
    functions = read_functions(elf)
    called = {callee for _, _, callees in functions.values() for callee in callees}
    programs = sorted((functions[key][0], key) for key in functions if key not in called)
    print(f"1..{len(programs)}")
    failed = not programs
    for n, (name, key) in enumerate(programs, 1):
        path = deepest(functions, key)
        total = sum(size for _, size in path)
        print(f"{'not ' if total > STACK_MAX else ''}ok {n} - {name} takes {total} of {STACK_MAX} bytes: "
              + ", ".join(f"{function} {size}" for function, size in path))
        failed |= total > STACK_MAX
    return failed


if __name__ == "__main__":
    sys.exit(main())
