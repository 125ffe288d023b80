#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bus side of the service on a private message bus, with a polkit that answers as a test wants. TAP.

BUS_SERVER names the program that serves (tests/daemon/bus-server.c)."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that python3-dbusmock is installed for
PATIENCE = 60  # seconds; nothing here takes long, but the machine may be busy
NAME, PATH, MANAGER = "org.cargowall1", "/org/cargowall1", "org.cargowall1.Manager"
POLKIT = "org.freedesktop.PolicyKit1"

# As system.conf of dbus-daemon has it: what is not allowed to a service by its own file is denied.
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
  <include>{policy}</include>
</busconfig>
"""

SUBSCRIBER = """
import dbus, dbus.mainloop.glib, json, sys
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus, loop = dbus.SystemBus(), GLib.MainLoop()
def on_event(event):
    print(json.dumps({str(k): type(v).__name__ for k, v in event.items()}), flush=True)
    loop.quit()
bus.add_signal_receiver(on_event, "ConnectionDenied", "org.cargowall1.Manager")
bus.get_object("org.cargowall1", "/org/cargowall1").Subscribe(dbus_interface="org.cargowall1.Manager")
print("subscribed", flush=True)
loop.run()
"""


# Each client asks and leaves at once, at a moment of its own.
LEAVERS = """
import ctypes, random, sys, time
lib = ctypes.CDLL("libsystemd.so.0")
random.seed(1)
for _ in range(int(sys.argv[1])):
    bus, m = ctypes.c_void_p(), ctypes.c_void_p()
    assert lib.sd_bus_open_system(ctypes.byref(bus)) >= 0
    assert lib.sd_bus_message_new_method_call(bus, ctypes.byref(m), b"org.cargowall1", b"/org/cargowall1",
                                              b"org.cargowall1.Manager", b"Subscribe") >= 0
    assert lib.sd_bus_send(bus, m, None) >= 0 and lib.sd_bus_flush(bus) >= 0
    time.sleep(random.random() * 0.004)
    lib.sd_bus_flush_close_unref(bus)
"""


# Many clients, each with as many calls as one may have; none waits for an answer.
# As many calls at once as one user can have, again as soon as they are answered.
FLOOD = """
import ctypes, sys
lib = ctypes.CDLL("libsystemd.so.0")
lib.sd_bus_call.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p]
def message(bus):
    m = ctypes.c_void_p()
    assert lib.sd_bus_message_new_method_call(bus, ctypes.byref(m), b"org.cargowall1", b"/org/cargowall1",
                                              b"org.cargowall1.Manager", b"Reload") >= 0
    return m
while True:
    buses = []
    for _ in range(int(sys.argv[1])):
        bus = ctypes.c_void_p()
        assert lib.sd_bus_open_system(ctypes.byref(bus)) >= 0
        for _ in range(7):
            assert lib.sd_bus_send(bus, message(bus), None) >= 0
        buses.append(bus)
    for bus in buses:
        lib.sd_bus_flush(bus)
    print("sent", flush=True)
    for bus in buses:
        lib.sd_bus_call(bus, message(bus), 60000000, None, None)
        lib.sd_bus_flush_close_unref(bus)
"""


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"never came true: {what}")


def equal(got, wanted, what):
    assert got == wanted, f"{what}: wanted {wanted!r}, got {got!r}"


class World:
    """A bus, a polkit and a server, each started and stopped at will. All ends with the test."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        os.chmod(directory, 0o755)  # another user connects too
        self.socket = self.directory / "bus"
        self.address = f"unix:path={self.socket}"
        self.environment = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": self.address}
        self.processes = []
        self.bus = self.polkit = self.server = None

    def start(self, *command, **options):
        process = subprocess.Popen(command, env=self.environment, text=True, bufsize=1, stderr=subprocess.DEVNULL,
                                   **options)
        self.processes.append(process)
        return process

    def stop(self, process):
        process.kill()
        process.wait()
        self.processes.remove(process)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def stop_all(self):
        for process in reversed(list(self.processes)):
            self.stop(process)

    def start_bus(self):
        config, policy = self.directory / "bus.conf", self.directory / "service.conf"
        config.write_text(BUS_CONFIG.format(socket=self.socket, policy=policy))
        shipped = (ROOT / "dbus/org.cargowall1.conf").read_text()
        policy.write_text(shipped.replace('user="cargowall"', 'user="root"'))  # the one that is here
        self.socket.unlink(missing_ok=True)
        self.bus = self.start("dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", f"--config-file={config}",
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until(self.socket.exists, "a bus")

    def start_polkit(self):
        self.polkit = self.start(SYSTEM_PYTHON, "-m", "dbusmock", "--system", "--template", "polkitd",
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until(lambda: self.owned(POLKIT), "a polkit")

    def start_server(self, *arguments):
        self.server = self.start(os.environ["BUS_SERVER"], *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def all(self, *arguments):
        self.start_bus()
        self.start_polkit()
        self.start_server(*arguments)
        until(lambda: self.owned(NAME), "a server")

    def busctl(self, *words, user=None):
        command = ["busctl", f"--address={self.address}", *words]
        if user:
            command = ["setpriv", f"--reuid={user}", "--clear-groups", *command]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)

    def call(self, member, *arguments, interactive=False, user=None):
        return self.busctl(f"--allow-interactive-authorization={'yes' if interactive else 'no'}", "call", NAME, PATH,
                           MANAGER, member, *arguments, user=user)

    def owned(self, name):
        return "true" in self.busctl("call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner", "s",
                                     name).stdout

    def tell_polkit(self, member, *arguments):
        result = self.busctl("call", POLKIT, f"/{POLKIT.replace('.', '/')}/Authority",
                             "org.freedesktop.DBus.Mock", member, *arguments)
        equal(result.returncode, 0, result.stderr)

    def ask_server(self, word):
        self.server.stdin.write(word + "\n")
        lines = []
        while (line := self.server.stdout.readline().strip()) != "ok":
            assert line, "the server is gone"
            if not line.startswith("log "):
                lines.append(line)
        return lines

    def stats(self):
        subscribers, pending, connections = map(int, self.ask_server("stats")[0].split()[1:])
        return {"subscribers": subscribers, "pending": pending, "connections": connections}

    def notes(self):
        return [note.removeprefix("note ") for note in self.ask_server("notes")]


# -- what the tests are

def normalised(interface):
    """Members with types, names and annotations; the order of members is not part of the promise."""
    return sorted((member.tag, member.get("name"), member.get("type"), member.get("access"),
                   [(arg.get("name"), arg.get("type"), arg.get("direction")) for arg in member.findall("arg")],
                   sorted((a.get("name"), a.get("value")) for a in member.findall("annotation")))
                  for member in interface)


def introspection_is_the_promise(world):
    world.all()
    world.call("BeginJob", "a{sv}", "1", "job", "s", "build")
    for interface, path in ((MANAGER, PATH), (f"{NAME}.Scope", f"{PATH}/scope/host"), (f"{NAME}.Job", f"{PATH}/job/1")):
        promised = ElementTree.parse(ROOT / f"dbus/{interface}.xml").find("interface")
        served = world.busctl("introspect", "--xml-interface", NAME, path).stdout
        found = ElementTree.fromstring(served).find(f"interface[@name='{interface}']")
        assert found is not None, f"{path} has no {interface}"
        equal(normalised(found), normalised(promised), interface)


def both_explanations_are_one(world):
    """cargowall explain, and cargowallctl explain of a service with the same document: what is said, and the exit status."""
    rules = [{"type": "hostname", "value": "github.com", "ports": [443], "action": "allow"},
             {"type": "hostname", "value": "evil.github.com", "action": "deny"},
             {"type": "hostname", "value": "lan.example", "action": "allow", "allowPrivate": True},
             {"type": "cidr", "value": "192.0.2.0/24", "ports": [80], "action": "allow"},
             {"type": "cidr", "value": "10.1.0.0/16", "ports": [443], "action": "allow"},
             {"type": "cidr", "value": "192.0.2.128/25", "action": "deny"}]
    addresses = ["203.0.113.9", "192.0.2.1:80", "192.0.2.200:80", "10.0.0.1", "10.1.0.1", "100.64.0.1", "127.0.0.1:8080",
                 "127.0.0.1:53", "169.254.169.254:80", "[fd00::1]:443", "[::1]:80", "[64:ff9b::a00:1]:443", "[2001:db8::1]:443/udp",
                 "203.0.113.9/icmp", "2001:db8::1/icmp"]
    names = [None, "github.com", "api.github.com", "evil.github.com", "lan.example", "other.example"]
    policy = world.directory / "policy.json"
    world.environment["BUS_SERVER_POLICY"] = str(policy)
    world.start_bus()
    world.start_polkit()

    def said(program, *words):
        words = [os.environ[program], "explain", *words]
        text = subprocess.run(words, env=world.environment, capture_output=True, text=True, timeout=PATIENCE)
        json_text = subprocess.run([*words, "--json" if program == "CARGOWALL" else "--json=short"], env=world.environment,
                                   capture_output=True, text=True, timeout=PATIENCE)
        assert json_text.stdout, f"{words}: {json_text.stderr}"
        facts = json.loads(json_text.stdout)
        return [text.stdout, text.returncode, json_text.returncode,
                *(facts.get(key) for key in ("destination", "verdict", "action", "rule", "reason", "tier", "name_refused"))]

    for default in ("deny", "allow"):
        policy.write_text(json.dumps({"defaultAction": default, "rules": rules}))
        world.start_server()
        until(lambda: world.owned(NAME), "a server")
        for words in [(host,) for host in ("github.com", "github.com:22", "evil.github.com", "other.example", "lan.example:53/udp")] + \
                     [(address, f"--via={name}") if name else (address,) for address in addresses for name in names]:
            equal(said("CARGOWALLCTL", *words), said("CARGOWALL", f"--policy={policy}", *words), f"default {default}, {words}")
        for words in (("github.com", "--via=github.com"), ("192.0.2.1", "--via=a..b")):
            for program, more in (("CARGOWALL", [f"--policy={policy}"]), ("CARGOWALLCTL", [])):
                result = subprocess.run([os.environ[program], "explain", *more, *words], env=world.environment,
                                        capture_output=True, text=True, timeout=PATIENCE)
                assert result.returncode != 0 and not result.stdout and result.stderr, f"{program} {words}: {result}"
        world.stop(world.server)
        until(lambda: not world.owned(NAME), "the server's end")


def objects_can_be_found(world):
    world.all()
    tree = world.busctl("tree", "--list", NAME).stdout.split()
    for path in (PATH, f"{PATH}/scope/host", f"{PATH}/scope/runner_2da", "/org/freedesktop/LogControl1"):
        assert path in tree, f"{path} is not in {tree}"


def polkit_decides(world):
    world.all("1000", "trust-nobody")
    denied = world.call("SetMode", "st", "audit", "0")
    assert "Access denied" in denied.stderr, denied
    world.tell_polkit("SetAllowed", "as", "1", "org.cargowall1.set-mode")
    equal(world.call("SetMode", "st", "audit", "0").returncode, 0, "an allowed call")
    assert "Access denied" in world.call("SetMode", "st", "off", "0").stderr
    equal(world.notes(), ["org.cargowall1.set-mode 0 denied", "org.cargowall1.set-mode 0 done",
                          "org.cargowall1.disable 0 denied"], "notes")


def a_silent_polkit_is_a_no(world):
    world.all("200", "trust-nobody")
    world.tell_polkit("SimulateHang", "b", "true")
    result = world.call("Reload")
    assert "Access denied" in result.stderr, result
    equal(world.notes(), ["org.cargowall1.reload 0 timed out"], "notes")
    equal(world.stats()["pending"], 0, "pending calls")


def a_dialog_may_take_long(world):
    world.all("200", "trust-nobody")
    world.tell_polkit("SimulateHang", "b", "true")
    world.tell_polkit("AllowUnknown", "b", "true")
    client = world.start("busctl", f"--address={world.address}", "call", NAME, PATH, MANAGER, "Reload",
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until(lambda: world.stats()["pending"] == 1, "the call waits")
    world.call("Reload")  # its time passes, and with it that of the first call, had it one
    equal(world.stats()["pending"], 1, "pending calls")
    world.tell_polkit("ReleaseHangingCalls")
    equal(client.wait(PATIENCE), 0, "the client's exit status")
    assert "org.cargowall1.reload 0 done" in world.notes()


def a_client_that_leaves_is_forgotten(world):
    world.all("60000", "trust-nobody")
    world.tell_polkit("SimulateHang", "b", "true")
    client = world.start("busctl", f"--address={world.address}", "call", NAME, PATH, MANAGER, "Reload",
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until(lambda: world.stats()["pending"] == 1, "the call waits")
    world.stop(client)
    until(lambda: world.stats()["pending"] == 0, "the call is forgotten")
    equal(world.notes(), ["org.cargowall1.reload 0 cancelled"], "notes")


def without_polkit_only_root_may(world):
    world.start_bus()
    world.start_server()
    until(lambda: world.owned(NAME), "a server")
    notes = []
    for method, action in (("Reload", "reload"), ("FlushDNSCache", "flush-dns")):
        equal(world.call(method).returncode, 0, "root's call")
        result = world.call(method, user="65534")
        assert "Access denied" in result.stderr, result
        notes += [f"org.cargowall1.{action} 0 done", f"org.cargowall1.{action} 65534 denied"]
    equal(world.notes(), notes, "notes")


def other_users_are_asked_for(world):
    world.all()
    world.tell_polkit("SetAllowed", "as", "1", "org.cargowall1.view-events")
    equal(world.call("ListEvents", "tu", "0", "5", user="65534").stdout.strip(), "aa{sv} 0", "events")
    assert "Access denied" in world.call("SetMode", "st", "off", "0", user="65534").stderr
    equal(world.call("GetDNSStatus", user="65534").returncode, 0, "a status that is open to all")


def one_user_does_not_lock_out_root(world):
    world.all()
    flood = world.start("setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", FLOOD, "100",
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    for _ in range(20):
        assert flood.stdout.readline(), "the flood has ended"
        result = world.call("SetMode", "st", "audit", "0")
        equal(result.returncode, 0, result.stderr)


def the_log_level_is_roots(world):
    world.all()
    path, interface = "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1"

    def set_level(level, user=None):
        return world.busctl("set-property", NAME, path, interface, "LogLevel", "s", level, user=user)

    assert set_level("debug", user="65534").returncode != 0
    equal(set_level("warning").returncode, 0, "root's call")
    for name, value in ("LogLevel", "warning"), ("LogTarget", "journal"), ("SyslogIdentifier", "cargowalld"):
        equal(world.busctl("get-property", NAME, path, interface, name).stdout.strip(), f's "{value}"', name)


def json_can_be_read(world):
    world.all()
    properties = world.busctl("--json=short", "call", NAME, PATH, "org.freedesktop.DBus.Properties", "GetAll", "s",
                              MANAGER)
    data = json.loads(properties.stdout)["data"][0]
    equal(data["EffectiveMode"]["data"], "enforce", "EffectiveMode")
    equal(data["Scopes"]["data"][1], f"{PATH}/scope/runner_2da", "second scope")
    objects = json.loads(world.busctl("--json=short", "call", NAME, PATH, "org.freedesktop.DBus.ObjectManager",
                                      "GetManagedObjects").stdout)["data"][0]
    equal(objects[f"{PATH}/scope/off"]["org.cargowall1.Scope"]["Mode"]["data"], "off", "mode of a scope")


def a_subscriber_gets_events(world):
    world.all()
    subscriber = world.start(SYSTEM_PYTHON, "-c", SUBSCRIBER, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    equal(subscriber.stdout.readline().strip(), "subscribed", "the subscriber")
    equal(world.stats()["subscribers"], 1, "subscribers")
    world.ask_server("event")
    types = json.loads(subscriber.stdout.readline())
    for name, kind in {"verdict": "String", "dst_port": "Int64", "blocked": "Boolean", "cname_chain": "Array",
                       "process": "String"}.items():
        equal(types.get(name), kind, f"type of {name}")
    until(lambda: world.stats()["subscribers"] == 0, "the subscriber has left")


def subscribers_that_leave_hold_no_place(world):
    world.all()
    result = subprocess.run([SYSTEM_PYTHON, "-c", LEAVERS, "1000"], env=world.environment, capture_output=True,
                            text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    equal(result.returncode, 0, result.stderr)
    equal(world.call("Reload").returncode, 0, "a call after them")
    until(lambda: world.stats()["subscribers"] == 0, "all have left")
    equal(world.stats()["pending"], 0, "pending calls")


def a_job_is_begun_by_the_process_that_connected(world):
    world.all()
    world.tell_polkit("SetAllowed", "as", "1", "org.cargowall1.manage-jobs")
    credentials = world.busctl("call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionCredentials",
                               "s", NAME).stdout
    result = world.call("BeginJob", "a{sv}", "0", user="65534")
    if "ProcessFD" not in credentials:
        assert "Access denied" in result.stderr, result
    else:
        equal(result.returncode, 0, result.stderr)
        world.call("EndJob", "oa{sv}", f"{PATH}/job/1", "0", user="65534")

    def ctl(*words):
        command = ["setpriv", "--reuid=65534", "--clear-groups", os.environ.get("CARGOWALLCTL", "cargowallctl"),
                   "--no-ask-password", "job", *words]
        result = subprocess.run(command, env=world.environment, text=True, capture_output=True, timeout=PATIENCE,
                                stdin=subprocess.DEVNULL)
        equal(result.returncode, 0, result.stderr)
        return result.stdout.strip()
    ctl("end", ctl("begin", "--label=job=x"))


def a_giant_message_is_refused(world):
    world.all()
    script = ("import dbus\nbus = dbus.SystemBus()\n"
              "o = bus.get_object('org.cargowall1', '/org/cargowall1')\n"
              "try:\n o.LoadPolicyString(' ' * (8 << 20), {}, dbus_interface='org.cargowall1.Manager')\n"
              "except dbus.DBusException as e:\n print(e.get_dbus_name())\n")
    got = subprocess.run([SYSTEM_PYTHON, "-c", script], env=world.environment, capture_output=True, text=True,
                         timeout=PATIENCE, stdin=subprocess.DEVNULL)
    equal(got.stdout.strip(), "org.freedesktop.DBus.Error.InvalidArgs", got.stderr)
    equal(world.call("Reload").returncode, 0, "the next call")


def a_bus_may_come_late_and_again(world):
    world.start_server()
    equal(world.stats()["connections"], 0, "connections before there is a bus")
    world.start_bus()
    until(lambda: world.owned(NAME), "the name on a bus that came late")
    world.stop(world.bus)
    equal(world.stats()["pending"], 0, "pending calls without a bus")
    world.ask_server("event")
    world.start_bus()
    until(lambda: world.owned(NAME), "the name on the next bus")
    equal(world.call("Reload").returncode, 0, "a call")
    equal(world.stats()["connections"], 2, "connections")


def a_name_that_is_taken_is_waited_for(world):
    world.start_bus()
    world.start_server()
    until(lambda: world.owned(NAME), "the first server")
    first = world.server
    world.start_server()
    assert "cannot acquire bus name" in world.server.stdout.readline()
    world.stop(first)
    until(lambda: "acquired bus name" in world.server.stdout.readline(), "what the second server logs")


def data_files_fit_together(world):
    _ = world
    defined = set(re.findall(r'#define ACTION_\w+ "([^"]+)"', (ROOT / "src/bus/bus-internal.h").read_text()))
    policy = ElementTree.parse(ROOT / "polkit/org.cargowall1.policy").getroot()
    equal({action.get("id") for action in policy.findall("action")}, defined, "actions")
    for action in policy.findall("action"):
        owner = action.find("annotate[@key='org.freedesktop.policykit.owner']")
        equal(owner is not None and owner.text, "unix-user:cargowall", f"owner of {action.get('id')}")
    reachable = {allow.get("send_interface") for allow in
                 ElementTree.parse(ROOT / "dbus/org.cargowall1.conf").getroot().iter("allow")}
    for path in sorted((ROOT / "dbus").glob("*.xml")):
        interface = ElementTree.parse(path).find("interface").get("name")
        equal(path.stem, interface, "name of a file")
        assert interface in reachable, f"{interface} is not in the bus policy"


CASES = [introspection_is_the_promise, both_explanations_are_one, objects_can_be_found, polkit_decides, a_silent_polkit_is_a_no,
         a_dialog_may_take_long, a_client_that_leaves_is_forgotten, without_polkit_only_root_may,
         other_users_are_asked_for, one_user_does_not_lock_out_root, the_log_level_is_roots, json_can_be_read, a_subscriber_gets_events,
         subscribers_that_leave_hold_no_place, a_job_is_begun_by_the_process_that_connected,
         a_giant_message_is_refused, a_bus_may_come_late_and_again, a_name_that_is_taken_is_waited_for,
         data_files_fit_together]


def missing():
    """Why the tests cannot run; None when they can."""
    for program in "dbus-daemon", "busctl", "setpriv":
        if not shutil.which(program):
            return f"{program} is not there"
    if os.geteuid() != 0:
        return "needs root"
    probe = subprocess.run([SYSTEM_PYTHON, "-c", "import dbusmock, gi"], capture_output=True)
    return "python3-dbusmock is not there" if probe.returncode else None


def run(case):
    with tempfile.TemporaryDirectory(prefix="cargowall-bus-") as directory:
        world = World(directory)
        try:
            case(world)
        finally:
            world.stop_all()


def main():
    reason = missing()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    failed = 0
    print(f"1..{len(CASES)}")
    for number, case in enumerate(CASES, 1):
        title = case.__name__.replace("_", " ")
        try:
            run(case)
            print(f"ok {number} - {title}", flush=True)
        except Exception as error:  # one case must not hide the others
            failed += 1
            print(f"not ok {number} - {title}\n# {type(error).__name__}: " + str(error).replace("\n", "\n# "),
                  flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
