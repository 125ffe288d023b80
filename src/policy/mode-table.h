/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The modes that were set over the bus, for all scopes and for single ones by name, and the text in which they outlive the
 * process. */

#include "policy/policy-document.h"

/* A mode, or "as configured". */
typedef enum ModeSetting {
        MODE_SETTING_ENFORCE = MODE_ENFORCE,
        MODE_SETTING_AUDIT = MODE_AUDIT,
        MODE_SETTING_OFF = MODE_OFF,
        MODE_SETTING_CONFIGURED,
} ModeSetting;

#define MODE_TABLE_MAX 256U /* names; there are fewer documents */
#define MODE_TABLE_TEXT_MAX (32U * 1024)

typedef struct ModeEntry {
        char name[POLICY_NAME_MAX + 1]; /* of the scope */
        Mode mode;
} ModeEntry;

typedef struct ModeTable {
        ModeSetting all;
        ModeEntry *entries; /* owned */
        size_t n;
} ModeTable;

#define MODE_TABLE_EMPTY { .all = MODE_SETTING_CONFIGURED }

void mode_table_done(ModeTable *t); /* it is empty afterwards */
int mode_table_copy(const ModeTable *from, ModeTable *ret);
bool mode_table_is_empty(const ModeTable *t);
bool mode_table_equals(const ModeTable *a, const ModeTable *b);

/* MODE_SETTING_CONFIGURED: none was set by this name. */
ModeSetting mode_table_get(const ModeTable *t, const char *name);
/* name NULL: for all scopes. Only enforce keeps what was set by name, since that may be stronger; the others apply to
 * everything. -ENOSPC, -ENOMEM, and -EINVAL for a name that no scope can have: nothing has changed. */
int mode_table_set(ModeTable *t, const char *name, ModeSetting mode);

/* The caller frees *ret. -ENOMEM. */
int mode_table_format(const ModeTable *t, char **ret, size_t *ret_size);
/* -EBADMSG for what the function above does not write, or if it was cut; -ENOMEM. *ret is complete, or unchanged. */
int mode_table_parse(const char *text, size_t size, ModeTable *ret);
