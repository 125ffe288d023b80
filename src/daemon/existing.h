/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Connections that are older than the service. Kept, they continue without being judged, and are reported. */

#include "daemon/context.h"

/* Before the hooks are there, so that none of them is cut. */
int existing_connections_keep(const Context *c);
