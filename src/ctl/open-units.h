/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Running units with a policy that systemd lets use families without hooks: by RestrictAddressFamilies=, as 32-bit
 * programs (SystemCallArchitectures=), or over io_uring (SystemCallFilter=); those that reach the sockets of
 * systemd-resolved, which does not say for whom it asks; those that it keeps from the DNS proxy; and those whose user reaches
 * services that act for it. Asks systemd; reads the policy documents of this machine. */

#include <stddef.h>

#include <systemd/sd-bus.h>

#include "ctl/unit-firewall.h"

typedef struct OpenUnits {
        size_t n_policy; /* running services that a document matches */
        size_t n_open;   /* of these, those that may use other families */
        char first[128]; /* the name of one of them */
        size_t n_resolved;        /* of n_policy, those that reach systemd-resolved's sockets */
        char first_resolved[128]; /* the name of one of them */
        size_t n_closed; /* those whose queries are dropped */
        char first_closed[128];
        UnitFirewall closed_by; /* of that one */
        size_t n_enforced;      /* of n_policy, those whose document is enforced */
        size_t n_helped;        /* of these, those whose user reaches something that no document matches (ctl/unit-helpers.h) */
        char first_helped[128];
        unsigned helpers;       /* of that one */
        int error;       /* positive errno: not known; EACCES: the documents cannot be read */
} OpenUnits;

void open_units_find(sd_bus *bus, OpenUnits *ret);
