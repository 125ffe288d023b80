# SPDX-License-Identifier: Apache-2.0
"""What attackers in the container do that tests/e2e/client/attacker.py has no need of: packets by hand, sockets that
are handed on, names that lie. For test_attacks.py, which puts it beside attacker.py."""

import array
import os
import socket
import struct
import subprocess

import attacker
from attacker import CLIENT4, attempt, family_of, new_socket, report  # noqa: F401  for the tests' commands

ETH_P_IP = 0x0800
ICMP_ECHO, ICMP_ECHO_REPLY, ICMP6_ECHO, ICMP6_NEIGHBOUR_SOLICITATION = 8, 0, 128, 135
DATA = b"DATA" * 8


def send_raw(addr, protocol, payload, hops=None):
    """One packet of any protocol through a raw socket. Returns the bytes sent."""
    with socket.socket(family_of(addr), socket.SOCK_RAW, protocol) as s:
        if hops and ":" in addr:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        return s.sendto(payload, (addr, 0))


def send_icmp(addr, kind, how=socket.SOCK_DGRAM, hops=None):
    """An ICMP message with data of the sender's choice. The kernel writes the checksum of ICMPv6 alone."""
    protocol = socket.IPPROTO_ICMPV6 if ":" in addr else socket.IPPROTO_ICMP
    message = struct.pack("!BBHHH", kind, 0, 0, 1, 1) + bytes(16) + DATA
    if how == socket.SOCK_RAW:
        return send_raw(addr, protocol, message, hops)
    with socket.socket(family_of(addr), how, protocol) as s:
        return s.sendto(message, (addr, 0))


def ipv4(dst, protocol, payload, src=CLIENT4):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, socket.inet_aton(src),
                       socket.inet_aton(dst))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:] + payload


def udp_datagram(src_port, dst_port, payload=DATA):
    return struct.pack("!HHHH", src_port, dst_port, 8 + len(payload), 0) + payload  # 0: no checksum


def tcp_segment(src_port, dst_port, flags, payload=b""):
    return struct.pack("!HHIIBBHHH", src_port, dst_port, 1, 1, 0x50, flags, 1024, 0, 0) + payload


def gateway_mac():
    with open("/proc/net/arp", encoding="ascii") as table:
        for line in table.readlines()[1:]:
            fields = line.split()
            if fields[0] == attacker.GATEWAY4 and fields[3] != "00:00:00:00:00:00":
                return bytes.fromhex(fields[3].replace(":", ""))
    raise LookupError("the gateway is not in the neighbour table")


def send_by_link(packet, kind=socket.SOCK_DGRAM, device="eth0"):
    """Past the IP stack: a packet socket."""
    with socket.socket(socket.AF_PACKET, kind, socket.htons(ETH_P_IP)) as s:
        if kind == socket.SOCK_RAW:
            s.bind((device, ETH_P_IP))
            return s.send(gateway_mac() + s.getsockname()[4] + struct.pack("!H", ETH_P_IP) + packet)
        return s.sendto(packet, (device, ETH_P_IP, 0, 0, gateway_mac()))


def udp_from(src_port, addr, port, payload=DATA, **options):
    """One datagram from a port that is asked for; no answer is waited for."""
    with new_socket(addr, socket.SOCK_DGRAM) as s:
        if options.get("broadcast"):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if src_port:
            s.bind(("", src_port))
        return s.sendto(payload, (addr, port))


def connect_and_send(s, addr, port):
    s.connect((addr, port))
    return s.send(DATA)


def run_status(*argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode


# -- sockets that are handed on

def listen_for_sockets(path):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(path)
    os.chmod(path, 0o666)
    server.listen()
    return server


def give(connection, *sockets):
    numbers = array.array("i", [s.fileno() for s in sockets])
    connection.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])


def take(connection, n):
    numbers = array.array("i")
    _, ancillary, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(n * numbers.itemsize))
    for _, _, data in ancillary:
        numbers.frombytes(data)
    return [socket.socket(fileno=fd) for fd in numbers]


def handed_by_systemd(n=1):
    """Sockets of a .socket unit (sd_listen_fds(3))."""
    return [socket.socket(fileno=3 + i) for i in range(n)]


# -- control groups

def own_cgroup():
    with open("/proc/self/cgroup", encoding="ascii") as f:
        return "/sys/fs/cgroup" + f.read().split("0::")[1].strip()


def enter_cgroup(path):
    with open(path + "/cgroup.procs", "w", encoding="ascii") as f:
        f.write("0")
