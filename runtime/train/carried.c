/* The text is part of the executable: that it does not parse would be a fault of the compiler, and is treated as one
 * that is not there. */
#include "runtime/train/carried.h"

#include <stdlib.h>
#include <string.h>

#include "diag/diag.h"
#include "support/pack.h"

/* "LENGTH PATH\n", so many bytes and a newline; false where the text ends before. */
static bool file_take(SourceSet *sources, char **at, const char *end) {
    char *path, *line = memchr(*at, '\n', (size_t)(end - *at));
    size_t length = strtoul(*at, &path, 10);
    if (!line || *path != ' ' || length + 1 > (size_t)(end - line - 1)) return false;
    *line = 0;
    source_add(sources, path + 1, line + 1, length);
    *at = line + 2 + length;
    return true;
}

void qtm_carried_read(const struct qtm_model *model, struct qtm_carried *carried) {
    *carried = (struct qtm_carried){.module = NULL};
    size_t whole = (size_t)model->trap.whole;
    if (!whole) return;
    char *text = arena_alloc(&carried->arena, whole + 1), *at = text;
    if (!pack_restore(model->trap.data, (size_t)model->trap.bytes, text, whole)) return;
    unsigned long files = strtoul(text, &at, 10);
    for (at++; files; files--)
        if (!file_take(&carried->sources, &at, text + whole)) return;
    DiagSink sink = {.sources = &carried->sources};
    uint32_t file = source_add(&carried->sources, "functions", at, (size_t)(text + whole - at));
    carried->module = tir_parse(&carried->arena, &carried->sources, file, &sink);
    diag_free(&sink);
}

void qtm_carried_free(struct qtm_carried *carried) {
    source_free(&carried->sources);
    arena_free(&carried->arena);
    carried->module = NULL;
}

TirFunction *qtm_carried_find(const struct qtm_carried *carried, const char *emitted, const char *ending) {
    size_t length = strlen(emitted);
    if (length > 4 && (!strcmp(emitted + length - 4, "_f32") || !strcmp(emitted + length - 4, "_f64"))) length -= 4;
    for (size_t i = 0; carried->module && i < carried->module->functions.count; i++) {
        TirFunction *f = carried->module->functions.data[i];
        if (!strncmp(f->name, emitted, length) && !strcmp(f->name + length, ending)) return f;
    }
    return NULL;
}

/* Copies the first elements along every axis. */
static void corner_copy(const struct qtm_call *call, int input, TirTensor *tensor) {
    const struct qtm_port *port = &call->fn->in[input];
    int64_t at[TIR_MAX_AXES] = {0};
    for (size_t k = 0; k < tensor->count; k++) {
        int64_t from = 0;
        for (int d = 0; d < port->rank; d++) {
            int64_t size = port->shape[d] >= 0 ? port->shape[d] : call->binding.extent[-1 - port->shape[d]];
            from = from * size + at[d];
        }
        tensor->data[k] =
            call->fn->f64 ? ((const double *)call->in[input])[from] : ((const float *)call->in[input])[from];
        for (int d = port->rank; d-- > 0 && ++at[d] == tensor->shape[d];) at[d] = 0;
    }
}

TirTensor *qtm_carried_inputs(const struct qtm_call *call, const TirFunction *f, size_t count, const int64_t *extent,
                              Arena *arena) {
    TirTensor *tensors = ARENA_ARRAY(arena, TirTensor, f->inputs.count + 1);
    for (size_t i = 0; i < count; i++) {
        TirTensor *tensor = &tensors[i];
        if (f->inputs.data[i].value == TIR_NONE) continue;
        TirAxes axes = f->ops.data[f->inputs.data[i].value].axes;
        tensor->rank = axes.count;
        tensor->count = 1;
        for (uint32_t d = 0; d < axes.count; d++) {
            const TirAxis *axis = &f->axes.data[axes.id[d]];
            tensor->shape[d] = axis->size >= 0 ? axis->size : extent[axis->data];
            tensor->count *= (size_t)tensor->shape[d];
        }
        tensor->data = ARENA_ARRAY(arena, double, tensor->count + 1);
        corner_copy(call, (int)i, tensor);
    }
    return tensors;
}
