/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of cargowall.conf(5), in their order: the vendor's, the administrator's, then the drop-ins of both and
 * those of /run by name. A drop-in hides one of the same name in a directory of less weight (/etc, /run, /usr/lib); a
 * link to /dev/null is an empty file. */

#include "config/conf-file.h"
#include "config/service-config.h"

#define CONFIG_DROP_INS_MAX 256 /* in one directory */

typedef struct ConfigFault {
        char file[320]; /* without the root directory, cut to size; a name may have any byte: escape before printing */
        ConfFault fault;
} ConfigFault;

/* root: "" or the directory that stands for "/". A file that is not there is no fault, any other that cannot be read is
 * one. All faults of all files are told; those beyond n_faults are counted only. Returns 0 and a configuration that the
 * caller frees with service_config_done(); -EINVAL with *ret_n_faults >= 1; -ENOMEM. */
int config_files_load(const char *root, ServiceConfig *ret, ConfigFault *faults, size_t n_faults,
                      size_t *ret_n_faults);
