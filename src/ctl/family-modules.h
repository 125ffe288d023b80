/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Kernel modules that the kernel loads when any user asks for a socket of a family without hooks. Pure: reads texts in
 * the formats of modules.alias and modprobe.d(5). */

#include <stdbool.h>
#include <stddef.h>

#define FAMILY_MODULES_MAX 64
#define FAMILY_MODULE_NAME_MAX 40

typedef struct FamilyModules {
        char names[FAMILY_MODULES_MAX][FAMILY_MODULE_NAME_MAX]; /* as in the text, with "_" for "-" */
        size_t n;
} FamilyModules;

/* Adds the modules with an alias "net-pf-N…" for a family that the hooks do not judge, but for those that only a
 * privileged user may have a socket of, and, if network devices have filters, for those whose packets the filters
 * judge. What does not fit is left out. */
void family_modules_add(FamilyModules *m, const char *aliases, bool filtered);
/* Removes those that "blacklist NAME", or "install NAME" with true or false as the command, keep from being loaded. */
void family_modules_remove_blocked(FamilyModules *m, const char *config);
