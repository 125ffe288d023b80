/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* main() for one Check suite: the file that includes this defines suite(). TAP on stdout when CK_TAP_LOG_FILE_NAME is
 * "-". Under sanitizers the build sets CK_FORK=no, so that leaks are seen. */

#include <check.h>
#include <stdlib.h>

int main(void) {
        SRunner *runner = srunner_create(suite());
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
