/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/unit-firewall.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/macro.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SLICES_MAX 16

bool unit_firewall_covers(int family, const void *network, size_t size, uint32_t prefix_length) {
        static const uint8_t proxy[4] = { 127, 0, 0, 155 };
        const uint8_t *n = network;

        if (family != AF_INET || size != sizeof(proxy) || prefix_length > 32)
                return false;
        for (uint32_t bit = 0; bit < prefix_length; bit++)
                if ((n[bit / 8] ^ proxy[bit / 8]) & 0x80U >> bit % 8)
                        return false;
        return true;
}

/* Of IPAddressAllow=, IPAddressDeny=: does a network of the list have it? */
static int list_covers(sd_bus *bus, const char *path, const char *interface, const char *property, bool *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        int r = sd_bus_get_property(bus, SYSTEMD, path, interface, property, NULL, &m, "a(iayu)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(iayu)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "iayu")) > 0) {
                const void *network = NULL;
                uint32_t prefix_length = 0;
                int32_t family = 0;
                size_t size = 0;

                r = sd_bus_message_read(m, "i", &family);
                if (r >= 0)
                        r = sd_bus_message_read_array(m, 'y', &network, &size);
                if (r >= 0)
                        r = sd_bus_message_read(m, "u", &prefix_length);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0 && unit_firewall_covers(family, network, size, prefix_length))
                        *ret = true;
        }
        return r < 0 ? r : 0;
}

/* systemd before 250 does not have the setting. */
static int loopback_is_closed(sd_bus *bus, const char *path, const char *interface, bool *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *name;
        bool listed = false;
        int allow = 0;

        if (sd_bus_get_property(bus, SYSTEMD, path, interface, "RestrictNetworkInterfaces", NULL, &m, "(bas)") < 0)
                return 0;
        int r = sd_bus_message_enter_container(m, 'r', "bas");
        if (r >= 0)
                r = sd_bus_message_read(m, "b", &allow);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &name)) > 0)
                listed = listed || strcmp(name, "lo") == 0;
        if (r >= 0 && listed != (bool) allow)
                *ret = true;
        return r;
}

int unit_firewall_find(sd_bus *bus, const char *path, UnitFirewall *ret) {
        bool allowed = false, denied = false, interface_closed = false;
        _cleanup_free_ char *above = NULL;
        const char *interface = SYSTEMD ".Service";

        assert(bus && path && ret);

        for (unsigned i = 0; i < SLICES_MAX; i++) {
                _cleanup_free_ char *slice = NULL;

                int r = list_covers(bus, path, interface, "IPAddressAllow", &allowed);
                if (r >= 0)
                        r = list_covers(bus, path, interface, "IPAddressDeny", &denied);
                if (r >= 0)
                        r = loopback_is_closed(bus, path, interface, &interface_closed);
                if (r >= 0)
                        r = sd_bus_get_property_string(bus, SYSTEMD, path, interface, "Slice", NULL, &slice);
                if (r < 0)
                        return r;
                if (slice[0] == '\0')
                        break;
                free(above);
                above = NULL;
                r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", slice, &above);
                if (r < 0)
                        return r;
                path = above;
                interface = SYSTEMD ".Slice";
        }
        *ret = interface_closed      ? UNIT_FIREWALL_INTERFACE
               : denied && !allowed ? UNIT_FIREWALL_ADDRESS
                                    : UNIT_FIREWALL_OPEN;
        return 0;
}
