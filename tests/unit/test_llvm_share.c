/* Kernels that are equal become one function, which gives each its own result; kernels that differ stay apart. */
#include "llvm_run.h"

/* Two groups of one kernel each that read one array and fill another, over axes and buffers of their own:
 *   y[r, n] = x[r, n] * c + number of rows
 * The second mentions data set 1 in place of 0, and its buffers are declared in the other order. */
typedef struct Twins {
    Unit *u;
    TirAxisId r[2], n[2];
    uint32_t x[2], y[2];
    LirKernel *k[2];
} Twins;

enum { WIDTH = 11 };

static void twin_add(Twins *t, int i) {
    Unit *u = t->u;
    t->r[i] = unit_axis(u, i ? "events" : "rows", i ? -2 : -1);
    t->n[i] = unit_axis(u, i ? "m" : "n", WIDTH);
    unit_group(u, i ? "second" : "first", t->r[i], 16, 4);
    if (i) t->y[i] = unit_buffer(u, LIR_OUT, LIR_T_REAL, 1, DIMS(t->r[i], t->n[i]));
    t->x[i] = unit_buffer(u, LIR_IN, LIR_T_REAL, (uint32_t)i, DIMS(t->r[i], t->n[i]));
    if (!i) t->y[i] = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(t->r[i], t->n[i]));
    LirKernel *k = t->k[i] = unit_kernel(u, LIR_NEST, DIMS(t->r[i], t->n[i]));
    uint32_t x = unit_load(u, k, ACCESS(t->x[i], LOOP_AT(t->r[i]), LOOP_AT(t->n[i])));
    x = unit_op(u, k, LIR_MUL, LIR_T_REAL, x, unit_real(u, k, 0.75), 0);
    uint32_t rows = unit_instr(u, k, (LirInstr){.op = LIR_EXTENT, .type = LIR_T_INT, .axis = t->r[i]});
    x = unit_op(u, k, LIR_ADD, LIR_T_REAL, x, unit_op(u, k, LIR_TO_REAL, LIR_T_REAL, rows, 0, 0), 0);
    unit_effect(u, k, LIR_STORE, ACCESS(t->y[i], LOOP_AT(t->r[i]), LOOP_AT(t->n[i])), x);
}

static Twins twins_new(const char *march) {
    Twins t = {.u = unit_new(march, false)};
    twin_add(&t, 0);
    twin_add(&t, 1);
    return t;
}

static size_t count_text(const char *text, const char *what) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) count++;
    return count;
}

Test(llvm_share, equal_kernels_are_one_function) {
    Twins t = twins_new("x86-64-v3");
    Unit *u = t.u;
    LlvmPart whole = llvm_whole(&u->arena, &u->module);
    cr_assert_eq(whole.kernels.count, 1);
    cr_assert_eq(whole.kernels.data[0].others.count, 1);
    cr_assert_str_eq(whole.kernels.data[0].others.data[0], "unit__f.k2_0");
    cr_assert_str_eq(t.k[0]->symbol, "unit__f.k1_0");
    cr_assert_str_eq(t.k[1]->symbol, "unit__f.k1_0");
    const char *text = unit_text(u, LLVM_OUTPUT_IR_OPTIMISED);
    cr_assert_eq(count_text(text, "define hidden void"), 1);
    cr_assert_eq(count_text(text, "call void @unit__f.k1_0("), 2);
    cr_assert(strstr(text, "# unit__f.k1_0 computes unit__f.k2_0, too"));
    cr_assert(strstr(unit_text(u, LLVM_OUTPUT_ASM), "# unit__f.k1_0 computes unit__f.k2_0, too"));
    unit_free(u);
}

Test(llvm_share, each_with_its_own_data) {
    Twins t = twins_new("native");
    Unit *u = t.u;
    unit_build(u);
    const int64_t rows[2] = {37, 5};
    for (int i = 0; i < 2; i++) {
        u->extent[i] = rows[i];
        u->in[i] = unit_reals(u, 64 * WIDTH);
        u->out[i] = unit_memory(64 * WIDTH * 8);
    }
    unit_set(u, (void *)u->in[1], 3, 7.5);
    unit_run(u);
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; at < (size_t)rows[i] * WIDTH; at++)
            cr_assert_eq(unit_get(u, u->out[i], at), unit_get(u, u->in[i], at) * 0.75 + (double)rows[i], "%d, %zu", i,
                         at);
    unit_free(u);
}

typedef enum Change {
    CONSTANT,
    OPERATION,
    LENGTH,
    KNOWN_ROWS,
    BLOCK,
    SPACE,
    PLACE,
    EFFECT,
    TRANSPOSED,
    SCALAR,
    CHANGES
} Change;

static void change(Twins *t, Change what) {
    Unit *u = t->u;
    LirBuffer *x = &u->f.buffers.data[t->x[1]];
    LirKernel *k = t->k[1];
    switch (what) {
    case CONSTANT: k->body.data[1].real = 0.5; break;
    case OPERATION: k->body.data[2].op = LIR_SUB; break;
    case LENGTH: u->axes.axes.data[t->n[1]].size = WIDTH + 1; break;
    case KNOWN_ROWS: u->axes.axes.data[t->r[1]].size = 100; break;
    case BLOCK: u->f.groups.data[1].block = 32; break;
    case SPACE: x->space = LIR_SCRATCH; break; /* indexed from the start of the block */
    case PLACE: x->space = LIR_PARTIAL; break; /* not aligned */
    case EFFECT: k->effects.data[0].kind = LIR_ADD_TO; break;
    case TRANSPOSED:
        x->dims[0] = t->n[1], x->dims[1] = t->r[1];
        k->body.data[0].access = ACCESS(t->x[1], LOOP_AT(t->n[1]), LOOP_AT(t->r[1]));
        break;
    case SCALAR: k->vector = false; break;
    case CHANGES: break;
    }
}

Test(llvm_share, kernels_that_differ_stay_apart) {
    for (Change what = 0; what <= CHANGES; what++) {
        Twins t = twins_new("x86-64-v3");
        change(&t, what);
        LlvmPart whole = llvm_whole(&t.u->arena, &t.u->module);
        cr_assert_eq(whole.kernels.count, what == CHANGES ? 1 : 2, "change %d", what);
        unit_free(t.u);
    }
}

/* Memory that two buffers share must not be promised to be apart. */
Test(llvm_share, buffers_that_meet) {
    Twins t = twins_new("x86-64-v3");
    Unit *u = t.u;
    for (int i = 0; i < 2; i++)
        for (int side = 0; side < 2; side++) {
            LirBuffer *buffer = &u->f.buffers.data[side ? t.x[i] : t.y[i]];
            buffer->space = LIR_WORK;
            buffer->dynamic_axis = LIR_NO_AXIS;
            buffer->bytes = 4096;
            buffer->offset = 8192 * i + 4096 * side;
        }
    cr_assert_eq(llvm_whole(&u->arena, &u->module).kernels.count, 1);
    u->f.buffers.data[t.x[1]].offset = u->f.buffers.data[t.y[1]].offset;
    cr_assert_eq(llvm_whole(&u->arena, &u->module).kernels.count, 2);
    unit_free(u);
}

/* A kernel is compared word by word (compiler/llvm/kernel.c): a field that is new there must be compared, too, if the
 * code depends on it. Then correct the number here. */
Test(llvm_share, every_field_was_thought_of) {
    cr_assert_eq(sizeof(LirKernel), 632);
    cr_assert_eq(sizeof(LirInstr), 304);
    cr_assert_eq(sizeof(LirAccess), 224);
    cr_assert_eq(sizeof(LirBuffer), 144);
}
