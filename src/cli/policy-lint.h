/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `cargowall policy lint FILE`. Works offline and unprivileged. */

/* argv[0] is the first word after "lint". Returns the exit status: 0 if nothing was found, 1 if something was, 2 usage, 125
 * invalid policy. */
int cli_policy_lint(int argc, char **argv);
