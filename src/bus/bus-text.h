/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text for D-Bus, whose strings must be UTF-8 (D-Bus specification, "Basic types"). A path or file name may be
 * anything, and one invalid byte would make the whole reply fail. */

#include <systemd/sd-bus.h>

#include "basic/macro.h"

#define BUS_TEXT_MAX 4096 /* longer text is truncated if it has to be escaped */

/* Is it valid UTF-8, without controls and without characters that hide or reorder text, and at most BUS_TEXT_MAX
 * bytes long? */
bool bus_text_is_clean(const char *s);
/* s if it is clean, otherwise its escaped form in buf. */
const char *bus_text(const char *s, char buf[static BUS_TEXT_MAX]);
/* Appends a string, escaped if needed; NULL counts as "". */
int bus_append_text(sd_bus_message *m, const char *s);
/* Appends "as". */
int bus_append_texts(sd_bus_message *m, const char *const *texts, size_t n);
/* Appends an entry {sv} to an open a{sv}. */
int bus_append_entry_text(sd_bus_message *m, const char *key, const char *value);
