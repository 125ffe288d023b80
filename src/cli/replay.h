/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `cargowall replay --policy FILE EVENTS...`: what a policy would have decided about the events of logs. Works offline
 * and unprivileged. */

/* argv[0] is the first word after "replay". Returns the exit status: 0 if nothing that was allowed would be denied, 1
 * otherwise, 2 usage, 125 invalid policy, or a log that cannot be read. */
int cli_replay(int argc, char **argv);
