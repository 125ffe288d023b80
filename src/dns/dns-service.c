/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-service.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The parameters of one record. */
typedef struct Params {
        DnsService service;
        uint16_t known;     /* bit per key 0..3 that is present */
        uint16_t mandatory; /* bit per key listed in "mandatory" */
        bool unusable;      /* requires a parameter that is dropped */
} Params;

static bool alpn_id_is_plain(const uint8_t *id, size_t n) {
        for (size_t i = 0; i < n; i++) {
                bool letter = (id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z');
                bool digit = id[i] >= '0' && id[i] <= '9';

                if (!letter && !digit && id[i] != '-' && id[i] != '.' && id[i] != '/')
                        return false;
        }
        return true;
}

/* RFC 9460 7.1.1: at least one id, none empty. Ids that are not accepted or do not fit are left out: the server then
 * merely appears to offer less. */
static int read_alpn(DnsCursor *value, DnsService *s) {
        if (dns_cursor_at_end(value))
                return -EBADMSG;
        while (!dns_cursor_at_end(value)) {
                const uint8_t *id;
                uint8_t n;

                if (!dns_cursor_u8(value, &n) || n == 0 || !dns_cursor_bytes(value, n, &id))
                        return -EBADMSG;
                if (!alpn_id_is_plain(id, n) || (size_t) n + 1 > sizeof(s->alpn) - s->alpn_length)
                        continue;
                s->alpn[s->alpn_length++] = n;
                memcpy(s->alpn + s->alpn_length, id, n);
                s->alpn_length = (uint8_t) (s->alpn_length + n);
        }
        return 0;
}

/* RFC 9460 8: keys in ascending order, not including "mandatory" itself. */
static int read_mandatory(DnsCursor *value, Params *p) {
        int last = DNS_SVC_MANDATORY;

        if (dns_cursor_at_end(value))
                return -EBADMSG;
        while (!dns_cursor_at_end(value)) {
                uint16_t key;

                if (!dns_cursor_u16(value, &key) || key <= last)
                        return -EBADMSG;
                if (key > DNS_SVC_PORT)
                        p->unusable = true;
                else
                        p->mandatory |= (uint16_t) (1U << key);
                last = key;
        }
        return 0;
}

static int read_param(uint16_t key, DnsCursor *value, Params *p) {
        switch (key) {
        case DNS_SVC_MANDATORY:
                return read_mandatory(value, p);
        case DNS_SVC_ALPN:
                return read_alpn(value, &p->service);
        case DNS_SVC_NO_DEFAULT_ALPN:
                p->service.no_default_alpn = true;
                return dns_cursor_at_end(value) ? 0 : -EBADMSG;
        case DNS_SVC_PORT:
                if (!dns_cursor_u16(value, &p->service.port) || !dns_cursor_at_end(value))
                        return -EBADMSG;
                if (p->service.port == 0)
                        p->unusable = true;
                return 0;
        default:
                return 0;
        }
}

static int read_params(DnsCursor *c, Params *p) {
        int last = -1;

        while (!dns_cursor_at_end(c)) {
                uint16_t key, length;
                DnsCursor value;

                if (!dns_cursor_u16(c, &key) || !dns_cursor_u16(c, &length) || !dns_cursor_sub(c, length, &value))
                        return -EBADMSG;
                if (key <= last)
                        return -EBADMSG;
                int r = read_param(key, &value, p);
                if (r < 0)
                        return r;
                if (key <= DNS_SVC_PORT)
                        p->known |= (uint16_t) (1U << key);
                last = key;
        }
        return p->mandatory & ~p->known ? -EBADMSG : 0;
}

int dns_service_read(DnsCursor *rdata, const char *owner, DnsService *ret) {
        char target[DNS_NAME_SIZE];
        Params p = {};

        assert(rdata);
        assert(owner);
        assert(ret);

        if (!dns_cursor_u16(rdata, &p.service.priority) || dns_cursor_name(rdata, DNS_NAME_PLAIN, target, NULL) < 0)
                return -EBADMSG;
        int r = read_params(rdata, &p);
        if (r < 0)
                return r;

        if (p.service.priority == 0 || p.unusable)
                return 0;
        if (target[0] != '\0' && strcmp(target, owner) != 0)
                return 0;
        /* RFC 9460 7.1.1: no-default-alpn requires another protocol. */
        if (p.service.no_default_alpn && p.service.alpn_length == 0)
                return 0;
        *ret = p.service;
        return 1;
}
