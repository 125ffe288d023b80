/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The errors of org.cargowall1, by name and as errno. Where a standard D-Bus error fits, that one is used. */

#include <systemd/sd-bus.h>

#include "basic/fault.h"

#define BUS_ERROR_INVALID_POLICY "org.cargowall1.Error.InvalidPolicy"
#define BUS_ERROR_NO_SUCH_SCOPE "org.cargowall1.Error.NoSuchScope"
#define BUS_ERROR_NO_SUCH_JOB "org.cargowall1.Error.NoSuchJob"
#define BUS_ERROR_ALREADY_ACTIVE "org.cargowall1.Error.AlreadyActive"
#define BUS_ERROR_NOT_SUPPORTED "org.cargowall1.Error.NotSupported"

/* Tells sd-bus which errno each name is. Once for the process; again does no harm. */
int bus_error_register(void);

/* These set *error and return its errno, negative. */

/* text may hold anything that a caller or a file put there. */
int bus_error_set(sd_bus_error *error, const char *name, const char *before, const char *text, const char *after);
/* "FILE: ITEM: reason (line N)" of the first, and how many more. */
int bus_error_set_faults(sd_bus_error *error, const FaultList *faults);
/* What the manager refused; -EINVAL and -E2BIG belong to bus_error_set_faults(). */
int bus_error_set_manager(sd_bus_error *error, int r);
