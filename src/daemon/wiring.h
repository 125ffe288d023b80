/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes the parts of the service, and passes on to each what it has to know of the others. */

#include "daemon/service.h"

/* All but those that need the cgroups. Each logs why it fails. */
int service_make_parts(Service *m);
/* *ret_what, set on error only: what to do. */
int service_make_actors(Service *m, const char **ret_what);
void service_update_backstop(Service *s); /* backstop_update() for the documents in force */
