/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/open-units.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "ctl/unit-helpers.h"
#include "host/config-files.h"
#include "host/policy-files.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define GROUPS_MAX 64

typedef struct Finder {
        sd_bus *bus;
        const MatchList **lists;
        bool *is_enforced, *follows; /* of the documents that have these lists */
        size_t n_lists;
        bool host_is_enforced;
        OpenUnits *ret;
} Finder;

static bool list_has(const char *const *list, size_t n, const char *word, size_t length) {
        for (size_t i = 0; i < n; i++)
                if (strncmp(word, list[i], length) == 0 && list[i][length] == '\0')
                        return true;
        return false;
}

/* Calls fn for each word of a list of a unit: with a leading boolean, whether it is an allow list, or without ("as"). */
typedef void (*word_fn)(const char *word, void *userdata);

static int for_each_word(sd_bus *bus, const char *path, const char *property, const char *type, word_fn fn, void *userdata,
                         bool *ret_is_allow_list) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *word;
        int allow = 0;

        int r = sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Service", property, NULL, &m, type);
        if (r >= 0 && type[0] == '(') {
                r = sd_bus_message_enter_container(m, 'r', "bas");
                if (r >= 0)
                        r = sd_bus_message_read(m, "b", &allow);
        }
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &word)) > 0)
                fn(word, userdata);
        *ret_is_allow_list = allow;
        return r;
}

typedef struct Restriction {
        bool other_family, architectures, other_architecture, io_uring;
} Restriction;

static void see_family(const char *word, void *userdata) {
        /* those that the hooks judge, and AF_ALG */
        static const char *const harmless[] = { "AF_UNIX", "AF_LOCAL", "AF_INET", "AF_INET6", "AF_NETLINK", "AF_ALG" };

        if (!list_has(harmless, ELEMENTSOF(harmless), word, strlen(word)))
                ((Restriction *) userdata)->other_family = true;
}

static void see_architecture(const char *word, void *userdata) {
        Restriction *r = userdata;

        r->architectures = true;
        r->other_architecture = r->other_architecture || strcmp(word, "x86") == 0;
}

/* "io_uring_setup", with an error after ":" or without */
static void see_call(const char *word, void *userdata) {
        static const char *const call[] = { "io_uring_setup" };

        if (list_has(call, ELEMENTSOF(call), word, strcspn(word, ":")))
                ((Restriction *) userdata)->io_uring = true;
}

/* For everybody: sysctl kernel.io_uring_disabled=2, Linux 6.6. */
static bool io_uring_is_off(void) {
        FILE *f = fopen("/proc/sys/kernel/io_uring_disabled", "re");
        int value = f ? fgetc(f) : EOF;

        if (f)
                (void) fclose(f);
        return value == '2';
}

/* Returns 1 if only harmless families are permitted. */
static int is_restricted(sd_bus *bus, const char *path) {
        bool families, calls, none;
        Restriction found = {};

        int r = for_each_word(bus, path, "RestrictAddressFamilies", "(bas)", see_family, &found, &families);
        if (r >= 0)
                r = for_each_word(bus, path, "SystemCallArchitectures", "as", see_architecture, &found, &none);
        if (r >= 0)
                r = for_each_word(bus, path, "SystemCallFilter", "(bas)", see_call, &found, &calls);
        if (r < 0)
                return r;
        return families && !found.other_family && found.architectures && !found.other_architecture &&
               (calls != found.io_uring || io_uring_is_off());
}

#define RESOLVED "/run/systemd/resolve"

/* Is this path, with prefixes of systemd.exec(5), that of systemd-resolved's sockets or above it? */
static bool path_has_resolved(const char *path) {
        size_t n;

        path += strspn(path, "-+");
        n = strlen(path);
        while (n > 0 && path[n - 1] == '/')
                n--;
        return path[0] == '/' && strncmp(path, RESOLVED, n) == 0 && (RESOLVED[n] == '\0' || RESOLVED[n] == '/');
}

static void see_path(const char *word, void *userdata) {
        bool *hidden = userdata;

        *hidden = *hidden || path_has_resolved(word);
}

/* Returns 1 if the unit does not see them. */
static int is_resolved_hidden(sd_bus *bus, const char *path) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        bool hidden = false, none;
        const char *mounted;

        int r = for_each_word(bus, path, "InaccessiblePaths", "as", see_path, &hidden, &none);
        if (r >= 0)
                r = sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Service", "TemporaryFileSystem", NULL, &m, "a(ss)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(ss)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ss)", &mounted, NULL)) > 0)
                see_path(mounted, &hidden);
        return r < 0 ? r : hidden;
}

static void examine_firewall(Finder *f, const char *name, const char *path) {
        UnitFirewall firewall;

        if (unit_firewall_find(f->bus, path, &firewall) < 0 || firewall == UNIT_FIREWALL_OPEN || f->ret->n_closed++ > 0)
                return;
        (void) snprintf(f->ret->first_closed, sizeof(f->ret->first_closed), "%s", name);
        f->ret->closed_by = firewall;
}

/* The user's name and groups are looked up here: nobody waits for a name service in the service. */
static unsigned helpers_of(const Finder *f, uint32_t uid, bool followed) {
        char *group_names[GROUPS_MAX] = {};
        gid_t groups[GROUPS_MAX];
        int n = GROUPS_MAX;
        HelperUser user = { .uid = uid == UINT32_MAX ? 0 : uid }; /* without User= */
        const struct passwd *p = getpwuid(user.uid);
        _cleanup_free_ char *name = p ? strdup(p->pw_name) : NULL;

        if (name && getgrouplist(name, p->pw_gid, groups, &n) >= 0) {
                for (int i = 0; i < n; i++) {
                        const struct group *g = getgrgid(groups[i]);
                        group_names[i] = g ? strdup(g->gr_name) : NULL;
                }
                user.groups = groups;
                user.group_names = (const char *const *) group_names;
                user.n_groups = (size_t) n;
        }
        user.name = name;
        unsigned mask = unit_helpers_find("", f->lists, f->n_lists, f->host_is_enforced, followed, &user);
        for (size_t i = 0; i < GROUPS_MAX; i++)
                free(group_names[i]);
        return mask;
}

static void examine_helpers(Finder *f, const char *name, const char *path, bool followed) {
        uint32_t uid;

        if (sd_bus_get_property_trivial(f->bus, SYSTEMD, path, SYSTEMD ".Service", "UID", NULL, 'u', &uid) < 0)
                return;
        f->ret->n_enforced++;
        unsigned mask = helpers_of(f, uid, followed);
        if (mask == 0 || f->ret->n_helped++ > 0)
                return;
        (void) snprintf(f->ret->first_helped, sizeof(f->ret->first_helped), "%s", name);
        f->ret->helpers = mask;
}

static int examine(Finder *f, const char *name, const char *path) {
        _cleanup_free_ char *cgroup = NULL;

        int r = sd_bus_get_property_string(f->bus, SYSTEMD, path, SYSTEMD ".Service", "ControlGroup", NULL, &cgroup);
        if (r < 0)
                return r;
        int document = cgroup[0] == '\0' ? -ENOENT : match_documents(f->lists, f->n_lists, cgroup);
        if (document < 0)
                return 0;
        r = is_restricted(f->bus, path);
        int k = r < 0 ? r : is_resolved_hidden(f->bus, path);
        if (k < 0)
                return k;
        f->ret->n_policy++;
        if (k == 0 && f->ret->n_resolved++ == 0)
                (void) snprintf(f->ret->first_resolved, sizeof(f->ret->first_resolved), "%s", name);
        examine_firewall(f, name, path);
        if (f->is_enforced[document])
                examine_helpers(f, name, path, f->follows[document]);
        if (r == 0 && f->ret->n_open++ == 0)
                (void) snprintf(f->ret->first, sizeof(f->ret->first), "%s", name);
        return 0;
}

/* A unit may end meanwhile: what cannot be asked about is left out. */
static int examine_all(Finder *f) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *name, *path;

        int r = sd_bus_call_method(f->bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager",
                                   "ListUnitsByPatterns", NULL, &m, "asas", 3, "active", "activating", "reloading", 1,
                                   "*.service");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ssssssouso)", &name, NULL, NULL, NULL, NULL, NULL, &path, NULL, NULL,
                                                  NULL)) > 0)
                (void) examine(f, name, path);
        return r;
}

static Mode configured_mode(void) {
        _cleanup_(service_config_done) ServiceConfig config = {};
        _cleanup_(fault_list_done) FaultList faults = {};

        return config_files_load("", &config, &faults) >= 0 ? config.mode : MODE_ENFORCE;
}

void open_units_find(sd_bus *bus, OpenUnits *ret) {
        _cleanup_(policy_files_done) PolicyFiles files = {};
        _cleanup_(fault_list_done) FaultList faults = {};
        Finder f = { .bus = bus, .ret = ret };

        assert(bus && ret);

        *ret = (OpenUnits) {};
        int r = policy_files_load("", &files, &faults);
        if (r < 0) {
                ret->error = r == -EINVAL ? EACCES : -r;
                return;
        }
        _cleanup_free_ const MatchList **lists = calloc(MAX(files.n, 1U), sizeof(*lists));
        _cleanup_free_ bool *is_enforced = calloc(MAX(files.n, 1U), sizeof(*is_enforced));
        _cleanup_free_ bool *follows = calloc(MAX(files.n, 1U), sizeof(*follows));
        if (!lists || !is_enforced || !follows) {
                ret->error = ENOMEM;
                return;
        }
        Mode configured = configured_mode();
        for (size_t i = 0; i < files.n; i++) {
                const PolicyDocument *d = &files.files[i].document;
                bool enforced = (d->source.has_mode ? d->source.mode : configured) == MODE_ENFORCE;

                if (d->match.n > 0) {
                        is_enforced[f.n_lists] = enforced;
                        follows[f.n_lists] = d->follow;
                        lists[f.n_lists++] = &d->match;
                } else if (i == 0 && files.has_host)
                        f.host_is_enforced = enforced;
        }
        f.lists = lists;
        f.is_enforced = is_enforced;
        f.follows = follows;
        r = f.n_lists == 0 ? 0 : examine_all(&f);
        if (r < 0)
                ret->error = -r;
}
