#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One version, in all places that name it: check_versions.py [VERSION]. With VERSION, it must be that one. TAP."""

import datetime
import email.utils
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def found():
    """Place: version."""
    def first(path, pattern):
        match = re.search(pattern, (SOURCE / path).read_text(encoding="utf-8"), re.MULTILINE)
        return match[1] if match else "none"
    return {"meson.build": first("meson.build", r"^ *version: '([^']+)'"),
            "debian/changelog": first("debian/changelog", r"\A\S+ \(([^)]+)\)"),
            "rpm/cargowall.spec": first("rpm/cargowall.spec", r"^Version: +(\S+)$"),
            "%changelog of rpm/cargowall.spec": first("rpm/cargowall.spec", r"^%changelog\n\* .* - ([^\s-]+)-\d+$")}


def dates():
    """The day of the newest entry of both changelogs."""
    debian = re.search(r"^ -- .*>  (.*)$", (SOURCE / "debian/changelog").read_text(encoding="utf-8"), re.MULTILINE)[1]
    spec = re.search(r"^%changelog\n\* (\w+ \w+ \d+ \d+) ", (SOURCE / "rpm/cargowall.spec").read_text(encoding="utf-8"),
                     re.MULTILINE)[1]
    return email.utils.parsedate_to_datetime(debian).date(), datetime.datetime.strptime(spec, "%a %b %d %Y").date()


def main():
    versions, (debian, spec) = found(), dates()
    wanted = sys.argv[1] if len(sys.argv) > 1 else versions["meson.build"]
    wrong = {place: version for place, version in versions.items() if version != wanted}
    print("1..2")
    print(f"{'not ok' if wrong else 'ok'} 1 - the version is {wanted} everywhere")
    for place, version in wrong.items():
        print(f"# {place}: {version}")
    print(f"{'ok' if debian == spec else 'not ok'} 2 - the newest entry of both changelogs is of one day: {debian}, {spec}")
    return 1 if wrong or debian != spec else 0


if __name__ == "__main__":
    sys.exit(main())
