/* SPDX-License-Identifier: Apache-2.0 */

/* Configuration text, read as the service reads it: faults have a line and words that a terminal can show, and what was
 * taken is within its bounds. */

#include <assert.h>
#include <string.h>

#include "bpf/api.h"
#include "config/conf-file.h"
#include "config/service-config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fault(const Fault *f, unsigned lines) {
        assert(f->line <= lines);
        assert(f->reason[0] != '\0' && strnlen(f->reason, sizeof(f->reason)) < sizeof(f->reason));
        assert(strnlen(f->item, sizeof(f->item)) < sizeof(f->item));
        for (const char *c = f->item; *c; c++)
                assert(*c >= ' ' && *c < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(fault_list_done) FaultList faults = {};
        ServiceConfig c;
        unsigned lines = 1;

        if (service_config_init(&c) < 0)
                return 0;
        for (size_t i = 0; i < size; i++)
                lines += data[i] == '\n';

        int r = conf_file_parse((const char *) data, size, service_config_apply, &c, &faults);
        assert(r == 0 || r == -EINVAL || r == -ENOMEM);
        assert(r == -ENOMEM || (r == 0) == (faults.n == 0));
        for (size_t i = 0; i < faults.n; i++)
                check_fault(&faults.faults[i], lines);

        assert(c.n_upstreams <= CONFIG_UPSTREAMS_MAX && c.n_forwarders <= CONFIG_FORWARDERS_MAX);
        assert((c.required_hooks & ~CW_HOOKS_ALL) == 0);
        assert(log_level_to_string(c.log_level));
        assert(!c.events_file || c.events_file[0] == '/');
        service_config_done(&c);
        return 0;
}
