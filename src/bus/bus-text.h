/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text that is fit for the bus. D-Bus strings are UTF-8 (D-Bus specification, "Basic types"); a path or a name of a
 * file need not be, and one bad byte would cost the whole reply. */

#include <systemd/sd-bus.h>

#include "basic/macro.h"

#define BUS_TEXT_MAX 4096 /* what is longer is cut when it has to be escaped */

/* Valid UTF-8 without controls and without characters that hide or reorder text? At most BUS_TEXT_MAX bytes. */
bool bus_text_is_clean(const char *s);
/* s when it is clean, else its escaped form in buf. */
const char *bus_text(const char *s, char buf[static BUS_TEXT_MAX]);
/* Appends a string, escaped where needed; NULL is "". */
int bus_append_text(sd_bus_message *m, const char *s);
/* Appends "as". */
int bus_append_texts(sd_bus_message *m, const char *const *texts, size_t n);
/* Appends one entry {sv} to an open a{sv}. */
int bus_append_entry_text(sd_bus_message *m, const char *key, const char *value);
