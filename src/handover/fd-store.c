/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/fd-store.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <systemd/sd-daemon.h>

#define FULL_NAME_SIZE 256

typedef enum EntryKind {
        ENTRY_SOCKET,   /* of a socket unit, not stored by us */
        ENTRY_STORED,   /* the newest one of its name */
        ENTRY_OLD,      /* an older generation */
        ENTRY_UNKNOWN,
} EntryKind;

typedef struct Entry {
        EntryKind kind;
        char *name;          /* without the generation */
        char *full_name;     /* as the manager knows it */
        uint32_t generation; /* 0: none */
        int fd;              /* owned; -EBADF: taken, or pushed by this process */
        int family, type;    /* of sockets */
} Entry;

struct FdStore {
        Entry *entries;
        size_t n;
        size_t max_stored;
};

static void entry_done(Entry *e) {
        free(e->name);
        free(e->full_name);
        if (e->fd >= 0)
                (void) close(e->fd);
}

static void store_remove_entry(FdStore *s, size_t i) {
        entry_done(&s->entries[i]);
        s->n--;
        memmove(s->entries + i, s->entries + i + 1, (s->n - i) * sizeof(Entry));
}

FdStore *fd_store_free(FdStore *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n; i++)
                entry_done(&s->entries[i]);
        free(s->entries);
        free(s);
        return NULL;
}

/* Length of a full name without its generation, if that is written as we write it: a number without leading zeros. */
static size_t split_name(const char *full, uint32_t *ret_generation) {
        const char *dot = strrchr(full, '.');
        uint64_t v = 0;

        *ret_generation = 0;
        if (!dot || dot == full || dot[1] < '1' || dot[1] > '9')
                return strlen(full);
        for (const char *p = dot + 1; *p; p++) {
                if (*p < '0' || *p > '9')
                        return strlen(full);
                v = v * 10 + (uint64_t) (*p - '0');
                if (v >= UINT32_MAX) /* leaves room for the next one */
                        return strlen(full);
        }
        *ret_generation = (uint32_t) v;
        return (size_t) (dot - full);
}

static bool name_is_of_socket(const char *name) {
        return strncmp(name, FD_STORE_SOCKET_PREFIX, strlen(FD_STORE_SOCKET_PREFIX)) == 0;
}

static bool name_is_stored(const char *name) {
        static const char *const prefixes[] = { "link-", "map-", "policy-", FD_STORE_SOCKET_PREFIX };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;
        return strcmp(name, "state") == 0;
}

/* Is fd a socket that queries can arrive on? */
static bool is_dns_socket(int fd, int *ret_family, int *ret_type) {
        int family = 0, type = 0, listening = 0;

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &(socklen_t) { sizeof(family) }) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t) { sizeof(type) }) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &(socklen_t) { sizeof(listening) }) < 0)
                return false;
        if ((family != AF_INET && family != AF_INET6) || (type != SOCK_DGRAM && (type != SOCK_STREAM || !listening)))
                return false;

        *ret_family = family;
        *ret_type = type;
        return true;
}

/* Fills kind, family and type. */
static int entry_classify(Entry *e) {
        struct stat st;

        if (fstat(e->fd, &st) < 0)
                return -errno;

        bool stored = name_is_stored(e->name) && strlen(e->name) <= FD_STORE_NAME_MAX;
        e->kind = ENTRY_UNKNOWN;
        if (!S_ISSOCK(st.st_mode)) {
                if (stored && !name_is_of_socket(e->name))
                        e->kind = ENTRY_STORED;
                return 0;
        }
        stored = stored && name_is_of_socket(e->name);
        if ((!stored && strcmp(e->full_name, "dns-host") != 0) || !is_dns_socket(e->fd, &e->family, &e->type))
                return 0;

        int flags = fcntl(e->fd, F_GETFL);
        if (flags < 0 || fcntl(e->fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        e->kind = stored ? ENTRY_STORED : ENTRY_SOCKET;
        return 0;
}

/* Takes ownership of fd and full_name, even on failure. */
static int store_add(FdStore *s, int fd, char *full_name) {
        Entry *e = &s->entries[s->n++];

        *e = (Entry) { .fd = fd, .full_name = full_name };
        e->name = strndup(full_name, split_name(full_name, &e->generation));
        return e->name ? entry_classify(e) : -ENOMEM;
}

/* For each name the highest generation remains to be taken; of two equal ones, the first. */
static void store_find_old(FdStore *s) {
        for (size_t i = 0; i < s->n; i++)
                for (size_t j = i + 1; j < s->n; j++) {
                        Entry *a = &s->entries[i], *b = &s->entries[j];

                        if (a->kind != ENTRY_STORED || b->kind != ENTRY_STORED || strcmp(a->name, b->name) != 0)
                                continue;
                        if (a->generation < b->generation)
                                a->kind = ENTRY_OLD;
                        else
                                b->kind = ENTRY_OLD;
                }
}

/* systemd 254 and later pass the limit. */
static size_t manager_limit(void) {
        const char *text = getenv("FDSTORE");
        char *end;

        if (!text || *text < '0' || *text > '9')
                return FD_STORE_MAX;
        errno = 0;
        unsigned long v = strtoul(text, &end, 10);
        return errno != 0 || *end || v > FD_STORE_MAX ? FD_STORE_MAX : (size_t) v;
}

int fd_store_collect(FdStore **ret) {
        _cleanup_(fd_store_freep) FdStore *s = NULL;
        _cleanup_free_ char **names = NULL;

        assert(ret);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->max_stored = manager_limit();

        int n = sd_listen_fds_with_names(1, &names);
        if (n < 0)
                return n;

        /* Reserves entries for later pushes: after the manager was notified, a push must not fail for lack of
         * memory. */
        s->entries = calloc((size_t) n + FD_STORE_MAX, sizeof(Entry));
        int r = s->entries ? 0 : -ENOMEM;
        for (int i = 0; i < n; i++) {
                if (r >= 0)
                        r = store_add(s, SD_LISTEN_FDS_START + i, names[i]);
                else {
                        (void) close(SD_LISTEN_FDS_START + i);
                        free(names[i]);
                }
        }
        if (r < 0)
                return r;

        store_find_old(s);
        *ret = TAKE_PTR(s);
        return 0;
}

int fd_store_take_socket(FdStore *s, const char *name, int *ret_family, int *ret_type) {
        assert(s);
        assert(name);
        assert(ret_family);
        assert(ret_type);

        for (size_t i = 0; i < s->n; i++) {
                Entry *e = &s->entries[i];

                if (e->kind != ENTRY_SOCKET || strcmp(e->name, name) != 0)
                        continue;

                *ret_family = e->family;
                *ret_type = e->type;
                int fd = TAKE_FD(e->fd);
                store_remove_entry(s, i);
                return fd;
        }
        return -ENOENT;
}

static Entry *store_find(const FdStore *s, const char *name) {
        for (size_t i = 0; i < s->n; i++)
                if (s->entries[i].kind == ENTRY_STORED && strcmp(s->entries[i].name, name) == 0)
                        return &s->entries[i];
        return NULL;
}

int fd_store_take(FdStore *s, const char *name) {
        assert(s);
        assert(name);

        Entry *e = store_find(s, name);
        return e && e->fd >= 0 ? TAKE_FD(e->fd) : -ENOENT;
}

/* sd_notify(3): ASCII without control characters and ':'. */
static bool name_is_valid(const char *name) {
        if (!name_is_stored(name) || strlen(name) > FD_STORE_NAME_MAX)
                return false;
        for (const char *p = name; *p; p++)
                if (*p < ' ' || *p > '~' || *p == ':')
                        return false;
        return true;
}

static int send_remove(const char *full_name) {
        return sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", full_name);
}

/* The generation after all those of this name in the store, including replaced ones. */
static uint32_t next_generation(const FdStore *s, const char *name) {
        uint32_t highest = 0;

        for (size_t i = 0; i < s->n; i++)
                if (strcmp(s->entries[i].name, name) == 0)
                        highest = MAX(highest, s->entries[i].generation);
        return highest + 1;
}

static size_t n_stored(const FdStore *s) {
        size_t n = 0;

        for (size_t i = 0; i < s->n; i++)
                n += s->entries[i].kind != ENTRY_SOCKET;
        return n;
}

static int entry_new_pushed(const char *name, uint32_t generation, Entry *ret) {
        Entry e = { .kind = ENTRY_STORED, .generation = generation, .fd = -EBADF };

        e.name = strdup(name);
        if (!e.name || asprintf(&e.full_name, "%s.%" PRIu32, name, generation) < 0) {
                free(e.name);
                return -ENOMEM;
        }
        *ret = e;
        return 0;
}

int fd_store_push(FdStore *s, const char *name, int fd) {
        char message[FULL_NAME_SIZE + 64];
        Entry e;

        assert(s);
        assert(name);
        assert(fd >= 0);

        if (!name_is_valid(name))
                return -EINVAL;
        if (n_stored(s) >= s->max_stored)
                return -ENOSPC;
        uint32_t generation = next_generation(s, name);
        if (generation == UINT32_MAX)
                return -ENOSPC;
        int r = entry_new_pushed(name, generation, &e);
        if (r < 0)
                return r;

        /* FDPOLL=0: the manager would poll BPF maps, which report EPOLLERR, and drop them at once. */
        (void) snprintf(message, sizeof(message), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", e.full_name);
        r = sd_pid_notify_with_fds(0, 0, message, &fd, 1);
        if (r <= 0) {
                entry_done(&e);
                return r;
        }

        Entry *old = store_find(s, name);
        if (old && send_remove(old->full_name) >= 0)
                store_remove_entry(s, (size_t) (old - s->entries));
        else if (old)
                old->kind = ENTRY_OLD; /* removed later, together with what is left over */
        s->entries[s->n++] = e;
        return 1;
}

int fd_store_remove(FdStore *s, const char *name) {
        assert(s);
        assert(name);

        Entry *e = store_find(s, name);
        if (!e)
                return -ENOENT;
        int r = send_remove(e->full_name);
        if (r < 0)
                return r;
        store_remove_entry(s, (size_t) (e - s->entries));
        return 0;
}

static bool entry_is_left_over(const Entry *e) {
        return e->fd >= 0 || e->kind == ENTRY_OLD;
}

/* Removing a name removes every descriptor with that name, so never remove one that is in use. */
static bool name_is_in_use(const FdStore *s, const char *full_name) {
        for (size_t i = 0; i < s->n; i++)
                if (!entry_is_left_over(&s->entries[i]) && strcmp(s->entries[i].full_name, full_name) == 0)
                        return true;
        return false;
}

void fd_store_drop_left_over(FdStore *s) {
        assert(s);

        for (size_t i = s->n; i-- > 0;) {
                const Entry *e = &s->entries[i];

                if (!entry_is_left_over(e))
                        continue;
                if (e->kind != ENTRY_SOCKET && !name_is_in_use(s, e->full_name))
                        (void) send_remove(e->full_name);
                store_remove_entry(s, i);
        }
}

int fd_store_sync(uint64_t timeout_usec) {
        return sd_notify_barrier(0, timeout_usec);
}
