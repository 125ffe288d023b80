/* SPDX-License-Identifier: Apache-2.0 */
#include "host/upstreams.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "host/resolv-conf.h"
#include "net/dns-endpoint.h"

#define PARSED_MAX 32U /* before the local ones are removed */
#define SETTLE_USEC (100 * USEC_PER_MSEC)
#define RETRY_USEC (60 * USEC_PER_SEC)
#define READS_PER_WAKE_MAX 16U
#define WATCHES_MAX 128U
#define LINKS_MAX 16U /* symbolic links in one path */
#define WATCH_MASK (IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)

/* One name in one directory on the path to a file, whether or not it exists. */
typedef struct Watch {
        int wd; /* shared by all names of a directory */
        char name[NAME_MAX + 1];
} Watch;

typedef struct WatchList {
        Watch *list;
        size_t n;
} WatchList;

struct Upstreams {
        UpstreamFiles files; /* strings owned */
        DnsServer servers[DNS_UPSTREAM_SERVERS_MAX];
        size_t n;
        int error;     /* reported last */
        bool settling; /* the timer was started by a change, not for a retry */
        int inotify_fd; /* owned by io */
        WatchList watches;
        sd_event_source *io, *timer;
        upstreams_fn fn;
        void *userdata;
};

const UpstreamFiles upstream_files_default = {
        .resolv_conf = "/etc/resolv.conf",
        .resolved_list = "/run/systemd/resolve/resolv.conf",
        .drop_in = "/run/systemd/resolved.conf.d/60-cargowall.conf",
};

/* --- the list --- */

int upstreams_check(const DnsServer *servers, size_t n) {
        InAddr own, own_v6;

        assert(servers || n == 0);

        (void) in_addr_parse(DNS_ENDPOINT_ADDR4, &own);
        (void) in_addr_parse(DNS_ENDPOINT_ADDR6, &own_v6);
        for (size_t i = 0; i < n; i++)
                if (resolv_conf_is_stub(&servers[i].addr) || in_addr_equal(&servers[i].addr, &own) ||
                    (in_addr_equal(&servers[i].addr, &own_v6) && servers[i].port == DNS_ENDPOINT_PORT6))
                        return -ELOOP;
        return 0;
}

/* Leaves out local servers. -ENOENT: none is left. */
static int file_read(const char *path, DnsServer *ret, size_t max, size_t *ret_n, bool *ret_stub) {
        DnsServer servers[PARSED_MAX];
        size_t n;
        int r;

        *ret_stub = false;
        r = resolv_conf_read_file(path, servers, PARSED_MAX, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (resolv_conf_is_stub(&servers[i].addr))
                        *ret_stub = true;
        n = resolv_conf_drop_local(servers, n);
        if (n == 0)
                return -ENOENT;
        n = MIN(n, max);
        memcpy(ret, servers, n * sizeof(*servers));
        *ret_n = n;
        return 0;
}

int upstreams_read(const UpstreamFiles *files, DnsServer *ret, size_t max, size_t *ret_n) {
        DnsServer servers[PARSED_MAX];
        size_t n = 0;
        bool stub, unused;
        int r, k = -ENOENT;

        assert(files && ret && max > 0 && ret_n);

        r = file_read(files->resolv_conf, servers, PARSED_MAX, &n, &stub);
        if (stub || faccessat(AT_FDCWD, files->drop_in, F_OK, 0) == 0)
                k = file_read(files->resolved_list, ret, max, ret_n, &unused);
        if (k >= 0)
                return 0;
        if (r < 0)
                return r == -ENOENT ? k : r;
        *ret_n = MIN(n, max);
        memcpy(ret, servers, *ret_n * sizeof(*servers));
        return 0;
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

/* Watches the current path components, and stops watching former ones. */
static int upstreams_follow(Upstreams *u) {
        const char *const paths[] = { u->files.resolv_conf, u->files.resolved_list, u->files.drop_in };
        _cleanup_(watch_list_done) WatchList fresh = {}, old = u->watches;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                int k = path_watch(u->inotify_fd, &fresh, paths[i]);

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
                if (!in_addr_equal(&a[i].addr, &b[i].addr) || a[i].port != b[i].port)
                        return false;
        return true;
}

static void timer_start(Upstreams *u, uint64_t usec, bool settling) {
        u->settling = settling;
        (void) sd_event_source_set_time_relative(u->timer, usec);
        (void) sd_event_source_set_enabled(u->timer, SD_EVENT_ONESHOT);
}

static void update(Upstreams *u) {
        DnsServer servers[DNS_UPSTREAM_SERVERS_MAX];
        bool changed = false;
        size_t n;
        int r, error;

        u->settling = false;
        error = upstreams_follow(u); /* before reading, so that no change is missed */
        if (error < 0)
                timer_start(u, RETRY_USEC, false);
        r = upstreams_read(&u->files, servers, DNS_UPSTREAM_SERVERS_MAX, &n);
        if (r < 0)
                error = r;
        else if (!servers_equal(u->servers, u->n, servers, n)) {
                memcpy(u->servers, servers, n * sizeof(*servers));
                u->n = n;
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

static bool notice_counts(const Upstreams *u, const struct inotify_event *e) {
        if (e->mask & IN_Q_OVERFLOW)
                return true;
        for (size_t i = 0; i < u->watches.n; i++) {
                const Watch *w = &u->watches.list[i];

                if (w->wd == e->wd && (e->mask & IN_IGNORED || (e->len > 0 && strcmp(w->name, e->name) == 0)))
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

static int files_copy(const UpstreamFiles *files, UpstreamFiles *ret) {
        ret->resolv_conf = strdup(files->resolv_conf);
        ret->resolved_list = strdup(files->resolved_list);
        ret->drop_in = strdup(files->drop_in);
        return ret->resolv_conf && ret->resolved_list && ret->drop_in ? 0 : -ENOMEM;
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
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(u->io, "upstreams");
        (void) sd_event_source_set_description(u->timer, "upstreams-settle");
        return 0;
}

static void servers_take(Upstreams *u, const DnsServer *servers, size_t n) {
        u->n = MIN(n, (size_t) DNS_UPSTREAM_SERVERS_MAX);
        memcpy(u->servers, servers, u->n * sizeof(*servers));
}

int upstreams_new(sd_event *event, const UpstreamFiles *files, const DnsServer *configured, size_t n_configured,
                  const DnsServer *last, size_t n_last, upstreams_fn fn, void *userdata, Upstreams **ret) {
        _cleanup_(upstreams_freep) Upstreams *u = NULL;
        int r;

        assert(event && files && (configured || n_configured == 0) && (last || n_last == 0) && fn && ret);

        r = upstreams_check(configured, n_configured);
        if (r < 0)
                return r;
        u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;
        u->inotify_fd = -EBADF;
        u->fn = fn;
        u->userdata = userdata;
        if (n_configured > 0) {
                servers_take(u, configured, n_configured);
                *ret = TAKE_PTR(u);
                return 0;
        }

        r = files_copy(files, &u->files);
        if (r >= 0)
                r = sources_add(u, event);
        if (r >= 0)
                r = upstreams_follow(u);
        if (r < 0)
                return r;
        r = upstreams_read(&u->files, u->servers, DNS_UPSTREAM_SERVERS_MAX, &u->n);
        if (r < 0 && n_last > 0 && upstreams_check(last, n_last) >= 0) {
                servers_take(u, last, n_last);
                u->error = r;
                r = 1;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(u);
        return r;
}

Upstreams *upstreams_free(Upstreams *u) {
        if (!u)
                return NULL;
        sd_event_source_disable_unref(u->io);
        sd_event_source_disable_unref(u->timer);
        watch_list_done(&u->watches);
        free((char *) u->files.resolv_conf);
        free((char *) u->files.resolved_list);
        free((char *) u->files.drop_in);
        free(u);
        return NULL;
}

size_t upstreams_get(const Upstreams *u, const DnsServer **ret) {
        assert(u && ret);

        *ret = u->servers;
        return u->n;
}
