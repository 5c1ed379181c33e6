/* Runs gnuplot on a script and puts the picture in its place. For runtime/report only. **Local** */
#ifndef QTM_REPORT_GNUPLOT_H
#define QTM_REPORT_GNUPLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "runtime/core/status.h"

struct qtm_gnuplot {
    FILE *script; /* write the plot here; terminal and output are already set */
    char *path, *temporary;
};

/* Opens a script for a PNG of this many pixels and writes its head: terminal, fonts, frame, grid. */
qtm_status qtm_gnuplot_begin(const char *path, int width, int height, struct qtm_gnuplot *plot);
/* Runs the script and renames the picture to its path; releases everything. */
qtm_status qtm_gnuplot_draw(struct qtm_gnuplot *plot, bool *drawn);
/* `text` as a gnuplot string in single quotes. NULL is the empty string. */
void qtm_gnuplot_text(FILE *script, const char *text);

#endif
