/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Options of verbs that take them before, between and after their other arguments. */

#include <stdbool.h>

/* Is argv[*i] this option, as "--name VALUE" or "--name=VALUE"? *ret is NULL if the value is missing; *i is then, or
 * after "--name VALUE", the last word that was used. */
bool option_value(const char *name, int argc, char **argv, int *i, const char **ret);
