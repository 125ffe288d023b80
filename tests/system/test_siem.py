# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/siem.md, with receivers on the same machine: all that is recorded arrives, whole, and once."""

import json
import pathlib

from harness import case, equal, refused
from lab import wait_until
from rig import EVENTS, probe

RECIPES = pathlib.Path(__file__).resolve().parents[2] / "examples/siem"
RECEIVER = "receiver.service"
RECEIVED = "/var/log/cargowall-received.ndjson"


def recipe(name):
    return (RECIPES / name).read_text(encoding="utf-8").replace("siem.example", "127.0.0.1")


def listen(c):
    c.put("/root/receiver.conf", recipe("rsyslog-receiver.conf"))
    c.start_unit("/usr/sbin/rsyslogd", "-n", "-f", "/root/receiver.conf", "-i", "/run/receiver.pid", name=RECEIVER)
    wait_until(lambda: ":2514" in c.sh("ss -ltn"), "the receiver")


def received(c):
    """Lines as text; the last one may still be on its way."""
    text = c.get(RECEIVED) if c.path(RECEIVED).exists() else ""
    return text[:text.rfind("\n") + 1].splitlines()


def deny(c, *names):
    for name in names:
        refused(probe(c, "tcp EVIL4 7", name=f"{name}.service"), "tcp EVIL4 7")


def start_rsyslog(c, name):
    c.put(f"/etc/rsyslog.d/{name}", recipe(name))
    c.sh("sed -i '1i global(maxMessageSize=\"64k\")' /etc/rsyslog.conf")
    c.check("systemctl", "unmask", "rsyslog.service", "syslog.socket")
    c.check("systemctl", "start", "rsyslog.service")


def across_restarts(c, arrived):
    """Denials before, while the receiver is away, and after a restart of the sender. arrived(units): when they have come."""
    deny(c, "first")
    arrived("first")
    c.check("systemctl", "stop", RECEIVER)
    deny(c, "second", "third")
    listen(c)
    arrived("first", "second", "third")
    c.check("systemctl", "restart", "rsyslog.service")
    deny(c, "fourth")
    arrived("first", "second", "third", "fourth")


def own_fields(record):
    return {k: v for k, v in record.items() if k.startswith("CARGOWALL_") or k in ("MESSAGE", "MESSAGE_ID", "PRIORITY")}


@case("siem: rsyslog sends the journal's records as JSON, with every field, once, across restarts of both sides")
def rsyslog_journal(rig):
    c = rig.boot()
    listen(c)
    start_rsyslog(c, "rsyslog-journal.conf")

    def records():
        return [json.loads(line) for line in received(c)]

    def arrived(*names):
        wait_until(lambda: {f"{n}.service" for n in names} <= {r.get("CARGOWALL_UNIT") for r in records()}, f"records of {names}")
    across_restarts(c, arrived)
    wanted = [own_fields(e) for e in c.journal("CARGOWALL_EVENT=connection_blocked")]
    equal(len(wanted), 4, "denials in the journal")
    got = [own_fields(r) for r in records() if r.get("CARGOWALL_EVENT") == "connection_blocked"]
    equal(sorted(got, key=lambda r: int(r["CARGOWALL_SEQUENCE"])), wanted, "denials that arrived")
    assert all(r.get("CARGOWALL_EVENT") for r in records()), "records of other programs"


@case("siem: rsyslog sends the lines of the event file as they are, once, across its rotation and restarts of both sides")
def rsyslog_file(rig):
    c = rig.boot()
    listen(c)
    start_rsyslog(c, "rsyslog-file.conf")

    def arrived(*names):
        wait_until(lambda: all(any(f'"unit":"{n}.service"' in line for line in received(c)) for n in names), f"lines of {names}")
    across_restarts(c, arrived)
    c.check("logrotate", "--force", "/etc/logrotate.d/cargowall")
    deny(c, "fifth")
    arrived("fifth")
    written = [line for name in (f"{EVENTS}.1", EVENTS) for line in c.get(name).splitlines()]
    wait_until(lambda: len(received(c)) >= len(written), "all lines")
    equal(received(c), written, "lines")


CERTIFICATES = """
set -e
cd /etc/ssl
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out certs/journal-ca.pem
for name in upload remote; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout private/journal-$name.pem -out $name.csr
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > $name.ext
    openssl x509 -req -in $name.csr -CA certs/journal-ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $name.ext \
        -out certs/journal-$name.pem
    chgrp systemd-journal-$name private/journal-$name.pem
    chmod 640 private/journal-$name.pem
done
chmod 711 private
"""
REMOTE = """[Remote]
Seal=false
SplitMode=host
ServerKeyFile=/etc/ssl/private/journal-remote.pem
ServerCertificateFile=/etc/ssl/certs/journal-remote.pem
TrustedCertificateFile=/etc/ssl/certs/journal-ca.pem
"""


@case("siem: systemd-journal-upload sends the records over TLS, with every field, once, across restarts of both sides")
def journal_upload(rig):
    c = rig.boot()
    c.sh("getent passwd systemd-journal-upload >/dev/null || useradd --system systemd-journal-upload")
    c.sh(CERTIFICATES)
    c.put("/etc/systemd/journal-remote.conf.d/lab.conf", REMOTE)
    c.put("/etc/systemd/journal-upload.conf.d/cargowall.conf", recipe("journal-upload.conf"))
    c.put("/etc/systemd/system/systemd-journal-upload.service.d/retry.conf", recipe("journal-upload-retry.conf"))
    c.check("systemctl", "daemon-reload")
    c.check("systemctl", "start", "systemd-journal-remote.socket")
    c.check("systemctl", "start", "systemd-journal-upload.service")

    def records():
        return [own_fields(e) for e in c.journal("--directory=/var/log/journal/remote", "CARGOWALL_EVENT=connection_blocked")]

    def arrived(*names):
        wait_until(lambda: {f"{n}.service" for n in names} <= {r["CARGOWALL_UNIT"] for r in records()}, f"records of {names}")
    deny(c, "first")
    arrived("first")
    c.check("systemctl", "stop", "systemd-journal-remote.socket", "systemd-journal-remote.service")
    deny(c, "second")
    c.check("systemctl", "start", "systemd-journal-remote.socket")
    arrived("first", "second")
    c.check("systemctl", "restart", "systemd-journal-upload.service")
    deny(c, "third")
    arrived("first", "second", "third")
    equal(sorted(records(), key=lambda r: int(r["CARGOWALL_SEQUENCE"])),
          [own_fields(e) for e in c.journal("CARGOWALL_EVENT=connection_blocked")], "denials that arrived")
