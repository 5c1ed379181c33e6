/* Schedules keep the meaning: the loop-IR interpreter, working in the planned memory, gives what the tensor-IR
 * interpreter gives, whichever values are asked for. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lir/interp.h"
#include "schedule/cut.h"
#include "tir/tir.h"

static const char *const every_op =
    "func every_op {\n"
    "  axis vectors = 37 batch\n"
    "  axis events = 5 batch\n"
    "  axis measured = dynamic 0 batch\n"
    "  axis in = 5\n  axis node = 7\n  axis out = 6\n  axis pair = 2\n  axis other = 7\n  axis flat = 49\n  axis cube "
    "= 210\n"
    "  input block 0 0 \"W\" = %0\n  input block 1 0 \"T\" = %1\n  input column 0 0 \"x\" = %2\n"
    "  %0 : real{in, out} = input port 0\n"
    "  %1 : real{node} = input port 1\n"
    "  %2 : real{measured} = input port 2\n"
    "  %3 : real{vectors, events, in} = uniform stream 0\n"
    "  %4 : real{vectors, events, out} = dot %3, %0 over {in}\n"
    "  %5 : real{vectors, events, out} = tanh %4\n"
    "  %6 : real{vectors, events} = sum %5 over {out}\n"
    "  %7 : real{vectors} = sum %6 over {events}\n"
    "  %8 : real = sum %7 over {vectors}\n"
    "  %9 : real{in, out} = dot %3, %5 over {vectors, events}\n"
    "  %10 : real{vectors, events, in} = dot %5, %0 over {out}\n"
    "  %11 : real{vectors} = uniform stream 1\n"
    "  %12 : real{vectors, node} = mul %11, %1\n"
    "  %13 : real{vectors, node} = cumsum %12 axis node\n"
    "  %14 : real{vectors} = slice %13 at 6 axis node\n"
    "  %15 : real{vectors, events} = uniform stream 2\n"
    "  %16 : real{vectors, events} = mul %15, %14\n"
    "  %17 : int{vectors, events} = search %13, %16 axis node\n"
    "  %18 : real{vectors, events} = gather %12, %17 axis node\n"
    "  %19 : real{vectors, node} = scatter %18, %17 axis node\n"
    "  %20 : real{node} = scatter %18, %17 axis node\n"
    "  %21 : int{vectors, events} = pick stream 3 rows measured\n"
    "  %22 : real{vectors, events} = gather %2, %21 axis measured\n"
    "  %23 : real{measured, node} = mul %2, %1\n"
    "  %24 : real{node} = sum %23 over {measured}\n"
    "  %25 : real{vectors, events, pair} = stack %18, %11 axis pair\n"
    "  %26 : real{vectors, events} = sum %25 over {pair}\n"
    "  %27 : real{vectors, other} = rename %12 axis node to other\n"
    "  %28 : real{vectors} = dot %27, %27 over {other}\n"
    "  %29 : real{vectors, node, other} = mul %12, %27\n"
    "  %30 : real{vectors, node} = reduce_max %29 over {other}\n"
    "  %31 : real{events, out} = reduce_max %5 over {vectors}\n"
    "  %32 : real{vectors, node} = cumsum %30 axis node reverse\n"
    "  %33 : real{vectors, events} = cumsum %22 axis events\n"
    "  %34 : bool{vectors, events} = lt %22, %15\n"
    "  %35 : real{vectors, events} = select %34, %33, %26\n"
    "  %36 : real{vectors} = sub %14, %8\n"
    "  %37 : real{out} = sum %9 over {in}\n"
    "  %38 : real{vectors, events, out} = add %5, %37\n"
    "  %39 : real = sum %38 over {vectors, events, out}\n"
    "  %40 : real = slice %37 at 3 axis out\n"
    "  %41 : real{vectors} = add %11, %40\n"
    "  %42 : real = const 2.5\n"
    "  %43 : int{node} = iota axis node\n"
    "  %44 : real{node} = to_real %43\n"
    "  %45 : real{measured} = mul %2, %39\n"
    "  %46 : real = sum %45 over {measured}\n"
    "  %47 : real{vectors, events, in} = broadcast %11\n"
    "  %48 : real{vectors, events, out} = dot %47, %0 over {in}\n"
    "  %49 : real{vectors, events, in} = add %10, %3\n"
    "  %50 : real{vectors, flat} = flatten %29 over {node, other} axis flat\n"
    "  %51 : real{vectors, node, out} = mul %12, %37\n"
    "  %52 : real{in, node, out} = mul %0, %1\n"
    "  %53 : real{cube} = flatten %52 over {in, node, out} axis cube\n"
    "  %54 : int{vectors, events} = pick stream 4 rows measured\n"
    "  %55 : real{vectors, events} = gather %50, %54 axis flat\n"
    "  %56 : real{vectors, in} = slice %3 at 2 axis events\n"
    "  %57 : real{vectors, in, node} = mul %56, %12\n"
    "  %58 : real{node, out} = mul %1, %37\n"
    "  %59 : real{vectors, in, out} = dot %57, %58 over {node}\n"
    "  %60 : real{node, out} = dot %57, %59 over {vectors, in}\n"
    "  %61 : real{vectors, in, node} = dot %59, %58 over {out}\n"
    "  %62 : int{vectors, node} = argsort %30 axis node\n"
    "  %63 : int{vectors, other} = rename %62 axis node to other\n"
    "  %64 : int{vectors, in, out} = argsort %59 axis in\n"
    "  %65 : real{vectors, in, out} = to_real %64\n"
    "  %66 : int{measured} = argsort %45 axis measured\n"
    "  %67 : int{vectors, events, out} = argsort %38 axis events\n"
    "  %68 : real{vectors, node} = inc_gamma_inverse %1, %11\n"
    "  %69 : real{vectors, node} = inc_beta %1, %1, %11 order 100\n"
    "  %70 : real{vectors, in, out} = dot %57, %51 over {node}\n"
    "  %71 : real{vectors, in, out} = dot %52, %57 over {node}\n"
    "  %72 : real{in, node} = sum %52 over {out}\n"
    "  %73 : real{in, out} = dot %72, %58 over {node}\n"
    "  output loss 0 \"loss\" = %8\n"
    "}\n";

static TirFunction *parse(Arena *arena, const char *text) {
    static SourceSet sources;
    static DiagSink sink;
    sources = (SourceSet){0};
    sink = (DiagSink){.sources = &sources};
    uint32_t file = source_add(&sources, "test.tir", text, strlen(text));
    TirModule *module = tir_parse(arena, &sources, file, &sink);
    if (!module) diag_render(&sink, stderr, false);
    cr_assert(module, "the test's own tensor IR must parse");
    return module->functions.data[0];
}

static TirTensor random_tensor(Arena *arena, const TirFunction *f, TirId id, const int64_t *extent) {
    const TirOp *op = &f->ops.data[id];
    TirTensor t = {.type = op->type, .rank = op->axes.count, .count = 1};
    for (uint32_t d = 0; d < t.rank; d++) {
        const TirAxis *axis = &f->axes.data[op->axes.id[d]];
        t.shape[d] = axis->size >= 0 ? axis->size : extent[axis->data];
        t.count *= (size_t)t.shape[d];
    }
    t.data = arena_alloc(arena, (t.count + 1) * sizeof(double));
    for (size_t i = 0; i < t.count; i++) t.data[i] = 0.1 + (double)rand() / RAND_MAX;
    return t;
}

/* Many slots, blocks of few rows, and pieces for threads of what has no rows, however little there is to do. */
static const ScheduleSizes small = {.slot_ns = 1, .copies_ns = 1, .copies = 1e9, .scratch = 256, .rows_most = 5};
/* As many slots, each of one block. */
static const ScheduleSizes whole = {.slot_ns = 20, .copies_ns = 1, .copies = 1e9, .scratch = 1e9, .rows_most = 9999};

static void compare_sized(const TirFunction *f, const int64_t *extent, const ScheduleSizes *sizes) {
    Arena arena = {0};
    TirTensor inputs[8], want[128], got[128];
    for (size_t i = 0; i < f->inputs.count; i++) inputs[i] = random_tensor(&arena, f, f->inputs.data[i].value, extent);
    LirFunction *lir = schedule_function_sized(&arena, f, true, sizes);
    const char *broken = lir_verify(lir, &arena);
    cr_assert_null(broken, "%s", broken ? broken : "");
    tir_interpret(f, &arena, inputs, extent, 7, 3, want);
    lir_interpret(lir, &arena, inputs, extent, 7, 3, got);
    for (size_t o = 0; o < f->outputs.count; o++) {
        cr_assert_eq(got[o].count, want[o].count);
        for (size_t i = 0; i < want[o].count; i++) {
            double scale = 1e-10 * (1 + fabs(want[o].data[i]));
            bool same = fabs(got[o].data[i] - want[o].data[i]) <= scale || got[o].data[i] == want[o].data[i];
            if (!same) lir_print(stderr, lir);
            cr_assert(same, "output %zu (%%%u) element %zu: %.17g, want %.17g", o, f->outputs.data[o].value, i,
                      got[o].data[i], want[o].data[i]);
        }
    }
    arena_free(&arena);
}

static void compare(const TirFunction *f, const int64_t *extent) {
    compare_sized(f, extent, &schedule_sizes);
    compare_sized(f, extent, &small);
    compare_sized(f, extent, &whole);
}

Test(schedule, every_operation_as_the_only_output) {
    Arena arena = {0};
    TirFunction *f = parse(&arena, every_op);
    int64_t extent[] = {53};
    for (TirId id = 0; id < f->ops.count; id++) {
        f->outputs.count = 0;
        tir_output(f, TIR_PORT_VALUE, 0, "value", id);
        compare(f, extent);
    }
    arena_free(&arena);
}

Test(schedule, random_sets_of_outputs) {
    Arena arena = {0};
    TirFunction *f = parse(&arena, every_op);
    unsigned seed = 20240117;
    fprintf(stderr, "seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 60; round++) {
        int64_t extent[] = {rand() % 40 + (round % 3 == 0 ? 0 : 1)};
        if (extent[0] == 0) extent[0] = 1;
        f->outputs.count = 0;
        for (uint32_t o = 0; o < 12; o++)
            tir_output(f, TIR_PORT_VALUE, o, arena_format(&arena, "v%u", o), (TirId)(rand() % (int)f->ops.count));
        for (TirId v = 0; v < f->ops.count; v++) f->ops.data[v].memory = (TirMemory)(rand() % 3);
        compare(f, extent);
    }
    arena_free(&arena);
}

/* Against all subsets of the nodes: 8 between source and sink. */
Test(schedule, cuts_are_the_cheapest) {
    enum { NODES = 10, EDGES = 24, ROUNDS = 300 };
    unsigned seed = 20240611;
    fprintf(stderr, "seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < ROUNDS; round++) {
        Arena arena = {0};
        Cut cut;
        cut_begin(&cut, &arena, NODES);
        uint32_t from[EDGES], to[EDGES];
        int64_t capacity[EDGES], best = INT64_MAX;
        for (int i = 0; i < EDGES; i++) {
            from[i] = (uint32_t)(rand() % NODES);
            to[i] = (uint32_t)(rand() % NODES);
            capacity[i] = rand() % 20;
            cut_edge(&cut, from[i], to[i], capacity[i]);
        }
        for (uint32_t side = 0; side < 1u << (NODES - CUT_FIRST); side++) {
            uint32_t in = side << CUT_FIRST | 1u << CUT_SOURCE;
            int64_t cost = 0;
            for (int i = 0; i < EDGES; i++) cost += in >> from[i] & 1 && !(in >> to[i] & 1) ? capacity[i] : 0;
            if (cost < best) best = cost;
        }
        int64_t found = cut_solve(&cut), crossing = 0;
        cr_assert_eq(found, best, "round %d: %lld, and the cheapest is %lld", round, (long long)found, (long long)best);
        for (int i = 0; i < EDGES; i++)
            if (cut_on_source_side(&cut, from[i]) && !cut_on_source_side(&cut, to[i])) crossing += capacity[i];
        cr_assert_eq(crossing, best, "round %d: the edges of the cut cost %lld", round, (long long)crossing);
        arena_free(&arena);
    }
}

/* x = exp(data) is read again behind its own sum: cheap, so it is made again from the data, unless asked for. */
Test(schedule, keeps_or_makes_again) {
    static const char *const format = "func f {\n  axis measured = dynamic 0 batch\n"
                                      "  input column 0 0 \"x\" = %%0\n"
                                      "  %%0 : real{measured} = input port 0\n"
                                      "  %%1 : real{measured} = neg %%0%s\n"
                                      "  %%2 : real{measured} = tanh %%1%s\n"
                                      "  %%3 : real = sum %%2 over {measured}\n"
                                      "  %%4 : real{measured} = mul %%1, %%3\n"
                                      "  %%5 : real{measured} = mul %%2, %%4\n"
                                      "  %%6 : real = sum %%5 over {measured}\n"
                                      "  output value 0 \"y\" = %%6\n}\n";
    static const struct {
        const char *neg, *tanh;
        bool neg_kept, tanh_kept;
    } rows[] = {
        /* tanh takes 18 flop and 4 bytes are worth 64: both are made again from the column */
        {"", "", false, false},           {" store", "", true, false},
        {"", " store", false, true},      {" recompute", " store", false, true},
        {" store", " store", true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena arena = {0};
        char text[1024];
        snprintf(text, sizeof text, format, rows[i].neg, rows[i].tanh);
        TirFunction *f = parse(&arena, text);
        int64_t extent[] = {29};
        compare(f, extent);
        LirFunction *lir = schedule_function(&arena, f, false);
        int64_t bytes = 0;
        for (size_t b = 0; b < lir->buffers.count; b++)
            if (lir->buffers.data[b].space == LIR_WORK) bytes += lir->buffers.data[b].bytes_per_row;
        int64_t want = 4 * (rows[i].neg_kept + rows[i].tanh_kept);
        cr_assert_eq(bytes, want, "row %zu: %lld bytes a row, not %lld", i, (long long)bytes, (long long)want);
        arena_free(&arena);
    }
}

static int64_t place_bytes(const LirFunction *lir) {
    int64_t bytes = 0;
    for (size_t i = 0; i < lir->places.count; i++) bytes += lir->places.data[i].bytes_per_row;
    return bytes;
}

/* Four values of all rows, each made of the last and of a sum over it, lie in one place: each is read for the last time
 * where the next one is written. When the first is read at the end again, it has a place of its own; when a pass reads
 * a value at other rows than its own, the next one goes elsewhere. */
Test(schedule, passes_share_memory_in_place) {
    static const char *const format = "func f {\n  axis rows = %s batch\n  axis two = 2\n"
                                      "  input column 0 0 \"x\" = %%0\n"
                                      "  %%0 : real{rows} = input port 0\n"
                                      "  %%1 : real{rows} = neg %%0 store\n"
                                      "  %%2 : real = sum %%1 over {rows}\n"
                                      "  %%3 : real{rows} = mul %%1, %%2 store\n"
                                      "  %%4 : real = sum %%3 over {rows}\n"
                                      "  %%5 : real{rows} = %s store\n"
                                      "  %%6 : real = sum %%5 over {rows}\n"
                                      "  %%7 : real{rows} = mul %%5, %%6 store\n"
                                      "  %%8 : real = sum %%7 over {rows}\n"
                                      "  %%9 : real{rows} = mul %s, %%8\n"
                                      "  %%10 : real = sum %%9 over {rows}\n"
                                      "  output value 0 \"y\" = %%10\n}\n";
    static const struct {
        const char *rows, *third, *last;
        int64_t want; /* bytes a row */
    } cases[] = {
        {"dynamic 0", "mul %3, %4", "%7", 4},
        {"dynamic 0", "mul %3, %4", "%1", 8},
        {"dynamic 0", "cumsum %3 axis rows", "%7", 8} /* a value of other rows */,
        {"64", "mul %3, %4", "%7", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Arena arena = {0};
        char text[2048];
        snprintf(text, sizeof text, format, cases[i].rows, cases[i].third, cases[i].last);
        TirFunction *f = parse(&arena, text);
        int64_t extent[] = {777};
        compare(f, extent);
        LirFunction *lir = schedule_function(&arena, f, false);
        int64_t bytes = place_bytes(lir);
        if (i == 3) { /* of static size: offsets */
            size_t kept = 0, first = 0;
            for (size_t b = 0; b < lir->buffers.count; b++) {
                const LirBuffer *buffer = &lir->buffers.data[b];
                if (buffer->space != LIR_WORK || buffer->rank != 1 || buffer->bytes != 64 * 4) continue;
                if (kept++) cr_assert_eq(buffer->offset, lir->buffers.data[first].offset, "%s", buffer->name);
                if (kept == 1) first = b;
            }
            cr_assert_eq(kept, 4);
            bytes = 4;
        }
        cr_assert_eq(bytes, cases[i].want, "case %zu: %lld bytes a row", i, (long long)bytes);
        arena_free(&arena);
    }
}

/* A convolution: rows are events and places. The product, and both that its derivative needs, are matrix products. */
Test(schedule, places_are_rows_of_products) {
    Arena arena = {0};
    TirFunction *f = parse(&arena, every_op);
    f->outputs.count = 0;
    tir_output(f, TIR_PORT_VALUE, 0, "weights", 60);
    tir_output(f, TIR_PORT_VALUE, 1, "patches", 61);
    LirFunction *lir = schedule_function(&arena, f, false);
    size_t places = 0;
    for (size_t g = 0; g < lir->groups.count; g++)
        for (size_t k = 0; k < lir->groups.data[g].kernels.count; k++) {
            const LirKernel *kernel = lir->groups.data[g].kernels.data[k];
            bool here = strstr("dot_59 dot_60 dot_61", kernel->name) != NULL;
            places += kernel->kind == LIR_DOT && here;
        }
    cr_assert_eq(places, 3, "%zu matrix products over places", places);
    arena_free(&arena);
}

/* One product for every row, one with weights of three axes, one without rows. */
Test(schedule, products_of_every_point) {
    Arena arena = {0};
    TirFunction *f = parse(&arena, every_op);
    f->outputs.count = 0;
    for (uint32_t i = 0; i < 4; i++)
        if (i != 2) tir_output(f, TIR_PORT_VALUE, i, "product", 70 + i);
    LirFunction *lir = schedule_function(&arena, f, false);
    size_t products = 0;
    for (size_t g = 0; g < lir->groups.count; g++)
        for (size_t k = 0; k < lir->groups.data[g].kernels.count; k++) {
            const LirKernel *kernel = lir->groups.data[g].kernels.data[k];
            products += kernel->kind == LIR_DOT && strstr("dot_70 dot_71 dot_73", kernel->name) != NULL;
        }
    cr_assert_eq(products, 3, "%zu matrix products", products);
    arena_free(&arena);
}

Test(schedule, fuses_a_layer_into_one_product) {
    Arena arena = {0};
    TirFunction *f = parse(&arena, every_op);
    f->outputs.count = 0;
    tir_output(f, TIR_PORT_LOSS, 0, "loss", 8);
    LirFunction *lir = schedule_function(&arena, f, false);
    size_t dots = 0, nests = 0, combines = 0;
    for (size_t g = 0; g < lir->groups.count; g++)
        for (size_t k = 0; k < lir->groups.data[g].kernels.count; k++) {
            LirKernelKind kind = lir->groups.data[g].kernels.data[k]->kind;
            dots += kind == LIR_DOT;
            nests += kind == LIR_NEST;
            combines += kind == LIR_COMBINE;
        }
    cr_assert_eq(dots, 1, "the product with tanh in its epilogue: %zu", dots);
    cr_assert_eq(nests, 4, "draw; sums over out, events and vectors: %zu", nests);
    cr_assert_eq(combines, 0, "so few rows are summed in place: %zu", combines);
    arena_free(&arena);
}

/* One layer of 128 x 128 weights with its weight gradient; the group over the rows. */
static const LirGroup *layer_group(Arena *arena, const char *rows, LirFunction **lir) {
    const char *text = arena_format(arena,
                                    "func layer {\n"
                                    "  axis rows = %s batch\n  axis in = 128\n  axis out = 128\n"
                                    "  input block 0 0 \"W\" = %%0\n  input column 0 0 \"x\" = %%1\n"
                                    "  %%0 : real{in, out} = input port 0\n"
                                    "  %%1 : real{rows, in} = input port 1\n"
                                    "  %%2 : real{rows, out} = dot %%1, %%0 over {in}\n"
                                    "  %%3 : real{rows, out} = tanh %%2\n"
                                    "  %%4 : real{in, out} = dot %%1, %%3 over {rows}\n"
                                    "  output value 0 \"weights\" = %%4\n}\n",
                                    rows);
    *lir = schedule_function(arena, parse(arena, text), false);
    for (size_t g = 0; g < (*lir)->groups.count; g++)
        if ((*lir)->groups.data[g].row_axis != LIR_NO_AXIS) return &(*lir)->groups.data[g];
    cr_assert(false, "a group over the rows");
    return NULL;
}

/* Work enough for a slot, copies that cost little beside it, and rows enough for a product. */
Test(schedule, slots_follow_from_the_work) {
    static const struct {
        const char *rows;
        uint32_t slots;
        int64_t block;
        LirEffectKind sum; /* of the weight gradient */
    } want[] = {
        {"8", 1, 8, LIR_STORE},       {"60", 1, 60, LIR_STORE},          {"64", 2, 32, LIR_STORE},
        {"2048", 16, 128, LIR_STORE}, {"1000000", 16, 1020, LIR_ADD_TO}, {"dynamic 0", 16, 1020, LIR_ADD_TO},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        Arena arena = {0};
        LirFunction *lir;
        const LirGroup *group = layer_group(&arena, want[i].rows, &lir);
        cr_assert_eq(group->slots, want[i].slots, "%s rows: %u slots; %s", want[i].rows, group->slots, group->reason);
        cr_assert_eq(group->block, want[i].block, "%s rows: blocks of %lld; %s", want[i].rows, (long long)group->block,
                     group->reason);
        const LirKernel *last = group->kernels.data[group->kernels.count - 1];
        cr_assert(last->kind == LIR_DOT && last->accumulate);
        cr_assert_eq(last->effects.data[0].kind, want[i].sum, "%s rows: %s", want[i].rows, group->reason);
        const LirBuffer *sum = &lir->buffers.data[last->effects.data[0].access.buffer];
        cr_assert_eq(sum->clear, want[i].sum == LIR_ADD_TO, "%s rows: only what is added to is cleared", want[i].rows);
        cr_assert_eq(sum->space, want[i].slots == 1 ? LIR_OUT : LIR_PARTIAL, "%s rows: one slot sums in place",
                     want[i].rows);
        arena_free(&arena);
    }
}

/* The number that code works out for itself. */
Test(schedule, slots_of_rows_known_late) {
    Arena arena = {0};
    LirFunction *lir;
    const LirGroup *group = layer_group(&arena, "dynamic 0", &lir);
    cr_assert_geq(group->slot_rows, 32, "%s", group->reason);
    cr_assert_eq(lir_slots(group, 0), 1);
    cr_assert_eq(lir_slots(group, group->slot_rows - 1), 1);
    cr_assert_eq(lir_slots(group, 2 * group->slot_rows - 1), 1);
    cr_assert_eq(lir_slots(group, 2 * group->slot_rows), 2);
    cr_assert_eq(lir_slots(group, 1000 * group->slot_rows), 16);
    arena_free(&arena);
}
