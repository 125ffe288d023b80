/* SPDX-License-Identifier: Apache-2.0 */

/* Times system calls that reach the network. Reads commands from stdin and answers each with one line:
 *   connect ADDRESS PORT N   connect() ns, socket+connect+close ns, done, refused (EPERM), failed
 *   send ADDRESS PORT N      send() on a connected UDP socket, eight of them ns, 0, done, refused, failed
 *   sendto ADDRESS PORT N    sendto() on an unconnected one: the same
 *   bulk ADDRESS PORT MB     one TCP stream: wall ns, CPU ns, done (1), refused, failed
 * Times of calls are medians over the N: what else the machine does meanwhile falls on few of them. */

#include <inttypes.h>
#include <sched.h>

#include "bench.h"

#define CALLS_MAX 1000000U
#define BULK_MAX 4096U
#define PAYLOAD 64 /* bytes of a datagram */
#define SENDS 8    /* timed together: one is short against the clock */

typedef struct Counts {
        uint64_t first_ns, second_ns;
        unsigned done, refused, failed;
} Counts;

static void count(Counts *c, bool done) {
        if (done)
                c->done++;
        else if (errno == EPERM)
                c->refused++;
        else
                c->failed++;
}

static int compare(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static uint64_t median(uint64_t *ns, unsigned n) {
        if (n == 0)
                return 0;
        qsort(ns, n, sizeof(ns[0]), compare);
        return ns[n / 2];
}

static uint64_t *new_times(unsigned n) {
        uint64_t *ns = calloc((size_t) n + 1, sizeof(*ns));

        if (!ns)
                bench_die("out of memory");
        return ns;
}

static int open_socket(const struct sockaddr_storage *to, int type) {
        int fd = socket(to->ss_family, type | SOCK_CLOEXEC, 0);

        if (fd < 0)
                bench_die("socket: %m");
        return fd;
}

/* Closed with a reset: no TIME_WAIT, so that ports do not run out. */
static void close_with_reset(int fd) {
        const struct linger linger = { .l_onoff = 1 };

        if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
                bench_die("SO_LINGER: %m");
        (void) close(fd);
}

static Counts time_connect(const struct sockaddr_storage *to, socklen_t length, unsigned n) {
        _cleanup_free_ uint64_t *calls = new_times(n), *cycles = new_times(n);
        Counts c = {};

        for (unsigned i = 0; i < n; i++) {
                uint64_t begin = bench_now();
                int fd = open_socket(to, SOCK_STREAM);
                uint64_t before = bench_now();
                int r = connect(fd, (const struct sockaddr *) to, length);
                calls[i] = bench_now() - before;
                count(&c, r == 0);
                close_with_reset(fd);
                cycles[i] = bench_now() - begin;
        }
        c.first_ns = median(calls, n);
        c.second_ns = median(cycles, n);
        return c;
}

static Counts time_datagrams(const struct sockaddr_storage *to, socklen_t length, unsigned n, bool connected) {
        _cleanup_free_ uint64_t *times = new_times(n / SENDS);
        _cleanup_close_ int fd = open_socket(to, SOCK_DGRAM);
        const struct sockaddr *name = connected ? NULL : (const struct sockaddr *) to;
        const char payload[PAYLOAD] = "";
        Counts c = {};

        if (connected && connect(fd, (const struct sockaddr *) to, length) < 0) {
                count(&c, false);
                return c;
        }
        for (unsigned i = 0; i < n / SENDS; i++) {
                uint64_t begin = bench_now();
                for (unsigned k = 0; k < SENDS; k++)
                        count(&c, sendto(fd, payload, sizeof(payload), 0, name, connected ? 0 : length) == PAYLOAD);
                times[i] = bench_now() - begin;
        }
        c.first_ns = median(times, n / SENDS);
        return c;
}

static Counts time_bulk(const struct sockaddr_storage *to, socklen_t length, unsigned megabytes) {
        _cleanup_close_ int fd = open_socket(to, SOCK_STREAM);
        static char data[1U << 20]; /* zeros */
        Counts c = {};
        char byte;

        if (connect(fd, (const struct sockaddr *) to, length) < 0) {
                count(&c, false);
                return c;
        }
        uint64_t begin = bench_now(), cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
        for (uint64_t left = (uint64_t) megabytes << 20; left > 0;) {
                ssize_t k = send(fd, data, MIN(left, sizeof(data)), MSG_NOSIGNAL);
                if (k < 0) {
                        count(&c, false);
                        return c;
                }
                left -= (uint64_t) k;
        }
        (void) shutdown(fd, SHUT_WR);
        count(&c, read(fd, &byte, 1) == 0); /* the other side closes when it has it all */
        c.first_ns = bench_now() - begin;
        c.second_ns = bench_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        return c;
}

static Counts run(char *words[static BENCH_WORDS_MAX]) {
        const char *what = words[0];
        struct sockaddr_storage to;
        socklen_t length = bench_address(words[1], bench_number(words[2], UINT16_MAX), &to);

        if (strcmp(what, "connect") == 0)
                return time_connect(&to, length, bench_number(words[3], CALLS_MAX));
        if (strcmp(what, "send") == 0)
                return time_datagrams(&to, length, bench_number(words[3], CALLS_MAX), true);
        if (strcmp(what, "sendto") == 0)
                return time_datagrams(&to, length, bench_number(words[3], CALLS_MAX), false);
        if (strcmp(what, "bulk") == 0)
                return time_bulk(&to, length, bench_number(words[3], BULK_MAX));
        bench_die("%s: no such command", what);
}

/* Not on the last CPU, where the other side is. */
static void stay_on_first_cpu(void) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(0, &set);
        (void) sched_setaffinity(0, sizeof(set), &set);
}

int main(void) {
        char line[512], *words[BENCH_WORDS_MAX];

        stay_on_first_cpu();
        while (bench_read_command(line, words)) {
                Counts c = run(words);

                (void) printf("%" PRIu64 " %" PRIu64 " %u %u %u\n", c.first_ns, c.second_ns, c.done, c.refused,
                              c.failed);
                (void) fflush(stdout);
        }
        return EXIT_SUCCESS;
}
