/* SPDX-License-Identifier: Apache-2.0 */

#include "host/local-names.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/default-route.h"
#include "host/hosts-file.h"
#include "host/local-route.h"
#include "host/read-file.h"
#include "host/resolv-conf.h"
#include "policy/pattern.h"

#define HOSTS_SIZE_MAX (8U * 1024 * 1024)
#define RESOLV_CONF_SIZE_MAX (64U * 1024)
#define REFRESH_NSEC NSEC_PER_SEC

const LocalNameFiles local_name_files_default = { .resolv_conf = "/etc/resolv.conf", .hosts = "/etc/hosts" };

struct LocalNames {
        LocalNameFiles files; /* borrowed */
        struct stat hosts_stat, resolv_conf_stat;
        uint64_t next_nsec;
        SearchList search;
        HostsFile hosts;
        bool has_stub;
        char host[254], host_label[64]; /* canonical; the full name, and its first label */
        char host_text[65];             /* as the kernel says it */
};

int local_names_new(const LocalNameFiles *files, LocalNames **ret) {
        assert(files);
        assert(ret);

        LocalNames *n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;
        n->files = *files;
        *ret = n;
        return 0;
}

LocalNames *local_names_free(LocalNames *n) {
        if (n)
                hosts_file_done(&n->hosts);
        free(n);
        return NULL;
}

/* Notes the file's state. A file that is missing has the state of zeros. */
static bool has_changed(const char *path, struct stat *st) {
        struct stat now;

        if (stat(path, &now) < 0)
                now = (struct stat) {};
        bool same = now.st_ino == st->st_ino && now.st_dev == st->st_dev && now.st_size == st->st_size &&
                    now.st_mtim.tv_sec == st->st_mtim.tv_sec && now.st_mtim.tv_nsec == st->st_mtim.tv_nsec &&
                    now.st_ctim.tv_sec == st->st_ctim.tv_sec && now.st_ctim.tv_nsec == st->st_ctim.tv_nsec;
        *st = now;
        return !same;
}

/* What cannot be read is empty. */
static char *text_of(const char *path, size_t max) {
        char *text = NULL;

        if (read_file_at(AT_FDCWD, path, max, &text, NULL) < 0)
                text = strdup("");
        return text;
}

static void read_hosts(LocalNames *n) {
        _cleanup_free_ char *text = text_of(n->files.hosts, HOSTS_SIZE_MAX);
        HostsFile hosts;

        if (!text || hosts_file_parse(text, &hosts) < 0)
                return; /* the old ones stay */
        hosts_file_done(&n->hosts);
        n->hosts = hosts;
}

static void read_resolv_conf(LocalNames *n) {
        _cleanup_free_ char *text = text_of(n->files.resolv_conf, RESOLV_CONF_SIZE_MAX);
        DnsServer servers[DNS_UPSTREAM_SERVERS_MAX];

        if (!text)
                return;
        search_list_parse(text, n->host_text, &n->search);
        size_t n_servers = resolv_conf_parse(text, servers, ELEMENTSOF(servers));
        n->has_stub = false;
        for (size_t i = 0; i < n_servers; i++)
                n->has_stub = n->has_stub || resolv_conf_is_stub(&servers[i].addr);
}

/* True: it has changed. */
static bool read_host_name(LocalNames *n) {
        char text[sizeof(n->host_text)] = "";
        const char *why;

        (void) gethostname(text, sizeof(text) - 1);
        if (strcmp(text, n->host_text) == 0)
                return false;
        memcpy(n->host_text, text, sizeof(text));
        if (hostname_canonical(text, false, n->host, &why) < 0)
                n->host[0] = '\0';
        size_t label = strcspn(n->host, ".");
        memcpy(n->host_label, n->host, MIN(label, sizeof(n->host_label) - 1));
        n->host_label[MIN(label, sizeof(n->host_label) - 1)] = '\0';
        return true;
}

void local_names_refresh(LocalNames *n, uint64_t now_nsec) {
        assert(n);

        if (now_nsec < n->next_nsec)
                return;
        bool is_first = n->next_nsec == 0;
        n->next_nsec = now_nsec + REFRESH_NSEC;
        bool renamed = read_host_name(n);
        if (has_changed(n->files.resolv_conf, &n->resolv_conf_stat) || renamed || is_first)
                read_resolv_conf(n);
        if (has_changed(n->files.hosts, &n->hosts_stat))
                read_hosts(n);
}

const SearchList *local_names_search(const LocalNames *n) {
        assert(n);

        return &n->search;
}

bool local_names_has_stub(const LocalNames *n) {
        assert(n);

        return n->has_stub;
}

static bool is_or_is_below(const char *name, const char *domain) {
        size_t n = strlen(name), d = strlen(domain);

        return n >= d && strcmp(name + n - d, domain) == 0 && (n == d || name[n - d - 1] == '.');
}

LocalNameKind local_names_kind(const LocalNames *n, const char *name) {
        size_t i = 0;

        assert(n);
        assert(name);

        if (hosts_file_next(&n->hosts, name, &i))
                return LOCAL_NAME_FILE;
        if (is_or_is_below(name, "localhost") || is_or_is_below(name, "localhost.localdomain")) /* RFC 6761 6.3 */
                return LOCAL_NAME_LOOPBACK;
        if (*name && (strcmp(name, n->host) == 0 || strcmp(name, n->host_label) == 0))
                return LOCAL_NAME_HOST;
        return strcmp(name, "_gateway") == 0 || strcmp(name, "_outbound") == 0 ? LOCAL_NAME_ROUTE : LOCAL_NAME_NONE;
}

static size_t loopback(bool v6, uint8_t last, InAddr *ret) {
        static const uint8_t one6[16] = { [15] = 1 };

        if (v6)
                in_addr_from_v6(one6, ret);
        else
                in_addr_from_v4((const uint8_t[]) { 127, 0, 0, last }, ret);
        return 1;
}

/* The addresses of its interfaces; without any, loopback, as systemd-resolved does. */
static size_t host_addrs(bool v6, InAddr ret[static LOCAL_ADDRS_MAX]) {
        struct ifaddrs *list = NULL;
        size_t n = 0;

        if (getifaddrs(&list) < 0)
                return loopback(v6, 2, ret);
        for (const struct ifaddrs *i = list; i && n < LOCAL_ADDRS_MAX; i = i->ifa_next) {
                uint16_t port;

                if (!i->ifa_addr || i->ifa_flags & IFF_LOOPBACK || i->ifa_addr->sa_family != (v6 ? AF_INET6 : AF_INET))
                        continue;
                if (in_addr_from_sockaddr(i->ifa_addr, &ret[n], &port) >= 0)
                        n++;
        }
        freeifaddrs(list);
        return n > 0 ? n : loopback(v6, 2, ret);
}

static size_t route_addrs(bool outbound, bool v6, InAddr ret[static LOCAL_ADDRS_MAX]) {
        InAddr gateways[GATEWAYS_MAX];
        size_t n = default_route_read(v6, gateways, ELEMENTSOF(gateways)), k = 0;

        for (size_t i = 0; i < n; i++)
                if (!outbound)
                        ret[k++] = gateways[i];
                else if (local_route_source(&gateways[i], &ret[k]) >= 0)
                        k++;
        return k;
}

size_t local_names_addrs(const LocalNames *n, const char *name, bool v6, InAddr ret[static LOCAL_ADDRS_MAX]) {
        size_t i = 0, k = 0;

        assert(n);
        assert(name);
        assert(ret);

        switch (local_names_kind(n, name)) {
        case LOCAL_NAME_FILE:
                for (const HostsEntry *e; k < LOCAL_ADDRS_MAX && (e = hosts_file_next(&n->hosts, name, &i));)
                        if (in_addr_is_v4(&e->addr) != v6)
                                ret[k++] = e->addr;
                return k;
        case LOCAL_NAME_LOOPBACK:
                return loopback(v6, 1, ret);
        case LOCAL_NAME_HOST:
                return host_addrs(v6, ret);
        case LOCAL_NAME_ROUTE:
                return route_addrs(strcmp(name, "_outbound") == 0, v6, ret);
        default:
                return 0;
        }
}

const char *local_names_reverse(const LocalNames *n, const InAddr *addr) {
        assert(n);
        assert(addr);

        const char *name = hosts_file_reverse(&n->hosts, addr);
        if (name)
                return name;
        if (in_addr_is_loopback(addr))
                return "localhost";
        return *n->host && local_route_has(addr) ? n->host : NULL;
}
