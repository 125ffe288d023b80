/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run-options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "basic/macro.h"

#define WORDS_MAX 24

/* Splits at blanks. */
static int words_of(const char *line, char buf[static 512], char *words[static WORDS_MAX + 1]) {
        int n = 0;

        (void) snprintf(buf, 512, "%s", line);
        for (char *p = strtok(buf, " "); p && n < WORDS_MAX; p = strtok(NULL, " "))
                words[n++] = p;
        words[n] = NULL;
        return n;
}

static const struct {
        const char *line;
        const char *result; /* as described() puts it; NULL: refused */
} cases[] = {
        { "true", "[] true" },
        { "-- true", "[] true" },
        { "-- true -- --allow x", "[] true -- --allow x" },
        { "curl --policy x", "[] curl --policy x" },
        { "--policy p.json --log l.ndjson --user bob -- id", "[policy=p.json log=l.ndjson user=bob] id" },
        { "--policy=p.json id", "[policy=p.json] id" },
        { "--allow a.example:443;80 --deny b.example --allow-cidr 192.0.2.0/24 --deny-cidr 2001:db8::/32 -- c",
          "[--allow:a.example:443;80 --deny:b.example --allow-cidr:192.0.2.0/24 --deny-cidr:2001:db8::/32] c" },
        { "--allow -- -- c", "[--allow:--] c" },
        { "--mode audit c", "[mode=audit] c" },
        { "--mode enforce --mode audit c", "[mode=audit] c" },
        { "--mode enforce c", "[mode=enforce] c" },
        { "--learn x c", "[learn=x mode=audit] c" },
        { "--learn x --mode audit c", "[learn=x mode=audit] c" },
        { "--upstream 192.0.2.1 --upstream 192.0.2.2:5353 --upstream [2001:db8::1]:54 --upstream 2001:db8::2 c",
          "[192.0.2.1#53 192.0.2.2#5353 2001:db8::1#54 2001:db8::2#53] c" },
        { "--summary json c", "[summary=2] c" },
        { "--summary markdown c", "[summary=3] c" },
        { "--summary none c", "[summary=0] c" },
        { "--summary text c", "[] c" },
        { "--fail-on-denied c", "[fail] c" },
        { "--keep-fd 3 --keep-fd 0 c", "[keep=3 keep=0] c" },
        { "--allow-socketcall c", "[socketcall] c" },
        { "--engine-sockets c", "[engines] c" },
        { "--help", "[help]" },
        { "-h c", "[help] c" },
        { "", NULL },
        { "--", NULL },
        { "--allow a.example", NULL },
        { "--allow", NULL },
        { "--policy a --policy b c", NULL },
        { "--log a --log b c", NULL },
        { "--user a --user b c", NULL },
        { "--learn x --mode enforce c", NULL },
        { "--learn x --learn y c", NULL },
        { "--mode off c", NULL },
        { "--mode Audit c", NULL },
        { "--summary xml c", NULL },
        { "--upstream dns.example c", NULL },
        { "--upstream 192.0.2.1:0 c", NULL },
        { "--upstream 192.0.2.1:65536 c", NULL },
        { "--upstream 1.1.1.1 --upstream 1.1.1.2 --upstream 1.1.1.3 --upstream 1.1.1.4 --upstream 1.1.1.5 "
          "--upstream 1.1.1.6 --upstream 1.1.1.7 --upstream 1.1.1.8 --upstream 1.1.1.9 c", NULL },
        { "--fail-on-denied=1 c", NULL },
        { "--keep-fd -1 c", NULL },
        { "--keep-fd +3 c", NULL },
        { "--keep-fd 3x c", NULL },
        { "--keep-fd 2147483648 c", NULL },
        { "--keep-fd 99999999999999999999 c", NULL },
        { "--keep-fd= c", NULL },
        { "--no-such-option c", NULL },
        { "-x c", NULL },
};

_printf_(2, 3) static void add(char buf[static 1024], const char *format, ...) {
        size_t n = strlen(buf);
        va_list ap;

        if (n > 1 && buf[n - 1] != '[')
                buf[n++] = ' ';
        va_start(ap, format);
        (void) vsnprintf(buf + n, 1024 - n, format, ap);
        va_end(ap);
}

static void describe(const RunOptions *o, char buf[static 1024]) {
        char addr[IN_ADDR_TEXT_MAX];

        (void) strcpy(buf, "[");
        if (o->policy)
                add(buf, "policy=%s", o->policy);
        if (o->log)
                add(buf, "log=%s", o->log);
        if (o->learn)
                add(buf, "learn=%s", o->learn);
        if (o->user)
                add(buf, "user=%s", o->user);
        for (size_t i = 0; i < o->n_rules; i++)
                add(buf, "%s:%s", run_rule_option(&o->rules[i]), o->rules[i].text);
        if (o->has_mode)
                add(buf, "mode=%s", mode_to_string(o->mode));
        for (size_t i = 0; i < o->n_servers; i++)
                add(buf, "%s#%u", in_addr_format(&o->servers[i].addr, addr), o->servers[i].port);
        if (o->summary != SUMMARY_TEXT)
                add(buf, "summary=%d", o->summary);
        if (o->fail_on_denied)
                add(buf, "fail");
        for (size_t i = 0; i < o->n_keep_fds; i++)
                add(buf, "keep=%d", o->keep_fds[i]);
        if (o->allow_socketcall)
                add(buf, "socketcall");
        if (o->engine_sockets)
                add(buf, "engines");
        if (o->help)
                add(buf, "help");
        (void) strcat(buf, "]");
        for (char **word = o->command; *word; word++)
                add(buf, "%s", *word);
}

START_TEST(line_is_parsed) {
        char buf[512], error[RUN_OPTIONS_ERROR_MAX] = "", described[1024];
        char *words[WORDS_MAX + 1];
        RunOptions o = { .n_rules = 77 };
        int n, r;

        n = words_of(cases[_i].line, buf, words);
        r = run_options_parse(n, words, &o, error);
        if (!cases[_i].result) {
                ck_assert_int_eq(r, -EINVAL);
                ck_assert_str_ne(error, "");
                ck_assert_uint_eq(o.n_rules, 77);
                return;
        }
        ck_assert_msg(r == 0, "%s", error);
        describe(&o, described);
        ck_assert_str_eq(described, cases[_i].result);
        run_options_done(&o);
}
END_TEST

START_TEST(error_is_cut_not_overrun) {
        char option[2 * RUN_OPTIONS_ERROR_MAX], error[RUN_OPTIONS_ERROR_MAX];
        char *words[] = { (char *) "--mode", option, (char *) "c", NULL };
        RunOptions o;

        memset(option, 'x', sizeof(option) - 1);
        option[sizeof(option) - 1] = '\0';
        ck_assert_int_eq(run_options_parse(3, words, &o, error), -EINVAL);
        ck_assert_uint_eq(strlen(error), RUN_OPTIONS_ERROR_MAX - 1);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("run-options");
        TCase *t = tcase_create("run-options");

        tcase_add_loop_test(t, line_is_parsed, 0, ELEMENTSOF(cases));
        tcase_add_test(t, error_is_cut_not_overrun);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
