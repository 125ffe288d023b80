/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The table of all verbs, for the command line and --help. A test compares man page and completions with it. */

#include "ctl/ctl.h"

/* Options that only some verbs take; any other combination is a usage error. */
typedef enum OptionMask {
        OPTION_SCOPE = 1 << 0,
        OPTION_FOLLOW = 1 << 1,
        OPTION_LINES = 1 << 2,
        OPTION_SINCE = 1 << 3,
        OPTION_FILTER = 1 << 4,
        OPTION_EXIT_CODE = 1 << 5,
        OPTION_LABEL = 1 << 6,
        OPTION_WAIT = 1 << 7,
        OPTION_JSON = 1 << 8,
        OPTION_FOR = 1 << 9,
        OPTION_VIA = 1 << 10,
        OPTION_PERSIST = 1 << 11,
        OPTION_SELECT = 1 << 12,  /* by unit and job */
        OPTION_SUGGEST = 1 << 13,
} OptionMask;

typedef struct Verb {
        const char *group;     /* heading in --help; NULL: same as the previous verb */
        const char *name;
        const char *noun;      /* second word, or NULL */
        const char *arguments; /* as --help shows them */
        const char *help;
        int min_arguments, max_arguments;
        unsigned options;      /* OptionMask */
        int (*run)(Ctl *c, int argc, char **argv);
} Verb;

/* The verb that argv begins with; status if argc is 0. *ret_words: the number of words of its name. NULL: none. */
const Verb *verb_find(int argc, char **argv, int *ret_words);
/* "show, load, check, lint or diff": the second words of the verbs that begin with name, or if there are none all first words.
 * Returns whether there are such. */
bool verb_list(const char *name, char *buf, size_t size);
