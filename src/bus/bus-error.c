/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-error.h"

#include <assert.h>
#include <stdio.h>

#include "bus/bus-text.h"

static const sd_bus_error_map error_map[] = {
        SD_BUS_ERROR_MAP(BUS_ERROR_INVALID_POLICY, EBADMSG),
        SD_BUS_ERROR_MAP(BUS_ERROR_NO_SUCH_SCOPE, ENOENT),
        SD_BUS_ERROR_MAP(BUS_ERROR_NO_SUCH_JOB, ENXIO),
        SD_BUS_ERROR_MAP(BUS_ERROR_ALREADY_ACTIVE, EALREADY),
        SD_BUS_ERROR_MAP(BUS_ERROR_NOT_SUPPORTED, EOPNOTSUPP),
        SD_BUS_ERROR_MAP_END,
};

int bus_error_register(void) {
        return sd_bus_error_add_map(error_map);
}

int bus_error_set(sd_bus_error *error, const char *name, const char *before, const char *text, const char *after) {
        char buf[BUS_TEXT_MAX];

        return sd_bus_error_setf(error, name, "%s%s%s", before, bus_text(text, buf), after);
}

int bus_error_set_faults(sd_bus_error *error, const FaultList *faults) {
        char text[FAULT_TEXT_MAX], safe[BUS_TEXT_MAX], line[32] = "", more[48] = "";

        assert(faults);

        if (faults->n == 0)
                return sd_bus_error_set(error, BUS_ERROR_INVALID_POLICY, "The policy is not valid.");
        Fault first = faults->faults[0];
        if (first.line > 0)
                (void) snprintf(line, sizeof(line), " (line %u)", first.line);
        first.line = 0;
        if (fault_list_count(faults) > 1)
                (void) snprintf(more, sizeof(more), ", and %zu more", fault_list_count(faults) - 1);
        return sd_bus_error_setf(error, BUS_ERROR_INVALID_POLICY, "%s%s%s",
                                 bus_text(fault_format(&first, NULL, text), safe), line, more);
}

int bus_error_set_rejected(sd_bus_error *error, int r, const FaultList *faults) {
        assert(faults);

        if (faults->n > 0 || r == -EINVAL || r == -E2BIG)
                return bus_error_set_faults(error, faults);
        return bus_error_set_service(error, r);
}

int bus_error_set_service(sd_bus_error *error, int r) {
        switch (r) {

        case -ENOENT:
                return sd_bus_error_set(error, BUS_ERROR_NO_SUCH_SCOPE, "There is no such scope.");

        case -EEXIST:
                return sd_bus_error_set(error, BUS_ERROR_ALREADY_ACTIVE, "The unit has a job already.");

        case -ENOSPC:
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "The limit is reached.");

        case -ENXIO:
                return sd_bus_error_set(error, BUS_ERROR_NOT_SUPPORTED,
                                        "The unit's control group cannot be followed: its job's policy has no effect.");

        case -EOPNOTSUPP:
                return sd_bus_error_set(error, BUS_ERROR_NOT_SUPPORTED, "This host does not support that.");

        case -EINVAL:
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The request is not valid.");

        default:
                return sd_bus_error_set_errnof(error, -r, "The request failed: %m");
        }
}
