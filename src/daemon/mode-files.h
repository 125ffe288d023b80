/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The modes that were set, in two files: one until the service is stopped or the machine reboots, one for longer. */

#include "daemon/context.h"
#include "policy/mode-table.h"

/* What a start finds: the first that is there of those that are set, those of a predecessor without such a file, and those
 * that are kept. What cannot be read is logged, and left out. */
void mode_files_load(const Context *c, ModeTable *ret_set, ModeTable *ret_kept);
/* For a successor. An error is logged: it would have the modes as they are kept, or configured. */
void mode_files_put_set(const Context *c, const ModeTable *t);
/* Over reboots. Negative errno: what was kept before is still kept. */
int mode_files_put_kept(const ModeTable *t);
