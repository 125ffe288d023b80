/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define GAP 2

typedef struct Cell {
        char *text; /* escaped */
        size_t width;
        Color color;
} Cell;

struct Table {
        const Output *output;       /* borrowed */
        const char *const *headers; /* borrowed */
        size_t n_columns;
        Cell *cells;
        size_t n, n_allocated;
        size_t *widths; /* widest cell of each column, headers excluded */
};

int table_new(const Output *output, const char *const *headers, size_t n_columns, Table **ret) {
        assert(output && headers && n_columns > 0 && ret);

        _cleanup_(table_freep) Table *t = calloc(1, sizeof(Table));
        if (!t)
                return -ENOMEM;
        *t = (Table) { .output = output, .headers = headers, .n_columns = n_columns };
        t->widths = calloc(n_columns, sizeof(size_t));
        if (!t->widths)
                return -ENOMEM;
        *ret = TAKE_PTR(t);
        return 0;
}

Table *table_free(Table *t) {
        if (!t)
                return NULL;

        for (size_t i = 0; i < t->n; i++)
                free(t->cells[i].text);
        free(t->cells);
        free(t->widths);
        free(t);
        return NULL;
}

int table_add_color(Table *t, Color color, const char *text) {
        assert(t && text);

        if (t->n == t->n_allocated) {
                size_t n = MAX(t->n_allocated * 2, 64U);
                Cell *cells = reallocarray(t->cells, n, sizeof(Cell));

                if (!cells)
                        return -ENOMEM;
                t->cells = cells;
                t->n_allocated = n;
        }
        char *safe = output_safe(t->output, text[0] != '\0' ? text : "-");
        if (!safe)
                return -ENOMEM;
        size_t width = output_width(t->output, safe), *widest = &t->widths[t->n % t->n_columns];
        t->cells[t->n++] = (Cell) { .text = safe, .width = width, .color = color };
        *widest = MAX(*widest, width);
        return 0;
}

int table_add(Table *t, const char *text) {
        return table_add_color(t, COLOR_NORMAL, text);
}

int table_add_u64(Table *t, uint64_t value) {
        char buf[24];

        (void) snprintf(buf, sizeof(buf), "%" PRIu64, value);
        return table_add(t, buf);
}

size_t table_n_rows(const Table *t) {
        return t->n / t->n_columns;
}

static size_t column_width(const Table *t, size_t column, bool legend) {
        return legend ? MAX(t->widths[column], strlen(t->headers[column])) : t->widths[column];
}

static void print_cell(const Table *t, FILE *f, const char *text, size_t width, Color color, size_t padded) {
        (void) fprintf(f, "%s%s%s", color != COLOR_NORMAL ? output_color(t->output, color) : "", text,
                       color != COLOR_NORMAL ? output_color(t->output, COLOR_NORMAL) : "");
        if (padded > width)
                (void) fprintf(f, "%*s", (int) (padded - width), "");
}

/* The width of the terminal that remains for the last column. */
static size_t last_column_room(const Table *t, bool legend) {
        size_t used = 0;

        for (size_t i = 0; i + 1 < t->n_columns; i++)
                used += column_width(t, i, legend) + GAP;
        /* Keep the last column readable, even if lines then wrap. */
        return t->output->columns > used + 8 ? t->output->columns - used : 8;
}

static void print_row(const Table *t, FILE *f, size_t row, bool legend, size_t last_room) {
        for (size_t i = 0; i < t->n_columns; i++) {
                const Cell *c = &t->cells[row * t->n_columns + i];
                bool last = i + 1 == t->n_columns;

                if (last && last_room > 0)
                        output_cut(t->output, c->text, last_room);
                print_cell(t, f, c->text, c->width, c->color, last ? 0 : column_width(t, i, legend) + GAP);
        }
        (void) putc('\n', f);
}

void table_print(const Table *t, FILE *f, bool legend, bool full) {
        assert(t && f);

        size_t last_room = full || t->output->columns == 0 ? 0 : last_column_room(t, legend);
        for (size_t i = 0; legend && i < t->n_columns; i++) {
                bool last = i + 1 == t->n_columns;

                print_cell(t, f, t->headers[i], strlen(t->headers[i]), COLOR_BOLD,
                           last ? 0 : column_width(t, i, legend) + GAP);
        }
        if (legend)
                (void) putc('\n', f);
        for (size_t row = 0; row < table_n_rows(t); row++)
                print_row(t, f, row, legend, last_room);
}
