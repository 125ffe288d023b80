#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A service that answers as cargowalld would: fake_service.py SCENARIO LOG, on the bus of DBUS_SYSTEM_BUS_ADDRESS.

SCENARIO is a JSON file that is read again for each call; LOG gets one JSON line per call. What a test wants to see is in
the scenario: properties, objects, replies, and errors by the name of the method. Needs python3-dbus and python3-gi.
"""

import fcntl
import json
import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

MANAGER = "org.cargowall1.Manager"
PROPERTIES = "org.freedesktop.DBus.Properties"
PATH = "/org/cargowall1"
F_GET_SEALS = 1034
UINT32, UINT64 = {"RuleCount"}, {"StartTimestamp", "StartTimestampMonotonic", "ConnectionsAllowed", "ConnectionsDenied",
                                 "ConnectionsWouldDeny",
                                 "QueriesAllowed", "QueriesDenied", "QueriesWouldDeny", "EventsLost"}


def scenario():
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def typed(name, value):
    if name in UINT32:
        return dbus.UInt32(value)
    if name in UINT64:
        return dbus.UInt64(value)
    if isinstance(value, dict):
        return dbus.Dictionary(value, signature="ss")
    if isinstance(value, list):
        return dbus.Array(value, signature="s")
    if isinstance(value, bool):
        return dbus.Boolean(value)
    return dbus.Int64(value) if isinstance(value, int) else value


def properties(values):
    return dbus.Dictionary({k: typed(k, v) for k, v in values.items()}, signature="sv")


def events(values):
    return dbus.Array([properties(e) for e in values], signature="a{sv}")


def called(member, sender=None, **arguments):
    """Notes the call, and raises the error that the scenario has for it."""
    with open(sys.argv[2], "a", encoding="utf-8") as log:
        log.write(json.dumps({"member": member, "sender": sender, **arguments}) + "\n")
    now = scenario()
    if member in now.get("errors", {}):
        name, text = now["errors"][member]
        raise dbus.DBusException(text, name=name)
    return now


def read_policy(fd):
    number = fd.take()
    seals = fcntl.fcntl(number, F_GET_SEALS)
    with os.fdopen(number, "rb") as file:
        file.seek(0)
        return seals, file.read().decode()


class Manager(dbus.service.Object):
    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return properties(called("GetAll", interface=interface)["manager"])

    @dbus.service.method("org.freedesktop.DBus.ObjectManager", out_signature="a{oa{sa{sv}}}")
    def GetManagedObjects(self):
        objects = {}
        for path, (interface, values) in called("GetManagedObjects")["objects"].items():
            entry = {interface: properties(values), "org.freedesktop.DBus.Peer": properties({})}
            objects[dbus.ObjectPath(path)] = dbus.Dictionary(entry, signature="sa{sv}")
        return dbus.Dictionary(objects, signature="oa{sa{sv}}")

    @dbus.service.method(MANAGER, in_signature="st", message_keyword="message")
    def SetMode(self, mode, flags, message=None):
        called("SetMode", mode=mode, flags=flags, auto_start=message.get_auto_start(),
               interactive=message.get_allow_interactive_authorization())

    @dbus.service.method(MANAGER, in_signature="sst", message_keyword="message")
    def SetScopeMode(self, scope, mode, flags, message=None):
        called("SetScopeMode", scope=scope, mode=mode, flags=flags, auto_start=message.get_auto_start(),
               interactive=message.get_allow_interactive_authorization())

    @dbus.service.method(MANAGER)
    def Reload(self):
        called("Reload")

    @dbus.service.method(MANAGER)
    def FlushDNSCache(self):
        called("FlushDNSCache")

    @dbus.service.method(MANAGER, in_signature="ha{sv}", out_signature="s")
    def LoadPolicy(self, fd, options):
        seals, text = read_policy(fd)
        return called("LoadPolicy", seals=seals, text=text, options=dict(options))["digest"]

    @dbus.service.method(MANAGER, in_signature="h", out_signature="a(sus)")
    def ValidatePolicy(self, fd):
        read_policy(fd)
        return dbus.Array([tuple(f) for f in called("ValidatePolicy")["faults"]], signature="(sus)")

    @dbus.service.method(MANAGER, in_signature="s", out_signature="sss")
    def GetPolicy(self, scope):
        now = called("GetPolicy", scope=scope)
        return now["policy"], now["manager"]["PolicySource"], now["manager"]["PolicyDigest"]

    @dbus.service.method(MANAGER, in_signature="sqsa{sv}", out_signature="ssa{sv}")
    def Explain(self, destination, port, protocol, options):
        now = called("Explain", destination=destination, port=port, protocol=protocol, options=dict(options))
        verdict, rule, details = now["explain"]
        return verdict, rule, properties(details)

    @dbus.service.method(MANAGER, in_signature="tu", out_signature="aa{sv}")
    def ListEvents(self, since, limit):
        now = called("ListEvents", since=since, max=limit)
        return events(now["events"][:limit] if since == 0 else [])

    @dbus.service.method(MANAGER, out_signature="a{sv}")
    def GetDNSStatus(self):
        return properties(called("GetDNSStatus")["dns"])

    @dbus.service.method(MANAGER, in_signature="su", out_signature="a(ssst)")
    def ListLeases(self, scope, limit):
        leases = called("ListLeases", scope=scope, max=limit)["leases"]
        return dbus.Array([tuple(lease) for lease in leases], signature="(ssst)")

    @dbus.service.method(MANAGER, sender_keyword="sender")
    def Subscribe(self, sender=None):
        called("Subscribe", sender=sender)
        GLib.idle_add(self.watch, sender)

    @dbus.service.method(MANAGER, in_signature="a{sv}", out_signature="o")
    def BeginJob(self, labels):
        proof = labels.pop("proof").take()
        os.close(proof)
        called("BeginJob", labels=dict(labels))
        return dbus.ObjectPath(PATH + "/job/7")

    @dbus.service.method(MANAGER, in_signature="ost", out_signature="")
    def AllowOnce(self, job, host, usec):
        called("AllowOnce", job=job, host=host, usec=usec)

    @dbus.service.method(MANAGER, in_signature="oa{sv}", out_signature="a{sv}")
    def EndJob(self, job, options):
        os.close(options["proof"].take())
        return properties(called("EndJob", job=job)["summary"])

    def watch(self, subscriber):
        """Sends each event of the scenario's list "signals" once, in order; looks for more until it is ended."""
        sent = 0

        def send():
            nonlocal sent
            now = scenario()
            for event in now.get("signals", [])[sent:]:
                signal = dbus.lowlevel.SignalMessage(PATH, MANAGER, "ConnectionDenied")
                signal.append(properties(event), signature="a{sv}")
                signal.set_destination(subscriber)
                self.connection.send_message(signal)
                sent += 1
            if now.get("leave"):
                GLib.idle_add(LOOP.quit)
            return not now.get("leave")

        GLib.timeout_add(20, send)
        return False


class LogControl(dbus.service.Object):
    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return called("Get", interface=interface, name=name)["log_level"]

    @dbus.service.method(PROPERTIES, in_signature="ssv")
    def Set(self, interface, name, value):
        called("Set", interface=interface, name=name, value=value)


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
LOOP = GLib.MainLoop()
BUS = dbus.bus.BusConnection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
MANAGER_OBJECT, LOG_OBJECT = Manager(BUS, PATH), LogControl(BUS, "/org/freedesktop/LogControl1")
NAME = dbus.service.BusName("org.cargowall1", BUS)
print("ready", flush=True)
LOOP.run()
