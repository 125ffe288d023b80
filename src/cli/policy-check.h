/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `cargowall policy check FILE`: is the policy valid? Works offline and unprivileged. */

/* argv[0] is the first word after "policy check". Returns the exit status: 0 valid, 1 not, 2 usage. */
int cli_policy_check(int argc, char **argv);
