#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""formats.py CONVERT LOG: each event of a log in the vocabularies of others, against what these require. TAP."""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def lines_of(convert, log, *words):
    done = subprocess.run([convert, *words], input=log, check=True, capture_output=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for part in value for leaf in leaves(part)]
    return [str(value).lower()]


# These become a number or a word of the schema, are below it by intention, or are in another unit.
ELSEWHERE = ("schema_version", "blocked", "would_deny", "timestamp", "duration_usec", "parents", "verdict")


def lost(event, converted):
    """Values of the event that the converted one does not have."""
    there = leaves(converted)
    return [f"{name}: {leaf}" for name, value in event.items() if name not in ELSEWHERE
            for leaf in leaves(value) if leaf not in there]


def faults(validator, events, converted):
    if len(events) != len(converted):
        yield f"{len(converted)} lines for {len(events)}"
    for number, (event, other) in enumerate(zip(events, converted), 1):
        for error in validator.iter_errors(other):
            yield f"line {number}, {event['event_type']}: {error.json_path}: {error.message}"
        for what in lost(event, other):
            yield f"line {number}, {event['event_type']}: lost: {what}"


def main():
    try:
        import jsonschema
    except ImportError:
        print("1..0 # SKIP python3-jsonschema is not installed")
        return 77
    convert, log = sys.argv[1], pathlib.Path(sys.argv[2]).read_bytes()
    events = [json.loads(line) for line in log.splitlines()]
    status, number = 0, 0
    print("1..4")
    for name in "ocsf", "ecs":
        schema = json.loads((HERE / f"{name}.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        for words in (name,), (name, "runner-1"):
            number += 1
            found = list(faults(jsonschema.Draft202012Validator(schema), events, lines_of(convert, log, *words)))
            for fault in found:
                print(f"# {fault}")
            print(f"{'not ok' if found or not events else 'ok'} {number} - {' '.join(words)}")
            status |= bool(found or not events)
    return status


if __name__ == "__main__":
    sys.exit(main())
