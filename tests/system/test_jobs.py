# SPDX-License-Identifier: Apache-2.0
"""Documents for jobs: what a unit may while a job of this kind runs in it."""

import json

from harness import Skip, case, contains, equal, refused, worked
from lab import wait_until
from plan import JOB, JOB_ID
from rig import OTHER_ID, SERVICE, allow, bus_get, ctl, main_pid, wait_restarted

ONE, TWO, NEITHER = "203.0.113.21", "203.0.113.22", "203.0.113.23"  # echo on every address of the lab
YES, NO = "hello", "EPERM"
UNIT = "/sys/fs/cgroup/system.slice/runner.service"
RELEASE = {"jobs": [{"workflow": "release", "repository": "acme/*"}]}


def documents(release=None):
    """The runner's unit reaches ONE and TWO; a release job ONE and, of what the unit has no business with, NEITHER."""
    return {"runner": allow(ONE + "/32", TWO + "/32", "github.com", "*.wild.example.com",
                            match={"units": ["runner.service"]}),
            "release": release or allow(ONE + "/32", NEITHER + "/32", "github.com", match=RELEASE)}


# A connection to the bus whose process has ended and whose process id is another unit's by now. The second half of the
# handshake comes after that, so that the bus learns nothing of the process any earlier.
USED_AGAIN = """
    import array, contextlib, ctypes
    lib = ctypes.CDLL("libsystemd.so.0")
    here, there = socket.socketpair()
    go, went = os.pipe()
    pid = os.fork()
    if pid == 0:  # connects, hands the connection over and ends
        os.setresuid(OTHER_ID, OTHER_ID, OTHER_ID)
        s = socket.socket(socket.AF_UNIX)
        s.connect("/run/dbus/system_bus_socket")
        there.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
        os._exit(0)
    fds = array.array("i")
    fds.frombytes(here.recvmsg(1, socket.CMSG_SPACE(4))[1][0][2])
    out, result = os.pipe()
    if os.fork() == 0:  # has the connection
        os.setresuid(OTHER_ID, OTHER_ID, OTHER_ID)
        os.read(go, 1)
        bus, reply = ctypes.c_void_p(), ctypes.c_void_p()
        assert lib.sd_bus_new(ctypes.byref(bus)) >= 0 and lib.sd_bus_set_fd(bus, fds[0], fds[0]) >= 0
        lib.sd_bus_set_bus_client(bus, 1)
        assert lib.sd_bus_start(bus) >= 0
        r = lib.sd_bus_call_method(bus, b"org.cargowall1", b"/org/cargowall1", b"org.cargowall1.Manager", b"EndJob", None,
                                   ctypes.byref(reply), b"oa{sv}", b"JOB_PATH", 0)
        os.write(result, str(r).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    end, unit = time.monotonic() + 60, ""
    while "victim.service" not in unit and time.monotonic() < end:
        with open("/proc/sys/kernel/ns_last_pid", "w") as f:
            f.write(str(pid - 1))
        time.sleep(0.06)
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cgroup") as f:
            unit = f.read()
    os.write(went, b"x")
    report(victims="victim.service" in unit, ended=int(os.read(out, 32)))
"""

ALL_MANAGE_JOBS = """
polkit.addRule(function (action, subject) {
    if (action.id == "org.cargowall1.manage-jobs")
        return polkit.Result.YES;
});
"""


def inside(c, *command, below="", user=None):
    """A command in the runner's unit, as a step of a job is."""
    argv = ["setpriv", f"--reuid={user}", "--clear-groups"] if user else []
    return c.run("sh", "-ec", 'echo 0 >"$0/cgroup.procs"; exec "$@"', UNIT + below, *argv, *map(str, command))


def reach(rig, c, below="", user=None):
    r = inside(c, *rig.lab.python("".join(f"report(**{{{a!r}: attempt(tcp, {a!r}, 7)}})\n" for a in (ONE, TWO, NEITHER))),
               below=below, user=user)
    equal(r.status, 0, f"exit status ({r.err[-300:]})")
    return tuple(fact.get("value", fact.get("errno")) for fact in r.facts.values())


def begin(c, *labels):
    r = inside(c, "cargowallctl", "job", "begin", *(f"--label={label}" for label in labels))
    equal(r.status, 0, f"job begin ({r.err})")
    return r.out.strip()


def boot(rig, **options):
    c = rig.boot(documents=documents(**options))
    c.start_unit("sleep", "1000", name="runner.service")
    return c


@case("jobs: a document for jobs restricts the unit while the job runs, and never extends what it may reach")
def narrows(rig):
    c = boot(rig)
    equal(reach(rig, c), (YES, YES, NO), "before the job")
    job = begin(c, "repository=acme/widgets", "workflow=release")
    equal(reach(rig, c), (YES, NO, NO), "in the job")
    equal(reach(rig, c, user=JOB), (YES, NO, NO), "in the job, as a user")
    c.sh(f"mkdir -p {UNIT}/deep/er")
    equal(reach(rig, c, below="/deep/er"), (YES, NO, NO), "in a control group of its own")
    equal(bus_get(c, "Scope", "Job", f"/org/cargowall1/job/{job}"), "release", "the job's scope")
    equal([bus_get(c, "Narrows", "Scope", f"/org/cargowall1/scope/{name}") for name in ("release", "runner", "host")],
          [True, False, False], "which scopes are restrictions")
    equal(bus_get(c, "ControlGroups", "Scope", "/org/cargowall1/scope/release"), ["/system.slice/runner.service"],
          "control groups that the job's policy is for")
    contains(ctl(c, "explain", "--scope=release", ONE).out, "must allow it as well", "the explanation")
    contains(ctl(c, "job", "show", job).out, "release", "job show")
    event = wait_until(lambda: [e for e in map(json.loads, ctl(c, "events", "--denied", "--json=short").out.splitlines())
                                if e.get("dst_ip") == TWO], "the denial")[-1]
    equal((event["scope"], event["unit"], event["job"]["workflow"]), ("release", "runner.service", "release"), "the event")
    assert inside(c, "cargowallctl", "job", "begin", "--label=workflow=ci").status != 0, "a unit has two jobs"

    summary = json.loads(ctl(c, "job", "end", job, "--json=short").out)
    equal(summary["scope"], "release", "the summary's scope")
    equal(reach(rig, c), (YES, YES, NO), "after the job")
    for labels in (["repository=acme/widgets", "workflow=ci"], ["workflow=release"],
                   ["repository=evil/acme", "workflow=release"], []):
        job = begin(c, *labels)
        equal(bus_get(c, "Scope", "Job", f"/org/cargowall1/job/{job}"), "", f"the scope of a job with {labels}")
        equal(reach(rig, c), (YES, YES, NO), f"in a job with {labels}")
        ctl(c, "job", "end", job)


@case("jobs: names, open connections and the modes of both policies")
def names(rig):
    c = boot(rig)
    r = inside(c, *rig.lab.python(f"""
        import dnswire, socket, subprocess
        def ask(name):
            return dns_rcode("127.0.0.53", dnswire.query(name))
        report(before=ask("a.wild.example.com"), reached=attempt(reach, "a.wild.example.com", 7))
        old = socket.create_connection(({TWO!r}, 7))
        named = socket.create_connection(("github.com", 7))
        def echo():
            named.settimeout(10)
            named.sendall(b"still")
            return named.recv(16).decode()
        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        resolver.settimeout(10)
        resolver.connect(("127.0.0.53", 53))
        def ask_old(name):
            resolver.send(dnswire.query(name))
            return dnswire.RCODES[resolver.recv(65535)[3] & 15]
        stream = socket.create_connection(("127.0.0.53", 53))
        def ask_stream(name):
            message = dnswire.query(name)
            stream.sendall(len(message).to_bytes(2, "big") + message)
            return dnswire.RCODES[recv_exactly(stream, int.from_bytes(recv_exactly(stream, 2), "big"))[3] & 15]
        report(early=ask_old("c.wild.example.com"), stream=ask_stream("d.wild.example.com"))
        subprocess.run(["cargowallctl", "job", "begin", "--label=repository=acme/a", "--label=workflow=release"],
                       check=True, stdout=subprocess.DEVNULL)
        report(again=ask("a.wild.example.com"), other=ask("b.wild.example.com"),
               late=ask_old("c.wild.example.com"), flowing=ask_stream("d.wild.example.com"), github=ask("github.com"),
               connected=attempt(reach, "github.com", 443), refused=attempt(reach, "a.wild.example.com", 7))
        def go_on():
            old.sendall(b"x")  # the kernel accepts it, and the next call returns the result
            old.settimeout(2)
            return old.recv(1).decode()
        report(old=attempt(go_on), named=attempt(echo))
    """))
    equal(r.status, 0, f"exit status ({r.err[-500:]})")
    worked(r, "reached", "connected", "named")
    assert "errno" in r.facts["refused"], r.facts["refused"]  # the name, or the connection where resolved's own socket answers
    equal(r.facts["old"].get("errno"), "ECONNABORTED", "the error of an open connection")
    equal([r.facts[name] for name in ("before", "early", "stream", "github")], ["NOERROR"] * 4, "names that are allowed")
    equal([r.facts[name] for name in ("again", "other", "late", "flowing")], ["NXDOMAIN"] * 4,
          "names that the job's policy refuses")
    ctl(c, "mode", "audit")
    equal(reach(rig, c), (YES, YES, YES), "in audit mode")
    ctl(c, "mode", "configured")
    equal(reach(rig, c), (YES, NO, NO), "enforcing again")


@case("jobs: the restriction survives a crash, a restart and reloads; the job ends with its unit")
def lasting(rig):
    c = boot(rig)
    begin(c, "repository=acme/widgets", "workflow=release")
    equal(reach(rig, c), (YES, NO, NO), "in the job")
    pid = main_pid(c)
    c.sh(f"kill -9 {pid}")
    equal(reach(rig, c), (YES, NO, NO), "while the service is dead, or young")
    wait_restarted(c, pid)
    equal(reach(rig, c), (YES, NO, NO), "after the crash")
    c.check("systemctl", "restart", SERVICE)
    equal(reach(rig, c), (YES, NO, NO), "after the restart")

    c.put("etc/cargowall/policy.d/release.json", allow(TWO + "/32", match=RELEASE))
    ctl(c, "reload")
    equal(reach(rig, c), (NO, YES, NO), "after a reload with another policy for the job")
    c.path("etc/cargowall/policy.d/release.json").unlink()
    ctl(c, "reload")
    equal(reach(rig, c), (YES, YES, NO), "without a document for the job")
    c.put("etc/cargowall/policy.d/release.json", documents()["release"])
    ctl(c, "reload")
    equal(reach(rig, c), (YES, NO, NO), "with one again")

    c.check("systemctl", "stop", "runner.service")
    wait_until(lambda: bus_get(c, "Jobs") == [], "the job to end with its unit")
    c.start_unit("sleep", "1000", name="runner.service")
    equal(reach(rig, c), (YES, YES, NO), "in the unit's next life")


@case("jobs: on a machine whose host is off, a job is judged by its document alone")
def host_off(rig):
    c = rig.boot(policy=False, documents={"release": documents()["release"]})
    c.start_unit("sleep", "1000", name="runner.service")
    equal(reach(rig, c), (YES, YES, YES), "without a job")
    job = begin(c, "repository=acme/widgets", "workflow=release")
    equal(reach(rig, c), (YES, NO, YES), "in the job")
    c.sh(f"kill -9 {main_pid(c)}")
    equal(reach(rig, c), (YES, NO, YES), "while the service is dead, or young")
    wait_until(lambda: c.run("cargowallctl", "job", "end", job).status == 0, "the job to end")
    equal(reach(rig, c), (YES, YES, YES), "after the job")


def rcodes(rig, c, *names):
    r = inside(c, *rig.lab.python("import dnswire\n" + "".join(
        f"report(**{{{name!r}: dns_rcode('127.0.0.53', dnswire.query({name!r}))}})\n" for name in names)))
    equal(r.status, 0, f"exit status ({r.err[-300:]})")
    return tuple(r.facts.values())


def denials(c, scope):
    """Where to, of what was or would have been refused by this scope's policy, and in which mode."""
    lines = ctl(c, "events", "--denied", "--json=short", wanted=0).out.splitlines()
    return {(e.get("dst_hostname") or e.get("dst_ip"), e["mode"]) for e in map(json.loads, lines) if e["scope"] == scope}


@case("jobs: a document in audit mode reports and refuses nothing; one that enforces does so in an audited unit too")
def modes(rig):
    c = boot(rig, release=allow(ONE + "/32", "github.com", match=RELEASE, mode="audit"))
    begin(c, "repository=acme/widgets", "workflow=release")
    equal(reach(rig, c), (YES, YES, NO), "with the job's document in audit mode")
    equal(rcodes(rig, c, "github.com", "a.wild.example.com", "denied.example.com"), ("NOERROR", "NOERROR", "NXDOMAIN"),
          "names with the job's document in audit mode")
    wait_until(lambda: {(TWO, "audit"), ("a.wild.example.com", "audit")} <= denials(c, "release"), "what it would refuse")
    wait_until(lambda: {(NEITHER, "enforce"), ("denied.example.com", "enforce")} <= denials(c, "runner"),
               "what the unit's refuses")

    c.put("etc/cargowall/policy.d/runner.json", {**documents()["runner"], "mode": "audit"})
    c.put("etc/cargowall/policy.d/release.json", documents()["release"])
    ctl(c, "reload")
    equal(reach(rig, c), (YES, NO, YES), "with the unit's document in audit mode")
    equal(rcodes(rig, c, "github.com", "a.wild.example.com"), ("NOERROR", "NXDOMAIN"),
          "names with the unit's document in audit mode")


@case("G7 jobs: who may not manage jobs cannot shed the job's policy: no end, no other job, no old socket")
def shedding(rig):
    c = boot(rig)
    job = begin(c, "repository=acme/widgets", "workflow=release")
    for command in (["end", job], ["begin", "--label=workflow=ci"]):
        equal(inside(c, "cargowallctl", "--no-ask-password", "job", *command, user=JOB).status, 6,
              f"exit status of job {command[0]} (6: no leave)")
    ctl(c, "job", "end", job)
    r = inside(c, *rig.lab.python(f"""
        import subprocess
        sockets = [new_socket({TWO!r}, socket.SOCK_DGRAM) for _ in range(2)]
        sockets[0].connect(({TWO!r}, 7))
        sockets[1].sendto(b"early", ({TWO!r}, 7))
        report(early=attempt(lambda: sockets[1].recv(16).decode()))
        subprocess.run(["cargowallctl", "job", "begin", "--label=repository=acme/a", "--label=workflow=release"],
                       check=True, stdout=subprocess.DEVNULL)
        report(connected=attempt(sockets[0].send, b"late"), unconnected=attempt(sockets[1].sendto, b"late", ({TWO!r}, 7)))
        if os.fork() == 0:  # the parent of nobody
            os.setsid()
            os.setresuid({JOB_ID}, {JOB_ID}, {JOB_ID})
            report(child=attempt(tcp, {TWO!r}, 7), handed=attempt(sockets[0].send, b"late"))
            os._exit(0)
        os.wait()
    """))
    worked(r, "early")
    refused(r, "connected", "unconnected", "child", "handed")


def allow_once(c, job, host, seconds, wanted=0):
    ctl(c, "job", "allow", str(job), host, f"--for={seconds}s", wanted=wanted)


@case("jobs: a grant to one job applies to no other job, and expires")
def allowed_once(rig):
    docs = documents()
    docs["runner"]["match"]["units"].append("other.service")
    c = rig.boot(documents=docs)
    c.start_unit("sleep", "1000", name="runner.service")
    job = begin(c, "repository=acme/widgets", "workflow=release")
    equal(rcodes(rig, c, "evil.example"), ("NXDOMAIN",), "a name before")
    allow_once(c, job, NEITHER, 3600)
    equal(reach(rig, c), (YES, NO, YES), "with an address")
    allow_once(c, job, TWO, 3600)
    equal(reach(rig, c), (YES, YES, YES), "with two")
    allow_once(c, job, "evil.example", 3600)
    equal(rcodes(rig, c, "evil.example"), ("NOERROR",), "a name afterwards")
    equal(sorted(path.rpartition("/")[2] for path in bus_get(c, "Scopes") if "job" in path),
          ["job_3a1"], "scopes of the job's own")
    contains(ctl(c, "explain", "--scope=job:1", NEITHER).out, "is allowed", "the explanation")
    r = c.in_unit("other.service", f"report(two=attempt(tcp, {TWO!r}, 7), neither=attempt(tcp, {NEITHER!r}, 7))")
    worked(r, "two")
    refused(r, "neither")

    for host, seconds, wanted in (("not a name", 5, 1), ("*.example.com", 5, 1), (TWO, 0, 2), (TWO, 86401, 1)):
        allow_once(c, job, host, seconds, wanted=wanted)
    allow_once(c, int(job) + 1, TWO, 5, wanted=4)
    r = c.unit("busctl", "call", "org.cargowall1", "/org/cargowall1", "org.cargowall1.Manager", "AllowOnce", "ost",
               f"/org/cargowall1/job/{job}", TWO, "1000000", user=JOB)
    assert r.status != 0, "a user may"

    pid = main_pid(c)
    c.sh(f"kill -9 {pid}")
    wait_restarted(c, pid)
    equal(reach(rig, c), (YES, NO, NO), "after a crash")
    allow_once(c, job, NEITHER, 3600)
    allow_once(c, job, TWO, 2)
    wait_until(lambda: reach(rig, c) == (YES, NO, YES), "the shorter of two to end")
    ctl(c, "reload")
    equal(reach(rig, c), (YES, NO, YES), "after a reload")
    ctl(c, "policy", "load", "-", "--scope=runner", data=json.dumps(docs["runner"]).encode())
    equal(reach(rig, c), (YES, NO, YES), "after a policy was loaded")
    ctl(c, "job", "end", job)
    job = begin(c, "repository=acme/widgets", "workflow=release")
    equal(reach(rig, c), (YES, NO, NO), "in the next job")
    allow_once(c, job, NEITHER, 2)
    equal(reach(rig, c), (YES, NO, YES), "again")
    wait_until(lambda: reach(rig, c) == (YES, NO, NO), "the last one to end")
    equal([path for path in bus_get(c, "Scopes") if "job" in path], [], "scopes of the job's own that are left")
    allow_once(c, job, TWO, 3600)
    equal(reach(rig, c), (YES, YES, NO), "once more")
    ctl(c, "job", "end", job)
    equal(reach(rig, c), (YES, YES, NO), "after the job")
    equal([path for path in bus_get(c, "Scopes") if "job" in path], [], "scopes of jobs after the last")


@case("C13 jobs: a socket of another unit, handed to a job, is judged by the job's policy as well")
def handed(rig):
    release = allow(ONE + "/32", match=RELEASE)
    release["rules"].append({"type": "cidr", "value": TWO + "/32", "ports": ["443/tcp"], "action": "allow"})
    docs = documents(release=release)
    docs["runner"]["match"]["units"].append("other.service")
    c = rig.boot(documents=docs)
    for unit in ("runner.service", "other.service"):
        c.start_unit("sleep", "1000", name=unit)
    begin(c, "repository=acme/widgets", "workflow=release")
    r = inside(c, *rig.lab.python(f"""
        def enter(unit):
            with open(f"/sys/fs/cgroup/system.slice/{{unit}}/cgroup.procs", "w") as procs:
                procs.write("0")
        enter("other.service")
        sockets = [new_socket({TWO!r}, socket.SOCK_DGRAM) for _ in range(2)]
        report(free=attempt(udp, {TWO!r}, 7))
        enter("runner.service")
        # the connect waits for the packet, since something is allowed there
        sockets[0].connect(({TWO!r}, 7))
        report(connected=attempt(sockets[0].send, b"out"), unconnected=attempt(sockets[1].sendto, b"out", ({TWO!r}, 7)))
    """))
    worked(r, "free")
    refused(r, "connected", "unconnected")


@case("A8 jobs: an address that audit let a name have is not opened by the policy of a job that allows the name")
def rebinding(rig):
    docs = documents(release=allow("*.rebind.example", ONE + "/32", match=RELEASE, mode="enforce"))
    docs["runner"] = allow(match={"units": ["runner.service"]}, mode="audit")
    c = rig.boot(documents=docs)
    c.start_unit("sleep", "1000", name="runner.service")
    equal(rcodes(rig, c, "private.rebind.example"), ("NOERROR",), "the name in audit mode")
    begin(c, "repository=acme/widgets", "workflow=release")
    r = inside(c, *rig.lab.python("""report(private=attempt(reach, "10.99.0.1", 80))"""))
    refused(r, "private")
    equal(rig.packets("10.99.0.1"), 0, "packets to the private address")
    ctl(c, "explain", "--scope=release", "10.99.0.1:80", wanted=1)
    c.put("etc/cargowall/policy.d/runner.json", allow("*.rebind.example", match={"units": ["runner.service"]}))
    ctl(c, "reload")
    ctl(c, "job", "end", "1")
    r = inside(c, *rig.lab.python("""report(private=attempt(reach, "10.99.0.1", 80))"""))
    refused(r, "private")


@case("C6 jobs: raw sockets are refused in a job where its unit is audited")
def raw(rig):
    docs = documents()
    docs["runner"]["mode"] = "audit"
    c = rig.boot(documents=docs)
    c.start_unit("sleep", "1000", name="runner.service")
    source = """report(raw=attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close() or "made"))"""
    worked(inside(c, *rig.lab.python(source)), "raw")
    begin(c, "repository=acme/widgets", "workflow=release")
    refused(inside(c, *rig.lab.python(source)), "raw")


@case("jobs: a reused process id cannot end the job of the unit that has it now")
def process_id_used_again(rig):
    c = rig.boot(prepare=lambda c: c.put("/etc/polkit-1/rules.d/50-test.rules", ALL_MANAGE_JOBS))
    if c.run("test", "-w", "/proc/sys/kernel/ns_last_pid").status:
        raise Skip("this kernel hands out process ids in its own order only")
    c.start_unit("sh", "-c", "cargowallctl job begin --label=job=x; while :; do sleep 20 & sleep 0.02; done",
                 name="victim.service", user=JOB)
    job = wait_until(lambda: bus_get(c, "Jobs"), "the victim's job")[0]
    source = USED_AGAIN.replace("OTHER_ID", str(OTHER_ID)).replace("JOB_PATH", job)
    r = c.python(source, name="attacker.service", seconds=100)
    equal(r.status, 0, f"exit status ({r.err[-300:]})")
    if not r.facts["victims"]:
        raise Skip("the process id was not given to the victim")
    assert r.facts["ended"] < 0, "another unit's job was ended"
    equal(bus_get(c, "Jobs"), [job], "jobs")
    c.wait_journal("CARGOWALL_EVENT=privileged_call", f"CARGOWALL_UID={OTHER_ID}")
