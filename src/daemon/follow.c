/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/follow.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "basic/clock.h"
#include "host/read-file.h"
#include "policy/chain.h"
#include "policy/follow-table.h"

#define PROCS_TEXT_MAX (1U << 18)
#define PROCESSES_MAX 4096U /* of a unit, for each look; its main process is among the first */
#define FACTS_TEXT_MAX 16384U
/* A unit has its user when its process has changed to it: soon after its cgroup appeared. */
#define LOOK_SOON_USEC (USEC_PER_SEC / 20)
#define LOOKS_SOON 40U
#define LOOK_USEC USEC_PER_SEC

struct Follow {
        const Context *context; /* all borrowed */
        const Policies *policies;
        const Actors *actors;
        void (*changed)(void *userdata);
        void *userdata;
        sd_event_source *timer; /* NULL: no document follows anybody */
        unsigned n_soon;
        FollowTable table;
        bool is_full; /* was logged */
        bool failed;  /* not all of it is in the kernel */
};

int follow_new(const Context *c, const Policies *policies, const Actors *actors, void (*changed)(void *userdata), void *userdata,
               Follow **ret) {
        Follow *f = calloc(1, sizeof(*f));

        assert(c && policies && actors && changed);
        assert(ret);

        if (!f)
                return -ENOMEM;
        *f = (Follow) { .context = c, .policies = policies, .actors = actors, .changed = changed, .userdata = userdata };
        *ret = f;
        return 0;
}

Follow *follow_free(Follow *f) {
        if (!f)
                return NULL;
        sd_event_source_disable_unref(f->timer);
        follow_table_done(&f->table);
        free(f);
        return NULL;
}

/* ------------------------------------------------------------------ the kernel */

static uint32_t chain_of_user(const Follow *f, uint32_t uid) {
        const PolicySet *set = policies_set(f->policies);
        const Document *documents[CW_CHAIN_MAX];
        uint32_t chain = ENGINE_CHAIN_UNASSIGNED; /* more documents than fit: nothing is allowed */
        Layer *layers[CW_CHAIN_MAX];
        size_t n_layers = 0;

        int n = follow_table_documents(&f->table, set, uid, documents);
        for (int i = 0; i < n; i++) {
                layers[n_layers] = policies_layer(f->policies, documents[i]);
                n_layers += layers[n_layers] != NULL;
        }
        if (n_layers > 0)
                (void) layer_chain(layers, n_layers, &chain);
        return chain;
}

static void write_users(Follow *f) {
        FollowedUser users[FOLLOW_USERS_MAX];
        size_t n = 0;

        for (uint32_t uid = UINT32_MAX; n < FOLLOW_USERS_MAX && follow_table_next(&f->table, uid, &uid) >= 0; n++)
                users[n] = (FollowedUser) { .uid = uid, .chain = chain_of_user(f, uid) };
        int r = engine_follow_users(f->context->engine, users, n);
        if (r < 0 && !f->failed)
                log_message(f->context->log, LOG_ERR,
                            "cannot write which users are followed to the kernel (%s): what they start outside of their units is not "
                            "judged by the units' documents; this is tried again each second",
                            strerror(-r));
        if (r >= 0 && f->failed)
                log_message(f->context->log, LOG_NOTICE, "the users that are followed are in the kernel now");
        f->failed = r < 0;
}

/* ------------------------------------------------------------------ the processes of units */

static void add_user(Follow *f, const char *path, const Document *d, uint32_t uid, bool *changed) {
        int r = follow_table_add(&f->table, uid, d->name);

        if (r > 0) {
                *changed = true;
                log_message(f->context->log, LOG_INFO, "user %" PRIu32 " of %s is followed: what it starts elsewhere is judged by "
                            "document %s", uid, path, d->name);
        } else if ((r == -ENOSPC || r == -ENOMEM) && !f->is_full) {
                f->is_full = true;
                log_message(f->context->log, LOG_WARNING,
                            "cannot follow user %" PRIu32 " of %s (%s): what it starts elsewhere is not judged by document %s; "
                            "match the cgroups of its helpers in units",
                            uid, path, strerror(-r), d->name);
        }
}

/* The directory stands for one process, even if the number is used again meanwhile. */
static int read_user(uint32_t pid, const char *path, uint32_t *ret) {
        _cleanup_free_ char *status = NULL, *cgroup = NULL;
        char name[sizeof("/proc/4294967295")];

        (void) snprintf(name, sizeof(name), "/proc/%" PRIu32, pid);
        _cleanup_close_ int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = read_file_at(fd, "status", FACTS_TEXT_MAX, &status, NULL);
        if (r >= 0)
                r = read_file_at(fd, "cgroup", FACTS_TEXT_MAX, &cgroup, NULL);
        if (r < 0)
                return r;
        return strstr(cgroup, path) ? follow_user_of_status(status, ret) : -ESRCH;
}

typedef struct Look {
        Follow *follow;
        bool changed;
} Look;

static void look_at(const char *path, _unused_ uint64_t id, bool is_slice, void *userdata) {
        Look *l = userdata;
        const Document *d = is_slice ? NULL : follow_document_of(policies_set(l->follow->policies), path);
        _cleanup_free_ char *text = NULL;
        char name[PATH_MAX];
        size_t n = 0;

        if (!d || snprintf(name, sizeof(name), "%s/cgroup.procs", path + 1) >= (int) sizeof(name))
                return;
        if (read_file_at(actors_root_fd(l->follow->actors), name, PROCS_TEXT_MAX, &text, NULL) < 0)
                return;
        for (char *line = text, *end; *line && n < PROCESSES_MAX; line = end + (*end == '\n'), n++) {
                unsigned long pid = strtoul(line, &end, 10);
                uint32_t uid;

                if (end == line)
                        break;
                if (read_user((uint32_t) pid, path, &uid) >= 0)
                        add_user(l->follow, path, d, uid, &l->changed);
        }
}

static bool look(Follow *f) {
        Look l = { .follow = f };

        actors_for_each(f->actors, look_at, &l);
        return follow_table_sweep(&f->table) || l.changed;
}

static int on_timer(sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Follow *f = userdata;

        bool changed = look(f);
        if (changed || f->failed)
                write_users(f);
        if (changed)
                f->changed(f->userdata);
        f->n_soon -= f->n_soon > 0;
        (void) sd_event_source_set_time_relative(source, f->n_soon > 0 ? LOOK_SOON_USEC : LOOK_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static bool is_wanted(const PolicySet *s) {
        for (size_t i = 0; i < s->documents.n; i++)
                if (s->documents.items[i].follow)
                        return true;
        return false;
}

static void set_timer(Follow *f) {
        int r;

        if (!is_wanted(policies_set(f->policies))) {
                f->timer = sd_event_source_disable_unref(f->timer);
                return;
        }
        if (f->timer)
                return;
        r = sd_event_add_time_relative(f->context->event, &f->timer, CLOCK_MONOTONIC, LOOK_SOON_USEC, LOOK_SOON_USEC / 10, on_timer, f);
        if (r < 0)
                log_message(f->context->log, LOG_ERR, "cannot look for users to follow (%s); a reload tries again", strerror(-r));
}

void follow_appeared(Follow *f, const char *path) {
        assert(f);
        assert(path);

        if (!f->timer || !follow_document_of(policies_set(f->policies), path))
                return;
        f->n_soon = LOOKS_SOON;
        (void) sd_event_source_set_time_relative(f->timer, LOOK_SOON_USEC);
}

bool follow_update(Follow *f) {
        bool changed;

        assert(f);

        changed = follow_table_retain(&f->table, policies_set(f->policies));
        set_timer(f);
        changed = look(f) || changed;
        write_users(f);
        return changed;
}

/* Layers keep their places in the kernel. */
void follow_restore(Follow *f) {
        FollowedUser users[FOLLOW_USERS_MAX];

        assert(f);

        size_t n = engine_followed_users(f->context->engine, users);
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < CW_CHAIN_MAX; k++) {
                        const Layer *layer = engine_layer_of_chain(f->context->engine, users[i].chain, k);
                        if (layer)
                                (void) follow_table_add(&f->table, users[i].uid, layer->name); /* there was room for them */
                }
        (void) follow_update(f);
}

/* ------------------------------------------------------------------ questions */

/* The service manager may give its user's processes numbers of other users, from /etc/subuid. */
uint32_t follow_chain(const Follow *f, const char *path, uint32_t uid, uint32_t chain) {
        const Document *documents[CW_CHAIN_MAX];
        uint32_t manager;

        assert(f);
        assert(path);

        if (match_is_container(path))
                return chain;
        if (follow_manager_of(path, &manager) >= 0)
                uid = manager;
        if (uid == 0 || follow_table_documents(&f->table, policies_set(f->policies), uid, documents) == 0)
                return chain;
        return chain_of_followed(chain, chain_of_user(f, uid));
}

bool follow_judges(const Follow *f, const char *path, const char *scope) {
        const Document *documents[CW_CHAIN_MAX];
        uint32_t manager;
        int n = 0;

        assert(f);
        assert(path);
        assert(scope);

        if (follow_manager_of(path, &manager) >= 0)
                n = follow_table_documents(&f->table, policies_set(f->policies), manager, documents);
        for (int i = 0; i < n; i++)
                if (strcmp(documents[i]->name, scope) == 0)
                        return true;
        return false;
}
