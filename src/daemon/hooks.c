/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/hooks.h"

#include <assert.h>
#include <string.h>
#include <syslog.h>

#include "handover/pins.h"

/* ------------------------------------------------------------------ what they are */

static size_t name_hooks(uint32_t mask, const char *ret[static HOOKS_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < MIN(programs_n_hooks(), (size_t) HOOKS_MAX); i++)
                if (mask & (1U << i))
                        ret[n++] = programs_hook_name(i);
        return n;
}

size_t hooks_required(const Context *c, const char *ret[static HOOKS_MAX]) {
        assert(c);

        return name_hooks(c->config->required_hooks, ret);
}

size_t hooks_achieved(const Context *c, const char *ret[static HOOKS_MAX]) {
        assert(c);

        return name_hooks(programs_attached(engine_programs(c->engine)), ret);
}

bool hooks_are_complete(const Context *c) {
        assert(c);

        uint32_t required = c->config->required_hooks;
        return (programs_attached(engine_programs(c->engine)) & required) == required;
}

bool hooks_inherited(const Context *c) {
        assert(c);

        return programs_inherited(engine_programs(c->engine));
}

/* ------------------------------------------------------------------ that they stay */

static void check_entries(const Context *c) {
        unsigned n = engine_repair(c->engine);

        if (n == 0)
                return;
        log_message(c->log, LOG_CRIT, "%u scope entries in the kernel were modified externally; restored", n);
        context_emit_type(c, EVENT_HOOK_LOST, NULL, "scopes");
}

bool hooks_check(const Context *c, uint64_t cgroup_id, int cgroup_fd) {
        uint32_t lost, back;
        Programs *p;

        assert(c);

        check_entries(c);
        p = engine_programs(c->engine);
        lost = programs_check(p, cgroup_id);
        if (lost == 0)
                return false;
        back = programs_reattach(p, lost, cgroup_fd);
        for (size_t i = 0; i < programs_n_hooks(); i++) {
                if (!(lost & (1U << i)))
                        continue;
                log_message(c->log, LOG_CRIT, "hook %s was detached externally; %s", programs_hook_name(i),
                            back & (1U << i) ? "reattached" : "cannot reattach it");
                context_emit_type(c, EVENT_HOOK_LOST, NULL, programs_hook_name(i));
        }
        context_notify(c, hooks_changed);
        return true;
}

/* ------------------------------------------------------------------ who holds them */

static int keep_one(const char *name, int fd, bool is_new, void *userdata) {
        const Context *c = userdata;

        return is_new ? fd_store_push(c->store, name, fd) : 0;
}

/* If pins are not configured, pins of an earlier configuration are removed: by now others hold the links. */
static void keep_pins(const Context *c) {
        bool wanted = c->config->persist == PERSIST_PIN;
        int r = wanted ? pins_add(HOOKS_PIN_DIRECTORY, engine_programs(c->engine)) : pins_remove(HOOKS_PIN_DIRECTORY);

        if (r < 0 && (wanted || r != -ENOENT))
                log_message(c->log, LOG_ERR,
                            wanted ? "cannot pin the links in %s (%s): enforcement ends with a stop"
                                   : "cannot remove the pins in %s: %s",
                            HOOKS_PIN_DIRECTORY, strerror(-r));
}

int hooks_keep(const Context *c) {
        int r;

        assert(c);

        r = programs_for_each_fd(engine_programs(c->engine), keep_one, (void *) c);
        keep_pins(c);
        return r;
}
