/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `cargowall explain DEST`: what would happen to a connection, and which rule decides. Works offline and
 * unprivileged. */

/* argv[0] is the first word after "explain". Returns the exit status: 0 allowed, 1 denied, 2 usage, 125 invalid
 * policy. */
int cli_explain(int argc, char **argv);
