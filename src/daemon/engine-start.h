/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Starts the engine with the service's policies and what a predecessor left: links, maps, leases, sockets. */

#include "daemon/service.h"

/* On success every socket of the machine is judged. *ret_what is set on error only, and says what to do. */
int service_start_engine(Service *m, const char **ret_what);
