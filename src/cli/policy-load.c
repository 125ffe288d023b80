/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy-load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "event/escape.h"

#define READ_FIRST 65536

static void print_error(const char *origin, const char *what, int error) {
        char safe[512];

        fprintf(stderr, "cargowall: %s: %s: %s\n", escape_terminal(origin, safe, sizeof(safe)), what,
                strerrordesc_np(-error) ?: "unknown error");
}

static void print_fault(const char *origin, const Fault *f) {
        char text[FAULT_TEXT_MAX], safe[2 * FAULT_TEXT_MAX];

        fprintf(stderr, "cargowall: %s\n", escape_terminal(fault_format(f, origin, text), safe, sizeof(safe)));
}

/* Reads a whole file or pipe, up to one byte more than a policy may have, which the parser rejects. */
static int read_all(int fd, char **ret, size_t *ret_length) {
        _cleanup_free_ char *text = NULL;
        size_t length = 0, allocated = 0;

        for (;;) {
                if (length == allocated) {
                        size_t n = MIN(allocated == 0 ? READ_FIRST : allocated * 2, (size_t) POLICY_TEXT_MAX + 1);
                        char *more = realloc(text, n);

                        if (!more)
                                return -ENOMEM;
                        text = more;
                        allocated = n;
                }
                ssize_t n = read(fd, text + length, allocated - length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                length += (size_t) n;
                if (n == 0 || length > POLICY_TEXT_MAX)
                        break;
        }

        *ret = TAKE_PTR(text);
        *ret_length = length;
        return 0;
}

/* ret_text: may be NULL. */
static int load(int fd, const char *path, PolicySource *ret, char **ret_text, size_t *ret_length) {
        _cleanup_(policy_source_done) PolicySource source = {};
        _cleanup_free_ char *text = NULL;
        _cleanup_(fault_list_done) FaultList faults = {};
        size_t length = 0;

        int r = read_all(fd, &text, &length);
        if (r < 0) {
                print_error(path, "cannot read the policy", r);
                return r;
        }

        r = policy_source_from_json(&source, text, length, &faults);
        for (size_t i = 0; i < faults.n; i++)
                print_fault(path, &faults.faults[i]);
        if (faults.n_more > 0) {
                Fault rest = { .item = "$" };

                (void) snprintf(rest.reason, sizeof(rest.reason), "and %zu more errors", faults.n_more);
                print_fault(path, &rest);
        }
        if (r < 0) {
                if (fault_list_count(&faults) == 0)
                        print_error(path, "cannot read the policy", r);
                return r;
        }

        *ret = source;
        source = (PolicySource) {};
        if (ret_text) {
                *ret_text = TAKE_PTR(text);
                *ret_length = length;
        }
        return 0;
}

int policy_load_fd(int fd, const char *path, PolicySource *ret) {
        return load(fd, path, ret, NULL, NULL);
}

int policy_load_file(const char *path, PolicySource *ret) {
        return policy_load_file_text(path, ret, NULL, NULL);
}

int policy_load_file_text(const char *path, PolicySource *ret, char **ret_text, size_t *ret_length) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0) {
                int r = -errno;
                print_error(path, "cannot read the policy", r);
                return r;
        }
        return load(fd, path, ret, ret_text, ret_length);
}

static const char *get_environment(const char *name, _unused_ void *userdata) {
        return getenv(name);
}

int policy_load_environment(PolicySource *ret) {
        _cleanup_(policy_source_done) PolicySource source = {};
        Fault fault = {};

        int r = policy_source_from_environment(&source, get_environment, NULL, NULL, &fault);
        if (r < 0) {
                if (fault.item[0] != '\0')
                        print_fault("environment", &fault);
                else
                        print_error("environment", "cannot read the policy", r);
                return r;
        }

        *ret = source;
        source = (PolicySource) {};
        return r;
}

int policy_load_finish(PolicySource *source, const char *origin, Policy **ret) {
        int r = policy_new(source, ret);
        if (r == -E2BIG) {
                Fault f = { .item = "$.rules" };

                (void) snprintf(f.reason, sizeof(f.reason), "one address is covered by more than %u port entries",
                                CW_PORT_RULES_MAX);
                print_fault(origin, &f);
        } else if (r < 0)
                print_error(origin, "cannot compile the policy", r);
        return r;
}
