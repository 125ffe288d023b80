/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lint.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* %u: the index of the other rule. */
static const struct {
        const char *name, *reason, *advice;
} kinds[] = {
        [LINT_EVERY_NAME] = { "every-name", "it allows every name, so data can be sent to anybody",
                              "write the names that are needed" },
        [LINT_REGISTRY] = { "public-suffix", "it allows all names of a registry, and anybody can register one",
                            "write the names that are needed" },
        [LINT_SHARED] = { "shared-domain", "anybody can have a name below this domain, so data can be sent to anybody",
                          "write the names of your own tenants or buckets" },
        [LINT_CLOUD] = { "whole-cloud", "it allows a whole cloud, and everything that its customers have there",
                         "write the services that are needed, with their region" },
        [LINT_WIDE_NETWORK] = { "wide-network", "the network is larger than what one owner has",
                                "write the names that are needed, or networks of /16 (IPv6: /32) at most" },
        [LINT_METADATA] = { "metadata", "it includes the metadata service of clouds, which gives away credentials",
                            "add a rule that denies 169.254.169.254, 168.63.129.16, 100.100.100.200 and fd00:ec2::254, as far "
                            "as the network has them" },
        [LINT_NO_PORTS] = { "no-ports", "it allows all ports of TCP and UDP, and ICMP", "add \"ports\": [\"443/tcp\"]" },
        [LINT_QUIC] = { "udp-443", "it allows UDP port 443 (QUIC), where clients do not need it",
                        "write \"443/tcp\" if they can do without HTTP/3" },
        [LINT_LOOPBACK] = { "loopback", "no connection matches: the loopback is always allowed",
                            "remove it, unless names have this address" },
        [LINT_DNS_PORT] = { "dns-port", "no connection matches: port 53 is that of the DNS proxy, which judges queries by name",
                            "write the ports that are needed, or remove it" },
        [LINT_DENIED] = { "denied", "it allows nothing: $.rules[%u] denies the same", "remove one of the two" },
        [LINT_OUTRANKED] = { "outranked", "it never matches: $.rules[%u] is for a name above it, which takes precedence over "
                             "patterns", "remove it, or the name above" },
        [LINT_REPEATED] = { "repeated", "$.rules[%u] says the same already", "remove it" },
        [LINT_COVERED] = { "covered", "$.rules[%u] does the same without it", "remove it" },
};

_Static_assert(ELEMENTSOF(kinds) == _LINT_KIND_MAX, "words for each kind");

const char *lint_kind_to_string(LintKind kind) {
        assert(kind >= 0 && kind < _LINT_KIND_MAX);

        return kinds[kind].name;
}

static void with_index(const char *format, uint32_t other, char *buf, size_t size) {
        const char *place = other == RULE_NONE ? NULL : strstr(format, "%u");

        if (place)
                (void) snprintf(buf, size, "%.*s%u%s", (int) (place - format), format, other, place + 2);
        else
                (void) snprintf(buf, size, "%s", format);
}

const char *lint_reason(const LintFinding *f, char buf[static LINT_TEXT_MAX]) {
        assert(f);
        assert(buf);

        if (f->kind == LINT_QUIC && f->has_all_protocols)
                (void) snprintf(buf, LINT_TEXT_MAX, "a port without a protocol is also allowed for UDP (QUIC), where clients do not "
                                "need it");
        else
                with_index(kinds[f->kind].reason, f->other, buf, LINT_TEXT_MAX);
        return buf;
}

const char *lint_advice(const LintFinding *f, char buf[static LINT_TEXT_MAX]) {
        assert(f);
        assert(buf);

        with_index(kinds[f->kind].advice, f->other, buf, LINT_TEXT_MAX);
        return buf;
}
