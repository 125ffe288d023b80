# SPDX-License-Identifier: Apache-2.0
"""What test_explain.py asks about and tries: scopes, and destinations for each of them. Two hundred pairs."""

import plan
from rig import POLICY

CONTAINER = f"/system.slice/docker-{'c0ffee' * 10}cafe.scope"
BOX = f"/system.slice/docker-{'b0' * 32}.scope"  # in a network namespace of its own
BOX4, BRIDGE4 = "10.88.0.2", "10.88.0.1"
RULED4 = "203.0.113.40"


def rule(value, action="allow", **more):
    return {"type": "cidr" if "/" in value else "hostname", "value": value, "action": action, **more}


RULES = [
    rule("github.com", ports=[443, "7/tcp"]),
    rule("v4.github.com", "deny"),
    rule("brief.github.com", ports=["7/udp"]),
    rule("*.wild.example.com"),
    rule("www.shop.example"),
    rule("private.rebind.example"),
    rule("ula.rebind.example", allowPrivate=True),
    rule("mixed.rebind.example"),
    rule("loopback.rebind.example"),
    rule("metadata.rebind.example", allowPrivate=True),
    rule("mapped.rebind.example"),
    rule("nat64.rebind.example"),
    rule("mirror.corp.example"),
    rule("mail.github.com"),
    rule("203.0.113.11/32", "deny"),  # that of mail.github.com
    rule(plan.EXAMPLE4 + "/32"),
    rule(plan.EXAMPLE6 + "/128"),
    rule("203.0.113.40/29", ports=["8000-8010/tcp", "0/icmp"]),
    rule("203.0.113.41/32", "deny", ports=["8000-8003"]),
    rule("224.0.0.251/32", ports=["5353/udp"]),
]
TIGHT = {"mode": "enforce", "defaultAction": "deny", "rules": RULES, "searchDomains": ["corp.example"]}
LAX = {"mode": "enforce", "defaultAction": "allow", "match": {"units": ["lax.service"]},
       "rules": [rule("evil.example", "deny"), rule("203.0.113.0/26", "deny", ports=["8443"]), rule("10.0.0.0/8", "deny")]}

HOST_POLICY = POLICY
DOCUMENTS = {
    "build": {**TIGHT, "match": {"units": ["build-*.service"]}},
    "watch": {**TIGHT, "mode": "audit", "match": {"units": ["watch.service"]}},
    "idle": {**TIGHT, "match": {"units": ["idle.service"]}},  # set to off
    "lax": LAX,
    "box": {**TIGHT, "match": {"containers": ["*"]}},
}
HOSTS = f"{plan.GATEWAY4} mirror.corp.example mirror\n{plan.GATEWAY4} db.corp.example\n"

# scope: the unit or control group that the attempts are made in
SCOPES = {"host": "plain.service", "build": "build-1.service", "watch": "watch.service", "idle": "idle.service",
          "lax": "lax.service", "box": CONTAINER}

ADDRESSES = (
    f"{plan.EXAMPLE4}:7", f"{plan.EXAMPLE4}:8443", f"{plan.EXAMPLE4}:7/udp", f"{plan.EXAMPLE4}/icmp",
    f"[{plan.EXAMPLE6}]:7", f"[{plan.EXAMPLE6}]:7/udp", f"{plan.EXAMPLE6}/icmp",
    f"{plan.EVIL4}:7", f"{plan.EVIL4}:7/udp", f"{plan.EVIL4}/icmp", f"[{plan.EVIL6}]:7", f"{plan.EVIL6}/icmp",
    f"{plan.NAMELESS4}:443", f"{plan.NAMELESS4}:443/udp",
    f"{RULED4}:8000", f"{RULED4}:8005", f"{RULED4}:8443", f"{RULED4}:8000/udp", f"{RULED4}/icmp",
    "203.0.113.41:8000", "203.0.113.41:8005", "203.0.113.47:8005", "203.0.113.48:8005",
    "203.0.113.11:7", "203.0.113.10:443",  # of names: before anybody has looked them up, and afterwards
    f"{plan.CLIENT4}:7", f"{plan.CLIENT4}:9", f"{plan.CLIENT4}:7/udp", f"{plan.CLIENT4}/icmp", f"[{plan.CLIENT6}]:7",
    f"{BRIDGE4}:7", f"{BOX4}:7", f"{BOX4}:7/udp", f"{plan.GATEWAY4}:7", f"{plan.GATEWAY4}/icmp", f"[{plan.GATEWAY6}]:7",
    "127.0.0.1:7", "127.0.0.9:7/udp", "[::1]:7", "127.0.0.1/icmp", "::1/icmp", "0.0.0.0:7", "[::]:7", "0.0.0.0:7/udp",
    "[::ffff:127.0.0.1]:7", f"[::ffff:{plan.EVIL4}]:7", f"[::ffff:{plan.EXAMPLE4}]:7", f"[::ffff:{plan.CLIENT4}]:7",
    "224.0.0.251:5353/udp", "224.0.0.251:5355/udp", "239.1.2.3:7/udp", "[ff02::fb]:5353/udp", "10.77.0.255:7/udp",
    "255.255.255.255:7/udp", "169.254.169.254:80", "[fe80::77]:7",
    f"{plan.FOREIGN4}:853", f"{plan.FOREIGN4}:5353/udp",
    f"{plan.EXAMPLE4}:7/sctp", f"{plan.EXAMPLE4}:7/udplite", "127.0.0.1:7/udplite",
)
# Of queries, what is tried is who answers them: the proxy, or the server.
DNS = (f"{plan.FOREIGN4}:53/udp", f"{plan.FOREIGN4}:53", f"[{plan.FOREIGN6}]:53/udp")

NAMES = (
    "github.com", "github.com:7", "github.com:7/udp", "github.com/icmp", "api.github.com", "mail.github.com", "v4.github.com",
    "v6.github.com:7", "brief.github.com:7/udp", "brief.github.com", "example.com", "example.com:7", "www.example.com:7",
    "a.wild.example.com:7", "www.shop.example:7", "edge.cdn.example:7", "lb.shop.example:7",
    "evil.example:7", "x.evil.example:7", "shared.example", "shared.example:7",
    "private.rebind.example:7", "ula.rebind.example:7", "mixed.rebind.example:7", "loopback.rebind.example:7",
    "metadata.rebind.example:80", "mapped.rebind.example:7", "nat64.rebind.example:7",
    "localhost:7", "sub.localhost:7", "runner:7", "_gateway:7", "_outbound:7", "mirror.corp.example:7", "mirror:7",
    "db.corp.example:7",
)
# In a network namespace of its own, from which nothing but the bridge is reached: there, the host's addresses are others'.
BOXED = (f"{BRIDGE4}:7", f"{plan.CLIENT4}:7", f"[{plan.CLIENT6}]:7", "127.0.0.1:7", "[::1]:7", f"{plan.EXAMPLE4}:7",
         f"{plan.EVIL4}:7", f"{plan.EVIL4}:7/udp", f"{RULED4}:8005", "0.0.0.0:7", f"[::ffff:{plan.EVIL4}]:7", "127.0.0.11:7/udp")
