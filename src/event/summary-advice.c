/* SPDX-License-Identifier: Apache-2.0 */
#include "event/summary-internal.h"

#include <assert.h>
#include <string.h>

/* How a client repeats a request that was refused: docs/clients.md has the measurements. */
typedef struct Manner {
        const char *processes[2]; /* command names, alone or before a blank */
        uint64_t waits_usec;      /* from the first attempt to a later one: longer than a single request takes */
        const char *advice;
} Manner;

static const Manner manners[SUMMARY_ADVICE_MAX] = {
        { { "npm" }, 8 * USEC_PER_SEC,
          "npm waits 10 and 60 seconds before it repeats what was refused; fetch-retries=0 in .npmrc prevents it" },
        { { "pip", "pip3" }, 3 * USEC_PER_SEC,
          "pip repeats what was refused five times, with pauses; PIP_RETRIES=0 or --retries 0 prevents it" },
};

static bool is_process(const SummaryEntry *e, const char *name) {
        size_t n = strlen(name);

        return strncmp(e->process, name, n) == 0 && (e->process[n] == '\0' || e->process[n] == ' ');
}

static bool has_waited(const SummaryEntry *e, const Manner *m) {
        if (e->class != SUMMARY_DENIED || e->last_usec < e->first_usec || e->last_usec - e->first_usec < m->waits_usec)
                return false;

        for (size_t i = 0; i < ELEMENTSOF(m->processes) && m->processes[i]; i++)
                if (is_process(e, m->processes[i]))
                        return true;
        return false;
}

size_t summary_advice(const SummaryView *v, const char *ret[static SUMMARY_ADVICE_MAX]) {
        size_t n = 0;

        assert(v);

        for (size_t i = 0; i < ELEMENTSOF(manners); i++)
                for (size_t k = 0; k < v->n; k++)
                        if (has_waited(v->entries[k], &manners[i])) {
                                ret[n++] = manners[i].advice;
                                break;
                        }
        return n;
}
