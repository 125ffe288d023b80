/* SPDX-License-Identifier: Apache-2.0 */

/* convert FORMAT [HOST]: an event log on standard input, in another format. */

#include <stdio.h>

#include "basic/macro.h"
#include "event/event-format.h"

static int convert(const char *line, size_t length, EventFormat format, const char *host) {
        static char converted[EVENT_CONVERTED_MAX];

        ssize_t n = event_format_line(line, length, format, host, converted);
        if (n < 0)
                return (int) n;
        return fwrite(converted, 1, (size_t) n, stdout) == (size_t) n ? 0 : -EIO;
}

int main(int argc, char **argv) {
        _cleanup_free_ char *line = NULL;
        EventFormat format;
        size_t size = 0;

        if (argc < 2 || argc > 3 || event_format_from_string(argv[1], &format) < 0)
                return 2;
        for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;)
                if (convert(line, (size_t) n, format, argc == 3 ? argv[2] : NULL) < 0)
                        return 1;
        return 0;
}
