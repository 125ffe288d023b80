/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* D-Bus values -> JSON: D-Bus Specification, "Type System". */

#include <systemd/sd-bus.h>

#include "ctl/json-value.h"

/* The next complete value of the message. Integers, booleans, strings, paths and signatures become their JSON
 * counterparts, dictionaries objects, arrays and structures arrays; a variant becomes its content; a file descriptor
 * has no counterpart and becomes null. -ENXIO: the message is at its end; -ENOMEM; -EBADMSG. The caller owns *ret. */
int variant_to_json(sd_bus_message *m, JsonObject **ret);

/* A dictionary of properties or details (a{sv}) with the keys of our JSON: "PolicyDigest" -> "policy_digest",
 * "DNSWiring" -> "dns_wiring"; values of keys that end in "Timestamp" (microseconds of CLOCK_REALTIME) as RFC 3339 text
 * in UTC, or null for 0. */
int variant_to_json_properties(sd_bus_message *m, JsonObject **ret);
/* Pure: the same for an object that variant_to_json() has made. */
int json_rename_properties(JsonObject *in, JsonObject **ret);

#define PROPERTY_KEY_MAX 64
/* Pure: the key for a name of the bus; cut to size. */
const char *property_key(const char *name, char buf[static PROPERTY_KEY_MAX]);
