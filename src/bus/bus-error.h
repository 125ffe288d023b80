/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The errors of org.cargowall1, by name and as errno. A standard D-Bus error is used where one fits. */

#include <systemd/sd-bus.h>

#include "basic/fault.h"

#define BUS_ERROR_INVALID_POLICY "org.cargowall1.Error.InvalidPolicy"
#define BUS_ERROR_NO_SUCH_SCOPE "org.cargowall1.Error.NoSuchScope"
#define BUS_ERROR_NO_SUCH_JOB "org.cargowall1.Error.NoSuchJob"
#define BUS_ERROR_ALREADY_ACTIVE "org.cargowall1.Error.AlreadyActive"
#define BUS_ERROR_NOT_SUPPORTED "org.cargowall1.Error.NotSupported"

/* Registers the errno of each name with sd-bus. Once per process; repeating it is harmless. */
int bus_error_register(void);

/* These set *error and return its errno as a negative value. */

/* text may hold anything that came from a caller or a file. */
int bus_error_set(sd_bus_error *error, const char *name, const char *before, const char *text, const char *after);
/* "FILE: ITEM: reason (line N)" of the first fault, and how many more there are. */
int bus_error_set_faults(sd_bus_error *error, const FaultList *faults);
/* The error of a document that the service did not accept: the first fault, or the error r if there are none. */
int bus_error_set_rejected(sd_bus_error *error, int r, const FaultList *faults);
/* An error returned by the service that has no faults. */
int bus_error_set_service(sd_bus_error *error, int r);
