/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/unit-match.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "basic/macro.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ------------------------------------------------------------------ globs */

static const struct {
        const char *glob;
        const char *text;
        bool matches;
} globs[] = {
        { "a", "a", true },
        { "a", "b", false },
        { "a", "ab", false },
        { "ab", "a", false },
        { "a", "", false },
        { "*", "", true },
        { "*", "abc", true },
        { "**", "abc", true },
        { "a*", "a", true },
        { "a*", "abc", true },
        { "a*", "ba", false },
        { "*c", "abc", true },
        { "*c", "abcd", false },
        { "a*c", "ac", true },
        { "a*c", "abcbc", true },
        { "a*c*", "abcbd", true },
        { "a*b*c", "aXbYbZc", true },
        { "a*b*c", "aXcYc", false },
        { "?", "", false },
        { "?", "a", true },
        { "?*", "a", true },
        { "?*", "", false },
        { "a?c", "abc", true },
        { "a?c", "ac", false },
        { "[abc]x", "bx", true },
        { "[abc]x", "dx", false },
        { "[a-c]", "b", true },
        { "[a-c]", "-", false },
        { "[a-]", "-", true },
        { "[-a]", "-", true },
        { "[a-]", "b", false },
        { "[!a-c]", "b", false },
        { "[!a-c]", "d", true },
        { "[!a-c]", "", false },
        { "[ac-eg]", "d", true },
        { "[ac-eg]", "f", false },
        { "*[0-9]", "runner12", true },
        { "*[0-9]", "runner", false },
        { "a\\x2db", "a\\x2db", true },
        { "a\\*", "a*", false },
        { "a\\*", "a\\b", true },
        { "A", "a", false },
        { "*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
};

START_TEST(glob_matches) {
        const char *text = globs[_i].text;

        ck_assert_msg(match_glob(globs[_i].glob, text, strlen(text)) == globs[_i].matches, "%s %s", globs[_i].glob,
                      text);
}
END_TEST

/* ------------------------------------------------------------------ patterns */

static const struct {
        MatchKind kind;
        const char *text;
        bool valid;
} patterns[] = {
        { MATCH_UNIT, "actions.runner.*", true },
        { MATCH_UNIT, "actions.runner.a-b.c_d:e@f\\x2dg.service", true },
        { MATCH_UNIT, "*", true },
        { MATCH_UNIT, "a.scope", true },
        { MATCH_UNIT, "a-[0-9].mount", true },
        { MATCH_UNIT, "a-?[!x].swap", true },
        { MATCH_UNIT, "a.socket", true },
        { MATCH_UNIT, "", false },
        { MATCH_UNIT, "a", false },
        { MATCH_UNIT, ".service", false },
        { MATCH_UNIT, "a.servic?", false },
        { MATCH_UNIT, "a.services", false },
        { MATCH_UNIT, "a.timer", false },
        { MATCH_UNIT, "a.slice", false },
        { MATCH_UNIT, "*.slice", false },
        { MATCH_UNIT, "/system.slice/a.service", false },
        { MATCH_UNIT, "a b.service", false },
        { MATCH_UNIT, "a[.service", false },
        { MATCH_UNIT, "a[].service", false },
        { MATCH_UNIT, "a[!].service", false },
        { MATCH_UNIT, "a[]b].service", false },
        { MATCH_UNIT, "a[^b].service", false },
        { MATCH_UNIT, "a[a/b].service", false },
        { MATCH_UNIT, "a[z-a].service", false },
        { MATCH_UNIT, "a].service", false },
        { MATCH_UNIT, "{a,b}.service", false },
        { MATCH_UNIT, "caf\xc3\xa9.service", false },
        { MATCH_UNIT, "a\n.service", false },
        { MATCH_CONTAINER, "*", true },
        { MATCH_CONTAINER, "web-[0-9]", true },
        { MATCH_CONTAINER, "0123456789ab*", true },
        { MATCH_CONTAINER, "", false },
        { MATCH_CONTAINER, "a/b", false },
        { MATCH_SLICE, "runners.slice", true },
        { MATCH_SLICE, "a-b-c.slice", true },
        { MATCH_SLICE, "system-foo\\x2dbar.slice", true },
        { MATCH_SLICE, "runners", false },
        { MATCH_SLICE, ".slice", false },
        { MATCH_SLICE, "-.slice", false },
        { MATCH_SLICE, "a.service", false },
        { MATCH_SLICE, "*.slice", false },
        { MATCH_SLICE, "a[b].slice", false },
        { MATCH_SLICE, "-a.slice", false },
        { MATCH_SLICE, "a-.slice", false },
        { MATCH_SLICE, "a--b.slice", false },
        { MATCH_SLICE, "a.slice/b.slice", false },
};

START_TEST(pattern_is_checked) {
        const char *reason = NULL;
        MatchList l = {};

        int r = match_list_add(&l, patterns[_i].kind, patterns[_i].text, &reason);
        ck_assert_msg(r == (patterns[_i].valid ? 0 : -EINVAL), "%s: %d", patterns[_i].text, r);
        ck_assert_uint_eq(l.n, patterns[_i].valid);
        ck_assert((r < 0) == (reason != NULL));
        match_list_done(&l);
}
END_TEST

START_TEST(lists_are_bounded) {
        const char *reason = NULL;
        MatchList l = {};
        char text[300];

        for (unsigned i = 0; i < MATCH_PATTERNS_MAX; i++)
                ck_assert_int_eq(match_list_add(&l, MATCH_UNIT, "a.service", &reason), 0);
        ck_assert_int_eq(match_list_add(&l, MATCH_SLICE, "a.slice", &reason), -EINVAL);
        ck_assert_uint_eq(l.n, MATCH_PATTERNS_MAX);
        match_list_done(&l);
        ck_assert_uint_eq(l.n, 0);

        memset(text, 'a', sizeof(text));
        strcpy(text + 255 - strlen(".service"), ".service");
        ck_assert_int_eq(match_list_add(&l, MATCH_UNIT, text, &reason), 0);
        text[255 - strlen(".service")] = 'a';
        strcpy(text + 256 - strlen(".service"), ".service");
        ck_assert_int_eq(match_list_add(&l, MATCH_UNIT, text, &reason), -EINVAL);
        match_list_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ documents */

#define DOCUMENTS_MAX 6

/* "u:a.service s:b.slice c:*" */
static void list_make(MatchList *l, const char *text) {
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy;

        for (char *word; (word = strsep(&rest, " "));) {
                const char *reason = NULL;
                MatchKind kind = word[0] == 'u' ? MATCH_UNIT : word[0] == 'c' ? MATCH_CONTAINER : MATCH_SLICE;

                ck_assert_msg(match_list_add(l, kind, word + 2, &reason) == 0, "%s: %s", word, reason);
        }
}

static int match(const char *const *documents, const char *path) {
        MatchList lists[DOCUMENTS_MAX] = {};
        const MatchList *pointers[DOCUMENTS_MAX];
        size_t n = 0;

        for (; n < DOCUMENTS_MAX && documents[n]; n++) {
                list_make(&lists[n], documents[n]);
                pointers[n] = &lists[n];
        }
        int r = match_documents(pointers, n, path);
        for (size_t i = 0; i < n; i++)
                match_list_done(&lists[i]);
        return r;
}

#define RUNNER "actions.runner.acme.box1.service"

static const struct {
        const char *documents[DOCUMENTS_MAX];
        const char *path;
        int expected; /* index, or an error */
} cases[] = {
        { {}, "/system.slice/a.service", -ENOENT },
        /* the subject */
        { { "u:" RUNNER }, "/system.slice/" RUNNER, 0 },
        { { "u:" RUNNER }, "/system.slice/" RUNNER "/sub/sub", 0 },
        { { "u:foo@1.service" }, "/system.slice/system-foo.slice/foo@1.service/sub", 0 },
        { { "u:" RUNNER }, "/" RUNNER, 0 },
        { { "u:init.scope" }, "/init.scope", 0 },
        { { "u:*" }, "/system.slice", -ENOENT },
        { { "u:*" }, "/", -ENOENT },
        { { "s:system.slice" }, "/", -ENOENT },
        { { "s:system.slice" }, "/system.slice", 0 },
        { { "s:system.slice" }, "/system.slice/a.service/sub", 0 },
        { { "s:system-foo.slice" }, "/system.slice/system-foo.slice/foo@1.service", 0 },
        { { "u:user@1000.service" }, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", 0 },
        /* below the subject names are anybody's */
        { { "u:" RUNNER }, "/user.slice/user-1000.slice/user@1000.service/app.slice/" RUNNER, -ENOENT },
        { { "u:" RUNNER }, "/system.slice/b.service/" RUNNER, -ENOENT },
        { { "s:app.slice" }, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", -ENOENT },
        { { "c:*" }, "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", -ENOENT },
        { { "s:a.slice" }, "/a.service/a.slice", -ENOENT },
        /* look-alikes */
        { { "u:" RUNNER }, "/system.slice/x" RUNNER, -ENOENT },
        { { "u:" RUNNER }, "/system.slice/" RUNNER "x", -ENOENT },
        { { "u:" RUNNER }, "/system.slice/" RUNNER ".scope", -ENOENT },
        { { "u:actions.runner.*" }, "/system.slice/actions-runner.a.service", -ENOENT },
        { { "s:runners.slice" }, "/runners.slices/a.service", -ENOENT },
        { { "s:runners.slice" }, "/xrunners.slice/a.service", -ENOENT },
        { { "s:runners.slice" }, "/runners.slicex/runners.slice", -ENOENT },
        { { "u:*" }, "/.slice/a.service", 0 },
        { { "u:a.service" }, "/.slice/a.service", -ENOENT },
        /* what systemd escapes */
        { { "u:cpu.foo.service" }, "/system.slice/_cpu.foo.service", 0 },
        { { "u:_foo.service" }, "/system.slice/__foo.service", 0 },
        { { "u:_foo.service" }, "/system.slice/_foo.service", -ENOENT },
        { { "s:cpu.slice" }, "/_cpu.slice/a.service", 0 },
        { { "u:a\\x2db.service" }, "/system.slice/a\\x2db.service", 0 },
        { { "u:a-b.service" }, "/system.slice/a\\x2db.service", -ENOENT },
        { { "u:*" }, "/system.slice/_", -ENOENT },
        /* containers */
        { { "c:0123456789ab*" }, "/system.slice/docker-" ID ".scope", 0 },
        { { "c:" ID }, "/machine.slice/libpod-" ID ".scope/container", 0 },
        { { "c:0*" }, "/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope", 0 },
        { { "c:0*" }, "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope", 0 },
        { { "c:*" }, "/machine.slice/libpod-conmon-" ID ".scope", -ENOENT },
        { { "c:*" }, "/system.slice/docker-.scope", -ENOENT },
        { { "c:*" }, "/system.slice/docker-" ID ".service", -ENOENT },
        { { "c:*" }, "/system.slice/docker.service", -ENOENT },
        { { "c:*" }, "/system.slice/xdocker-" ID ".scope", -ENOENT },
        { { "c:*" }, "/system.slice/a.service", -ENOENT },
        { { "c:web-1" }, "/machine.slice/machine-web\\x2d1.scope/payload", 0 },
        { { "c:web\\x2d1" }, "/machine.slice/machine-web\\x2d1.scope", -ENOENT },
        { { "c:web" }, "/machine.slice/machine-web\\x2.scope", -ENOENT },
        { { "c:web\\x2" }, "/machine.slice/machine-web\\x2.scope", 0 },
        { { "c:web-1" }, "/machine.slice/systemd-nspawn@web-1.service/payload", 0 },
        { { "c:*" }, "/machine.slice/systemd-nspawn@.service", -ENOENT },
        { { "u:docker-*.scope" }, "/system.slice/docker-" ID ".scope", 0 },
        /* of engines that make cgroups themselves */
        { { "c:0123456789ab*" }, "/docker/" ID, 0 },
        { { "c:" ID }, "/docker/" ID "/docker/x", 0 },
        { { "c:" ID }, "/libpod_parent/libpod-" ID, 0 },
        { { "c:*" }, "/libpod_parent/conmon", -ENOENT },
        { { "c:*" }, "/libpod_parent/libpod-conmon-" ID, -ENOENT },
        { { "c:0*" }, "/kubepods/besteffort/pod12-34/" ID, 0 },
        { { "c:0*" }, "/kubepods/pod12-34/cri-containerd-" ID, 0 },
        { { "c:*" }, "/kubepods/besteffort/pod12-34", -ENOENT },
        { { "c:*" }, "/kubepods/besteffort", -ENOENT },
        { { "c:web-1" }, "/lxc/web-1", 0 },
        { { "c:web" }, "/lxc.payload.web/init.scope", 0 },
        { { "c:*" }, "/lxc.monitor.web", -ENOENT },
        { { "c:*" }, "/docker", -ENOENT },
        { { "c:z9*" }, "/system.slice/system.slice:docker:z9yx8", 0 },
        { { "c:z9yx8" }, "/system.slice:docker:z9yx8", 0 },
        { { "c:*" }, "/system.slice/system.slice:docker:", -ENOENT },
        { { "c:*" }, "/system.slice/a.service/docker/" ID, -ENOENT },
        { { "c:*" }, "/system.slice/docker/" ID, -ENOENT },
        { { "c:*" }, "/user.slice/user-1000.slice/user@1000.service/docker/" ID, -ENOENT },
        { { "u:*", "c:*" }, "/docker/" ID, 0 },
        /* precedence: kinds */
        { { "s:system.slice", "c:" ID, "u:*" }, "/system.slice/docker-" ID ".scope", 2 },
        { { "s:system.slice", "c:*", "u:a*" }, "/system.slice/docker-" ID ".scope", 1 },
        { { "s:system.slice", "c:a*", "u:a*" }, "/system.slice/docker-" ID ".scope", 0 },
        /* the deepest slice */
        { { "s:a.slice", "s:a-b-c.slice", "s:a-b.slice" }, "/a.slice/a-b.slice/a-b-c.slice/x.service", 1 },
        { { "s:a.slice", "s:a-b-c.slice", "s:a-b.slice" }, "/a.slice/a-b.slice/x.service", 2 },
        { { "s:a.slice", "s:a-b-c.slice", "s:a-b.slice" }, "/a.slice/a-b.slice", 2 },
        /* exact, longer literal prefix, order */
        { { "u:actions.*", "u:actions.runner.*", "u:*" }, "/s.slice/actions.runner.a.service", 1 },
        { { "u:actions.runner.a.service*", "u:actions.runner.a.service" }, "/s.slice/actions.runner.a.service", 1 },
        { { "u:*", "u:a.service", "u:a.service" }, "/s.slice/a.service", 1 },
        { { "u:a*", "u:a?*", "u:a*.service" }, "/s.slice/a.service", 0 },
        { { "u:b.service u:a*", "u:a.s*" }, "/s.slice/a.service", 1 },
        { { "u:b.service u:a.s*", "u:a*" }, "/s.slice/a.service", 0 },
        /* what is no path of a cgroup */
        { { "u:*" }, "", -EINVAL },
        { { "u:*" }, "a.service", -EINVAL },
        { { "u:*" }, "//a.service", -EINVAL },
        { { "u:*" }, "/system.slice//a.service", -EINVAL },
        { { "u:*" }, "/system.slice/a.service/", -EINVAL },
        { { "u:*" }, "/../a.service", -EINVAL },
        { { "u:*" }, "/a.service/..", -EINVAL },
        { { "u:*" }, "/a.service/../../b.service", -EINVAL },
        { { "u:*" }, "/./a.service", -EINVAL },
        { { "u:*" }, "/...", 0 },
        { { "u:*" }, "/a.service/..x", 0 },
};

START_TEST(document_is_found) {
        int r = match(cases[_i].documents, cases[_i].path);

        ck_assert_msg(r == cases[_i].expected, "%s: %d, not %d", cases[_i].path, r, cases[_i].expected);
}
END_TEST

/* Nothing below the subject, however deep a job nests it, takes the path out of the match. */
START_TEST(long_paths) {
        static const char *const unit[] = { "u:" RUNNER, NULL };
        static const char *const slice[] = { "s:a.slice", NULL };
        const size_t size = 1U << 20;
        _cleanup_free_ char *path = malloc(size + 1);
        char name[258];

        ck_assert_ptr_nonnull(path);
        size_t n = (size_t) snprintf(path, size, "/system.slice/" RUNNER);
        for (; n < size - 2; n += 2)
                memcpy(path + n, "/x", 2);
        path[n] = '\0';
        ck_assert_int_eq(match(unit, path), 0);

        strcpy(path, "/a.slice");
        for (n = strlen(path); n < size - 8; n += 8)
                memcpy(path + n, "/b.slice", 8);
        path[n] = '\0';
        ck_assert_int_eq(match(slice, path), 0);
        memcpy(path, "/c", 2);
        memcpy(path + n - 8, "/a", 2);
        ck_assert_int_eq(match(slice, path), 0);

        memset(name, 'x', sizeof(name));
        name[0] = '/';
        name[256] = '\0';
        ck_assert_int_eq(match(unit, name), -ENOENT);
        name[256] = 'x';
        name[257] = '\0';
        ck_assert_int_eq(match(unit, name), -EINVAL);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("unit-match");
        TCase *t = tcase_create("unit-match");

        tcase_add_loop_test(t, glob_matches, 0, ELEMENTSOF(globs));
        tcase_add_loop_test(t, pattern_is_checked, 0, ELEMENTSOF(patterns));
        tcase_add_test(t, lists_are_bounded);
        tcase_add_loop_test(t, document_is_found, 0, ELEMENTSOF(cases));
        tcase_add_test(t, long_paths);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
