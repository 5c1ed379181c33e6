/* Matrix products as qtmc schedules and emits them, on one core: for each shape the rate, beside the rate of fused
 * multiply-adds measured in turns with it. What runs is the emitted function of a tensor program with one product (or
 * the layers of a perceptron), packing of weights and adding up of partial sums included.
 *
 *     bench_products [--json] [--quick] [FILTER]
 *
 * --json: an object a line: kind, rows, k, n, bits, gflops and peak (the best of the rounds, for what else runs on the
 * machine only takes away), share (their ratio), median (of the ratios within a round), gbytes (of operands and result,
 * a second). FILTER: only kinds that begin so. Assumes x86-64 with fused multiply-adds for the
 * peak; without, it is reported as 0. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lir/lir.h"
#include "runtime/core/pool.h"
#include "tir/tir.h"
#include "llvm/emit.h"

typedef struct Shape {
    const char *kind;
    int64_t rows, k, n;
    bool f64;
} Shape;

typedef struct Kernel {
    Arena arena;
    SourceSet sources;
    DiagSink sink;
    void *library;
    qtm_entry run;
    struct qtm_frame frame;
    void *memory[64];
    int count;
    double flops, bytes;
} Kernel;

enum { ROUNDS = 9 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "bench_products: %s\n", what);
    exit(1);
}

/* --- the peak --- */

#if defined __x86_64__
#define TWELVE(op, v)                                                                                                  \
    op " %%" v "14, %%" v "15, %%" v "0\n" op " %%" v "14, %%" v "15, %%" v "1\n" op " %%" v "14, %%" v "15, %%" v     \
       "2\n" op " %%" v "14, %%" v "15, %%" v "3\n" op " %%" v "14, %%" v "15, %%" v "4\n" op " %%" v "14, %%" v       \
       "15, %%" v "5\n" op " %%" v "14, %%" v "15, %%" v "6\n" op " %%" v "14, %%" v "15, %%" v "7\n" op " %%" v       \
       "14, %%" v "15, %%" v "8\n" op " %%" v "14, %%" v "15, %%" v "9\n" op " %%" v "14, %%" v "15, %%" v "10\n" op   \
       " %%" v "14, %%" v "15, %%" v "11\n"
#define CLOBBERED "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "cc"

/* Multiply-adds of f32 in one vector register; the rate of f64 is half. */
static int peak_run(long turns) {
    if (__builtin_cpu_supports("avx512f")) {
        __asm__ volatile("1:\n" TWELVE("vfmadd231ps", "zmm") "dec %0\njnz 1b\n" : "+r"(turns)::CLOBBERED);
        return 16;
    }
    if (!__builtin_cpu_supports("fma")) return 0;
    __asm__ volatile("1:\n" TWELVE("vfmadd231ps", "ymm") "dec %0\njnz 1b\n" : "+r"(turns)::CLOBBERED);
    return 8;
}
#else
static int peak_run(long turns) {
    (void)turns;
    return 0;
}
#endif

/* GF/s */
static double peak_measure(bool f64) {
    enum { TURNS = 400 * 1000 };
    double start = now();
    int lanes = peak_run(TURNS);
    return 12.0 * 2 * lanes * TURNS / (now() - start) / 1e9 / (f64 ? 2 : 1);
}

/* --- tensor programs --- */

static const char *one_product(Arena *arena, Shape s) {
    bool backward = !strcmp(s.kind, "backward"), gradient = !strcmp(s.kind, "gradient");
    const char *axes = backward ? "  axis n = %lld\n  axis k = %lld\n" : "  axis k = %lld\n  axis n = %lld\n";
    const char *sizes = arena_format(arena, axes, (long long)(backward ? s.n : s.k), (long long)(backward ? s.k : s.n));
    const char *body = gradient   ? "  %0 : real{rows, k} = input port 0\n  %1 : real{rows, n} = input port 1\n"
                                    "  %2 : real{k, n} = dot %0, %1 over {rows}\n"
                       : backward ? "  %0 : real{rows, k} = input port 0\n  %1 : real{n, k} = input port 1\n"
                                    "  %2 : real{rows, n} = dot %0, %1 over {k}\n"
                                  : "  %0 : real{rows, k} = input port 0\n  %1 : real{k, n} = input port 1\n"
                                    "  %2 : real{rows, n} = dot %0, %1 over {k}\n";
    return arena_format(
        arena,
        "func f {\n  axis rows = %lld batch\n%s  input block 0 0 \"A\" = %%0\n  input block 1 0 \"B\" = "
        "%%1\n%s  output value 0 \"C\" = %%2\n}\n",
        (long long)s.rows, sizes, body);
}

/* k inputs, four hidden layers of n, one output; a mean of outputs as in a loss, so that no layer goes to memory. */
static const char *perceptron(Arena *arena, Shape s) {
    const char *layers = "", *last = "%0";
    const char *head =
        arena_format(arena,
                     "func f {\n  axis rows = %lld batch\n  axis w0 = %lld\n  axis w1 = %lld\n"
                     "  axis w2 = %lld\n  axis w3 = %lld\n  axis w4 = %lld\n"
                     "  input column 0 0 \"x\" = %%0\n",
                     (long long)s.rows, (long long)s.k, (long long)s.n, (long long)s.n, (long long)s.n, (long long)s.n);
    const char *ports = "", *inputs = "  %0 : real{rows, w0} = input port 0\n";
    int at = 10;
    for (int i = 0; i < 4; i++) {
        ports = arena_format(arena, "%s  input block %d 0 \"W%d\" = %%%d\n  input block %d 0 \"b%d\" = %%%d\n", ports,
                             2 * i, i, 2 * i + 1, 2 * i + 1, i, 2 * i + 2);
        inputs = arena_format(arena, "%s  %%%d : real{w%d, w%d} = input port %d\n  %%%d : real{w%d} = input port %d\n",
                              inputs, 2 * i + 1, i, i + 1, 2 * i + 1, 2 * i + 2, i + 1, 2 * i + 2);
        layers = arena_format(arena,
                              "%s  %%%d : real{rows, w%d} = dot %s, %%%d over {w%d}\n"
                              "  %%%d : real{rows, w%d} = add %%%d, %%%d\n  %%%d : real{rows, w%d} = max %%%d, %%10\n",
                              layers, at + 1, i + 1, last, 2 * i + 1, i, at + 2, i + 1, at + 1, 2 * i + 2, at + 3,
                              i + 1, at + 2);
        at += 3;
        last = arena_format(arena, "%%%d", at);
    }
    return arena_format(arena,
                        "%s%s  input block 8 0 \"out\" = %%9\n%s  %%9 : real{w4} = input port 9\n"
                        "  %%10 : real = const 0\n%s  %%%d : real{rows} = dot %s, %%9 over {w4}\n"
                        "  %%%d : real = sum %%%d over {rows}\n  output value 0 \"sum\" = %%%d\n}\n",
                        head, ports, inputs, layers, at + 1, last, at + 2, at + 1, at + 2);
}

/* --- one kernel --- */

static void *room(Kernel *k, int64_t bytes) {
    size_t size = ((size_t)bytes + 127) / 64 * 64;
    void *p = aligned_alloc(64, size);
    if (!p) fail("out of memory");
    return k->memory[k->count++] = memset(p, 0, size);
}

static void *tensor(Kernel *k, const TirFunction *f, TirId value, bool f64) {
    int64_t count = 1;
    for (uint32_t d = 0; d < f->ops.data[value].axes.count; d++)
        count *= f->axes.data[f->ops.data[value].axes.id[d]].size;
    void *data = room(k, count * (f64 ? 8 : 4));
    for (int64_t i = 0; i < count; i++) {
        double x = (double)(i * 2654435761u >> 7 & 31) / 64 - 0.25;
        if (f64)
            ((double *)data)[i] = x;
        else
            ((float *)data)[i] = (float)x;
    }
    k->bytes += (double)count * (f64 ? 8 : 4);
    return data;
}

static void library_load(Kernel *k, LirFunction *lir, bool f64) {
    LirModule module = {.arena = &k->arena, .f64 = f64};
    HostTarget target;
    char folder[] = "/tmp/qtmc_bench_XXXXXX";
    const char *error = "";
    if (!mkdtemp(folder)) fail("no folder for objects");
    char *object = arena_format(&k->arena, "%s/f.o", folder), *library = arena_format(&k->arena, "%s/f.so", folder);
    VEC_PUSH(&k->arena, &module.functions, lir);
    if (!host_target(&k->arena, "native", &target, &error)) fail(error);
    LlvmPart part = llvm_whole(&k->arena, &module);
    if (!llvm_emit(&part, &target, LLVM_OUTPUT_OBJ, 2, object, &error)) fail(error);
    if (system(arena_format(&k->arena, "cc -shared -o %s %s", library, object))) fail("the linker failed");
    k->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!k->library) fail(dlerror());
    unlink(object), unlink(library), rmdir(folder);
}

static void kernel_make(Kernel *k, Shape s, struct qtm_pool *pool) {
    bool layers = !strcmp(s.kind, "perceptron");
    const char *text = layers ? perceptron(&k->arena, s) : one_product(&k->arena, s);
    k->sink.sources = &k->sources;
    TirModule *parsed =
        tir_parse(&k->arena, &k->sources, source_add(&k->sources, "f.tir", text, strlen(text)), &k->sink);
    if (!parsed) fail(text);
    const TirFunction *f = parsed->functions.data[0];
    LirFunction *lir = schedule_function(&k->arena, f, s.f64);
    math_expand(lir, s.f64);
    library_load(k, lir, s.f64);
    qtm_work work;
    *(void **)&k->run = dlsym(k->library, "qtm_fn_f");
    *(void **)&work = dlsym(k->library, "qtm_work_f");
    int64_t extent[1] = {0};
    const void **in = room(k, (int64_t)(f->inputs.count * sizeof *in));
    void **out = room(k, (int64_t)(f->outputs.count * sizeof *out));
    for (size_t i = 0; i < f->inputs.count; i++) in[i] = tensor(k, f, f->inputs.data[i].value, s.f64);
    for (size_t i = 0; i < f->outputs.count; i++) out[i] = tensor(k, f, f->outputs.data[i].value, s.f64);
    k->frame = (struct qtm_frame){.in = in,
                                  .out = out,
                                  .work = room(k, work(extent)),
                                  .scratch = room(k, lir->scratch_bytes),
                                  .scratch_stride = lir->scratch_bytes,
                                  .extent = room(k, 8),
                                  .pool = pool};
    double products = layers ? (double)(s.k * s.n + 3 * s.n * s.n + s.n) : (double)(s.k * s.n);
    k->flops = 2 * (double)s.rows * products;
}

static void kernel_free(Kernel *k) {
    dlclose(k->library);
    for (int i = 0; i < k->count; i++) free(k->memory[i]);
    diag_free(&k->sink);
    source_free(&k->sources);
    arena_free(&k->arena);
}

/* Seconds of a call; as many calls as take some milliseconds. */
static double kernel_measure(const Kernel *k, int *calls) {
    for (;;) {
        double start = now();
        for (int i = 0; i < *calls; i++) k->run(&k->frame);
        double seconds = now() - start;
        if (seconds > 4e-3 || *calls > 1 << 20) return seconds / *calls;
        *calls *= 2;
    }
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static void shape_report(Shape s, struct qtm_pool *pool, bool json) {
    Kernel *k = calloc(1, sizeof *k);
    if (!k) fail("out of memory");
    kernel_make(k, s, pool);
    double rate[ROUNDS], share[ROUNDS], peak[ROUNDS];
    int calls = 1;
    kernel_measure(k, &calls);
    for (int r = 0; r < ROUNDS; r++) {
        peak[r] = peak_measure(s.f64);
        rate[r] = k->flops / kernel_measure(k, &calls) / 1e9;
        share[r] = peak[r] > 0 ? rate[r] / peak[r] : 0;
    }
    qsort(rate, ROUNDS, sizeof *rate, compare);
    qsort(share, ROUNDS, sizeof *share, compare);
    qsort(peak, ROUNDS, sizeof *peak, compare);
    double best = rate[ROUNDS - 1], most = peak[ROUNDS - 1], gbytes = best * k->bytes / k->flops;
    if (json)
        printf("{\"kind\": \"%s\", \"rows\": %lld, \"k\": %lld, \"n\": %lld, \"bits\": %d, \"gflops\": %.2f, "
               "\"peak\": %.2f, \"share\": %.4f, \"median\": %.4f, \"gbytes\": %.2f}\n",
               s.kind, (long long)s.rows, (long long)s.k, (long long)s.n, s.f64 ? 64 : 32, best, most,
               most > 0 ? best / most : 0, share[ROUNDS / 2], gbytes);
    else
        printf("%-10s f%d %8lld rows %5lld x %-5lld %7.1f GF/s %6.1f %% of %.0f (median %.1f %%) %6.1f GB/s\n", s.kind,
               s.f64 ? 64 : 32, (long long)s.rows, (long long)s.k, (long long)s.n, best,
               most > 0 ? 100 * best / most : 0, most, 100 * share[ROUNDS / 2], gbytes);
    fflush(stdout);
    kernel_free(k);
    free(k);
}

static const Shape shapes[] = {
    {"perceptron", 64, 2, 128, false},    {"perceptron", 1024, 2, 128, false},  {"perceptron", 8192, 2, 128, false},
    {"perceptron", 65536, 2, 128, false}, {"perceptron", 1024, 2, 128, true},   {"perceptron", 64, 2, 32, false},
    {"perceptron", 8192, 2, 32, false},   {"perceptron", 8192, 2, 64, false},   {"perceptron", 8192, 2, 256, false},
    {"perceptron", 1024, 2, 512, false},  {"perceptron", 1024, 2, 1024, false}, {"perceptron", 8192, 3, 50, false},
    {"perceptron", 8192, 3, 100, false},  {"forward", 64, 128, 128, false},     {"forward", 1024, 128, 128, false},
    {"forward", 8192, 128, 128, false},   {"forward", 1024, 128, 128, true},    {"forward", 1000000, 32, 32, false},
    {"forward", 1000000, 4, 4, false},    {"forward", 100000, 2, 128, false},   {"forward", 100000, 128, 4, false},
    {"forward", 10000, 17, 31, false},    {"forward", 1024, 512, 512, false},   {"forward", 1024, 1024, 128, false},
    {"forward", 1024, 1024, 1024, false}, {"forward", 256, 1024, 1024, true},   {"forward", 2, 1024, 1024, false},
    {"backward", 64, 128, 128, false},    {"backward", 1024, 128, 128, false},  {"backward", 8192, 32, 32, false},
    {"backward", 1024, 512, 512, false},  {"gradient", 64, 128, 128, false},    {"gradient", 1024, 128, 128, false},
    {"gradient", 8192, 128, 128, false},  {"gradient", 8192, 128, 128, true},   {"gradient", 8192, 32, 32, false},
    {"gradient", 8192, 2, 128, false},    {"gradient", 1024, 512, 512, false},  {"gradient", 1000000, 8, 16, false},
    {"gradient", 100000, 17, 31, false},
};

int main(int argc, char **argv) {
    bool json = false, quick = false;
    const char *filter = "";
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json"))
            json = true;
        else if (!strcmp(argv[i], "--quick"))
            quick = true;
        else
            filter = argv[i];
    }
    struct qtm_pool *pool;
    if (qtm_pool_create(1, 0, 1, &pool) != QTM_OK) fail("no threads");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (strncmp(shapes[i].kind, filter, strlen(filter))) continue;
        if (quick && shapes[i].rows > 10000) continue;
        shape_report(shapes[i], pool, json);
    }
    qtm_pool_destroy(pool);
    return 0;
}
