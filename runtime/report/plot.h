/* Pictures for reports, PNG, drawn by gnuplot as a child process. Where gnuplot is missing a warning is printed once
 * and nothing is drawn: a run never fails for want of a picture. All functions are **Local**. */
#ifndef QTM_REPORT_PLOT_H
#define QTM_REPORT_PLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/status.h"

/* y(x) with a band, and the truth where known; the truth adds a lower panel with the ratio to it. */
struct qtm_plot_curve {
    const char *title, *x_label, *y_label; /* plain text; y_label may be NULL */
    int64_t points;
    const double *x, *mean;      /* [points] */
    const double *lower, *upper; /* [points] or both NULL */
    const double *truth;         /* [points] or NULL */
    bool log_x;
    bool log_y; /* points that are not positive are left out */
};
qtm_status qtm_plot_curve(const char *path, const struct qtm_plot_curve *curve, bool *drawn);

struct qtm_plot_series {
    const char *label; /* NULL: no entry in the key */
    int64_t count;
    const double *x, *y; /* [count]; values that are not finite are left out */
};
/* Several series over a common x, such as losses or residuals over the step. */
struct qtm_plot_history {
    const char *title, *x_label, *y_label;
    int series_count;
    const struct qtm_plot_series *series;
    bool log_y;     /* the size |y| on a log axis */
    bool zero_line; /* a thin line at y = 0 (not with log_y) */
};
qtm_status qtm_plot_history(const char *path, const struct qtm_plot_history *history, bool *drawn);

/* `drawn` (may be NULL) tells whether PATH was made. Errors: the folder cannot be written, gnuplot failed (with its own
 * words). The picture appears whole or not at all. */

#endif
