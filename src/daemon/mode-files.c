/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/mode-files.h"

#include <assert.h>
#include <string.h>
#include <syslog.h>

#include "host/state-file.h"

#define NAME "modes" /* that in RUNTIME_DIRECTORY also in units/cargowall-stop */

/* -ENOENT: there is no such file; other errors are logged. */
static int load(const Context *c, const char *directory, ModeTable *ret) {
        _cleanup_free_ char *text = NULL;
        const char *reason = "it was cut or changed";
        size_t size;
        int r;

        r = state_file_read(directory, NAME, MODE_TABLE_TEXT_MAX, &text, &size, &reason);
        if (r == -ENOENT)
                return r;
        if (r >= 0) {
                reason = "it was cut or changed";
                r = mode_table_parse(text, size, ret);
        }
        if (r < 0)
                log_message(c->log, LOG_ERR,
                            "cannot read the modes that were set from %s/" NAME " (%s): they are as configured; see cargowallctl "
                            "status, and set them again",
                            directory, reason);
        return r;
}

static int put(const char *directory, const ModeTable *t) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (mode_table_is_empty(t) && strcmp(directory, STATE_DIRECTORY) == 0) {
                r = state_file_remove(directory, NAME);
                return r == -ENOENT ? 0 : r;
        }
        r = mode_table_format(t, &text, &size);
        return r < 0 ? r : state_file_write(directory, NAME, text, size);
}

void mode_files_load(const Context *c, ModeTable *ret_set, ModeTable *ret_kept) {
        uint8_t setting;

        assert(c);
        assert(ret_set && ret_kept);

        *ret_set = *ret_kept = (ModeTable) MODE_TABLE_EMPTY;
        (void) load(c, STATE_DIRECTORY, ret_kept);
        if (load(c, RUNTIME_DIRECTORY, ret_set) >= 0)
                return;
        if (handover_override(c->handover, &setting))
                ret_set->all = (ModeSetting) setting;
        else if (mode_table_copy(ret_kept, ret_set) < 0)
                log_message(c->log, LOG_ERR, "out of memory: the modes that were kept are as configured");
}

void mode_files_put_set(const Context *c, const ModeTable *t) {
        int r;

        assert(c);
        assert(t);

        handover_put_override(c->handover, (uint8_t) t->all);
        r = put(RUNTIME_DIRECTORY, t);
        if (r < 0)
                log_message(c->log, LOG_ERR,
                            "cannot write the modes that were set to " RUNTIME_DIRECTORY " (%s): those of single scopes are lost "
                            "when the service restarts",
                            strerror(-r));
}

int mode_files_put_kept(const ModeTable *t) {
        assert(t);

        return put(STATE_DIRECTORY, t);
}
