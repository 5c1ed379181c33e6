/* The JSON writer and reader: what is written reads back, and what is not JSON is refused with its place. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/core/memory.h"
#include "runtime/io/json.h"

static struct qtm_json *parse(const char *text) {
    struct qtm_json *root;
    cr_assert_eq(qtm_json_parse("t.json", text, (int64_t)strlen(text), &root), QTM_OK, "%s: %s", text,
                 qtm_error_text());
    return root;
}

static void write_sample(FILE *out, bool indent) {
    struct qtm_json_writer json = {.out = out, .indent = indent};
    qtm_json_object(&json, NULL);
    qtm_json_integer(&json, "step", -12);
    qtm_json_unsigned(&json, "seed", UINT64_MAX);
    qtm_json_object(&json, "params");
    qtm_json_number(&json, "a \"b\"\\\n\x01", 0.1);
    qtm_json_end(&json);
    qtm_json_array(&json, "losses");
    qtm_json_number(&json, NULL, NAN);
    qtm_json_number(&json, NULL, INFINITY);
    qtm_json_number(&json, NULL, 1e300);
    qtm_json_end(&json);
    qtm_json_array(&json, "none");
    qtm_json_end(&json);
    qtm_json_text(&json, "model", "\xc3\xa9\t");
    qtm_json_text(&json, "absent", NULL);
    qtm_json_bool(&json, "good", true);
    qtm_json_null(&json, "nothing");
    qtm_json_end(&json);
}

static char *sample(bool indent) {
    char *text;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    write_sample(stream, indent);
    fclose(stream);
    return text;
}

Test(json, text_written) {
    char *line = sample(false), *block = sample(true);
    cr_assert_str_eq(
        line, "{\"step\": -12, \"seed\": 18446744073709551615, \"params\": {\"a \\\"b\\\"\\\\\\n\\u0001\": 0.1}, "
              "\"losses\": [null, null, 1e+300], \"none\": [], \"model\": \"\xc3\xa9\\t\", \"absent\": null, "
              "\"good\": true, \"nothing\": null}");
    cr_assert(strncmp(block, "{\n  \"step\": -12,\n  \"seed\": 18446744073709551615,\n  \"params\": {\n    \"a ", 60) ==
                  0,
              "%s", block);
    free(line);
    free(block);
}

Test(json, written_text_reads_back) {
    for (int indent = 0; indent < 2; indent++) {
        char *text = sample(indent == 1);
        struct qtm_json *root = parse(text);
        cr_assert_eq(root->count, 9);
        cr_assert_eq(qtm_json_member_number(root, "step", 0), -12);
        cr_assert_eq(qtm_json_member_number(qtm_json_member(root, "params"), "a \"b\"\\\n\x01", 0), 0.1);
        const struct qtm_json *losses = qtm_json_member(root, "losses");
        cr_assert_eq(losses->kind, QTM_JSON_ARRAY);
        cr_assert_eq(losses->count, 3);
        cr_assert_eq(losses->first->next->next->number, 1e300);
        cr_assert_str_eq(qtm_json_member_text(root, "model"), "\xc3\xa9\t");
        cr_assert(isnan(qtm_json_member_number(root, "nothing", 3)));
        cr_assert_eq(qtm_json_member_number(root, "other", 3), 3);
        cr_assert_eq(qtm_json_member_number(root, "model", 3), 3);
        cr_assert_null(qtm_json_member_text(root, "step"));
        cr_assert_null(qtm_json_member(losses, "x"));
        cr_assert_null(qtm_json_member(NULL, "x"));
        qtm_json_free(root);
        free(text);
    }
    cr_assert_eq(qtm_alloc_live(), 0);
}

Test(json, every_double_reads_back) {
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srandom(seed);
    char text[32];
    for (int i = 0; i < 20000; i++) {
        union {
            uint64_t bits;
            double value;
        } number = {.bits = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random()};
        if (!isfinite(number.value)) continue;
        cr_assert_eq(strtod(qtm_json_decimal(number.value, text), NULL), number.value, "%s", text);
    }
    cr_assert_str_eq(qtm_json_decimal(0.3, text), "0.3");
    cr_assert_str_eq(qtm_json_decimal(0.1 + 0.2, text), "0.30000000000000004");
    cr_assert_str_eq(qtm_json_decimal(100000, text), "100000");
}

Test(json, escapes_and_numbers_read) {
    struct qtm_json *root =
        parse(" [\"\\u00e9\\u20ac\\ud83d\\ude00\\/\\b\", -0.5e+3, 0, 1E2, true, false, null, {}, [] ]\n");
    cr_assert_eq(root->count, 9);
    cr_assert_str_eq(root->first->text, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\b");
    cr_assert_eq(root->first->next->number, -500);
    qtm_json_free(root);
}

Test(json, refused_with_the_place) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "t.json:1:1: not JSON: it ends where a value was expected"},
        {"{\"a\": 1,\n \"b\" 2}", "t.json:2:6: not JSON: ':' was expected"},
        {"[1, 2", "',' or ']' was expected"},
        {"{\"a\": 1", "',' or '}' was expected"},
        {"[1,]", "a value was expected"},
        {"{\"a\": 1,}", "name in quotes"},
        {"[01]", "',' or ']' was expected"},
        {"[1.]", "a value was expected"},
        {"[.5]", "a value was expected"},
        {"[1e]", "a value was expected"},
        {"[-]", "a value was expected"},
        {"[NaN]", "a value was expected"},
        {"[nul]", "a value was expected"},
        {"[\"a]", "without its closing quote"},
        {"[\"a\\", "without its closing quote"},
        {"[\"\\x\"]", "bad escape"},
        {"[\"\\u12g4\"]", "bad escape"},
        {"[\"\\ud83d\"]", "surrogate"},
        {"[\"\\ude00\"]", "no character"},
        {"[\"\n\"]", "control character"},
        {"1 2", "something follows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct qtm_json *root;
        cr_assert_eq(qtm_json_parse("t.json", cases[i].text, (int64_t)strlen(cases[i].text), &root), QTM_FAILED, "%s",
                     cases[i].text);
        cr_assert_null(root);
        cr_assert(strstr(qtm_error_text(), cases[i].message), "%s: %s", cases[i].text, qtm_error_text());
    }
    cr_assert_eq(qtm_alloc_live(), 0);
}

Test(json, any_prefix_is_refused_not_crashed_on) {
    char *text = sample(true);
    for (int64_t length = 0; length < (int64_t)strlen(text); length++) {
        struct qtm_json *root;
        cr_assert_eq(qtm_json_parse("t.json", text, length, &root), QTM_FAILED);
    }
    free(text);
    char deep[200];
    memset(deep, '[', sizeof deep);
    struct qtm_json *root;
    cr_assert_eq(qtm_json_parse("t.json", deep, sizeof deep, &root), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "nested too deeply"));
    cr_assert_eq(qtm_alloc_live(), 0);
}

Test(json, failing_allocations_come_back) {
    static const char text[] = "{\"a\": [1, \"x\"], \"b\": {\"c\": null}}";
    qtm_status status = QTM_FAILED;
    for (int n = 0; status != QTM_OK; n++) {
        struct qtm_json *root;
        cr_assert_lt(n, 50);
        qtm_alloc_fail_after(n);
        status = qtm_json_parse("t.json", text, sizeof text - 1, &root);
        qtm_alloc_fail_after(-1);
        qtm_json_free(root);
        cr_assert_eq(qtm_alloc_live(), 0);
    }
}
