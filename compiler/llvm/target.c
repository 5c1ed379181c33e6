/* Which machine to emit for. */
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llvm/build.h"

static void fatal_handler(const char *reason) {
    fprintf(stderr, "internal error: LLVM cannot emit this module: %s\n", reason);
}

static void start_once(void) {
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMInitializeNativeAsmParser(); /* of the comments in listings */
    LLVMInstallFatalErrorHandler(fatal_handler);
    /* Loop strength reduction took about 40% of code generation for tiles of matrix products, which ran no faster with
     * it; other kernels were not compared. The option is one of the whole process. An LLVM that does not know it is
     * only slower. */
    static const char *const options[] = {"qtmc", "-disable-lsr"};
    LLVMParseCommandLineOptions(2, options, NULL);
}

void llvm_start(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_once);
}

static bool has_feature(const char *features, const char *name) {
    char *list = strdup(features), *rest = NULL;
    bool found = false;
    for (char *one = strtok_r(list, ",", &rest); one && !found; one = strtok_r(NULL, ",", &rest))
        found = one[0] == '+' && !strcmp(one + 1, name);
    free(list);
    return found;
}

static void target_native(Arena *arena, HostTarget *out) {
    char *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
    out->cpu = arena_string(arena, cpu, strlen(cpu));
    out->features = arena_string(arena, features, strlen(features));
    LLVMDisposeMessage(cpu);
    LLVMDisposeMessage(features);
#if defined __x86_64__
    /* by what the machine has, not by its name: LLVM may not know the name */
    bool wide = has_feature(out->features, "avx512f") && has_feature(out->features, "avx512vl") &&
                has_feature(out->features, "avx512dq") && has_feature(out->features, "avx512bw");
    out->vector_bits = wide ? 512 : has_feature(out->features, "avx2") ? 256 : 128;
    out->registers = wide ? 32 : 16;
    out->fma = has_feature(out->features, "fma");
    out->rounding = has_feature(out->features, "sse4.1");
#else
    out->vector_bits = 128;
    out->registers = 32;
    out->fma = out->rounding = true;
#endif
}

/* x86-64-v2 and on as the ABI of the system defines them. */
#define LEVEL_2 "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt"
#define LEVEL_3 LEVEL_2 ",+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe"
#define LEVEL_4 LEVEL_3 ",+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl"
typedef struct Level {
    HostTarget target;
    const char *features;
} Level;
static const Level levels[] = {
    {{"baseline", "x86-64", "", 128, 16, false, false, 0, NULL}, ""},
    {{"x86-64", "x86-64", "", 128, 16, false, false, 0, NULL}, ""},
    {{"x86-64-v2", "x86-64-v2", "", 128, 16, false, true, 0, NULL}, LEVEL_2},
    {{"x86-64-v3", "x86-64-v3", "", 256, 16, true, true, 0, NULL}, LEVEL_3},
    {{"x86-64-v4", "x86-64-v4", "", 512, 32, true, true, 0, NULL}, LEVEL_4},
};
enum { LEVELS = sizeof levels / sizeof *levels };

static uint64_t features_needed(const char *features) {
    static const char *const names[] = {
#define QTM_FEATURE(name) name,
#include "qtm/features.def"
#undef QTM_FEATURE
    };
    uint64_t needs = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (has_feature(features, names[i])) needs |= (uint64_t)1 << i;
    return needs;
}

bool host_target(Arena *arena, const char *march, HostTarget *out, const char **error) {
    *out = (HostTarget){.march = "native"};
    if (!march || !strcmp(march, "native")) {
        target_native(arena, out);
        out->needs = features_needed(out->features);
        return true;
    }
    for (size_t i = 0; i < LEVELS; i++)
        if (!strcmp(march, levels[i].target.march)) {
            *out = levels[i].target;
            out->needs = features_needed(levels[i].features);
            return true;
        }
    *error = arena_format(
        arena, "no machine type '%s': choose native, baseline, x86-64, x86-64-v2, x86-64-v3 or x86-64-v4", march);
    return false;
}

void host_targets(Arena *arena, HostTarget out[HOST_TARGETS]) {
    static const char *const names[HOST_TARGETS] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
    for (int i = 0; i < HOST_TARGETS; i++) {
        const char *error;
        host_target(arena, names[i], &out[i], &error);
        out[i].suffix = arena_format(arena, "__v%d", i + 2);
    }
}
