/* SPDX-License-Identifier: Apache-2.0 */
#include "run/domain.h"

#include <assert.h>
#include <linux/landlock.h>
#include <sys/syscall.h>

#include "basic/macro.h"

/* Newer than the oldest <linux/landlock.h> that we build with. */
#define NET_BIND_TCP (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)
#define RULE_NET_PORT 2
#define SCOPE_ABI 6
#define PORTS 65536

typedef struct Ruleset {
        uint64_t files; /* what it restricts */
        uint64_t net;
        uint64_t scope;
} Ruleset;

typedef struct NetRule {
        uint64_t allow;
        uint64_t port;
} NetRule;

int domain_abi(void) {
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi < 0 ? 0 : (int) abi;
}

/* Port 0 is one too: any free one. */
static int allow_all_ports(int ruleset_fd) {
        for (uint64_t port = 0; port < PORTS; port++) {
                const NetRule rule = { .allow = NET_BIND_TCP, .port = port };

                if (syscall(SYS_landlock_add_rule, ruleset_fd, RULE_NET_PORT, &rule, 0) < 0)
                        return -errno;
        }
        return 0;
}

/* A domain has to restrict something. Signals to processes outside are what is missed least; before there was that, the
 * TCP ports to bind, all of which are then allowed. */
int domain_enter(int abi) {
        const bool scoped = abi >= SCOPE_ABI;
        const Ruleset what = { .net = scoped ? 0 : NET_BIND_TCP, .scope = scoped ? SCOPE_SIGNAL : 0 };
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(abi >= DOMAIN_ABI_MIN);

        fd = (int) syscall(SYS_landlock_create_ruleset, &what, sizeof(what), 0);
        if (fd < 0)
                return -errno;
        r = scoped ? 0 : allow_all_ports(fd);
        if (r < 0)
                return r;
        return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
