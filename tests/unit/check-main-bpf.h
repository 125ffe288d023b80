/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* As check-main.h, for a suite that loads BPF programs: the file that includes this also defines try_to_load(), which
 * returns 0 or a negative errno. Without the right to load, the whole suite is skipped, with exit status 77. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
        int r = try_to_load();

        if (r == -EPERM || r == -ENOSYS) {
                (void) printf("1..0 # SKIP loading BPF programs is not permitted here\n");
                return 77;
        }

        SRunner *runner = srunner_create(suite());
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
