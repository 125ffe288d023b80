/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of the check: sockets of families without hooks. A unit can send past its policy with them, unless a BPF program
 * that is asked about each new socket refuses them, the kernel offers none, or systemd takes them from the unit. */

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/macro.h"
#include "ctl/family-modules.h"
#include "ctl/preflight.h"
#include "event/socket-family.h"

#define MODULES_DISABLED "/proc/sys/kernel/modules_disabled"
#define LSM_LIST "/sys/kernel/security/lsm"
#define FAMILY_MAX 46U /* the kernel has no higher ones */

/* ------------------------------------------------------------------ what the kernel offers */

uint64_t preflight_families(void) {
        int disabled = open(MODULES_DISABLED, O_RDONLY | O_CLOEXEC);
        char value = '1';
        uint64_t families = 0;

        if (disabled >= 0) {
                if (read(disabled, &value, 1) < 0)
                        value = '0';
                (void) close(disabled);
        }
        if (value == '0') /* the question would load a module */
                return 0;
        for (unsigned family = 1; family < FAMILY_MAX; family++) {
                if (socket_family_is_judged(family) || socket_family_is_privileged(family))
                        continue;
                int fd = socket((int) family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                if (fd >= 0 || errno != EAFNOSUPPORT) /* others: it has sockets of other types or protocols */
                        families |= 1ULL << family;
                if (fd >= 0)
                        (void) close(fd);
        }
        return families;
}

static void remove_blocked(const CheckTable *t, FamilyModules *m) {
        static const char *const dirs[] = { "/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d" };

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                char path[512];
                struct dirent *entry;

                (void) snprintf(path, sizeof(path), "%s%s", t->root, dirs[i]);
                DIR *d = opendir(path);
                while (d && (entry = readdir(d))) {
                        const char *end = strrchr(entry->d_name, '.');
                        if (!end || strcmp(end, ".conf") != 0)
                                continue;
                        (void) snprintf(path, sizeof(path), "%s/%s", dirs[i], entry->d_name);
                        _cleanup_free_ char *text = check_read(t, path);
                        if (text)
                                family_modules_remove_blocked(m, text);
                }
                if (d)
                        (void) closedir(d);
        }
}

/* "l2tp_ppp, pppoe and 7 others", or "AF_VSOCK"; "" if there are none. */
static void describe(const char *const *names, size_t n, char *buf, size_t size) {
        buf[0] = '\0';
        if (n == 1)
                (void) snprintf(buf, size, "%s", names[0]);
        else if (n == 2)
                (void) snprintf(buf, size, "%s and %s", names[0], names[1]);
        else if (n > 2)
                (void) snprintf(buf, size, "%s, %s and %zu more", names[0], names[1], n - 2);
}

static void describe_modules(const CheckTable *t, char *buf, size_t size) {
        const char *names[FAMILY_MODULES_MAX];
        char path[256];

        (void) snprintf(path, sizeof(path), "/lib/modules/%s/modules.alias", t->facts->kernel);
        _cleanup_free_ char *aliases = check_read(t, path);
        _cleanup_free_ FamilyModules *m = calloc(1, sizeof(*m));
        buf[0] = '\0';
        if (!aliases || !m)
                return;
        family_modules_add(m, aliases, t->facts->n_filtered > 0);
        remove_blocked(t, m);
        for (size_t i = 0; i < m->n; i++)
                names[i] = m->names[i];
        describe(names, m->n, buf, size);
}

static void describe_families(uint64_t families, bool filtered, char *buf, size_t size) {
        char texts[2][SOCKET_FAMILY_TEXT_MAX];
        const char *names[64] = { texts[0], texts[1] };
        size_t n = 0;

        for (unsigned family = 0; family < FAMILY_MAX; family++)
                if (families & 1ULL << family && !(filtered && socket_family_is_filtered(family))) {
                        if (n < 2)
                                (void) socket_family_to_string(family, texts[n]);
                        n++;
                }
        describe(names, n, buf, size);
}

/* ------------------------------------------------------------------ what refuses them */

/* "a,b": the kernel's list of security modules */
static bool list_has(const char *list, const char *name) {
        size_t n = strlen(name);

        for (const char *p = list; *p; p += strcspn(p, ",\n"), p += *p != '\0')
                if (strcspn(p, ",\n") == n && strncmp(p, name, n) == 0)
                        return true;
        return false;
}

static bool hook_is_possible(const CheckTable *t, const char *list) {
        unsigned major = 0, minor = 0;

        return list_has(list, "bpf") && check_has(t, "/sys/kernel/btf/vmlinux") &&
               sscanf(t->facts->kernel, "%u.%u", &major, &minor) == 2 && (major > 5 || (major == 5 && minor >= 15));
}

static void check_units(CheckTable *t) {
        const OpenUnits *u = &t->facts->units;

        if (u->error != 0)
                check_advise(check_add(t, "families in units", CHECK_WARN, "not known: %s", strerror(u->error)),
                             "run this check as root, while systemd runs and all policy documents are valid");
        else if (u->n_open == 0)
                (void) check_add(t, "families in units", CHECK_OK, "%zu running units have a policy, all of them restricted",
                                 u->n_policy);
        else
                check_advise(check_opens(check_add(t, "families in units", CHECK_WARN, "%zu of %zu running units with a policy may use "
                                                   "any family, such as %s", u->n_open, u->n_policy, u->first)),
                             "add the drop-in restrict-families.conf to these units: see SOCKET FAMILIES in cargowalld(8)");
}

/* The service's filters, where it cannot refuse sockets. */
static void check_devices(CheckTable *t) {
        const PreflightFacts *f = t->facts;

        if (f->n_filtered == f->n_devices)
                (void) check_add(t, "network devices", CHECK_OK, "all %u drop what others than IP sockets of units send",
                                 f->n_devices);
        else
                check_advise(check_add(t, "network devices", CHECK_WARN, "%u of %u have no filter for socket families, such "
                                       "as %s", f->n_devices - f->n_filtered, f->n_devices, f->unfiltered),
                             "see the journal of cargowalld; a queueing discipline of the kind ingress has no place for the "
                             "filter: replace it by one of the kind clsact");
}

void check_families(CheckTable *t) {
        _cleanup_free_ char *list = check_read(t, LSM_LIST), *disabled = check_read(t, MODULES_DISABLED);
        bool loads = disabled && disabled[0] == '0', filtered = t->facts->n_filtered > 0;
        char offered[128];

        if (hook_is_possible(t, list ?: "")) {
                (void) check_add(t, "socket families", CHECK_OK, "others than IP are refused in units by a BPF program");
                return;
        }
        if (loads)
                describe_modules(t, offered, sizeof(offered));
        else
                describe_families(t->facts->families, filtered, offered, sizeof(offered));
        if (filtered)
                check_devices(t);
        if (offered[0] == '\0') {
                (void) check_add(t, "socket families", CHECK_OK, "%s",
                                 filtered ? "what others than IP send is dropped at network devices, but for packets that "
                                            "CAP_NET_RAW sends past their queues (PACKET_QDISC_BYPASS, AF_XDP)" :
                                            "the kernel offers users none without hooks");
                return;
        }
        check_advise(check_add(t, "socket families", CHECK_WARN, "no %s for %s%s", filtered ? "hook or filter" : "hook",
                               offered, loads ? ", which any user can have loaded" : ""),
                     "boot Linux 5.15 or later with \"bpf\" in its list of security modules (lsm=), blacklist these modules, "
                     "or restrict the units: see SOCKET FAMILIES in cargowalld(8)");
        check_units(t);
}
