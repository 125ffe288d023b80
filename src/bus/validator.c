/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/validator.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

typedef struct Validation {
        uint32_t uid;
        const char *text; /* borrowed */
        size_t size;
        validator_fn fn;
        void *userdata;
        validator_check_fn check;
        int event_fd; /* borrowed; signalled when the check is done */
        bool cancelled;
        int result;
        FaultList faults;
        STAILQ_ENTRY(Validation) validations;
} Validation;

/* Between pthread_create() and pthread_join() the first list entry belongs to the thread. */
struct Validator {
        sd_event_source *io;
        int event_fd;
        validator_check_fn check;
        pthread_t thread;
        bool running;
        STAILQ_HEAD(, Validation) validations;
        size_t n;
};

static void *validator_thread(void *userdata) {
        Validation *v = userdata;
        uint64_t one = 1;

        v->result = v->check(v->text, v->size, &v->faults);
        ssize_t n = write(v->event_fd, &one, sizeof(one)); /* cannot fail: the counter is 0 */
        (void) n;
        return NULL;
}

/* Signals are handled by the loop's thread. */
static int create_thread(pthread_t *ret, Validation *v) {
        sigset_t all, old;

        (void) sigfillset(&all);
        int r = pthread_sigmask(SIG_SETMASK, &all, &old);
        if (r == 0) {
                r = pthread_create(ret, NULL, validator_thread, v);
                (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        }
        return -r;
}

static void validator_finish(Validator *v, Validation *first, int r) {
        STAILQ_REMOVE_HEAD(&v->validations, validations);
        v->n--;
        first->fn(first->cancelled ? -ECANCELED : r, &first->faults, first->userdata);
        fault_list_done(&first->faults);
        free(first);
}

static void validator_start(Validator *v) {
        Validation *first;

        while (!v->running && (first = STAILQ_FIRST(&v->validations))) {
                int r = create_thread(&v->thread, first);
                if (r < 0)
                        validator_finish(v, first, r);
                else
                        v->running = true;
        }
}

static int validator_on_done(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        Validator *v = userdata;
        uint64_t count;

        if (read(fd, &count, sizeof(count)) < 0 || !v->running)
                return 0;
        (void) pthread_join(v->thread, NULL);
        v->running = false;
        validator_finish(v, STAILQ_FIRST(&v->validations), STAILQ_FIRST(&v->validations)->result);
        validator_start(v);
        return 0;
}

int validator_new(sd_event *event, validator_check_fn check, Validator **ret) {
        _cleanup_(validator_freep) Validator *v = calloc(1, sizeof(*v));

        assert(event);
        assert(check);
        assert(ret);

        if (!v)
                return -ENOMEM;
        STAILQ_INIT(&v->validations);
        v->check = check;
        v->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (v->event_fd < 0)
                return -errno;
        int r = sd_event_add_io(event, &v->io, v->event_fd, EPOLLIN, validator_on_done, v);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(v->io, "validator");
        *ret = TAKE_PTR(v);
        return 0;
}

void validator_cancel(Validator *v) {
        Validation *first;

        assert(v);

        STAILQ_FOREACH(first, &v->validations, validations)
                first->cancelled = true;
        if (v->running) { /* not in the list while the waiting ones are cancelled */
                first = STAILQ_FIRST(&v->validations);
                STAILQ_REMOVE_HEAD(&v->validations, validations);
        }
        while (!STAILQ_EMPTY(&v->validations))
                validator_finish(v, STAILQ_FIRST(&v->validations), -ECANCELED);
        if (v->running)
                STAILQ_INSERT_HEAD(&v->validations, first, validations);
}

Validator *validator_free(Validator *v) {
        if (!v)
                return NULL;
        validator_cancel(v);
        if (v->running) {
                (void) pthread_join(v->thread, NULL);
                validator_finish(v, STAILQ_FIRST(&v->validations), -ECANCELED);
        }
        sd_event_source_disable_unref(v->io);
        if (v->event_fd >= 0)
                (void) close(v->event_fd);
        free(v);
        return NULL;
}

int validator_submit(Validator *v, uint32_t uid, const char *text, size_t size, validator_fn fn, void *userdata) {
        const Validation *other;

        assert(v);
        assert(text);
        assert(fn);

        STAILQ_FOREACH(other, &v->validations, validations)
                if (uid != 0 && other->uid == uid)
                        return -EBUSY;
        if (v->n >= VALIDATOR_MAX)
                return -ENOBUFS;

        Validation *n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;
        n->uid = uid;
        n->text = text;
        n->size = size;
        n->fn = fn;
        n->userdata = userdata;
        n->check = v->check;
        n->event_fd = v->event_fd;
        STAILQ_INSERT_TAIL(&v->validations, n, validations);
        v->n++;
        validator_start(v);
        return 0;
}
