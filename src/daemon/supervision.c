/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/supervision.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>

#include "basic/clock.h"
#include "daemon/fault-note.h"
#include "daemon/self-test.h"
#include "host/socket-cgroup.h"

#define TICK_USEC (10 * USEC_PER_SEC) /* worst-case time to notice a detached hook */
#define TICK_ACCURACY_USEC USEC_PER_SEC
#define SELF_TEST_USEC (10 * USEC_PER_SEC)
#define STARVED_USEC (5 * 60 * USEC_PER_SEC) /* without a proof, on an overloaded machine */

struct Supervision {
        const Context *context; /* borrowed */
        SupervisionObserver observer;
        ServiceManager manager;
        SelfTest *self_test;
        sd_event_source *tick, *hup, *usr1, *usr2, *term, *interrupt;
        char last_status[SERVICE_STATUS_SIZE];
        bool sockets_lost;    /* the kernel does not know the cgroup of new sockets */
        uint64_t proved_usec; /* CLOCK_MONOTONIC; the last self-test that passed */
        bool ready;
        int exit_status;
};

/* ------------------------------------------------------------------ self-test */

static void become_ready(Supervision *s) {
        char status[SERVICE_STATUS_SIZE];

        s->observer.prepare(s->observer.userdata);
        s->ready = true;
        s->observer.describe(status, s->observer.userdata);
        service_manager_ready(&s->manager, status, clock_usec(CLOCK_MONOTONIC));
        s->observer.ready(status, s->observer.userdata);
}

/* One that fails later is logged, and the watchdog ends a service that does not recover. */
static void on_self_test(const char *fault, void *userdata) {
        Supervision *s = userdata;

        if (!fault) {
                service_manager_progress(&s->manager);
                s->proved_usec = clock_usec(CLOCK_MONOTONIC);
                if (!s->ready)
                        become_ready(s);
                return;
        }
        log_message(s->context->log, LOG_ERR, "self-test failed: %s", fault);
        if (s->ready)
                return;
        service_manager_failed(-EIO, fault);
        fault_note_set(fault);
        s->exit_status = EXIT_FAILURE;
        (void) sd_event_exit(s->context->event, 0);
}

static void run_self_test(Supervision *s) {
        int r;

        r = s->observer.check(s->observer.userdata);
        if (r < 0) {
                on_self_test(r == -EADDRINUSE ? "another process shares a socket of the DNS proxy" :
                                                "cannot determine whether other processes share the DNS proxy's sockets",
                             s);
                return;
        }
        s->sockets_lost = socket_cgroup_is_known() == 0;
        if (s->sockets_lost) {
                on_self_test("the kernel does not know the cgroup of new sockets, because net_cls or net_prio of cgroup v1 was used: "
                             "policies of units do not judge their packets; " SOCKET_CGROUP_ADVICE, s);
                return;
        }
        r = self_test_run(s->self_test, SELF_TEST_USEC);
        if (r < 0)
                on_self_test(r == -EACCES ? "a connection that must be refused was not" : strerror(-r), s);
}

/* ------------------------------------------------------------------ time */

static uint64_t tick_usec(const Supervision *s) {
        uint64_t watchdog = s->manager.watchdog_usec;

        return watchdog == 0 ? TICK_USEC : MIN(TICK_USEC, MAX(watchdog / 4, USEC_PER_SEC / 4));
}

static void update_status(Supervision *s) {
        char status[SERVICE_STATUS_SIZE];

        s->observer.describe(status, s->observer.userdata);
        if (strcmp(status, s->last_status) != 0)
                service_manager_status(&s->manager, status, clock_usec(CLOCK_MONOTONIC));
        memcpy(s->last_status, status, sizeof(status));
}

/* A restart would make an overloaded machine no faster, and would take it the proxy for a while. A process that hangs has
 * no ticks. */
static void excuse_starvation(Supervision *s) {
        if (self_test_is_starved(s->self_test) && clock_usec(CLOCK_MONOTONIC) - s->proved_usec < STARVED_USEC)
                service_manager_progress(&s->manager);
}

static int on_tick(sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Supervision *s = userdata;

        s->observer.tick(s->observer.userdata);
        if (s->ready) {
                run_self_test(s);
                update_status(s);
                excuse_starvation(s);
        }
        (void) service_manager_tick(&s->manager, clock_usec(CLOCK_MONOTONIC));
        (void) sd_event_source_set_time_relative(source, tick_usec(s));
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ------------------------------------------------------------------ signals */

static int on_hup(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        Supervision *s = userdata;
        char status[SERVICE_STATUS_SIZE];

        service_manager_reloading(clock_usec(CLOCK_MONOTONIC));
        s->observer.reload(s->observer.userdata);
        s->observer.describe(status, s->observer.userdata);
        service_manager_ready(&s->manager, status, clock_usec(CLOCK_MONOTONIC));
        return 0;
}

static int on_usr1(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        Supervision *s = userdata;

        s->observer.reopen(s->observer.userdata);
        return 0;
}

static int on_usr2(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        Supervision *s = userdata;

        s->observer.last(s->observer.userdata);
        return 0;
}

static int on_term(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        Supervision *s = userdata;

        service_manager_stopping();
        return sd_event_exit(s->context->event, 0);
}

static int add_sources(Supervision *s) {
        sd_event *event = s->context->event;
        int r;

        r = sd_event_add_signal(event, &s->hup, SIGHUP, on_hup, s);
        if (r >= 0)
                r = sd_event_add_signal(event, &s->usr1, SIGUSR1, on_usr1, s);
        if (r >= 0)
                r = sd_event_add_signal(event, &s->usr2, SIGUSR2, on_usr2, s);
        if (r >= 0)
                r = sd_event_add_signal(event, &s->term, SIGTERM, on_term, s);
        if (r >= 0)
                r = sd_event_add_signal(event, &s->interrupt, SIGINT, on_term, s);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &s->tick, CLOCK_MONOTONIC, 0, TICK_ACCURACY_USEC, on_tick, s);
        if (r >= 0)
                (void) sd_event_source_set_description(s->tick, "supervision-tick");
        return r;
}

/* ------------------------------------------------------------------ life */

int supervision_new(const Context *c, const SupervisionObserver *observer, Supervision **ret) {
        Supervision *s = calloc(1, sizeof(*s));

        assert(c);
        assert(observer);
        assert(ret);

        if (!s)
                return -ENOMEM;
        s->context = c;
        s->observer = *observer;
        service_manager_init(&s->manager, clock_usec(CLOCK_MONOTONIC));
        *ret = s;
        return 0;
}

int supervision_start(Supervision *s, bool refuses) {
        int r;

        assert(s);

        r = self_test_new(s->context->event, s->context->engine, refuses, on_self_test, s, &s->self_test);
        if (r >= 0)
                r = add_sources(s);
        if (r < 0)
                return r;
        run_self_test(s);
        return 0;
}

Supervision *supervision_free(Supervision *s) {
        if (!s)
                return NULL;
        self_test_free(s->self_test);
        sd_event_source *sources[] = { s->tick, s->hup, s->usr1, s->usr2, s->term, s->interrupt };
        for (size_t i = 0; i < ELEMENTSOF(sources); i++)
                sd_event_source_disable_unref(sources[i]);
        free(s);
        return NULL;
}

bool supervision_is_ready(const Supervision *s) {
        assert(s);

        return s->ready;
}

bool supervision_lost_sockets(const Supervision *s) {
        assert(s);

        return s->sockets_lost;
}

int supervision_exit_status(const Supervision *s) {
        assert(s);

        return s->exit_status;
}
