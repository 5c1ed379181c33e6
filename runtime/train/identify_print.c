/* The tables and the JSON of `identify`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/io/json.h"
#include "runtime/train/evaluate.h"
#include "runtime/train/identify.h"

enum { ROWS_MAX = 24, NUMBERS_MAX = 12, TERMS_MAX = 6, DIRECTIONS_MAX = 12, PAIRS_MAX = 12, BAND_ROWS = 9 };
static const double STRONG = 0.9; /* correlations from here on are named */
static const double ROUGH = 0.1;  /* changes of F from here on are warned of */

static const char *row_name(const struct qtm_identified *of, int i) {
    return of->model->params[of->rows[i]].name;
}

static double bound(const struct qtm_identified *of, int i) {
    return sqrt(of->covariance[(int64_t)i * of->count + i]);
}

/* The parameters of a direction by the size of their parts. */
static int terms_sort(const struct qtm_identified *of, int direction, int *order) {
    const double *part = of->directions + (int64_t)direction * of->count;
    int count = 0;
    for (int i = 0; i < of->count; i++) {
        if (part[i] == 0) continue;
        int at = count++;
        while (at > 0 && fabs(part[order[at - 1]]) < fabs(part[i]) * (1 - 1e-9)) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    return count;
}

void qtm_identify_direction_text(const struct qtm_identified *of, int direction, char *text, size_t size) {
    const double *part = of->directions + (int64_t)direction * of->count;
    int *order = qtm_alloc_array(of->count, sizeof *order);
    int count = order ? terms_sort(of, direction, order) : 0;
    size_t used = 0;
    text[0] = 0;
    for (int k = 0; k < count && k < TERMS_MAX && used < size; k++) {
        double value = part[order[k]];
        const char *sign = value < 0 ? (k ? " - " : "-") : (k ? " + " : "");
        const char *name = row_name(of, order[k]);
        int length = count == 1 ? snprintf(text + used, size - used, "%s", name)
                                : snprintf(text + used, size - used, "%s%.3g %s", sign, fabs(value), name);
        used += (size_t)(length > 0 ? length : 0);
    }
    if (count > TERMS_MAX && used < size) snprintf(text + used, size - used, " and %d more", count - TERMS_MAX);
    qtm_free(order);
}

/* In words, for one or two parameters. */
static void direction_print(const struct qtm_identified *of, int direction) {
    const double *part = of->directions + (int64_t)direction * of->count;
    char text[512];
    int *order = qtm_alloc_array(of->count, sizeof *order);
    int count = order ? terms_sort(of, direction, order) : 0;
    qtm_identify_direction_text(of, direction, text, sizeof text);
    if (count == 1)
        printf("  %s: no normalised density depends on it\n", text);
    else if (count == 2)
        printf("  %s and %s %s: %s is not determined\n", row_name(of, order[0]), row_name(of, order[1]),
               part[order[0]] * part[order[1]] > 0 ? "up and down together" : "one up and the other down", text);
    else {
        int up = 0;
        for (int k = 0; k < count; k++) up += part[order[k]] > 0;
        printf("  %s%s is not determined\n", up == count ? "all up and down together: " : "", text);
    }
    qtm_free(order);
}

static void spectrum_print(const char *name, const struct qtm_identified *of, const double *values) {
    printf("%s:\n ", name);
    int n = of->coordinates;
    for (int i = 0; i < n; i++) {
        bool skip = n > NUMBERS_MAX && i >= NUMBERS_MAX / 2 && i < n - NUMBERS_MAX / 2;
        if (skip && i == NUMBERS_MAX / 2) printf(" ... (%d more)", n - NUMBERS_MAX / 2 * 2);
        if (!skip) printf(" %.4g", values[i]);
    }
    printf("\n");
}

static void uses_print(const struct qtm_identified *of) {
    const struct qtm_model *model = of->model;
    const struct qtm_fit *fit = of->fit;
    printf("density              events  of\n");
    for (int u = 0; u < fit->use_count; u++) {
        const struct qtm_use *use = &fit->uses[u];
        const struct qtm_event *event = use->event >= 0 ? &model->events[use->event] : NULL;
        printf("%-18s %8lld  %s%s%s", model->densities[use->density].name, (long long)of->events,
               use->data >= 0 ? model->data[use->data].name
               : event        ? event->name
                              : "the fit",
               event && use->field >= 0 ? "." : "", event && use->field >= 0 ? event->fields[use->field].name : "");
        if (use->detector) printf(", before detector %s: a bound on what it leaves", use->detector);
        printf("\n");
    }
}

static void param_print(const struct qtm_identified *of, int i) {
    const struct qtm_param *param = &of->model->params[of->rows[i]];
    printf("%-12s %12.6g ", param->name, of->value[of->rows[i]]);
    if (of->free[i])
        printf("%14s", "not determined");
    else
        printf("%14.3g", bound(of, i));
    if (of->flat && of->held[i])
        printf(" %12s", "held");
    else if (of->flat)
        printf(" %12.3g", bound(of, i));
    if (isfinite(of->alone[i]))
        printf(" %14.3g", of->alone[i]);
    else
        printf(" %14s", "-");
    printf("%s%s\n", param->unit ? "  " : "", param->unit ? param->unit : "");
}

/* A large array as one line. */
static void array_print(const struct qtm_identified *of, int first, int count) {
    const char *name = row_name(of, first), *bracket = strchr(name, '[');
    double low = INFINITY, high = 0;
    int lost = 0;
    for (int i = first; i < first + count; i++) {
        lost += of->free[i];
        if (of->free[i]) continue;
        low = fmin(low, bound(of, i));
        high = fmax(high, bound(of, i));
    }
    printf("%-12.*s %d values", bracket ? (int)(bracket - name) : 12, name, count);
    if (lost < count) printf(", bounds from %.3g to %.3g", low, high);
    if (lost) printf(", %d not determined", lost);
    printf("\n");
}

static void params_print(const struct qtm_identified *of) {
    printf("\n%-12s %12s %14s%s %14s\n", "parameter", "value", "bound", of->flat ? "   with * held" : "",
           "others known");
    for (int i = 0, count; i < of->count; i += count) {
        int output = of->model->params[of->rows[i]].output;
        for (count = 1; i + count < of->count && of->model->params[of->rows[i + count]].output == output;) count++;
        if (count > ROWS_MAX) array_print(of, i, count);
        for (int k = 0; k < count && count <= ROWS_MAX; k++) param_print(of, i + k);
    }
    if (!of->flat) return;
    printf("* held:");
    int held = 0;
    for (int i = 0; i < of->count; i++)
        if (of->held[i] && held++ < NUMBERS_MAX) printf("%s %s", held > 1 ? "," : "", row_name(of, i));
    if (held > NUMBERS_MAX) printf(" and %d more", held - NUMBERS_MAX);
    printf("\n");
}

static void pairs_print(const struct qtm_identified *of) {
    int printed = 0, more = 0;
    for (int i = 0; i < of->count; i++)
        for (int k = 0; k < i; k++) {
            double product = bound(of, i) * bound(of, k), c = of->covariance[(int64_t)i * of->count + k] / product;
            if (!(product > 0) || !(fabs(c) > STRONG)) continue;
            if (printed == PAIRS_MAX) {
                more++;
                continue;
            }
            if (!printed++) printf("\ncorrelations above %g:\n", STRONG);
            printf("  %s and %s: %.3f\n", row_name(of, k), row_name(of, i), c);
        }
    if (more) printf("  and %d more pairs\n", more);
}

static void bands_print(const struct qtm_identified *of) {
    const struct qtm_model *model = of->model;
    int64_t points = model->band_points;
    if (!model->band_count) return;
    printf("\n%-16s", "band of");
    for (int k = 0; k < BAND_ROWS; k++)
        printf(" %9.3g", qtm_curve_x(&model->bands[0], points, k * (points - 1) / (BAND_ROWS - 1)));
    printf("\n");
    for (int c = 0; c < model->band_count; c++) {
        const double *value = of->band_value + c * points, *band = of->band + c * points;
        printf("%-16s", model->bands[c].name);
        for (int k = 0; k < BAND_ROWS; k++) printf(" %9.3g", value[k * (points - 1) / (BAND_ROWS - 1)]);
        printf("\n%-16s", of->band_free[c] ? "  +- with * held" : "  +-");
        for (int k = 0; k < BAND_ROWS; k++) printf(" %9.2g", band[k * (points - 1) / (BAND_ROWS - 1)]);
        printf("\n");
    }
}

static void quadrature_print(const struct qtm_identified *of) {
    printf("%s quadrature, up to %lld nodes", of->panels ? "Gauss-Legendre" : "double exponential",
           (long long)of->nodes);
    if (isfinite(of->change)) printf("; the last halving of their distance changed F by %.1g", of->change);
    printf("\n");
    if (of->change > ROUGH)
        printf("  F has not settled: bounds are rough, and directions may look open that are not\n");
    printf("\n");
}

void qtm_identify_print(const struct qtm_identified *of) {
    uses_print(of);
    quadrature_print(of);
    spectrum_print("eigenvalues of the Fisher information F, parameters in their declared units", of, of->spectrum);
    spectrum_print("of F_ij / sqrt(F_ii F_jj), which does not depend on units", of, of->scaled);
    if (of->flat)
        printf("\nthe densities leave %d direction%s open:\n", of->flat, of->flat == 1 ? "" : "s");
    else
        printf("\nall parameters are determined\n");
    for (int k = 0; k < of->flat && k < DIRECTIONS_MAX; k++) direction_print(of, k);
    if (of->flat > DIRECTIONS_MAX) printf("  and %d more\n", of->flat - DIRECTIONS_MAX);
    params_print(of);
    pairs_print(of);
    bands_print(of);
}

/* --- JSON --- */

static void numbers_write(struct qtm_json_writer *json, const char *name, int64_t count, const double *values) {
    qtm_json_array(json, name);
    for (int64_t i = 0; i < count; i++) qtm_json_number(json, NULL, values[i]);
    qtm_json_end(json);
}

static void uses_write(struct qtm_json_writer *json, const struct qtm_identified *of) {
    const struct qtm_model *model = of->model;
    qtm_json_array(json, "densities");
    for (int u = 0; u < of->fit->use_count; u++) {
        const struct qtm_use *use = &of->fit->uses[u];
        qtm_json_object(json, NULL);
        qtm_json_text(json, "density", model->densities[use->density].name);
        qtm_json_integer(json, "events", of->events);
        if (use->data >= 0) qtm_json_text(json, "data", model->data[use->data].name);
        if (use->event >= 0) qtm_json_text(json, "event", model->events[use->event].name);
        if (use->event >= 0 && use->field >= 0)
            qtm_json_text(json, "field", model->events[use->event].fields[use->field].name);
        if (use->detector) qtm_json_text(json, "before_detector", use->detector);
        qtm_json_end(json);
    }
    qtm_json_end(json);
}

static void params_write(struct qtm_json_writer *json, const struct qtm_identified *of) {
    qtm_json_object(json, "params");
    for (int i = 0; i < of->count; i++) {
        const struct qtm_param *param = &of->model->params[of->rows[i]];
        qtm_json_object(json, param->name);
        qtm_json_number(json, "value", of->value[of->rows[i]]);
        qtm_json_bool(json, "determined", !of->free[i]);
        qtm_json_number(json, "bound", of->free[i] ? NAN : bound(of, i));
        if (of->flat) qtm_json_number(json, "bound_others_held", of->held[i] ? NAN : bound(of, i));
        qtm_json_number(json, "bound_others_known", of->alone[i]);
        if (param->unit) qtm_json_text(json, "unit", param->unit);
        qtm_json_end(json);
    }
    qtm_json_end(json);
}

static void directions_write(struct qtm_json_writer *json, const struct qtm_identified *of) {
    qtm_json_array(json, "null_directions");
    for (int k = 0; k < of->flat; k++) {
        char text[512];
        qtm_identify_direction_text(of, k, text, sizeof text);
        qtm_json_object(json, NULL);
        qtm_json_text(json, "text", text);
        qtm_json_object(json, "parts");
        for (int i = 0; i < of->count; i++)
            if (of->directions[(int64_t)k * of->count + i] != 0)
                qtm_json_number(json, row_name(of, i), of->directions[(int64_t)k * of->count + i]);
        qtm_json_end(json);
        qtm_json_end(json);
    }
    qtm_json_end(json);
    if (!of->flat) return;
    qtm_json_array(json, "held");
    for (int i = 0; i < of->count; i++)
        if (of->held[i]) qtm_json_text(json, NULL, row_name(of, i));
    qtm_json_end(json);
}

void qtm_identify_write(struct qtm_json_writer *json, const struct qtm_identified *of) {
    const struct qtm_model *model = of->model;
    int64_t points = model->band_points;
    qtm_json_object(json, NULL);
    qtm_json_text(json, "fits", of->fits);
    uses_write(json, of);
    qtm_json_integer(json, "nodes", of->nodes);
    qtm_json_number(json, "change", of->change);
    numbers_write(json, "spectrum", of->coordinates, of->spectrum);
    numbers_write(json, "spectrum_scaled", of->coordinates, of->scaled);
    directions_write(json, of);
    params_write(json, of);
    qtm_json_array(json, "fisher");
    for (int i = 0; i < of->count; i++) numbers_write(json, NULL, of->count, of->matrix + (int64_t)i * of->count);
    qtm_json_end(json);
    qtm_json_array(json, "bands");
    for (int c = 0; c < model->band_count; c++) {
        qtm_json_object(json, NULL);
        qtm_json_text(json, "name", model->bands[c].name);
        qtm_json_bool(json, "determined", !of->band_free[c]);
        qtm_json_array(json, "x");
        for (int64_t i = 0; i < points; i++) qtm_json_number(json, NULL, qtm_curve_x(&model->bands[c], points, i));
        qtm_json_end(json);
        numbers_write(json, "value", points, of->band_value + c * points);
        numbers_write(json, "band", points, of->band + c * points);
        qtm_json_end(json);
    }
    qtm_json_end(json);
    qtm_json_end(json);
}
