/* SPDX-License-Identifier: Apache-2.0 */
#include "host/upstreams.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <check.h>

#include "open-files.h"

#define WAIT_USEC (20 * USEC_PER_SEC)

/* A root directory of our own with the three files in their usual places. */
typedef struct Fixture {
        char root[64];
        char resolv_conf[128], resolved_list[128], drop_in[128], links[128], conf[128], run_conf[128], socket[128];
        UpstreamFiles files;
        sd_event *event;
        Upstreams *u;
        unsigned n_calls;
        int error;
        unsigned locals;
        char servers[256]; /* of the last call */
} Fixture;

/* "192.0.2.1", "-192.0.2.1": not for clients, "192.0.2.1!": not for forwarders, "(2)192.0.2.1": group. */
static void servers_format(const DnsServer *servers, size_t n, char *ret, size_t size) {
        char addr[IN_ADDR_TEXT_MAX];
        size_t k = 0;

        *ret = '\0';
        for (size_t i = 0; i < n; i++) {
                k += (size_t) snprintf(ret + k, size - k, "%s", i > 0 ? " " : "");
                if (servers[i].group != 0)
                        k += (size_t) snprintf(ret + k, size - k, "(%u)", servers[i].group);
                k += (size_t) snprintf(ret + k, size - k, "%s%s%s",
                                       servers[i].flags & DNS_SERVER_NOT_FOR_CLIENTS ? "-" : "",
                                       in_addr_format(&servers[i].addr, addr),
                                       servers[i].flags & DNS_SERVER_NOT_FOR_FORWARDERS ? "!" : "");
                if (servers[i].port != 53)
                        k += (size_t) snprintf(ret + k, size - k, "#%u", servers[i].port);
                ck_assert_uint_lt(k, size);
        }
}

static void make_dir(const Fixture *f, const char *name) {
        char path[128];

        (void) snprintf(path, sizeof(path), "%s/%s", f->root, name);
        ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void fixture_init(Fixture *f) {
        static const char *const dirs[] = { "etc", "etc/systemd", "run", "run/systemd", "run/systemd/resolve",
                                            "run/systemd/resolved.conf.d" };

        *f = (Fixture) { .root = "/tmp/test-upstreams-XXXXXX" };
        ck_assert_ptr_nonnull(mkdtemp(f->root));
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++)
                make_dir(f, dirs[i]);
        (void) snprintf(f->resolv_conf, sizeof(f->resolv_conf), "%s/etc/resolv.conf", f->root);
        (void) snprintf(f->resolved_list, sizeof(f->resolved_list), "%s/run/systemd/resolve/resolv.conf", f->root);
        (void) snprintf(f->drop_in, sizeof(f->drop_in), "%s/run/systemd/resolved.conf.d/60-cargowall.conf", f->root);
        (void) snprintf(f->links, sizeof(f->links), "%s/run/systemd/resolve/netif", f->root);
        (void) snprintf(f->conf, sizeof(f->conf), "%s/etc/systemd", f->root);
        (void) snprintf(f->run_conf, sizeof(f->run_conf), "%s/run/systemd", f->root);
        (void) snprintf(f->socket, sizeof(f->socket), "%s/run/systemd/resolve/io.systemd.Resolve", f->root);
        f->files = (UpstreamFiles) {
                .resolv_conf = f->resolv_conf, .resolved_list = f->resolved_list, .drop_in = f->drop_in,
                .link_dirs = { f->links }, .conf_dirs = { f->conf, f->run_conf }, .socket = f->socket,
        };
        ck_assert_int_ge(sd_event_new(&f->event), 0);
}

static int remove_entry(const char *path, const struct stat *st _unused_, int type _unused_, struct FTW *w _unused_) {
        return remove(path);
}

static void fixture_done(Fixture *f) {
        ck_assert_ptr_null(upstreams_free(f->u));
        sd_event_unref(f->event);
        ck_assert_int_eq(nftw(f->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* In place: opened, written, closed. NULL: no file. */
static void write_file(const char *path, const char *text) {
        FILE *file;

        if (!text) {
                ck_assert(unlink(path) == 0 || errno == ENOENT);
                return;
        }
        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
}

/* As a network manager does it. */
static void replace_file(const char *path, const char *text) {
        char fresh[160];

        (void) snprintf(fresh, sizeof(fresh), "%s.new", path);
        write_file(fresh, text);
        ck_assert_int_eq(rename(fresh, path), 0);
}

static void on_change(int error, const DnsServer *servers, size_t n, void *userdata) {
        Fixture *f = userdata;

        f->n_calls++;
        f->error = error;
        servers_format(servers, n, f->servers, sizeof(f->servers));
}

static void assert_in_force(const Fixture *f, const char *expected) {
        const DnsServer *servers;
        char text[256];
        size_t n;

        n = upstreams_get(f->u, &servers);
        servers_format(servers, n, text, sizeof(text));
        ck_assert_str_eq(text, expected);
}

static void start(Fixture *f, const char *expected) {
        ck_assert_int_eq(upstreams_new(f->event, &f->files, f->locals, NULL, 0, on_change, f, &f->u), 0);
        ck_assert_uint_eq(f->n_calls, 0);
        assert_in_force(f, expected);
}

/* Runs the loop until the next call, which has to say this. */
static void assert_told(Fixture *f, int error, const char *expected) {
        unsigned before = f->n_calls;

        for (unsigned i = 0; f->n_calls == before && i < 1000; i++)
                ck_assert_int_ge(sd_event_run(f->event, WAIT_USEC / 1000), 0);
        ck_assert_uint_eq(f->n_calls, before + 1);
        ck_assert_int_eq(f->error, error);
        ck_assert_str_eq(f->servers, expected);
        assert_in_force(f, expected);
}

static void server_parse(const char *text, DnsServer *ret) {
        ck_assert_int_eq(dns_server_parse(text, DNS_SERVER_PORT, ret), 0);
}

#define NS(addr) "nameserver " addr "\n"
#define NS2(a) NS(a ".1") NS(a ".2")

#define STUB UPSTREAM_LOCAL_STUB
#define OTHERS UPSTREAM_LOCAL_OTHERS
#define PROXY UPSTREAM_LOCAL_PROXY

static const struct {
        const char *resolv_conf, *resolved, *drop_in; /* NULL: no such file */
        unsigned locals;
        int result;
        const char *servers;
} read_cases[] = {
        { NS("192.0.2.1") NS("2001:db8::1"), NS("192.0.2.9"), NULL, STUB, 0, "192.0.2.1 2001:db8::1" },
        /* The stub, if its own queries are known as a forwarder's; its servers answer who addresses them. */
        { NS("127.0.0.53"), NS("192.0.2.9"), NULL, STUB, 0, "127.0.0.53! (1)-192.0.2.9" },
        { NS("127.0.0.53"), NS("192.0.2.9") NS("192.0.2.8"), NULL, STUB, 0, "127.0.0.53! (1)-192.0.2.9 (2)-192.0.2.8" },
        { NS("127.0.0.53"), NS("192.0.2.9") NS("192.0.2.8"), NULL, 0, 0, "192.0.2.9 192.0.2.8" },
        { NS("127.0.0.53"), NULL, NULL, STUB, 0, "127.0.0.53!" },
        { NS("127.0.0.53"), NS("127.0.0.155"), "", STUB, 0, "127.0.0.53!" },
        { NS("127.0.0.53") NS("192.0.2.1"), NS("192.0.2.9"), NULL, STUB, 0, "127.0.0.53! 192.0.2.1! (1)-192.0.2.9" },
        { NS("127.0.0.54"), NS("192.0.2.9"), NULL, STUB, 0, "127.0.0.54! (1)-192.0.2.9" },
        { NS("127.0.0.53"), NS("127.0.0.155") NS("192.0.2.9"), "", STUB, 0, "127.0.0.53! (1)-192.0.2.9" },
        /* The same address on two links, and one of them twice. */
        { NS("127.0.0.53"), NS("fe80::1%999998") NS("fe80::1%999999") NS("fe80::1%999998"), NULL, STUB, 0,
          "127.0.0.53! (1)-fe80::1 (2)-fe80::1" },
        /* It has servers for a domain. */
        { NS("127.0.0.53"), NS("127.0.0.155") NS("192.0.2.9"), "Domains=~lan\n", STUB, 0, "127.0.0.53! (1)-192.0.2.9!" },
        { NS("192.0.2.9"), NS("192.0.2.9"), "Domains=~lan\n", STUB, 0, "192.0.2.9!" },
        /* resolv.conf is systemd-resolved's own list. */
        { NS("127.0.0.155") NS("192.0.2.9"), NS("127.0.0.155") NS("192.0.2.9"), "", STUB, 0, "192.0.2.9" },
        { NS("192.0.2.9"), NS("127.0.0.155") NS("192.0.2.9") NS("192.0.2.8"), "", STUB, 0, "192.0.2.9 (2)-192.0.2.8" },
        /* resolv.conf is somebody else's. */
        { NS("192.0.2.1"), NS("127.0.0.155") NS("192.0.2.9"), "", STUB, 0, "192.0.2.1! (1)-192.0.2.9" },
        { NS("192.0.2.1"), NS("127.0.0.155"), "", STUB, 0, "192.0.2.1" },
        { NS("192.0.2.1"), NULL, "", STUB, 0, "192.0.2.1" },
        { NS("127.0.0.53") NS("192.0.2.1"), NULL, NULL, 0, 0, "192.0.2.1" },
        { NULL, NS("192.0.2.9"), "", STUB, 0, "192.0.2.9" },
        { NULL, NS("192.0.2.9"), NULL, STUB, -ENOENT, NULL },
        { NS("127.0.0.53"), NS("127.0.0.155"), "", 0, -ENOENT, NULL },
        { NS("127.0.0.53"), NS("127.0.0.53") NS("127.0.0.54") NS("::1"), NULL, 0, -ENOENT, NULL },
        { NS("127.0.0.53"), NULL, NULL, OTHERS, -ENOENT, NULL },
        /* Other resolvers on this machine, if they are forwarders. */
        { NS("127.0.0.1") NS("::1") NS("0.0.0.0") NS("::"), NS("192.0.2.9"), NULL, STUB, -ENOENT, NULL },
        { NS("127.0.0.1") NS("192.0.2.1"), NS("192.0.2.9"), NULL, STUB, 0, "192.0.2.1" },
        { NS("127.0.0.1") NS("192.0.2.1") NS("::1"), NULL, NULL, OTHERS, 0, "127.0.0.1! 192.0.2.1 ::1!" },
        { NS("127.0.0.155") NS("192.0.2.1"), NULL, NULL, STUB | OTHERS, 0, "192.0.2.1" },
        { NS("127.0.0.155"), NS("192.0.2.9"), "", STUB | OTHERS | PROXY, 0, "127.0.0.155! (1)-192.0.2.9" },
        { "", "", "", STUB | OTHERS, -ENOENT, NULL },
        /* Those that are local do not use up the room of the others. */
        { NS2("127.0.0") NS2("127.0.1") NS2("127.0.2") NS2("127.0.3") NS2("192.0.2"), NULL, NULL, STUB, 0,
          "192.0.2.1 192.0.2.2" },
        { NS2("10.0.0") NS2("10.0.1") NS2("10.0.2") NS2("10.0.3") NS2("10.0.4"), NULL, NULL, STUB, 0,
          "10.0.0.1 10.0.0.2 10.0.1.1 10.0.1.2 10.0.2.1 10.0.2.2 10.0.3.1 10.0.3.2 10.0.4.1 10.0.4.2" },
};

START_TEST(servers_are_chosen) {
        DnsServer servers[DNS_SERVERS_MAX];
        char text[256];
        size_t n = 0;
        Fixture f;

        fixture_init(&f);
        f.locals = read_cases[_i].locals;
        write_file(f.resolv_conf, read_cases[_i].resolv_conf);
        write_file(f.resolved_list, read_cases[_i].resolved);
        write_file(f.drop_in, read_cases[_i].drop_in);
        ck_assert_int_eq(upstreams_read(&f.files, f.locals, servers, ELEMENTSOF(servers), &n), read_cases[_i].result);
        if (read_cases[_i].result >= 0) {
                servers_format(servers, n, text, sizeof(text));
                ck_assert_str_eq(text, read_cases[_i].servers);
        }
        start(&f, read_cases[_i].servers ?: "");
        ck_assert_int_eq(upstreams_error(f.u), read_cases[_i].result);
        fixture_done(&f);
}
END_TEST

/* A machine that has no resolver yet. */
START_TEST(first_server_is_followed) {
        Fixture f;

        fixture_init(&f);
        start(&f, "");
        ck_assert_int_eq(upstreams_error(f.u), -ENOENT);
        write_file(f.resolv_conf, NS("192.0.2.1"));
        assert_told(&f, 0, "192.0.2.1");
        ck_assert_int_eq(upstreams_error(f.u), 0);
        fixture_done(&f);
}
END_TEST

static const struct {
        const char *server;
        int result;
} configured_cases[] = {
        { "192.0.2.1", 0 },          { "127.0.0.1", 0 },        { "127.0.0.1:5353", 0 },
        { "[::1]:53", 0 },           { "[::1]:253", -ELOOP }, { "[::1]:1053", 0 },  { "127.0.0.53", -ELOOP },
        { "127.0.0.54:53", -ELOOP }, { "127.0.0.155", -ELOOP }, { "127.0.0.155:5353", -ELOOP },
};

START_TEST(configured_servers_are_taken_alone) {
        DnsServer servers[2];
        Fixture f;
        int r;

        fixture_init(&f);
        write_file(f.resolv_conf, NS("192.0.2.9"));
        server_parse("198.51.100.1:5300", &servers[0]);
        server_parse(configured_cases[_i].server, &servers[1]);
        ck_assert_int_eq(upstreams_check(servers, 2), configured_cases[_i].result);
        ck_assert_int_eq(upstreams_check(servers, 1), 0);
        r = upstreams_new(f.event, &f.files, 0, servers, 2, on_change, &f, &f.u);
        ck_assert_int_eq(r, 0);
        const DnsServer *in_force;

        ck_assert_uint_eq(upstreams_get(f.u, &in_force), 2);
        for (size_t i = 0; i < 2; i++) { /* each answers who addresses it */
                servers[i].group = (uint8_t) (i + 1);
                ck_assert(dns_server_equal(&in_force[i], &servers[i]));
        }
        fixture_done(&f);
}
END_TEST

/* The forwarder answers who addresses it, and its own queries are answered by whom it addresses. */
START_TEST(local_forwarders_stay_beside_configured_servers) {
        DnsServer server;
        Fixture f;

        fixture_init(&f);
        write_file(f.resolv_conf, NS("127.0.0.1") NS("192.0.2.9") NS("127.0.0.53"));
        server_parse("198.51.100.1:5300", &server);
        ck_assert_int_eq(upstreams_new(f.event, &f.files, OTHERS | STUB, &server, 1, on_change, &f, &f.u), 0);
        assert_in_force(&f, "198.51.100.1#5300 (200)-127.0.0.1!");
        replace_file(f.resolv_conf, NS("192.0.2.9"));
        assert_told(&f, 0, "198.51.100.1#5300");
        fixture_done(&f);
}
END_TEST

START_TEST(changes_of_the_file_are_followed) {
        char other[128];
        Fixture f;

        fixture_init(&f);
        write_file(f.resolv_conf, NS("192.0.2.1"));
        start(&f, "192.0.2.1");
        write_file(f.resolv_conf, NS("192.0.2.2"));
        assert_told(&f, 0, "192.0.2.2");
        replace_file(f.resolv_conf, NS("192.0.2.3"));
        assert_told(&f, 0, "192.0.2.3");
        ck_assert_int_eq(unlink(f.resolv_conf), 0);
        assert_told(&f, -ENOENT, "192.0.2.3"); /* the last good list stays */
        write_file(f.resolv_conf, NS("192.0.2.3"));
        assert_told(&f, 0, "192.0.2.3");
        /* Neither another file nor the same list under another text is a change. */
        (void) snprintf(other, sizeof(other), "%s/etc/other", f.root);
        write_file(other, NS("192.0.2.8"));
        replace_file(f.resolv_conf, "# comment\n" NS("192.0.2.3"));
        for (unsigned i = 0; i < 8; i++)
                ck_assert_int_ge(sd_event_run(f.event, 50 * USEC_PER_MSEC), 0);
        replace_file(f.resolv_conf, NS("192.0.2.4") NS("192.0.2.3"));
        assert_told(&f, 0, "192.0.2.4 192.0.2.3");
        replace_file(f.resolv_conf, NS("192.0.2.3") NS("192.0.2.4")); /* the order is one */
        assert_told(&f, 0, "192.0.2.3 192.0.2.4");
        ck_assert_uint_eq(f.n_calls, 6);
        fixture_done(&f);
}
END_TEST

START_TEST(resolved_is_followed_through_links) {
        char link[128], stub[128], fresh[128];
        Fixture f;

        fixture_init(&f);
        (void) snprintf(stub, sizeof(stub), "%s/run/systemd/resolve/stub-resolv.conf", f.root);
        (void) snprintf(fresh, sizeof(fresh), "%s/etc/fresh", f.root);
        (void) snprintf(link, sizeof(link), "%s/etc/link", f.root);
        write_file(stub, NS("127.0.0.53"));
        write_file(f.resolved_list, NS("192.0.2.1"));
        /* resolv.conf -> link -> ../run/…: a relative and an absolute step */
        ck_assert_int_eq(symlink("../run/systemd/resolve/stub-resolv.conf", link), 0);
        ck_assert_int_eq(symlink(link, f.resolv_conf), 0);
        f.locals = STUB;
        start(&f, "127.0.0.53! (1)-192.0.2.1");
        replace_file(f.resolved_list, NS("192.0.2.2"));
        assert_told(&f, 0, "127.0.0.53! (1)-192.0.2.2");
        replace_file(stub, NS("192.0.2.3")); /* the target of both links */
        assert_told(&f, 0, "192.0.2.3");
        ck_assert_int_eq(symlink("../run/systemd/resolve/resolv.conf", fresh), 0);
        ck_assert_int_eq(rename(fresh, link), 0); /* the link in the middle */
        assert_told(&f, 0, "192.0.2.2");
        write_file(fresh, NS("192.0.2.4"));
        ck_assert_int_eq(rename(fresh, f.resolv_conf), 0); /* no link any more */
        assert_told(&f, 0, "192.0.2.4");
        write_file(f.drop_in, "[Resolve]\n");
        assert_told(&f, 0, "192.0.2.4! (1)-192.0.2.2");
        ck_assert_int_eq(unlink(f.drop_in), 0);
        assert_told(&f, 0, "192.0.2.4");
        fixture_done(&f);
}
END_TEST

static void move(const Fixture *f, const char *from, const char *to) {
        char old[128], new[128];

        (void) snprintf(old, sizeof(old), "%s/%s", f->root, from);
        (void) snprintf(new, sizeof(new), "%s/%s", f->root, to);
        ck_assert_int_eq(rename(old, new), 0);
}

/* Directories that come, go and are replaced by others. */
START_TEST(directories_are_followed) {
        Fixture f;

        fixture_init(&f);
        write_file(f.resolved_list, NS("192.0.2.1"));
        move(&f, "run/systemd", "away");
        ck_assert_int_eq(symlink("../run/systemd/resolve/resolv.conf", f.resolv_conf), 0);
        start(&f, "");
        move(&f, "away", "run/systemd");
        assert_told(&f, 0, "192.0.2.1");
        replace_file(f.resolved_list, NS("192.0.2.2"));
        assert_told(&f, 0, "192.0.2.2");
        move(&f, "run/systemd/resolve", "away");
        assert_told(&f, -ENOENT, "192.0.2.2");
        make_dir(&f, "run/systemd/resolve");
        write_file(f.resolved_list, NS("192.0.2.3"));
        assert_told(&f, 0, "192.0.2.3");
        ck_assert_int_eq(unlink(f.resolved_list), 0);
        assert_told(&f, -ENOENT, "192.0.2.3");
        write_file(f.resolved_list, NS("192.0.2.4"));
        assert_told(&f, 0, "192.0.2.4");
        fixture_done(&f);
}
END_TEST

static void put_conf(const Fixture *f, const char *name, const char *text) {
        char path[160];

        (void) snprintf(path, sizeof(path), "%s/%s", f->root, name);
        write_file(path, text);
}

/* Of resolved.conf, what was added counts at once, and what was removed when systemd-resolved has started again. */
START_TEST(domains_of_resolved_are_followed) {
        Fixture f;

        fixture_init(&f);
        write_file(f.resolv_conf, NS("127.0.0.53"));
        write_file(f.resolved_list, NS("127.0.0.155") NS("192.0.2.9"));
        write_file(f.drop_in, "");
        write_file(f.socket, "");
        f.locals = STUB;
        start(&f, "127.0.0.53! (1)-192.0.2.9");
        make_dir(&f, "etc/systemd/resolved.conf.d");
        put_conf(&f, "etc/systemd/resolved.conf.d/lan.conf", "Domains=~lan\n");
        assert_told(&f, 0, "127.0.0.53! (1)-192.0.2.9!");
        put_conf(&f, "etc/systemd/resolved.conf.d/lan.conf", NULL);
        write_file(f.resolved_list, NS("127.0.0.155") NS("192.0.2.8"));
        assert_told(&f, 0, "127.0.0.53! (1)-192.0.2.8!");
        replace_file(f.socket, "");
        assert_told(&f, 0, "127.0.0.53! (1)-192.0.2.8");
        put_conf(&f, "etc/systemd/resolved.conf", "Domains=~lan\n");
        assert_told(&f, 0, "127.0.0.53! (1)-192.0.2.8!");
        fixture_done(&f);
}
END_TEST

/* The list is the same, but other names are asked of its servers. */
START_TEST(domains_of_links_are_followed) {
        char link[160];
        Fixture f;

        fixture_init(&f);
        (void) snprintf(link, sizeof(link), "%s/2", f.links);
        write_file(f.resolv_conf, NS("192.0.2.1"));
        start(&f, "192.0.2.1");
        make_dir(&f, "run/systemd/resolve/netif");
        replace_file(link, "SERVERS=192.0.2.1\n");
        assert_told(&f, 0, "192.0.2.1");
        replace_file(link, "SERVERS=192.0.2.1\nDOMAINS=~corp.example\n");
        assert_told(&f, 0, "192.0.2.1");
        replace_file(link, "LLMNR=no\nSERVERS=192.0.2.1\nDOMAINS=~corp.example\n"); /* not reported, as the next shows */
        write_file(f.resolv_conf, NS("192.0.2.2"));
        assert_told(&f, 0, "192.0.2.2");
        ck_assert_int_eq(unlink(link), 0); /* as a VPN ends */
        assert_told(&f, 0, "192.0.2.2");
        write_file(f.socket, ""); /* systemd-resolved starts */
        assert_told(&f, 0, "192.0.2.2");
        fixture_done(&f);
}
END_TEST

START_TEST(link_loops_are_reported) {
        Fixture f;

        fixture_init(&f);
        ck_assert_int_eq(symlink("resolv.conf", f.resolv_conf), 0);
        start(&f, "");
        ck_assert_int_eq(upstreams_error(f.u), -ELOOP);
        fixture_done(&f);
}
END_TEST

START_TEST(nothing_is_left_open) {
        unsigned before;
        Fixture f;

        fixture_init(&f);
        write_file(f.resolv_conf, NS("192.0.2.1"));
        start(&f, "192.0.2.1"); /* the loop keeps a descriptor per clock, so once before counting */
        f.u = upstreams_free(f.u);
        before = count_fds();
        start(&f, "192.0.2.1");
        ck_assert_uint_gt(count_fds(), before);
        f.u = upstreams_free(f.u);
        ck_assert_uint_eq(count_fds(), before);
        ck_assert_ptr_null(upstreams_free(NULL));
        fixture_done(&f);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("upstreams");
        TCase *t = tcase_create("upstreams");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, servers_are_chosen, 0, ELEMENTSOF(read_cases));
        tcase_add_loop_test(t, configured_servers_are_taken_alone, 0, ELEMENTSOF(configured_cases));
        tcase_add_test(t, changes_of_the_file_are_followed);
        tcase_add_test(t, resolved_is_followed_through_links);
        tcase_add_test(t, directories_are_followed);
        tcase_add_test(t, first_server_is_followed);
        tcase_add_test(t, local_forwarders_stay_beside_configured_servers);
        tcase_add_test(t, domains_of_resolved_are_followed);
        tcase_add_test(t, domains_of_links_are_followed);
        tcase_add_test(t, link_loops_are_reported);
        tcase_add_test(t, nothing_is_left_open);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
