/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keeps our filter on every network device of this namespace but the loopback, on kernels that cannot refuse sockets of
 * other families than IP (bpf/backstop.bpf.h). None while no document is for units or jobs: the host's own scope needs
 * no filter. A device has it as soon as the kernel's notice of the device has been read, usually before it is up. */

#include "daemon/context.h"

typedef struct Backstop Backstop;

#define BACKSTOP_NAME "backstop" /* among the names of hooks */

int backstop_new(const Context *c, Backstop **ret);
/* Filters stay: a successor continues with them. */
Backstop *backstop_free(Backstop *b);

/* Call after the start of the engine, and when documents have changed. wanted: one is for units or jobs. Removes the
 * filters if there is none. What cannot be filtered is logged. */
void backstop_update(Backstop *b, bool wanted);
/* Puts filters back that were removed, and tries again what failed. Call with each tick. */
void backstop_check(Backstop *b);
/* Whether packets of other families are dropped, at the devices that could be filtered. */
bool backstop_stands(const Backstop *b);

DEFINE_CLEANUP_FUNC(Backstop *, backstop_free)
