# SPDX-License-Identifier: Apache-2.0
"""The packages under test: the one of this tree, and a later one whose programs differ. Or an RPM, which is named by $RPM:
then all tests run on a machine with it, but those that install or remove a package themselves."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from base import CACHE, ROOT
from harness import Skip
from lab import LabError

VARIANT_VERSION = "9999.0"


class Debs:
    """$DEB and $DEB_VARIANT name packages that were built before; otherwise they are built, once."""

    def __init__(self):
        self.paths = {}
        self.rpm = pathlib.Path(os.environ["RPM"]).resolve() if os.environ.get("RPM") else None

    def package(self):
        """What is installed on the machines."""
        return self.rpm or self.current()

    def current(self):
        return self._get("DEB", lambda: build_deb(ROOT, CACHE / "deb"))

    def variant(self):
        return self._get("DEB_VARIANT", build_variant_deb)

    def at_commit(self, commit):
        """$DEB_BEFORE, or built of that commit."""
        return self._get("DEB_BEFORE", lambda: build_commit_deb(commit))

    def _get(self, variable, build):
        if self.rpm:
            raise Skip("the package under test is an RPM")
        if variable not in self.paths:
            given = os.environ.get(variable)
            self.paths[variable] = pathlib.Path(given).resolve() if given else build()
        if not self.paths[variable].is_file():
            raise LabError(f"no package at {self.paths[variable]} (${variable})")
        return self.paths[variable]


def build_deb(tree, directory):
    """By tools/package, whose last line of output is the path."""
    print(f"# building the package of {tree}", flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    done = subprocess.run([tree / "tools" / "package", "deb", directory], cwd=tree, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        raise LabError(f"tools/package deb failed:\n{text[-4000:]}")
    found = sorted(path for path in directory.glob("cargowall_*.deb"))
    if len(found) != 1:
        raise LabError(f"tools/package deb left {len(found)} packages in {directory}:\n{text[-1000:]}")
    return found[0]


def vary(tree):
    """A higher version, and other instructions in the programs: every program that judges gets a new tag."""
    changelog = tree / "debian" / "changelog"
    changelog.write_text(re.sub(r"\(([^)]*)\)", f"({VARIANT_VERSION})", changelog.read_text(encoding="utf-8"), count=1),
                         encoding="utf-8")
    source = tree / "bpf" / "verdict.bpf.h"
    text, n = re.subn(r"(static __always_inline void verdict_set\([^)]*\) \{\n)",
                      r'\1        asm volatile("r0 = 0" ::: "r0");\n', source.read_text(encoding="utf-8"), count=1)
    if n != 1:
        raise LabError("bpf/verdict.bpf.h has no verdict_set() to vary")
    source.write_text(text, encoding="utf-8")


def build_variant_deb():
    """From a copy of the tree as git sees it, with a repository of its own because tools/package asks git for the
    files."""
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory(prefix="cargowall-variant-") as name:
        tree = pathlib.Path(name)
        for relative in filter(None, listed.decode().split("\0")):
            if (ROOT / relative).is_file():
                (tree / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / relative, tree / relative)
        vary(tree)
        commit_tree(tree)
        return build_deb(tree, CACHE / "deb-variant")


def commit_tree(tree):
    git = ["git", "-c", "user.name=rig", "-c", "user.email=rig@example.com", "-c", "commit.gpgsign=false"]
    for argv in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "variant"]):
        subprocess.run([*git, *argv], cwd=tree, check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1"))


def build_commit_deb(commit):
    archive = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "archive", commit], cwd=ROOT, check=False,
                             capture_output=True)
    if archive.returncode:
        raise Skip(f"commit {commit} is not in the history here")
    with tempfile.TemporaryDirectory(prefix="cargowall-before-") as name:
        subprocess.run(["tar", "-x", "-C", name], input=archive.stdout, check=True)
        commit_tree(pathlib.Path(name))
        return build_deb(pathlib.Path(name), CACHE / "deb-before")
