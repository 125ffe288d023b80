#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the list of hooks, the programs and cargowall.conf(5) together. TAP.

check-hooks.py ROOT: bpf/api.h has a line for each program of bpf/cargowall.bpf.c that is attached, and the manual page names
each hook in the same order and says correctly which ones are required by default.
"""

import pathlib
import re
import sys


def read_hooks(root):
    text = (root / "bpf/api.h").read_text()
    return re.findall(r"^\s+X\((\w+), (\w+), ((?:BPF|CW)_\w+), ([01])\)", text, re.MULTILINE)


def read_programs(root):
    text = (root / "bpf/cargowall.bpf.c").read_text()
    return re.findall(r'^SEC\("(?:cgroup|lsm|fmod_ret)[\w/]+"\)\n(?:\w+\s+)*?(\w+)\(', text, re.MULTILINE)


def read_manual(root):
    """Names of the paragraph on RequiredHooks=, and its default."""
    text = (root / "docs/cargowall.conf.5.scd").read_text()
    paragraph = re.search(r"^\*RequiredHooks=\*\n((?:\t.*\n)+)", text, re.MULTILINE).group(1)
    names, default = paragraph.split("Default:")
    return [name for name in re.findall(r"\*([\w ]+)\*", names) if " " not in name], default.strip()


def main():
    root = pathlib.Path(sys.argv[1])
    hooks = read_hooks(root)
    names = [name for name, *_ in hooks]
    required = [name for name, _, _, needed in hooks if needed == "1"]
    documented, default = read_manual(root)
    listed = re.findall(r"\*(\w+)\*", default)
    said = [name for name in names if name not in listed] if default.startswith("all") else listed
    cases = {
        "each program that is attached has one line": sorted(h[1] for h in hooks) == sorted(read_programs(root)),
        "no name, program or type stands twice": all(len({h[i] for h in hooks}) == len(hooks) for i in range(3)),
        "the manual page names every hook": documented == names,
        "the manual page says which are required": said == required,
    }
    print(f"1..{len(cases)}")
    for i, (name, good) in enumerate(cases.items(), 1):
        print(f"{'ok' if good else 'not ok'} {i} - {name}")
    return 0 if all(cases.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
