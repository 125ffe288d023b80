/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "bus/bus-error.h"
#include "bus/bus-internal.h"
#include "bus/bus-text.h"

/* What reads it cannot change while it is read, and cannot become shorter, which would be SIGBUS. */
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

/* A text in a message is kept as long as polkit thinks; larger ones come as a memfd, which their sender pays for. */
#define STRING_MAX (1U * 1024 * 1024)
/* To validate a larger text takes more than some milliseconds, which not everybody may have of the one thread. */
#define VALIDATE_FREE_MAX (256U * 1024)

/* A document, from either kind of argument. */
typedef struct Text {
        const char *text; /* borrowed from the message, or mapped */
        size_t size;
        void *map;        /* NULL: not mapped */
} Text;

static void text_done(Text *t) {
        if (t->map)
                (void) munmap(t->map, t->size);
}

static int read_memfd(sd_bus_message *m, Text *ret, sd_bus_error *error) {
        struct stat st;
        void *map;
        int fd;

        int r = sd_bus_message_read(m, "h", &fd); /* the message keeps it */
        if (r < 0)
                return r;
        int seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "The policy must be a memfd with the seals write, shrink and grow.");
        if (st.st_size > (off_t) POLICY_TEXT_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The policy is too large.");
        if (st.st_size == 0) {
                *ret = (Text) { .text = "" };
                return 0;
        }
        map = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The memfd cannot be read.");
        *ret = (Text) { .text = map, .size = (size_t) st.st_size, .map = map };
        return 0;
}

static int read_string(sd_bus_message *m, Text *ret, sd_bus_error *error) {
        const char *text;

        int r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        size_t size = strlen(text);
        if (size > STRING_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "A policy of more than 1 MiB must come as a memfd.");
        *ret = (Text) { .text = text, .size = size };
        return 0;
}

/* ------------------------------------------------------------------ load */

static int load(Bus *b, const char *scope, const Text *text, sd_bus_error *error) {
        _cleanup_(fault_list_done) FaultList faults = {};

        int r = manager_load_policy(b->manager, scope, text->text, text->size, &faults);
        if (r == -EINVAL || r == -E2BIG)
                return bus_error_set_faults(error, &faults);
        return r < 0 ? bus_error_set_manager(error, r) : 0;
}

typedef int (*read_text_fn)(sd_bus_message *m, Text *ret, sd_bus_error *error);

static int load_policy(sd_bus_message *m, Bus *b, read_text_fn read_text, sd_bus_message_handler_t handler,
                       sd_bus_error *error) {
        _cleanup_(text_done) Text text = {};
        ManagerScope scope;
        const char *name;
        char digest[BUS_TEXT_MAX];
        Caller caller;
        size_t i;
        int r;

        r = read_text(m, &text, error);
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
        r = load(b, name, &text, error);
        if (bus_note_result(b, ACTION_SET_POLICY, &caller, r, error) < 0)
                return r;
        r = bus_find_scope(b, name, &i, error);
        if (r < 0)
                return r;
        manager_scope(b->manager, i, &scope);
        return sd_bus_reply_method_return(m, "s", bus_text(scope.digest, digest));
}

int bus_method_load_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return load_policy(m, userdata, read_memfd, bus_method_load_policy, error);
}

int bus_method_load_policy_string(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return load_policy(m, userdata, read_string, bus_method_load_policy_string, error);
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

static int validate(sd_bus_message *m, const Bus *b, const Text *text) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(fault_list_done) FaultList faults = {};

        int r = manager_validate(b->manager, text->text, text->size, &faults);
        if (r < 0 && r != -EINVAL && r != -E2BIG)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_faults(reply, &faults);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int validate_policy(sd_bus_message *m, Bus *b, read_text_fn read_text, sd_bus_message_handler_t handler,
                           sd_bus_error *error) {
        _cleanup_(text_done) Text text = {};
        Caller caller;

        int r = read_text(m, &text, error);
        if (r < 0)
                return r;
        if (text.size > VALIDATE_FREE_MAX) {
                r = bus_authorize(b, m, ACTION_SET_POLICY, NULL, handler, &caller, error);
                if (r <= 0)
                        return r < 0 ? r : 1;
                (void) bus_note_result(b, ACTION_SET_POLICY, &caller, 0, NULL);
        }
        return validate(m, b, &text);
}

int bus_method_validate_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return validate_policy(m, userdata, read_memfd, bus_method_validate_policy, error);
}

int bus_method_validate_policy_string(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return validate_policy(m, userdata, read_string, bus_method_validate_policy_string, error);
}

/* ------------------------------------------------------------------ read back */

static int get_policy(Bus *b, const char *name, sd_bus_message *reply, sd_bus_error *error) {
        _cleanup_free_ char *copy = NULL;
        ManagerScope scope;
        const char *text;
        size_t i, size;

        int r = bus_find_scope(b, name, &i, error);
        if (r < 0)
                return r;
        r = manager_policy_text(b->manager, name, &text, &size);
        if (r == -ENOENT)
                return bus_error_set(error, BUS_ERROR_NO_SUCH_SCOPE, "The scope \"", name, "\" has no policy.");
        if (r < 0)
                return r;
        if (size > BUS_REPLY_TEXT_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "The policy is too large for the bus; its file has it.");
        copy = strndup(text, size);
        if (!copy)
                return -ENOMEM;
        manager_scope(b->manager, i, &scope);
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
