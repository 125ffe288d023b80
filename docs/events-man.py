#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the source of cargowall-events(5) out of events.md, for scdoc: events-man.py EVENTS.md >PAGE.scd.

Headings, paragraphs, tables and shell commands are kept. A table becomes a list: its first column is the term. Samples of
JSON, whose lines are too long for a terminal, are left out.
"""

import re
import sys

HEAD = """cargowall-events(5)

# NAME

cargowall-events - the event log of CargoWall

# DESCRIPTION
"""
TAIL = """
# SEE ALSO

*cargowall*(1), *cargowallctl*(1), *cargowalld*(8), *cargowall.conf*(5), *journalctl*(1)

_/usr/share/doc/cargowall_ contains this text with samples (events.md), and _/usr/share/cargowall/schema/events.schema.json_
the JSON Schema.
"""
INLINE = re.compile(r"`([^`]+)`|\[([^\]]+)\]\([^)]*\)")


def escaped(text):
    return re.sub(r"([\\*_])", r"\\\1", text)


def prose(text):
    """Code becomes bold, a link its text, all other characters stay themselves."""
    parts, end = [], 0
    for match in INLINE.finditer(text):
        parts.append(escaped(text[end:match.start()]))
        parts.append(f"*{escaped(match[1])}*" if match[1] else prose(match[2]))
        end = match.end()
    line = "".join(parts) + escaped(text[end:])
    return "\\" + line if line.startswith((".", "'", "#", "-")) else line


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def entry(head, row):
    """A row as a term and its explanation. Numbers keep the heading that says what they count."""
    body = []
    for title, cell in zip(head[1:], row[1:]):
        if not cell:
            continue
        body.append(f"{title}: {cell}" if title in ("bytes", "`PRIORITY`") else cell)
    return [prose(row[0]), "\t" + prose(". ".join(body)) if body else "\t(no further text)", ""]


def table(lines):
    head = cells(lines[0])
    if re.fullmatch("`[a-z_]+`", head[0]) and len(head) == 2:  # the values of one field
        yield from [f"Values of {prose(head[0])}:", ""]
    for line in lines[2:]:
        row = cells(line)
        if row[0]:
            yield from entry(head, row)


def fence(lines):
    """What is between two fences, both included."""
    if lines[0] == "```sh":
        yield from ["```", *(line.replace("\\", "\\\\") for line in lines[1:-1]), "```"]


def blocks(text):
    """The document as lists of lines: a table, a fence with its content, or single lines."""
    lines, i = text.splitlines(), 0
    while i < len(lines):
        end = i + 1
        if lines[i].startswith("```"):
            end = lines.index("```", i + 1) + 1
        elif lines[i].startswith("|"):
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
        yield lines[i:end]
        i = end


def converted(text):
    for block in blocks(re.sub(r"^## Samples\n.*?(?=^## )", "", text, flags=re.MULTILINE | re.DOTALL)):
        first = block[0]
        if first.startswith("```"):
            yield from fence(block)
        elif first.startswith("|"):
            yield from table(block)
        elif first.startswith("## "):
            yield "# " + first[3:].upper()
        elif first.startswith("# "):
            continue
        else:
            yield prose(first)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        body = "\n".join(converted(file.read()))
    print(HEAD + re.sub(r"\n{3,}", "\n\n", "\n" + body).rstrip() + "\n" + TAIL, end="")


if __name__ == "__main__":
    main()
