# SPDX-License-Identifier: Apache-2.0
"""What "cargowallctl explain" says is what happens: each destination of a table is tried in each scope."""

import contextlib
import ipaddress
import json
import pathlib

import explain_client
import explain_table as table
from harness import case, equal
from lab import wait_until
from plan import FOREIGN4, FOREIGN6
from rig import EVENTS, LIBRARY, ctl

UNKNOWN = "addresses are not known until then"  # of a name that nobody has looked up
HERE = pathlib.Path(__file__).resolve().parent


def machine(rig):
    def prepare(c):
        for name in ("explain_client.py", "explain_ask.py"):
            c.put(f"{LIBRARY}/{name}", (HERE / name).read_bytes())
        c.put("etc/hosts", c.get("etc/hosts") + table.HOSTS)
    c = rig.boot(policy=table.HOST_POLICY, documents=table.DOCUMENTS, prepare=prepare)
    ctl(c, "mode", "off", "--scope=idle")
    c.start_unit("python3", f"/{LIBRARY}/explain_client.py", "server", name="echo.service")
    wait_until(lambda: "ready" in c.said("echo.service"), "the machine's own server")
    return c


@contextlib.contextmanager
def box(c):
    """A network namespace of its own, joined to the machine's, as an engine makes it."""
    c.sh(f"""ip netns add box
             ip link add veth-box type veth peer name eth0 netns box
             ip addr add {table.BRIDGE4}/24 dev veth-box
             ip link set veth-box up
             ip -n box link set lo up
             ip -n box addr add {table.BOX4}/24 dev eth0
             ip -n box link set eth0 up
             ip -n box route add default via {table.BRIDGE4}""")
    try:
        yield
    finally:
        c.run("ip", "link", "del", "veth-box")
        c.run("ip", "netns", "del", "box")


def client(destinations, *before):
    return [*before, "python3", f"/{LIBRARY}/explain_client.py", *destinations]


def attempts(c, where, destinations, *before):
    """What happens to them in a unit, or in a control group made by hand."""
    if where.startswith("/"):
        r = c.run("sh", "-ec", 'mkdir -p "$0"; echo 0 >"$0/cgroup.procs"; exec "$@"', "/sys/fs/cgroup" + where,
                  *client(destinations, *before))
    else:
        r = c.unit(*client(destinations, *before), name=where)
    equal(r.status, 0, f"exit status ({r.err[-500:]})")
    return json.loads(r.out)


def explanations(c, scope, destinations):
    return json.loads(c.check("python3", f"/{LIBRARY}/explain_ask.py", scope, *destinations))


def disagreement(said, happened):
    """What is untrue of an explanation, or None."""
    if "error" in said:
        return f"explain fails: {said['error']}"
    unresolved = said["action"] == "deny" and said.get("name_refused", False) or said.get("resolver_refuses", False)
    wanted = "unresolved" if unresolved else said["action"]
    return None if happened["outcome"] in (wanted, "unsupported") else f"explain: {wanted}, tried: {happened}"


def elsewhere(said):
    """The same in another network namespace, as far as it says that this matters."""
    return {**said, "action": said.get("action_elsewhere", said.get("action"))}


def key(text):
    """As an event has it: an address in its shortest form, and a port."""
    host, port, _ = explain_client.parse(text)
    address = ipaddress.ip_address(host)
    return str(getattr(address, "ipv4_mapped", None) or address), port


def compare(title, said, happened, destinations):
    return [f"{title} {text}: {wrong} ({said[text].get('text')})" for text in destinations
            if (wrong := disagreement(said[text], happened[text]))]


@case("explain: a table of destinations in all kinds of scope: what it says is what happens")
def explain_agrees(rig):
    c = machine(rig)
    wrong, n = [], 0
    with box(c):
        for scope, where in table.SCOPES.items():
            destinations = (*table.ADDRESSES, *table.NAMES)
            before = explanations(c, scope, destinations)
            happened = attempts(c, where, destinations)
            known = [text for text in destinations if UNKNOWN not in before[text].get("text", "")]
            wrong += compare(f"{scope}, before:", before, happened, known)
            wrong += compare(f"{scope}, after:", explanations(c, scope, table.NAMES), happened, table.NAMES)
            n += len(happened)
        boxed = attempts(c, table.BOX, table.BOXED, "ip", "netns", "exec", "box")
        said = explanations(c, "box", table.BOXED)
        wrong += compare("box, in its own network:", {text: elsewhere(said[text]) for text in said}, boxed, table.BOXED)
        n += len(boxed)
    assert not wrong, f"{len(wrong)} of {n}:\n" + "\n".join(wrong)
    assert n >= 200, f"only {n} destinations were tried"


@case("explain: queries: that the proxy answers in the place of the server that was asked, or that it does not")
def explain_queries(rig):
    c = machine(rig)
    for scope, where, action in (("host", "plain.service", "deny"), ("build", "build-1.service", "deny"), ("idle", "idle.service", "allow")):
        rig.watch()
        said = explanations(c, scope, table.DNS)
        r = c.python("""
            for server in FOREIGN4, FOREIGN6:
                report(**{server: [dns_udp(server, dnswire.query("github.com"))["rcode"],
                                   dns_tcp(server, [dnswire.query("github.com")])[0x1234]["rcode"]]})""", name=where)
        equal(r.status, 0, "exit status")
        equal(r.facts, {server: ["NOERROR", "NOERROR"] for server in (FOREIGN4, FOREIGN6)}, "answers")
        reached = {text: rig.packets(server, protocol, 53) > 0 for text, server, protocol in (
            (table.DNS[0], FOREIGN4, 17), (table.DNS[1], FOREIGN4, 6), (table.DNS[2], FOREIGN6, 17))}
        equal({text: e["action"] == "allow" for text, e in said.items()}, reached, f"what explain says of the queries of {scope}")
        equal({e["action"] for e in said.values()}, {action}, f"what happens to the queries of {scope}")


@case("explain: what it says of a scope in audit is what is reported there")
def explain_audit(rig):
    c = machine(rig)
    destinations = [text for text in table.ADDRESSES if "/" not in text]
    said = explanations(c, "watch", destinations)
    attempts(c, "watch.service", destinations)

    def reported():
        events = [json.loads(line) for line in c.get(EVENTS).splitlines()]
        return {(e["dst_ip"], e["dst_port"]) for e in events
                if e.get("unit") == "watch.service" and e["event_type"] == "connection_blocked" and e["would_deny"]}
    wanted = {key(text) for text in destinations if said[text]["verdict"] == "deny"}
    assert len(wanted) > 10, f"only {wanted} would be denied"
    wait_until(lambda: wanted <= reported(), "what would be denied to be reported", 20)
    equal(reported(), wanted, "what is reported as denied")
