/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <string.h>

bool option_value(const char *name, int argc, char **argv, int *i, const char **ret) {
        size_t n = strlen(name);

        if (strncmp(argv[*i], name, n) != 0 || (argv[*i][n] != '\0' && argv[*i][n] != '='))
                return false;
        if (argv[*i][n] == '=')
                *ret = argv[*i] + n + 1;
        else
                *ret = *i + 1 < argc ? argv[++*i] : NULL;
        return true;
}
