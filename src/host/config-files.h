/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of cargowall.conf(5), in order: the vendor's, the administrator's, then their drop-ins and those of
 * /run, sorted by name. A drop-in hides one of the same name in a directory of lower priority (/etc, /run,
 * /usr/lib); a link to /dev/null counts as an empty file. */

#include "config/conf-file.h"
#include "config/service-config.h"

#define CONFIG_DROP_INS_MAX 256 /* per directory */

/* root: "", or the directory to use as "/". A missing file is not a fault; any other file that cannot be read is.
 * All faults of all files are reported. Returns 0 and a configuration that the caller frees with
 * service_config_done(); -EINVAL with faults, whose file names omit root; -ENOMEM. */
int config_files_load(const char *root, ServiceConfig *ret, FaultList *faults);
