# SPDX-License-Identifier: Apache-2.0
"""A bare Debian root of a release, in which packages are built: build-packages/SUITE is made once, by mmdebstrap, and never
changed. Commands run in an overlay over it, with the network of this machine, since apt is part of what is tested."""

import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CACHE = SOURCE / "build-packages"
sys.path[:0] = [str(SOURCE / "tests/system"), str(SOURCE / "tests/e2e")]

import base  # noqa: E402

# /proc and /sys of this machine, and its devices: what a container engine gives a build.
ENTER = """
set -eu
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
root=$1
shift
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
"""


def run(command, log, **options):
    """A command that must not fail; its output goes to a file, whose end is shown if it does."""
    with open(log, "ab") as file:
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False,
                              **options)
    if done.returncode:
        lines = pathlib.Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
        raise AssertionError(f"{' '.join(map(str, command))[:300]}: exit status {done.returncode}\n" + "\n".join(lines[-60:]))


def base_root(suite):
    root = CACHE / suite
    if root.is_dir():
        return root
    CACHE.mkdir(exist_ok=True)
    partial = root.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    mirror = base.mirror()
    options = CACHE / "apt.conf"  # proxies and the like, which stay in the root
    options.write_text(subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True, text=True).stdout,
                       encoding="utf-8")
    extra = ["--include=ca-certificates"] if mirror.startswith("https:") else []
    run(["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--skip=check/empty",
         f"--aptopt={options}", "--dpkgopt=force-unsafe-io", *extra, suite, partial, mirror], CACHE / f"{suite}.log")
    partial.rename(root)
    return root


class Root:
    """with Root(suite, name) as root: the overlay, its log, and out, which is /out in it and stays."""

    def __init__(self, suite, name):
        self.suite, self.stack = suite, contextlib.ExitStack()
        self.out, self.log = CACHE / f"{name}-out", CACHE / f"{name}-build.log"

    def __enter__(self):
        lower = base_root(self.suite)
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        self.log.unlink(missing_ok=True)
        directory = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="work-", dir=CACHE)))
        self.path = directory / "root"
        base.mount_overlay([lower], directory / "upper", directory / "work", self.path)
        self.stack.callback(base.unmount, self.path)
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", self.path / "etc" / name)
        (self.path / "out").mkdir()
        subprocess.run(["mount", "--bind", self.out, self.path / "out"], check=True)
        self.stack.callback(base.unmount, self.path / "out")
        return self

    def __exit__(self, *exc):
        self.stack.close()

    def command(self, *argv, directory="/", network=True):
        """A command in the root; all that it starts ends with it."""
        words = ["sh", "-ec", 'cd "$1"; shift; exec "$@"', "sh", directory, *argv]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"]), "sh", "-c", ENTER, "sh",
                self.path, *words]

    def run(self, *argv, **options):
        run(self.command(*argv, **options), self.log)

    def unpack(self, archive, where):
        """The source archive, as somebody has it who downloaded it."""
        (self.path / where.lstrip("/")).mkdir(parents=True)
        subprocess.run(["tar", "-xzf", archive, "-C", self.path / where.lstrip("/"), "--strip-components=1", "--no-same-owner"],
                       check=True)
