/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/grace.h"

#include <assert.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* MEMBARRIER_CMD_GLOBAL is synchronize_rcu() (kernel/sched/membarrier.c), and programs run in RCU read-side critical
 * sections, so all that were running have ended when it returns. That takes milliseconds on an idle machine and
 * longer on a busy one: too long for the event loop, hence the thread. It owns nothing and only writes the one flag.
 * If the kernel refuses (with nohz_full), it waits for a second: no program runs that long. */
static void *wait_for_programs(void *userdata) {
        int *over = userdata;

        if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
                (void) nanosleep(&(struct timespec) { .tv_sec = 1 }, NULL);
        __atomic_store_n(over, 1, __ATOMIC_RELEASE);
        return NULL;
}

void grace_begin(Grace *g) {
        assert(g);
        assert(!g->running);

        __atomic_store_n(&g->over, 0, __ATOMIC_RELAXED);
        g->running = pthread_create(&g->thread, NULL, wait_for_programs, &g->over) == 0;
        if (!g->running)
                (void) wait_for_programs(&g->over);
}

bool grace_is_over(Grace *g) {
        assert(g);

        if (g->running && !__atomic_load_n(&g->over, __ATOMIC_ACQUIRE))
                return false;
        grace_wait(g); /* it has ended */
        return true;
}

void grace_wait(Grace *g) {
        assert(g);

        if (g->running)
                (void) pthread_join(g->thread, NULL);
        g->running = false;
}
