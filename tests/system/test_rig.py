# SPDX-License-Identifier: Apache-2.0
"""The rig itself, without the package: a machine boots cleanly, everything that other tests see refused is within
reach, and what is said to observe does observe."""

from harness import case, contains, equal, worked
from plan import EVIL4, EVIL6, JOB, RESOLVER4
from rig import Sender, probe


def machine(rig):
    return rig.container("machine").boot()


@case("rig: a machine boots without a failed unit, in a cgroup tree of its own")
def boots(rig):
    c = machine(rig)
    equal(c.state(), "running", "state of the machine")
    equal(c.sh("grep ^0:: /proc/1/cgroup"), "0::/init.scope", "cgroup of its systemd")
    equal(c.unit("sh", "-c", "grep ^0:: /proc/self/cgroup", name="a.service").out.strip(), "0::/system.slice/a.service",
          "cgroup of a unit")
    r = c.unit("sh", "-c", "id -un; grep ^0:: /proc/self/cgroup", name="b.service", user=JOB, slice="x.slice")
    equal(r.out.split(), [JOB, "0::/x.slice/b.service"], "user and cgroup of a unit in a slice")


@case("rig: a unit's exit status and output come through, and its journal entries are read as fields")
def results(rig):
    c = machine(rig)
    r = c.unit("sh", "-c", "echo out; echo err >&2; exit 7")
    equal((r.status, r.out, r.err), (7, "out\n", "err\n"), "status, stdout, stderr")
    c.sh("logger --tag rigtest 'hello there'")
    equal(c.wait_journal("SYSLOG_IDENTIFIER=rigtest")[0]["MESSAGE"], "hello there", "entry")


@case("rig: files are put before and after the start, in place of a symbolic link too")
def files(rig):
    c = rig.container("machine")
    c.put("/etc/resolv.conf", f"nameserver {RESOLVER4}\n")
    c.mask("systemd-resolved.service")
    c.boot()
    c.put("/run/some/where", {"a": 1})
    equal(c.sh("cat /etc/resolv.conf; cat /run/some/where; getent ahostsv4 example.com | head -1").split()[:2],
          ["nameserver", RESOLVER4], "contents")
    equal(c.prop("systemd-resolved.service", "ActiveState"), "inactive", "state of the masked unit")


@case("rig: every address is within reach of a unit, and the witness sees it")
def reachable(rig):
    c = machine(rig)
    r = probe(c, "tcp EVIL4 7", "udp EVIL4 7", "tcp EVIL6 7", "udp EVIL6 7", "reach evil.example 443", user=JOB)
    worked(r, "tcp EVIL4 7", "udp EVIL4 7", "tcp EVIL6 7", "udp EVIL6 7", "reach evil.example 443")
    equal((rig.packets(EVIL4, 17, 7), rig.packets(EVIL6, 17, 7)), (1, 1), "datagrams at the witness")
    contains(c.unit("curl", "-sS", "https://github.com/").out, "hello from github.com", "page")


@case("rig: the sender counts what gets through as passed")
def sender(rig):
    c = machine(rig)
    counts = Sender(c, rig).stop()
    equal({k: counts[k] for k in ("allowed_refused", "denied_refused", "denied_other", "dns_failed")},
          dict(allowed_refused=0, denied_refused=0, denied_other=0, dns_failed=0), f"counts that are zero in {counts}")
    assert counts["denied_passed"] >= 80 and counts["allowed_ok"] >= 80 and counts["dns_ok"] >= 10, counts
    assert rig.packets(EVIL4, 17, 7) >= 20, rig.packets(EVIL4, 17, 7)


@case("rig: the kernel lets a program be loaded and attached to the machine's cgroup root")
def programs(rig):
    c = machine(rig)
    equal(c.sh("stat -f -c %T /sys/fs/cgroup /sys/fs/bpf").split(), ["cgroup2fs", "bpf_fs"], "file systems")
    c.check("bpftool", "cgroup", "tree", "/sys/fs/cgroup")
    # systemd loads its own where a unit restricts addresses; refused with EPERM at the sender
    r = c.python("report(y=attempt(udp, EVIL4, 7))",
                 properties=("IPAddressDeny=any",))
    equal(r.facts["y"].get("errno"), "EPERM", "a datagram that systemd's program refuses")


@case("rig: two machines at once, and nothing of either is left")
def parallel(rig):
    a, b = rig.container("machine").boot(), rig.container("machine").boot()
    a.put("/run/me", "a")
    equal((a.sh("cat /run/me"), b.run("cat", "/run/me").status), ("a", 1), "files of either")
    cgroups = [path for c in (a, b) for _, path in c.cgroups]
    rig.end_case()
    equal([path for path in cgroups if path.exists()], [], "cgroups that are left")
