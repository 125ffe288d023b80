/* SPDX-License-Identifier: Apache-2.0 */

/* Events to NDJSON on one core: bench-events FILE ROUNDS. Prints, for each round, the ns one event costs in the encoder
 * alone and written to FILE through the sink, and the bytes of a line. FILE is made and removed. */

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "bench.h"
#include "bpf/api.h"
#include "event/event-json.h"
#include "sink/ndjson-file.h"

#define EVENTS 50000U /* a round */
#define ROUNDS_MAX 1000U

/* A connection of a process three levels below the runner, found by name through a CNAME. */
static void fill(Event *e) {
        static const struct {
                uint32_t pid;
                const char *comm;
        } parents[] = { { 4321, "git" }, { 4300, "bash" }, { 1200, "Runner.Worker" } };

        *e = (Event) {
                .type = EVENT_CONNECTION_ALLOWED,
                .time_usec = 1767225600123456,
                .verdict = ACTION_ALLOW,
                .reason = CW_REASON_RULE,
                .has_verdict = true,
                .has_src = true,
                .has_dst = true,
                .src_port = 51234,
                .dst_port = 443,
                .protocol = IPPROTO_TCP,
                .hostname = "objects.github.com",
                .cname_chain = "github.map.example",
                .matched_rule = "github.com",
                .rule = 3,
                .pid = 4330,
                .tid = 4330,
                .uid = 1001,
                .gid = 1001,
                .process = "git-remote-http",
                .executable = "/usr/lib/git-core/git-remote-http",
                .n_parents = ELEMENTSOF(parents),
                .cgroup_id = 4711,
                .cgroup = "/system.slice/runner.service/cargowall-812-3f9c",
        };
        for (size_t i = 0; i < ELEMENTSOF(parents); i++)
                e->parents[i] = (EventParent) { .pid = parents[i].pid, .comm = parents[i].comm };
        if (in_addr_parse("10.1.0.5", &e->src) < 0 || in_addr_parse("140.82.112.3", &e->dst) < 0)
                bench_die("a constant address is wrong");
}

static void vary(Event *e, uint64_t i) {
        e->sequence = i + 1;
        e->time_usec += 7;
        e->src_port = (uint16_t) (32768 + i % 28000);
        e->dst.b[15] = (uint8_t) i;
}

static double time_encoder(Event *e, size_t *ret_bytes) {
        char line[EVENT_LINE_MAX];
        size_t bytes = 0;
        uint64_t begin = bench_now();

        for (uint64_t i = 0; i < EVENTS; i++) {
                vary(e, i);
                bytes += event_json_write(e, line);
        }
        *ret_bytes = bytes / EVENTS;
        return (double) (bench_now() - begin) / EVENTS;
}

static double time_file(Event *e, NdjsonFile *f) {
        uint64_t begin = bench_now();

        for (uint64_t i = 0; i < EVENTS; i++) {
                vary(e, i);
                ndjson_file_write(f, e);
        }
        ndjson_file_flush(f);
        return (double) (bench_now() - begin) / EVENTS;
}

int main(int argc, char **argv) {
        NdjsonFile *file;
        size_t bytes;
        Event e;

        if (argc != 3)
                bench_die("FILE and ROUNDS");
        unsigned rounds = bench_number(argv[2], ROUNDS_MAX);
        int fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                bench_die("%s: %m", argv[1]);
        (void) unlink(argv[1]);
        if (ndjson_file_new_fd(fd, &file) < 0)
                bench_die("no sink");
        fill(&e);
        for (unsigned i = 0; i < rounds; i++) {
                double encoder = time_encoder(&e, &bytes), whole = time_file(&e, file);
                (void) printf("%.1f %.1f %zu\n", encoder, whole, bytes);
                if (ftruncate(fd, 0) < 0)
                        bench_die("ftruncate: %m");
        }
        uint64_t lost = ndjson_file_n_lost(file);
        ndjson_file_free(file);
        (void) close(fd);
        if (lost > 0)
                bench_die("%" PRIu64 " lines could not be written", lost);
        return EXIT_SUCCESS;
}
