/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/hook-probe.h"

#include <assert.h>
#include <bpf/bpf.h>

static bool knows_a_client(const Programs *programs) {
        struct cw_dns_client_key key;

        return bpf_map_get_next_key(programs_map_fd(programs, "dns_clients"), NULL, &key) == 0;
}

int hook_probe_run(const Programs *programs, engine_probe_fn probe, void *userdata, const char **ret_what) {
        int r;

        assert(programs);
        assert(probe);
        assert(ret_what);

        *ret_what = "cannot run the self-test";
        r = probe(ENGINE_PROBE_CONNECT, userdata);
        if (r < 0)
                return r;
        if (programs_counter(programs, CW_COUNT_DNS_CAPTURED) == 0) {
                *ret_what = "self-test failed: this kernel does not show the command's sockets to the firewall";
                return -EOPNOTSUPP;
        }
        r = probe(ENGINE_PROBE_SEND, userdata);
        if (r < 0)
                return r;
        if (!knows_a_client(programs)) {
                *ret_what = "self-test failed: this kernel does not show the command's packets to the firewall (are the "
                            "net_cls or net_prio controllers in use?)";
                return -EOPNOTSUPP;
        }
        return 0;
}
