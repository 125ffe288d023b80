/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/refused-sockets.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "basic/clock.h"
#include "host/existing-sockets.h"

#define COOKIES_MAX 4096U /* entries of the map */
#define LOOK_NSEC (200 * NSEC_PER_MSEC) /* at least, between two looks at all sockets */

_Static_assert(REFUSED_LOOKS_MAX <= COOKIES_MAX, "all in one look");

typedef struct Refused {
        uint64_t cookies[COOKIES_MAX]; /* in ascending order */
        size_t n_cookies;
        ExistingSocket list[COOKIES_MAX];
        size_t n;
} Refused;

static int compare_cookies(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

/* Takes them out of the map: a socket that stays is entered again with its next packet. */
static void take_cookies(int map_fd, Refused *r) {
        uint64_t cookie;

        while (r->n_cookies < COOKIES_MAX && bpf_map_get_next_key(map_fd, NULL, &cookie) == 0) {
                (void) bpf_map_delete_elem(map_fd, &cookie);
                r->cookies[r->n_cookies++] = cookie;
        }
}

static void on_socket(const ExistingSocket *s, void *userdata) {
        Refused *r = userdata;

        if (s->n_queued > 0 && r->n < COOKIES_MAX &&
            bsearch(&s->cookie, r->cookies, r->n_cookies, sizeof(s->cookie), compare_cookies))
                r->list[r->n++] = *s;
}

/* Those with the cookies. */
static int end_sockets(Refused *refused, size_t *ret_n) {
        size_t n = 0;
        int r, k;

        if (refused->n_cookies == 0) {
                *ret_n = 0;
                return 0;
        }
        qsort(refused->cookies, refused->n_cookies, sizeof(*refused->cookies), compare_cookies);
        r = existing_sockets_sending(EXISTING_SOCKETS_MAX, on_socket, refused);
        for (size_t i = 0; i < refused->n; i++) {
                k = existing_socket_destroy(&refused->list[i]);
                if (k >= 0)
                        n++;
                else if (k != -ENOENT)
                        r = k;
        }
        if (r < 0)
                return r;
        *ret_n = n;
        return 0;
}

int refused_sockets_end(const Programs *p, size_t *ret_n) {
        _cleanup_free_ Refused *refused = NULL;

        assert(p && ret_n);

        refused = calloc(1, sizeof(*refused));
        if (!refused)
                return -ENOMEM;
        take_cookies(programs_map_fd(p, "refused_sockets"), refused);
        return end_sockets(refused, ret_n);
}

void refused_sockets_look(RefusedLooks *l) {
        _cleanup_free_ Refused *refused = NULL;
        size_t n;

        assert(l);

        if (l->n_cookies == 0)
                return;
        refused = calloc(1, sizeof(*refused));
        if (!refused)
                return; /* the next look finds them */
        memcpy(refused->cookies, l->cookies, l->n_cookies * sizeof(*l->cookies));
        refused->n_cookies = l->n_cookies;
        l->n_cookies = 0;
        (void) end_sockets(refused, &n);
}

static void look_by_cookie(RefusedLooks *l, uint64_t cookie, uint64_t now_nsec) {
        if (l->n_cookies < REFUSED_LOOKS_MAX)
                l->cookies[l->n_cookies++] = cookie;
        if (now_nsec < l->next_nsec)
                return;
        l->next_nsec = now_nsec + LOOK_NSEC;
        refused_sockets_look(l);
}

void refused_socket_abort(RefusedLooks *l, const struct cw_record *r, uint64_t now_nsec) {
        InAddr local, remote;

        assert(l);
        assert(r);

        if (r->type != CW_RECORD_DENY || r->hook != CW_HOOK_PACKET || r->protocol != IPPROTO_TCP ||
            r->mode != CW_ENFORCE || r->cookie == 0 || r->reason == CW_REASON_SOURCE)
                return; /* a source that is new on this machine may be registered before the packet is sent again */
        memcpy(local.b, r->src.b, sizeof(local.b));
        memcpy(remote.b, r->dst.b, sizeof(remote.b));
        if (existing_socket_abort(r->cookie, &local, r->src_port, &remote, r->dst_port) == -ENOENT)
                look_by_cookie(l, r->cookie, now_nsec);
}
