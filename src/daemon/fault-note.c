/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/fault-note.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "host/state-file.h"

#define NAME "fault" /* also in units/cargowalld-fault.path, cargowalld-fault.service, and cargowall-stop */
#define SIZE_MAX_READ 8192

void fault_note_set(const char *text) {
        _cleanup_free_ char *old = NULL;
        const char *reason;
        size_t size;

        assert(text);

        if (state_file_read(RUNTIME_DIRECTORY, NAME, SIZE_MAX_READ, &old, &size, &reason) >= 0 && size == strlen(text) &&
            memcmp(old, text, size) == 0)
                return;
        (void) state_file_write(RUNTIME_DIRECTORY, NAME, text, strlen(text));
}

void fault_note_clear(void) {
        (void) state_file_remove(RUNTIME_DIRECTORY, NAME);
}
