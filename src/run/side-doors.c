/* SPDX-License-Identifier: Apache-2.0 */
#include "run/side-doors.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "basic/macro.h"

static const char *const sockets[] = {
        "/run/systemd/resolve/io.systemd.Resolve", /* nss-resolve(8) */
        "/run/nscd/socket",                        /* nscd(8), nsncd */
        "/run/avahi-daemon/socket",                /* nss-mdns */
};

static bool is_socket(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISSOCK(st.st_mode);
}

bool side_doors_exist(void) {
        for (size_t i = 0; i < ELEMENTSOF(sockets); i++)
                if (is_socket(sockets[i]))
                        return true;
        return false;
}

int side_doors_close(void) {
        bool unshared = false;

        for (size_t i = 0; i < ELEMENTSOF(sockets); i++) {
                if (!is_socket(sockets[i]))
                        continue;
                /* Slave: outside mounts made later still appear inside, but never the other way round. */
                if (!unshared && (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0))
                        return -errno;
                unshared = true;
                if (mount("/dev/null", sockets[i], NULL, MS_BIND, NULL) < 0)
                        return -errno;
        }
        return 0;
}
