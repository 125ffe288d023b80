#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/release --assemble: checksums, SBOM and signature of packages that others built; and the version that all files agree
on. TAP. The packages are small ones of the test's own; tests/packaging/run builds real ones."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
FILES = ("tools/release", "tools/sbom.py", "tests/packaging/check_versions.py", "meson.build", "debian/changelog",
         "rpm/cargowall.spec")
CONTROL = """Package: cargowall
Version: {version}+deb12
Architecture: amd64
Maintainer: Nobody <nobody@example.com>
Depends: libc6 (>= 2.36), libbpf1 (>= 1:1.1), default-dbus-system-bus | dbus-system-bus
Description: test
"""
BUILDINFO = """Format: 1.0
Source: cargowall
Installed-Build-Depends:
 clang (= 1:14.0-55.7),
 libbpf-dev (= 1:1.1.2-0+deb12u1)
Environment:
 LANG="C.UTF-8"
"""
failed = number = 0


def result(good, title, why=""):
    global failed, number
    number += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {title}", flush=True)
    if not good:
        print("\n".join("# " + line for line in str(why).splitlines()))


def run(*command, **options):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False, **options)


def version_of(tree):
    return run(tree / "tests/packaging/check_versions.py").stdout.split("the version is ")[1].split()[0]


def make_packages(directory, version):
    root = directory.parent / "package"
    shutil.rmtree(root, ignore_errors=True)
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(CONTROL.format(version=version), encoding="utf-8")
    directory.mkdir()
    name = f"cargowall_{version}+deb12_amd64"
    run("dpkg-deb", "--root-owner-group", "--build", root, directory / f"{name}.deb", env={**os.environ, "SOURCE_DATE_EPOCH": "1"})
    (directory / f"{name}.buildinfo").write_text(BUILDINFO, encoding="utf-8")
    (directory / f"cargowall-{version}.tar.gz").write_bytes(b"source")


def check_sbom(path, version):
    document = json.loads(path.read_text(encoding="utf-8"))
    packages = {package["SPDXID"]: package for package in document["packages"]}
    relations = {(r["spdxElementId"], r["relationshipType"], r["relatedSpdxElement"]) for r in document["relationships"]}
    ids = {"SPDXRef-DOCUMENT", *packages}
    deb = f"SPDXRef-file-cargowall-{version}-deb12-amd64.deb"
    wanted = {("SPDXRef-DOCUMENT", "DESCRIBES", deb), (deb, "DEPENDS_ON", "SPDXRef-deb-libbpf1"),
              (deb, "DEPENDS_ON", "SPDXRef-deb-default-dbus-system-bus"),
              (deb, "GENERATED_FROM", f"SPDXRef-file-cargowall-{version}.tar.gz"),
              ("SPDXRef-build-clang-1-14.0-55.7", "BUILD_DEPENDENCY_OF", deb)}
    result(wanted <= relations, "the SBOM has what a package needs, is made of and was built with", wanted - relations)
    result(document["spdxVersion"] == "SPDX-2.3" and all({r[0], r[2]} <= ids for r in relations) and
           all({"SPDXID", "name", "downloadLocation"} <= set(package) for package in packages.values()),
           "its references and required fields are complete", document)


def make_key(home):
    return run("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "release@example.com", "ed25519", "sign", "never",
               env={**os.environ, "GNUPGHOME": str(home)})


def check_signature(tree, version, directory, home):
    home.mkdir(mode=0o700)
    environment = {**os.environ, "GNUPGHOME": str(home), "RELEASE_KEY": "release@example.com"}
    try:
        made = make_key(home)
        done = run(tree / "tools/release", "--assemble", version, directory, env=environment)
        verified = run("gpg", "--batch", "--verify", "SHA256SUMS.asc", "SHA256SUMS", cwd=directory, env=environment)
        result(made.returncode == done.returncode == verified.returncode == 0, "with a key, the checksums are signed",
               made.stdout + done.stdout + verified.stdout)
    finally:
        run("gpgconf", "--kill", "all", env=environment)


def main():
    print("1..8")
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name) / "tree"
        for file in FILES:
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / file, tree / file)
        version = version_of(tree)
        environment = {key: value for key, value in os.environ.items() if key != "RELEASE_KEY"}
        directories = [pathlib.Path(name) / "first", pathlib.Path(name) / "second"]
        for directory in directories:
            make_packages(directory, version)
            done = run(tree / "tools/release", "--assemble", version, directory, env=environment)
            result(done.returncode == 0 and done.stdout.strip() == str(directory), f"assembled: {directory.name}", done.stdout)
        first, second = directories
        same = {path.name: path.read_bytes() for path in first.iterdir()} == {p.name: p.read_bytes() for p in second.iterdir()}
        result(same, "twice the same")
        sums = run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=first)
        result(sums.returncode == 0 and len(sums.stdout.splitlines()) == len(list(first.iterdir())) - 1, "checksums of all files",
               sums.stdout)
        check_sbom(first / f"cargowall-{version}.spdx.json", version)
        done = run(tree / "tools/release", "--assemble", "99.0", first, env=environment)
        result(done.returncode != 0 and "debian/changelog" in done.stdout, "another version is refused", done.stdout)
        if shutil.which("gpg"):
            check_signature(tree, version, second, pathlib.Path(name) / "gpg")
        else:
            print("ok 8 - with a key, the checksums are signed # SKIP gpg is not installed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
