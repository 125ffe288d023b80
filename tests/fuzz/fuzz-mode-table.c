/* SPDX-License-Identifier: Apache-2.0 */

/* Modes that were kept: what is read has names of scopes, within its bounds, and is the same when it is written again. */

#include <assert.h>
#include <string.h>

#include "policy/mode-table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ModeTable t = MODE_TABLE_EMPTY;
        _cleanup_free_ char *text = NULL;
        size_t n;

        int r = mode_table_parse((const char *) data, size, &t);
        assert(r == 0 || r == -EBADMSG || r == -ENOMEM);
        if (r < 0)
                return 0;
        assert(t.n <= MODE_TABLE_MAX);
        for (size_t i = 0; i < t.n; i++)
                assert(policy_document_name_is_valid(t.entries[i].name));
        if (mode_table_format(&t, &text, &n) >= 0)
                assert(n == size && memcmp(text, data, n) == 0);
        mode_table_done(&t);
        return 0;
}
