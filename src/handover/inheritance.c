/* SPDX-License-Identifier: Apache-2.0 */

#include "handover/inheritance.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "handover/pins.h"

static int take(const Inheritance *i, const char *name) {
        bool is_link = strncmp(name, "link-", strlen("link-")) == 0;
        int fd = -ENOENT;

        if (is_link || i->with_maps)
                fd = fd_store_take(i->store, name);
        if (fd < 0 && is_link)
                fd = pins_open(i->pin_directory, name);
        return fd;
}

int inheritance_get(const char *name, void *userdata) {
        Inheritance *i = userdata;

        assert(name);
        assert(i);

        for (size_t k = 0; k < i->n; k++)
                if (strcmp(i->taken[k].name, name) == 0)
                        return i->taken[k].fd;
        if (i->n == INHERITANCE_MAX || strlen(name) >= INHERITANCE_NAME_MAX)
                return -ENOENT;
        (void) snprintf(i->taken[i->n].name, sizeof(i->taken[i->n].name), "%s", name);
        i->taken[i->n].fd = take(i, name);
        return i->taken[i->n++].fd;
}

void inheritance_done(Inheritance *i) {
        assert(i);

        for (size_t k = 0; k < i->n; k++)
                if (i->taken[k].fd >= 0)
                        (void) close(i->taken[k].fd);
        i->n = 0;
}
