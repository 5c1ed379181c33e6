#include "report/text.h"

#include <string.h>

#include "lang/excerpt.h"

void print_bytes(FILE *out, double bytes) {
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int k = 0;
    for (; bytes >= 1024 && k < 4; k++) bytes /= 1024;
    fprintf(out, k ? "%.4g %s" : "%.0f %s", bytes, unit[k]);
}

void print_count(FILE *out, double count, const char *unit) {
    static const char *const prefix[] = {"", "k", "M", "G", "T"};
    int k = 0;
    for (; count >= 1000 && k < 4; k++) count /= 1000;
    fprintf(out, "%.3g %s%s", count, prefix[k], unit);
}

void print_place(FILE *out, const Pipeline *p, Span span) {
    if (!span.file) {
        fprintf(out, "made by the compiler\n");
        return;
    }
    const SourceFile *source = source_file(p->sources, span.file);
    uint32_t line, column;
    source_position(source, span.begin, &line, &column);
    size_t library = strlen(p->stdlib);
    const char *path = source->path;
    if (!strncmp(path, p->stdlib, library) && path[library] == '/') path += library + 1; /* std/nn.qtm */
    fprintf(out, "%s:%u:%u  %.60s\n", path, line, column, ast_excerpt(p->arena, p->sources, span));
}
