# SPDX-License-Identifier: Apache-2.0
"""Test cases by decorator, the checks they share, and the TAP they print."""

import fnmatch
import importlib.util
import json
import sys
import time
import traceback

from lab import Lab, LabError

CASES = []
AT_ONCE_MS = 1000  # a packet that was dropped would show as a timeout of seconds


class Skip(Exception):
    pass


def case(title):
    """Registers a test: a function of the lab. The title of an attack begins with its id."""
    def register(function):
        CASES.append((title, function))
        return function
    return register


# -- checks: each says what it wanted and what it got

def equal(got, wanted, what):
    assert got == wanted, f"{what}: wanted {wanted!r}, got {got!r}"


def contains(text, part, what):
    assert part in text, f"{what}: wanted {part!r} in it, got {text[-500:]!r}"


def one_line(text, what):
    lines = text.strip().splitlines()
    equal(len(lines), 1, f"lines of {what} ({text!r})")
    return lines[0]


def found(result, event_type, **fields):
    """The first event of this type with these fields."""
    events = [e for e in result.events if e["event_type"] == event_type]
    for event in events:
        if all(event.get(key) == value for key, value in fields.items()):
            return event
    raise AssertionError(f"no {event_type} event with {fields}; of that type there are {events[:5]}")


def absent(result, event_type, **fields):
    for event in result.events:
        if event["event_type"] == event_type and all(event.get(key) == value for key, value in fields.items()):
            raise AssertionError(f"unwanted event {event}")


def worked(result, *names):
    """The command ended well, and these facts are values, not errors."""
    equal(result.status, 0, "exit status")
    for name in names:
        fact = result.facts[name]
        assert "value" in fact, f"{name}: wanted success, got {fact}"


def refused(result, *names, error="EPERM"):
    """These facts are refusals that came at once."""
    equal(result.status, 0, "exit status")
    for name in names:
        fact = result.facts.get(name)
        assert fact and fact.get("errno") == error, f"{name}: wanted {error}, got {fact}"
        assert fact["ms"] < AT_ONCE_MS, f"{name}: the refusal took {fact['ms']} ms"


def untouched(lab, *addresses):
    """The witness: no packet of any kind came to these addresses."""
    for addr in addresses:
        n = lab.packets(addr)
        assert n == 0, f"{n} packets at {addr}: {lab.first_packets(addr)}"


def blocked(result, addr, port=None, protocol="TCP", **fields):
    """The event of a refused connection, with the facts every one of them must hold. Not the executable: it is read
    from /proc, where a process that ended at once has left nothing."""
    if port is not None:
        fields["dst_port"] = port
    event = found(result, "connection_blocked", dst_ip=addr, protocol=protocol, **fields)
    assert event.get("pid") and event.get("process") and "uid" in event, f"process facts are missing in {event}"
    return event


# -- running

def load(paths):
    """Each file once, also if another one has imported it: its cases would be there twice."""
    for path in paths:
        name = path.stem.replace("-", "_")
        if getattr(sys.modules.get(name), "__file__", None) == str(path):
            continue
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def chosen(patterns):
    if not patterns:
        return CASES
    return [(title, function) for title, function in CASES
            if any(p in (title, function.__name__) or p.lower() in title.lower() or
                   fnmatch.fnmatch(function.__name__, p) or function.__module__ == p for p in patterns)]


def diagnose(lab, error):
    """What a failing test leaves to read."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "test_" in f.filename or "attacks" in f.filename]
    where = f"{frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""
    reason = f"{type(error).__name__}: {error}"
    for text in (where, reason, *map(str, lab.results[-2:])):
        for line in text.splitlines():
            print("# " + (line if len(line) < 800 else line[:800] + "…"))


def run_case(lab, number, title, function):
    """True when it did not fail."""
    lab.results.clear()
    began = time.monotonic()
    try:
        lab.end_connections()
        lab.watch()
        function(lab)
    except Skip as e:
        print(f"ok {number} - {title} # SKIP {e}", flush=True)
    except (AssertionError, LabError, OSError, KeyError, IndexError, TypeError, ValueError) as e:
        print(f"not ok {number} - {title}")
        diagnose(lab, e)
        sys.stdout.flush()
        return False
    else:
        took = time.monotonic() - began
        print(f"ok {number} - {title}" + (f"  ({took:.1f} s)" if took > 3 else ""), flush=True)
    return True


def run(paths, patterns, list_only=False):
    load(paths)
    cases = chosen(patterns)
    if list_only:
        for title, function in cases:
            print(f"{function.__module__}.{function.__name__}: {title}")
        return 0
    if not cases:
        print("no such test", file=sys.stderr)
        return 2
    print(f"1..{len(cases)}", flush=True)
    try:
        with Lab() as lab:
            results = [run_case(lab, n, title, function) for n, (title, function) in enumerate(cases, 1)]
    except LabError as e:
        print("Bail out! " + json.dumps(str(e)), flush=True)
        return 1
    return 0 if all(results) else 1
