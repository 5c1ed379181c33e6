/* Parses files with Bison's trace on: what it says on standard error tells which rules were reduced and which tokens
 * were read. Linked with a parser that is made from the same grammar with the trace in it. */
#include <stdio.h>

#include "lang/ast.h"

extern int grammar_debug;

int main(int argc, char **argv) {
    grammar_debug = 1;
    for (int i = 1; i < argc; i++) {
        Arena arena = {0};
        SourceSet sources = {0};
        DiagSink sink = {.sources = &sources};
        const char *reason = NULL;
        uint32_t file = source_read(&sources, argv[i], &reason);
        if (!file) {
            fprintf(stderr, "cannot read %s: %s\n", argv[i], reason);
            return 1;
        }
        ast_parse(&arena, &sources, file, &sink);
        arena_free(&arena);
        diag_free(&sink);
        source_free(&sources);
    }
    return 0;
}
