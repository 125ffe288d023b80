/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-event.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz-event.h"

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

/* No event is refused: a job could hide what it does. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        sd_bus_message *m;
        FuzzEvent f;

        if (!fuzz_event(data, size, &f))
                return 0;
        sd_bus *bus = new_bus();
        if (sd_bus_message_new_signal(bus, &m, "/a", "a.b", "C") < 0)
                abort();
        if (bus_event_append(m, &f.event, size % 2) < 0 || sd_bus_message_seal(m, 1, 0) < 0 ||
            sd_bus_message_skip(m, "a{sv}") < 0)
                abort();
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
        return 0;
}
