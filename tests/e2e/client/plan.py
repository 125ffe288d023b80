# SPDX-License-Identifier: Apache-2.0
"""Addresses of the lab: documentation prefixes (RFC 5737, RFC 3849). The names are in internet/root.zone."""

CLIENT4, CLIENT6 = "10.77.0.2", "fd77::2"
GATEWAY4, GATEWAY6 = "10.77.0.1", "fd77::1"

# the user that commands run as; in the client's own /etc/passwd
JOB, JOB_ID = "job", 64123

# github.com, api.github.com
GITHUB4, GITHUB6 = "203.0.113.10", "2001:db8:113::10"
# example.com
EXAMPLE4, EXAMPLE6 = "203.0.113.30", "2001:db8:113::30"
# evil.example: no policy of a test allows it
EVIL4, EVIL6 = "203.0.113.66", "2001:db8:113::66"
# no name leads here
NAMELESS4, NAMELESS6 = "203.0.113.77", "2001:db8:113::77"
# where the witness learns that a test has ended
MARK4, MARK_PORT = "203.0.113.254", 9

# in the client's resolv.conf
RESOLVER4, RESOLVER6 = "198.51.100.53", "2001:db8:53::53"
# as good a resolver, but nobody configured it
FOREIGN4, FOREIGN6 = "198.51.100.99", "2001:db8:53::99"
# answers with what no honest resolver sends (internet/services.py)
CRAFTED4 = "198.51.100.77"
# swallows every packet
DEAD4 = "198.51.100.67"

# what local routes make answer, without listing each address
INTERNET4 = ("203.0.113.0/24", "198.51.100.0/24", "10.99.0.0/24", "169.254.169.254/32")
INTERNET6 = ("2001:db8::/32", "fd99::/64")

ECHO_PORTS = (7, 22, 853, 3128, 8000, 8005, 8443)
UDP_ECHO_PORTS = (7, 443, 853, 5353, 5355, 8000)
