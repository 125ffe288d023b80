/* SPDX-License-Identifier: Apache-2.0 */

/* From exec to COMMAND's first line: bench-start PROGRAM [ARG]... starts PROGRAM and prints how many ns later something
 * below it ran `bench-start --stamp`, which writes the time of its main() to stdout. */

#include <inttypes.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "bench.h"

static int stamp(void) {
        (void) printf("%" PRIu64 "\n", bench_now());
        return EXIT_SUCCESS;
}

static uint64_t read_stamp(int fd) {
        char text[64] = "";
        size_t n = 0;
        ssize_t k;

        while (n < sizeof(text) - 1 && (k = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
                n += (size_t) k;
        return strtoull(text, NULL, 10);
}

int main(int argc, char **argv) {
        posix_spawn_file_actions_t actions;
        int fds[2], status, r;
        pid_t pid;

        if (argc < 2)
                bench_die("no program");
        if (strcmp(argv[1], "--stamp") == 0)
                return stamp();
        if (pipe2(fds, O_CLOEXEC) < 0)
                bench_die("pipe: %m");
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);

        uint64_t begin = bench_now();
        r = posix_spawn(&pid, argv[1], &actions, NULL, argv + 1, environ);
        if (r != 0)
                bench_die("%s: %s", argv[1], strerror(r));
        (void) close(fds[1]);
        uint64_t end = read_stamp(fds[0]);
        if (waitpid(pid, &status, 0) < 0 || status != 0 || end < begin)
                bench_die("%s: no time came back", argv[1]);
        (void) printf("%" PRIu64 "\n", end - begin);
        posix_spawn_file_actions_destroy(&actions);
        return EXIT_SUCCESS;
}
