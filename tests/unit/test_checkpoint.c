/* Checkpoints: what goes in comes out to the bit; other shapes, other files and damage are told, not read. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/io/checkpoint.h"

#include "unit/scratch.h"

static char path[128];

static void folder_make(void) {
    scratch_make();
    snprintf(path, sizeof path, "%s/last.h5", folder);
}

TestSuite(checkpoint, .init = folder_make, .fini = scratch_remove);

enum { ROWS = 300, COLUMNS = 411 };
static float weights[ROWS * COLUMNS];
static const int64_t shape[2] = {ROWS, COLUMNS}, none[1] = {0};
static const double moments[3] = {1.0 / 3, -0.0, 5e-324};
static const int64_t three[1] = {3};

static qtm_status write_one(void) {
    struct qtm_checkpoint *checkpoint;
    int64_t step = -(INT64_C(1) << 60);
    uint64_t seed = UINT64_MAX;
    for (int i = 0; i < ROWS * COLUMNS; i++) weights[i] = (float)sin(i);
    weights[7] = NAN;
    QTM_TRY(qtm_checkpoint_create(path, &checkpoint));
    qtm_status status = qtm_checkpoint_put(checkpoint, "gan/critic/weights", QTM_F32, 2, shape, weights);
    if (status == QTM_OK) status = qtm_checkpoint_put(checkpoint, "gan/critic/moments", QTM_F64, 1, three, moments);
    if (status == QTM_OK) status = qtm_checkpoint_put(checkpoint, "gan/none", QTM_F32, 1, none, moments);
    if (status == QTM_OK) status = qtm_checkpoint_put(checkpoint, "step", QTM_I64, 0, NULL, &step);
    if (status == QTM_OK) status = qtm_checkpoint_put(checkpoint, "seed", QTM_U64, 0, NULL, &seed);
    if (status == QTM_OK) status = qtm_checkpoint_put_text(checkpoint, "model", "source \"text\"\n\xc3\xa9");
    if (status == QTM_OK) status = qtm_checkpoint_put_text(checkpoint, "empty", "");
    if (status == QTM_OK) return qtm_checkpoint_commit(checkpoint);
    qtm_checkpoint_close(checkpoint);
    return status;
}

static qtm_status read_one(void) {
    static float read_weights[ROWS * COLUMNS];
    double read_moments[3];
    struct qtm_checkpoint *checkpoint;
    QTM_TRY(qtm_checkpoint_open(path, &checkpoint));
    qtm_status status = qtm_checkpoint_get(checkpoint, "gan/critic/weights", QTM_F32, 2, shape, read_weights);
    if (status == QTM_OK) {
        cr_assert_arr_eq(read_weights, weights, sizeof weights);
        status = qtm_checkpoint_get(checkpoint, "gan/critic/moments", QTM_F64, 1, three, read_moments);
    }
    if (status == QTM_OK) cr_assert_arr_eq(read_moments, moments, sizeof moments);
    qtm_checkpoint_close(checkpoint);
    return status;
}

Test(checkpoint, comes_back_to_the_bit) {
    cr_assert_eq(write_one(), QTM_OK, "%s", qtm_error_text());
    cr_assert_eq(read_one(), QTM_OK, "%s", qtm_error_text());
    struct qtm_checkpoint *checkpoint;
    int64_t step, count;
    uint64_t seed;
    char *text;
    cr_assert_eq(qtm_checkpoint_open(path, &checkpoint), QTM_OK);
    cr_assert_eq(qtm_checkpoint_get(checkpoint, "step", QTM_I64, 0, NULL, &step), QTM_OK);
    cr_assert_eq(step, -(INT64_C(1) << 60));
    cr_assert_eq(qtm_checkpoint_get(checkpoint, "seed", QTM_U64, 0, NULL, &seed), QTM_OK);
    cr_assert_eq(seed, UINT64_MAX);
    cr_assert_eq(qtm_checkpoint_get_text(checkpoint, "model", &text), QTM_OK);
    cr_assert_str_eq(text, "source \"text\"\n\xc3\xa9");
    qtm_free(text);
    cr_assert_eq(qtm_checkpoint_get_text(checkpoint, "empty", &text), QTM_OK);
    cr_assert_str_eq(text, "");
    qtm_free(text);
    cr_assert_eq(qtm_checkpoint_count(checkpoint, "gan/critic/weights", &count), QTM_OK);
    cr_assert_eq(count, ROWS * COLUMNS);
    cr_assert_eq(qtm_checkpoint_get(checkpoint, "gan/none", QTM_F32, 1, none, &step), QTM_OK, "%s", qtm_error_text());
    cr_assert(qtm_checkpoint_has(checkpoint, "gan/critic/moments") && qtm_checkpoint_has(checkpoint, "gan"));
    cr_assert(!qtm_checkpoint_has(checkpoint, "gan/other/moments") && !qtm_checkpoint_has(checkpoint, "step/x"));
    qtm_checkpoint_close(checkpoint);
}

static void check_get_fails(const char *name, enum qtm_type type, int rank, const int64_t *wanted, const char *part) {
    struct qtm_checkpoint *checkpoint;
    static double data[ROWS * COLUMNS];
    cr_assert_eq(qtm_checkpoint_open(path, &checkpoint), QTM_OK);
    cr_assert_eq(qtm_checkpoint_get(checkpoint, name, type, rank, wanted, data), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), part), "no \"%s\" in: %s", part, qtm_error_text());
    qtm_checkpoint_close(checkpoint);
}

Test(checkpoint, mismatches) {
    const int64_t swapped[2] = {COLUMNS, ROWS};
    char *text;
    cr_assert_eq(write_one(), QTM_OK);
    check_get_fails("gan/critic/weights", QTM_F32, 2, swapped, "has the shape [300, 411], this model needs [411, 300]");
    check_get_fails("gan/critic/weights", QTM_F32, 1, three, "needs [3]");
    check_get_fails("gan/critic/weights", QTM_F64, 2, shape, "is not of type f64");
    check_get_fails("step", QTM_F32, 1, three, "has the shape [], this model needs [3]");
    check_get_fails("gan/other", QTM_F32, 0, NULL, "the checkpoint has no 'gan/other'");
    check_get_fails("gan", QTM_F32, 0, NULL, "reading failed");
    struct qtm_checkpoint *checkpoint;
    cr_assert_eq(qtm_checkpoint_open(path, &checkpoint), QTM_OK);
    cr_assert_eq(qtm_checkpoint_get_text(checkpoint, "step", &text), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "is not a text"));
    qtm_checkpoint_close(checkpoint);
}

static void check_open_fails(const char *part) {
    struct qtm_checkpoint *checkpoint;
    cr_assert_eq(qtm_checkpoint_open(path, &checkpoint), QTM_FAILED);
    cr_assert_null(checkpoint);
    cr_assert(strstr(qtm_error_text(), part), "no \"%s\" in: %s", part, qtm_error_text());
}

Test(checkpoint, other_files) {
    char command[512];
    check_open_fails("No such file");
    snprintf(command, sizeof command, "echo '{}' > '%s'", path);
    cr_assert_eq(system(command), 0);
    check_open_fails("not an HDF5 file, so not a checkpoint");
    snprintf(command, sizeof command,
             "$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3) -c "
             "\"import h5py; f = h5py.File('%s', 'w'); f['x'] = 1; f.attrs['format'] = 3\"",
             path);
    cr_assert_eq(system(command), 0, "h5py comes with ./bootstrap --tests");
    check_open_fails("an HDF5 file, but not a checkpoint");
    snprintf(
        command, sizeof command,
        "$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3) -c \"import h5py; f = h5py.File('%s', "
        "'w'); f.attrs['format'] = 'qtm checkpoint'; f.attrs['version'] = 99\"",
        path);
    cr_assert_eq(system(command), 0);
    check_open_fails("a checkpoint of version 99, this program reads version 1");
}

Test(checkpoint, truncated_anywhere) {
    struct stat status;
    cr_assert_eq(write_one(), QTM_OK);
    cr_assert_eq(stat(path, &status), 0);
    for (off_t size = status.st_size - 1; size > 0; size -= status.st_size / 50 + 1) {
        cr_assert_eq(truncate(path, size), 0);
        check_open_fails(size >= 512 ? "truncated or damaged" : "");
    }
}

/* Any flipped byte of the data is an error: the checksum of its chunk. */
Test(checkpoint, flipped_bytes) {
    cr_assert_eq(write_one(), QTM_OK);
    FILE *file = fopen(path, "r+");
    for (int i = 0; i < 20; i++) { /* the weights fill nearly all of the file; its ends are HDF5's own records */
        long place = 200000 + 10007 * i;
        fseek(file, place, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, place, SEEK_SET);
        fputc(byte ^ 0x10, file);
        fflush(file);
        cr_assert_eq(read_one(), QTM_FAILED, "byte %ld", place);
        cr_assert(strstr(qtm_error_text(), "gan/critic/weights: reading failed"), "%s", qtm_error_text());
        fseek(file, place, SEEK_SET);
        fputc(byte, file);
        fflush(file);
    }
    fclose(file);
    cr_assert_eq(read_one(), QTM_OK);
}

/* A limit on the size of files stands for a full disk, met at every point of the writing. */
Test(checkpoint, full_disk_keeps_the_old_one) {
    cr_assert_eq(write_one(), QTM_OK);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 0; bytes < 490000; bytes += 24000) {
        struct rlimit limit = {bytes, RLIM_INFINITY};
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        cr_assert_eq(write_one(), QTM_FAILED, "%ld bytes", (long)bytes);
        cr_assert(strstr(qtm_error_text(), "could not be written: File too large"), "%s", qtm_error_text());
        limit.rlim_cur = RLIM_INFINITY;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        cr_assert_eq(scratch_files(), 1);
    }
    cr_assert_eq(read_one(), QTM_OK);
}

Test(checkpoint, not_committed_leaves_nothing) {
    struct qtm_checkpoint *checkpoint;
    cr_assert_eq(qtm_checkpoint_create(path, &checkpoint), QTM_OK);
    cr_assert_eq(qtm_checkpoint_put(checkpoint, "a", QTM_F64, 1, three, moments), QTM_OK);
    cr_assert_eq(qtm_checkpoint_put(checkpoint, "a", QTM_F64, 1, three, moments), QTM_FAILED, "a name twice");
    qtm_checkpoint_close(checkpoint);
    cr_assert_eq(scratch_files(), 0);
    qtm_checkpoint_close(NULL);
}

Test(checkpoint, failing_allocations_come_back) {
    qtm_status status = QTM_FAILED;
    int failures = 0;
    for (int n = 0; status != QTM_OK && n < 50; n++) {
        qtm_alloc_fail_after(n);
        status = write_one();
        qtm_alloc_fail_after(-1);
        failures += status != QTM_OK;
        cr_assert_eq(qtm_alloc_live(), 0);
    }
    cr_assert_eq(status, QTM_OK);
    cr_assert_geq(failures, 3);
    for (int n = 0; n < 2; n++) {
        qtm_alloc_fail_after(n);
        cr_assert_eq(read_one(), QTM_FAILED);
        qtm_alloc_fail_after(-1);
        cr_assert_eq(qtm_alloc_live(), 0);
    }
}
