/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Follows the network devices of this network namespace as they come and go. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "basic/macro.h"

typedef struct Devices Devices;

/* device: its number. gone: it was removed, or moved to another namespace; its number may become that of another. It
 * may be reported again without a change. DEVICES_ALL, gone: changes were lost; those that exist are reported next. */
typedef void (*device_fn)(unsigned device, bool gone, void *userdata);
#define DEVICES_ALL 0U

/* Calls fn for every existing device before it returns, then on changes. */
int devices_new(sd_event *event, device_fn fn, void *userdata, Devices **ret);
Devices *devices_free(Devices *d);

/* Calls fn for the devices in what the kernel sent. -EBADMSG. For tests. */
int devices_parse(const void *data, size_t size, device_fn fn, void *userdata);

DEFINE_CLEANUP_FUNC(Devices *, devices_free)
