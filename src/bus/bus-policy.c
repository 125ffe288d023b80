/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "bus/bus-error.h"
#include "bus/bus-internal.h"
#include "bus/bus-text.h"

/* Immutable while it is read. */
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

/* A text in a message is kept in memory while polkit decides; larger ones come as a memfd, which is charged to the
 * sender. */
#define STRING_MAX (1U * 1024 * 1024)
/* Validating a larger text takes more than a few milliseconds of CPU time, which needs authorization. */
#define VALIDATE_FREE_MAX (256U * 1024)

/* A document, passed either way. */
typedef struct Text {
        const char *text; /* borrowed from the message, or copy; NULL: not read yet */
        char *copy;
        size_t size;
        int fd;           /* borrowed from the message; -EBADF: none */
} Text;

#define TEXT_NONE { .fd = -EBADF }

static void text_done(Text *t) {
        free(t->copy);
}

/* Accepts memory only: reading another file could block on whoever serves it. */
static int peek_memfd(sd_bus_message *m, Text *ret, sd_bus_error *error) {
        struct stat st;
        int fd;

        int r = sd_bus_message_read(m, "h", &fd); /* the message owns it */
        if (r < 0)
                return r;
        int seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "The policy must be a memfd with the seals write, shrink and grow.");
        if (st.st_size < 0 || st.st_size > (off_t) POLICY_TEXT_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The policy is too large.");
        *ret = (Text) { .size = (size_t) st.st_size, .fd = fd };
        return 0;
}

static int peek_string(sd_bus_message *m, Text *ret, sd_bus_error *error) {
        const char *text;

        int r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        size_t size = strlen(text);
        if (size > STRING_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "A policy of more than 1 MiB must be passed as a memfd.");
        *ret = (Text) { .text = text, .size = size, .fd = -EBADF };
        return 0;
}

/* Read, never mapped: a page that cannot be allocated, as in a memfd of huge pages, would raise SIGBUS. Here it is
 * an error. */
static int read_text(Text *t, sd_bus_error *error) {
        size_t done = 0;

        if (t->text)
                return 0;
        t->copy = malloc(t->size + 1);
        if (!t->copy)
                return -ENOMEM;
        while (done < t->size) {
                ssize_t n = pread(t->fd, t->copy + done, t->size - done, (off_t) done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The memfd cannot be read.");
                done += (size_t) n;
        }
        t->copy[done] = '\0';
        t->text = t->copy;
        return 0;
}

/* ------------------------------------------------------------------ load */

static int load(Bus *b, const char *scope, const Text *text, sd_bus_error *error) {
        _cleanup_(fault_list_done) FaultList faults = {};

        int r = service_load_policy(b->service, scope, text->text, text->size, &faults);
        return r < 0 ? bus_error_set_rejected(error, r, &faults) : 0;
}

typedef int (*peek_text_fn)(sd_bus_message *m, Text *ret, sd_bus_error *error);

static int load_policy(sd_bus_message *m, Bus *b, peek_text_fn peek_text, sd_bus_message_handler_t handler,
                       sd_bus_error *error) {
        _cleanup_(text_done) Text text = TEXT_NONE;
        ServiceScope scope;
        const char *name;
        char digest[BUS_TEXT_MAX];
        Caller caller;
        size_t i;
        int r;

        r = peek_text(m, &text, error);
        if (r < 0)
                return r;
        r = bus_read_scope_option(m, &name, error);
        if (r < 0)
                return r;
        r = bus_find_scope(b, name, &i, error);
        if (r < 0)
                return r;
        r = bus_authorize(b, m, ACTION_SET_POLICY, (const char *const[]) { "scope", name, NULL }, handler, &caller,
                          error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = read_text(&text, error);
        if (r >= 0)
                r = load(b, name, &text, error);
        if (bus_note_result(b, ACTION_SET_POLICY, &caller, r, error) < 0)
                return r;
        r = bus_find_scope(b, name, &i, error);
        if (r < 0)
                return r;
        service_scope(b->service, i, &scope);
        return sd_bus_reply_method_return(m, "s", bus_text(scope.digest, digest));
}

int bus_method_load_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return load_policy(m, userdata, peek_memfd, bus_method_load_policy, error);
}

int bus_method_load_policy_string(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return load_policy(m, userdata, peek_string, bus_method_load_policy_string, error);
}

/* ------------------------------------------------------------------ validate */

static int append_faults(sd_bus_message *reply, const FaultList *list) {
        const Fault *faults = list->faults;

        int r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(sus)");
        for (size_t i = 0; r >= 0 && i < list->n; i++) {
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_STRUCT, "sus");
                if (r >= 0)
                        r = bus_append_text(reply, faults[i].item);
                if (r >= 0)
                        r = sd_bus_message_append(reply, "u", (uint32_t) faults[i].line);
                if (r >= 0)
                        r = bus_append_text(reply, faults[i].reason);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* A document being validated: the message and the text must live as long as the thread reads them. */
typedef struct Request {
        sd_bus_message *message;
        Text text;
} Request;

static Request *request_free(Request *q) {
        if (!q)
                return NULL;
        text_done(&q->text);
        sd_bus_message_unref(q->message);
        free(q);
        return NULL;
}

DEFINE_CLEANUP_FUNC(Request *, request_free)

static int reply_faults(sd_bus_message *m, const FaultList *faults) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_faults(reply, faults);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void on_validated(int r, const FaultList *faults, void *userdata) {
        _cleanup_(request_freep) Request *q = userdata;

        if (r == -ECANCELED)
                return;
        if (r >= 0 || r == -EINVAL || r == -E2BIG)
                r = reply_faults(q->message, faults);
        if (r < 0)
                (void) sd_bus_reply_method_errno(q->message, r, NULL);
}

static int validate(sd_bus_message *m, Bus *b, const Caller *caller, Text *text, sd_bus_error *error) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        r = read_text(text, error);
        if (r < 0)
                return r;
        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->message = sd_bus_message_ref(m);
        q->text = *text;
        text->copy = NULL; /* owned by the request now */
        r = validator_submit(b->validator, caller->uid, q->text.text, q->text.size, on_validated, q);
        if (r == -EBUSY)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Another policy of this user is being validated; try again when it is done.");
        if (r == -ENOBUFS)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Too many policies are being validated; try again later.");
        if (r < 0)
                return r;
        TAKE_PTR(q);
        return 1;
}

static int validate_policy(sd_bus_message *m, Bus *b, peek_text_fn peek_text, sd_bus_message_handler_t handler,
                           sd_bus_error *error) {
        _cleanup_(text_done) Text text = TEXT_NONE;
        Caller caller;
        int r;

        r = peek_text(m, &text, error);
        if (r < 0)
                return r;
        if (text.size > VALIDATE_FREE_MAX) {
                r = bus_authorize(b, m, ACTION_SET_POLICY, NULL, handler, &caller, error);
                if (r > 0)
                        (void) bus_note_result(b, ACTION_SET_POLICY, &caller, 0, NULL);
        } else {
                r = polkit_identify(b->polkit, m, handler, b, &caller, error);
                if (r > 0 && bus_spend(b, &caller, error) < 0)
                        return -ENOBUFS;
        }
        if (r <= 0)
                return r < 0 ? r : 1;
        return validate(m, b, &caller, &text, error);
}

int bus_method_validate_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return validate_policy(m, userdata, peek_memfd, bus_method_validate_policy, error);
}

int bus_method_validate_policy_string(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return validate_policy(m, userdata, peek_string, bus_method_validate_policy_string, error);
}

/* ------------------------------------------------------------------ read back */

static int get_policy(Bus *b, const char *name, sd_bus_message *reply, sd_bus_error *error) {
        _cleanup_free_ char *copy = NULL;
        ServiceScope scope;
        const char *text;
        size_t i, size;

        int r = bus_find_scope(b, name, &i, error);
        if (r < 0)
                return r;
        r = service_policy_text(b->service, name, &text, &size);
        if (r == -ENOENT)
                return bus_error_set(error, BUS_ERROR_NO_SUCH_SCOPE, "The scope \"", name, "\" has no policy.");
        if (r < 0)
                return r;
        if (size > BUS_REPLY_TEXT_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "The policy is too large for the bus; read it from its file.");
        copy = strndup(text, size);
        if (!copy)
                return -ENOMEM;
        service_scope(b->service, i, &scope);
        r = sd_bus_message_append(reply, "s", copy);
        if (r >= 0)
                r = bus_append_text(reply, scope.source);
        return r < 0 ? r : bus_append_text(reply, scope.digest);
}

int bus_method_get_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Bus *b = userdata;
        const char *name;
        Caller caller;
        size_t i;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = bus_find_scope(b, name, &i, error);
        if (r < 0)
                return r;
        r = bus_authorize(b, m, ACTION_VIEW_EVENTS, NULL, bus_method_get_policy, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = get_policy(b, name, reply, error);
        if (bus_note_result(b, ACTION_VIEW_EVENTS, &caller, r, error) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}
