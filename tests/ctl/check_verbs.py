#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every verb and option of cargowallctl --help is in the man page and in both completions, and the other way round; those
of cargowall as well, which has its options by verb.

check_verbs.py [SOURCE-DIRECTORY]. CARGOWALLCTL and CARGOWALL are the programs. TAP.
"""

import os
import pathlib
import re
import subprocess
import sys

PROGRAM = os.environ.get("CARGOWALLCTL", "cargowallctl")
RUN_PROGRAM = os.environ.get("CARGOWALL", "cargowall")
ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
WORD = r"[a-z][a-z-]*"
OPTION = r"--?[a-z][a-z-]*"


def of_help():
    """Verbs are the words in lower case at the start of indented lines, before the heading "Options"."""
    text = subprocess.run([PROGRAM, "--help"], env={**os.environ, "LC_ALL": "C.UTF-8"}, stdin=subprocess.DEVNULL,
                          capture_output=True, check=True, timeout=60).stdout.decode()
    verbs, options = text.split("\nOptions:\n")
    found = set()
    for line in verbs.splitlines():
        match = re.match(rf"  ({WORD}(?: {WORD})?)(?: [A-Z\[]\S*)*(?:  |$)", line)
        if match:
            found.add(match.group(1))
    return found, option_names(options)


def option_names(text):
    """The options that begin a line: "  -q --quiet", "     --since=TIME"."""
    names = set()
    for line in text.splitlines():
        match = re.match(r"  (-\w)?\s*(--[a-z-]+)?", line)
        if match:
            names |= {name for name in match.groups() if name}
    return names


def of_man_page():
    text = (ROOT / "docs/cargowallctl.1.scd").read_text()
    verbs, options = set(), set()
    for line in text.split("# STATE")[1].split("# OPTIONS")[0].splitlines():
        match = re.match(rf"\*({WORD}(?: {WORD})?)\*", line)
        if match:
            verbs.add(match.group(1))
    for line in text.split("# OPTIONS")[1].split("# JSON")[0].splitlines():
        if line.startswith("*-"):
            options |= set(re.findall(rf"\*({OPTION})=?\*", line))
    return verbs, options


ALONE = {"dns"}  # also without a second word
NESTED = ("dns", "policy", "job")


def nested(verbs, nouns):
    """Verbs with their second words, most of them in the place of the first alone."""
    return {v for v in verbs if v not in nouns or v in ALONE} | {f"{v} {n}" for v in verbs if v in nouns for n in nouns[v]}


def of_bash():
    text = (ROOT / "completions/bash/cargowallctl").read_text()
    verbs = re.search(r"local verbs='([^']*)'", text).group(1).split()
    options = set(re.search(r"local options='([^']*)'", text).group(1).split())
    nouns = {name: re.search(rf"^    {name}\) candidates='([^']*)'", text, re.MULTILINE).group(1).split()
             for name in NESTED}
    return nested(verbs, nouns), options


def of_zsh():
    text = (ROOT / "completions/zsh/_cargowallctl").read_text()

    def names(block):
        return re.findall(rf"['\"]({WORD}):", block)

    nouns = {name: names(text.split(f"_cargowallctl_{name}() {{")[1].split("\n}")[0]) for name in NESTED}
    verbs = names(text.split("_cargowallctl_verbs() {")[1].split("\n    )")[0])
    arguments = text.split("_arguments")[1]
    options = set(re.findall(rf"'\*?(?:\([^)]*\))?({OPTION})[=\[]", arguments))
    for group in re.findall(r"\{([^}]*)\}", arguments):
        options |= {name.rstrip("+=") for name in group.split(",")}
    return nested(verbs, nouns), options


# -- cargowall: the options of each verb

OF_RUN = ("run", "explain", "replay", "suggest")


def help_of(*words):
    return subprocess.run([RUN_PROGRAM, *words, "--help"], env={**os.environ, "LC_ALL": "C.UTF-8"},
                          stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60).stdout.decode()


def of_run_help():
    found = {verb: option_names(help_of(verb)) | {"-h", "--help"} for verb in OF_RUN}
    return set(re.findall(rf"^  ({WORD})", help_of(), re.MULTILINE)) | {"help"}, found


def of_run_man_page():
    text = (ROOT / "docs/cargowall.1.scd").read_text()
    synopsis = text.split("# SYNOPSIS")[1].split("# DESCRIPTION")[0]
    run = text.split("# OPTIONS OF RUN")[1].split("\n# ")[0]
    return set(re.findall(rf"^\*cargowall ({WORD})", synopsis, re.MULTILINE)), {
        "run": {name for line in run.splitlines() if line.startswith("*-") for name in re.findall(rf"\*({OPTION})\*", line)},
        **{verb: set(re.findall(rf"^\*({OPTION})\*", text.split(f"# {verb.upper()}\n")[1].split("\n# ")[0], re.MULTILINE)) |
           {"-h", "--help"} for verb in OF_RUN[1:]}}


def of_run_bash():
    text = (ROOT / "completions/bash/cargowall").read_text()
    return set(re.search(r"local verbs='([^']*)'", text).group(1).split()), {
        verb: set(re.search(rf"local {verb}='([^']*)'", text).group(1).split()) for verb in OF_RUN}


def of_run_zsh():
    text = (ROOT / "completions/zsh/_cargowall").read_text()
    verbs = re.findall(rf"'({WORD}):", text.split("_cargowall_verbs() {")[1].split("\n    )")[0])
    options = {}
    for verb in OF_RUN:
        block = text.split(f"_cargowall_{verb}() {{")[1].split("\n}")[0]
        options[verb] = set(re.findall(rf"'\*?({OPTION})[=\[]", block))
        for group in re.findall(r"\{([^}]*)\}", block):
            options[verb] |= set(group.split(","))
    return set(verbs), options


def completed(*words):
    """What bash proposes for the last word."""
    script = 'source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _cargowall; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", ROOT / "completions/bash/cargowall", *words],
                          stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
    return done.stdout.decode().split()


def check_cargowall(result):
    verbs, options = of_run_help()
    result({"run", "explain", "policy"} <= verbs and len(options["run"]) >= 12, "verbs and options of cargowall --help")
    for name, read in (("man page", of_run_man_page), ("bash completion", of_run_bash), ("zsh completion", of_run_zsh)):
        got = read()
        for verb, wanted in options.items():
            if got[1][verb] != wanted:
                print(f"# {verb}: only in --help {wanted - got[1][verb]}, only in the {name} {got[1][verb] - wanted}")
        result(got == (verbs, options), f"verbs and options of cargowall in the {name}")
    for words, wanted in ((("cargowall", "exp"), ["explain"]), (("cargowall", "run", "--mode", "a"), ["audit"]),
                          (("cargowall", "run", "--summary", "=", "m"), ["markdown"]),
                          (("cargowall", "policy", ""), ["check", "lint"]),
                          (("cargowall", "suggest", "--keep-s"), ["--keep-shared"]),
                          (("cargowall", "run", "--allow", "a.example", "--fail"), ["--fail-on-denied"])):
        got = completed(*words)
        result(got == wanted, f"bash completes {' '.join(words)}: {got}")
    got = completed("cargowall", "run", "--allow", "x", "--", "basena")
    result("basename" in got, f"bash completes the command of cargowall run: {got}")


def main():
    verbs, options = of_help()
    failed = number = 0
    sources = (("man page", of_man_page), ("bash completion", of_bash), ("zsh completion", of_zsh))
    print(f"1..{2 * len(sources) + 1 + 11}")

    def result(good, title):
        nonlocal failed, number
        number += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {title}")

    result(len(verbs) >= 15 and "policy load" in verbs and len(options) >= 15, "verbs and options are read from --help")
    for name, read in sources:
        for what, wanted, got in zip(("verbs", "options"), (verbs, options), read()):
            for missing in sorted(wanted - got):
                print(f"# {missing}: not in the {name}")
            for extra in sorted(got - wanted):
                print(f"# {extra}: in the {name}, not in --help")
            result(wanted == got, f"{what} of the {name}")
    check_cargowall(result)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
