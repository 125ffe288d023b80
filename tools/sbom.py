#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The software bill of materials of a release, SPDX 2.3 as JSON: sbom.py VERSION SOURCE-DIRECTORY DIRECTORY >FILE.

For each package in DIRECTORY: its checksum, what it needs at run time (libraries are linked, none is included), and, where
dpkg-buildpackage left a .buildinfo beside it, the exact versions of all that it was built with. The same packages give the
same text: the time is that of debian/changelog.
"""

import datetime
import email.utils
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import urllib.parse

HOME = "https://github.com/example/cargowall"
LICENSE = "Apache-2.0"
# Part of the source archive under a choice of licences: what the BPF programs share with the rest.
SOURCE_LICENSE = "Apache-2.0 AND (Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause)"


def identifier(*words):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join(words))


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True).stdout


def entry(name, version, spdx, **more):
    package = {"SPDXID": spdx, "name": name, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
               "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION", **more}
    if version:
        package["versionInfo"] = version
    return package


def located(kind, name, version=""):
    """A package URL, as other tools look it up."""
    quoted = "@" + urllib.parse.quote(version, safe="") if version else ""
    return [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": f"pkg:{kind}/{name}{quoted}"}]


class Document:
    def __init__(self):
        self.packages, self.relations = {}, []

    def add(self, package):
        self.packages.setdefault(package["SPDXID"], package)
        return package["SPDXID"]

    def relate(self, what, how, other):
        relation = {"spdxElementId": what, "relationshipType": how, "relatedSpdxElement": other}
        if relation not in self.relations:
            self.relations.append(relation)

    def artifact(self, path, version, purpose, licence=LICENSE):
        checksum = {"algorithm": "SHA256", "checksumValue": hashlib.sha256(path.read_bytes()).hexdigest()}
        spdx = self.add(entry("cargowall", version, identifier("file", path.name), packageFileName=path.name, checksums=[checksum],
                              primaryPackagePurpose=purpose, supplier="Organization: CargoWall maintainers", homepage=HOME,
                              licenseConcluded=licence, licenseDeclared=licence,
                              copyrightText="Copyright CargoWall maintainers"))
        self.relate("SPDXRef-DOCUMENT", "DESCRIBES", spdx)
        return spdx

    def deb(self, path):
        fields = dict(line.split(": ", 1) for line in output("dpkg-deb", "-f", path).splitlines() if re.match(r"[\w-]+: ", line))
        spdx = self.artifact(path, fields["Version"], "INSTALL")
        for clause in filter(None, re.split(r", *", fields.get("Depends", ""))):
            name = re.split(r"[ (|:]", clause, maxsplit=1)[0]
            needed = self.add(entry(name, "", identifier("deb", name), externalRefs=located("deb/debian", name),
                                    comment=f"Depends: {clause}"))
            self.relate(spdx, "DEPENDS_ON", needed)
        return spdx

    def built_with(self, path, spdx):
        """Installed-Build-Depends of a .buildinfo: "name (= version)", one a line."""
        field = re.search(r"^Installed-Build-Depends:((?:\n .*)+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        for name, version in re.findall(r"^ (\S+) \(= ([^)]+)\)", field[1] if field else "", re.MULTILINE):
            tool = self.add(entry(name, version, identifier("build", name, version),
                                  externalRefs=located("deb/debian", name, version)))
            self.relate(tool, "BUILD_DEPENDENCY_OF", spdx)

    def rpm(self, path):
        query = "%{VERSION}-%{RELEASE}\n[%{REQUIRENAME}\n]"
        version, *requires = output("rpm", "--query", "--package", "--queryformat", query, path).splitlines()
        spdx = self.artifact(path, version, "SOURCE" if path.name.endswith(".src.rpm") else "INSTALL")
        for name in requires:
            # Libraries and packages; not rpm's own features, nor programs that scripts name by their path.
            if not name.startswith(("rpmlib(", "/", "config(", "rtld(")):
                name = name.removesuffix("(64bit)").removesuffix("()")
                self.relate(spdx, "DEPENDS_ON", self.add(entry(name, "", identifier("rpm", name))))
        return spdx


def released(source):
    line = re.search(r"^ -- .*>  (.*)$", (source / "debian/changelog").read_text(encoding="utf-8"), re.MULTILINE)[1]
    return email.utils.parsedate_to_datetime(line).astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def fill(document, version, directory):
    archives = [document.artifact(path, version, "SOURCE", SOURCE_LICENSE) for path in sorted(directory.glob("cargowall-*.tar.gz"))]
    made = []
    for path in sorted(directory.glob("*.deb")):
        made.append(document.deb(path))
        _, number, architecture = path.stem.split("_")
        for info in directory.glob(f"cargowall_{number}_{architecture}.buildinfo"):
            document.built_with(info, made[-1])
    made += [document.rpm(path) for path in sorted(directory.glob("*.rpm"))]
    for spdx in made:
        for archive in archives:
            document.relate(spdx, "GENERATED_FROM", archive)


def main():
    version, source, directory = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    document = Document()
    fill(document, version, directory)
    packages = list(document.packages.values())
    digest = hashlib.sha256(json.dumps(packages, sort_keys=True).encode()).hexdigest()
    json.dump({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"cargowall-{version}",
               "documentNamespace": f"{HOME}/spdx/{version}-{digest[:32]}",
               "creationInfo": {"created": released(source), "creators": ["Organization: CargoWall maintainers",
                                                                          f"Tool: cargowall-sbom-{version}"]},
               "packages": packages, "relationships": document.relations}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
