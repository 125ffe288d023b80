/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checks whether this host can run the service. One row per requirement, with advice where it is not met. Changes
 * nothing and needs no privileges. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"
#include "ctl/open-containers.h"
#include "ctl/open-units.h"

typedef enum CheckState {
        CHECK_OK,
        CHECK_WARN,
        CHECK_FAIL,
} CheckState;

typedef struct CheckRow {
        const char *name;   /* constant */
        CheckState state;
        char detail[256];   /* what was found */
        char advice[256];   /* what to do; empty if nothing is needed */
        bool opens;         /* what is not met lets traffic past a policy */
} CheckRow;

#define CHECK_ROWS_MAX 28

/* Facts that are not read from files. */
typedef struct PreflightFacts {
        char kernel[128];       /* release: "6.1.0-18-amd64" */
        int bpf_error;          /* positive errno of a bpf(2) call without meaning; 0: none */
        bool sockets_lost;      /* the kernel does not know the cgroup of new sockets */
        int connections_error;  /* positive errno: the kernel cannot end connections; 0: it can */
        char systemd[64];       /* version; empty: not known */
        bool dns_socket_active; /* cargowalld-dns.socket listens */
        bool unbound_active;    /* unbound.service runs */
        uint64_t families;      /* bits: those without hooks that the kernel has, if it loads no modules on demand; else 0 */
        OpenUnits units;
        OpenContainers containers;
        bool name_services_refused; /* the service runs, and units cannot connect to resolved's sockets */
        unsigned n_devices;     /* network devices but the loopback */
        unsigned n_filtered;    /* of these, those with the service's filter */
        char unfiltered[16];    /* name of the first without */
} PreflightFacts;

/* The facts of this host. Queries systemd over the bus, if available, with a short timeout. */
void preflight_facts(PreflightFacts *ret);
/* Files are read below root ("" for the host's own). Returns the number of rows. */
size_t preflight_check(const PreflightFacts *facts, const char *root, CheckRow ret[static CHECK_ROWS_MAX]);

const char *check_state_to_string(CheckState s); /* "ok", "warn", "fail" */

/* For the files that contribute rows. */
typedef struct CheckTable {
        const PreflightFacts *facts;
        const char *root;
        CheckRow *rows;
        size_t n;
} CheckTable;

CheckRow *check_add(CheckTable *t, const char *name, CheckState state, const char *format, ...) _printf_(4, 5);
void check_advise(CheckRow *row, const char *format, ...) _printf_(2, 3);
CheckRow *check_opens(CheckRow *row); /* marks and returns it */
bool check_has(const CheckTable *t, const char *path);
char *check_read(const CheckTable *t, const char *path); /* NULL if the file cannot be read. The caller frees. */

void check_unbound(CheckTable *t);
void check_documents(CheckTable *t);
/* preflight-families.c: what refuses sockets of families without hooks. */
void check_families(CheckTable *t);
uint64_t preflight_families(void); /* PreflightFacts.families of this kernel */
