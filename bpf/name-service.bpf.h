/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Local name services: systemd-resolved, nscd and avahi-daemon resolve for whoever connects to their sockets, and ask as
 * themselves, so that a unit would get names that its own policy denies. To those whose policy is enforced, it is as if nobody
 * listened there: the C library then asks in DNS, which is judged for them. The first hook is asked about each connection of a
 * stream socket of the family AF_UNIX on the machine. What counts is the name that the service gave its socket, not the path that
 * leads to it. A container with a name service of its own does not need that one either. */

#include "family.bpf.h"

/* Set before load: offsets of members in the kernel's structures. */
const volatile __u32 unix_addr_offset = 0; /* unix_sock.addr */
const volatile __u32 unix_path_offset = 0; /* unix_address.name[0].sun_path */
const volatile __u32 sock_addr_offset = 0;  /* bpf_sock_addr_kern.uaddr: what the context of a hook on addresses really is */
const volatile __u32 sun_path_offset = 0;   /* sockaddr_un.sun_path */

#define NAME_SERVICE_REFUSED (-111) /* ECONNREFUSED */
#define NAME_SERVICE_WORDS 5

/* The beginning of a path; what is longer is cut (io.systemd.Resolve.Monitor shows the queries of others). */
union name_service_path {
        char text[NAME_SERVICE_WORDS * 8];
        __u64 words[NAME_SERVICE_WORDS];
};

static __always_inline bool path_is(const union name_service_path *a, const union name_service_path *b) {
        __u64 differs = 0;

        for (int i = 0; i < NAME_SERVICE_WORDS; i++)
                differs |= a->words[i] ^ b->words[i];
        return !differs;
}

/* /var/run is the same folder, by the name that glibc's nscd gives it. */
static __always_inline bool is_name_service(const union name_service_path *path) {
        const union name_service_path resolved = { "/run/systemd/resolve/io.systemd.Resolve" };
        const union name_service_path nscd = { "/run/nscd/socket" }, old_nscd = { "/var/run/nscd/socket" };
        const union name_service_path avahi = { "/run/avahi-daemon/socket" }, old_avahi = { "/var/run/avahi-daemon/socket" };

        return path_is(path, &resolved) || path_is(path, &nscd) || path_is(path, &old_nscd) || path_is(path, &avahi) ||
               path_is(path, &old_avahi);
}

static __always_inline __u64 read_word(__u64 address) {
        __u64 word = 0;

        return bpf_probe_read_kernel(&word, sizeof(word), (void *) address) == 0 ? word : 0;
}

/* A new cgroup whose policy is not known yet does not need the benefit of the doubt: its queries are answered. */
static __always_inline bool task_is_enforced(void) {
        __u64 subject = subject_of_task();
        struct cw_layer layer;

        if (subject == UNASSIGNED)
                return any_layer_enforces();
        return family_is_refused(subject, &layer) && layer.mode == CW_ENFORCE;
}

static __always_inline bool is_refused(__u64 text) {
        union name_service_path path = {};

        return text && bpf_probe_read_kernel_str(path.text, sizeof(path.text), (void *) text) > 0 && is_name_service(&path) &&
               task_is_enforced();
}

/* Of security_unix_stream_connect(): the connecting socket, the listening one, and the one that it will accept. */
static __always_inline int on_unix_stream_connect(const __u64 *arguments) {
        __u64 address = read_word(arguments[1] + unix_addr_offset);

        if (!address || !is_refused(address + unix_path_offset))
                return 0;
        return NAME_SERVICE_REFUSED;
}

/* Where the kernel has no such function to attach to. It is asked before the kernel looks for the socket, so that only the path
 * that the C library uses is known here: a program that means to can take another one. */
static __always_inline int on_connect_unix(struct bpf_sock_addr *ctx) {
        __u64 address = read_word((__u64) ctx + sock_addr_offset);

        if (!address || !is_refused(address + sun_path_offset))
                return 1;
        bpf_set_retval(NAME_SERVICE_REFUSED);
        return 0;
}
