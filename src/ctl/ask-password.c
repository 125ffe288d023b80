/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ask-password.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "basic/macro.h"

#define AGENT "/usr/bin/pkttyagent"
#define READY_MSEC 5000

static _Noreturn void run(pid_t parent, int notify_fd) {
        char fd_text[16], pid_text[16];

        /* The agent must not outlive us, even if we are killed. */
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent || fcntl(notify_fd, F_SETFD, 0) < 0)
                _exit(EXIT_FAILURE);
        (void) snprintf(fd_text, sizeof(fd_text), "%i", notify_fd);
        (void) snprintf(pid_text, sizeof(pid_text), "%i", (int) parent);
        (void) execl(AGENT, AGENT, "--notify-fd", fd_text, "--fallback", "--process", pid_text, (char *) NULL);
        _exit(EXIT_FAILURE);
}

void ask_password_open(AskPassword *a) {
        int ends[2];

        assert(a);

        if (a->pid > 0 || geteuid() == 0 || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) ||
            access(AGENT, X_OK) < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return;

        pid_t parent = getpid(), pid = fork();
        if (pid == 0)
                run(parent, ends[1]);
        (void) close(ends[1]);
        if (pid > 0) {
                struct pollfd ready = { .fd = ends[0], .events = POLLIN };

                a->pid = pid;
                (void) poll(&ready, 1, READY_MSEC); /* the agent closes its end of the pipe once it is registered */
        }
        (void) close(ends[0]);
}

void ask_password_close(AskPassword *a) {
        assert(a);

        if (a->pid <= 0)
                return;
        (void) kill(a->pid, SIGTERM);
        (void) kill(a->pid, SIGCONT);
        while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        a->pid = 0;
}
