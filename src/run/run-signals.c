/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run-signals.h"

#include <assert.h>
#include <sys/signalfd.h>

#include "basic/macro.h"

static const int forwarded[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH };

int signals_take(SignalState *ret) {
        const struct sigaction ignore = { .sa_handler = SIG_IGN }, standard = { .sa_handler = SIG_DFL };
        SignalState s;
        sigset_t mask;

        assert(ret);

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(forwarded); i++)
                (void) sigaddset(&mask, forwarded[i]);
        /* With SIGCHLD ignored, as some callers leave it, COMMAND would be reaped automatically. */
        if (sigaction(SIGPIPE, &ignore, &s.pipe) < 0 || sigaction(SIGCHLD, &standard, &s.chld) < 0 ||
            sigprocmask(SIG_BLOCK, &mask, &s.mask) < 0)
                return -errno;
        *ret = s;
        return 0;
}

int signals_restore(const SignalState *s) {
        assert(s);

        if (sigaction(SIGPIPE, &s->pipe, NULL) < 0 || sigaction(SIGCHLD, &s->chld, NULL) < 0 ||
            sigprocmask(SIG_SETMASK, &s->mask, NULL) < 0)
                return -errno;
        return 0;
}

/* sigaction(2): a positive code is the kernel's, here the terminal's. When a terminal hangs up, only the session
 * leader gets SIGHUP, so if that is cargowall, it must pass the signal to COMMAND. */
static bool is_for_child(const struct signalfd_siginfo *si) {
        return si->ssi_code <= 0 || (si->ssi_signo == SIGHUP && getsid(0) == getpid());
}

static int on_signal(sd_event_source *source _unused_, const struct signalfd_siginfo *si, void *userdata) {
        SignalTarget *target = userdata;
        int number = (int) si->ssi_signo;

        if (*target->pid > 0 && is_for_child(si))
                (void) kill(*target->pid, number);
        else if (*target->pid == 0)
                target->end_is_asked |= number == SIGINT || number == SIGQUIT || number == SIGTERM || number == SIGHUP;
        return 0;
}

int signals_forward(sd_event *event, SignalTarget *target) {
        int r;

        assert(event && target && target->pid);

        for (size_t i = 0; i < ELEMENTSOF(forwarded); i++) {
                r = sd_event_add_signal(event, NULL, forwarded[i], on_signal, target);
                if (r < 0)
                        return r;
        }
        return 0;
}
