/* Pictures: a PNG of the right size appears for every form, odd data and odd text included; a missing gnuplot is a
 * warning, a bad folder an error. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/report/plot.h"

enum { POINTS = 50 };
static double x[POINTS], mean[POINTS], lower[POINTS], upper[POINTS], truth[POINTS];
static char folder[64], path[128];

static void plot_make(void) {
    strcpy(folder, "/tmp/qtm-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/it's a picture.png", folder);
    for (int i = 0; i < POINTS; i++) {
        x[i] = 0.1 + 0.9 * i / (POINTS - 1);
        truth[i] = pow(1 - x[i], 4);
        mean[i] = truth[i] * (1 + 0.05 * sin(10 * x[i]));
        lower[i] = mean[i] - 0.1;
        upper[i] = mean[i] + 0.1;
    }
}

static void plot_remove(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(qtm_alloc_live(), 0);
}

TestSuite(plot, .init = plot_make, .fini = plot_remove);

/* A PNG: signature, then width and height, big-endian, at bytes 16 and 20. */
static void check_picture(unsigned width, unsigned height) {
    unsigned char head[24];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    cr_assert_eq(fread(head, 1, sizeof head, file), sizeof head);
    fclose(file);
    cr_assert_eq(memcmp(head, "\x89PNG\r\n\x1a\n", 8), 0);
    cr_assert_eq((unsigned)head[18] << 8 | head[19], width);
    cr_assert_eq((unsigned)head[22] << 8 | head[23], height);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0, "something else was left in the folder");
    cr_assert_not_null(mkdtemp(strcpy(folder, "/tmp/qtm-test-XXXXXX")));
    snprintf(path, sizeof path, "%s/it's a picture.png", folder);
}

Test(plot, curves) {
    for (int form = 0; form < 8; form++) {
        struct qtm_plot_curve curve = {.title = "u(x) 'quoted' {^braces} \"too\"",
                                       .x_label = "x_1",
                                       .y_label = form & 1 ? "density" : NULL,
                                       .points = POINTS,
                                       .x = x,
                                       .mean = mean,
                                       .lower = form & 1 ? lower : NULL,
                                       .upper = form & 1 ? upper : NULL,
                                       .truth = form & 2 ? truth : NULL,
                                       .log_y = form & 4};
        bool drawn;
        cr_assert_eq(qtm_plot_curve(path, &curve, &drawn), QTM_OK, "form %d: %s", form, qtm_error_text());
        cr_assert(drawn);
        check_picture(1280, 960);
    }
}

Test(plot, curves_without_a_drawable_point) {
    double nothing[POINTS];
    for (int i = 0; i < POINTS; i++) nothing[i] = i % 2 ? NAN : -1;
    struct qtm_plot_curve curve = {
        .title = "", .x_label = "x", .points = POINTS, .x = x, .mean = nothing, .truth = nothing, .log_y = true};
    bool drawn;
    cr_assert_eq(qtm_plot_curve(path, &curve, &drawn), QTM_OK, "%s", qtm_error_text());
    check_picture(1280, 960);
    curve.points = 1;
    cr_assert_eq(qtm_plot_curve(path, &curve, &drawn), QTM_FAILED);
}

Test(plot, histories) {
    enum { SERIES = 10 };
    struct qtm_plot_series series[SERIES];
    double wild[POINTS];
    for (int i = 0; i < POINTS; i++) wild[i] = i % 7 ? mean[i] - 0.2 : NAN;
    for (int s = 0; s < SERIES; s++) series[s] = (struct qtm_plot_series){"a_u", POINTS, x, wild};
    series[1].label = NULL;
    static const int counts[] = {0, 1, 3, SERIES};
    for (int form = 0; form < 8; form++) {
        struct qtm_plot_history history = {.title = "residuals",
                                           .x_label = "step",
                                           .y_label = "|r|",
                                           .series_count = counts[form / 2],
                                           .series = series,
                                           .log_y = form & 1,
                                           .zero_line = true};
        series[2].count = form == 4 ? 0 : form == 5 ? 1 : POINTS;
        bool drawn;
        cr_assert_eq(qtm_plot_history(path, &history, &drawn), QTM_OK, "form %d: %s", form, qtm_error_text());
        cr_assert(drawn);
        check_picture(1280, 720);
    }
}

Test(plot, without_gnuplot) {
    struct qtm_plot_curve curve = {.title = "", .x_label = "x", .points = POINTS, .x = x, .mean = mean};
    char *search = strdup(getenv("PATH"));
    bool drawn = true;
    cr_assert_eq(setenv("PATH", "/nowhere", 1), 0);
    cr_assert_eq(qtm_plot_curve(path, &curve, &drawn), QTM_OK, "%s", qtm_error_text());
    cr_assert(!drawn);
    cr_assert_eq(setenv("PATH", search, 1), 0);
    cr_assert_neq(access(path, F_OK), 0);
    free(search);
}

Test(plot, errors) {
    struct qtm_plot_curve curve = {.title = "", .x_label = "x", .points = POINTS, .x = x, .mean = mean};
    bool drawn = true;
    cr_assert_eq(qtm_plot_curve("/nowhere/at/all.png", &curve, &drawn), QTM_FAILED);
    cr_assert(!drawn);
    cr_assert(strstr(qtm_error_text(), "/nowhere/at/all.png: gnuplot could not draw it: "), "%s", qtm_error_text());
    for (int n = 0; n < 2; n++) {
        qtm_alloc_fail_after(n);
        cr_assert_eq(qtm_plot_curve(path, &curve, NULL), QTM_FAILED);
        qtm_alloc_fail_after(-1);
        cr_assert_eq(qtm_alloc_live(), 0);
    }
}
