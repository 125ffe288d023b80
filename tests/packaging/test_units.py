#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The files of units/, dbus/ and polkit/, by the tools that will read them. TAP; needs no service manager and no build.

The programs that the units start are stubs in a root directory of the test's own. The drop-in script runs, as root, in
a mount namespace with an empty /run and a systemctl that answers from files.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
UNITS = ("cargowalld.service", "cargowalld-dns.socket", "cargowalld-dns6.socket")
FAULT_UNITS = ("cargowalld-fault.path", "cargowalld-fault.service")
LIBEXEC = "usr/libexec/cargowall"
SCRIPT, STOP_SCRIPT = "cargowall-resolved-dropin", "cargowall-stop"
EXPOSURE_MAX = 20  # systemd-analyze security prints it with a point: 2.0
CASES = []


class Skip(Exception):
    pass


def case(function):
    CASES.append(function)
    return function


def tool(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def run(*command, **options):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False, **options)


def silent(done):
    """Many warnings leave the exit status at 0."""
    assert done.returncode == 0 and not done.stdout.strip(), f"exit status {done.returncode}:\n{done.stdout}"


# -- a root directory with our units, systemd's own targets and stubs

def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def make_root(root):
    tool("systemd-analyze")
    system = root / "usr/lib/systemd/system"
    installed = next((d for d in map(pathlib.Path, ("/usr/lib/systemd/system", "/lib/systemd/system"))
                      if (d / "multi-user.target").exists()), None)
    if not installed:
        raise Skip("systemd's own units are not installed")
    for name in UNITS:
        text = (SOURCE / "units" / (name + ".in")).read_text(encoding="utf-8")
        write(system / name, text.replace("@libexecdir@", "/" + LIBEXEC).replace("@bindir@", "/usr/bin"))
    for name in FAULT_UNITS:
        shutil.copy(SOURCE / "units" / name, system / name)
    for target in installed.glob("*.target"):
        shutil.copy(target, system / target.name, follow_symlinks=False)
    for program in (f"{LIBEXEC}/cargowalld", f"{LIBEXEC}/{SCRIPT}", f"{LIBEXEC}/{STOP_SCRIPT}", "bin/sh", "bin/true"):
        write(root / program, "#!/bin/sh\n", 0o755)


def verify(root, *units):
    return run("systemd-analyze", "verify", f"--root={root}", "--man=no", *units)


@case
def units_are_clean(root):
    make_root(root)
    silent(verify(root, *UNITS, *FAULT_UNITS))


@case
def unknown_settings_would_be_seen(root):
    make_root(root)
    write(root / "etc/systemd/system/cargowalld.service.d/bad.conf", "[Service]\nNoSuchSetting=yes\n")
    done = verify(root, *UNITS)
    assert "NoSuchSetting" in done.stdout, done.stdout


@case
def exposure_is_low(root):
    make_root(root)
    done = run("systemd-analyze", "security", "--offline=true", f"--root={root}", f"--threshold={EXPOSURE_MAX}",
               "--no-pager", "cargowalld.service")
    assert done.returncode == 0 and "exposure level" in done.stdout, done.stdout


@case
def reload_needs_no_bus(root):
    """If the service cannot be asked, because the bus is down or others flood it, it gets a signal."""
    text = (SOURCE / "units/cargowalld.service.in").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("ExecReload="))
    script = line.removeprefix("ExecReload=+/bin/sh -c '").removesuffix("'").replace("@bindir@", str(root))
    for status, signals in ((0, False), (1, False), (5, True), (7, False), (8, True)):
        write(root / "cargowallctl", f"#!/bin/sh\nexit {status}\n", 0o755)
        # The tests may run under nohup(1).
        service = subprocess.Popen(["sleep", "60"], preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
        try:
            done = run("sh", "-c", script, env=os.environ | {"MAINPID": str(service.pid)})
            if not signals:
                service.kill()
            equal((status, done.returncode == 0, -service.wait(60)),
                  (status, status == 0 or signals, signal.SIGHUP if signals else signal.SIGKILL))
        finally:
            service.kill()


# A cloud image: its first stage waits for the network before sysinit.target.
CLOUD_STAGE = """[Unit]
DefaultDependencies=no
Wants=network.target
After=network.target
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/true
"""


def start_on_cloud_image(root, drop_in):
    make_root(root)
    system = root / "etc/systemd/system"
    write(system / "cloud-stage.service", CLOUD_STAGE)
    for wanted, where in ((UNITS[0], "multi-user.target"), (UNITS[1], "sockets.target"),
                          ("cloud-stage.service", "sysinit.target")):
        write(system / f"{where}.d" / f"{wanted}.conf", f"[Unit]\nWants={wanted}\n")
    for unit in UNITS:
        write(system / f"{unit}.d/early.conf", drop_in)
    return verify(root, "multi-user.target").stdout


@case
def early_start_makes_no_cycle(root):
    drop_in = (SOURCE / "units/cargowalld-early.conf").read_text(encoding="utf-8")
    output = start_on_cloud_image(root, drop_in)
    assert "cycle" not in output, output


@case
def early_start_with_default_dependencies_would(root):
    drop_in = (SOURCE / "units/cargowalld-early.conf").read_text(encoding="utf-8")
    output = start_on_cloud_image(root, drop_in.replace("DefaultDependencies=no", ""))
    assert "cycle" in output, output


@case
def pinning_drop_in_is_clean(root):
    make_root(root)
    shutil.copy(SOURCE / "units/cargowalld-pin.conf", root / "usr/lib/systemd/system")
    directory = root / "etc/systemd/system/cargowalld.service.d"
    directory.mkdir(parents=True)
    shutil.copy(SOURCE / "units/cargowalld-pin.conf", directory / "pin.conf")
    silent(verify(root, *UNITS))


@case
def user_is_made(root):
    write(root / "usr/lib/sysusers.d/cargowall.conf", (SOURCE / "units/cargowall.sysusers").read_text(encoding="utf-8"))
    (root / "etc").mkdir()
    done = run(tool("systemd-sysusers"), f"--root={root}")
    assert done.returncode == 0, done.stdout
    users = [line.split(":") for line in (root / "etc/passwd").read_text(encoding="utf-8").splitlines()]
    user = next((u for u in users if u[0] == "cargowall"), None)
    assert user and user[6].endswith("nologin") and 0 < int(user[2]) < 1000, users


@case
def first_policy_only_reports(root):
    policy = json.loads((SOURCE / "units/policy.json").read_text(encoding="utf-8"))
    assert policy == {"mode": "audit", "defaultAction": "deny", "rules": []}, policy
    program = os.environ.get("CARGOWALL")
    if program:
        done = run(program, "policy", "check", SOURCE / "units/policy.json")
        assert done.returncode == 0, done.stdout


@case
def first_configuration_changes_nothing(root):
    lines = (SOURCE / "units/cargowall.conf").read_text(encoding="utf-8").splitlines()
    said = [line for line in lines if line and not line.startswith(("#", "["))]
    assert not said and "[Service]" in lines, said


# -- what the Debian package does when it is installed

@case
def installation_ends_with_what_is_on(root):
    """By what `cargowallctl mode` prints, in one line; an upgrade prints none."""
    environment = {"PATH": f"{root}:/usr/bin:/bin", "DPKG_ROOT": str(root), "LC_ALL": "C"}

    def configured(*arguments):
        done = run("sh", SOURCE / "debian/cargowall.postinst", "configure", *arguments, env=environment)
        assert done.returncode == 0, done.stdout
        return done.stdout

    for mode, words in (("audit", ("audit mode", "'cargowallctl check'", "'cargowallctl events'", '"mode": "enforce"')),
                        ("enforce", ("is enforced", "'cargowallctl check'")), ("off", ("mode is off",)),
                        ("", ("is not running", "'cargowallctl check'", "'systemctl start cargowalld.service'"))):
        write(root / "cargowallctl", f"#!/bin/sh\necho '   Effective: {mode}'\necho '         Set: configured'\n" if mode else
              "#!/bin/sh\nexit 5\n", 0o755)
        text = configured("")
        assert text.startswith("cargowall: ") and text.count("\n") == 1, text
        assert all(word in text for word in words), (words, text)
        equal(configured("0.0.9"), "")


# -- D-Bus and polkit

@case
def bus_files_are_well_formed(root):
    files = sorted([*(SOURCE / "dbus").glob("*.xml"), SOURCE / "dbus/org.cargowall1.conf"])
    silent(run(tool("xmllint"), "--noout", "--nonet", *files))


@case
def actions_are_valid(root):
    policy = SOURCE / "polkit/org.cargowall1.policy"
    dtd = pathlib.Path("/usr/share/polkit-1/policyconfig-1.dtd")
    if not dtd.exists():
        raise Skip("polkit's document type is not installed")
    silent(run(tool("xmllint"), "--noout", "--nonet", "--dtdvalid", dtd, policy))


@case
def service_may_ask_about_every_action(root):
    actions = ElementTree.parse(SOURCE / "polkit/org.cargowall1.policy").findall("action")
    assert actions, "no action"
    for action in actions:
        owners = [a.text for a in action.findall("annotate") if a.get("key") == "org.freedesktop.policykit.owner"]
        assert owners == ["unix-user:cargowall"], (action.get("id"), owners)


@case
def bus_activation_starts_the_unit(root):
    lines = (SOURCE / "dbus/org.cargowall1.service").read_text(encoding="utf-8").splitlines()
    unit = (SOURCE / "units/cargowalld.service.in").read_text(encoding="utf-8").splitlines()
    assert "Name=org.cargowall1" in lines and "BusName=org.cargowall1" in unit, lines
    alias = next(line.split("=", 1)[1] for line in lines if line.startswith("SystemdService="))
    assert f"Alias={alias}" in unit, alias


# -- the drop-in for systemd-resolved

@case
def script_is_clean(root):
    for script in (SCRIPT, STOP_SCRIPT):
        silent(run(tool("shellcheck"), SOURCE / "units" / script))


SYSTEMCTL = """#!/bin/sh
# Answers from files beside it: what a word of the command line names; an absent one fails.
here=$(dirname "$0")
for word in "$@"; do
    case $word in
    is-active | is-enabled | is-failed) test -e "$here/$word"; exit ;;
    is-system-running) cat "$here/$word"; exit 0 ;;
    list-jobs) cat "$here/jobs"; exit 0 ;;
    reset-failed | try-reload-or-restart) echo "$word" >>"$here/done" ;;
    esac
done
"""

END = "-- end of step"
DROP_IN = pathlib.Path("/run/systemd/resolved.conf.d/60-cargowall.conf")


class Host:
    """What the script sees. Each step is a fresh process in one mount namespace, so a scenario is one shell script."""

    def __init__(self, root):
        if os.geteuid() != 0:
            raise Skip("not root")
        if run(tool("unshare"), "--mount", "mount", "-t", "tmpfs", "none", "/run").returncode != 0:
            raise Skip("no mount namespace of one's own here")
        self.root = root
        self.steps = ["set -u", "umask 077", "mount -t tmpfs none /run", f"cd {root}"]
        write(root / "systemctl", SYSTEMCTL, 0o755)
        write(root / "cargowalld", "#!/bin/sh\ntest \"$1\" = --dns-wiring && cat \"$(dirname \"$0\")/wiring\"\n", 0o755)
        for script in (SCRIPT, STOP_SCRIPT):
            shutil.copy(SOURCE / "units" / script, root / script)
        for name, text in (("wiring", "bpf+resolved\n"), ("is-active", ""), ("is-system-running", "running\n"),
                           ("jobs", ""), ("done", "")):
            write(root / name, text)

    def do(self, line):
        self.steps.append(line)
        return self

    def call(self, *arguments):
        """Runs the script and writes down whether the drop-in is there afterwards, and what was sent to resolved."""
        return self.do(f": >done; ./{SCRIPT} {' '.join(arguments)} || echo failed; "
                       f"if [ -e {DROP_IN} ]; then echo there; else echo gone; fi; cat done; echo {END}")

    def happened(self):
        environment = {"PATH": f"{self.root}:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C"}
        done = run("unshare", "--mount", "sh", "-c", "\n".join(self.steps), env=environment)
        assert done.returncode == 0, done.stdout
        return [" ".join(step.split()) for step in done.stdout.split(END + "\n")[:-1]]


def equal(got, wanted):
    assert got == wanted, f"wanted {wanted}, got {got}"


SENT = "reset-failed try-reload-or-restart"


@case
def drop_in_is_added_once(root):
    equal(Host(root).call("add").call("add").happened(), [f"there {SENT}", "there"])


@case
def drop_in_can_be_read_by_resolved(root):
    host = Host(root).call("add")
    host.do(f"stat -c %a {DROP_IN.parent} {DROP_IN}; ls -A {DROP_IN.parent}; cat {DROP_IN}; echo {END}")
    text = host.happened()[1]
    assert text.startswith(f"755 644 {DROP_IN.name} #") and "] DNS=127.0.0.155 Cache=no" in text, text
    assert "Domains=~. " not in text.split("[Resolve]")[1], text


@case
def drop_in_goes_with_a_stop(root):
    host = Host(root).call("add").do("echo '7 cargowalld.service stop running' >jobs")
    host.call("remove", "cargowalld.service").do(f"ls -d {DROP_IN.parent} 2>/dev/null; echo {END}")
    equal(host.happened(), [f"there {SENT}", f"gone {SENT}", ""])


@case
def drop_in_stays_otherwise(root):
    host = Host(root).call("add")
    for job in ("", "7 cargowalld.service restart running", "7 cargowalld.service start waiting",
                "7 cargowalld-dns.socket stop running"):
        host.do(f"echo '{job}' >jobs").call("remove", "cargowalld.service")
    equal(host.happened(), [f"there {SENT}", "there", "there", "there", "there"])


@case
def drop_in_follows_the_configuration(root):
    equal(Host(root).call("add").do("echo bpf >wiring").call("add").happened(), [f"there {SENT}", f"gone {SENT}"])


@case
def drop_in_waits_for_resolved(root):
    host = Host(root).do("rm is-active").call("add").do("touch is-enabled").call("add")
    equal(host.happened(), ["gone", f"there {SENT}"])


@case
def resolved_is_left_alone_when_it_failed_and_at_shutdown(root):
    host = Host(root).do("touch is-failed").call("add").do("rm is-failed; echo stopping >is-system-running")
    host.do("echo '7 cargowalld.service stop running' >jobs").call("remove", "cargowalld.service")
    equal(host.happened(), ["there", "gone"])


def main():
    failed = 0
    print(f"1..{len(CASES)}")
    for number, function in enumerate(CASES, 1):
        name = function.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory() as directory:
            try:
                function(pathlib.Path(directory))
                print(f"ok {number} - {name}")
            except Skip as skip:
                print(f"ok {number} - {name} # SKIP {skip}")
            except Exception as error:  # a test that breaks has failed, and the others still run
                failed = 1
                print(f"not ok {number} - {name}")
                print("\n".join("# " + line for line in f"{type(error).__name__}: {error}".splitlines()))
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
