# SPDX-License-Identifier: Apache-2.0
"""The root file systems that containers boot from: a base of the host's own release ($SUITE: of another one), built once,
and a layer with the package under test on it. Nothing of the host's file system gets in but the package."""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from lab import LabError  # noqa: E402

CACHE = ROOT / "build-system"
TOOLS = ("mmdebstrap", "systemd-nspawn", "dpkg-deb", "nsenter", "mount", "umount")

# What a machine that runs other people's jobs has; the package's own dependencies are added to it.
PACKAGES = ("systemd", "systemd-sysv", "dbus", "polkitd", "systemd-resolved", "libnss-resolve", "libpam-systemd",
            "passwd", "procps", "util-linux", "iproute2", "bind9-dnsutils", "curl", "ca-certificates", "openssl",
            "python3", "logrotate", "bpftool", "unbound", "ldnsutils", "rsyslog", "rsyslog-relp", "systemd-journal-remote")

# Units that have no place in a container, or that would do something on their own while a test looks.
MASKED = ("systemd-binfmt.service", "systemd-modules-load.service", "console-getty.service", "getty@tty1.service",
          "systemd-networkd.service", "systemd-networkd-wait-online.service", "systemd-networkd.socket",
          "systemd-timesyncd.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
          "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "logrotate.timer", "man-db.timer",
          "systemd-tmpfiles-clean.timer", "unbound.service", "unbound-resolvconf.service",
          "rsyslog.service", "syslog.socket")


# Under an RPM, which names no packages of Debian: rpm, and the libraries.
RPM_PACKAGES = ("rpm", "libbpf1", "libc-ares2", "libelf1", "libjson-c5", "libmd0", "libpsl5", "libseccomp2", "libsystemd0")


class Unavailable(Exception):
    """The rig cannot work on this machine; the text says why."""


def missing():
    """Why no container can be made here, or None."""
    if os.geteuid() != 0:
        return "the rig boots containers and needs root"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        return "not installed: " + " ".join(absent) + " (tools/packages lists the packages)"
    return None


def release():
    """$SUITE, or the host's suite: packages built here need its libraries."""
    return os.environ.get("SUITE") or host_release()


def host_release():
    for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip('"')
    raise Unavailable("/etc/os-release has no VERSION_CODENAME: there is no suite to build a root from")


def dependencies(deb):
    """The names of the packages that a .deb needs, the first of each list of alternatives."""
    if deb.suffix == ".rpm":
        return RPM_PACKAGES
    text = subprocess.run(["dpkg-deb", "-f", deb, "Pre-Depends", "Depends"], check=True, capture_output=True,
                          text=True).stdout
    fields = re.sub(r"^(Pre-)?Depends:", ",", text, flags=re.MULTILINE).replace("\n", " ")
    first = (re.split(r"[ (|:]", clause.strip(), maxsplit=1)[0] for clause in fields.split(","))
    return sorted({name for name in first if name})


def mirror():
    """Where the machine's own apt has Debian's packages from."""
    fields = ["--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian"]
    done = subprocess.run(["apt-get", "indextargets", *fields], check=True, capture_output=True, text=True)
    if not done.stdout.strip():
        raise Unavailable("apt is configured without a mirror of Debian")
    return done.stdout.split()[0]


def sources(suite):
    """For its own release the files of the machine's apt configuration that say where packages come from."""
    if suite != host_release():
        return [mirror()]
    places = [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*.list")),
              *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"))]
    return [path for path in places if path.is_file() and path.stat().st_size]


class Base:
    """A directory build-system/SUITE-KEY, shared by all runs and never written to once it is complete. The key stands
    for what is in it, so another list of packages makes another directory; old ones may be removed at any time."""

    def __init__(self, deb=None):
        self.packages = sorted({*PACKAGES, *(dependencies(deb) if deb else ())})
        self.suite = release()
        key = hashlib.sha256("\n".join([*self.packages, *MASKED]).encode()).hexdigest()[:12]
        self.path = CACHE / f"{self.suite}-{key}"

    def ensure(self):
        """Builds it when it is not there: about a minute, and a hundred megabytes of packages."""
        CACHE.mkdir(exist_ok=True)
        with open(CACHE / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.path.is_dir():
                self._build()
        return self.path

    def _build(self):
        reason = missing()
        if reason:
            raise Unavailable(reason)
        print(f"# building a {self.suite} root with {len(self.packages)} packages (once)", flush=True)
        partial = self.path.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        acquire = CACHE / "apt.conf"  # proxies and the like
        acquire.write_text(subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True,
                                          text=True).stdout, encoding="utf-8")
        forget = "rm -rf \"$1\"/etc/apt/sources.list* \"$1\"/etc/apt/apt.conf.d/99mmdebstrap \"$1\"/var/cache/apt/*.bin"
        argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--skip=check/empty",
                "--include=" + ",".join(self.packages), f"--aptopt={acquire}", "--customize-hook=" + forget,
                self.suite, partial, *sources(self.suite)]
        log = CACHE / "mmdebstrap.log"
        with open(log, "wb") as out:
            status = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False).returncode
        acquire.unlink()
        if status:
            shutil.rmtree(partial, ignore_errors=True)
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            said = [line for line in lines if line.startswith("E:")] or lines[-1:]
            raise Unavailable(f"mmdebstrap could not build a root: {said[0] if said else status} ({log})")
        self._prepare(partial)
        partial.rename(self.path)

    @staticmethod
    def _prepare(root):
        for unit in MASKED:
            mask(root, unit)
        (root / "etc" / "machine-id").write_text("", encoding="ascii")
        (root / "etc" / "hostname").write_text("runner\n", encoding="ascii")
        (root / "etc" / "hosts").write_text("127.0.0.1 localhost runner\n::1 localhost\n", encoding="ascii")
        (root / "usr" / "sbin" / "policy-rc.d").unlink(missing_ok=True)


def mask(root, unit):
    """As systemctl mask does, in a root that is not running."""
    link = root / "etc" / "systemd" / "system" / unit
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to("/dev/null")


def mount_overlay(lower, upper, work, target):
    """lower: the lowest last."""
    for directory in (upper, work, target):
        directory.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, target], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Unavailable(f"no overlay can be mounted here: {done.stderr.strip()}")


def unmount(target):
    done = subprocess.run(["umount", "--lazy", target], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"umount {target}: {done.stderr.strip()}")
