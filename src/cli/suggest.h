/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `cargowall suggest EVENTS...`: a policy that allows what event logs have seen. Works offline and unprivileged. */

/* argv[0] is the first word after "suggest". Returns the exit status: 0 if a policy was printed, 1 if there is nothing to
 * allow, 2 usage, 125 if a log cannot be read. */
int cli_suggest(int argc, char **argv);
