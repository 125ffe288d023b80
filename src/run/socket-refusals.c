/* SPDX-License-Identifier: Apache-2.0 */
#include "run/socket-refusals.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <poll.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "basic/clock.h"
#include "host/read-file.h"

#define STATUS_TEXT_MAX 8192
#define FAMILIES_MAX 64 /* more than the kernel will ever have (linux/socket.h: AF_MAX) */
#define ENTRIES_MAX 256
#define PERIOD_USEC USEC_PER_SEC
#define I386_SOCKETCALL 102

typedef struct Entry {
        SocketRefusal refusal; /* the first; count: repeats since the last report */
} Entry;

struct SocketRefusals {
        SocketRefusalsOptions options;
        int listener_fd;
        struct seccomp_notif *call;
        struct seccomp_notif_resp *answer;
        sd_event_source *listener_source, *timer;
        bool timer_runs;
        Entry entries[ENTRIES_MAX]; /* in the order of their first call */
        size_t n_entries;
        size_t n_processes; /* reported one by one in this period */
};

/* ------------------------------------------------------------------ reports */

static bool is_same(const SocketRefusal *a, const SocketRefusal *b) {
        return a->pid == b->pid && a->family == b->family && a->socketcall == b->socketcall;
}

static void report_repeats(SocketRefusals *r, Entry *e) {
        if (e->refusal.count > 0)
                r->options.on_refusal(&e->refusal, r->options.userdata);
        e->refusal.count = 0;
}

void socket_refusals_flush(SocketRefusals *r) {
        size_t n_kept = 0;

        if (!r)
                return;
        for (size_t i = 0; i < r->n_entries; i++) {
                Entry *e = &r->entries[i];
                const bool active = e->refusal.count > 0;

                report_repeats(r, e);
                if (active)
                        r->entries[n_kept++] = *e;
        }
        r->n_entries = n_kept;
        r->n_processes = 0;
}

static int refusals_on_period(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        SocketRefusals *r = userdata;

        r->timer_runs = false;
        socket_refusals_flush(r);
        return 0;
}

static void run_timer(SocketRefusals *r) {
        if (r->timer_runs || sd_event_source_set_time_relative(r->timer, PERIOD_USEC) < 0 ||
            sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT) < 0)
                return;
        r->timer_runs = true;
}

static Entry *find_entry(SocketRefusals *r, const SocketRefusal *refusal) {
        for (size_t i = 0; i < r->n_entries; i++)
                if (is_same(&r->entries[i].refusal, refusal))
                        return &r->entries[i];
        return NULL;
}

static void add_refusal(SocketRefusals *r, const SocketRefusal *refusal) {
        SocketRefusal key = *refusal;
        Entry *e = find_entry(r, &key);

        if (!e && r->n_processes >= SOCKET_REFUSALS_PROCESSES_MAX) {
                key.pid = key.tid = key.uid = key.gid = 0;
                e = find_entry(r, &key);
        }
        run_timer(r);
        if (e) {
                e->refusal.count++;
                return;
        }
        if (r->n_entries == ENTRIES_MAX) {
                report_repeats(r, &r->entries[0]);
                memmove(r->entries, r->entries + 1, (ENTRIES_MAX - 1) * sizeof(r->entries[0]));
                r->n_entries--;
        }
        r->options.on_refusal(&key, r->options.userdata);
        r->entries[r->n_entries++] = (Entry) { .refusal = key };
        r->n_processes++;
}

/* ------------------------------------------------------------------ calls */

int socket_refusals_parse_status(const char *text, SocketRefusal *ret) {
        const char *tgid, *uid, *gid;
        SocketRefusal r;

        assert(text && ret);

        /* The kernel escapes line feeds in the name. */
        tgid = strstr(text, "\nTgid:");
        uid = strstr(text, "\nUid:");
        gid = strstr(text, "\nGid:");
        r = *ret;
        if (!tgid || !uid || !gid || sscanf(tgid, "\nTgid: %" SCNu32, &r.pid) != 1 ||
            sscanf(uid, "\nUid: %" SCNu32, &r.uid) != 1 || sscanf(gid, "\nGid: %" SCNu32, &r.gid) != 1)
                return -EBADMSG;
        *ret = r;
        return 0;
}

/* Its pid cannot be reused while the call waits. */
static void read_process(SocketRefusals *r, SocketRefusal *refusal) {
        char path[sizeof("/proc/4294967295/status")];
        _cleanup_free_ char *text = NULL;
        SocketRefusal known = *refusal;

        known.tid = r->call->pid; /* of the thread; 0: in another pid namespace than we are */
        (void) snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", known.tid);
        if (known.tid == 0 || read_file_at(AT_FDCWD, path, STATUS_TEXT_MAX, &text, NULL) < 0 ||
            socket_refusals_parse_status(text, &known) < 0)
                return;
        r->options.on_process(known.pid, r->options.userdata);
        if (seccomp_notify_id_valid(r->listener_fd, r->call->id) >= 0)
                *refusal = known;
}

/* Is there such a family? Otherwise the kernel refuses it, and the reason is not the filter. */
static bool describe(const struct seccomp_data *data, SocketRefusal *ret) {
        if (data->arch == AUDIT_ARCH_I386 && data->nr == I386_SOCKETCALL) {
                *ret = (SocketRefusal) { .socketcall = true };
                return true;
        }
        *ret = (SocketRefusal) { .family = (uint32_t) data->args[0] }; /* the kernel ignores the upper bits */
        return ret->family != 0 && ret->family < FAMILIES_MAX;
}

static int answer(SocketRefusals *r) {
        memset(r->answer, 0, sizeof(*r->answer));
        r->answer->id = r->call->id;
        if (r->options.enforce)
                r->answer->error = -EAFNOSUPPORT;
        else
                r->answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE; /* what was judged is not in memory */
        return seccomp_notify_respond(r->listener_fd, r->answer);
}

/* One call each time, so that other sources have their turn. */
static int refusals_on_call(sd_event_source *source, int fd, _unused_ uint32_t events, void *userdata) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        SocketRefusals *r = userdata;
        SocketRefusal refusal;

        if (poll(&p, 1, 0) <= 0)
                return 0;
        if (!(p.revents & POLLIN)) /* the last process to which the filter applied has ended */
                return p.revents ? sd_event_source_set_enabled(source, SD_EVENT_OFF) : 0;
        memset(r->call, 0, sizeof(*r->call));
        if (seccomp_notify_receive(fd, r->call) < 0) /* would block only without POLLIN */
                return 0; /* its process has ended, or handles a signal and calls again */
        if (describe(&r->call->data, &refusal)) {
                read_process(r, &refusal);
                (void) answer(r);
                add_refusal(r, &refusal);
        } else
                (void) answer(r);
        return 0;
}

/* ------------------------------------------------------------------ */

static int start(SocketRefusals *r, sd_event *event) {
        int k;

        k = seccomp_notify_alloc(&r->call, &r->answer);
        if (k >= 0)
                k = sd_event_add_io(event, &r->listener_source, r->listener_fd, EPOLLIN, refusals_on_call, r);
        if (k >= 0)
                k = sd_event_add_time(event, &r->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, refusals_on_period, r);
        return k < 0 ? k : sd_event_source_set_enabled(r->timer, SD_EVENT_OFF);
}

int socket_refusals_new(sd_event *event, int listener_fd, const SocketRefusalsOptions *o, SocketRefusals **ret) {
        _cleanup_(socket_refusals_freep) SocketRefusals *r = NULL;
        _cleanup_close_ int fd = listener_fd;
        int k;

        assert(event && listener_fd >= 0 && o && o->on_process && o->on_refusal && ret);

        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->options = *o;
        r->listener_fd = TAKE_FD(fd);
        k = start(r, event);
        if (k < 0)
                return k;
        *ret = TAKE_PTR(r);
        return 0;
}

SocketRefusals *socket_refusals_free(SocketRefusals *r) {
        if (!r)
                return NULL;
        sd_event_source_disable_unref(r->listener_source);
        sd_event_source_disable_unref(r->timer);
        seccomp_notify_free(r->call, r->answer);
        closep(&r->listener_fd);
        free(r);
        return NULL;
}
