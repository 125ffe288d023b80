/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Can the service work on this host? One row for each thing it needs, with what to do where it is missing. Changes
 * nothing and needs no privileges. */

#include <stdbool.h>
#include <stddef.h>

typedef enum CheckState {
        CHECK_OK,
        CHECK_WARN,
        CHECK_FAIL,
} CheckState;

typedef struct CheckRow {
        const char *name;   /* constant */
        CheckState state;
        char detail[256];   /* what was found */
        char advice[256];   /* what to do; empty where nothing is */
} CheckRow;

#define CHECK_ROWS_MAX 16

/* What does not come from files. */
typedef struct PreflightFacts {
        char kernel[128];       /* release: "6.1.0-18-amd64" */
        int bpf_error;          /* positive errno of a bpf(2) call without meaning; 0: none */
        char systemd[64];       /* version; empty: not known */
        bool dns_socket_active; /* cargowalld-dns.socket listens */
} PreflightFacts;

/* Of this host; systemd is asked over the bus, briefly, and where there is one. */
void preflight_facts(PreflightFacts *ret);
/* Files are read below root ("" for the host's own). Returns the number of rows. */
size_t preflight_check(const PreflightFacts *facts, const char *root, CheckRow ret[static CHECK_ROWS_MAX]);

const char *check_state_to_string(CheckState s); /* "ok", "warn", "fail" */
