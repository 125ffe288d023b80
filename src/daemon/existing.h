/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Connections opened before the service started. If kept, they continue without being judged, and are reported. */

#include "daemon/context.h"

/* Call before the hooks are attached, so that none is interrupted. Logs how many are not kept because there are too
 * many. */
int existing_connections_keep(const Context *c);
