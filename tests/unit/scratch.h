/* A folder of its own for every test of a suite: .init = scratch_make, .fini = scratch_remove. What the runtime
 * allocated must have been given back by then. */
#ifndef QTM_TEST_SCRATCH_H
#define QTM_TEST_SCRATCH_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/memory.h"

static char folder[64];

static inline void scratch_make(void) {
    strcpy(folder, "/tmp/qtm-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static inline void scratch_remove(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(qtm_alloc_live(), 0, "%ld blocks not given back", (long)qtm_alloc_live());
}

static inline int scratch_files(void) {
    char command[128], text[32] = "";
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(fgets(text, sizeof text, pipe));
    pclose(pipe);
    return atoi(text);
}

#endif
