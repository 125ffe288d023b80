/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `cargowall run`: one engine around one command, without a daemon. */

/* Exit statuses other than COMMAND's own. */
enum {
        RUN_EXIT_DENIED = 3,      /* --fail-on-denied */
        RUN_EXIT_FAILED = 125,    /* cargowall itself */
        RUN_EXIT_CANNOT_RUN = 126,
        RUN_EXIT_NOT_FOUND = 127,
        RUN_EXIT_SIGNAL = 128,    /* plus the number of the signal */
};

/* argv[0] is the first word after the verb. Returns the exit status. */
int cli_run(int argc, char **argv);
