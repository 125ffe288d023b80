/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes the rules of a suggested policy as JSON. Pure. */

#include <stdio.h>

#include "policy/rule.h"

/* Up to the key after "action". value: a canonical name or an address, which needs no escapes. */
void rule_text_begin(FILE *out, bool first, bool is_name, const char *value, Action action);
/* Nothing for n = 0. */
void rule_text_ports(FILE *out, const PortRange *ranges, size_t n);
/* Of ranges that are sorted by protocol and port: joins those that add the fewest ports until they are no more than a rule can
 * list. Returns their number. */
size_t port_ranges_reduce(PortRange *ranges, size_t n);
