/* Tables of text as event files: what is read is exact, and every bad table gives its message with the place. The
 * published table is read where the shared data lie: ../shared/data, or QTM_DATA. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/core/options.h"
#include "runtime/io/events.h"
#include "runtime/io/table_line.h"
#include "runtime/train/data.h"

#include "unit/fake_model.h"
#include "unit/scratch.h"

#define ANY -INFINITY, INFINITY

static char path[128];

static void folder_make(void) {
    scratch_make();
    snprintf(path, sizeof path, "%s/t.dat", folder);
}

TestSuite(table, .init = folder_make, .fini = scratch_remove);

static void bytes_write(const char *bytes, size_t count) {
    FILE *stream = fopen(path, "w");
    cr_assert_not_null(stream);
    cr_assert_eq(fwrite(bytes, 1, count, stream), count);
    fclose(stream);
}

static const struct qtm_field xy_fields[] = {{"x", ANY, 1, 1}, {"y", ANY, 1, 1}};
static const struct qtm_event xy = {.name = "Point", .field_count = 2, .fields = xy_fields};
static const struct qtm_column xy_columns[] = {{0, 1}, {1, 0.01}};
static const struct qtm_data by_name = {.name = "points"};
static const struct qtm_data by_place = {.name = "points", .column_count = 2, .columns = xy_columns};
static const struct qtm_field array_fields[] = {{"x", ANY, 1, 1}, {"s", ANY, 3, 0.01}};
static const struct qtm_event with_array = {.name = "Syst", .field_count = 2, .fields = array_fields};
static const bool all_wide[4] = {true, true, true, true};

/* Reads `text` in f64. */
static qtm_status text_read(const char *text, const struct qtm_event *event, const struct qtm_data *data,
                            struct qtm_events *events) {
    if (text) bytes_write(text, strlen(text));
    const struct qtm_events_request request = {
        .path = path, .event = event, .data = data, .ranks = 1, .wide = all_wide};
    return qtm_events_read(&request, events);
}

/* Reads `text` and expects `count` numbers x0 y0 x1 y1 ... */
static void check_reads(const char *text, const struct qtm_data *data, int count, const double *due) {
    struct qtm_events events;
    cr_assert_eq(text_read(text, &xy, data, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(events.local, count / 2);
    for (int i = 0; i < count; i++)
        cr_assert_eq(events.f64[i % 2][i / 2], due[i], "number %d is %.17g, not %.17g", i, events.f64[i % 2][i / 2],
                     due[i]);
    qtm_events_free(&events);
}
#define CHECK_READS(text, data, ...)                                                                                   \
    check_reads(text, data, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__})

/* Reads `text` and expects a failure whose message has these parts. */
static void check_fails(const char *text, const struct qtm_event *event, const struct qtm_data *data, const char *part1,
                        const char *part2) {
    struct qtm_events events;
    const char *parts[] = {"/t.dat: ", part1, part2};
    cr_assert_eq(text_read(text, event, data, &events), QTM_FAILED, "%s was read", text);
    for (int i = 0; i < 3; i++)
        cr_assert(!parts[i] || strstr(qtm_error_text(), parts[i]), "no \"%s\" in: %s", parts[i], qtm_error_text());
    cr_assert(!events.f32 && !events.f64 && events.local == 0);
}

Test(table, headers_and_separators) {
    CHECK_READS("x y\n1 2\n3 4\n", &by_name, 1, 2, 3, 4);
    CHECK_READS("y,x\r\n1,2\r\n3 , 4\r\n", &by_name, 2, 1, 4, 3);
    CHECK_READS("\xef\xbb\xbf\"x\";'y';\"z z\"\n 1 ;2; a\n3;4;b", &by_name, 1, 2, 3, 4);
    CHECK_READS("# made today\n\n# x\ty\n1\t2 # the first\n! note\n* note\n3\t4 ! the last\n", &by_name, 1, 2, 3, 4);
    CHECK_READS("&Data\n NColumn = 3\n ColumnName = 'y', \"w\"\n 'x' ! three\n NData=2\n Other = 'a & b /', 3.5\n&End\n"
                "&Plot\n*'no text\n P =\n 1, 2\n/\n1 9 2\n3 9 4\n",
                &by_name, 2, 1, 4, 3);
    CHECK_READS("&Data ColumnName = 2*'s', 'x', 'y' &End\n0 0 1 2\n", &by_name, 1, 2);
}

Test(table, by_position) {
    CHECK_READS("1 2\n3 4\n", &by_place, 1, 2 * 0.01, 3, 4 * 0.01);
    CHECK_READS("a b\n1 2\n", &by_place, 1, 2 * 0.01);
    struct qtm_data ignoring = by_place;
    ignoring.ignore_count = 2;
    ignoring.ignore = (const char *const[]){"no", "note"};
    CHECK_READS("x no y note\n1 5 2 words\n", &ignoring, 1, 2 * 0.01);
}

Test(table, numbers) {
    CHECK_READS("x y\n1e3 1.0D+03\n.5 -5.\n+1d-2 0.1E1\n1E+022 123456789012345678901234567890\n", &by_name, 1000, 1000,
                0.5, -5, 0.01, 1, 1e22, 123456789012345678901234567890.0);
    CHECK_READS("x y\n4.9406564584124654e-324 1.7976931348623157e308\n-0 0.0000000000000000000000000000000000001\n",
                &by_name, 4.9406564584124654e-324, 1.7976931348623157e308, 0, 1e-37);
}

/* Printed in many ways, each number comes back as strtod reads it. */
Test(table, numbers_at_random) {
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        double value = ((double)rand() / RAND_MAX - 0.5) * pow(10, rand() % 60 - 30), read = 0;
        int digits = rand() % 18;
        if (i % 2)
            snprintf(text, sizeof text, "%.*e", digits, value);
        else
            snprintf(text, sizeof text, "%.*g", digits + 1, value);
        const struct qtm_word word = {text, strlen(text), false};
        cr_assert_eq(qtm_word_number(&word, &read), QTM_NUMERAL, "%s", text);
        cr_assert_eq(read, strtod(text, NULL), "%s read as %.17g", text, read);
    }
}

Test(table, not_numbers) {
    const char *const words[] = {"", "+", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "1,5", "2014-07", "1_000", "--1"};
    double value;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const struct qtm_word word = {words[i], strlen(words[i]), false};
        cr_assert_eq(qtm_word_number(&word, &value), QTM_NUMERAL_NONE, "'%s'", words[i]);
    }
    check_fails("x y\n1 2\n3 n/a\n", &xy, &by_name, "line 3, column 2 (y): 'n/a' is not a number", "comment with #");
    check_fails("1 2\n1 2\nx 2\n", &xy, &by_place, "line 3, column 1: 'x' is not a number", NULL);
    check_fails("x y\n1 2\n\n3 NaN\n", &xy, &by_name, "line 4, column 2 (y): 'NaN' is not finite", "take this event");
    check_fails("-inf 2\n", &xy, &by_place, "line 1, column 1: '-inf' is not finite", NULL);
    check_fails("x y\n1 1e999\n", &xy, &by_name, "'1e999' is not finite", NULL);
    check_fails("x,y\n1,\n", &xy, &by_name, "line 2, column 2 (y): there is no number", NULL);
    check_fails("x,y\n,1\n", &xy, &by_name, "line 2, column 1 (x): there is no number", NULL);
}

Test(table, wrong_widths) {
    check_fails("x y\n1 2\n3\n4 5\n", &xy, &by_name, "line 3 has 1 column, but the file names 2: x, y", NULL);
    check_fails("1 2\n3 4\n5 6 7 8\n", &xy, &by_place, "line 3 has 4 columns, but the lines before have 2", NULL);
    check_fails("x y\n1 2\n3", &xy, &by_name, "line 3 has 1 column", "is the file cut off?");
    check_fails("1 2 3\n", &xy, &by_place, "the file has 3 columns, but data points lists 2: x, y", NULL);
    check_fails("a b c\n1 2 3\n", &xy, &by_place, "the file has 3 columns: a, b, c, but data points lists 2: x, y",
                "ignore some by name");
    check_fails("&Data NColumn=3, ColumnName = 'x', 'y' &End\n1 2\n", &xy, &by_name, "NColumn is 3", "lists 2: x, y");
    check_fails("&Data NData=3 ColumnName = 'x', 'y' &End\n1 2\n3 4\n", &xy, &by_name, "NData is 3",
                "there are 2 rows: is the file cut off?");
    check_fails("&Data NData=1 ColumnName = 'x', 'y' &End\n1 2\n3 4\n", &xy, &by_name, "there are 2 rows; correct",
                NULL);
}

Test(table, wrong_names) {
    check_fails("x,z\n1,2\n", &xy, &by_name, "no column 'y', which event Point needs", "the columns are x, z");
    check_fails("Y,x\n1,2\n", &xy, &by_name, "did you mean 'Y'?", NULL);
    check_fails("x,y,x\n1,2,3\n", &xy, &by_name, "columns 1 and 3 are both 'x'", NULL);
    check_fails("1 2\n", &xy, &by_name, "the file has 2 columns without names", "columns { ... }");
    check_fails("y x\n1 2\n", &xy, &by_place, "column 1 is 'y', but data points calls it 'x', which is column 2", NULL);
    struct qtm_data ignoring = by_place;
    ignoring.ignore_count = 1;
    ignoring.ignore = (const char *const[]){"note"};
    check_fails("x y nota\n1 2 3\n", &xy, &ignoring, "no column 'note' to ignore; did you mean 'nota'?",
                "are x, y, nota");
    check_fails("1 2 3\n", &xy, &ignoring, "does not name its columns, so 'note'", NULL);
}

Test(table, arrays) {
    const char *const texts[] = {"s2 x s0 s1\n3 9 1 2\n", "x sys1001 sys1002 sys1003\n9 1 2 3\n", "x s s s\n9 1 2 3\n",
                                 "s1,s2,s3,x\n1,2,3,9\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct qtm_events events;
        cr_assert_eq(text_read(texts[i], &with_array, &by_name, &events), QTM_OK, "%s", qtm_error_text());
        cr_assert_eq(events.f64[0][0], 9);
        for (int k = 0; k < 3; k++) cr_assert_eq(events.f64[1][k], (k + 1) * 0.01);
        qtm_events_free(&events);
    }
    check_fails("x s0 s1\n9 1 2\n", &with_array, &by_name, "needs 3 columns s0 .. s2", "the file has 2: x, s0, s1");
    static const struct qtm_column columns[] = {{1, 1}, {0, 2}};
    const struct qtm_data placed = {.name = "d", .column_count = 2, .columns = columns};
    struct qtm_events events;
    cr_assert_eq(text_read("1 2 3 9\n4 5 6 7\n", &with_array, &placed, &events), QTM_OK, "%s", qtm_error_text());
    for (int k = 0; k < 6; k++) cr_assert_eq(events.f64[1][k], k + 1);
    cr_assert(events.f64[0][0] == 18 && events.f64[0][1] == 14);
    qtm_events_free(&events);
    check_fails("1 2 3\n", &with_array, &placed, "has 3 columns, but data d lists 4: s[3], x", NULL);
}

Test(table, not_tables) {
    check_fails("# nothing\n\n", &xy, &by_name, "no row of numbers in its 2 lines", NULL);
    check_fails("words only\n", &xy, &by_name, "no row of numbers", NULL);
    check_fails("&Data\n ColumnName = 'x'\n", &xy, &by_name, "section &Data is not closed by &End up to line 2",
                "cut off");
    check_fails("&Data\n ColumnName = 'x\n&End\n", &xy, &by_name, "line 2: a text of section &Data has no closing '",
                NULL);
    check_fails("&Data\n NData = many\n&End\n", &xy, &by_name, "line 2: NData needs a whole number, not 'many'", NULL);
    check_fails("\x1f\x8b\x08 packed", &xy, &by_name, "is compressed by gzip", "gunzip");
    bytes_write("x y\n1 2\n\0\0\n", 11);
    check_fails(NULL, &xy, &by_name, "line 3 holds a zero byte", "neither HDF5 nor");
    bytes_write("", 0);
    check_fails(NULL, &xy, &by_name, "the file is empty", NULL);
    cr_assert_eq(unlink(path), 0);
    check_fails(NULL, &xy, &by_name, "No such file", NULL);
    cr_assert_eq(mkdir(path, 0777), 0);
    check_fails(NULL, &xy, &by_name, "is a folder", NULL);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(mkfifo(path, 0777), 0);
    check_fails(NULL, &xy, &by_name, "is a device or a pipe", NULL);
}

/* Bounds are those of memory, messages speak of the file's numbers; rounding at a bound is moved inside. */
Test(table, domains) {
    static const struct qtm_field fields[] = {{"x", 0, 0.5, 1, 0.01}};
    const struct qtm_event event = {.name = "E", .field_count = 1, .fields = fields};
    struct qtm_events events;
    cr_assert_eq(text_read("x\n50.00001\n0\n", &event, &by_name, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(events.f64[0][0], 0.5);
    qtm_events_free(&events);
    check_fails("x\n1\n# c\n51\n60\n", &event, &by_name, "column x has 2 values outside x's domain 0 .. 50",
                "the first is 51 at line 4");
}

/* ---- where and ranks ---- */

static qtm_status keep_third(void *context, int64_t count, double *const *columns, unsigned char *kept) {
    int *calls = context;
    ++*calls;
    for (int64_t i = 0; i < count; i++) kept[i] = (int64_t)columns[0][i] % 3 == 0;
    return QTM_OK;
}

/* Every rank's share of the kept events, over more than one block. */
static void check_shares(const struct qtm_event *event, int64_t rows, bool wide) {
    int calls = 0;
    const struct qtm_events_filter filter = {(const bool[]){true, false}, keep_third, &calls};
    for (int ranks = 1; ranks <= 5; ranks += 2) {
        int64_t next = 0, total = (rows + 2) / 3;
        for (int rank = 0; rank < ranks; rank++) {
            struct qtm_events events;
            const struct qtm_events_request request = {.path = path,
                                                       .event = event,
                                                       .filter = &filter,
                                                       .rank = rank,
                                                       .ranks = ranks,
                                                       .wide = wide ? all_wide : NULL};
            cr_assert_eq(qtm_events_read(&request, &events), QTM_OK, "%s", qtm_error_text());
            cr_assert(events.read == rows && events.total == total && events.first == next);
            cr_assert_eq(events.first, total * rank / ranks);
            for (int64_t i = 0; i < events.local; i++) {
                double x = 3.0 * (double)(next + i), y = (wide ? 0.1 : (double)0.1f) + x;
                cr_assert_eq(wide ? events.f64[0][i] : (double)events.f32[0][i], x);
                if (wide)
                    cr_assert_eq(events.f64[1][i], 0.1 + x);
                else
                    cr_assert_eq(events.f32[1][i], (float)(0.1 + x), "%g", y);
            }
            cr_assert(wide ? !events.f32[0] : !events.f64[0]);
            next += events.local;
            qtm_events_free(&events);
        }
        cr_assert_eq(next, total);
    }
    cr_assert_gt(calls, 9);
}

Test(table, shares_of_what_is_kept) {
    FILE *stream = fopen(path, "w");
    fputs("x y\n", stream);
    for (int i = 0; i < 50000; i++) fprintf(stream, "%d %.17g\n", i, 0.1 + i);
    fclose(stream);
    check_shares(&xy, 50000, true);
    check_shares(&xy, 50000, false);
}

static qtm_status ramp(void *context, int64_t first, int64_t count, float *const *columns) {
    (void)context;
    for (int64_t i = 0; i < count; i++) {
        columns[0][i] = (float)(first + i);
        for (int k = 0; k < 3; k++) columns[1][3 * i + k] = (float)(0.25 * (double)(first + i) + k);
    }
    return QTM_OK;
}

/* The same of HDF5, with an array: written in percent, read back. */
Test(table, hdf5_arrays_and_where) {
    int calls = 0;
    const struct qtm_events_filter filter = {(const bool[]){true, false}, keep_third, &calls};
    cr_assert_eq(qtm_events_write(path, &with_array, 100000, 777, ramp, NULL, NULL, 0), QTM_OK, "%s", qtm_error_text());
    int64_t next = 0;
    for (int rank = 0; rank < 3; rank++) {
        struct qtm_events events;
        const struct qtm_events_request request = {
            .path = path, .event = &with_array, .filter = &filter, .rank = rank, .ranks = 3, .wide = all_wide};
        cr_assert_eq(qtm_events_read(&request, &events), QTM_OK, "%s", qtm_error_text());
        cr_assert(events.read == 100000 && events.total == 33334 && events.first == next);
        for (int64_t i = 0; i < events.local; i++, next++) {
            cr_assert_eq(events.f64[0][i], 3.0 * (double)next);
            for (int k = 0; k < 3; k++) {
                double due = 0.75 * (double)next + k;
                cr_assert_float_eq(events.f64[1][3 * i + k], due, 2e-7 * due);
            }
        }
        qtm_events_free(&events);
    }
    cr_assert_eq(next, 33334);
    static const struct qtm_field longer[] = {{"x", ANY, 1, 1}, {"s", ANY, 4, 1}};
    const struct qtm_event event = {.name = "Long", .field_count = 2, .fields = longer};
    check_fails(NULL, &event, NULL, "dataset /events/s has 3 numbers an event, but event Long declares s[4]", NULL);
    const struct qtm_data ignoring = {.name = "d", .ignore_count = 1, .ignore = (const char *const[]){"t"}};
    check_fails(NULL, &with_array, &ignoring, "no dataset 't', which the model ignores", "it has: s, x");
}

Test(table, failing_allocations_come_back) {
    qtm_status status = QTM_FAILED;
    bytes_write("# c\nx y\n1 2\n3 4\n", 16);
    int n = 0;
    for (; status != QTM_OK && n < 60; n++) {
        struct qtm_events events;
        qtm_alloc_fail_after(n);
        status = text_read(NULL, &xy, &by_name, &events);
        qtm_alloc_fail_after(-1);
        if (status != QTM_OK) cr_assert(strstr(qtm_error_text(), "out of memory"), "%s", qtm_error_text());
        qtm_events_free(&events);
        cr_assert_eq(qtm_alloc_live(), 0);
    }
    cr_assert(status == QTM_OK && n > 12);
}

/* Bytes at random behind a good start: read or refused, never a crash, nothing lost. */
Test(table, any_bytes) {
    static const char *const parts[] = {"&Data ", "&End\n", "ColumnName", "=",    "'",     "\"",    ",",   ";", "\n",
                                        " ",      "x",      "y",          "1",    "2.5e3", "3*",    "nan", "#", "!",
                                        "*",      "/",      "\t",         "\r\n", "-",     "NData", "\0"};
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 4000; i++) {
        char text[512] = "";
        size_t used = 0;
        for (int k = rand() % 40; k > 0; k--) {
            const char *part = parts[(size_t)rand() % (sizeof parts / sizeof *parts)];
            size_t length = *part ? strlen(part) : 1;
            memcpy(text + used, part, length);
            used += length;
        }
        bytes_write(text, used);
        struct qtm_events events;
        text_read(NULL, &xy, i % 2 ? &by_name : &by_place, &events);
        qtm_events_free(&events);
        cr_assert_eq(qtm_alloc_live(), 0);
    }
}

/* ---- data sets of a model ---- */

static void where_above(const struct qtm_frame *frame) {
    const double *y = frame->in[0], *limit = frame->in[1];
    double *out = frame->out[0];
    for (int64_t i = 0; i < frame->extent[0]; i++) out[i] = y[i] >= *limit;
}

static const struct qtm_port where_in[] = {PORT("y", QTM_COLUMN, 0, 1, shape_events), PORT("cut", QTM_OPTION, 0, 0, 0)};
static const struct qtm_port where_out[] = {PORT("where", QTM_VALUE, 0, 1, shape_events)};

Test(table, compiled_where) {
    bytes_write("y\n0.1\n0.2\n0.3\n0.4\n0.5\n", 22);
    struct qtm_data data = fake_data[0];
    data.where = (struct qtm_fn)FN("where", where_above, true, 2, where_in, 1, where_out);
    struct qtm_model model = fake_model;
    model.data = &data;
    double cut = 0.3;
    struct qtm_data_source source = {.model = &model, .path = path, .options = &cut, .rank = 1, .ranks = 2};
    source.wide = all_wide;
    struct qtm_events events;
    cr_assert_eq(qtm_data_load(&source, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert(events.read == 5 && events.total == 3 && events.first == 1 && events.local == 2);
    cr_assert(events.f64[0][0] == 0.4 && events.f64[0][1] == 0.5);
    qtm_events_free(&events);
    cut = 2;
    cr_assert_eq(qtm_data_load(&source, &events), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "none of its 5 events passes the condition behind `where` of data measured"),
              "%s", qtm_error_text());
    cut = 0.3;
    cr_assert_eq(qtm_events_create(&fake_events[0], 4, &events), QTM_OK);
    events.f32[0] = qtm_alloc_array(4, sizeof(float));
    for (int i = 0; i < 4; i++) events.f32[0][i] = 0.5f - 0.125f * (float)i;
    cr_assert_eq(qtm_data_cut(&source, &events), QTM_OK);
    cr_assert(events.local == 2 && events.f32[0][1] == 0.375f);
    qtm_events_free(&events);
}

Test(table, path_of_a_data_set) {
    char found[QTM_DATA_PATH];
    const struct qtm_data data = {.name = "d", .path = "t.dat"};
    cr_assert_eq(chdir(folder), 0);
    cr_assert_eq(mkdir("data", 0777), 0);
    setenv("QTM_DATA", "data", 1);
    cr_assert_str_eq(qtm_data_find(&data, NULL, found), "t.dat", "as declared where it is nowhere");
    fclose(fopen("data/t.dat", "w"));
    fclose(fopen("data/u.dat", "w"));
    cr_assert_str_eq(qtm_data_find(&data, NULL, found), "data/t.dat");
    cr_assert_str_eq(qtm_data_find(&data, "u.dat", found), "data/u.dat");
    cr_assert_str_eq(qtm_data_find(&data, "/u.dat", found), "/u.dat");
    fclose(fopen("t.dat", "w"));
    cr_assert_str_eq(qtm_data_find(&data, NULL, found), "t.dat", "the current folder comes first");
}

static int arguments_read(struct qtm_arguments *arguments, const char *flag) {
    char *words[] = {"fake", "fit", "gauss", (char *)flag, NULL};
    return qtm_arguments_parse(arguments, 4, words, &fake_model);
}

Test(table, path_on_the_command_line) {
    struct qtm_arguments arguments;
    cr_assert_eq(arguments_read(&arguments, "--data=measured=a=b.dat"), 0, "%s", arguments.message);
    cr_assert_str_eq(arguments.data[0], "a=b.dat");
    qtm_arguments_destroy(&arguments);
    cr_assert_eq(arguments_read(&arguments, "--data=mesured=b.dat"), 2);
    cr_assert_str_eq(arguments.message, "the model has no data 'mesured'; did you mean 'measured'?");
    qtm_arguments_destroy(&arguments);
    cr_assert_eq(arguments_read(&arguments, "--data=b.dat"), 2);
    cr_assert(strstr(arguments.message, "--data=NAME=FILE, not 'b.dat'"), "%s", arguments.message);
    qtm_arguments_destroy(&arguments);
}

/* ---- the published table ---- */

Test(table, published) {
    const char *data = getenv("QTM_DATA");
    snprintf(path, sizeof path, "%.80s/HERA1+2_NCep_920-thexp.dat", data ? data : "../shared/data");
    if (access(path, R_OK) != 0) {
        printf("skipped: no %s\n", path);
        cr_skip_test("no %s", path);
    }
    static const struct qtm_field fields[] = {{"Q2", 0, 1e5, 1, 1},  {"x", 0, 1, 1, 1},    {"y", 0, 1, 1, 1},
                                              {"sigma", 0, 9, 1, 1}, {"stat", 0, 9, 1, 1}, {"uncor", 0, 9, 1, 1},
                                              {"sys", -9, 9, 169, 1}};
    static const struct qtm_column columns[] = {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 0.01}, {5, 0.01}, {6, 0.01}};
    static const bool wide[7] = {true, true, true, true, true, true, true};
    const struct qtm_event event = {.name = "Point", .field_count = 7, .fields = fields};
    struct qtm_data hera = {.name = "hera", .column_count = 7, .columns = columns};
    const struct qtm_events_request request = {.path = path, .event = &event, .data = &hera, .ranks = 1, .wide = wide};
    struct qtm_events events;
    cr_assert_eq(qtm_events_read(&request, &events), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "the file has 176 columns"), "%s", qtm_error_text());
    cr_assert(strstr(qtm_error_text(), "lists 175: Q2, x, y, sigma, stat, uncor, sys[169]"), "%s", qtm_error_text());
    hera.ignore_count = 1;
    hera.ignore = (const char *const[]){"ignore"};
    cr_assert_eq(qtm_events_read(&request, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(events.total, 485);
    cr_assert(events.f64[0][0] == 0.15 && events.f64[1][0] == 5.02e-6 && events.f64[4][0] == 3.7945 * 0.01);
    int64_t fit = 0;
    for (int64_t i = 0; i < events.local; i++)
        fit += events.f64[0][i] >= 1 && events.f64[0][i] <= 100 && events.f64[1][i] <= 0.01;
    cr_assert_eq(fit, 211, "points in the region of the fractal fit"); /* as xFitter counts them */
    qtm_events_free(&events);
}
