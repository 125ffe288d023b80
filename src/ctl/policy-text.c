/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/policy-text.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "ctl/bus-client.h"
#include "ctl/output.h"

#define READ_FIRST 65536U

const char *policy_text_origin(const char *file) {
        return strcmp(file, "-") == 0 ? "standard input" : file;
}

/* Reads up to one byte more than the limit, which the parser then rejects. */
static int read_all(int fd, char **ret, size_t *ret_size) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0, allocated = 0;

        for (;;) {
                if (allocated - size < 2) {
                        size_t wanted = MIN(MAX(allocated * 2, READ_FIRST), (size_t) POLICY_TEXT_MAX + 2);
                        char *more = realloc(text, wanted);

                        if (!more)
                                return -ENOMEM;
                        text = more;
                        allocated = wanted;
                }
                ssize_t n = read(fd, text + size, allocated - size - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                size += (size_t) n;
                if (n == 0 || size > POLICY_TEXT_MAX)
                        break;
        }
        text[size] = '\0';
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

int policy_text_read(const char *file, char **ret, size_t *ret_size) {
        bool input = strcmp(file, "-") == 0;

        assert(ret && ret_size);

        _cleanup_close_ int fd = input ? -EBADF : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        int r = !input && fd < 0 ? -errno : read_all(input ? STDIN_FILENO : fd, ret, ret_size);
        if (r < 0)
                complain("%s: cannot read the policy: %s", policy_text_origin(file),
                         strerrordesc_np(-r) ?: "unknown error");
        return r < 0 ? STATUS_FAILED : STATUS_OK;
}

void policy_text_complain(const char *origin, const char *path, uint64_t line, const char *reason) {
        if (line > 0)
                complain("%s:%llu: %s: %s", origin, (unsigned long long) line, path, reason);
        else
                complain("%s: %s: %s", origin, path, reason);
}

static int report_fault(const char *origin, JsonObject *faults, const Fault *f) {
        if (!faults) {
                policy_text_complain(origin, f->item, f->line, f->reason);
                return 0;
        }

        _cleanup_(json_object_putp) JsonObject *o = json_object_new_object();
        int r = json_value_add(o, "path", json_object_new_string(f->item));
        if (r >= 0)
                r = json_value_add(o, "line", json_object_new_int64(f->line));
        if (r >= 0)
                r = json_value_add(o, "reason", json_object_new_string(f->reason));
        if (r >= 0 && json_object_array_add(faults, o) < 0)
                r = -ENOMEM;
        if (r >= 0)
                o = NULL; /* owned by the array now */
        return r;
}

static int report_faults(const char *origin, JsonObject *into, const FaultList *faults) {
        int r = 0;

        for (size_t i = 0; i < faults->n && r >= 0; i++)
                r = report_fault(origin, into, &faults->faults[i]);
        if (faults->n_more > 0 && r >= 0) {
                Fault rest = { .item = "$" };

                (void) snprintf(rest.reason, sizeof(rest.reason), "and %zu more errors", faults->n_more);
                r = report_fault(origin, into, &rest);
        }
        return r;
}

/* Checks that the rules compile. Compiles a copy, because policy_new() consumes the source. */
static int try_compile(const char *text, size_t size, FaultList *faults) {
        _cleanup_(policy_source_done) PolicySource copy = {};
        _cleanup_(policy_freep) Policy *policy = NULL;

        int r = policy_source_from_json(&copy, text, size, faults);
        if (r < 0)
                return r;
        r = policy_new(&copy, &policy);
        if (r == -E2BIG)
                (void) fault_list_add(faults, "$.rules", 0,
                                      "one address is covered by more port entries than the kernel maps can hold");
        return r;
}

static int out_of_memory(const char *origin, int r) {
        complain("%s: cannot read the policy: %s", origin, strerrordesc_np(-r) ?: "unknown error");
        return STATUS_FAILED;
}

int policy_text_parse(const char *origin, const char *text, size_t size, JsonObject *faults, PolicySource *ret) {
        _cleanup_(policy_source_done) PolicySource source = {};
        _cleanup_(fault_list_done) FaultList list = {};

        assert(origin && text && ret);

        int r = policy_source_from_json(&source, text, size, &list);
        if (r >= 0)
                r = try_compile(text, size, &list);
        if (r < 0 && fault_list_count(&list) == 0)
                return out_of_memory(origin, r);
        if (r < 0) {
                int k = report_faults(origin, faults, &list);
                return k < 0 ? out_of_memory(origin, k) : STATUS_INVALID_POLICY;
        }
        *ret = source;
        source = (PolicySource) {};
        return STATUS_OK;
}

int policy_text_memfd(const char *text, size_t size, int *ret_fd) {
        assert(text && ret_fd);

        _cleanup_close_ int fd = memfd_create("cargowall-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, text + done, size - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t) n;
        }
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}
