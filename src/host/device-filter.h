/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Our filter for the packets that a network device sends, tc-bpf(8): in the queueing discipline "clsact", which is made
 * where there is none. Other filters there are left alone, and so is a discipline of others. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_LOOPBACK 1U /* the number of the loopback device in every network namespace */

/* program: a descriptor of the type BPF_PROG_TYPE_SCHED_CLS. Replaces our filter that is there, without a gap. -ENODEV;
 * -EBUSY: the device has a discipline without a place for this, "ingress"; -ENOSPC: all of the first places are taken
 * by filters of other kinds; -EOPNOTSUPP: the kernel has no such filters; another errno of netlink. */
int device_filter_put(unsigned device, int program);
/* Removes it, and the discipline if it was made for it and has no other filters. Returns 1; 0 if there is none; a
 * negative errno. */
int device_filter_remove(unsigned device);
/* 1: it is there; 0: it is not; or a negative errno. */
int device_filter_find(unsigned device);

/* On all devices of this network namespace. */
typedef struct DeviceFilterCount {
        unsigned n_devices; /* without the loopback */
        unsigned n_filtered;
        unsigned first_unfiltered; /* 0: none */
} DeviceFilterCount;
int device_filters_count(DeviceFilterCount *ret);
/* Returns the first error, after all were tried. */
int device_filters_remove(void);

/* What a device has in one direction. */
typedef struct DeviceFilterList {
        uint32_t handle;   /* of our filter; 0: none */
        uint16_t priority; /* of ours */
        size_t n_others;
} DeviceFilterList;

/* One message of the list that the kernel gives of the filters of a device: *list counts it. For tests. */
int device_filter_on_message(uint16_t type, const void *data, size_t size, void *list);
