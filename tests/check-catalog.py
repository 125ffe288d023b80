#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds message ids, catalog and documentation together. TAP.

check-catalog.py ROOT: every id of src/event/message-id.h has one entry in units/cargowall.catalog and a line in
docs/events.md, and the other way round; entries are complete and name fields that every record of theirs has;
journalctl takes the catalog.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# What each record has; see put_*() in src/event/event-journal.c.
ALWAYS = {"CARGOWALL_EVENT", "MESSAGE", "PRIORITY", "MESSAGE_ID"}
TRAFFIC = ALWAYS | {"CARGOWALL_SCOPE", "CARGOWALL_VERDICT", "CARGOWALL_REASON", "CARGOWALL_MODE"}
FIELDS = {
    "EVENTS_LOST": ALWAYS | {"CARGOWALL_COUNT"},
    "CONNECTIONS_SUPPRESSED": ALWAYS | {"CARGOWALL_COUNT", "CARGOWALL_DETAIL", "CARGOWALL_MODE"},
    "QUERIES_SUPPRESSED": ALWAYS | {"CARGOWALL_COUNT", "CARGOWALL_DETAIL", "CARGOWALL_MODE"},
    "UPSTREAM_FAILED": ALWAYS | {"CARGOWALL_COUNT", "CARGOWALL_DETAIL", "CARGOWALL_MODE"},
    "QUERIES_LIMITED": ALWAYS | {"CARGOWALL_COUNT", "CARGOWALL_DETAIL", "CARGOWALL_MODE"},
    "JOB_BEGUN": ALWAYS,
    "JOB_ENDED": ALWAYS,
    "PRIVILEGED_CALL": ALWAYS | {"CARGOWALL_DETAIL"},
    "MODE_CHANGED": ALWAYS | {"CARGOWALL_MODE", "CARGOWALL_DETAIL"},
    "POLICY_REJECTED": ALWAYS | {"CARGOWALL_MODE", "CARGOWALL_DETAIL"},
    "HOOK_LOST": ALWAYS | {"CARGOWALL_MODE", "CARGOWALL_DETAIL"},
    "PROXY_SHARED": ALWAYS | {"CARGOWALL_MODE", "CARGOWALL_DETAIL"},
    "STATE_NOT_KEPT": ALWAYS | {"CARGOWALL_MODE", "CARGOWALL_DETAIL"},
    "POLICY_LOADED": ALWAYS | {"CARGOWALL_MODE"},
    "RUN_STARTED": ALWAYS | {"CARGOWALL_MODE"},
    "RUN_ENDED": ALWAYS | {"CARGOWALL_MODE"},
    "ENFORCEMENT_STARTED": ALWAYS | {"CARGOWALL_MODE"},
    "ENFORCEMENT_ENDED": ALWAYS | {"CARGOWALL_MODE"},
    "ENFORCEMENT_RESUMED": ALWAYS | {"CARGOWALL_MODE"},
}


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def result(self, name, faults):
        self.n += 1
        faults = list(faults)
        for fault in faults:
            print(f"# {fault}")
        self.failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {self.n} - {name}")

    def skip(self, name, why):
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {why}")


def read_ids(root):
    text = (root / "src/event/message-id.h").read_text()
    return re.findall(r'^#define MESSAGE_ID_(\w+) "([0-9a-f]{32})"$', text, re.MULTILINE)


def read_entries(root):
    """Yields id, headers and text of each entry; a catalog file has comments before the first only."""
    text = (root / "units/cargowall.catalog").read_text()
    for part in re.split(r"^-- ", text, flags=re.MULTILINE)[1:]:
        first, _, rest = part.partition("\n")
        headers, _, body = rest.partition("\n\n")
        yield first.strip(), dict(line.split(": ", 1) for line in headers.splitlines()), body.strip()


def id_faults(ids):
    values = [value for _, value in ids]
    if not ids:
        yield "no ids"
    yield from (f"{value} twice" for value in sorted(set(values)) if values.count(value) > 1)


def pairing_faults(ids, listed, where):
    known = dict((value, name) for name, value in ids)
    yield from (f"{name} ({value}) is not in {where}" for value, name in known.items() if value not in listed)
    yield from (f"{value} in {where} is no message id" for value in listed if value not in known)
    yield from (f"{value} in {where} twice" for value in set(listed) if listed.count(value) > 1)


def entry_faults(name, headers, body):
    for key in ("Subject", "Defined-By", "Documentation"):
        if not headers.get(key):
            yield f"{name} has no {key}"
    if headers.get("Defined-By") != "CargoWall":
        yield f"{name} is defined by {headers.get('Defined-By')}"
    if len(body) < 40:
        yield f"{name} explains nothing"
    for field in set(re.findall(r"@([A-Z_]+)@", body + headers.get("Subject", ""))):
        if field not in FIELDS.get(name, TRAFFIC):
            yield f"{name} names {field}, which a record may lack"


def journalctl_faults(root, n_entries):
    with tempfile.TemporaryDirectory() as temporary:
        target = pathlib.Path(temporary) / "usr/lib/systemd/catalog"
        target.mkdir(parents=True)
        shutil.copy(root / "units/cargowall.catalog", target)
        for command, wanted in (["--update-catalog"], None), (["--list-catalog"], n_entries):
            done = subprocess.run(["journalctl", f"--root={temporary}", *command], capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=60, check=False)
            if done.returncode != 0 or done.stderr.strip():
                yield f"journalctl {command[0]}: {done.returncode} {done.stderr.strip()}"
            elif wanted is not None and len(done.stdout.splitlines()) != wanted:
                yield f"journalctl lists {len(done.stdout.splitlines())} entries, not {wanted}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    tap = Tap()
    ids = read_ids(root)
    entries = list(read_entries(root))
    names = dict((value, name) for name, value in ids)
    documented = re.findall(r"^\| `([0-9a-f]{32})`", (root / "docs/events.md").read_text(), re.MULTILINE)

    tap.result("message ids are unique", id_faults(ids))
    tap.result("catalog and ids", pairing_faults(ids, [entry[0] for entry in entries], "the catalog"))
    tap.result("documentation and ids", pairing_faults(ids, documented, "docs/events.md"))
    tap.result("catalog entries", (fault for value, headers, body in entries
                                   for fault in entry_faults(names.get(value, value), headers, body)))
    if shutil.which("journalctl"):
        tap.result("journalctl --update-catalog", journalctl_faults(root, len(entries)))
    else:
        tap.skip("journalctl --update-catalog", "there is no journalctl")
    print(f"1..{tap.n}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
