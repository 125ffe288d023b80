/* SPDX-License-Identifier: Apache-2.0 */

/* A DNS client that keeps a server busy: bench-resolve SERVER. Reads commands from stdin:
 *   ask LETTER ZONE FIRST COUNT MODULO WINDOW
 * asks COUNT questions for the A record of LETTER<FIRST + i % MODULO>.ZONE, at most WINDOW in flight, and answers with
 * one line: wall ns, answered without error, REFUSED, other rcodes, lost (no answer for two seconds), and the time from
 * a question to its answer that 99 of 100 do not exceed, in ns. */

#include <inttypes.h>
#include <poll.h>
#include <sched.h>

#include "bench.h"

#define WINDOW_MAX 128U
#define COUNT_MAX 1000000U
#define BATCH 32U
#define MESSAGE_MAX 512
#define LOST_MSEC 2000

typedef struct Load {
        int fd;
        char letter;
        const char *zone;
        unsigned first, count, modulo, window;
        unsigned sent, in_flight;
        unsigned answered, refused, failed, lost;
        uint64_t open[UINT16_MAX + 1]; /* by id: when it was sent; 0: not open */
        uint64_t times[COUNT_MAX];     /* of those with an answer */
} Load;

static size_t put_label(uint8_t *p, const char *label, size_t n) {
        p[0] = (uint8_t) n;
        memcpy(p + 1, label, n);
        return n + 1;
}

/* RFC 1035 4.1: recursion desired, one question, type A, class IN. */
static size_t build_query(const Load *l, uint8_t p[static MESSAGE_MAX]) {
        char label[16];
        size_t n = 12;
        uint16_t id = (uint16_t) l->sent;

        memset(p, 0, n);
        p[0] = (uint8_t) (id >> 8);
        p[1] = (uint8_t) id;
        p[2] = 1;
        p[5] = 1;
        int k = snprintf(label, sizeof(label), "%c%u", l->letter, l->first + l->sent % l->modulo);
        n += put_label(p + n, label, (size_t) k);
        for (const char *s = l->zone; *s;) {
                size_t length = strcspn(s, ".");
                n += put_label(p + n, s, length);
                s += length + (s[length] == '.');
        }
        memcpy(p + n, "\0\0\1\0\1", 5);
        return n + 5;
}

static void send_some(Load *l) {
        uint8_t queries[BATCH][MESSAGE_MAX];
        struct mmsghdr messages[BATCH] = {};
        struct iovec parts[BATCH];
        uint64_t now = bench_now();
        unsigned n = 0;

        while (n < BATCH && l->sent < l->count && l->in_flight < l->window) {
                parts[n] = (struct iovec) { .iov_base = queries[n], .iov_len = build_query(l, queries[n]) };
                messages[n].msg_hdr = (struct msghdr) { .msg_iov = &parts[n], .msg_iovlen = 1 };
                l->open[(uint16_t) l->sent] = now;
                l->sent++;
                l->in_flight++;
                n++;
        }
        for (unsigned done = 0; done < n;) {
                int k = sendmmsg(l->fd, messages + done, n - done, 0);
                if (k < 0)
                        bench_die("a query cannot be sent: %m");
                done += (unsigned) k;
        }
}

static void take(Load *l, const uint8_t *p, size_t n, uint64_t now) {
        if (n < 12)
                return;
        uint64_t *open = &l->open[(uint16_t) (p[0] << 8 | p[1])];
        if (!*open)
                return;
        l->times[l->answered + l->refused + l->failed] = now - *open;
        *open = 0;
        l->in_flight--;
        uint8_t rcode = p[3] & 0xf;
        if (rcode == 0 && p[7] > 0)
                l->answered++;
        else if (rcode == 5)
                l->refused++;
        else
                l->failed++;
}

static void receive_some(Load *l) {
        struct pollfd readable = { .fd = l->fd, .events = POLLIN };
        uint8_t replies[BATCH][MESSAGE_MAX];
        struct mmsghdr messages[BATCH] = {};
        struct iovec parts[BATCH];

        if (poll(&readable, 1, LOST_MSEC) == 0) {
                l->lost += l->in_flight;
                l->in_flight = 0;
                memset(l->open, 0, sizeof(l->open));
                return;
        }
        for (unsigned i = 0; i < BATCH; i++) {
                parts[i] = (struct iovec) { .iov_base = replies[i], .iov_len = MESSAGE_MAX };
                messages[i].msg_hdr = (struct msghdr) { .msg_iov = &parts[i], .msg_iovlen = 1 };
        }
        int n = recvmmsg(l->fd, messages, BATCH, MSG_DONTWAIT, NULL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
                bench_die("no answer can be read: %m");
        uint64_t now = bench_now();
        for (int i = 0; i < n; i++)
                take(l, replies[i], messages[i].msg_len, now);
}

static int compare_times(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

static uint64_t slowest_but_one_percent(Load *l) {
        size_t n = l->answered + l->refused + l->failed;

        qsort(l->times, n, sizeof(l->times[0]), compare_times);
        return n ? l->times[(n * 99 - 1) / 100] : 0;
}

static uint64_t ask(Load *l) {
        uint64_t begin = bench_now();

        while (l->sent < l->count || l->in_flight > 0) {
                if (l->sent < l->count && l->in_flight < l->window)
                        send_some(l);
                receive_some(l);
        }
        return bench_now() - begin;
}

static void check_zone(const char *zone) {
        if (!zone || !*zone || strlen(zone) > 200)
                bench_die("no zone");
        for (const char *s = zone; *s; s += strcspn(s, ".") + (s[strcspn(s, ".")] == '.'))
                if (strcspn(s, ".") == 0 || strcspn(s, ".") > 63)
                        bench_die("%s: not a zone", zone);
}

static void run(Load *l, char *words[static BENCH_WORDS_MAX]) {
        if (strcmp(words[0], "ask") != 0 || !words[1])
                bench_die("%s: no such command", words[0]);
        check_zone(words[2]);
        l->letter = words[1][0];
        l->zone = words[2];
        l->first = bench_number(words[3], COUNT_MAX);
        l->count = bench_number(words[4], COUNT_MAX);
        l->modulo = MAX(bench_number(words[5], COUNT_MAX), 1U);
        l->window = MAX(bench_number(words[6], WINDOW_MAX), 1U);
        l->sent = l->answered = l->refused = l->failed = l->lost = 0;

        uint64_t ns = ask(l);
        (void) printf("%" PRIu64 " %u %u %u %u %" PRIu64 "\n", ns, l->answered, l->refused, l->failed, l->lost,
                      slowest_but_one_percent(l));
        (void) fflush(stdout);
}

/* The server is on the first. */
static void stay_on_last_cpu(void) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &set);
        (void) sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv) {
        static Load load;
        char line[512], *words[BENCH_WORDS_MAX];
        struct sockaddr_storage server;
        socklen_t length = bench_address(argc == 2 ? argv[1] : NULL, 53, &server);

        load.fd = socket(server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (load.fd < 0 || connect(load.fd, (struct sockaddr *) &server, length) < 0)
                bench_die("%s: %m", argv[1]);
        stay_on_last_cpu();
        while (bench_read_command(line, words))
                run(&load, words);
        (void) close(load.fd);
        return EXIT_SUCCESS;
}
