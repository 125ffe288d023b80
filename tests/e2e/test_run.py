# SPDX-License-Identifier: Apache-2.0
"""`cargowall run` as a program: arguments, exit status, streams, signals, cgroups, logs."""

import json
import os
import pathlib
import shutil
import signal
import stat

from harness import Skip, absent, case, contains, equal, found, one_line, refused, untouched, worked
from lab import wait_until
from plan import EVIL4, EXAMPLE4, FOREIGN4, GITHUB4, JOB, JOB_ID, NAMELESS4, RESOLVER4

ALLOW = ["--allow", "github.com:7"]
QUIET = [*ALLOW, "--summary", "none"]


def gone(pid):
    """The process has ended; a zombie that nobody reaps has ended too."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def denials(r):
    """How many denials the events stand for."""
    return sum(e.get("count", 1) for e in r.events
               if e.get("verdict") == "deny" and e["event_type"] != "connection_closed"
               or e["event_type"] in ("connections_suppressed", "queries_suppressed"))


def never_started(lab, options, status=125, **others):
    """The run fails before COMMAND starts; returns its stderr."""
    mark = lab.dir / "work" / "started"
    mark.unlink(missing_ok=True)
    r = lab.run(options, ["touch", mark], **others)
    equal(r.status, status, "exit status")
    assert not mark.exists(), "COMMAND was started"
    equal(r.out, "", "stdout")
    return r.err


# -- exit status

@case("run: events name the process, whatever name its thread has chosen")
def thread_names(lab):
    r = lab.attack(["--allow", "github.com"], """
        import threading
        def work():
            with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as f:
                f.write("innocent")
            report(tcp=attempt(tcp, EVIL4, 7), name=attempt(dns_rcode, RESOLVER4, dnswire.query("evil.example")))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()""")
    refused(r, "tcp")
    event = found(r, "connection_blocked", dst_ip=EVIL4)
    assert event["tid"] != event["pid"], f"the main thread: {event}"
    for event in event, found(r, "dns_blocked", dst_hostname="evil.example"):
        assert event["process"].startswith("python3"), f"process: {event}"


@case("the exit status of COMMAND is that of the run")
def exit_status(lab):
    for status in (0, 1, 3, 42, 255):
        equal(lab.run(QUIET, ["sh", "-c", f"exit {status}"]).status, status, "exit status")


@case("COMMAND killed by a signal: 128 and the signal's number")
def killed_by_signal(lab):
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
        equal(lab.run(QUIET, ["sh", "-c", f"kill -{number:d} $$"]).status, 128 + number, "exit status")


@case("COMMAND not found: 127; not executable: 126")
def not_found(lab):
    equal(lab.run(QUIET, ["/nonexistent/command"]).status, 127, "not found")
    equal(lab.run(QUIET, ["no-such-command-in-path"]).status, 127, "not found in PATH")
    equal(lab.run(QUIET, ["/etc/passwd"]).status, 126, "not executable")
    equal(lab.run(QUIET, ["/"]).status, 126, "a directory")


@case("--fail-on-denied: 3 when COMMAND succeeded but something was refused")
def fail_on_denied(lab):
    options = [*QUIET, "--fail-on-denied"]
    equal(lab.attack(options, "attempt(tcp, NAMELESS4, 7)").status, 3, "a refused connection")
    equal(lab.attack(options, "resolve('evil.example')").status, 3, "a refused name")
    equal(lab.attack(options, "pass").status, 0, "nothing refused")
    equal(lab.attack(options, "attempt(tcp, NAMELESS4, 7); raise SystemExit(9)").status, 9, "COMMAND's own failure")
    equal(lab.attack(QUIET, "attempt(tcp, NAMELESS4, 7)").status, 0, "without the option")
    equal(lab.attack([*options, "--mode", "audit"], "attempt(tcp, NAMELESS4, 7)").status, 3, "would be refused")


# -- what is refused before COMMAND starts

BAD_POLICIES = (
    ("not JSON", "{", ""),
    ("unknown key", {"defaultAction": "deny", "rulez": []}, "rulez"),
    ("unknown action", {"rules": [{"type": "hostname", "value": "a.example", "action": "maybe"}]}, "$.rules[0].action"),
    ("bad CIDR", {"rules": [{"type": "cidr", "value": "10.0.0.0/33", "action": "allow"}]}, "$.rules[0].value"),
    ("bad pattern", {"rules": [{"type": "hostname", "value": "github.com", "action": "allow"},
                               {"type": "hostname", "value": "a*.example", "action": "allow"}]}, "$.rules[1].value"),
    ("bad port", {"rules": [{"type": "hostname", "value": "a.example", "action": "allow", "ports": [70000]}]},
     "$.rules[0].ports[0]"),
    ("public suffix", {"searchDomains": [".com"], "rules": []}, "$.searchDomains[0]"),
)


@case("a bad policy: 125 and one line with file, JSON path and reason; COMMAND never starts")
def bad_policy(lab):
    for what, content, path in BAD_POLICIES:
        policy = lab.policy(content)
        line = one_line(never_started(lab, ["--policy", policy]), what)
        contains(line, str(policy), what)
        contains(line, path, what)


@case("a policy file that cannot be read: 125 and one line")
def unreadable_policy(lab):
    for path in ("/nonexistent/policy.json", "/"):
        contains(one_line(never_started(lab, ["--policy", path]), "stderr"), path, "stderr")


@case("bad options: 125 and a message; COMMAND never starts")
def bad_options(lab):
    for options in (["--allow", "a*.example"], ["--allow", "github.com:99999"], ["--allow-cidr", "10.0.0.0/40"],
                    ["--mode", "perhaps"], ["--upstream", "resolver.example"], ["--summary", "xml"],
                    ["--user", "no-such-user-here"], ["--keep-fd", "x"], ["--no-such-option"]):
        user = None if "--user" in options else JOB
        assert never_started(lab, options, user=user).strip(), f"{options}: no message"


@case("no command: 125 and a message")
def no_command(lab):
    r = lab.plain(lab.binary, "run", *ALLOW, "--")
    equal((r.status, r.out), (125, ""), "exit status, stdout")
    assert r.err.strip(), "no message"


@case("without privileges: 125, one line that says what to do, COMMAND never starts")
def unprivileged(lab):
    r = lab.plain("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", lab.binary, "run", *ALLOW, "--",
                  "echo", "started")
    equal((r.status, r.out), (125, ""), "exit status, stdout")
    one_line(r.err, "stderr")


WITHOUT = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
ALLOW, ERRNO = 0x7fff0000, 0x50000
def refuse(nr, error, first=None):
    # seccomp(2): the system call fails, with this first argument if one is given
    code = [(0x20, 0, 0, 0), (0x15, 0, 1 if first is None else 3, nr)]
    if first is not None:
        code += [(0x20, 0, 0, 16), (0x15, 0, 1, first)]
    code += [(6, 0, 0, ERRNO | error), (6, 0, 0, ALLOW)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *c) for c in code))
    program = ctypes.create_string_buffer(struct.pack("HP", len(code), ctypes.addressof(text)))
    if libc.prctl(22, 2, program, 0, 0):  # PR_SET_SECCOMP
        sys.exit("no seccomp")
x86 = os.uname().machine == "x86_64"
for word in sys.argv[1].split(","):
    if word == "landlock":
        refuse(444, 38)
    else:
        refuse(317 if x86 else 277, 38)
        refuse(157 if x86 else 167, 22, 22)
os.execv(sys.argv[2], sys.argv[2:])
"""


@case("on a kernel without Landlock, one line at the start reports it, and COMMAND runs")
def without_landlock(lab):
    r = lab.plain("/usr/bin/python3", "-c", WITHOUT, "landlock", lab.binary, "run", *QUIET, "--", "echo", "started")
    equal((r.status, r.out), (0, "started\n"), "exit status, stdout")
    contains(one_line(r.err, "stderr"), "Landlock", "stderr")


@case("on a kernel that cannot filter system calls: 125 and one line; COMMAND never starts")
def without_seccomp(lab):
    r = lab.plain("/usr/bin/python3", "-c", WITHOUT, "seccomp", lab.binary, "run", *QUIET, "--", "echo", "started")
    equal((r.status, r.out), (125, ""), "exit status, stdout")
    contains(one_line(r.err, "stderr"), "filter its system calls", "stderr")


@case("with cgroup2 out of sight (as under `ip netns exec`) it mounts one for itself and enforces")
def hidden_cgroup(lab):
    log = lab.new_log()
    hide = 'umount -l /sys; mount -t sysfs sysfs /sys; exec "$@"'
    r = lab.plain("unshare", "--mount", "--propagation", "unchanged", "sh", "-c", hide, "sh",
                  lab.binary, "run", "--log", log, "--user", JOB, *QUIET, "--",
                  *lab.python("report(no=attempt(tcp, NAMELESS4, 7), name=resolve('github.com'), "
                              "yes=attempt(tcp, GITHUB4, 7))"))
    refused(r, "no")
    worked(r, "yes")
    untouched(lab, NAMELESS4)


# -- streams and terminal

@case("stdin and stdout pass through untouched")
def streams(lab):
    data = os.urandom(1 << 20)
    r = lab.run(QUIET, ["cat"], data=data)
    assert r.out_bytes == data, "stdout differs from stdin"
    equal((r.status, r.err), (0, ""), "status and stderr")


@case("stderr of COMMAND passes through; messages of cargowall never reach stdout")
def stderr_passes(lab):
    r = lab.run(ALLOW, ["sh", "-c", "echo out; echo err >&2"])
    equal(r.out, "out\n", "stdout")
    contains(r.err, "err\n", "stderr")


@case("COMMAND on a terminal is in its foreground")
def terminal(lab):
    command = lab.python("report(tty=[os.isatty(fd) for fd in range(3)], foreground=os.tcgetpgrp(0) == os.getpgrp())")
    try:
        for fd in os.openpty():
            os.close(fd)
    except OSError:
        raise Skip("no pseudo terminal can be opened here") from None
    on_terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    r = lab.plain("/usr/bin/python3", "-c", on_terminal,
                  lab.binary, "run", "--user", JOB, *QUIET, "--", *command)
    equal((r.status, r.facts.get("tty"), r.facts.get("foreground")), (0, [True] * 3, True), "status, tty, foreground")


@case("the environment and the working directory of COMMAND are the caller's")
def environment(lab):
    r = lab.run(QUIET, ["sh", "-c", "echo $MARKER; pwd"], env={"MARKER": "a b"})
    equal(r.out, f"a b\n{lab.dir}/work\n", "output")


@case("no descriptor of cargowall is left open in COMMAND")
def descriptors(lab):
    r = lab.run(QUIET, lab.python("report(fds=sorted(int(fd) for fd in os.listdir('/proc/self/fd')))"))
    equal(r.facts["fds"][:3], [0, 1, 2], "standard streams")
    assert len(r.facts["fds"]) <= 4, f"descriptors in COMMAND: {r.facts['fds']}"  # the fourth is listdir's own


@case("COMMAND runs as the user who called sudo, with that user's groups and no capabilities")
def sudo_user(lab):
    show = ["sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status"]
    r = lab.run(QUIET, show, user=None, env={"SUDO_USER": JOB, "SUDO_UID": str(JOB_ID), "SUDO_GID": str(JOB_ID)})
    equal(r.out.split("\n")[:4], [str(JOB_ID)] * 3 + ["CapEff:\t0000000000000000"], "ids and capabilities")
    equal(lab.run(QUIET, ["id", "-u"], user="root").out, "0\n", "--user root")


@case("set-uid programs keep their effect in COMMAND")
def set_uid(lab):
    program = lab.dir / "work" / "set-uid-id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    command = [program, "-u"]
    if lab.plain("setpriv", f"--reuid={JOB_ID}", f"--regid={JOB_ID}", "--clear-groups", *command).out != "0\n":
        raise Skip("set-uid programs have no effect on this file system")
    equal(lab.run(QUIET, command).out, "0\n", "effective user")


# -- signals and ends

@case("SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGQUIT reach COMMAND")
def signals_pass(lab):
    for name in ("TERM", "INT", "HUP", "USR1", "QUIT"):
        running = lab.start(QUIET, ["sh", "-c", f"trap 'echo got {name}; exit 7' {name}; echo up; "
                                    "while :; do sleep 0.02; done"])
        equal(running.read_line(), b"up\n", "first line")
        running.signal(getattr(signal, "SIG" + name))
        r = running.finish(seconds=20)
        equal((r.status, r.out), (7, f"got {name}\n"), name)


@case("processes left in the background end with the run, and its cgroup goes")
def background(lab):
    r = lab.run(QUIET, ["sh", "-c", "sleep 1000 & echo $!; setsid sleep 1000 >/dev/null 2>&1 & echo $!"])
    equal(r.status, 0, "exit status")
    for pid in r.out.split():
        wait_until(lambda pid=pid: gone(pid), f"process {pid} to end", 10)
    equal(lab.leftover_cgroups(r.pid), [], "cgroups left behind")


@case("the cgroup goes also after a denied run, a failed run and a signal")
def cgroup_removed(lab):
    for command in (["true"], ["false"], ["/nonexistent"], ["sh", "-c", "kill -9 $$"]):
        r = lab.run(QUIET, command)
        equal(lab.leftover_cgroups(r.pid), [], "cgroups left behind")


@case("the run's cgroup is below that of the caller and bears the run's pid")
def cgroup_name(lab):
    running = lab.start(QUIET, ["sh", "-c", "echo up; read line"])
    running.read_line()
    names = lab.leftover_cgroups(running.pid)
    r = running.finish(b"\n")
    equal(len(names), 1, f"cgroups of a run that lives ({names})")
    equal(lab.leftover_cgroups(r.pid), [], "cgroups left behind")


@case("G5 SIGKILL of cargowall: the job dies and not one packet gets out")
def killed(lab):
    running = lab.start(QUIET, lab.python("""
        import itertools
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            print(os.getpid(), flush=True)
            for n in itertools.count():
                if n == 1000:
                    print("sending", flush=True)
                try:
                    s.sendto(b"out", (EVIL4, 7))
                except OSError:
                    pass
    """))
    sender = int(running.read_line())
    running.read_line()
    running.signal(signal.SIGKILL)
    wait_until(lambda: gone(sender), "the job to die", 15)
    equal(running.finish().status, -signal.SIGKILL, "status")
    untouched(lab, EVIL4)


@case("several runs side by side, each with its own policy")
def side_by_side(lab):
    source = """
        report(github=[resolve("github.com"), attempt(tcp, GITHUB4, 7)][1],
               example=[resolve("example.com"), attempt(tcp, EXAMPLE4, 7)][1])
        print("up", flush=True)
        input()
        report(github2=attempt(tcp, GITHUB4, 7), example2=attempt(tcp, EXAMPLE4, 7))
    """
    runs = [lab.start(["--allow", name], lab.python(source), stdin=-1) for name in ("github.com", "example.com")]
    early = [[run.read_line() for _ in range(2)][0] for run in runs]
    facts = []
    for first, running in zip(early, runs):
        r = running.finish(b"go\n")
        lab.results.append(r)
        equal(r.status, 0, "exit status")
        facts.append({**json.loads(first), **r.facts})
    for mine, theirs, fact in (("github", "example", facts[0]), ("example", "github", facts[1])):
        for suffix in ("", "2"):
            assert "value" in fact[mine + suffix], fact
            equal(fact[theirs + suffix].get("errno"), "EPERM", f"{theirs} in the run for {mine}")


@case("a run inside a run: both policies hold")
def nested(lab):
    inner = [lab.binary, "run", "--allow", "github.com:7", "--allow", "evil.example:7", "--summary", "none", "--user",
             JOB, "--", *lab.python("""
        report(both=[resolve("github.com"), attempt(tcp, GITHUB4, 7)][1], outer_only=attempt(tcp, EXAMPLE4, 7),
               inner_only=attempt(tcp, EVIL4, 7), name=resolve("evil.example"))
    """)]
    r = lab.run(["--allow", "github.com:7", "--allow-cidr", f"{EXAMPLE4}:7", "--summary", "none"], inner, user="root",
                log=False)
    worked(r, "both")
    refused(r, "outer_only", "inner_only")
    equal(r.facts["name"], "EAI NONAME", "a name only the inner run allows")
    untouched(lab, EVIL4, EXAMPLE4)


@case("G4 the first packet of COMMAND is judged, in each of five starts")
def first_packet(lab):
    for _ in range(5):
        r = lab.attack(QUIET, "report(first=attempt(udp, EVIL4, 7))")
        refused(r, "first")
    untouched(lab, EVIL4)


# -- the log

@case("the log is made 0640, appended to, and begins and ends with the run")
def log_file(lab):
    log = lab.new_log()
    lab.run(QUIET, ["true"], log=log)
    r = lab.run(QUIET, ["true"], log=log)
    equal(stat.S_IMODE(log.stat().st_mode), 0o640, "mode")
    kinds = [e["event_type"] for e in r.events]
    equal((kinds.count("run_started"), kinds.count("run_ended")), (2, 2), "run events")
    equal((kinds[0], kinds[-1]), ("run_started", "run_ended"), "first and last event")
    found(r, "run_started", mode="enforce")


@case("the sequence numbers of a log have no gap")
def sequence(lab):
    r = lab.attack(QUIET, "resolve('github.com'); [attempt(tcp, a, 7) for a in (GITHUB4, NAMELESS4, EVIL4)]")
    numbers = [e["sequence"] for e in r.events]
    equal(numbers, list(range(1, len(numbers) + 1)), "sequence")
    assert len(numbers) >= 5, numbers


@case("F5 a log that is a symbolic link, a fifo or a device is refused")
def log_link(lab):
    target = lab.dir / "logs" / "target"
    link, fifo = lab.dir / "work" / "link", lab.dir / "work" / "fifo"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    if not fifo.exists():
        os.mkfifo(fifo)
    for path in (link, fifo, "/dev/full", "/dev/null", lab.dir / "logs"):
        contains(one_line(never_started(lab, ["--log", path, *QUIET], log=False), "stderr"), str(path), "stderr")
    assert not target.exists(), "the link was followed"


@case("the log of root for a user: no link, second name or file of others that the user can arrange leads root elsewhere")
def log_directory(lab):
    theirs, ours = lab.dir / "work" / "theirs", lab.dir / "private"
    for path in (theirs, ours):
        path.mkdir()
    os.chown(theirs, JOB_ID, JOB_ID)
    equal(lab.run(QUIET, ["true"], log=theirs / "log").status, 0, "a directory")
    equal((theirs / "log").stat().st_uid, JOB_ID, "owner")
    equal(lab.run(QUIET, ["true"], log=ours / "log").status, 0, "a directory of root's")
    equal(((ours / "log").stat().st_uid, stat.S_IMODE((ours / "log").stat().st_mode)), (JOB_ID, 0o640), "owner and mode")

    kept = ours / "kept"
    kept.write_text("kept\n")
    (theirs / "link").symlink_to(ours)
    os.link(kept, theirs / "second")
    (theirs / "moved").write_text("kept\n")  # of root, in a directory where a user can put it under any name
    (theirs / "moved").chmod(0o600)
    for name in ("link/new", "link/kept", "second", "moved"):
        for user in (JOB, None):  # None: COMMAND is root, and its log too
            if (name, user) != ("moved", None):
                contains(one_line(never_started(lab, ["--log", theirs / name, *QUIET], log=False, user=user), "stderr"),
                         str(theirs / name), "stderr")
    equal((kept.read_text(), (theirs / "moved").read_text()), ("kept\n", "kept\n"), "files of root's")
    equal(sorted(p.name for p in ours.iterdir()), ["kept", "log"], "what is in the directory of root's")

    mine = lab.dir / "work" / "mine"  # the user's own link to a place of the user's own
    mine.symlink_to(theirs)
    equal(lab.run(QUIET, ["true"], log=mine / "log").status, 0, "the user's own link")
    equal([json.loads(line)["event_type"] for line in (theirs / "log").read_text().splitlines()],
          ["run_started", "run_ended"] * 2, "events")


@case("--policy: read with the user's rights, and with root's through no link of the user's")
def policy_path(lab):
    secret, theirs = lab.dir / "secret", lab.dir / "work" / "rules"
    for path in (secret, theirs):
        path.mkdir()
    secret.chmod(0o700)
    os.chown(theirs, JOB_ID, JOB_ID)
    (secret / "policy.json").write_text('{"rules": []}')
    (theirs / "policy.json").write_text('{"rules": []}')
    (theirs / "own.json").symlink_to("policy.json")
    (theirs / "link").symlink_to(secret)
    for path in (secret / "policy.json", theirs / "policy.json", theirs / "own.json"):
        equal(lab.run(["--policy", path, "--summary", "none"], ["true"]).status, 0, f"exit status of {path}")
    for path in (theirs / "link" / "policy.json", theirs / "none.json"):
        contains(one_line(never_started(lab, ["--policy", path]), "stderr"), str(path), "stderr")
    equal(lab.run(["--policy", "/dev/stdin", "--summary", "none"], ["true"], data=b'{"rules": []}').status, 0, "a pipe")


@case("the environment makes no policy file more permissive, and what it changes is said on stderr and in the log")
def policy_and_environment(lab):
    file = lab.policy({"rules": [{"type": "hostname", "value": "github.com", "action": "allow"}]})
    audit = lab.policy({"mode": "audit", "rules": []})
    connect = lab.python("report(c=attempt(tcp, NAMELESS4, 7))")
    quiet = ["--summary", "none"]

    def started(r):
        return found(r, "run_started").get("detail", "")

    r = lab.run(["--policy", file, *quiet], connect)
    equal((r.err, started(r)), ("", ""), "without variables")
    for name, value in (("CARGOWALL_AUDIT_MODE", "true"), ("CARGOWALL_DEFAULT_ACTION", "allow")):
        r = lab.run(["--policy", file, *quiet], connect, env={name: value})
        refused(r, "c")
        contains(one_line(r.err, "stderr"), f"{name}={value}", "stderr")
        contains(r.err, "ignored", "stderr")
        equal(found(r, "run_started")["mode"], "enforce", "mode")
        equal(started(r), "", "detail")
    r = lab.run(["--policy", audit, *quiet], connect, env={"CARGOWALL_AUDIT_MODE": "false"})
    refused(r, "c")
    contains(one_line(r.err, "stderr"), "CARGOWALL_AUDIT_MODE=false", "stderr")
    for options in (["--policy", file], ["--allow", "github.com"]):
        r = lab.run([*options, *quiet], connect, env={"CARGOWALL_ALLOWED_CIDRS": NAMELESS4})
        worked(r, "c")
        contains(one_line(r.err, "stderr"), f"CARGOWALL_ALLOWED_CIDRS={NAMELESS4}", "stderr")
        equal(started(r), "environment: CARGOWALL_ALLOWED_CIDRS", "detail")
    r = lab.run(["--policy", file, "--mode", "audit", *quiet], connect, env={"CARGOWALL_AUDIT_MODE": "true"})
    equal((r.err, found(r, "run_started")["mode"]), ("", "audit"), "--mode has the last word")
    r = lab.run(quiet, connect, env={"CARGOWALL_ALLOWED_CIDRS": NAMELESS4, "CARGOWALL_AUDIT_MODE": "true"})
    equal((r.err, found(r, "run_started")["mode"]), ("", "audit"), "the environment alone")
    equal(started(r), "environment: CARGOWALL_AUDIT_MODE, CARGOWALL_ALLOWED_CIDRS", "detail")


@case("a full log disk: COMMAND is unaffected, refusals continue, the loss is reported")
def full_disk(lab):
    small = lab.dir / "small"
    small.mkdir()
    equal(lab.plain("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small).status, 0, "mount")
    r = lab.run(ALLOW + ["--log", small / "log"], lab.python("""
        for port in range(1000, 1400):
            outcome = attempt(tcp, NAMELESS4, port)
            assert outcome.get("errno") == "EPERM", outcome
        report(last=outcome)
    """), log=False)
    refused(r, "last")
    contains(r.err.lower(), "lost", "stderr")
    untouched(lab, NAMELESS4)


@case("D5 a flood of refusals: every one is refused, and the log holds or counts each")
def flood(lab):
    r = lab.attack(QUIET, """
        n = 0
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for i in range(100000):
            try:
                s.sendto(b"x", ("203.0.113.%d" % (64 + i % 60), 1024 + i % 40000))
            except PermissionError:
                n += 1
        report(refused=n)
    """)
    equal(r.facts["refused"], 100000, "refusals")
    equal(denials(r), 100000, "denials in the log, with those that were suppressed")
    assert len(r.events) < 20000, f"{len(r.events)} events"
    assert found(r, "connections_suppressed")
    untouched(lab, EVIL4, NAMELESS4)


@case("repeats are merged: the first refusal at once, then one event a second, the counts exact")
def merged_refusals(lab):
    r = lab.attack([*ALLOW, "--fail-on-denied", "--summary", "json"], """
        def refused(addr, port):
            with socket.socket() as s:
                return s.connect_ex((addr, port)) == errno.EPERM
        report(refused=[sum(refused("203.0.113.70", port) for _ in range(20000)) for port in (443, 444)])
        os.fork()
        refused("203.0.113.70", 445)
    """)
    equal((r.facts["refused"], r.status), ([20000, 20000], 3), "refusals, exit status")
    for port, n in ((443, 20000), (444, 20000), (445, 2)):
        logged = [e for e in r.events if e["event_type"] == "connection_blocked" and e["dst_port"] == port]
        equal(sum(e.get("count", 1) for e in logged), n, f"refusals of port {port} in the log")
        assert "count" not in logged[0], f"the first refusal waits: {logged[0]}"
        assert len(logged) <= 2 + r.seconds, f"{len(logged)} events for port {port} in {r.seconds} s"
    equal(len({e["pid"] for e in r.events if e.get("dst_port") == 445}), 2, "processes with an event of their own")
    absent(r, "connections_suppressed")
    equal(json.loads(r.err.splitlines()[-1])["totals"]["denied"], 40002, "denied, in the summary")


@case("repeats of a refused name are merged, and many names are limited; the counts are exact")
def refused_names(lab):
    r = lab.attack([*ALLOW, "--summary", "json"], """
        n = 3000
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.connect((RESOLVER4, 53))
            def ask(name):
                s.send(dnswire.query(name))
                s.recv(4096)
            for i in range(n):
                ask("evil.example")
            for i in range(n):
                ask("n%d.evil.example" % i)
        report(done=True)
    """)
    equal(r.facts["done"], True, "answers")
    same = [e for e in r.events if e.get("dst_hostname") == "evil.example"]
    equal(sum(e.get("count", 1) for e in same), 3000, "refusals of one name in the log")
    assert len(same) <= 2 + r.seconds, f"{len(same)} events for one name in {r.seconds} s"
    equal(denials(r), 6000, "refusals in the log, with those that were suppressed")
    assert found(r, "queries_suppressed")
    equal(json.loads(r.err.splitlines()[-1])["totals"]["denied"], 6000, "denied, in the summary")


@case("a loop of refused connections: each is reported, none is lost")
def loop_of_refusals(lab):
    r = lab.attack(ALLOW, """
        s = socket.socket()
        report(refused=sum(s.connect_ex(("203.0.113.70", 443)) == errno.EPERM for _ in range(300000)))
    """, log=False)
    equal(r.facts["refused"], 300000, "refusals")
    contains(r.err, "300000 connections", "the summary")
    assert "lost" not in r.err, r.err


@case("names that share an address: a connection has the one that its process looked up, from begin to end")
def names_on_one_address(lab):
    ask = "socket.getaddrinfo(sys.argv[1], 7, socket.AF_INET)[0][4]"
    other = f"import socket, sys; socket.create_connection({ask}).close()"
    r = lab.attack(["--allow", "github.com:7", "--allow", "shared.example:7", "--summary", "json"], f"""
        import sys
        def addr_of(name):
            return socket.getaddrinfo(name, 7, socket.AF_INET)[0][4]
        for name in ("github.com", "shared.example"):
            socket.create_connection(addr_of(name)).close()
        first = addr_of("github.com")
        s = socket.create_connection(first)
        os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", {other!r}, "shared.example"])  # meanwhile
        socket.create_connection(first).close()
        s.close()
        report(done=True)
    """)
    equal(r.facts["done"], True, "connections")
    wanted = ["github.com", "shared.example", "github.com", "shared.example", "github.com"]
    begun = [e for e in r.events if e["event_type"] == "connection_allowed"]
    equal([e["dst_hostname"] for e in begun], wanted, "names at the begin")
    equal([e["matched_rule"] for e in begun], wanted, "rules at the begin")
    ports = {e["src_port"]: e["dst_hostname"] for e in begun}
    ended = [e for e in r.events if e["event_type"] == "connection_closed"]
    equal(len(ended), len(wanted), "ends")
    for e in ended:
        equal(e["dst_hostname"], ports[e["src_port"]], "name at the end")
    listed = {d["hostname"]: d["count"] for d in json.loads(r.err.splitlines()[-1])["destinations"]}
    equal(listed, {"github.com": 3, "shared.example": 2}, "connections in the summary")


@case("--upstream: queries go to the servers named there and nowhere else")
def upstream(lab):
    r = lab.attack([*QUIET, "--upstream", "198.51.100.99"], "report(name=resolve('github.com'))")
    assert GITHUB4 in r.facts["name"], r.facts
    assert lab.packets("198.51.100.99", port=53) > 0, "no query at the server"
    equal(lab.packets("198.51.100.53"), 0, "packets at the resolver of resolv.conf")


@case("several upstreams: a query that is addressed to one of them is answered by that one alone")
def upstream_addressed(lab):
    r = lab.attack([*QUIET, "--upstream", RESOLVER4, "--upstream", FOREIGN4], """
        ask = dnswire.query("github.com")
        report(udp=dns_udp(FOREIGN4, ask)["rcode"], tcp=dns_tcp(FOREIGN4, [ask])[0x1234]["rcode"])
    """)
    equal(r.facts, {"udp": "NOERROR", "tcp": "NOERROR"}, "answers")
    assert lab.packets(FOREIGN4, port=53) > 0, "no query at the server that was addressed"
    equal(lab.packets(RESOLVER4), 0, "packets at the other upstream")


@case("no resolver: the run starts, names fail at once, and the first one in resolv.conf is followed")
def no_resolver(lab):
    conf = lab.dir / "etc" / "resolv.conf"
    before = conf.read_text(encoding="ascii")
    try:
        conf.parent.chmod(0o777)
        conf.write_text("# nothing yet\n", encoding="ascii")
        r = lab.attack(QUIET, f"""
            first = dns_udp(RESOLVER4, dnswire.query("github.com"))["rcode"]
            with open("/etc/resolv.conf.new", "w") as f:
                f.write("nameserver {RESOLVER4}\\n")
            os.rename("/etc/resolv.conf.new", "/etc/resolv.conf")
            began = time.monotonic()
            while dns_udp(RESOLVER4, dnswire.query("github.com"))["rcode"] != "NOERROR" and time.monotonic() < began + 60:
                time.sleep(0.1)
            report(first=first, tcp=attempt(tcp, GITHUB4, 7), direct=attempt(tcp, NAMELESS4, 7))
        """, seconds=90)
    finally:
        conf.parent.chmod(0o755)
        conf.write_text(before, encoding="ascii")
    equal(r.facts["first"], "SERVFAIL", "answer without a resolver")
    worked(r, "tcp")
    refused(r, "direct")
    contains(r.err, "no upstream resolver", "what the run says")


@case("several upstreams: a dead one is passed over")
def failover(lab):
    r = lab.attack([*QUIET, "--upstream", "198.51.100.67", "--upstream", "[2001:db8:53::99]:53"],
                   "report(name=resolve('github.com'))")
    assert GITHUB4 in r.facts["name"], r.facts
    assert r.seconds < 15, f"took {r.seconds} s"


@case("all upstreams dead: SERVFAIL in bounded time, no hang")
def dead_upstream(lab):
    r = lab.attack([*QUIET, "--upstream", "198.51.100.67"], """
        LIMIT_OF_THIS_TEST = 30
        s = new_socket(RESOLVER4, socket.SOCK_DGRAM)
        s.settimeout(LIMIT_OF_THIS_TEST)
        s.sendto(dnswire.query("github.com"), (RESOLVER4, 53))
        report(rcode=dnswire.parse(s.recv(4096))["rcode"], direct=attempt(tcp, NAMELESS4, 7))
    """)
    refused(r, "direct")
    equal(r.facts["rcode"], "SERVFAIL", "answer")
    failed = [(e["dst_hostname"], e["query_type"], e["detail"]) for e in r.events if e["event_type"] == "upstream_failed"]
    equal(failed, [("github.com", "A", "upstream 198.51.100.67:53 did not answer")], "failures")
    assert r.seconds < 25, f"took {r.seconds} s"
    untouched(lab, NAMELESS4)


@case("--help and --version print to stdout and succeed")
def help_text(lab):
    for option in ("--help", "--version"):
        r = lab.plain(lab.binary, option)
        equal((r.status, r.err), (0, ""), option)
        contains(r.out, "cargowall", option)
    contains(lab.plain(lab.binary, "run", "--help").out, "--fail-on-denied", "run --help")
