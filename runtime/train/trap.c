/* The function that failed is run again by the compiler's reference interpreter with the inputs that the call has bound
 * (tensor.h), and walked back (compiler/tir/trap.c). */
#include "runtime/train/trap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/memory.h"
#include "runtime/train/tensor.h"

static const char *number_text(Arena *arena, double value) {
    return isnan(value)   ? "NaN"
           : isinf(value) ? value < 0 ? "-infinity" : "infinity"
                          : arena_format(arena, "%.9g", value);
}

static void place_print(FILE *out, const struct qtm_tensor *trap, Span span) {
    const SourceFile *file = source_file(&trap->carried.sources, span.file);
    uint32_t line, column;
    if (!file) return;
    source_position(file, span.begin, &line, &column);
    fprintf(out, "%s:%u:%u: ", file->path, line, column);
}

static void operation_print(FILE *out, struct qtm_tensor *trap, const TirTrap *found) {
    const TirFunction *f = found->f;
    const TirOp *op = &f->ops.data[found->op];
    Arena *arena = &trap->carried.arena;
    const char *what = number_text(arena, found->value);
    if (op->op == TIR_INPUT)
        fprintf(out, "'%s' is %s before anything is computed", f->inputs.data[op->integer].name, what);
    else if (found->points)
        fprintf(out, "%s of %zu numbers, the largest of size %s, is %s", tir_op_text(op->op), found->points,
                number_text(arena, found->largest), what);
    else {
        fprintf(out, "%s of ", tir_op_text(op->op));
        for (uint32_t k = 0; k < found->arg_count; k++)
            fprintf(out, "%s%s",
                    !k                          ? ""
                    : k + 1 == found->arg_count ? " and "
                                                : ", ",
                    number_text(arena, found->args[k]));
        fprintf(out, " is %s", what);
    }
    for (uint32_t i = 0; i < op->axes.count; i++)
        fprintf(out, "%s%s %lld of %lld", i ? ", " : ", at ", f->axes.data[op->axes.id[i]].name,
                (long long)found->at[i] + 1, (long long)found->size[i]);
    if (found->round >= 0) fprintf(out, ", in round %lld of a loop", (long long)found->round + 1);
}

static void trap_print(FILE *out, struct qtm_tensor *trap, const TirTrap *found) {
    const TirOp *op = &found->f->ops.data[found->op];
    place_print(out, trap, op->span);
    operation_print(out, trap, found);
    fprintf(out, " (%s)\n",
            found->backward ? "backward: in the derivative of this" : "forward: in the value, not in its derivative");
    diag_excerpt(&trap->carried.sources, op->span, out);
    if (found->turned == TIR_NONE) return;
    const TirOp *turned = &trap->f->ops.data[found->turned];
    place_print(out, trap, turned->span);
    fprintf(out, "from there, infinity becomes NaN by %s\n", tir_op_text(turned->op));
    diag_excerpt(&trap->carried.sources, turned->span, out);
}

static void trap_run(FILE *out, struct qtm_tensor *trap, const struct qtm_call *call) {
    TirTrap found;
    fprintf(stderr, "--trap=nan: running step %llu again, %zu operations one by one\n",
            (unsigned long long)call->step + 1, trap->f->ops.count);
    if (tir_trap(trap->f, &trap->carried.arena, trap->inputs, call->binding.extent, call->seed, call->step,
                 !call->fn->f64, &found))
        trap_print(out, trap, &found);
    else
        fputs("run operation by operation, all numbers are finite: sums in another order stay just below the largest "
              "number that there is",
              out);
}

qtm_status qtm_trap_explain(const struct qtm_model *model, const struct qtm_call *call) {
    struct qtm_tensor trap;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) return qtm_error_memory(4096);
    qtm_tensor_open(&trap, model, call);
    if (trap.f)
        trap_run(out, &trap, call);
    else
        fputs("this executable does not carry the function, so --trap=nan cannot look into it", out);
    fclose(out);
    while (length && text[length - 1] == '\n') text[--length] = 0;
    qtm_status status = qtm_error("%s\n%s", qtm_error_text(), text);
    free(text);
    qtm_tensor_close(&trap);
    return status;
}
