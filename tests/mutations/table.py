# SPDX-License-Identifier: Apache-2.0
"""Protections, each with a change that removes it, and the tests that must then fail: programs of tests/bpf and tests/unit,
cases of `cargowall run` (tests/e2e and tests/attacks), cases on a booted machine (tests/system)."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutation:
    name: str
    what: str  # is missing
    file: str
    old: str  # occurs once
    new: str
    programs: tuple = ()
    run: tuple = ()  # parts of titles
    machine: tuple = ()


MUTATIONS = [
    Mutation("families-run", "the filter of socket families of `run`", "src/run/syscall-filter.c",
             "r = refuse_families(filter, SCMP_SYS(socket), action);", "r = 0;",
             run=("C5 C6 families without hooks",)),
    Mutation("families-machine", "the filter of network devices", "bpf/backstop.bpf.h",
             "        if (family == FAMILY_UNSPEC || family_is_harmless(family))", "        if (sk || family_is_harmless(family))",
             programs=("backstop",), machine=("C4 packet sockets: none for a user",)),
    Mutation("source-route-option", "the hook on options for source routing", "bpf/option.bpf.h",
             "        if (kind == OPTION_ROUTE4 || kind == OPTION_ROUTE6)\n                return deny_option",
             "        if (kind == OPTION_ROUTE4 || kind == OPTION_ROUTE6)\n                return 1;\n        if (kind == OPTION_OTHER)\n                return deny_option",
             programs=("options",)),
    Mutation("source-route-packet", "the look at the options of an IPv4 packet", "bpf/packet.bpf.h",
             "        return type == 131 || type == 137;", "        return type == 0;",
             programs=("options",)),
    Mutation("routing-header", "the rule that NAT does not move what a routing header moves", "bpf/cargowall.bpf.c",
             "        if (!f && !p.routed)", "        if (!f)",
             programs=("options",)),
    Mutation("last-sockets-run", "the wait until no socket of COMMAND is left", "src/engine/engine.c",
             "        return attachment_link_is_released(fd);", "        return fd >= 0;",
             run=("nor if a process outside was given the socket",)),
    Mutation("last-sockets-service", "the end of refused connections when the service stops", "src/daemon/service.c",
             "        end_refused(c);\n        engine_flush", "        (void) end_refused;\n        engine_flush",
             machine=("what a connection has queued for a denied destination does not leave when the service stops",)),
    Mutation("inherited-run", "the look at inherited descriptors", "src/run/run.c",
             "r = inherited_find_leak(o->keep_fds, o->n_keep_fds, run->doors.n > 0, &fd, &what);", "r = 0;",
             run=("an inherited descriptor that leads past the policy",)),
    Mutation("inherited-task", "the policy of the task beside that of the socket", "bpf/cargowall.bpf.c",
             "        if (!task_may_not(skb, c, f, flow_verdict(f)))", "        if (f || !task_may_not(skb, c, f, flow_verdict(f)))",
             programs=("requesters",), machine=("C10 C13 sockets that are handed between a free and a jailed unit",)),
    Mutation("forged-answers", "the filter for answers from this machine itself", "src/net/upstream-sockets.c",
             "r = upstream_socket_refuse_loopback(fd, s->loopback_filter);", "r = 0;",
             run=("A7 an answer in the resolver's name",)),
    Mutation("strangers-run", "the filter of the proxy's clients", "bpf/cargowall.bpf.c",
             "        return known ? -1 : 0; /*", "        return -1; /*",
             run=("A13 who finds the port of a run's proxy is not answered: a process outside",)),
    Mutation("fair-share", "the quarter of the proxy's places that is kept", "src/basic/fair-share.c",
             "        return MAX(f->max / 4, (size_t) 1);", "        return f->max;",
             programs=("fair-share",), machine=("D5 A3 units without and with a policy hold queries",)),
    Mutation("flow-share", "the share of the table of flows", "bpf/flow.bpf.h",
             "        if (!many_layers || !s || bpf_map_lookup_elem(&flows, key))", "        if (many_layers || !s || bpf_map_lookup_elem(&flows, key))",
             programs=("flows",)),
    Mutation("denial-budget", "the limit of denials", "bpf/budget.bpf.h",
             "        if (budget_has_token(", "        if (now_ns || budget_has_token(",
             programs=("budgets",)),
    Mutation("source-packet", "the check of a packet's source", "bpf/source.bpf.h",
             "        return address_is_foreign(words[0], words[1]) && in_known_netns(skb);\n}\n\n/* A packet to the loopback",
             "        return false;\n}\n\n/* A packet to the loopback",
             programs=("source",), run=("C15 a source that is not the machine's: an allowed server",),
             machine=("C14 C15 units",)),
    Mutation("source-reset", "the check of the source of a first reset", "bpf/cargowall.bpf.c",
             "        return !(p->tcp_flags & TCP_RST) || (f && f->state != CW_FLOW_JUDGED);", "        return true;",
             programs=("source",)),
    Mutation("groups", "the verdict about groups", "bpf/option.bpf.h",
             "        if (state != SUBJECT_JUDGED)\n                return deny_option(ctx, c, denial(c, state, CW_REASON_FAULT), group);",
             "        if (group)\n                return 1;",
             programs=("options",), run=("C14 group memberships",), machine=("C14 C15 units",)),
    Mutation("domain", "the Landlock domain", "src/run/child.c",
             "        if (r >= 0 && o->domain_abi > 0)", "        if (r >= 0 && o->domain_abi > 1000)",
             run=("C9 other processes of the same user",)),
    Mutation("terminal", "the filter of requests to the terminal", "src/run/syscall-filter.c",
             "r = refuse(filter, SCMP_SYS(ioctl), SCMP_ACT_ERRNO(EPERM), equals(1, terminal_requests[i]));",
             "r = terminal_requests[i] == 0;",
             run=("C8 nothing can be typed",)),
    Mutation("keyrings", "the filter of key calls", "src/run/syscall-filter.c",
             "        SCMP_SYS(add_key),        SCMP_SYS(request_key),    SCMP_SYS(keyctl),\n", "",
             run=("C8 kernel keyrings",)),
    Mutation("dhcp", "the bound of the exemption of DHCP", "bpf/cargowall.bpf.c",
             "        if (is_dhcp(skb, c, p) ||", "        if (p->dst_port == 67 || p->dst_port == 547 || is_dhcp(skb, c, p) ||",
             programs=("dhcp",)),
    Mutation("log-limit", "the limit of the file of events", "src/sink/ndjson-file.c",
             "        f->max_size = max_size;", "        f->max_size = 0;",
             programs=("ndjson-file",), machine=("the service rotates the file of events",)),
    Mutation("last-counts", "the report of what was only counted when the service stops", "src/daemon/service.c",
             "        engine_flush(c->engine);\n        context_emit_type", "        context_emit_type",
             machine=("systemctl stop reports what was only counted",)),
]
