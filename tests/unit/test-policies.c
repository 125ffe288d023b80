/* SPDX-License-Identifier: Apache-2.0 */

/* The policy set in force, as files and the bus replace it: with files, engine and store in the test itself. */

#include "daemon/policies.h"
#include "daemon/document-files.h"
#include "daemon/fault-note.h"
#include "daemon/kept-documents.h"
#include "daemon/mode-files.h"
#include "daemon/records.h"
#include "daemon/repair-watch.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define RULES(name) "{\"rules\":[{\"type\":\"hostname\",\"value\":\"" name "\",\"action\":\"allow\"}]}"
#define UNIT(name) "{\"match\":{\"units\":[\"" name ".service\"]},\"rules\":[]}"
#define STORED_MAX 256

static Context context;
static ServiceConfig config;
static Policies *policies;
static Layer layers[4];
static const char *files[4][2]; /* name and text */
static int set_result;
static char trace[4096]; /* what happened, one word each */
static FaultList faults;

static void note(const char *what, const char *detail) {
        size_t n = strlen(trace);

        (void) snprintf(trace + n, sizeof(trace) - n, "%s%s%s ", what, detail ? ":" : "", detail ?: "");
}

static const char *take_trace(void) {
        static char copy[sizeof(trace)];

        memcpy(copy, trace, sizeof(copy));
        trace[0] = '\0';
        return copy;
}

/* ------------------------------------------------------------------ in the place of the files */

static void digest_of(const char *text, size_t size, char ret[static POLICY_DIGEST_SIZE]) {
        uint32_t sum = 0;

        for (size_t i = 0; i < size; i++)
                sum = sum * 31 + (uint8_t) text[i];
        (void) snprintf(ret, POLICY_DIGEST_SIZE, "sha256:%08x", sum);
}

int documents_load(_unused_ const char *root, Documents *ret, _unused_ FaultList *list) {
        size_t n = 0;

        ret->items = calloc(ELEMENTSOF(files), sizeof(Document));
        ck_assert_ptr_nonnull(ret->items);
        for (; n < ELEMENTSOF(files) && files[n][0]; n++) {
                _cleanup_(policy_document_done) PolicyDocument parsed = {};
                size_t size = strlen(files[n][1]);
                Document *d = &ret->items[n];

                *d = (Document) { .origin = DOCUMENT_FILE, .source = strdup("/file"), .text = strdup(files[n][1]) };
                digest_of(files[n][1], size, d->digest);
                ck_assert_int_eq(policy_document_from_json(&parsed, files[n][1], size, files[n][0], list), 0);
                ck_assert_int_eq(document_fill(d, &parsed, size), 0);
        }
        ret->n = n;
        return 0;
}

int documents_replace(const Document *d, const char *text, size_t size, Document *ret, FaultList *list) {
        char digest[POLICY_DIGEST_SIZE];

        digest_of(text, size, digest);
        return document_replace(d, text, size, digest, ret, list);
}

void documents_digest(_unused_ const Documents *d, char ret[static POLICY_DIGEST_SIZE]) {
        (void) snprintf(ret, POLICY_DIGEST_SIZE, "sha256:all");
}

/* ------------------------------------------------------------------ in the place of the last good ones */

static InForceKind kind; /* of the next start */
static int write_result; /* of keeping the documents */
static char watch;
static void (*watcher)(void *userdata);

int in_force_load(const char *file_root, _unused_ const LastGood *g, _unused_ Mode configured, Documents *ret_documents,
                  InForce *ret, FaultList *list) {
        *ret = (InForce) { .kind = kind };
        return documents_load(file_root, ret_documents, list);
}

const char *in_force_format(const InForce *f, char buf[static IN_FORCE_TEXT_MAX]) {
        (void) snprintf(buf, IN_FORCE_TEXT_MAX, "%s", f->kind == IN_FORCE_AS_WRITTEN ? "" : "other documents");
        return buf;
}

void last_good_done(LastGood *g) {
        *g = (LastGood) {};
}

int last_good_prepare(LastGood *g, _unused_ const Documents *documents, _unused_ uint64_t now_usec) {
        note("prepare", NULL);
        g->n_pending = 1;
        return 0;
}

int last_good_write(LastGood *g) {
        if (g->n_pending == 0)
                return 0;
        g->error = write_result;
        if (write_result >= 0)
                note("write", NULL);
        g->n_pending = write_result < 0;
        return write_result < 0 ? write_result : 1;
}

int repair_watch_new(_unused_ const Context *c, void (*changed)(void *userdata), _unused_ void *userdata, RepairWatch **ret) {
        note("watch", NULL);
        watcher = changed;
        *ret = (RepairWatch *) &watch; /* never followed */
        return 0;
}

RepairWatch *repair_watch_free(RepairWatch *w) {
        if (w)
                note("unwatch", NULL);
        return NULL;
}

void fault_note_set(const char *text) {
        note("fault", text);
}

void fault_note_clear(void) {
        note("no-fault", NULL);
}

/* ------------------------------------------------------------------ in the place of the handover */

static struct {
        char name[64];
        char text[128];
} stored[STORED_MAX];
static size_t n_stored;
static const char *failing; /* the name that can neither be stored nor removed */

static size_t stored_at(const char *name) {
        size_t i = 0;

        while (i < n_stored && strcmp(stored[i].name, name) != 0)
                i++;
        return i;
}

static const char *stored_text(const char *name) {
        size_t i = stored_at(name);

        return i < n_stored ? stored[i].text : NULL;
}

static void store(const char *name, const char *text) {
        size_t i = stored_at(name);

        ck_assert_uint_lt(i, STORED_MAX);
        n_stored = MAX(n_stored, i + 1);
        (void) snprintf(stored[i].name, sizeof(stored[i].name), "%s", name);
        (void) snprintf(stored[i].text, sizeof(stored[i].text), "%s", text);
}

int handover_keep_document(_unused_ FdStore *s, const char *name, const char *text, size_t size) {
        ck_assert_uint_eq(strlen(text), size);
        if (failing && strcmp(name, failing) == 0)
                return -ENOBUFS;
        note("store", name);
        store(name, text);
        return 1;
}

int handover_drop_document(_unused_ FdStore *s, const char *name) {
        size_t i = stored_at(name);

        if (failing && strcmp(name, failing) == 0)
                return -ENOBUFS;
        note("remove", name);
        if (i == n_stored)
                return -ENOENT;
        stored[i] = stored[--n_stored];
        return 0;
}

int handover_take_document(_unused_ FdStore *s, const char *name, size_t max, char **ret_text, size_t *ret_size) {
        const char *text = stored_text(name);

        if (!text)
                return -ENOENT;
        if (strlen(text) > max)
                return -EFBIG;
        *ret_text = strdup(text);
        *ret_size = strlen(text);
        return 0;
}

const Predecessor *handover_predecessor(_unused_ const Handover *h, _unused_ const char *layer) {
        return NULL;
}

static int keep_result; /* of keeping modes over reboots */

void mode_files_load(_unused_ const Context *c, ModeTable *ret_set, ModeTable *ret_kept) {
        *ret_set = *ret_kept = (ModeTable) MODE_TABLE_EMPTY;
}

void mode_files_put_set(_unused_ const Context *c, _unused_ const ModeTable *t) {
        note("modes", NULL);
}

int mode_files_put_kept(_unused_ const ModeTable *t) {
        note("keep", NULL);
        return keep_result;
}

void records_reserve_ids(_unused_ const Context *c) {
        note("reserve", NULL);
}

void records_put_layers(_unused_ const Context *c) {
        note("layers", NULL);
}

/* ------------------------------------------------------------------ in the place of the engine */

static char *unknown;
static Engine *const engine = (Engine *) &unknown; /* never followed */

Layer *engine_find_layer(_unused_ const Engine *e, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(layers); i++)
                if (layers[i].name && strcmp(layers[i].name, name) == 0)
                        return &layers[i];
        return NULL;
}

int engine_set_layer(_unused_ Engine *e, LayerSpec *spec) {
        spec->policy = policy_free(spec->policy);
        if (set_result >= 0)
                note("set", spec->name);
        return set_result;
}

int engine_set_layers(Engine *e, LayerSpec *specs, size_t n, engine_fill_fn reassign, void *userdata, size_t *ret_bad) {
        for (size_t i = 0; i < n; i++)
                specs[i].policy = policy_free(specs[i].policy);
        *ret_bad = 0;
        if (set_result < 0)
                return set_result;
        note("set", "all");
        return reassign(e, userdata);
}

void layer_set_mode(Layer *layer, Mode mode) {
        layer->mode = mode;
}

void engine_emit(_unused_ Engine *e, Event *event) {
        note(event_type_to_string(event->type), event->scope);
}

/* ------------------------------------------------------------------ observer */

static void on_assign_all(_unused_ void *userdata) {
        note("assign", NULL);
}

static void on_changed(_unused_ void *userdata) {
        note("changed", NULL);
        (void) policies_keep(policies);
}

/* ------------------------------------------------------------------ set up */

static int make(void) {
        const PoliciesObserver observer = { .assign_all = on_assign_all, .changed = on_changed };
        int r = policies_new(&context, &observer, &policies);

        if (r >= 0)
                for (size_t i = 0; i < policies_set(policies)->documents.n; i++)
                        policies_set(policies)->documents.items[i].policy =
                                policy_free(policies_set(policies)->documents.items[i].policy);
        return r;
}

static void set_up(void) {
        memset(files, 0, sizeof(files));
        files[0][0] = "host";
        files[0][1] = RULES("a.example");
        files[1][0] = "unit";
        files[1][1] = UNIT("unit");
        n_stored = 0;
        failing = NULL;
        set_result = 0;
        write_result = 0;
        kind = IN_FORCE_AS_WRITTEN;
        faults = (FaultList) {};
        config = (ServiceConfig) {};
        context = (Context) { .config = &config };
        ck_assert_int_ge(service_log_new(STDERR_FILENO, NULL, NULL, "test", &context.log), 0);
        ck_assert_int_eq(make(), 0);
        context.engine = engine;
        (void) take_trace();
}

static void tear_down(void) {
        policies = policies_free(policies);
        fault_list_done(&faults);
        context.log = service_log_free(context.log);
}

static int load(const char *name, const char *text) {
        fault_list_done(&faults);
        return policies_load(policies, name, text, strlen(text), &faults);
}

static const char *digest(const char *name) {
        return policy_set_find(policies_set(policies), name)->digest;
}

/* ------------------------------------------------------------------ tests */

START_TEST(loaded_documents_are_kept_until_a_reload) {
        ck_assert_int_eq(load("host", RULES("b.example")), 0);
        ck_assert_str_eq(stored_text("host"), RULES("b.example"));
        ck_assert_int_eq(load("unit", UNIT("unit")), 0);
        ck_assert_uint_eq(n_stored, 2);

        policies = policies_free(policies); /* a successor */
        context.engine = NULL;
        ck_assert_int_eq(make(), 0);
        context.engine = engine;
        ck_assert_int_eq(policy_set_host(policies_set(policies))->origin, DOCUMENT_BUS);
        (void) take_trace();
        ck_assert_int_eq(policies_keep(policies), 0);
        ck_assert_str_eq(take_trace(), ""); /* the store has them */

        files[1][0] = NULL; /* also the one that no file has any more */
        ck_assert_int_eq(policies_reload(policies, &faults), 0);
        ck_assert_uint_eq(n_stored, 0);
}
END_TEST

START_TEST(only_what_changed_is_stored) {
        ck_assert_int_eq(load("host", RULES("b.example")), 0);
        (void) take_trace();
        ck_assert_int_eq(load("unit", UNIT("unit")), 0);
        ck_assert_ptr_nonnull(strstr(trace, "store:unit "));
        ck_assert_ptr_null(strstr(trace, "store:host "));
        (void) take_trace();
        ck_assert_int_eq(load("host", RULES("c.example")), 0);
        ck_assert_ptr_nonnull(strstr(trace, "store:host "));
        ck_assert_ptr_null(strstr(trace, "store:unit "));
        ck_assert_str_eq(stored_text("host"), RULES("c.example"));
}
END_TEST

/* After a crash an older one would be in force. */
START_TEST(what_cannot_be_kept_is_not_loaded) {
        char before[POLICY_DIGEST_SIZE];

        (void) snprintf(before, sizeof(before), "%s", digest("host"));
        failing = "host";
        ck_assert_int_eq(load("host", RULES("b.example")), -ENOBUFS);
        ck_assert_str_eq(take_trace(), "policy_rejected:host ");
        ck_assert_str_eq(digest("host"), before);
        ck_assert_uint_eq(fault_list_count(&faults), 1);
        ck_assert_int_eq(load("unit", UNIT("unit")), 0);
        failing = NULL;
        ck_assert_int_eq(load("host", RULES("b.example")), 0);
}
END_TEST

START_TEST(what_the_engine_rejects_is_not_kept) {
        set_result = -ENOSPC;
        ck_assert_int_eq(load("host", RULES("b.example")), -ENOSPC);
        ck_assert_ptr_null(stored_text("host"));
        set_result = 0;
        ck_assert_int_eq(load("host", RULES("b.example")), 0);
        set_result = -ENOSPC;
        ck_assert_int_eq(load("host", RULES("c.example")), -ENOSPC);
        ck_assert_str_eq(stored_text("host"), RULES("b.example")); /* which is still in force */
        ck_assert_int_eq(policies_reload(policies, &faults), -ENOSPC);
        ck_assert_str_eq(stored_text("host"), RULES("b.example"));
        ck_assert_int_eq(policy_set_host(policies_set(policies))->origin, DOCUMENT_BUS);
}
END_TEST

/* The ids are on record before they judge; the layers once, when they have changed. */
START_TEST(order_of_a_change) {
        ck_assert_int_eq(load("host", RULES("b.example")), 0);
        ck_assert_str_eq(take_trace(), "store:host reserve set:host assign layers changed policy_loaded:host ");
        ck_assert_int_eq(policies_reload(policies, &faults), 0);
        ck_assert_str_eq(take_trace(), "reserve set:all assign layers changed remove:host no-fault prepare write policy_loaded:host ");
        bool changed;
        ck_assert_int_eq(policies_set_mode(policies, NULL, MODE_SETTING_AUDIT, false, &changed), 0);
        ck_assert_str_eq(take_trace(), "modes mode_changed ");
}
END_TEST

START_TEST(modes_are_set_as_a_whole_or_not) {
        const Document *unit = policy_set_find(policies_set(policies), "unit");
        bool changed;

        ck_assert(policies_modes_are_kept(policies)); /* none */
        ck_assert_int_eq(policies_set_mode(policies, "unit", MODE_SETTING_AUDIT, false, &changed), 0);
        ck_assert_str_eq(take_trace(), "modes mode_changed:unit ");
        ck_assert(changed && !policies_modes_are_kept(policies));
        ck_assert_int_eq(policy_set_mode_of(policies_set(policies), unit), MODE_AUDIT);
        ck_assert_int_eq(policies_set_mode(policies, "nobody", MODE_SETTING_AUDIT, false, &changed), -ENOENT);
        keep_result = -ENOSPC;
        ck_assert_int_eq(policies_set_mode(policies, NULL, MODE_SETTING_OFF, true, &changed), -ENOSPC);
        ck_assert_str_eq(take_trace(), "keep ");
        ck_assert_int_eq(policies_modes(policies)->all, MODE_SETTING_CONFIGURED);
        keep_result = 0;
        ck_assert_int_eq(policies_set_mode(policies, "unit", MODE_SETTING_AUDIT, true, &changed), 0);
        ck_assert_str_eq(take_trace(), "keep modes mode_changed:unit ");
        ck_assert(!changed && policies_modes_are_kept(policies));
        ck_assert_int_eq(policies_reload(policies, &faults), 0); /* keeps them */
        unit = policy_set_find(policies_set(policies), "unit");
        ck_assert_int_eq(policy_set_mode_of(policies_set(policies), unit), MODE_AUDIT);
}
END_TEST

/* Otherwise a crash would bring a document back that a reload has replaced. */
START_TEST(one_failure_does_not_stop_the_others) {
        files[2][0] = "third";
        files[2][1] = UNIT("third");
        ck_assert_int_eq(policies_reload(policies, &faults), 0);
        ck_assert_int_eq(load("host", RULES("b.example")), 0);
        ck_assert_int_eq(load("unit", UNIT("unit")), 0);
        ck_assert_int_eq(load("third", UNIT("third")), 0);
        failing = "unit";
        ck_assert_int_eq(policies_reload(policies, &faults), 0);
        ck_assert_uint_eq(n_stored, 1);
        ck_assert_ptr_nonnull(stored_text("unit"));
        ck_assert_int_eq(policies_keep(policies), -ENOBUFS);
        failing = NULL;
        ck_assert_int_eq(policies_keep(policies), 0);
        ck_assert_uint_eq(n_stored, 0);
}
END_TEST

/* One that this version cannot use: the log says what is wrong with it, and what to do. */
START_TEST(kept_document_that_cannot_be_used) {
        char text[4096] = "";
        int fd = memfd_create("log", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        policies = policies_free(policies);
        context.engine = NULL;
        context.log = service_log_free(context.log);
        ck_assert_int_ge(service_log_new(fd, NULL, NULL, "test", &context.log), 0);
        store("unit", "{\"rules\":[],\"of-another-version\":1}");
        ck_assert_int_eq(make(), -EINVAL);
        ck_assert_ptr_null(policies);
        ck_assert_int_ge(service_log_flush(context.log), 0);
        ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
        ck_assert_msg(strstr(text, "unit:1: $.of-another-version: ") != NULL, "%s", text);
        ck_assert_msg(strstr(text, "stop and start cargowalld.service") != NULL, "%s", text);
        ck_assert_ptr_nonnull(stored_text("unit"));
        (void) close(fd);
}
END_TEST

/* The rest of the store is for links, maps and state. */
START_TEST(documents_do_not_fill_the_store) {
        KeptDocuments kept = {};
        char name[32], digits[POLICY_DIGEST_SIZE];
        char text[] = "{}";

        for (unsigned i = 0; i <= KEPT_DOCUMENTS_MAX; i++) {
                Document d = { .name = name, .text = text, .size = 2, .origin = DOCUMENT_BUS };

                (void) snprintf(name, sizeof(name), "d%u", i);
                (void) snprintf(d.digest, sizeof(d.digest), "%u", i);
                ck_assert_int_eq(kept_documents_put(&kept, NULL, &d), i < KEPT_DOCUMENTS_MAX ? 0 : -ENOSPC);
        }
        (void) snprintf(digits, sizeof(digits), "other");
        Document first = { .name = name, .text = text, .size = 2, .origin = DOCUMENT_BUS };
        (void) snprintf(name, sizeof(name), "d0");
        memcpy(first.digest, digits, sizeof(digits));
        ck_assert_int_eq(kept_documents_put(&kept, NULL, &first), 0); /* a change has its place */
        ck_assert_uint_eq(kept.n, KEPT_DOCUMENTS_MAX);
        kept_documents_done(&kept);
}
END_TEST

/* A successor of the policies in set_up(). */
static void start(InForceKind k) {
        kind = k;
        policies = policies_free(policies);
        context.engine = NULL;
        ck_assert_int_eq(make(), 0);
        context.engine = engine;
}

START_TEST(sound_documents_are_kept_once_they_are_in_force) {
        start(IN_FORCE_AS_WRITTEN);
        ck_assert_str_eq(take_trace(), "prepare ");
        policies_started(policies);
        ck_assert_str_eq(take_trace(), "write no-fault ");
        files[0][1] = RULES("b.example");
        ck_assert_int_eq(policies_reload(policies, &faults), 0);
        ck_assert_ptr_nonnull(strstr(trace, "no-fault prepare write "));
}
END_TEST

START_TEST(others_in_force_are_reported_until_they_are_repaired) {
        start(IN_FORCE_LAST_GOOD);
        ck_assert_str_eq(take_trace(), "");
        ck_assert_int_eq(policies_in_force(policies)->kind, IN_FORCE_LAST_GOOD);
        policies_started(policies);
        ck_assert_str_eq(take_trace(), "policy_rejected fault:other documents watch ");

        set_result = -ENOSPC; /* the repair does not fit */
        watcher(policies);
        ck_assert_str_eq(take_trace(), "reserve policy_rejected ");
        ck_assert_int_eq(policies_in_force(policies)->kind, IN_FORCE_LAST_GOOD);
        set_result = 0;
        watcher(policies);
        ck_assert_ptr_nonnull(strstr(trace, "unwatch no-fault prepare write "));
        ck_assert_int_eq(policies_in_force(policies)->kind, IN_FORCE_AS_WRITTEN);
}
END_TEST

START_TEST(what_cannot_be_kept_is_reported_once) {
        write_result = -ENOSPC;
        start(IN_FORCE_AS_WRITTEN);
        policies_started(policies);
        ck_assert_str_eq(take_trace(), "prepare state_not_kept no-fault ");
        policies_keep_last_good(policies);
        ck_assert_str_eq(take_trace(), "");
        write_result = 0;
        policies_keep_last_good(policies);
        ck_assert_str_eq(take_trace(), "write ");
        policies_keep_last_good(policies);
        ck_assert_str_eq(take_trace(), "");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("policies");
        TCase *t = tcase_create("policies");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, loaded_documents_are_kept_until_a_reload);
        tcase_add_test(t, only_what_changed_is_stored);
        tcase_add_test(t, what_cannot_be_kept_is_not_loaded);
        tcase_add_test(t, what_the_engine_rejects_is_not_kept);
        tcase_add_test(t, order_of_a_change);
        tcase_add_test(t, modes_are_set_as_a_whole_or_not);
        tcase_add_test(t, one_failure_does_not_stop_the_others);
        tcase_add_test(t, kept_document_that_cannot_be_used);
        tcase_add_test(t, documents_do_not_fill_the_store);
        tcase_add_test(t, sound_documents_are_kept_once_they_are_in_force);
        tcase_add_test(t, others_in_force_are_reported_until_they_are_repaired);
        tcase_add_test(t, what_cannot_be_kept_is_reported_once);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
