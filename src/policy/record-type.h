/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Types of DNS records by name, and sets of those that a policy can allow in addition. */

#include <stdint.h>

/* "A"; NULL: no name is known. */
const char *record_type_name(uint16_t type);
/* The bit of a type in a set; 0: no policy can allow it, since it is always served, or never. */
uint32_t record_type_bit(uint16_t type);
/* The bit of a type by its name, in upper or lower case. 0, with a constant sentence, if it has none. */
uint32_t record_type_parse(const char *name, const char **ret_reason);
#define RECORD_TYPES_TEXT_MAX 256
/* "TXT, TLSA" */
const char *record_types_format(uint32_t types, char buf[static RECORD_TYPES_TEXT_MAX]);
