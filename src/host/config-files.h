/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of cargowall.conf(5), in their order: the vendor's, the administrator's, then the drop-ins of both and
 * those of /run by name. A drop-in hides one of the same name in a directory of less weight (/etc, /run, /usr/lib); a
 * link to /dev/null is an empty file. */

#include "config/conf-file.h"
#include "config/service-config.h"

#define CONFIG_DROP_INS_MAX 256 /* in one directory */

/* root: "" or the directory that stands for "/". A file that is not there is no fault, any other that cannot be read is
 * one. All faults of all files are reported. Returns 0 and a configuration that the
 * caller frees with service_config_done(); -EINVAL with faults, whose files are without the root directory; -ENOMEM. */
int config_files_load(const char *root, ServiceConfig *ret, FaultList *faults);
