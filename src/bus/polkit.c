/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/polkit.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "bus/peer-proof.h"

#define BUS_DRIVER "org.freedesktop.DBus"
#define BUS_DRIVER_PATH "/org/freedesktop/DBus"
#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ALLOW_USER_INTERACTION 1U /* CheckAuthorizationFlags */

typedef enum CheckState {
        CHECK_CALLER,  /* the bus was asked for the caller's credentials */
        CHECK_KNOWN,   /* the caller is known, polkit was not asked yet */
        CHECK_ASKED,   /* polkit was asked */
        CHECK_DECIDED,
        CHECK_PROVING, /* decided; the caller has to prove which process it is */
} CheckState;

typedef struct Check {
        Polkit *polkit; /* borrowed */
        sd_bus_message *message;
        size_t text_size; /* of its first argument: all others are short */
        sd_bus_message_handler_t handler;
        void *userdata;     /* borrowed */
        sd_bus_slot *slot;  /* the pending call */
        CheckState state;
        uint32_t uid, pid;
        int pidfd;          /* of the caller's process, proven; -EBADF: unknown */
        PeerProof *proof;   /* while proving */
        uint64_t id;
        int result;         /* the return value of polkit_check(), once decided */
        const char *name, *text; /* of the error; constant */
        LIST_ENTRY(Check) checks;
} Check;

struct Polkit {
        PolkitOptions options;
        LIST_HEAD(, Check) checks;
        size_t n_checks, n_asked;
        size_t text_size; /* of all of them */
        sd_bus_slot *watch; /* reports who leaves the bus, while there are checks: a bus limits the matches of each client */
        uint64_t next_id;
};

int polkit_new(Polkit **ret) {
        assert(ret);

        Polkit *p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->options.timeout_usec = POLKIT_TIMEOUT_USEC;
        *ret = p;
        return 0;
}

static void check_free(Check *c) {
        if (c->state == CHECK_ASKED)
                c->polkit->n_asked--;
        if (--c->polkit->n_checks == 0)
                c->polkit->watch = sd_bus_slot_unref(c->polkit->watch);
        c->polkit->text_size -= c->text_size;
        LIST_REMOVE(c, checks);
        sd_bus_slot_unref(c->slot);
        peer_proof_free(c->proof);
        if (c->pidfd >= 0)
                (void) close(c->pidfd);
        sd_bus_message_unref(c->message);
        free(c);
}

void polkit_reset(Polkit *p) {
        assert(p);

        while (!LIST_EMPTY(&p->checks))
                check_free(LIST_FIRST(&p->checks));
}

Polkit *polkit_free(Polkit *p) {
        if (!p)
                return NULL;
        polkit_reset(p);
        free(p);
        return NULL;
}

void polkit_set_options(Polkit *p, const PolkitOptions *options) {
        assert(p);
        assert(options);

        p->options = *options;
        if (p->options.timeout_usec == 0)
                p->options.timeout_usec = POLKIT_TIMEOUT_USEC;
}

size_t polkit_n_pending(const Polkit *p) {
        assert(p);

        return p->n_checks;
}

static void check_set_state(Check *c, CheckState state) {
        if (c->state == CHECK_ASKED)
                c->polkit->n_asked--;
        c->state = state;
        if (c->state == CHECK_ASKED)
                c->polkit->n_asked++;
}

static bool check_waits(const Check *c) {
        return c->state == CHECK_ASKED || c->state == CHECK_PROVING;
}

/* Calls the handler again and replies as sd-bus would. A check that does not wait again is freed. */
static void check_resume(Check *c) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        c->slot = sd_bus_slot_unref(c->slot);
        int r = sd_bus_message_rewind(c->message, true);
        if (r >= 0)
                r = c->handler(c->message, c->userdata, &error);
        bool gone = c->state == CHECK_DECIDED && c->result == -ECANCELED;
        if (!gone && (r < 0 || sd_bus_error_is_set(&error)))
                (void) sd_bus_reply_method_errno(c->message, r, &error);
        if (!check_waits(c))
                check_free(c);
}

static void check_decide(Check *c, int result, const char *name, const char *text) {
        check_set_state(c, CHECK_DECIDED);
        c->result = result;
        c->name = name;
        c->text = text;
        check_resume(c);
}

/* ------------------------------------------------------------------ a caller that leaves */

static void format_cancellation_id(const Check *c, char buf[static 32]) {
        (void) snprintf(buf, 32, "cargowall-%" PRIu64, c->id);
}

/* The dialog of a caller that has left must not stay on the screen. No reply is needed. */
static void cancel_question(const Check *c) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = sd_bus_message_get_bus(c->message);
        char id[32];

        format_cancellation_id(c, id);
        if (sd_bus_message_new_method_call(bus, &m, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                                           "CancelCheckAuthorization") < 0 ||
            sd_bus_message_append(m, "s", id) < 0 || sd_bus_message_set_expect_reply(m, false) < 0 ||
            sd_bus_message_set_auto_start(m, false) < 0)
                return;
        (void) sd_bus_send(bus, m, NULL);
}

static Check *check_of_sender(const Polkit *p, const char *sender) {
        Check *c;

        LIST_FOREACH(c, &p->checks, checks)
                if (strcmp(sd_bus_message_get_sender(c->message), sender) == 0)
                        return c;
        return NULL;
}

static int polkit_on_owner_changed(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        const char *name, *old_owner, *new_owner;
        Polkit *p = userdata;
        Check *c;

        if (sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) < 0 || new_owner[0] != '\0')
                return 0;
        while ((c = check_of_sender(p, name))) { /* each is freed */
                if (c->state == CHECK_ASKED)
                        cancel_question(c);
                check_decide(c, -ECANCELED, SD_BUS_ERROR_ACCESS_DENIED, "The caller has disconnected.");
        }
        return 0;
}

static int polkit_watch(Polkit *p, sd_bus *bus) {
        if (p->watch)
                return 0;
        return sd_bus_add_match_async(bus, &p->watch,
                                      "type='signal',sender='" BUS_DRIVER "',path='" BUS_DRIVER_PATH
                                      "',interface='" BUS_DRIVER "',member='NameOwnerChanged',arg2=''",
                                      polkit_on_owner_changed, NULL, p);
}

/* ------------------------------------------------------------------ who calls */

static int read_number(sd_bus_message *m, uint32_t *ret) {
        return sd_bus_message_read(m, "v", "u", ret);
}

/* Duplicates the descriptor; the message keeps its own. */
static int read_descriptor(sd_bus_message *m, int *ret) {
        int fd;

        int r = sd_bus_message_read(m, "v", "h", &fd);
        if (r < 0)
                return r;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        if (*ret >= 0)
                (void) close(*ret);
        *ret = fd;
        return r;
}

/* The a{sv} of GetConnectionCredentials; unknown keys are skipped. Only newer buses have ProcessFD. */
static int read_credentials(sd_bus_message *m, uint32_t *ret_uid, uint32_t *ret_pid, int *ret_pidfd) {
        const char *key;
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &key);
                if (r < 0)
                        return r;
                if (strcmp(key, "UnixUserID") == 0)
                        r = read_number(m, ret_uid);
                else if (strcmp(key, "ProcessID") == 0)
                        r = read_number(m, ret_pid);
                else if (strcmp(key, "ProcessFD") == 0)
                        r = read_descriptor(m, ret_pidfd);
                else
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r;
}

static int polkit_on_credentials(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        const char *from = sd_bus_message_get_sender(reply);
        Check *c = userdata;

        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                check_decide(c, -ECANCELED, SD_BUS_ERROR_ACCESS_DENIED, "The caller has disconnected.");
                return 1;
        }
        if (sd_bus_message_is_method_error(reply, NULL) || !from || strcmp(from, BUS_DRIVER) != 0 ||
            read_credentials(reply, &c->uid, &c->pid, &c->pidfd) < 0 || c->uid == UINT32_MAX) {
                check_decide(c, -EACCES, SD_BUS_ERROR_ACCESS_DENIED, "The bus did not identify the caller.");
                return 1;
        }
        check_set_state(c, CHECK_KNOWN);
        check_resume(c);
        return 1;
}

static size_t n_checks_of(const Polkit *p, const char *sender) {
        const Check *c;
        size_t n = 0;

        LIST_FOREACH(c, &p->checks, checks)
                n += strcmp(sd_bus_message_get_sender(c->message), sender) == 0;
        return n;
}

/* The handler reads the message again from the start when it is called again. */
static size_t first_text_size(sd_bus_message *m) {
        const char *text = NULL;

        if (sd_bus_message_rewind(m, true) < 0 || sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &text) <= 0 || !text)
                return 0;
        return strlen(text);
}

static int check_begin(Polkit *p, sd_bus_message *m, const char *sender, sd_bus_message_handler_t handler,
                       void *userdata) {
        size_t text_size = first_text_size(m);

        if (p->n_checks >= POLKIT_CHECKS_MAX || n_checks_of(p, sender) >= POLKIT_CHECKS_PER_SENDER_MAX ||
            (text_size > POLKIT_TEXT_FREE && text_size > POLKIT_TEXT_MAX - MIN(p->text_size, POLKIT_TEXT_MAX)))
                return -ENOBUFS;

        Check *c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Check) {
                .polkit = p,
                .message = sd_bus_message_ref(m),
                .text_size = text_size,
                .handler = handler,
                .userdata = userdata,
                .uid = UINT32_MAX,
                .pidfd = -EBADF,
                .id = p->next_id++,
        };
        LIST_INSERT_HEAD(&p->checks, c, checks);
        p->n_checks++;
        p->text_size += text_size;

        /* Watch before asking: a sender that leaves later is noticed, one that left before is unknown to the bus. */
        int r = polkit_watch(p, sd_bus_message_get_bus(m));
        if (r >= 0)
                r = sd_bus_call_method_async(sd_bus_message_get_bus(m), &c->slot, BUS_DRIVER, BUS_DRIVER_PATH,
                                             BUS_DRIVER, "GetConnectionCredentials", polkit_on_credentials, c, "s",
                                             sender);
        if (r < 0)
                check_free(c);
        return r;
}

/* ------------------------------------------------------------------ what it may */

static int polkit_on_answer(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Check *c = userdata;
        int authorized = 0, challenge = 0;

        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY) ||
            sd_bus_message_is_method_error(reply, SD_BUS_ERROR_TIMEOUT))
                check_decide(c, -ETIMEDOUT, SD_BUS_ERROR_ACCESS_DENIED, "polkit did not answer in time.");
        else if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                 sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                check_decide(c, -EACCES, SD_BUS_ERROR_ACCESS_DENIED, "Only root may do this: polkit is not running.");
        else if (sd_bus_message_is_method_error(reply, NULL) ||
                 sd_bus_message_enter_container(reply, SD_BUS_TYPE_STRUCT, "bba{ss}") < 0 ||
                 sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
                check_decide(c, -EACCES, SD_BUS_ERROR_ACCESS_DENIED, "polkit returned no decision.");
        else if (authorized)
                check_decide(c, 1, NULL, NULL);
        else if (challenge)
                check_decide(c, -EACCES, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                             "Interactive authentication is required.");
        else
                check_decide(c, -EACCES, SD_BUS_ERROR_ACCESS_DENIED, "Access denied.");
        return 1;
}

static int append_details(sd_bus_message *m, const char *const *details) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{ss}");
        for (; r >= 0 && details && *details; details += 2)
                r = sd_bus_message_append(m, "{ss}", details[0], details[1]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int check_ask(Check *c, const char *action, const char *const *details) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *sender = sd_bus_message_get_sender(c->message);
        sd_bus *bus = sd_bus_message_get_bus(c->message);
        bool interactive = sd_bus_message_get_allow_interactive_authorization(c->message) > 0;
        char id[32];
        int r;

        r = sd_bus_message_new_method_call(bus, &m, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "(sa{sv})s", "system-bus-name", 1, "name", "s", sender, action);
        if (r < 0)
                return r;
        r = append_details(m, details);
        if (r < 0)
                return r;
        format_cancellation_id(c, id);
        r = sd_bus_message_append(m, "us", interactive ? POLKIT_ALLOW_USER_INTERACTION : 0U, id);
        if (r < 0)
                return r;
        /* Typing a password takes time; polkit ends the wait itself. */
        return sd_bus_call_async(bus, &c->slot, m, polkit_on_answer, c,
                                 interactive ? UINT64_MAX : c->polkit->options.timeout_usec);
}

static size_t n_waiting_of(const Polkit *p, uint32_t uid) {
        const Check *c;
        size_t n = 0;

        LIST_FOREACH(c, &p->checks, checks)
                n += check_waits(c) && c->uid == uid;
        return n;
}

static int check_refuse(sd_bus_error *error, int r) {
        if (r == -ENOBUFS)
                (void) sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                              "Too many calls are waiting for authorization.");
        else
                (void) sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "The caller cannot be authorized.");
        return r == -ENOBUFS ? r : -EACCES;
}

/* The caller is known: decide, or ask polkit. */
static int check_continue(Check *c, const char *action, const char *const *details, sd_bus_error *error) {
        Polkit *p = c->polkit;

        if (c->uid == 0 && !p->options.trust_nobody)
                return 1;
        if (!action) {
                (void) sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "Only root may do this.");
                return -EACCES;
        }
        if (p->n_asked >= POLKIT_ASKED_MAX || n_waiting_of(p, c->uid) >= POLKIT_ASKED_PER_UID_MAX)
                return check_refuse(error, -ENOBUFS);

        int r = check_ask(c, action, details);
        if (r < 0)
                return check_refuse(error, r);
        check_set_state(c, CHECK_ASKED);
        return 0;
}

/* Finds or creates the check of this call, with the caller known. 0: still waiting for the credentials. */
static int check_find(Polkit *p, sd_bus_message *m, sd_bus_message_handler_t handler, void *userdata, Check **ret,
                      Caller *ret_caller, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);
        Check *c;

        *ret_caller = (Caller) { .sender = sender ?: "", .uid = UINT32_MAX, .pidfd = -EBADF };
        LIST_FOREACH(c, &p->checks, checks)
                if (c->message == m)
                        break;
        if (!c) {
                int r = sender ? check_begin(p, m, sender, handler, userdata) : -EACCES;
                return r < 0 ? check_refuse(error, r) : 0;
        }
        ret_caller->uid = c->uid;
        ret_caller->pid = c->pid;
        ret_caller->pidfd = c->pidfd;
        ret_caller->decided = c->state == CHECK_DECIDED;
        if (c->state != CHECK_KNOWN && c->state != CHECK_DECIDED) /* the handler asked twice in one run */
                return check_refuse(error, -EACCES);
        *ret = c;
        return 1;
}

static int check_result(const Check *c, sd_bus_error *error) {
        if (c->result < 0)
                (void) sd_bus_error_set(error, c->name, c->text);
        return c->result;
}

int polkit_identify(Polkit *p, sd_bus_message *m, sd_bus_message_handler_t handler, void *userdata,
                    Caller *ret_caller, sd_bus_error *error) {
        Check *c;
        int r;

        assert(p);
        assert(handler);
        assert(ret_caller);

        r = check_find(p, m, handler, userdata, &c, ret_caller, error);
        if (r > 0 && c->state == CHECK_DECIDED && (c->result == -ECANCELED || c->uid == UINT32_MAX))
                return check_result(c, error);
        return r;
}

int polkit_check(Polkit *p, sd_bus_message *m, const char *action, const char *const *details,
                 sd_bus_message_handler_t handler, void *userdata, Caller *ret_caller, sd_bus_error *error) {
        Check *c;
        int r;

        assert(p);
        assert(handler);
        assert(ret_caller);

        r = check_find(p, m, handler, userdata, &c, ret_caller, error);
        if (r <= 0)
                return r;
        return c->state == CHECK_KNOWN ? check_continue(c, action, details, error) : check_result(c, error);
}

/* ------------------------------------------------------------------ which process it is */

static void polkit_on_proof(int r, void *userdata) {
        Check *c = userdata;

        c->proof = peer_proof_free(c->proof);
        if (r >= 0) {
                c->pidfd = r;
                check_decide(c, 1, NULL, NULL);
        } else
                check_decide(c, -EACCES, SD_BUS_ERROR_ACCESS_DENIED,
                             "The socket \"proof\" was not answered by the process that connected to the bus.");
}

int polkit_prove(Polkit *p, sd_bus_message *m, int proof_fd, sd_bus_error *error) {
        Check *c;
        int r;

        assert(p);

        LIST_FOREACH(c, &p->checks, checks)
                if (c->message == m)
                        break;
        if (!c || (c->state != CHECK_KNOWN && c->state != CHECK_DECIDED) || c->result < 0)
                return check_refuse(error, -EACCES);
        if (c->pidfd >= 0)
                return 1;
        if (proof_fd < 0) {
                (void) sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
                                        "This bus does not report the pidfd of the calling process: use "
                                        "cargowallctl, or pass \"proof\" as described in org.cargowall1(5).");
                return -EACCES;
        }
        if (n_waiting_of(p, c->uid) >= POLKIT_ASKED_PER_UID_MAX)
                return check_refuse(error, -ENOBUFS);
        r = peer_proof_new(sd_bus_get_event(sd_bus_message_get_bus(m)), proof_fd, c->pid, polkit_on_proof, c,
                           &c->proof);
        if (r < 0) {
                (void) sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "\"proof\" must be one end of a pair of Unix sockets of type SOCK_SEQPACKET.");
                return -EINVAL;
        }
        check_set_state(c, CHECK_PROVING);
        return 0;
}
