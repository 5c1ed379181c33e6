/* A fit of all the data behind a `where`, on any number of ranks: every event that is kept counts once, the others do
 * not. The least squares of the fake model give the mean of the events, which is known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "tests/unit/fake_model.h"

enum { EVENTS = 3001 };

static void where_below(const struct qtm_frame *frame) {
    const double *y = frame->in[0];
    double *out = frame->out[0];
    for (int64_t i = 0; i < frame->extent[0]; i++) out[i] = y[i] <= 0.25;
}

static const struct qtm_port where_in[] = {PORT("y", QTM_COLUMN, 0, 1, shape_events)};
static const struct qtm_port where_out[] = {PORT("where", QTM_VALUE, 0, 1, shape_events)};

/* Every rank writes the same table for itself; returns the mean of what is to be kept. */
static double table_write(const char *path) {
    FILE *stream = fopen(path, "w");
    if (!stream) exit(3);
    double sum = 0, count = 0;
    fputs("y\n", stream);
    for (int i = 0; i < EVENTS; i++) {
        double y = (double)(i * 7919 % EVENTS) / EVENTS;
        fprintf(stream, "%.17g\n", y);
        if (y > 0.25) continue;
        sum += y;
        count++;
    }
    fclose(stream);
    return sum / count;
}

/* Only rank 0 has a summary. */
static int summary_check(const char *folder, double mean) {
    char path[128], *text;
    snprintf(path, sizeof path, "%s/run/summary.json", folder);
    if (access(path, F_OK)) return 0;
    int64_t length;
    struct qtm_json *summary;
    if (qtm_file_read(path, &text, &length) || qtm_json_parse(path, text, length, &summary)) return 4;
    qtm_free(text);
    const struct qtm_json *p = qtm_json_member(qtm_json_member(summary, "params"), "p");
    double value = qtm_json_member_number(p, "value", NAN);
    qtm_json_free(summary);
    if (fabs(value - mean) < 1e-9) return 0;
    printf("the mean of the events kept is %.12g, the fit found %.12g\n", mean, value);
    return 1;
}

int main(int argc, char **argv) {
    char folder[] = "/tmp/qtm-where-XXXXXX", table[64], data[96], out[64], command[80];
    if (!mkdtemp(folder)) return 3;
    snprintf(table, sizeof table, "%s/t.dat", folder);
    snprintf(data, sizeof data, "--data=measured=%s", table);
    snprintf(out, sizeof out, "--out=%s/run", folder);
    double mean = table_write(table);
    struct qtm_data cut = fake_data[0];
    cut.where = (struct qtm_fn)FN("where", where_below, true, 1, where_in, 1, where_out);
    struct qtm_model model = fake_model;
    model.data = &cut;
    char *words[] = {argc ? argv[0] : "where", "fit", "gauss", "--threads=1", data, out, NULL};
    int status = qtm_main(6, words, &model);
    if (!status) status = summary_check(folder, mean);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) || status;
}
