/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A look at unbound.conf(5): does unbound ask a resolver for every name, or the servers of the root and of each zone? Pure. */

#include <stdbool.h>

/* Does the text have a section forward-zone for the root? Included files are not read. */
bool unbound_conf_forwards(const char *text);
