#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Validates an event log against docs/events.schema.json: each line, from a file or standard input.

Exit status: 0 valid, 1 faults, a duplicate key or no event at all, 77 without python3-jsonschema.
"""

import argparse
import json
import pathlib
import sys

FAULTS_SHOWN = 10
SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs" / "events.schema.json"


def unique_keys(pairs):
    """A parser that keeps the last of two equal keys would hide the first."""
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"duplicate keys: {', '.join(twice)}")
    return dict(pairs)


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def parse(line):
    if not line.endswith(b"\n"):
        raise ValueError("the line has no end")
    return json.loads(line.decode("utf-8"), object_pairs_hook=unique_keys, parse_constant=no_constant)


def faults(validator, lines):
    """Yields one list of messages for each line."""
    for line in lines:
        try:
            event = parse(line)
        except ValueError as e:
            yield [str(e)]
            continue
        yield [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schema", type=pathlib.Path, default=SCHEMA)
    parser.add_argument("log", nargs="?", help="NDJSON file (default: standard input)")
    args = parser.parse_args()

    try:
        import jsonschema
    except ImportError:
        print("skipped: python3-jsonschema is not installed")
        return 77

    schema = json.loads(args.schema.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    n_lines = n_faults = 0
    with open(args.log, "rb") if args.log else sys.stdin.buffer as lines:
        for n_lines, messages in enumerate(faults(validator, lines), 1):
            for message in messages:
                n_faults += 1
                if n_faults <= FAULTS_SHOWN:
                    print(f"{args.log or 'stdin'}:{n_lines}: {message[:400]}")

    if n_lines == 0:
        print("no events")
        return 1
    print(f"{n_lines} events, {n_faults} faults")
    return 1 if n_faults else 0


if __name__ == "__main__":
    sys.exit(main())
