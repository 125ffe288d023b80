/* SPDX-License-Identifier: Apache-2.0 */
/* job SEED SECONDS [FIRST LAST [CALLS]]: sequences of random socket calls, in a few processes; all but the timing
 * follows from SEED. With FIRST and LAST only these sequences, again and again, in one process, and of each only the
 * calls in the mask CALLS; the first round is printed on stderr. Prints counts as JSON. */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 4
#define PROGRESS_MAX 200000 /* an hour */

static double now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void work(Job *j, double end) {
        job_never_block();
        job_open(j);
        job_look_up(j);
        while (now() < end)
                job_run_sequence(j, atomic_fetch_add(&j->shared->next, 1), UINT64_MAX);
        _exit(0);
}

static void replay(Job *j, double end, uint32_t first, uint32_t last, uint64_t calls) {
        job_never_block();
        job_open(j);
        job_look_up(j);
        j->verbose = true;
        do {
                for (uint32_t i = first; i <= last; i++)
                        job_run_sequence(j, i, calls);
                j->verbose = false;
        } while (now() < end);
        _exit(0);
}

typedef struct Progress {
        double at;
        uint32_t next;
} Progress;

/* Where the sequences were at which time, for frames that do not identify theirs. */
static void print_progress(const Progress *p, size_t n) {
        printf("{\"progress\": [");
        for (size_t i = 0; i < n; i++)
                printf("%s[%.3f, %u]", i ? ", " : "", p[i].at, p[i].next);
        printf("], ");
}

static void print_counts(Shared *s) {
        printf("\"sequences\": %u, \"calls\": %llu, \"succeeded\": %llu, \"sent\": %llu, \"left\": %u, \"families\": [",
               s->next, (unsigned long long) s->n_calls, (unsigned long long) s->n_succeeded,
               (unsigned long long) s->n_sent, s->n_left < LEFT_MAX ? s->n_left : LEFT_MAX);
        for (int i = 0, n = 0; i < FAMILIES; i++)
                if (s->families[i])
                        printf("%s%d", n++ ? ", " : "", i);
        puts("]}");
        fflush(stdout);
}

static size_t follow(const Shared *s, double end, Progress *ret, size_t max) {
        size_t n = 0;

        while (n < max && now() < end) {
                ret[n++] = (Progress){.at = now(), .next = s->next};
                usleep(20000);
        }
        return n;
}

static void wait_for_all(pid_t *workers, double end) {
        for (int i = 0; i < WORKERS; i++) {
                while (workers[i] > 0 && waitpid(workers[i], NULL, WNOHANG) == 0 && now() < end)
                        usleep(10000);
                if (workers[i] > 0)
                        kill(workers[i], SIGKILL);
        }
}

static int inherited(char *argv[]) {
        Job j = {.where = {.seed = (uint32_t) atol(argv[3]), .sequence = (uint32_t) atol(argv[4])}, .inside = true};
        Shared shared = {};

        job_never_block();
        j.shared = &shared;
        j.program = "/nonexistent"; /* once is enough */
        j.parent = getpid();
        job_open(&j);
        job_run_inherited(&j, (int) atol(argv[2]));
        return 0;
}

int main(int argc, char *argv[]) {
        pid_t workers[WORKERS] = {};
        Job j = {.program = "/proc/self/exe", .parent = getpid()};

        if (argc == 5 && strcmp(argv[1], "--inherited") == 0)
                return inherited(argv);
        if (argc < 3)
                return 2;
        j.where.seed = (uint32_t) strtoul(argv[1], NULL, 10);
        double end = now() + atof(argv[2]);
        j.shared = mmap(NULL, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (j.shared == MAP_FAILED)
                return 1;
        for (int i = 0; i < (argc > 4 ? 1 : WORKERS); i++) {
                workers[i] = fork();
                if (workers[i] == 0 && argc > 4)
                        replay(&j, end, (uint32_t) strtoul(argv[3], NULL, 10), (uint32_t) strtoul(argv[4], NULL, 10),
                               argc > 5 ? strtoull(argv[5], NULL, 16) : UINT64_MAX);
                if (workers[i] == 0)
                        work(&j, end);
        }
        static Progress progress[PROGRESS_MAX];
        size_t n = follow(j.shared, end, progress, PROGRESS_MAX);
        wait_for_all(workers, end + 3);
        print_progress(progress, n);
        print_counts(j.shared);
        return 0;
}
