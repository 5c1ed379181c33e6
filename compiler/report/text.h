/* Words and numbers that the reports share. */
#ifndef QTMC_REPORT_TEXT_H
#define QTMC_REPORT_TEXT_H

#include "driver/pipeline.h"

void print_bytes(FILE *out, double bytes);                   /* 32 KiB */
void print_count(FILE *out, double count, const char *unit); /* 2.1 Mflop */
void print_place(FILE *out, const Pipeline *p, Span span);   /* model.qtm:3:5  the text there, and the line's end */

#endif
