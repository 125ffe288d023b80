/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The kernel objects that a predecessor left, by name: links from the service manager's store or pinned, maps from
 * the store. Each is taken from there once, and can then be returned any number of times. */

#include "handover/fd-store.h"

#define INHERITANCE_NAME_MAX 64
#define INHERITANCE_MAX 64

typedef struct Inheritance {
        FdStore *store;            /* borrowed */
        const char *pin_directory; /* borrowed */
        bool with_maps;            /* their contents can be understood: the predecessor's layers are known */
        struct {
                char name[INHERITANCE_NAME_MAX];
                int fd; /* or a negative errno */
        } taken[INHERITANCE_MAX];
        size_t n;
} Inheritance;

/* "link-egress", "map-flows": returns the descriptor, still owned here, or -ENOENT. userdata: the Inheritance. */
int inheritance_get(const char *name, void *userdata);
void inheritance_done(Inheritance *i);
