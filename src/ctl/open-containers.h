/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Containers that belong to no policy document: those of a user's own engine, or that the documents leave out. Reads the cgroups
 * and the policy documents of a machine. */

#include <stdbool.h>
#include <stddef.h>

typedef struct OpenContainers {
        size_t n;        /* that exist */
        size_t n_open;   /* of these, those that no document but the host's matches */
        char first[256]; /* the control group of one of them */
        bool has_host;   /* there is a document for the host */
        int error;       /* positive errno: not known; EACCES: the documents cannot be read */
} OpenContainers;

/* root: "", or the directory to use as "/". */
void open_containers_find(const char *root, OpenContainers *ret);
