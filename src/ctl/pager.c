/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pager.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "basic/macro.h"

static bool is_elevated(void) {
        return getuid() != geteuid() || getgid() != getegid() || (geteuid() == 0 && getenv("SUDO_UID")) ||
               (geteuid() == 0 && getenv("PKEXEC_UID"));
}

/* NULL: no pager is wanted. */
static const char *choose(bool elevated) {
        const char *command = elevated ? NULL : getenv("SYSTEMD_PAGER") ?: getenv("PAGER");

        if (!command)
                return "less";
        return command[0] == '\0' || strcmp(command, "cat") == 0 ? NULL : command;
}

static _Noreturn void run(const char *command, bool elevated, int input) {
        const char *options = getenv("SYSTEMD_LESS");

        (void) signal(SIGPIPE, SIG_DFL);
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (dup2(input, STDIN_FILENO) < 0 || setenv("LESS", options && !elevated ? options : "FRSXMK", 1) < 0 ||
            (elevated && (setenv("LESSSECURE", "1", 1) < 0 || unsetenv("LESSOPEN") < 0)))
                _exit(EXIT_FAILURE);
        if (strcmp(command, "less") == 0)
                (void) execlp("less", "less", (char *) NULL);
        else
                (void) execl("/bin/sh", "sh", "-c", command, (char *) NULL);
        /* Without a pager, the text is copied to the terminal. */
        (void) execlp("cat", "cat", (char *) NULL);
        _exit(EXIT_FAILURE);
}

void pager_open(Pager *p) {
        int ends[2];

        assert(p);

        bool elevated = is_elevated();
        const char *command = choose(elevated);
        if (p->pid > 0 || !command || !isatty(STDOUT_FILENO) || pipe2(ends, O_CLOEXEC) < 0)
                return;
        (void) fflush(stdout);

        pid_t pid = fork();
        if (pid == 0)
                run(command, elevated, ends[0]);
        (void) close(ends[0]);
        if (pid > 0 && dup2(ends[1], STDOUT_FILENO) >= 0) {
                p->pid = pid;
                (void) signal(SIGPIPE, SIG_IGN); /* the user may quit the pager early */
        }
        (void) close(ends[1]);
}

void pager_close(Pager *p) {
        assert(p);

        if (p->pid <= 0)
                return;
        (void) fflush(stdout);
        (void) close(STDOUT_FILENO);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        p->pid = 0;
}
