#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the layers apart: an include names its layer, and each layer may see only those below it."""

import pathlib
import re
import sys

PURE = {"basic": set(), "policy": {"basic"}, "dns": {"basic", "policy"}, "event": {"basic", "policy"},
        "config": {"basic", "event", "policy"}}
ALLOWED = PURE | {
    "kernel": {"basic", "policy", "dns"},
    "net": {"basic", "dns"},
    "host": {"basic", "net", "config", "policy"},
    "identity": {"basic", "event", "host"},
    "sink": {"basic", "event", "host"},
    "engine": {"basic", "policy", "dns", "event", "kernel", "net", "host", "identity"},
    "handover": {"basic", "kernel"},
    "daemon": {"basic", "policy", "dns", "event", "config", "host", "identity", "sink", "engine", "handover"},
    "bus": {"basic", "policy", "event", "host", "daemon"},
    "main": {"basic", "host", "daemon", "bus", "run", "cli"},
    "ctl": {"basic", "policy", "event", "net", "host", "cli"},
    "run": {"basic", "policy", "event", "net", "host", "sink", "engine", "cli"},
    "cli": {"basic", "policy", "event"},
}
# Of a layer below, one may see these headers alone.
ONLY = {("bus", "daemon"): {"daemon/service.h"}, ("main", "daemon"): {"daemon/service-life.h"},
        ("main", "bus"): {"bus/bus.h"}}
API_H = {"policy", "event", "config", "kernel", "identity", "engine", "handover"}  # who may see what the kernel shares
# The pure part of other layers.
PURE_FILES = {"cli/destination-table", "cli/journal-record", "cli/name-set", "cli/recorded-event", "cli/recorded-filter", "cli/replay-table",
              "cli/suggest-denials", "cli/suggest-document", "cli/suggest-table", "cli/suggest-text",
              "handover/predecessors", "handover/state-log", "handover/state-record"}
JSON = {"policy", "ctl", "cli"}  # who reads JSON: what came from outside; the service never reads what it wrote
# Pure layers: no descriptor, no clock, no log, no loop.
IMPURE = re.compile(r"systemd/|bpf/(lib)?bpf\.h|ares\.h|sys/(socket|random|mman|epoll)\.h|fcntl\.h|time\.h|syslog\.h")
# The types of addresses only; and the one reader of clocks, which no pure layer may include.
PURE_MAY = {"basic/in-addr": {"sys/socket.h"}, "basic/clock": {"time.h"}}
PURE_MAY_NOT = {"basic/clock.h"}


def faults(root):
    for path in sorted((root / "src").rglob("*.[ch]")):
        name = path.relative_to(root / "src")
        layer = name.parts[0]
        module = str(name.with_suffix(""))
        for line_number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
            if not match:
                continue
            own, system = match.groups()
            where = f"{path.relative_to(root)}:{line_number}"
            if own == "bpf/api.h" and layer not in API_H:
                yield f"{where}: {layer} may not see {own}"
            elif own and "/" in own and own.split("/")[0] not in ALLOWED[layer] | {layer, "bpf"}:
                yield f"{where}: {layer} may not see {own}"
            elif own and own not in ONLY.get((layer, own.split("/")[0]), {own}):
                yield f"{where}: {layer} may not see {own}"
            elif system and (layer in PURE or module in PURE_FILES) and IMPURE.match(system):
                if system not in PURE_MAY.get(module, set()):
                    yield f"{where}: {module} is pure, <{system}> is not"
            elif own and module in PURE_FILES and own.split("/")[0] not in PURE.keys() | {"bpf"} and \
                    own.removesuffix(".h") not in PURE_FILES:
                yield f"{where}: {module} is pure, {own} is not"


def main():
    found = list(faults(pathlib.Path(sys.argv[1])))
    for fault in found:
        print(f"# {fault}")
    print(f"1..1\n{'not ok' if found else 'ok'} 1 - includes follow the layers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
