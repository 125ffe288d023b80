/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-internal.h"

#include <stdarg.h>
#include <stdio.h>

void bus_log(const Bus *b, int priority, const char *format, ...) {
        char text[512];
        va_list ap;

        if (!b->options.log)
                return;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        b->options.log(priority, text, b->options.userdata);
}

sd_bus *bus_ready(const Bus *b) {
        return b && b->bus && sd_bus_is_ready(b->bus) > 0 ? b->bus : NULL;
}

char **bus_strv_free(char **strv) {
        for (char **s = strv; s && *s; s++)
                free(*s);
        free(strv);
        return NULL;
}

void bus_properties_changed(Bus *b, const char *name, ...) {
        char *names[32];
        size_t n = 0;
        va_list ap;

        if (!bus_ready(b))
                return;
        va_start(ap, name);
        for (; name && n + 1 < ELEMENTSOF(names); name = va_arg(ap, const char *))
                names[n++] = (char *) name;
        va_end(ap);
        names[n] = NULL;
        (void) sd_bus_emit_properties_changed_strv(b->bus, BUS_PATH, BUS_INTERFACE_MANAGER, names);
}
