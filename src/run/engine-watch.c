/* SPDX-License-Identifier: Apache-2.0 */
#include "run/engine-watch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/read-file.h"

#define COMM_MAX 64U
#define ACCEPTS_PER_WAKE 16U

struct EngineWatch {
        const SideDoors *doors; /* borrowed */
        sd_event_source *sources[SIDE_DOORS_MAX];
        bool is_reported[SIDE_DOORS_MAX];
        engine_watch_fn fn;
        void *userdata;
};

/* The process waits for nothing, and may have ended. */
static void report(EngineWatch *w, size_t i, int fd) {
        struct ucred peer = {};
        socklen_t size = sizeof(peer);
        char path[64];
        _cleanup_free_ char *comm = NULL;

        if (w->is_reported[i])
                return;
        w->is_reported[i] = true;
        (void) getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
        (void) snprintf(path, sizeof(path), "/proc/%d/comm", (int) peer.pid);
        if (read_file_at(AT_FDCWD, path, COMM_MAX, &comm, NULL) >= 0)
                comm[strcspn(comm, "\n")] = '\0';
        w->fn(w->doors->doors[i].path, peer.pid, comm ?: "", w->userdata);
}

static void accept_some(EngineWatch *w, size_t i) {
        for (unsigned n = 0; n < ACCEPTS_PER_WAKE; n++) {
                _cleanup_close_ int fd = accept4(w->doors->doors[i].decoy_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd < 0)
                        return;
                report(w, i, fd);
        }
}

static int on_connection(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents, void *userdata) {
        EngineWatch *w = userdata;

        for (size_t i = 0; i < w->doors->n; i++)
                if (w->doors->doors[i].decoy_fd == fd)
                        accept_some(w, i);
        return 0;
}

int engine_watch_new(sd_event *event, const SideDoors *doors, engine_watch_fn fn, void *userdata, EngineWatch **ret) {
        _cleanup_(engine_watch_freep) EngineWatch *w = calloc(1, sizeof(*w));
        int r = 0;

        assert(event && doors && fn && ret);

        if (!w)
                return -ENOMEM;
        *w = (EngineWatch) { .doors = doors, .fn = fn, .userdata = userdata };
        for (size_t i = 0; i < doors->n && r >= 0; i++)
                if (doors->doors[i].decoy_fd >= 0)
                        r = sd_event_add_io(event, &w->sources[i], doors->doors[i].decoy_fd, EPOLLIN, on_connection, w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

void engine_watch_flush(EngineWatch *w) {
        for (size_t i = 0; w && i < w->doors->n; i++)
                if (w->doors->doors[i].decoy_fd >= 0)
                        accept_some(w, i);
}

EngineWatch *engine_watch_free(EngineWatch *w) {
        for (size_t i = 0; w && i < SIDE_DOORS_MAX; i++)
                sd_event_source_disable_unref(w->sources[i]);
        free(w);
        return NULL;
}
