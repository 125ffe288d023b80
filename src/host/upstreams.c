/* SPDX-License-Identifier: Apache-2.0 */
#include "host/upstreams.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "host/config-dir.h"
#include "host/link-dns.h"
#include "host/resolv-conf.h"
#include "host/resolved-conf.h"
#include "net/dns-endpoint.h"

#define PARSED_MAX DNS_SERVERS_MAX /* of one file */
#define GROUP_LOCAL 200U /* + index: local resolvers beside configured ones */
#define SETTLE_USEC (100 * USEC_PER_MSEC)
#define RETRY_USEC (60 * USEC_PER_SEC)
#define POLL_USEC (2 * USEC_PER_SEC)
#define READS_PER_WAKE_MAX 16U
#define WATCHES_MAX 128U
#define LINKS_MAX 16U /* symbolic links in one path */
#define WATCH_MASK (IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)

/* One name in one directory on the path to a file, whether or not it exists. */
typedef struct Watch {
        int wd; /* shared by all names of a directory */
        char name[NAME_MAX + 1]; /* "": each name in it */
} Watch;

typedef struct WatchList {
        Watch *list;
        size_t n;
} WatchList;

struct Upstreams {
        UpstreamFiles files; /* strings owned */
        unsigned locals;
        DnsServer configured[DNS_UPSTREAM_SERVERS_MAX];
        size_t n_configured;
        DnsServer servers[DNS_SERVERS_MAX];
        size_t n;
        bool has_domains; /* resolved.conf(5) as systemd-resolved has read it, perhaps before it changed */
        uint64_t started; /* a number that changes when systemd-resolved starts */
        uint64_t routes; /* a number that changes with the domains of links, and when systemd-resolved starts */
        int error;     /* reported last */
        bool settling; /* the timer was started by a change, not for a retry */
        int inotify_fd; /* owned by io */
        WatchList watches;
        sd_event_source *io, *timer, *poll;
        upstreams_fn fn;
        void *userdata;
};

const UpstreamFiles upstream_files_default = {
        .resolv_conf = "/etc/resolv.conf",
        .resolved_list = "/run/systemd/resolve/resolv.conf",
        .drop_in = "/run/systemd/resolved.conf.d/60-cargowall.conf",
        .link_dirs = { "/run/systemd/resolve/netif", "/run/systemd/netif/links" },
        .conf_dirs = { "/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd" },
        .socket = "/run/systemd/resolve/io.systemd.Resolve",
};

/* --- the list --- */

int upstreams_check(const DnsServer *servers, size_t n) {
        assert(servers || n == 0);

        for (size_t i = 0; i < n; i++)
                if (resolv_conf_is_stub(&servers[i].addr) || dns_endpoint_is_of_service(&servers[i].addr, servers[i].port))
                        return -ELOOP;
        return 0;
}

unsigned upstream_locals(const ServiceConfig *c) {
        unsigned locals = 0;

        assert(c);

        for (size_t i = 0; i < c->n_forwarders; i++)
                locals |= strcmp(c->forwarders[i], "systemd-resolved.service") == 0 ? UPSTREAM_LOCAL_STUB :
                                                                                      UPSTREAM_LOCAL_OTHERS;
        return locals;
}

/* May a server of resolv.conf be queried, and would it query us in turn? */
static bool server_is_usable(unsigned locals, DnsServer *s) {
        DnsServer copy = *s;

        if (dns_endpoint_is_of_service(&s->addr, s->port))
                return locals & UPSTREAM_LOCAL_PROXY;
        if (resolv_conf_drop_local(&copy, 1) > 0)
                return true;
        s->flags |= DNS_SERVER_NOT_FOR_FORWARDERS;
        return locals & (resolv_conf_is_stub(&s->addr) ? UPSTREAM_LOCAL_STUB : UPSTREAM_LOCAL_OTHERS);
}

typedef struct List {
        DnsServer servers[DNS_SERVERS_MAX];
        size_t n;
} List;

static DnsServer *list_find(List *l, const DnsServer *s) {
        for (size_t i = 0; i < l->n; i++)
                if (in_addr_equal(&l->servers[i].addr, &s->addr) && l->servers[i].port == s->port &&
                    l->servers[i].zone == s->zone)
                        return &l->servers[i];
        return NULL;
}

static void list_add(List *l, const DnsServer *s) {
        if (!list_find(l, s) && l->n < ELEMENTSOF(l->servers))
                l->servers[l->n++] = *s;
}

/* The resolvers of systemd-resolved itself. It chooses among them by the name, so they are not interchangeable, but for
 * clients that have no other resolver. What it sends to the proxy goes to them alone. */
static int list_add_resolved(List *l, const char *path, bool has_domains) {
        size_t n_clients = l->n, n;
        DnsServer servers[PARSED_MAX];
        int r;

        r = resolv_conf_read_file(path, servers, PARSED_MAX, &n);
        if (r < 0)
                return r;
        n = resolv_conf_drop_local(servers, n);
        if (n == 0)
                return -ENOENT;
        for (size_t i = 0; i < n_clients; i++)
                l->servers[i].flags |= DNS_SERVER_NOT_FOR_FORWARDERS;
        for (size_t i = 0; i < n; i++) {
                DnsServer *known = list_find(l, &servers[i]);

                if (has_domains) /* but for what it sends to this one */
                        servers[i].flags = DNS_SERVER_NOT_FOR_FORWARDERS;
                if (known && has_domains)
                        continue;
                if (known) {
                        known->flags &= (uint8_t) ~DNS_SERVER_NOT_FOR_FORWARDERS;
                        continue;
                }
                if (n_clients > 0) {
                        servers[i].flags |= DNS_SERVER_NOT_FOR_CLIENTS;
                        servers[i].group = (uint8_t) (i + 1);
                }
                list_add(l, &servers[i]);
        }
        return 0;
}

static bool conf_has_domains(const UpstreamFiles *files) {
        bool found = false;

        for (size_t i = 0; i < ELEMENTSOF(files->conf_dirs) && !found; i++)
                found = files->conf_dirs[i] && resolved_conf_dir_has_domains(files->conf_dirs[i]);
        return found;
}

static int list_read(const UpstreamFiles *files, unsigned locals, bool has_domains, List *ret) {
        bool drop_in = access(files->drop_in, F_OK) >= 0, resolved = drop_in;
        DnsServer servers[PARSED_MAX];
        size_t n = 0;
        int r, k = -ENOENT;

        ret->n = 0;
        r = resolv_conf_read_file(files->resolv_conf, servers, PARSED_MAX, &n);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                resolved = resolved || resolv_conf_is_stub(&servers[i].addr);
                if (server_is_usable(locals, &servers[i]))
                        list_add(ret, &servers[i]);
        }
        if (resolved)
                k = list_add_resolved(ret, files->resolved_list, drop_in && has_domains);
        return ret->n > 0 ? 0 : r < 0 && r != -ENOENT ? r : k;
}

int upstreams_read(const UpstreamFiles *files, unsigned locals, DnsServer *ret, size_t max, size_t *ret_n) {
        List l;
        int r;

        assert(files && ret && max > 0 && ret_n);

        r = list_read(files, locals, conf_has_domains(files), &l);
        if (r < 0)
                return r;
        *ret_n = MIN(l.n, max);
        memcpy(ret, l.servers, *ret_n * sizeof(*ret));
        return 0;
}

/* A forwarder on this machine answers who addresses it, also where the upstream resolvers are configured. */
static void list_add_local(List *l, const UpstreamFiles *files, unsigned locals) {
        DnsServer servers[PARSED_MAX];
        size_t n;

        if (resolv_conf_read_file(files->resolv_conf, servers, PARSED_MAX, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++) {
                servers[i].flags = 0;
                if (!server_is_usable(locals, &servers[i]) || servers[i].flags == 0 ||
                    resolv_conf_is_stub(&servers[i].addr))
                        continue;
                servers[i].flags |= DNS_SERVER_NOT_FOR_CLIENTS;
                servers[i].group = (uint8_t) (GROUP_LOCAL + i);
                list_add(l, &servers[i]);
        }
}

static int upstreams_find(const Upstreams *u, List *ret) {
        if (u->n_configured == 0)
                return list_read(&u->files, u->locals, u->has_domains, ret);
        memcpy(ret->servers, u->configured, u->n_configured * sizeof(*u->configured));
        ret->n = u->n_configured;
        list_add_local(ret, &u->files, u->locals);
        return 0;
}

/* 0: it does not run. */
static uint64_t start_read(const UpstreamFiles *files) {
        struct stat st;

        if (!files->socket || stat(files->socket, &st) < 0)
                return 0;
        return (uint64_t) st.st_ino << 32 ^ (uint64_t) st.st_ctim.tv_sec << 10 ^ (uint64_t) st.st_ctim.tv_nsec;
}

/* What was removed from resolved.conf(5) is in force until systemd-resolved is started again; systemd 256 and later reload
 * it before, which is not noticed. What was added counts at once. */
static void domains_read(Upstreams *u) {
        uint64_t started = start_read(&u->files);

        u->has_domains = conf_has_domains(&u->files) || (u->has_domains && u->started == started);
        u->started = started;
}

/* systemd-resolved chooses among its servers by the domains of links. It writes resolv.conf only if servers or search
 * domains change, and it forgets its own cache when it starts. */
static uint64_t routes_read(const UpstreamFiles *files) {
        uint64_t routes = start_read(files);

        for (size_t i = 0; i < ELEMENTSOF(files->link_dirs); i++)
                if (files->link_dirs[i])
                        routes += link_dns_hash_dir(files->link_dirs[i]) * (2 * i + 1);
        return routes;
}

/* --- following --- */

static void watch_list_done(WatchList *l) {
        free(l->list);
        *l = (WatchList) {};
}

static bool watch_list_has(const WatchList *l, int wd) {
        for (size_t i = 0; i < l->n; i++)
                if (l->list[i].wd == wd)
                        return true;
        return false;
}

/* -ENOENT: no such directory. */
static int watch_add(int inotify_fd, WatchList *l, const char *dir, const char *name, size_t length) {
        Watch *bigger;
        int wd;

        if (length > NAME_MAX)
                return -ENAMETOOLONG;
        if (l->n >= WATCHES_MAX)
                return -ELOOP;
        wd = inotify_add_watch(inotify_fd, *dir ? dir : "/", WATCH_MASK);
        if (wd < 0)
                return errno == ENOTDIR ? -ENOENT : -errno;
        bigger = reallocarray(l->list, l->n + 1, sizeof(*bigger));
        if (!bigger)
                return -ENOMEM;
        l->list = bigger;
        bigger[l->n].wd = wd;
        memcpy(bigger[l->n].name, name, length);
        bigger[l->n++].name[length] = '\0';
        return 0;
}

/* rest becomes the link's target followed by what came after the link; dir, where the target starts from, becomes ""
 * if the target is absolute. */
static int link_follow(const char *target, char dir[static PATH_MAX], char rest[static PATH_MAX]) {
        char joined[PATH_MAX];
        int n;

        n = snprintf(joined, sizeof(joined), "%s/%s", target, rest);
        if (n < 0 || (size_t) n >= sizeof(joined))
                return -ENAMETOOLONG;
        memcpy(rest, joined, (size_t) n + 1);
        if (*target == '/')
                *dir = '\0';
        return 0;
}

/* Watches every name on the path to the file, each before it is examined, from the root down: so anything that is
 * created later, replaced by rename(2) or relinked is noticed, including directories. */
static int path_watch(int inotify_fd, WatchList *l, const char *path) {
        char dir[PATH_MAX] = "", rest[PATH_MAX];
        size_t size = strlen(path) + 1;
        unsigned n_links = 0;
        int r;

        if (size > sizeof(rest))
                return -ENAMETOOLONG;
        memcpy(rest, path, size);
        for (;;) {
                char target[PATH_MAX], *name = rest + strspn(rest, "/");
                size_t length = strcspn(name, "/"), end = strlen(dir);
                ssize_t n;

                if (length == 0)
                        return 0;
                r = watch_add(inotify_fd, l, dir, name, length);
                if (r < 0)
                        return r == -ENOENT ? 0 : r; /* the directory's own name is watched above */
                if (end + 1 + length >= sizeof(dir))
                        return -ENAMETOOLONG;
                dir[end] = '/';
                memcpy(dir + end + 1, name, length);
                dir[end + 1 + length] = '\0';
                memmove(rest, name + length, strlen(name + length) + 1);

                n = readlink(dir, target, sizeof(target) - 1);
                if (n < 0)
                        continue; /* not a link, or missing: the next watch handles it */
                if (++n_links > LINKS_MAX)
                        return -ELOOP;
                target[n] = '\0';
                dir[end] = '\0';
                r = link_follow(target, dir, rest);
                if (r < 0)
                        return r;
        }
}

/* Each name in the directory, and every name on the path to it. -EACCES: it must not be read. */
static int dir_watch(int inotify_fd, WatchList *l, const char *path) {
        int r = path_watch(inotify_fd, l, path);

        if (r >= 0)
                r = watch_add(inotify_fd, l, path, "", 0);
        return r == -ENOENT ? 0 : r;
}

static int conf_watch(int inotify_fd, WatchList *l, const char *dir) {
        _cleanup_free_ char *file = config_path(dir, "/resolved.conf", NULL), *drop_ins = config_path(dir, "/resolved.conf.d", NULL);
        int r = file && drop_ins ? path_watch(inotify_fd, l, file) : -ENOMEM;

        if (r >= 0)
                r = dir_watch(inotify_fd, l, drop_ins);
        return r == -EACCES ? 0 : r; /* then it counts as if it had domains */
}

/* Watches the current path components, and stops watching former ones. */
static int upstreams_follow(Upstreams *u) {
        const char *const paths[] = { u->files.resolv_conf, u->files.resolved_list, u->files.drop_in, u->files.socket };
        _cleanup_(watch_list_done) WatchList fresh = {}, old = u->watches;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                int k = paths[i] ? path_watch(u->inotify_fd, &fresh, paths[i]) : 0;

                if (k < 0)
                        r = k;
        }
        for (size_t i = 0; i < ELEMENTSOF(u->files.link_dirs); i++) {
                int k = u->files.link_dirs[i] ? dir_watch(u->inotify_fd, &fresh, u->files.link_dirs[i]) : 0;

                if (k == -EACCES) /* that of systemd-resolved, since version 252 at the latest */
                        (void) sd_event_source_set_enabled(u->poll, SD_EVENT_ON);
                else if (k < 0)
                        r = k;
        }
        for (size_t i = 0; i < ELEMENTSOF(u->files.conf_dirs); i++) {
                int k = u->files.conf_dirs[i] ? conf_watch(u->inotify_fd, &fresh, u->files.conf_dirs[i]) : 0;

                if (k < 0)
                        r = k;
        }
        for (size_t i = 0; i < old.n; i++)
                if (!watch_list_has(&fresh, old.list[i].wd))
                        (void) inotify_rm_watch(u->inotify_fd, old.list[i].wd);
        u->watches = fresh;
        fresh = (WatchList) {};
        return r;
}

static bool servers_equal(const DnsServer *a, size_t n_a, const DnsServer *b, size_t n_b) {
        if (n_a != n_b)
                return false;
        for (size_t i = 0; i < n_a; i++)
                if (!dns_server_equal(&a[i], &b[i]))
                        return false;
        return true;
}

static void servers_take(Upstreams *u, const List *l) {
        memcpy(u->servers, l->servers, l->n * sizeof(*l->servers));
        u->n = l->n;
}

static void timer_start(Upstreams *u, uint64_t usec, bool settling) {
        u->settling = settling;
        (void) sd_event_source_set_time_relative(u->timer, usec);
        (void) sd_event_source_set_enabled(u->timer, SD_EVENT_ONESHOT);
}

static void update(Upstreams *u) {
        bool changed = false;
        uint64_t routes;
        List l;
        int r, error;

        u->settling = false;
        error = upstreams_follow(u); /* before reading, so that no change is missed */
        if (error < 0)
                timer_start(u, RETRY_USEC, false);
        domains_read(u);
        routes = routes_read(&u->files);
        r = upstreams_find(u, &l);
        if (r < 0)
                error = r;
        else if (routes != u->routes || !servers_equal(u->servers, u->n, l.servers, l.n)) {
                servers_take(u, &l);
                u->routes = routes;
                changed = true;
        }
        if (changed || error != u->error) {
                u->error = error;
                u->fn(error, u->servers, u->n, u->userdata);
        }
}

static int upstreams_on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        update(userdata);
        return 0;
}

/* Of a directory that cannot be watched, the time of its last change is known. */
static int upstreams_on_poll(sd_event_source *source, uint64_t usec _unused_, void *userdata) {
        Upstreams *u = userdata;

        if (routes_read(&u->files) != u->routes && !u->settling)
                timer_start(u, SETTLE_USEC, true);
        return sd_event_source_set_time_relative(source, POLL_USEC);
}

static bool notice_counts(const Upstreams *u, const struct inotify_event *e) {
        if (e->mask & IN_Q_OVERFLOW)
                return true;
        for (size_t i = 0; i < u->watches.n; i++) {
                const Watch *w = &u->watches.list[i];

                if (w->wd == e->wd && (e->mask & IN_IGNORED || w->name[0] == '\0' || (e->len > 0 && strcmp(w->name, e->name) == 0)))
                        return true;
        }
        return false;
}

static int upstreams_on_inotify(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        _Alignas(struct inotify_event) char buf[4096];
        Upstreams *u = userdata;
        bool counts = false;

        for (unsigned i = 0; i < READS_PER_WAKE_MAX; i++) {
                ssize_t size = read(fd, buf, sizeof(buf));

                if (size < 0 && (errno == EAGAIN || errno == EINTR))
                        break;
                if (size < 0) {
                        u->error = -errno;
                        u->fn(u->error, u->servers, u->n, u->userdata);
                        return u->error;
                }
                for (ssize_t k = 0; k < size;) {
                        const struct inotify_event *e = (const struct inotify_event *) (buf + k);

                        counts |= notice_counts(u, e);
                        k += (ssize_t) (sizeof(*e) + e->len);
                }
        }
        /* One change causes several notifications. A running timer is not restarted: endless changes must not
         * postpone reading forever. */
        if (counts && !u->settling)
                timer_start(u, SETTLE_USEC, true);
        return 0;
}

/* --- life --- */

static int path_copy(const char *path, const char **ret) {
        *ret = path ? strdup(path) : NULL;
        return path && !*ret ? -ENOMEM : 0;
}

static int files_copy(const UpstreamFiles *files, UpstreamFiles *ret) {
        int r = path_copy(files->resolv_conf, &ret->resolv_conf);

        if (r >= 0)
                r = path_copy(files->resolved_list, &ret->resolved_list);
        if (r >= 0)
                r = path_copy(files->drop_in, &ret->drop_in);
        if (r >= 0)
                r = path_copy(files->socket, &ret->socket);
        for (size_t i = 0; i < ELEMENTSOF(files->link_dirs) && r >= 0; i++)
                r = path_copy(files->link_dirs[i], &ret->link_dirs[i]);
        for (size_t i = 0; i < ELEMENTSOF(files->conf_dirs) && r >= 0; i++)
                r = path_copy(files->conf_dirs[i], &ret->conf_dirs[i]);
        return r;
}

static void files_free(UpstreamFiles *files) {
        free((char *) files->resolv_conf);
        free((char *) files->resolved_list);
        free((char *) files->drop_in);
        free((char *) files->socket);
        for (size_t i = 0; i < ELEMENTSOF(files->link_dirs); i++)
                free((char *) files->link_dirs[i]);
        for (size_t i = 0; i < ELEMENTSOF(files->conf_dirs); i++)
                free((char *) files->conf_dirs[i]);
}

static int sources_add(Upstreams *u, sd_event *event) {
        int r;

        u->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (u->inotify_fd < 0)
                return -errno;
        r = sd_event_add_io(event, &u->io, u->inotify_fd, EPOLLIN, upstreams_on_inotify, u);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(u->io, true);
        if (r < 0) {
                closep(&u->inotify_fd);
                return r;
        }
        r = sd_event_add_time_relative(event, &u->timer, CLOCK_MONOTONIC, SETTLE_USEC, 0, upstreams_on_timer, u);
        if (r >= 0)
                r = sd_event_source_set_enabled(u->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &u->poll, CLOCK_MONOTONIC, POLL_USEC, USEC_PER_SEC / 2, upstreams_on_poll, u);
        if (r >= 0)
                r = sd_event_source_set_enabled(u->poll, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(u->poll, "upstreams-poll");
        (void) sd_event_source_set_description(u->io, "upstreams");
        (void) sd_event_source_set_description(u->timer, "upstreams-settle");
        return 0;
}

/* Each may have other names than the others, so who addresses one gets its answer. */
static void configured_take(Upstreams *u, const DnsServer *configured, size_t n) {
        u->n_configured = MIN(n, ELEMENTSOF(u->configured));
        for (size_t i = 0; i < u->n_configured; i++) {
                u->configured[i] = configured[i];
                u->configured[i].group = n > 1 ? (uint8_t) (i + 1) : 0;
        }
}

int upstreams_new(sd_event *event, const UpstreamFiles *files, unsigned locals, const DnsServer *configured,
                  size_t n_configured, upstreams_fn fn, void *userdata, Upstreams **ret) {
        _cleanup_(upstreams_freep) Upstreams *u = NULL;
        List l;
        int r;

        assert(event && files && (configured || n_configured == 0) && fn && ret);

        u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;
        u->inotify_fd = -EBADF;
        u->locals = locals;
        u->fn = fn;
        u->userdata = userdata;
        configured_take(u, configured, n_configured);
        r = files_copy(files, &u->files);
        if (r >= 0)
                r = sources_add(u, event);
        if (r < 0)
                return r;
        u->error = upstreams_follow(u);
        if (u->error < 0)
                timer_start(u, RETRY_USEC, false);
        domains_read(u);
        u->routes = routes_read(&u->files);
        r = upstreams_find(u, &l);
        if (r < 0)
                u->error = r;
        else
                servers_take(u, &l);
        *ret = TAKE_PTR(u);
        return 0;
}

Upstreams *upstreams_free(Upstreams *u) {
        if (!u)
                return NULL;
        sd_event_source_disable_unref(u->io);
        sd_event_source_disable_unref(u->timer);
        sd_event_source_disable_unref(u->poll);
        watch_list_done(&u->watches);
        files_free(&u->files);
        free(u);
        return NULL;
}

int upstreams_error(const Upstreams *u) {
        assert(u);

        return u->error;
}

size_t upstreams_get(const Upstreams *u, const DnsServer **ret) {
        assert(u && ret);

        *ret = u->servers;
        return u->n;
}
