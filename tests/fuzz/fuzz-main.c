/* SPDX-License-Identifier: Apache-2.0 */

/* Replays a corpus through one harness in the ordinary test run, so that what was found once stays found. Each file is
 * also tried cut short at every length up to a bound. TAP. */

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (1U << 20)
#define CUTS_MAX 512

static void try_input(const uint8_t *data, size_t size) {
        /* A copy of the exact size: reading past its end is seen by the sanitizers. */
        uint8_t *copy = malloc(size + !size);

        if (!copy)
                abort();
        memcpy(copy, data, size);
        (void) LLVMFuzzerTestOneInput(copy, size);
        free(copy);
}

static int replay(const char *path) {
        _cleanup_free_ uint8_t *data = malloc(INPUT_MAX);
        FILE *f = fopen(path, "rbe");
        size_t n;

        if (!f || !data) {
                if (f)
                        fclose(f);
                return -EIO;
        }
        n = fread(data, 1, INPUT_MAX, f);
        fclose(f);
        for (size_t cut = 0; cut < MIN(n, (size_t) CUTS_MAX); cut++)
                try_input(data, cut);
        try_input(data, n);
        return 0;
}

int main(int argc, char *argv[]) {
        struct dirent **entries;
        int n = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1, n_tests = 0, failed = 0;

        if (n < 0) {
                fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
                return 2;
        }
        for (int i = 0; i < n; i++) {
                char path[4096];
                if (entries[i]->d_name[0] != '.') {
                        snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
                        bool ok = replay(path) >= 0;
                        printf("%sok %d - %s\n", ok ? "" : "not ", ++n_tests, entries[i]->d_name);
                        failed |= !ok;
                }
                free(entries[i]);
        }
        free(entries);
        printf("1..%d\n", n_tests);
        return failed || n_tests == 0;
}
