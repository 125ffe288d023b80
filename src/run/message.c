/* SPDX-License-Identifier: Apache-2.0 */
#include "run/message.h"

#include <stdarg.h>
#include <stdio.h>

#include "event/escape.h"

#define LINE_MAX_BYTES 1024

void message(const char *format, ...) {
        char line[LINE_MAX_BYTES], escaped[4 * LINE_MAX_BYTES];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        (void) fprintf(stderr, "cargowall: %s\n", escape_terminal(line, escaped, sizeof(escaped)));
}
