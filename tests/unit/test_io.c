/* Event files and files in general: everything h5py may write reads back equal, and every bad file gives its message.
 * Files are made by h5py in a folder of the test's own. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/io/events.h"
#include "runtime/io/file.h"

#include "unit/scratch.h"

static const struct qtm_field fields[] = {{"y1", 0.1, 1, 1, 1}, {"y2", 0.1, 1, 1, 1}};
static const struct qtm_event pair = {.name = "Pair", .field_count = 2, .fields = fields};

/* All columns by name, in f32. */
static qtm_status events_read(const char *path, const struct qtm_event *event, int rank, int ranks,
                              struct qtm_events *events) {
    const struct qtm_events_request request = {.path = path, .event = event, .rank = rank, .ranks = ranks};
    return qtm_events_read(&request, events);
}

TestSuite(files, .init = scratch_make, .fini = scratch_remove);
TestSuite(events, .init = scratch_make, .fini = scratch_remove);

/* FOLDER/name in one of four rotating buffers. */
static const char *in_folder(const char *name) {
    static char paths[4][256];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Runs Python in the folder, with n = 1000 events: a[i] = 0.1 + 0.9 i/n, b = 1.1 - a, both f8. */
static void python(const char *body) {
    char command[512];
    /* The system's Python is the one that python3-h5py installs for; another may come first in PATH. */
    snprintf(command, sizeof command,
             "cd '%s' && $([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3) -", folder);
    FILE *pipe = popen(command, "w");
    cr_assert_not_null(pipe);
    fprintf(pipe,
            "import h5py, numpy as np\nn = 1000\na = 0.1 + 0.9*np.arange(n)/n\nb = 1.1 - a\n"
            "f = h5py.File('e.h5', 'w')\n%s\nf.close()\n",
            body);
    cr_assert_eq(pclose(pipe), 0, "the Python part failed; h5py comes with ./bootstrap --tests");
}

static void check_values(const struct qtm_events *events) {
    for (int64_t i = 0; i < events->local; i++) {
        double a = 0.1 + 0.9 * (double)(events->first + i) / 1000;
        cr_assert_eq(events->f32[0][i], fmaxf((float)a, 0.1f), "event %ld", (long)i);
        cr_assert_float_eq(events->f32[1][i], 1.1 - a, 1e-7);
    }
}

/* Reads e.h5 whole and in shares. */
static void check_reads(void) {
    struct qtm_events events;
    for (int ranks = 1; ranks <= 7; ranks += 3) {
        int64_t next = 0;
        for (int rank = 0; rank < ranks; rank++) {
            cr_assert_eq(events_read(in_folder("e.h5"), &pair, rank, ranks, &events), QTM_OK, "%s", qtm_error_text());
            cr_assert_eq(events.total, 1000);
            cr_assert_eq(events.first, next);
            cr_assert_eq(events.first, 1000 * rank / ranks);
            check_values(&events);
            next += events.local;
            qtm_events_free(&events);
        }
        cr_assert_eq(next, 1000);
    }
}

/* Reads e.h5 and expects a failure whose message has all of these parts. */
static void check_fails(int ranks, const char *part1, const char *part2, const char *part3) {
    struct qtm_events events;
    cr_assert_eq(events_read(in_folder("e.h5"), &pair, 0, ranks, &events), QTM_FAILED);
    const char *parts[] = {"/e.h5: ", part1, part2, part3};
    for (int i = 0; i < 4; i++)
        cr_assert(!parts[i] || strstr(qtm_error_text(), parts[i]), "no \"%s\" in: %s", parts[i], qtm_error_text());
    cr_assert(!events.f32 && events.local == 0);
}

Test(events, plain_f4) {
    python("f['events/y1'] = a.astype('f4')\nf['events/y2'] = b.astype('f4')\nf['events/other'] = np.arange(3)");
    check_reads();
}

Test(events, chunked_compressed_shuffled_f8) {
    python("g = f.create_group('events')\n"
           "g.create_dataset('y1', data=a, chunks=(97,), compression='gzip', shuffle=True, fletcher32=True)\n"
           "g.create_dataset('y2', data=b, chunks=(1000,), compression='gzip')");
    check_reads();
}

Test(events, big_endian_and_half) {
    python("g = f.create_group('events')\n"
           "g.create_dataset('y1', data=a.astype('>f8'))\ng.create_dataset('y2', data=b.astype('>f4'))");
    check_reads();
}

Test(events, compound_packed_and_mixed) {
    python("t = np.zeros(n, dtype=[('id', '>i4'), ('y2', '>f4'), ('pad', 'S3'), ('y1', 'f8')])\n"
           "t['y1'] = a; t['y2'] = b\n"
           "f.create_dataset('events', data=t, chunks=(64,), compression='gzip')");
    check_reads();
}

/* More than a block and chunks larger than HDF5's cache. */
Test(events, large_chunks) {
    python("N = 300000\ng = f.create_group('events')\n"
           "g.create_dataset('y1', data=np.linspace(0.1, 1, N), chunks=(200000,), compression='gzip', "
           "compression_opts=1)\n"
           "g.create_dataset('y2', data=np.linspace(1, 0.1, N), chunks=(70001,), maxshape=(None,))");
    struct qtm_events events;
    cr_assert_eq(events_read(in_folder("e.h5"), &pair, 1, 3, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(events.local, 100000);
    for (int64_t i = 0; i < events.local; i++) {
        double place = 0.9 * (double)(100000 + i) / 299999;
        cr_assert_float_eq(events.f32[0][i], 0.1 + place, 1e-7);
        cr_assert_float_eq(events.f32[1][i], 1 - place, 1e-7);
    }
    qtm_events_free(&events);
}

Test(events, integers_and_doubles_on_demand) {
    python("f['events/k'] = np.arange(n, dtype='u2')\nf['events/m'] = -np.arange(n, dtype='i8')");
    const struct qtm_field counts[] = {{"k", -INFINITY, INFINITY, 1, 1}, {"m", -INFINITY, 0, 1, 1}};
    const struct qtm_event event = {.name = "Count", .field_count = 2, .fields = counts};
    struct qtm_events events;
    cr_assert_eq(events_read(in_folder("e.h5"), &event, 0, 1, &events), QTM_OK, "%s", qtm_error_text());
    const void *columns[2], *again;
    for (int f = 0; f < 2; f++) {
        cr_assert_null(events.f64[f]);
        cr_assert_eq(qtm_events_column(&events, f, true, &columns[f]), QTM_OK);
        cr_assert_eq(qtm_events_column(&events, f, true, &again), QTM_OK);
        cr_assert_eq(columns[f], again, "a second time is free");
    }
    const double *k = columns[0], *m = columns[1];
    for (int i = 0; i < 1000; i++) cr_assert(k[i] == i && m[i] == -i);
    qtm_events_free(&events);
}

/* f4 rounding at the ends moves to the nearest float inside; nothing else does. */
Test(events, rounding_at_the_ends) {
    python("a[0] = 0.1*(1 - 5e-7); a[1] = 1 + 5e-7\nf['events/y1'] = a\nf['events/y2'] = b");
    struct qtm_events events;
    cr_assert_eq(events_read(in_folder("e.h5"), &pair, 0, 1, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(events.f32[0][0], 0.1f);
    cr_assert_eq(events.f32[0][1], 1.0f);
    qtm_events_free(&events);
    /* 0.999f lies above 0.999. */
    const struct qtm_field ends[] = {{"y1", 0, 0.999, 1, 1}};
    const struct qtm_event event = {.name = "End", .field_count = 1, .fields = ends};
    python("f['events/y1'] = np.array([0.999, 0.0], dtype='f4')");
    cr_assert_eq(events_read(in_folder("e.h5"), &event, 0, 1, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert((double)events.f32[0][0] <= 0.999 && events.f32[0][0] > 0.998999f);
    qtm_events_free(&events);
}

Test(events, outside_the_domain) {
    python("a[17] = 1.5; a[900] = 0\nf['events/y1'] = a\nf['events/y2'] = b");
    check_fails(1, "dataset /events/y1 has 2 values outside y1's domain 0.1 .. 1", "the first is 1.5 at event 17",
                "widen it in event Pair");
    python("a[17] = 1.0000011\nf['events/y1'] = a\nf['events/y2'] = b");
    check_fails(1, "1 value outside", "event 17", NULL);
}

Test(events, not_finite) {
    python("b[5] = np.nan; b[7] = -np.inf; b[600] = np.nan\nf['events/y1'] = a\nf['events/y2'] = b");
    check_fails(1, "dataset /events/y2 has 3 values that are NaN or infinite", "the first is event 5", "remove");
}

Test(events, missing_field) {
    python("f['events/y1'] = a\nf['events/Y_2'] = b\nf['events/y3'] = b");
    check_fails(1, "has no dataset 'y2', which event Pair needs", "it has: Y_2, y1, y3", "did you mean 'y");
    python("f.create_dataset('events', data=np.zeros(n, dtype=[('y1', 'f4'), ('z', 'f4')]))");
    check_fails(1, "no member 'y2'", "it has: y1, z", NULL);
    python("f.create_group('events')");
    check_fails(1, "no dataset 'y1'", "it has: nothing", NULL);
}

Test(events, wrong_layouts) {
    python("f['data/y1'] = a");
    check_fails(1, "there is no /events (there is /data)", "one 1-D dataset a field", NULL);
    python("f['events'] = a");
    check_fails(1, "neither a group nor a compound dataset", NULL, NULL);
    python("f['events/y1'] = a.reshape(10, 100)\nf['events/y2'] = b");
    check_fails(1, "dataset /events/y1 has 2 dimensions", NULL, NULL);
    python("f['events/y1'] = a\nf['events/y2'] = b[:990]");
    check_fails(1, "dataset /events/y2 has 990 values, but y1 has 1000", NULL, NULL);
    python("f['events/y1'] = a\nf['events/y2'] = [b'x', b'y']");
    check_fails(1, "dataset /events/y2 does not hold numbers", NULL, NULL);
    python("f['events/y1/inner'] = a\nf['events/y2'] = b");
    check_fails(1, "dataset /events/y1 is not a dataset", NULL, NULL);
}

Test(events, none_and_too_few) {
    python("f['events/y1'] = a[:0]\nf['events/y2'] = b[:0]");
    check_fails(1, "holds no events", NULL, NULL);
    python("f['events/y1'] = a[:3]\nf['events/y2'] = b[:3]");
    check_fails(4, "3 events are too few for 4 ranks", "start fewer ranks", NULL);
}

static void write_bytes(const char *path, const void *bytes, size_t count) {
    FILE *stream = fopen(path, "w");
    cr_assert_not_null(stream);
    cr_assert_eq(fwrite(bytes, 1, count, stream), count);
    fclose(stream);
}

Test(events, not_an_event_file_at_all) {
    check_fails(1, "No such file", "check the name", NULL);
    write_bytes(in_folder("e.h5"), "x,y\n1,2\n", 8);
    check_fails(1, "no column 'y1', which event Pair needs", "the columns are x, y", NULL);
    write_bytes(in_folder("e.h5"), "", 0);
    check_fails(1, "the file is empty (0 bytes)", NULL, NULL);
    cr_assert_eq(unlink(in_folder("e.h5")), 0);
    cr_assert_eq(mkdir(in_folder("e.h5"), 0777), 0);
    check_fails(1, "is a folder, not an event file", NULL, NULL);
}

/* Cut at many lengths: always a message, never a crash. */
Test(events, truncated_anywhere) {
    python("g = f.create_group('events')\ng.create_dataset('y1', data=a, chunks=(100,), compression='gzip')\n"
           "f['events/y2'] = b");
    struct stat status;
    cr_assert_eq(stat(in_folder("e.h5"), &status), 0);
    for (off_t size = status.st_size - 1; size > 0; size -= status.st_size / 40 + 1) {
        cr_assert_eq(truncate(in_folder("e.h5"), size), 0);
        check_fails(1, size >= 512 ? "truncated or damaged" : "", NULL, NULL);
    }
}

/* A byte of a compressed chunk changed: the checksum of the chunk sees it, and HDF5's own reason is quoted. */
Test(events, damaged_chunk) {
    python("g = f.create_group('events')\nd = g.create_dataset('y1', data=a, chunks=(1000,), fletcher32=True)\n"
           "f['events/y2'] = b\nf.flush()\noffset = d.id.get_chunk_info(0).byte_offset\nf.close()\n"
           "raw = bytearray(open('e.h5', 'rb').read())\nraw[offset + 50] ^= 1\nopen('e.h5', 'wb').write(raw)");
    check_fails(1, "dataset /events/y1: reading failed (", "checksum", "make it again");
}

Test(events, failing_allocations_come_back) {
    python("f['events/y1'] = a\nf['events/y2'] = b");
    qtm_status status = QTM_FAILED;
    int failures = 0;
    for (int n = 0; status != QTM_OK && n < 50; n++) {
        struct qtm_events events;
        qtm_alloc_fail_after(n);
        status = events_read(in_folder("e.h5"), &pair, 0, 1, &events);
        const void *column;
        for (int f = 0; status == QTM_OK && f < 2; f++) status = qtm_events_column(&events, f, true, &column);
        qtm_alloc_fail_after(-1);
        if (status != QTM_OK) cr_assert(strstr(qtm_error_text(), "out of memory"), "%s", qtm_error_text());
        failures += status != QTM_OK;
        qtm_events_free(&events);
        cr_assert_eq(qtm_alloc_live(), 0);
    }
    cr_assert_eq(failures, 9);
}

/* A real file, where the shared data lie: ../shared/data, or QTM_DATA. */
Test(events, blind_file) {
    const char *data = getenv("QTM_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/proxy1d_blind.h5", data ? data : "../shared/data");
    if (access(path, R_OK) != 0) {
        printf("skipped: no %s\n", path);
        cr_skip_test("no %s", path);
    }
    struct qtm_events events;
    cr_assert_eq(events_read(path, &pair, 1, 2, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(events.total, 200000);
    cr_assert_eq(events.local, 100000);
    qtm_events_free(&events);
}

/* ---- writing ---- */

static qtm_status ramp(void *context, int64_t first, int64_t count, float *const *columns) {
    int64_t *limit = context;
    if (first + count > *limit) return qtm_error("the source broke");
    for (int64_t i = 0; i < count; i++) {
        columns[0][i] = 0.1f + 0.8f * (float)(first + i) / 100000;
        columns[1][i] = 1 - 0.8f * (float)(first + i) / 100000;
    }
    return QTM_OK;
}

Test(events, written_file_reads_back) {
    int64_t limit = INT64_MAX;
    const struct qtm_attribute attributes[] = {{"model", "proxy \"1d\"", 0}, {"seed", NULL, 7}, {"note", "", 0}};
    const char *path = in_folder("w.h5");
    cr_assert_eq(qtm_events_write(path, &pair, 70001, 1024, ramp, &limit, attributes, 3), QTM_OK, "%s",
                 qtm_error_text());
    cr_assert_eq(scratch_files(), 1);
    struct qtm_events events;
    cr_assert_eq(events_read(path, &pair, 0, 1, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(events.total, 70001);
    for (int64_t i = 0; i < events.local; i++) {
        cr_assert_eq(events.f32[0][i], 0.1f + 0.8f * (float)i / 100000);
        cr_assert_eq(events.f32[1][i], 1 - 0.8f * (float)i / 100000);
    }
    qtm_events_free(&events);
    python("g = h5py.File('w.h5')['events']\nassert g.attrs['model'] == 'proxy \"1d\"' and g.attrs['seed'] == 7\n"
           "assert g['y1'].dtype == '<f4' and g['y1'].shape == (70001,) and g['y1'].chunks");
}

Test(events, failed_write_leaves_nothing) {
    int64_t limit = 5000;
    cr_assert_eq(qtm_events_write(in_folder("w.h5"), &pair, 70001, 1024, ramp, &limit, NULL, 0), QTM_FAILED);
    cr_assert_str_eq(qtm_error_text(), "the source broke");
    cr_assert_eq(scratch_files(), 0);
    cr_assert_eq(qtm_events_write(in_folder("no/w.h5"), &pair, 10, 10, ramp, &limit, NULL, 0), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "No such file"), "%s", qtm_error_text());
    cr_assert_eq(qtm_events_write(folder, &pair, 10, 10, ramp, &limit, NULL, 0), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "is a folder"), "%s", qtm_error_text());
    cr_assert_eq(qtm_events_write(in_folder("w.h5"), &pair, 0, 10, ramp, &limit, NULL, 0), QTM_FAILED);
    for (int n = 0; n < 5; n++) {
        qtm_alloc_fail_after(n);
        cr_assert_eq(qtm_events_write(in_folder("w.h5"), &pair, 10, 10, ramp, &limit, NULL, 0), QTM_FAILED);
        qtm_alloc_fail_after(-1);
        cr_assert_eq(qtm_alloc_live(), 0);
    }
    cr_assert_eq(scratch_files(), 0);
}

/* A limit on the size of files stands for a full disk. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(events, full_disk) {
    int64_t limit = INT64_MAX;
    const char *path = in_folder("w.h5");
    cr_assert_eq(qtm_events_write(path, &pair, 100, 100, ramp, &limit, NULL, 0), QTM_OK);
    limit_files(100000);
    cr_assert_eq(qtm_events_write(path, &pair, 100000, 1024, ramp, &limit, NULL, 0), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "w.h5: could not be written: File too large"), "%s", qtm_error_text());
    limit_files(RLIM_INFINITY);
    cr_assert_eq(scratch_files(), 1, "the old file, and no temporary");
    struct qtm_events events;
    cr_assert_eq(events_read(path, &pair, 0, 1, &events), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(events.total, 100);
    qtm_events_free(&events);
}

/* ---- files ---- */

Test(files, appear_whole_or_not_at_all) {
    struct qtm_file file;
    const char *path = in_folder("a.txt");
    cr_assert_eq(qtm_file_begin(path, &file), QTM_OK);
    fputs("one", file.stream);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_eq(qtm_file_commit(&file), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(qtm_file_begin(path, &file), QTM_OK);
    fputs("two", file.stream);
    qtm_file_abort(&file);
    qtm_file_abort(&file);
    char *text;
    int64_t length;
    cr_assert_eq(qtm_file_read(path, &text, &length), QTM_OK);
    cr_assert_str_eq(text, "one");
    cr_assert_eq(length, 3);
    qtm_free(text);
    cr_assert_eq(scratch_files(), 1);
}

Test(files, errors) {
    struct qtm_file file;
    char *text;
    cr_assert_eq(qtm_file_begin(in_folder("no/a.txt"), &file), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "/no/a.txt: cannot be written: No such file"), "%s", qtm_error_text());
    cr_assert_eq(qtm_file_begin(folder, &file), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "Is a directory"), "%s", qtm_error_text());
    cr_assert_eq(qtm_file_read(folder, &text, NULL), QTM_FAILED);
    cr_assert_eq(qtm_file_read(in_folder("none"), &text, NULL), QTM_FAILED);
    for (int n = 0; n < 2; n++) {
        qtm_alloc_fail_after(n);
        cr_assert_eq(qtm_file_begin(in_folder("a.txt"), &file), QTM_FAILED);
        qtm_alloc_fail_after(-1);
    }
    cr_assert_eq(scratch_files(), 0);
}

Test(files, full_disk) {
    struct qtm_file file;
    cr_assert_eq(qtm_file_begin(in_folder("a.txt"), &file), QTM_OK);
    limit_files(5000);
    for (int i = 0; i < 10000; i++) fputs("line\n", file.stream);
    cr_assert_eq(qtm_file_commit(&file), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "a.txt: could not be written"), "%s", qtm_error_text());
    limit_files(RLIM_INFINITY);
    cr_assert_eq(scratch_files(), 0);
}

Test(files, read_grows) {
    struct qtm_file file;
    const char *path = in_folder("long.txt");
    cr_assert_eq(qtm_file_begin(path, &file), QTM_OK);
    for (int i = 0; i < 200000; i++) fputc('a' + i % 26, file.stream);
    cr_assert_eq(qtm_file_commit(&file), QTM_OK);
    char *text;
    int64_t length;
    cr_assert_eq(qtm_file_read(path, &text, &length), QTM_OK);
    cr_assert_eq(length, 200000);
    for (int i = 0; i < 200000; i++) cr_assert_eq(text[i], 'a' + i % 26);
    cr_assert_eq(text[200000], '\0');
    qtm_free(text);
}

Test(files, folders) {
    struct stat status;
    for (int i = 0; i < 2; i++) cr_assert_eq(qtm_make_folders(in_folder("a/b//c/")), QTM_OK, "%s", qtm_error_text());
    cr_assert(stat(in_folder("a/b/c"), &status) == 0 && S_ISDIR(status.st_mode));
    write_bytes(in_folder("a/file"), "x", 1);
    cr_assert_eq(qtm_make_folders(in_folder("a/file")), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "is a file"), "%s", qtm_error_text());
    cr_assert_eq(qtm_make_folders(in_folder("a/file/b")), QTM_FAILED);
    cr_assert_eq(qtm_make_folders("/"), QTM_OK);
}
