/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rows under headers, in columns as wide as their widest cell. */

#include <stdio.h>

#include "ctl/output.h"

typedef struct Table Table;

/* headers: constants, not copied. */
int table_new(const Output *output, const char *const *headers, size_t n_columns, Table **ret);
Table *table_free(Table *t);
DEFINE_CLEANUP_FUNC(Table *, table_free)

/* The next cell, row by row. Text may hold anything: it is copied and escaped. "" is shown as "-". */
int table_add(Table *t, const char *text);
int table_add_color(Table *t, Color color, const char *text);
int table_add_u64(Table *t, uint64_t value);

size_t table_n_rows(const Table *t);
/* legend: with the headers. full: do not truncate; otherwise the last column is truncated to the width of the
 * terminal. */
void table_print(const Table *t, FILE *f, bool legend, bool full);
