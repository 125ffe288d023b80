/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/variant-json.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl/bus-client.h"

static const struct {
        const char *name, *key;
} keys[] = {
        { "Version", "version" },       { "PolicyDigest", "policy_digest" }, { "DNSWiring", "dns_wiring" },
        { "RuleCount", "rule_count" },  { "ControlGroups", "control_groups" }, { "cache_hits", "cache_hits" },
        { "", "" },                     { "ABC", "abc" },                      { "Upstream2Name", "upstream2_name" },
};

START_TEST(test_keys) {
        char buf[PROPERTY_KEY_MAX], in[200], longest[PROPERTY_KEY_MAX];

        ck_assert_str_eq(property_key(keys[_i].name, buf), keys[_i].key);
        memset(in, 'a', sizeof(in) - 1);
        in[sizeof(in) - 1] = '\0';
        ck_assert_uint_lt(strlen(property_key(in, longest)), PROPERTY_KEY_MAX);
}
END_TEST

static char *text_of(JsonObject *o, JsonFormat format) {
        char *text = NULL;
        size_t size;

        FILE *f = open_memstream(&text, &size);
        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(json_value_print(f, o, format), 0);
        (void) fclose(f);
        return text;
}

START_TEST(test_print) {
        static const char in[] = "{\"a\":[1,-2,true,null,\"x\\\"\\u001b\xe2\x80\xae\"],\"e\":{},\"f\":[]}";
        JsonObject *o = json_tokener_parse(in);
        char *brief = text_of(o, JSON_SHORT), *pretty = text_of(o, JSON_PRETTY);

        ck_assert_str_eq(brief, "{\"a\":[1,-2,true,null,\"x\\\"\\u001b\\u202e\"],\"e\":{},\"f\":[]}\n");
        ck_assert_str_eq(pretty, "{\n  \"a\": [\n    1,\n    -2,\n    true,\n    null,\n"
                                 "    \"x\\\"\\u001b\\u202e\"\n  ],\n"
                                 "  \"e\": {},\n  \"f\": []\n}\n");
        JsonObject *again = json_tokener_parse(pretty);
        ck_assert_int_eq(json_object_equal(o, again), 1);
        json_object_put(again);
        json_object_put(o);
        free(brief);
        free(pretty);
}
END_TEST

START_TEST(test_defaults) {
        JsonObject *o = json_tokener_parse("{\"s\":\"x\",\"n\":-5,\"l\":[\"a\",1]}");

        ck_assert_str_eq(json_value_text(o, "n"), "");
        ck_assert_str_eq(json_value_text(NULL, "s"), "");
        ck_assert_uint_eq(json_value_u64(o, "n"), 0);
        ck_assert_uint_eq(json_value_u64(o, "s"), 0);
        ck_assert(!json_value_bool(o, "s"));
        ck_assert_ptr_null(json_value_array(o, "s"));
        ck_assert_uint_eq(json_value_length(json_value_array(o, "l")), 2);
        ck_assert_str_eq(json_value_element(json_value_array(o, "l"), 1), "");
        ck_assert_str_eq(json_value_element(json_value_array(o, "l"), 9), "");
        ck_assert(json_value_contains(json_value_array(o, "l"), "a"));
        ck_assert(!json_value_contains(NULL, "a"));
        json_object_put(o);
}
END_TEST

/* A message that never goes anywhere: the bus is a socket without a peer that reads. */
typedef struct Fixture {
        sd_bus *bus;
        int fds[2];
} Fixture;

static sd_bus_message *message_new(Fixture *f) {
        sd_bus_message *m = NULL;

        *f = (Fixture) {};
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->fds), 0);
        ck_assert_int_ge(sd_bus_new(&f->bus), 0);
        ck_assert_int_ge(sd_bus_set_fd(f->bus, f->fds[0], f->fds[0]), 0);
        ck_assert_int_ge(sd_bus_start(f->bus), 0);
        ck_assert_int_ge(sd_bus_message_new_method_call(f->bus, &m, NULL, "/", "a.b", "C"), 0);
        return m;
}

static void expect(Fixture *f, sd_bus_message *m, bool properties, const char *wanted) {
        JsonObject *o = NULL;

        ck_assert_int_ge(sd_bus_message_seal(m, 1, 0), 0);
        ck_assert_int_ge(sd_bus_message_rewind(m, 1), 0);
        ck_assert_int_eq(properties ? variant_to_json_properties(m, &o) : variant_to_json(m, &o), 0);
        char *text = text_of(o, JSON_SHORT);
        ck_assert_str_eq(text, wanted);
        free(text);
        json_object_put(o);
        JsonObject *more = NULL;
        ck_assert_int_eq(variant_to_json(m, &more), -ENXIO);
        sd_bus_message_unref(m);
        sd_bus_close_unref(f->bus);
        (void) close(f->fds[1]);
}

START_TEST(test_variant) {
        Fixture f;
        sd_bus_message *m = message_new(&f);

        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 7, "s", "s", "x\033", "t", "t", UINT64_MAX, "x", "x",
                                               INT64_MIN, "b", "b", 1, "as", "as", 2, "a", "b", "struct", "(yqo)", 255,
                                               65535, "/a", "nested", "v", "a{us}", 1, 7U, "seven"),
                         0);
        expect(&f, m, false,
               "{\"s\":\"x\\u001b\",\"t\":18446744073709551615,\"x\":-9223372036854775808,\"b\":true,"
               "\"as\":[\"a\",\"b\"],"
               "\"struct\":[255,65535,\"/a\"],\"nested\":{\"7\":\"seven\"}}\n");
}
END_TEST

START_TEST(test_structures) {
        Fixture f;
        sd_bus_message *m = message_new(&f);

        ck_assert_int_ge(sd_bus_message_append(m, "a(ssst)", 2, "a", "b", "c", UINT64_C(1), "", "", "", UINT64_C(2)),
                         0);
        expect(&f, m, false, "[[\"a\",\"b\",\"c\",1],[\"\",\"\",\"\",2]]\n");
        m = message_new(&f);
        ck_assert_int_ge(sd_bus_message_append(m, "aa{sv}", 0), 0);
        expect(&f, m, false, "[]\n");
}
END_TEST

START_TEST(test_properties) {
        Fixture f;
        sd_bus_message *m = message_new(&f);

        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 4, "StartTimestamp", "t", UINT64_C(1700000000123456),
                                               "EndTimestamp", "t", UINT64_C(0), "StartTimestampMonotonic", "t",
                                               UINT64_C(5), "Upstreams", "as", 0),
                         0);
        expect(&f, m, true,
               "{\"start_timestamp\":\"2023-11-14T22:13:20.123456Z\",\"end_timestamp\":null,"
               "\"start_timestamp_monotonic\":5,\"upstreams\":[]}\n");
}
END_TEST

/* As deep as the bus lets through, and no deeper. */
START_TEST(test_depth) {
        Fixture f;
        sd_bus_message *m = message_new(&f);
        JsonObject *o = NULL;
        int depth = 0;

        while (depth < 100 && sd_bus_message_open_container(m, 'v', "v") >= 0)
                depth++;
        ck_assert_int_gt(depth, 60);
        ck_assert_int_ge(sd_bus_message_append(m, "v", "s", "x"), 0);
        for (int i = 0; i < depth; i++)
                ck_assert_int_ge(sd_bus_message_close_container(m), 0);
        ck_assert_int_ge(sd_bus_message_seal(m, 1, 0), 0);
        ck_assert_int_ge(sd_bus_message_rewind(m, 1), 0);
        ck_assert_int_lt(variant_to_json(m, &o), 0);
        ck_assert_ptr_null(o);
        sd_bus_message_unref(m);
        sd_bus_close_unref(f.bus);
        (void) close(f.fds[1]);
}
END_TEST

START_TEST(test_error_status) {
        ck_assert_int_eq(bus_error_status("org.cargowall1.Error.InvalidPolicy", -EIO), STATUS_INVALID_POLICY);
        ck_assert_int_eq(bus_error_status("org.cargowall1.Error.NoSuchJob", -EIO), STATUS_NO_SUCH);
        ck_assert_int_eq(bus_error_status(SD_BUS_ERROR_ACCESS_DENIED, -EACCES), STATUS_ACCESS_DENIED);
        ck_assert_int_eq(bus_error_status(SD_BUS_ERROR_NAME_HAS_NO_OWNER, -ENXIO), STATUS_UNREACHABLE);
        ck_assert_int_eq(bus_error_status("some.other.Error", -ECONNRESET), STATUS_FAILED);
        ck_assert_int_eq(bus_error_status(NULL, -ECONNRESET), STATUS_UNREACHABLE);
        ck_assert_int_eq(bus_error_status(NULL, -ENOMEM), STATUS_FAILED);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("ctl-json");
        TCase *t = tcase_create("ctl-json");

        tcase_add_loop_test(t, test_keys, 0, ELEMENTSOF(keys));
        tcase_add_test(t, test_print);
        tcase_add_test(t, test_defaults);
        tcase_add_test(t, test_variant);
        tcase_add_test(t, test_structures);
        tcase_add_test(t, test_properties);
        tcase_add_test(t, test_depth);
        tcase_add_test(t, test_error_status);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
