/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "host/device-filter.h"
#include "host/devices.h"
#include "host/netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_device(unsigned device, bool gone, void *userdata) {
        size_t *n = userdata;

        if (device == DEVICES_ALL || (gone && ++*n == 0))
                abort();
        (*n)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        DeviceFilterList list = {};
        size_t n = 0;

        int r = devices_parse(data, size, on_device, &n);
        if (r > 0 || r < -4095 || n > size / 8)
                abort();
        r = netlink_parse(data, size, device_filter_on_message, &list);
        if (r > 1 || r < -4095 || list.n_others > size / 16)
                abort();
        return 0;
}
