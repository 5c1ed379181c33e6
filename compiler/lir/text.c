/* Loop IR as text, for people who read kernels: buffers, groups with the reason for their sizes, and kernels. */
#include "lir/lir.h"

static const struct {
    const char *text;
    int arity;
} lir_ops[LIR_OPCODE_COUNT] = {
#define LIR_OP(name, text, arity, result) {text, arity},
#include "lir/lir_ops.def"
#undef LIR_OP
};

uint32_t lir_joined(const LirKernel *kernel, uint32_t axis, uint32_t *place) {
    uint32_t count = 0;
    bool last = kernel->kind == LIR_DOT && axis == (kernel->accumulate ? kernel->k_axis : kernel->m_axis);
    *place = last ? kernel->loop_count : 0;
    for (uint32_t i = 0; i < kernel->loop_count && !last; i++)
        if (kernel->loops[i] == axis) *place = i;
    while (count < *place && kernel->joined >> (*place - count - 1) & 1) count++;
    return count;
}

const char *lir_op_text(LirOpcode op) {
    return lir_ops[op].text;
}
int lir_op_arity(LirOpcode op) {
    return lir_ops[op].arity;
}

static const char *axis_name(const LirFunction *f, uint32_t axis) {
    return axis == LIR_NO_AXIS ? "none" : f->source->axes.data[axis].name;
}

static void print_access(FILE *out, const LirFunction *f, const LirAccess *access) {
    const LirBuffer *buffer = &f->buffers.data[access->buffer];
    fprintf(out, "%s[", buffer->name);
    for (uint32_t d = 0; d < buffer->rank; d++) {
        const LirIndex *index = &access->index[d];
        fputs(d ? ", " : "", out);
        switch (index->kind) {
        case LIR_INDEX_LOOP: fputs(axis_name(f, index->axis), out); break;
        case LIR_INDEX_CONST: fprintf(out, "%lld", (long long)index->constant); break;
        case LIR_INDEX_VALUE: fprintf(out, "%%%u", index->value); break;
        }
    }
    fputc(']', out);
}

static void print_instr(FILE *out, const LirFunction *f, const LirKernel *kernel, uint32_t number) {
    static const char *types[] = {"real", "int", "bool"};
    const LirInstr *i = &kernel->body.data[number];
    fprintf(out, "        %%%u : %s = %s", number, types[i->type], lir_op_text(i->op));
    switch (i->op) {
    case LIR_REAL: fprintf(out, " %.17g", i->real); break;
    case LIR_INT:
    case LIR_BOOL:
    case LIR_BIT_CONST: fprintf(out, " %lld", (long long)i->integer); break;
    case LIR_LOAD:
    case LIR_SEARCH:
        fputc(' ', out);
        print_access(out, f, &i->access);
        if (i->op == LIR_SEARCH) fprintf(out, " along %s,", axis_name(f, i->axis));
        break;
    case LIR_LOOP:
    case LIR_EXTENT: fprintf(out, " %s", axis_name(f, i->axis)); break;
    case LIR_BESSEL_J:
    case LIR_INC_GAMMA:
    case LIR_INC_BETA:
    case LIR_POLYGAMMA: fprintf(out, " order %lld", (long long)i->integer); break;
    case LIR_EXTERN: fprintf(out, " %s of %lld", i->external->symbol, (long long)i->integer); break;
    case LIR_PICK: fprintf(out, " %s", axis_name(f, i->axis)); /* fall through */
    case LIR_UNIFORM: fprintf(out, " stream %lld at", (long long)i->integer); break;
    default: break;
    }
    for (int a = 0; a < lir_op_arity(i->op); a++) fprintf(out, "%s %%%u", a ? "," : "", i->args[a]);
    fputc('\n', out);
}

static void print_effects(FILE *out, const LirFunction *f, const LirKernel *kernel) {
    static const char *verbs[] = {"store", "add to", "max to"};
    for (size_t i = 0; i < kernel->effects.count; i++) {
        const LirEffect *e = &kernel->effects.data[i];
        fprintf(out, "        %s ", verbs[e->kind]);
        print_access(out, f, &e->access);
        if (lir_is_line(kernel))
            fputs(kernel->kind == LIR_CUMSUM ? " running sum\n" : " position\n", out);
        else if (kernel->kind == LIR_PACK)
            fputs(" element\n", out);
        else
            fprintf(out, " %%%u\n", e->value);
    }
}

static void print_reason(FILE *out, const LirKernel *kernel) {
    if (kernel->reason) fprintf(out, " # %s", kernel->reason);
    fputc('\n', out);
}

static void print_kernel(FILE *out, const LirFunction *f, const LirKernel *kernel) {
    static const char *kinds[] = {"zero", "fill", "nest", "dot", "cumsum", "argsort", "combine", "pack"};
    fprintf(out, "    %s %s", kinds[kernel->kind], kernel->name);
    if (kernel->kind == LIR_ZERO || kernel->kind == LIR_FILL) {
        fprintf(out, " %s", f->buffers.data[kernel->zero].name);
        if (kernel->kind == LIR_FILL) fprintf(out, " with %g", kernel->fill);
        print_reason(out, kernel);
        return;
    }
    if (kernel->kind == LIR_COMBINE) {
        fprintf(out, " %s = sum of %s\n", f->buffers.data[kernel->zero].name, f->buffers.data[kernel->a.buffer].name);
        return;
    }
    for (uint32_t i = 0; i < kernel->loop_count; i++) {
        bool vector = kernel->kind == LIR_NEST && kernel->vector && i + 1 == kernel->loop_count;
        fprintf(out, " for %s%s", axis_name(f, kernel->loops[i]), vector ? " (vector)" : "");
    }
    if (kernel->kind == LIR_DOT) {
        fprintf(out, " m %s n %s (vector) k %s: ", axis_name(f, kernel->m_axis), axis_name(f, kernel->n_axis),
                axis_name(f, kernel->k_axis));
        print_access(out, f, &kernel->a);
        fputs(kernel->packed ? " * packed " : " * ", out);
        print_access(out, f, &kernel->b);
    }
    if (kernel->kind == LIR_PACK) {
        fprintf(out, " n %s k %s: ", axis_name(f, kernel->n_axis), axis_name(f, kernel->k_axis));
        print_access(out, f, &kernel->a);
    }
    if (lir_is_line(kernel)) {
        fprintf(out, " along %s%s: ", axis_name(f, kernel->k_axis), kernel->reverse ? " from the end" : "");
        print_access(out, f, &kernel->a);
    }
    fputs(" {", out);
    print_reason(out, kernel);
    for (uint32_t i = 0; i < kernel->body.count; i++) print_instr(out, f, kernel, i);
    print_effects(out, f, kernel);
    fputs("    }\n", out);
}

static void print_buffer(FILE *out, const LirFunction *f, const LirBuffer *b) {
    static const char *spaces[] = {"in", "out", "work", "partial", "scratch"};
    static const char *types[] = {"real", "int", "bool"};
    fprintf(out, "  buffer %s :%s %s %s[", b->name, b->clear ? " cleared" : "", spaces[b->space], types[b->type]);
    for (uint32_t d = 0; d < b->rank; d++) fprintf(out, "%s%s", d ? ", " : "", axis_name(f, b->dims[d]));
    fputc(']', out);
    if (b->space == LIR_IN || b->space == LIR_OUT)
        fprintf(out, " port %u", b->port);
    else if (b->dynamic_axis != LIR_NO_AXIS)
        fprintf(out, " %lld bytes a row", (long long)b->bytes_per_row);
    else
        fprintf(out, " at %lld, %lld bytes", (long long)b->offset, (long long)b->bytes);
    if (b->pitch) fprintf(out, ", lines of %lld", (long long)b->pitch);
    fputc('\n', out);
}

static void print_loop(FILE *out, const LirFunction *f, const LirLoop *loop) {
    fprintf(out, "    rounds %lld along %s%s, %u states\n", (long long)loop->rounds, axis_name(f, loop->axis),
            loop->from_end ? " from the end" : "", loop->states);
    for (uint32_t k = 0; k < loop->in_count; k++)
        fprintf(out, "    in %u %s%s\n", k, f->buffers.data[loop->in[k]].name, loop->slice[k] ? " slice" : "");
    for (uint32_t k = 0; k < loop->out_count; k++) {
        fprintf(out, "    out %u %s", k, f->buffers.data[loop->out[k]].name);
        if (k < loop->states)
            fprintf(out, " or %s\n", f->buffers.data[loop->other[k]].name);
        else
            fputs(" slice\n", out);
    }
    lir_print(out, loop->body);
}

void lir_print(FILE *out, const LirFunction *f) {
    fprintf(out, "func %s work %lld scratch %lld {\n", f->name, (long long)f->work_bytes, (long long)f->scratch_bytes);
    for (size_t i = 0; i < f->buffers.count; i++) print_buffer(out, f, &f->buffers.data[i]);
    for (size_t g = 0; g < f->groups.count; g++) {
        const LirGroup *group = &f->groups.data[g];
        fprintf(out, "  group %s rows %s block %lld slots %u", group->name, axis_name(f, group->row_axis),
                (long long)group->block, group->slots);
        if (group->slot_rows) fprintf(out, " of %lld rows", (long long)group->slot_rows);
        fprintf(out, " { # %s\n", group->reason ? group->reason : "");
        for (size_t k = 0; k < group->kernels.count; k++) print_kernel(out, f, group->kernels.data[k]);
        if (group->loop) print_loop(out, f, group->loop);
        fputs("  }\n", out);
    }
    fputs("}\n", out);
}

void lir_print_module(FILE *out, const LirModule *m) {
    fprintf(out, "module %s\n", m->f64 ? "f64" : "f32");
    for (size_t i = 0; i < m->functions.count; i++) lir_print(out, m->functions.data[i]);
}
