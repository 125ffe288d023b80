/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which resolvers the proxy asks, followed as this machine's change, and systemd-resolved's cache, which must not
 * answer from before the proxy was there. */

#include "daemon/context.h"

typedef struct Resolvers Resolvers;

/* Without a resolver that can be asked the service does not start: why is logged. */
int resolvers_new(const Context *c, Resolvers **ret);
Resolvers *resolvers_free(Resolvers *r);
DEFINE_CLEANUP_FUNC(Resolvers *, resolvers_free)

/* In force, never empty; valid until the loop runs. */
size_t resolvers_servers(const Resolvers *r, const DnsServer **ret);
/* The same as "192.0.2.1:53", "[2001:db8::1]:53". */
size_t resolvers_texts(const Resolvers *r, const char *const **ret);

/* Has systemd-resolved drop its cache, where it runs; never waits. */
void resolvers_flush_cache(Resolvers *r);
