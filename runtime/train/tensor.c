/* Reads the text back. The text is part of the executable: that it does not parse would be a fault of the compiler, and
 * is treated as a function that is not carried. */
#include "runtime/train/tensor.h"

#include <stdlib.h>
#include <string.h>

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

/* Is `function` the name of an emitted function without its width? */
static bool name_is(const char *emitted, const char *function) {
    size_t length = strlen(function);
    return !strncmp(emitted, function, length) &&
           (!strcmp(emitted + length, "_f32") || !strcmp(emitted + length, "_f64"));
}

static const TirFunction *function_find(struct qtm_tensor *tensor, const struct qtm_model *model, const char *name) {
    size_t whole = (size_t)model->trap.whole;
    char *text = arena_alloc(&tensor->arena, whole + 1), *at = text;
    if (!whole || !pack_restore(model->trap.data, (size_t)model->trap.bytes, text, whole)) return NULL;
    unsigned long files = strtoul(text, &at, 10);
    for (at++; files; files--)
        if (!file_take(&tensor->sources, &at, text + whole)) return NULL;
    DiagSink sink = {.sources = &tensor->sources};
    uint32_t file = source_add(&tensor->sources, "functions", at, (size_t)(text + whole - at));
    TirModule *module = tir_parse(&tensor->arena, &tensor->sources, file, &sink);
    diag_free(&sink);
    for (size_t i = 0; module && i < module->functions.count; i++)
        if (name_is(name, module->functions.data[i]->name)) return module->functions.data[i];
    return NULL;
}

static TirTensor *inputs_read(struct qtm_tensor *own, const struct qtm_call *call) {
    const struct qtm_fn *fn = call->fn;
    TirTensor *tensors = ARENA_ARRAY(&own->arena, TirTensor, fn->in_count + 1);
    for (int i = 0; i < fn->in_count; i++) {
        const struct qtm_port *port = &fn->in[i];
        TirTensor *tensor = &tensors[i];
        *tensor = (TirTensor){.type = TIR_REAL, .rank = (uint32_t)port->rank, .count = 1};
        for (int d = 0; d < port->rank; d++) {
            tensor->shape[d] = port->shape[d] >= 0 ? port->shape[d] : call->binding.extent[-1 - port->shape[d]];
            tensor->count *= (size_t)tensor->shape[d];
        }
        tensor->data = ARENA_ARRAY(&own->arena, double, tensor->count + 1);
        for (size_t k = 0; k < tensor->count; k++)
            tensor->data[k] = fn->f64 ? ((const double *)call->in[i])[k] : ((const float *)call->in[i])[k];
    }
    return tensors;
}

void qtm_tensor_open(struct qtm_tensor *tensor, const struct qtm_model *model, const struct qtm_call *call) {
    *tensor = (struct qtm_tensor){.f = NULL};
    tensor->f = function_find(tensor, model, call->fn->name);
    if (tensor->f) tensor->inputs = inputs_read(tensor, call);
}

void qtm_tensor_close(struct qtm_tensor *tensor) {
    source_free(&tensor->sources);
    arena_free(&tensor->arena);
}
