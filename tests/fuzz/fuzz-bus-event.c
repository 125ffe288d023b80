/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-event.h"

#include <stdlib.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A bus that nobody answers on: messages can be made for it. */
static sd_bus *new_bus(void) {
        sd_bus *bus;
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0 || sd_bus_new(&bus) < 0 ||
            sd_bus_set_fd(bus, fds[0], fds[0]) < 0 || sd_bus_start(bus) < 0)
                abort();
        (void) close(fds[1]);
        return bus;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        sd_bus *bus = new_bus();
        sd_bus_message *m;

        if (sd_bus_message_new_signal(bus, &m, "/a", "a.b", "C") < 0)
                abort();
        int r = bus_event_append(m, (const char *) data, size, size % 2);
        if (r < 0 && r != -EBADMSG && r != -ENOMEM)
                abort();
        /* Whole or not at all: what was appended can be read back. */
        if (sd_bus_message_seal(m, 1, 0) < 0 || (r >= 0) == (sd_bus_message_is_empty(m) > 0))
                abort();
        if (r >= 0 && sd_bus_message_skip(m, "a{sv}") < 0)
                abort();
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
        return 0;
}
