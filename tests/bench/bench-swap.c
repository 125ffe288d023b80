/* SPDX-License-Identifier: Apache-2.0 */

/* Swaps policies of 10,000 networks while a process of the cgroup sends: bench-swap ALLOWED DENIED SWAPS, with
 * bench-sink at ALLOWED. Prints the ns of each swap on a line of its own ("swap NS"), then
 *   barrier NS    how long waiting for the programs that run now takes alone (median)
 *   sender ALLOWED-DONE ALLOWED-REFUSED DENIED-REFUSED DENIED-PASSED FAILED
 * with the attempts the sender made meanwhile. */

#include <fcntl.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#include "bench.h"
#include "engine/engine.h"
#include "host/cgroup.h"

#define NETWORKS 10000U
#define SWAPS_MAX 1000U
#define BARRIERS 9U
#define BETWEEN_USEC (30 * USEC_PER_MSEC)
#define PORT_ACCEPT 8001
#define PORT_DISCARD 8002

typedef struct Shared {
        _Atomic bool stop;
        _Atomic uint64_t allowed_done, allowed_refused, denied_refused, denied_passed, failed;
} Shared;

/* ------------------------------------------------------------------ sender */

typedef struct Target {
        struct sockaddr_storage tcp, udp;
        socklen_t length;
        bool allowed;
} Target;

static void count(Shared *s, bool allowed, bool done) {
        if (!done && errno != EPERM)
                s->failed++;
        else if (allowed)
                done ? s->allowed_done++ : s->allowed_refused++;
        else
                done ? s->denied_passed++ : s->denied_refused++;
}

/* connect() of a datagram socket alone sends nothing: what counts is whether a datagram leaves. */
static void try_connected_udp(Shared *s, const Target *t) {
        _cleanup_close_ int fd = socket(t->udp.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool done = connect(fd, (const struct sockaddr *) &t->udp, t->length) == 0 && send(fd, "", 1, 0) == 1;

        count(s, t->allowed, done);
}

static void try_tcp(Shared *s, const Target *t) {
        const struct linger linger = { .l_onoff = 1 };
        _cleanup_close_ int fd = socket(t->tcp.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        count(s, t->allowed, connect(fd, (const struct sockaddr *) &t->tcp, t->length) == 0);
}

_Noreturn static void send_until_stopped(Shared *s, const Target targets[static 2]) {
        int old = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* older than every policy but the first */

        while (!s->stop)
                for (size_t i = 0; i < 2; i++) {
                        const Target *t = &targets[i];

                        count(s, t->allowed, sendto(old, "", 1, 0, (const struct sockaddr *) &t->udp, t->length) == 1);
                        try_connected_udp(s, t);
                        try_tcp(s, t);
                }
        _exit(EXIT_SUCCESS);
}

static Target target(const char *address, bool allowed) {
        Target t = { .allowed = allowed };

        t.length = bench_address(address, PORT_DISCARD, &t.udp);
        (void) bench_address(address, PORT_ACCEPT, &t.tcp);
        return t;
}

/* ------------------------------------------------------------------ policies */

/* Two kinds, which share nothing but what they say of the sender's targets. */
static Policy *make_policy(const char *allowed, unsigned kind) {
        PolicySource source = { .default_action = ACTION_DENY };
        const char *reason = "out of memory";
        Policy *policy;
        char text[64];

        for (unsigned i = 0; i < NETWORKS; i++) {
                (void) snprintf(text, sizeof(text), "%u.%u.%u.0/24:443;%u", 60 + kind, i >> 8, i & 0xff, 1000 + i % 50);
                if (rule_list_add_text(&source.rules, RULE_CIDR, text, ACTION_ALLOW, TIER_USER, &reason) < 0)
                        bench_die("%s: %s", text, reason);
        }
        (void) snprintf(text, sizeof(text), kind == 0 ? "%s/32" : "%s/31", allowed);
        if (rule_list_add_text(&source.rules, RULE_CIDR, text, ACTION_ALLOW, TIER_USER, &reason) < 0)
                bench_die("%s: %s", text, reason);
        if (policy_new(&source, &policy) < 0)
                bench_die("no policy");
        return policy;
}

/* ------------------------------------------------------------------ swaps */

static void ignore_event(_unused_ const Event *e, _unused_ void *userdata) {
}


/* The engine's own work continues between two swaps. */
static int run_for(sd_event *event, uint64_t usec) {
        uint64_t now, end = bench_now() / 1000 + usec;

        while ((now = bench_now() / 1000) < end) {
                int r = sd_event_run(event, end - now);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int compare(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static uint64_t time_barrier(void) {
        uint64_t ns[BARRIERS];

        for (unsigned i = 0; i < BARRIERS; i++) {
                uint64_t begin = bench_now();
                (void) syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
                ns[i] = bench_now() - begin;
        }
        qsort(ns, BARRIERS, sizeof(ns[0]), compare);
        return ns[BARRIERS / 2];
}

static int swap_many(sd_event *event, Engine *engine, const char *allowed, unsigned n) {
        int r = run_for(event, BETWEEN_USEC);

        for (unsigned i = 0; r >= 0 && i < n; i++) {
                LayerSpec spec = { .name = "bench", .policy = make_policy(allowed, (i + 1) % 2), .mode = MODE_ENFORCE };
                uint64_t begin = bench_now();
                r = engine_set_layers(engine, &spec, 1, NULL, NULL, NULL);
                uint64_t end = bench_now();

                (void) printf("swap %" PRIu64 "\n", end - begin);
                if (r >= 0)
                        r = run_for(event, BETWEEN_USEC);
        }
        (void) printf("barrier %" PRIu64 "\n", time_barrier());
        return r;
}

static pid_t start_sender(Shared *shared, const Cgroup *cgroup, const Target targets[static 2], int gate) {
        pid_t pid = fork();
        char byte;

        if (pid != 0)
                return pid;
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (cgroup_enter(cgroup) < 0 || read(gate, &byte, 1) != 1)
                _exit(EXIT_FAILURE);
        send_until_stopped(shared, targets);
}

/* The sender waits at the gate until it is confined. */
static int measure(char **argv, const Cgroup *cgroup, Shared *shared, int gate, const char **ret_what) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(engine_freep) Engine *engine = NULL;
        DnsServer server;
        const EngineOptions options = { .servers = &server, .n_servers = 1, .cgroup_fd = cgroup->fd,
                                        .cgroup_id = cgroup->id, .on_event = ignore_event };
        LayerSpec spec = { .name = "bench", .mode = MODE_ENFORCE };
        int r;

        *ret_what = "no event loop";
        r = dns_server_parse(argv[1], DNS_SERVER_PORT, &server);
        if (r >= 0)
                r = sd_event_new(&event);
        if (r < 0)
                return r;
        spec.policy = make_policy(argv[1], 0);
        r = engine_new(event, &options, &spec, 1, NULL, &engine, ret_what);
        if (r < 0)
                return r;
        *ret_what = "a swap failed";
        if (write(gate, "", 1) != 1)
                return -errno;
        r = swap_many(event, engine, argv[1], bench_number(argv[3], SWAPS_MAX));
        shared->stop = true;
        while (waitpid(-1, NULL, 0) > 0) /* it ends before what confines it */
                ;
        return r;
}

int main(int argc, char **argv) {
        Cgroup cgroup = CGROUP_INIT;
        const char *what;
        unsigned n_killed;
        int r, gate[2];

        if (argc != 4)
                bench_die("ALLOWED, DENIED and SWAPS");
        const Target targets[] = { target(argv[1], true), target(argv[2], false) };
        Shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (s == MAP_FAILED || pipe2(gate, O_CLOEXEC) < 0)
                bench_die("no memory: %m");
        r = cgroup_create_below_own(&cgroup, &what);
        if (r < 0)
                bench_die("%s: %s", what, strerror(-r));

        what = "no sender";
        r = start_sender(s, &cgroup, targets, gate[0]) < 0 ? -errno : measure(argv, &cgroup, s, gate[1], &what);
        (void) cgroup_kill(&cgroup, USEC_PER_SEC, &n_killed);
        (void) cgroup_remove(&cgroup);
        cgroup_done(&cgroup);
        if (r < 0)
                bench_die("%s: %s", what, strerror(-r));
        (void) printf("sender %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s->allowed_done,
                      s->allowed_refused, s->denied_refused, s->denied_passed, s->failed);
        return EXIT_SUCCESS;
}
