/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Domains below which anybody can have a name: registries, and services that give one to each customer. Pure. */

#include <stdbool.h>

/* name: canonical. Is it one of a registry, such as "com" or "co.uk"? */
bool name_is_registry(const char *name);
/* The longest domain of such a service that is the name or above it, as a part of name: "github.io" of "a.b.github.io".
 * NULL if there is none. */
const char *name_shared_domain(const char *name);
