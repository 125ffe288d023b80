/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/hooks.h"

#include <assert.h>
#include <string.h>
#include <syslog.h>

#include "handover/pins.h"

/* ------------------------------------------------------------------ what they are */

static size_t name_hooks(uint32_t mask, const char *ret[static HOOKS_MAX]) {
        const char *name;
        size_t n = 0;

        for (size_t i = 0; i < HOOKS_MAX && (name = engine_hook_name(i)); i++)
                if (mask & (1U << i))
                        ret[n++] = name;
        return n;
}

size_t hooks_required(const Context *c, const char *ret[static HOOKS_MAX]) {
        assert(c);

        return name_hooks(c->config->required_hooks, ret);
}

size_t hooks_achieved(const Context *c, const char *ret[static HOOKS_MAX]) {
        assert(c);

        return name_hooks(engine_hooks(c->engine), ret);
}

bool hooks_are_complete(const Context *c) {
        assert(c);

        uint32_t required = c->config->required_hooks;
        return (engine_hooks(c->engine) & required) == required;
}

bool hooks_refuse_families(const Context *c) {
        assert(c);

        return engine_hooks(c->engine) & 1U << CW_HOOK_BIT_socket_create;
}

bool hooks_refuse_name_services(const Context *c) {
        assert(c);

        return engine_hooks(c->engine) & CW_HOOKS_NAME_SERVICE;
}

/* ------------------------------------------------------------------ that they stay */

static void check_entries(const Context *c) {
        unsigned n = engine_repair(c->engine);

        if (n == 0)
                return;
        log_message(c->log, LOG_CRIT, "%u scope entries in the kernel were modified externally; restored", n);
        context_emit_type(c, EVENT_HOOK_LOST, NULL, "scopes");
}

bool hooks_check(const Context *c) {
        uint32_t lost, back;
        const char *name;

        assert(c);

        check_entries(c);
        if (engine_refused_flows(c->engine))
                log_message(c->log, LOG_ERR,
                            "connections are refused with reason \"fault\": the kernel has no memory "
                            "for their state in the socket; free memory, or raise net.core.optmem_max");
        lost = engine_repair_hooks(c->engine, &back);
        if (lost == 0)
                return false;
        for (size_t i = 0; i < HOOKS_MAX && (name = engine_hook_name(i)); i++) {
                if (!(lost & (1U << i)))
                        continue;
                log_message(c->log, LOG_CRIT, "hook %s was detached externally; %s", name,
                            back & (1U << i) ? "reattached" : "cannot reattach it");
                context_emit_type(c, EVENT_HOOK_LOST, NULL, name);
        }
        context_notify(c, hooks_changed);
        return true;
}

/* ------------------------------------------------------------------ who holds them */

typedef struct Keeping {
        const Context *context;
        int store_error, pin_error; /* the first, or 0 */
} Keeping;

/* One that cannot be stored does not stop the others. */
static int keep_one(const char *name, int fd, bool is_new, void *userdata) {
        Keeping *k = userdata;
        int stored = is_new ? fd_store_push(k->context->store, name, fd) : 0, pinned = 0;

        if (k->context->config->persist == PERSIST_PIN && strncmp(name, "link-", strlen("link-")) == 0)
                pinned = pins_put(HOOKS_PIN_DIRECTORY, name, fd);
        if (stored < 0 && k->store_error == 0)
                k->store_error = stored;
        if (pinned < 0 && k->pin_error == 0)
                k->pin_error = pinned;
        return stored > 0;
}

int hooks_keep(const Context *c) {
        Keeping k = { .context = c };

        assert(c);

        (void) engine_for_each_object(c->engine, keep_one, &k);
        if (k.pin_error < 0)
                log_message(c->log, LOG_ERR, "cannot pin the links in %s (%s): enforcement ends with a stop",
                            HOOKS_PIN_DIRECTORY, strerror(-k.pin_error));
        if (c->config->persist == PERSIST_PIN)
                return k.store_error;
        int r = pins_remove(HOOKS_PIN_DIRECTORY); /* of an earlier configuration: by now others hold the links */
        if (r < 0 && r != -ENOENT)
                log_message(c->log, LOG_ERR, "cannot remove the pins in %s: %s", HOOKS_PIN_DIRECTORY, strerror(-r));
        return k.store_error;
}
