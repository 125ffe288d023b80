# SPDX-License-Identifier: Apache-2.0
"""Sockets of families without hooks: their refusals are events, and COMMAND cannot answer for cargowall."""

import os
import pathlib
import signal
import time

from harness import Skip, absent, case, contains, equal, found, one_line, refused, worked
from lab import wait_until
from plan import GITHUB4, JOB, JOB_ID

ALLOW = ["--allow-cidr", f"{GITHUB4}:7"]
PPPOX, RDS, VSOCK, SMC = 24, 21, 40, 43
MAKE = """
        def make(family, kind=socket.SOCK_STREAM):
            socket.socket(family, kind, 0).close()
        def make_pair(family):
            for s in socket.socketpair(family, socket.SOCK_STREAM):
                s.close()
"""
LISTEN = MAKE + """
        import ctypes, platform
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7fff0000))  # SECCOMP_RET_ALLOW
        program = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(code)))
        def listen(flags=8):
            fd = libc.syscall(317 if platform.machine() == "x86_64" else 277, 1, ctypes.c_long(flags), program)
            if fd < 0:
                raise OSError(ctypes.get_errno(), "seccomp")
            return fd
"""
# int 0x80: the entry for 32-bit programs. Addresses must be of 32 bits.
INT80 = """
        import ctypes, mmap, platform
        MAP_32BIT = 0x40
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_long
        libc.mmap.argtypes = [ctypes.c_long, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
        def pages():
            at = libc.mmap(0, 4096, 7, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT, -1, 0)
            assert 0 < at < 1 << 32, at
            return at
        code = bytes.fromhex("53 89f8 89f3 87d1 4489c6 4489cf cd80 5b c3")
        if platform.machine() == "x86_64":
            text, data = pages(), pages()
            ctypes.memmove(text, code, len(code))
            enter = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_uint] * 6)(text)
        def int80(number, *arguments):
            arguments = [*arguments, 0, 0, 0, 0, 0][:5]
            for i, value in enumerate(arguments):
                if isinstance(value, bytes):
                    ctypes.memmove(data, value, len(value))
                    arguments[i] = data
            result = enter(number, *arguments)
            if result < 0:
                raise OSError(-result, "int 0x80")
            return result
"""


def has_int80(lab):
    if os.uname().machine != "x86_64":
        return False
    return lab.plain(*lab.python(INT80 + "        report(pid=int80(20) == os.getpid())")).facts.get("pid") is True


def events(r, **fields):
    return [e for e in r.events if e["event_type"] == "protocol_blocked" and e["reason"] == "socket_family" and
            all(e.get(key) == value for key, value in fields.items())]


@case("a refused socket of another family is an event with its process, in the summary and the exit status")
def refusal(lab):
    r = lab.attack([*ALLOW, "--fail-on-denied"], MAKE + f"""
        report(pid=os.getpid(), pppox=attempt(make, {PPPOX}), vsock=attempt(make_pair, {VSOCK}), none=attempt(make, 200),
               zero=attempt(make, 0), raw=attempt(make, {RDS}, 5), tcp=attempt(tcp, GITHUB4, 7))
    """)
    equal(r.status, 3, "exit status")
    for name in ("pppox", "vsock", "raw", "none"):
        equal(r.facts[name].get("errno"), "EAFNOSUPPORT", name)
    assert "value" in r.facts["tcp"], r.facts["tcp"]
    for family in ("AF_PPPOX", "AF_VSOCK", "AF_RDS"):
        e = found(r, "protocol_blocked", socket_family=family, pid=r.facts["pid"], uid=JOB_ID, gid=JOB_ID, blocked=True,
                  would_deny=False, mode="enforce", scope="run")
        equal(e["reason"], "socket_family", "reason")
        contains(e["executable"], "/python3", "executable")
        contains(e["process"], "python3", "process")
        assert e["parents"], e
    equal(len(events(r)), 3, "events")  # not of families that no kernel has
    contains(r.err, "socket of another family", "summary")


@case("repeats are counted, not written one by one; each process has an event of its own")
def repeats(lab):
    r = lab.attack([*ALLOW, "--summary", "json"], MAKE + f"""
        for _ in range(3000):
            attempt(make, {PPPOX})
        report(pid=os.getpid())
        for _ in range(20):
            if os.fork() == 0:
                attempt(make, {RDS})
                os._exit(0)
            os.wait()
    """)
    equal(r.status, 0, "exit status")
    own = events(r, socket_family="AF_PPPOX")
    equal({e["pid"] for e in own}, {r.facts["pid"]}, "processes")
    equal(sum(e.get("count", 1) for e in own), 3000, "refusals that were counted")
    assert len(own) < 60, f"{len(own)} events"
    equal(len({e["pid"] for e in events(r, socket_family="AF_RDS")}), 20, "processes with an event")
    contains(r.err, '"denied":3020', "summary")


@case("in audit mode the call continues, and the event says that it would be denied")
def audit(lab):
    source = MAKE + f"""
        report(pid=os.getpid(), call=attempt(make, {VSOCK}, 0x7f))  # no such type: of this the kernel complains
    """
    if lab.plain(*lab.python(source)).facts["call"].get("errno") != "EINVAL":
        raise Skip("the kernel has another error for this")
    r = lab.attack([*ALLOW, "--mode", "audit", "--fail-on-denied"], source)
    equal((r.status, r.facts["call"].get("errno")), (3, "EINVAL"), "exit status, error of the kernel")
    found(r, "protocol_blocked", socket_family="AF_VSOCK", pid=r.facts["pid"], blocked=False, would_deny=True)
    enforced = lab.attack(ALLOW, source)
    equal(enforced.facts["call"].get("errno"), "EAFNOSUPPORT", "when enforced")


@case("COMMAND gets no listener of its own, which would answer in the place of cargowall")
def listener(lab):
    r = lab.attack(ALLOW, LISTEN + f"""
        def links():
            return [os.readlink(f"/proc/self/fd/{{fd}}") for fd in os.listdir("/proc/self/fd") if fd != "3"]
        report(own=attempt(listen), upper=attempt(listen, 8 | 1 << 32), log=attempt(listen, 2 | 8),
               filter=attempt(listen, 0), then=attempt(make, {SMC}))
        report(links=[link for link in links() if "seccomp" in link])
    """)
    refused(r, "own", "upper", "log", error="EBUSY")
    worked(r, "filter")
    equal((r.facts["then"].get("errno"), r.facts["links"]), ("EAFNOSUPPORT", []), "socket, listeners of COMMAND")
    found(r, "protocol_blocked", socket_family="AF_SMC")


def descriptors(pid):
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    return links


def guard_of(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found_ = [int(c) for c in children if pathlib.Path(f"/proc/{c}/comm").read_text() == "cargowall-guard\n"]
    return found_[0] if found_ else None


@case("the guard holds no listener, also one that was started again; without cargowall, calls end with their process")
def after_the_end(lab):
    running = lab.start(ALLOW, lab.python(MAKE + f"""
        print(os.getpid(), flush=True)
        report(before=attempt(make, {PPPOX}))
        input()
        os.write(1, b"calling\\n")
        report(answered=attempt(make, {RDS}))
        time.sleep(100)
    """), stdin=-1)
    job = int(running.read_line())
    running.read_line()
    first = guard_of(running.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: guard_of(running.pid) not in (None, first), "another guard")
    guard = guard_of(running.pid)
    wait_until(lambda: "/dev/null" in descriptors(guard), "the guard to settle")
    wait_until(lambda: not any("seccomp" in link for link in descriptors(guard)), "the guard to close what is not its own")
    assert any("seccomp" in link for link in descriptors(running.pid)), "cargowall has no listener"
    running.signal(signal.SIGSTOP)
    running.process.stdin.write(b"go\n")
    running.process.stdin.flush()
    equal(running.read_line(), b"calling\n", "line")
    time.sleep(0.5)
    running.signal(signal.SIGKILL)
    wait_until(lambda: not pathlib.Path(f"/proc/{job}").exists(), "the job to end", 15)
    r = running.finish()
    assert b"value" not in r.out_bytes and "value" not in r.out, f"the socket was made: {r.out}"


@case("signals during the call do not change its result")
def signals(lab):
    r = lab.attack(ALLOW, MAKE + f"""
        import signal
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.siginterrupt(signal.SIGALRM, False)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        errors = {{attempt(make, {PPPOX}).get("errno", "made") for _ in range(2000)}}
        signal.setitimer(signal.ITIMER_REAL, 0)
        report(errors=sorted(errors))
    """)
    equal((r.status, r.facts["errors"]), (0, ["EAFNOSUPPORT"]), "exit status, errors")


OUTER = """
import ctypes, os, platform, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7fff0000))
program = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(code)))
fd = libc.syscall(317 if platform.machine() == "x86_64" else 277, 1, 8, program)
if fd < 0:
    sys.exit("no listener")
os.set_inheritable(fd, True)
os.execv(sys.argv[1], sys.argv[1:])
"""


@case("where another listener exists, as in some containers, families are refused without events, and one line says so")
def outer_listener(lab):
    r = lab.plain("/usr/bin/python3", "-c", OUTER, lab.binary, "run", "--user", JOB, "--summary", "none", *ALLOW, "--",
                  *lab.python(MAKE + f"        report(pppox=attempt(make, {PPPOX}), smc=attempt(make_pair, {SMC}))"))
    refused(r, "pppox", "smc", error="EAFNOSUPPORT")
    contains(one_line(r.err, "stderr"), "without an event", "stderr")


OPTIONS = INT80 + """
        SETSOCKOPT, SOCKETCALL, SOCKET = 366, 102, 359
        four, six = new_socket(GITHUB4, socket.SOCK_DGRAM), new_socket("::1", socket.SOCK_DGRAM)
        other = new_socket(GITHUB4, socket.SOCK_DGRAM)  # the same socket cannot join twice
        group4, group6 = socket.inet_aton("239.83.69.67"), socket.inet_pton(socket.AF_INET6, "ff05::5345:4352")
        join4 = group4 + socket.inet_aton("0.0.0.0")
        join6 = group6 + struct.pack("=I", 0)
        request = struct.pack("=IHH", 0, 2, 0) + group4 + bytes(120)
        route = b"\\x01\\x83\\x07\\x04" + socket.inet_aton("203.0.113.66")
        def option(s, level, name, value):
            return int80(SETSOCKOPT, s.fileno(), level, name, value, len(value))
        def by_socketcall(s, level, name, value):
            at = data + 1024
            ctypes.memmove(at, value, len(value))
            return int80(SOCKETCALL, 14, struct.pack("=5I", s.fileno(), level, name, at, len(value)))
        report(join4=attempt(option, four, 0, 35, join4), join6=attempt(option, six, 41, 20, join6),
               join=attempt(option, four, 0, 42, request), route=attempt(option, four, 0, 4, route),
               anycast=attempt(option, six, 41, 27, join6), freebind=attempt(option, six, 41, 78, b"\\1\\0\\0\\0"),
               muxed=attempt(by_socketcall, other, 0, 35, join4))
        report(ttl=attempt(option, four, 0, 2, b"\\7\\0\\0\\0"), reuse=attempt(option, four, 1, 2, b"\\1\\0\\0\\0"),
               hops=attempt(option, six, 41, 16, b"\\7\\0\\0\\0"))
"""


@case("32-bit programs, whose socket options no hook sees, cannot join groups or set source routes")
def foreign_options(lab):
    if not has_int80(lab):
        raise Skip("this kernel runs no 32-bit programs")
    r = lab.attack(ALLOW, OPTIONS)
    refused(r, "join4", "join6", "join", "route", "anycast", "freebind", "muxed")
    worked(r, "ttl", "reuse", "hops")
    audited = lab.attack([*ALLOW, "--mode", "audit"], OPTIONS)
    worked(audited, "join4", "muxed", "ttl")


@case("an event for a 32-bit program that uses socketcall(2) names the option for it")
def socketcall(lab):
    if not has_int80(lab):
        raise Skip("this kernel runs no 32-bit programs")
    source = INT80 + """
        report(made=attempt(int80, 102, 1, struct.pack("=3I", socket.AF_INET, socket.SOCK_STREAM, 0)))
    """
    r = lab.attack(ALLOW, source)
    refused(r, "made", error="EAFNOSUPPORT")
    contains(events(r)[0]["detail"], "--allow-socketcall", "detail")
    permitted = lab.attack([*ALLOW, "--allow-socketcall"], source)
    worked(permitted, "made")
    absent(permitted, "protocol_blocked")
    audited = lab.attack([*ALLOW, "--mode", "audit"], source)
    worked(audited, "made")
