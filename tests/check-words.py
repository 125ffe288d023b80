#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps stilted wording out of what people read: documentation, messages, comments. TAP.

check-words.py ROOT [PATH...]: checks COVERED, or the given files and directories only.
"""

import io
import pathlib
import re
import sys
import tokenize

# Files and directories to check.
COVERED = (
    "README.md", "HACKING.md", "ARCHITECTURE.md", "docs", "units", "polkit", "dbus", "debian", "rpm", "examples", "completions",
    "src", "bpf", "tests", "tools",
)
# Below them: data, and this list itself.
LEFT_OUT = {"corpus", "data", "names", "check-words.py"}
# What to avoid, and what an administrator expects instead. A space matches any gap between words, also a line break.
WORDS = (
    (r"anew", "again"),
    (r"(?:goes|going|go|gone|went) on", "continue"),
    (r"tell|tells|told|telling", "report, log, emit, notify"),
    (r"speaks? of|spoken of", "match, name"),
    (r"(?:cannot|can|could not|could|to) be had", "cannot acquire, not available"),
    (r"at fault", "has an error, is invalid"),
    (r"puts? (?:\w+ )?right", "restore, repair"),
    (r"the way of the", "the flow of the"),
    (r"who (?:said|asks|asked)", "the deciding layer; the client"),
    (r"who_said|askers?", "the deciding layer; client, requester"),
    (r"departed", "released"),
    (r"sa(?:ys|id) nothing|ha(?:s|ve) (?:no|nothing|no more) (?:say|to say)", "is ignored, does not apply"),
    (r"as far as it goes", "partly"),
    (r"narrows?|narrowed|narrowing", "restrict, restriction"),
    (r"allowances?", "grant"),
    (r"by (?:itself|themselves)", "on its own, directly, automatically"),
    (r"all the same", "in any case, still"),
    (r"for good", "permanently"),
    (r"(?:asks?|needs?|without) leave", "require authorization"),
)
# Where one of those is right: the field's own terms, and names that are part of an interface.
FINE = (r"(?:tell|tells|told) (?:\w+ )?apart", r"\*Narrows\*", r'"Narrows"')

PROSE = {".md", ".scd", ".catalog", ".policy", ".conf", ".Debian", ".in", ".example", ".xml", ".logrotate", ".spec", ""}
CODE = {".c", ".h"}
SCRIPT = {".py"}
SCRIPT_TOKENS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}  # since 3.12
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
GAP = r"[\s*#/]+"  # also over the start of the next line of a comment


def compiled(pattern):
    return re.compile(rf"(?<![\w-])(?:{pattern.replace(' ', GAP)})(?![\w-])", re.IGNORECASE)


def blanked(text, pattern):
    """The text with each match blanked out, so that positions stay the same."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def script_texts(content):
    """Yields (position, text) for the comments and strings of a Python file."""
    starts = [0]
    for line in content.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type in SCRIPT_TOKENS:
            yield starts[token.start[0] - 1] + token.start[1], token.string


def texts(path):
    """Yields (position, text) for everything that people read in the file, and its whole content."""
    content = path.read_text(encoding="utf-8")
    if path.suffix in SCRIPT:
        return content, list(script_texts(content))
    if path.suffix not in CODE:
        return content, [(0, content)]
    found = [*COMMENT.finditer(content), *STRING.finditer(blanked(content, COMMENT))]
    return content, [(match.start(), match[0]) for match in found]


def files(root, names):
    for name in names:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            left_out = LEFT_OUT.intersection(file.relative_to(root).parts)
            if file.is_file() and file.suffix in PROSE | CODE | SCRIPT and not left_out:
                yield file


def faults(root, names):
    words = [(compiled(pattern), better) for pattern, better in WORDS]
    fine = [compiled(pattern) if pattern[0].isalpha() or pattern[0] == "(" else re.compile(pattern) for pattern in FINE]
    for path in files(root, names):
        content, parts = texts(path)
        for position, text in parts:
            for pattern in fine:
                text = blanked(text, pattern)
            for pattern, better in words:
                for match in pattern.finditer(text):
                    line = content.count("\n", 0, position + match.start()) + 1
                    found = " ".join(match[0].split())
                    yield f'{path.relative_to(root)}:{line}: "{found}": {better}'


def main():
    root = pathlib.Path(sys.argv[1])
    missing = [name for name in COVERED if not (root / name).exists()]
    found = [*(f"{name} does not exist" for name in missing), *faults(root, sys.argv[2:] or COVERED)]
    for fault in found:
        print(f"# {fault}")
    print(f"1..1\n{'not ok' if found else 'ok'} 1 - plain words")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
