/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The upstream resolvers of the proxy, which follow those of the system, and systemd-resolved's cache, which must
 * not answer with entries older than the proxy. */

#include "daemon/context.h"

typedef struct Resolvers Resolvers;

/* Without a resolver it waits for one, and names do not resolve. Logs why. */
int resolvers_new(const Context *c, Resolvers **ret);
Resolvers *resolvers_free(Resolvers *r);
DEFINE_CLEANUP_FUNC(Resolvers *, resolvers_free)

/* The current ones; valid until the loop runs again. */
size_t resolvers_servers(const Resolvers *r, const DnsServer **ret);
/* The same in the form "192.0.2.1:53", "[2001:db8::1]:53". */
size_t resolvers_texts(const Resolvers *r, const char *const **ret);

/* The proxy forgets its cached answers; what is in flight is asked again. */
int resolvers_forget_answers(Resolvers *r);
/* Does systemd-resolved answer processes past the proxy (nss-resolve)? */
bool resolvers_have_sockets(void);
/* Has systemd-resolved flush its cache, if it is running; never waits. */
void resolvers_flush_cache(Resolvers *r);
