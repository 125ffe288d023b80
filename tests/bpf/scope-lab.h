/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where the programs meet real sockets: a cgroup of the test's own, and two network namespaces joined by a veth pair:
 * "inside", which is the one that the programs take for the proxy's, and "outside", which nobody judges. The test is
 * one process. A socket belongs to the namespace and to the cgroup that its maker was in, so the process goes there,
 * makes it, and comes back. */

#include <check.h>

#include "kernel/exemptions.h"
#include "kernel/policy-maps.h"
#include "kernel/subjects.h"

#define LAB_SCOPES 5 /* by index: */
#define LAB_HOST 0
#define LAB_ALLOWS 1
#define LAB_DENIES 2
#define LAB_NO_POLICY 3
#define LAB_GRANT 4
#define LAB_PORT 8080
#define LAB_PROXY_PORT4 5300 /* 127.0.0.1 */
#define LAB_PROXY_PORT6 5301 /* ::1 */
#define LAB_PATIENCE_MSEC 30000
#define LAB_HOOKS (CW_HOOKS_ALL & ~CW_HOOKS_OPTIONAL) /* those of the cgroup, which every kernel has */

typedef struct Lab {
        int top_fd;        /* cgroup that the programs are attached to */
        uint64_t top_id;
        int home_netns, inside_netns, outside_netns; /* the process is inside */
        Programs *programs;
        PolicyMaps *maps;
        PolicySlot *slots[LAB_SCOPES];
        bool few_rights;   /* programs are loaded and attached with CAP_BPF and CAP_NET_ADMIN only */
} Lab;

/* By family: 0 IPv4, 1 IPv6. */
extern const char *const lab_inside[2], *const lab_outside[2], *const lab_other[2]; /* the second is outside as well */
extern const char *const lab_outside_net[2];
extern const int lab_family[2];

/* Runs the suite below a cgroup of its own, which it removes. 77: one of the rights that this needs is missing, or
 * suite() returned NULL and has said why. */
int lab_main(Suite *(*suite)(void));

/* Cgroup and namespaces. */
void lab_init(Lab *l);
void lab_done(Lab *l);
void lab_load_options(ProgramsOptions *ret);
/* Before the tests, which is why it uses no assertions: the hooks that this kernel attaches, as bits. 0: none, or not known. */
uint32_t lab_hooks_of_kernel(void);
int lab_load(const Lab *l, const ProgramsOptions *o, Programs **ret);
/* Programs and maps; every scope of LAB_SCOPES has a slot and no policy. Not attached. */
void lab_load_all(Lab *l);
void lab_attach(Lab *l);

/* default action, one CIDR with the opposite action or NULL. */
void lab_set_policy(Lab *l, uint32_t scope, Action action, const char *exception, Mode mode, uint8_t flags);
void lab_set_layer(Lab *l, uint32_t layer, LayerKind kind, Action action, const char *exception, Mode mode, uint8_t flags);

/* One scope that allows and one that denies; so does the host's, which is that of whatever has no entry. */
void lab_set_scopes(Lab *l);

/* A cgroup below the top, made where it is missing: "a/b". Returns its id. */
uint64_t lab_cgroup(Lab *l, const char *path);
void lab_enter(Lab *l, const char *path); /* NULL: where the test came from */

/* Non-blocking ones of the present cgroup. */
int lab_socket(const Lab *l, bool outside, int family, int type);
/* A raw socket outside that hears whatever TCP arrives, whoever listens. */
int lab_witness(const Lab *l, int family);
void lab_bind(int fd, const char *addr, uint16_t port); /* and listens, if it is a stream */
int lab_connect(int fd, const char *addr, uint16_t port);                      /* 0 or negative errno */
int lab_send(int fd, const char *text, const char *addr, uint16_t port);       /* the same. addr NULL: connected */
bool lab_wait(int fd, short events);                                           /* patiently */
void lab_expect(int fd, const char *text);                                     /* waits for it */
void lab_expect_nothing(int fd);                                               /* does not wait */
int lab_accept(int fd);                                                        /* waits */
int lab_error(int fd);                                                         /* SO_ERROR, negative */
int lab_listen_outside(const Lab *l, int family);                              /* at LAB_PORT; 0 IPv4, 1 IPv6 */
/* 0 or -EPERM: would the first hook let this process connect there, or one of the cgroup? */
int lab_try_connect(const Lab *l, int family);
int lab_connect_from(Lab *l, const char *cgroup, int family);
/* Who the kernel says is behind the source port of a datagram to the proxy. */
struct cw_dns_client lab_client(const Lab *l, int fd, int family);
int lab_find_client(const Lab *l, int fd, int family, struct cw_dns_client *ret); /* -ENOENT */
uint64_t lab_count(const Lab *l, enum cw_counter c);
bool lab_wait_count(const Lab *l, enum cw_counter c, uint64_t at_least);       /* patiently */

/* Gives up all capabilities but these two; back with lab_rights_restore(). */
void lab_rights_reduce(void);
void lab_rights_restore(void);
/* The same permanently, as another user. */
void lab_become_service(void);
