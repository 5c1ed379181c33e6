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

bool host_target(Arena *arena, const char *march, HostTarget *out, const char **error) {
    static const HostTarget levels[] = {
        {"baseline", "x86-64", "", 128, 16, false, false, NULL},
        {"x86-64", "x86-64", "", 128, 16, false, false, NULL},
        {"x86-64-v2", "x86-64-v2", "", 128, 16, false, true, NULL},
        {"x86-64-v3", "x86-64-v3", "", 256, 16, true, true, NULL},
        {"x86-64-v4", "x86-64-v4", "", 512, 32, true, true, NULL},
    };
    *out = (HostTarget){.march = "native"};
    if (!march || !strcmp(march, "native")) {
        target_native(arena, out);
        return true;
    }
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (!strcmp(march, levels[i].march)) {
            *out = levels[i];
            return true;
        }
    *error = arena_format(
        arena, "no machine type '%s': choose native, baseline, x86-64, x86-64-v2, x86-64-v3 or x86-64-v4", march);
    return false;
}
