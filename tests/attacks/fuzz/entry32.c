/* SPDX-License-Identifier: Apache-2.0 */
#include "entry32.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

long call32(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
        long result = number;

        __asm__ volatile("int $0x80"
                         : "+a"(result)
                         : "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                         : "memory", "r8", "r9", "r10", "r11");
        if (result < 0) {
                errno = (int) -result;
                return -1;
        }
        return result;
#else
        (void) number, (void) a, (void) b, (void) c, (void) d, (void) e;
        errno = ENOSYS;
        return -1;
#endif
}

bool entry32_works(void) {
        pid_t child = fork();
        int status;

        if (child == 0)
                _exit(call32(20, 0, 0, 0, 0, 0) > 0 ? 0 : 1); /* getpid */
        return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}
