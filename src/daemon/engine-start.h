/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Starts the engine with the service's policies and with what a predecessor left: links, maps, leases, sockets. */

#include "daemon/service.h"

/* From its success on every socket of the machine is judged. *ret_what, set on error only: what to do. */
int service_start_engine(Service *m, const char **ret_what);
