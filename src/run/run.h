/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `cargowall run`: one engine around one command, without a daemon. */

/* What the exit status means when it is not COMMAND's own. */
enum {
        RUN_EXIT_DENIED = 3,      /* --fail-on-denied */
        RUN_EXIT_FAILED = 125,    /* cargowall itself */
        RUN_EXIT_CANNOT_RUN = 126,
        RUN_EXIT_NOT_FOUND = 127,
        RUN_EXIT_SIGNAL = 128,    /* and the signal's number */
};

/* argv[0] is the first word behind the verb. Returns the exit status. */
int cli_run(int argc, char **argv);
