/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* New sockets of other families: their packets pass all hooks, since the kernel asks cgroup programs about IP sockets
 * only. So a task with a policy may not create one, whatever its rights. The hook is asked about each new socket of the
 * machine, before the kernel loads a module for it. The host's scope is left alone: DHCP clients, topology daemons,
 * Bluetooth and the like need such sockets. */

#include "record.bpf.h"

/* <linux/socket.h> is not for programs */
enum {
        FAMILY_UNIX = 1,
        FAMILY_INET = 2,
        FAMILY_INET6 = 10,
        FAMILY_NETLINK = 16,
        FAMILY_ALG = 38,
};

#define FAMILY_REFUSED (-97) /* EAFNOSUPPORT: as on a kernel without the family */

/* Set by the first call: proof that the kernel asks this program, which depends on its command line. */
__u64 family_hook_called;

/* Sends nothing off the machine, or has hooks. */
static __always_inline bool family_is_harmless(__s32 family) {
        return family == FAMILY_INET || family == FAMILY_INET6 || family == FAMILY_UNIX || family == FAMILY_NETLINK ||
               family == FAMILY_ALG;
}

/* A new cgroup below a slice may become that of a unit with a policy, or of a service of the machine that needs the
 * socket at its start, even while no process is there to assign it. Only what runs as root or as the network service
 * gets the benefit of the doubt. */
static __always_inline bool may_be_of_machine(void) {
        __u32 uid = (__u32) bpf_get_current_uid_gid();

        return uid == 0 || (network_uid && uid == network_uid);
}

/* Is there a policy in force that a new cgroup may turn out to have? Where all are in audit mode, it loses nothing before it is
 * assigned either. */
__noinline int any_layer_enforces(void) {
        for (__u32 i = CW_LAYER_HOST + 1; i < CW_LAYER_UNASSIGNED; i++) {
                struct cw_layer layer = layer_unpack(layer_word(i));
                if (layer.policy_id && layer.mode == CW_ENFORCE && layer.kind != CW_LAYER_GRANT)
                        return 1;
        }
        return 0;
}

/* Returns whether a layer refuses: *ret. Not for UNASSIGNED. */
static __always_inline bool family_is_refused(__u64 subject, struct cw_layer *ret) {
        const struct cw_layer none = { .policy_id = CW_POLICY_UNASSIGNED };
        __u32 chain = subject_chain(subject);

        *ret = none;
        if (chain == CW_CHAIN(CW_LAYER_HOST, 0, 0, 0))
                return false;
        if (!chain_base(chain)) /* a layer has no policy: fail closed */
                return true;
        __u64 word = deciding_layer(chain, CW_CHAIN_LAYER(chain, 0) == CW_LAYER_HOST ? 1 : 0);
        *ret = layer_unpack(word);
        return word;
}

static __always_inline int on_new_family(__s32 family) {
        __u64 subject = subject_of_task();
        struct cw_layer layer = { .policy_id = CW_POLICY_UNASSIGNED };

        if (subject == UNASSIGNED ? may_be_of_machine() || !any_layer_enforces() : !family_is_refused(subject, &layer))
                return 0;
        __u32 actor = subject == UNASSIGNED ? 0 : subject_actor(subject);
        count_denial(layer.mode);
        if (!budget_take(actor, layer.mode == CW_AUDIT, bpf_ktime_get_ns()))
                return layer.mode == CW_AUDIT ? 0 : FAMILY_REFUSED;
        struct cw_record *r = record_begin(CW_RECORD_FAMILY, layer.policy_id, layer.mode);
        if (r) {
                r->chain = subject_chain(subject);
                r->actor = actor;
                process_fill(&r->process);
                r->family = 4; /* of the addresses, which it has none of */
                r->socket_family = family;
                r->action = CW_DENY;
                r->reason = CW_REASON_FAMILY;
                r->hook = CW_HOOK_SOCKET;
                record_submit(r, true);
        }
        return layer.mode == CW_AUDIT ? 0 : FAMILY_REFUSED;
}

/* Of the hook socket_create: family, type, protocol, and whether the kernel creates the socket for itself. */
static __always_inline int on_socket_create(const __u64 *arguments) {
        volatile __u64 *called = &family_hook_called;

        if (!*called)
                *called = 1;
        if (family_is_harmless((__s32) arguments[0]) || (__s32) arguments[3])
                return 0;
        return on_new_family((__s32) arguments[0]);
}
