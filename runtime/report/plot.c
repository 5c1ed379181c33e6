/* The two kinds of picture. Data go into the script as gnuplot data blocks. Numbers that cannot be drawn are written
 * NaN, which breaks a line there. */
#include "runtime/report/plot.h"

#include <math.h>

#include "runtime/report/gnuplot.h"

#define PLOT_INK "#08519c"   /* the fit */
#define PLOT_BAND "#c6dbef"  /* its band */
#define PLOT_TRUTH "#d94801" /* what it should be */
enum { PLOT_WIDTH = 1280, PLOT_HEIGHT = 960, PLOT_COLOURS = 8, PLOT_KEY_INSIDE = 6 };

/* Okabe and Ito's colours, which the colour-blind can tell apart, the yellow last. */
static const char *const plot_colours[PLOT_COLOURS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                       "#56b4e9", "#000000", "#e69f00", "#999999"};

struct plot_range {
    double low, high;
};

static void range_add(struct plot_range *range, double value) {
    if (!isfinite(value)) return;
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

static struct plot_range range_none(void) {
    return (struct plot_range){INFINITY, -INFINITY};
}

/* NaN where a log axis cannot show the value. */
static double plot_value(double value, bool log_y) {
    return log_y && !(value > 0) ? NAN : value;
}

/* Of everything drawn; on a log axis the band may leave the picture below, the lines decide. */
static struct plot_range curve_range(const struct qtm_plot_curve *curve) {
    struct plot_range range = range_none();
    for (int64_t i = 0; i < curve->points; i++) {
        range_add(&range, plot_value(curve->mean[i], curve->log_y));
        if (curve->truth) range_add(&range, plot_value(curve->truth[i], curve->log_y));
        if (curve->upper) range_add(&range, plot_value(curve->upper[i], curve->log_y));
        if (curve->lower && !curve->log_y) range_add(&range, curve->lower[i]);
    }
    if (!(range.low <= range.high)) range = (struct plot_range){curve->log_y ? 0.1 : 0, 1};
    return range;
}

/* Columns: x, mean, lower, upper, truth, then mean, lower, upper over truth. */
static void curve_data(FILE *script, const struct qtm_plot_curve *curve, double floor) {
    fputs("$curve << EOD\n", script);
    for (int64_t i = 0; i < curve->points; i++) {
        double mean = curve->mean[i], truth = curve->truth ? curve->truth[i] : NAN;
        double lower = curve->lower ? curve->lower[i] : NAN, upper = curve->upper ? curve->upper[i] : NAN;
        double under = truth != 0 ? truth : NAN;
        fprintf(script, "%.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g\n", curve->x[i], plot_value(mean, curve->log_y),
                curve->log_y && lower < floor ? floor : lower, plot_value(upper, curve->log_y),
                plot_value(truth, curve->log_y), mean / under, lower / under, upper / under);
    }
    fputs("EOD\n", script);
}

/* Half the height of the ratio panel: 1.15 times the largest deviation, between 2 % and 50 %. */
static double curve_ratio_half(const struct qtm_plot_curve *curve) {
    double largest = 0;
    for (int64_t i = 0; i < curve->points; i++) {
        double truth = curve->truth[i];
        double values[3] = {curve->mean[i], curve->lower ? curve->lower[i] : truth,
                            curve->upper ? curve->upper[i] : truth};
        for (int k = 0; k < 3; k++) {
            double deviation = fabs(values[k] / truth - 1);
            if (isfinite(deviation)) largest = fmax(largest, deviation);
        }
    }
    return fmin(0.5, fmax(0.02, 1.15 * largest));
}

static void plot_axis(FILE *script, const char *axis, const char *label, const char *more) {
    fprintf(script, "set %s ", axis);
    qtm_gnuplot_text(script, label);
    fprintf(script, " noenhanced textcolor '#202020' %s\n", more);
}

static void plot_title(FILE *script, const char *title) {
    fputs("set title ", script);
    qtm_gnuplot_text(script, title);
    fputs(" noenhanced textcolor '#000000' offset 0,-0.2\n", script);
}

static void curve_upper_panel(FILE *script, const struct qtm_plot_curve *curve, struct plot_range range) {
    plot_title(script, curve->title);
    plot_axis(script, "ylabel", curve->y_label, "offset 0.5,0");
    if (curve->log_y)
        fprintf(script, "set logscale y\nset format y '%s'\nset yrange [%.9g:%.9g]\n",
                range.high > 100 * range.low ? "10^{%T}" : "%g", range.low / 1.6, range.high * 1.6);
    else
        fprintf(script, "set yrange [%.9g:%.9g]\n", range.low >= 0 ? 0 : range.low - 0.05 * (range.high - range.low),
                range.high > range.low ? range.high + 0.08 * (range.high - fmin(0, range.low)) : range.low + 1);
    fputs("plot ", script);
    if (curve->lower) fputs("$curve using 1:3:4 with filledcurves linecolor '" PLOT_BAND "' title 'spread', ", script);
    fputs("$curve using 1:2 with lines linecolor '" PLOT_INK "' linewidth 1.6 title 'fit'", script);
    if (curve->truth)
        fputs(", $curve using 1:5 with lines linecolor '" PLOT_TRUTH "' linewidth 1.3 dashtype (8,5) title 'truth'",
              script);
    fputc('\n', script);
}

static void curve_ratio_panel(FILE *script, const struct qtm_plot_curve *curve) {
    double half = curve_ratio_half(curve);
    fputs("unset title\nunset key\nunset logscale y\nset format x '%g'\nset format y '%g'\nset ytics autofreq\n",
          script);
    fprintf(script,
            "set tmargin at screen 0.315\nset bmargin at screen 0.125\nset yrange [%.9g:%.9g]\nset ytics %.9g\n",
            1 - half, 1 + half,
            half > 0.2     ? 0.2
            : half > 0.1   ? 0.1
            : half > 0.05  ? 0.05
            : half > 0.025 ? 0.02
                           : 0.01);
    plot_axis(script, "xlabel", curve->x_label, "");
    plot_axis(script, "ylabel", "fit / truth", "offset 0.5,0");
    fputs("plot ", script);
    if (curve->lower) fputs("$curve using 1:7:8 with filledcurves linecolor '" PLOT_BAND "' notitle, ", script);
    fputs("1 with lines linecolor '" PLOT_TRUTH "' linewidth 1.3 dashtype (8,5) notitle, "
          "$curve using 1:6 with lines linecolor '" PLOT_INK "' linewidth 1.6 notitle\n",
          script);
}

qtm_status qtm_plot_curve(const char *path, const struct qtm_plot_curve *curve, bool *drawn) {
    if (drawn) *drawn = false;
    if (curve->points < 2) return qtm_error("%s: a curve needs at least two points", path);
    struct qtm_gnuplot plot;
    QTM_TRY(qtm_gnuplot_begin(path, PLOT_WIDTH, PLOT_HEIGHT, &plot));
    struct plot_range range = curve_range(curve);
    curve_data(plot.script, curve, range.low / 10);
    fprintf(plot.script, "set xrange [%.9g:%.9g]\nset lmargin at screen 0.13\nset rmargin at screen 0.965\n",
            curve->x[0], curve->x[curve->points - 1]);
    if (curve->log_x) fputs("set logscale x\n", plot.script);
    if (curve->truth) {
        fputs("set multiplot\nset tmargin at screen 0.92\nset bmargin at screen 0.345\nset format x ''\n", plot.script);
        curve_upper_panel(plot.script, curve, range);
        curve_ratio_panel(plot.script, curve);
        fputs("unset multiplot\n", plot.script);
    } else {
        fputs("set tmargin at screen 0.92\nset bmargin at screen 0.125\n", plot.script);
        plot_axis(plot.script, "xlabel", curve->x_label, "");
        curve_upper_panel(plot.script, curve, range);
    }
    return qtm_gnuplot_draw(&plot, drawn);
}

static bool history_data(FILE *script, const struct qtm_plot_history *history) {
    bool any = false;
    for (int s = 0; s < history->series_count; s++) {
        const struct qtm_plot_series *series = &history->series[s];
        fprintf(script, "$s%d << EOD\n", s);
        int64_t rows = 0;
        for (int64_t i = 0; i < series->count; i++) {
            double y = history->log_y ? plot_value(fabs(series->y[i]), true) : series->y[i];
            if (!isfinite(y) || !isfinite(series->x[i])) continue;
            fprintf(script, "%.9g %.9g\n", series->x[i], y);
            rows++;
        }
        if (rows == 0) fputs("NaN NaN\n", script);
        fputs("EOD\n", script);
        any = any || rows > 0;
    }
    return any;
}

static struct plot_range history_steps(const struct qtm_plot_history *history) {
    struct plot_range range = range_none();
    for (int s = 0; s < history->series_count; s++)
        for (int64_t i = 0; i < history->series[s].count; i++) range_add(&range, history->series[s].x[i]);
    if (!(range.low < range.high)) {
        if (!isfinite(range.low)) range = (struct plot_range){0, 0};
        range.high = range.low + 1;
    }
    return range;
}

qtm_status qtm_plot_history(const char *path, const struct qtm_plot_history *history, bool *drawn) {
    if (drawn) *drawn = false;
    struct qtm_gnuplot plot;
    QTM_TRY(qtm_gnuplot_begin(path, PLOT_WIDTH, PLOT_HEIGHT * 3 / 4, &plot));
    FILE *script = plot.script;
    bool any = history_data(script, history);
    struct plot_range steps = history_steps(history);
    plot_title(script, history->title);
    plot_axis(script, "xlabel", history->x_label, "");
    plot_axis(script, "ylabel", history->y_label, "");
    fprintf(script, "set xrange [%.9g:%.9g]\n", steps.low, steps.high);
    if (history->log_y) fputs("set logscale y\nset format y '10^{%T}'\n", script);
    if (!any)
        fprintf(script, "set yrange [%s:1]\nset label 'no data' at graph 0.5,0.5 center\n",
                history->log_y ? "0.1" : "0");
    fputs(history->series_count > PLOT_KEY_INSIDE ? "set key outside right top vertical\n" : "set key top right\n",
          script);
    fputs(history->zero_line && !history->log_y ? "plot 0 with lines linecolor '#808080' linewidth 0.7 notitle"
                                                : "plot NaN notitle",
          script);
    for (int s = 0; s < history->series_count; s++) {
        fprintf(script, ", $s%d using 1:2 with lines linecolor '%s' linewidth 1.3 dashtype %d ", s,
                plot_colours[s % PLOT_COLOURS], s / PLOT_COLOURS + 1);
        if (history->series[s].label) {
            fputs("title ", script);
            qtm_gnuplot_text(script, history->series[s].label);
        } else {
            fputs("notitle", script);
        }
    }
    fputc('\n', script);
    return qtm_gnuplot_draw(&plot, drawn);
}
