/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/fault.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void fault_list_done(FaultList *l) {
        assert(l);

        free(l->faults);
        *l = (FaultList) {};
}

/* Out of memory is not an error here: the parser has to reach the end of its input in any case. */
static Fault *fault_list_room(FaultList *l) {
        if (l->n == FAULTS_MAX)
                return NULL;
        if ((l->n & (l->n - 1)) == 0) { /* empty, or a power of two: the array is full */
                Fault *faults = realloc(l->faults, (l->n == 0 ? 1 : l->n * 2) * sizeof(Fault));

                if (!faults)
                        return NULL;
                l->faults = faults;
        }
        return &l->faults[l->n];
}

Fault *fault_list_add(FaultList *l, const char *item, unsigned line, const char *reason) {
        assert(l);
        assert(reason);

        Fault *f = fault_list_room(l);
        if (!f || l->n_more > 0) { /* keep the first ones only */
                l->n_more++;
                return NULL;
        }
        l->n++;
        *f = (Fault) { .line = line };
        (void) snprintf(f->file, sizeof(f->file), "%s", l->file ?: "");
        (void) snprintf(f->item, sizeof(f->item), "%s", item ?: "");
        (void) snprintf(f->reason, sizeof(f->reason), "%s", reason);
        return f;
}

const char *fault_format(const Fault *f, const char *origin, char buf[static FAULT_TEXT_MAX]) {
        char line[16] = "";

        assert(f);

        const char *file = f->file[0] != '\0' ? f->file : origin ?: "";
        if (f->line > 0)
                (void) snprintf(line, sizeof(line), *file ? ":%u" : "line %u", f->line);
        (void) snprintf(buf, FAULT_TEXT_MAX, "%s%s%s%s%s%s", file, line, *file || *line ? ": " : "", f->item,
                        f->item[0] != '\0' ? ": " : "", f->reason);
        return buf;
}
