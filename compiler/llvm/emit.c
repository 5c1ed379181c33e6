/* A module: its LLVM context, the passes, the file. */
#include "llvm/emit.h"

#include <ctype.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

#include "llvm/build.h"

/* The code is vectors already and its loops are tested at the bottom. What is left to do: registers for stack slots,
 * repeated addresses made once, what does not change moved out of loops, blocks joined. With instcombine, gvn and a
 * second licm, matrix products of 64 and 128 columns ran no faster; other kernels were not compared. */
static const char *const passes = "function(sroa,early-cse,loop-mssa(licm),early-cse,simplifycfg)";

char *llvm_symbol(Arena *arena, const char *name) {
    size_t length = strlen(name), at = 0;
    char *symbol = arena_alloc(arena, 4 * length + 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        if ((c < 128 && isalnum(c)) || c == '_') {
            symbol[at++] = (char)c;
        } else if (c == '.') {
            symbol[at++] = '_';
            symbol[at++] = '_';
        } else {
            static const char digit[] = "0123456789abcdef";
            symbol[at++] = '_';
            symbol[at++] = 'x';
            symbol[at++] = digit[c >> 4];
            symbol[at++] = digit[c & 15];
        }
    }
    return symbol;
}

/* LLVM may report that it could not emit something and go on: the first error is kept. */
static void diagnostic_latch(LLVMDiagnosticInfoRef info, void *context) {
    char **error = context;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError || *error) return;
    char *text = LLVMGetDiagInfoDescription(info);
    *error = strdup(text);
    LLVMDisposeMessage(text);
}

static void keep_error(char **error, char *message) {
    if (!*error) *error = strdup(message ? message : "unknown error");
    LLVMDisposeMessage(message);
}

static LLVMTargetMachineRef machine_create(const HostTarget *target, int opt_level, char *triple, char **error) {
    LLVMTargetRef llvm_target;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(triple, &llvm_target, &message)) {
        keep_error(error, message);
        return NULL;
    }
    LLVMCodeGenOptLevel level = opt_level <= 0   ? LLVMCodeGenLevelNone
                                : opt_level == 1 ? LLVMCodeGenLevelLess
                                : opt_level == 2 ? LLVMCodeGenLevelDefault
                                                 : LLVMCodeGenLevelAggressive;
    return LLVMCreateTargetMachine(llvm_target, triple, target->cpu, target->features, level, LLVMRelocPIC,
                                   LLVMCodeModelDefault);
}

static void emit_types(Emit *e) {
    e->real_bytes = e->f64 ? 8 : 4;
    e->lanes = e->target->vector_bits / 8 / e->real_bytes;
    e->real = e->f64 ? LLVMDoubleTypeInContext(e->context) : LLVMFloatTypeInContext(e->context);
    e->i1 = LLVMInt1TypeInContext(e->context);
    e->i8 = LLVMInt8TypeInContext(e->context);
    e->i32 = LLVMInt32TypeInContext(e->context);
    e->i64 = LLVMInt64TypeInContext(e->context);
    e->wide = e->f64 ? e->i64 : e->i32;
    e->ptr = LLVMPointerTypeInContext(e->context, 0);
    e->nothing = LLVMVoidTypeInContext(e->context);
}

static void run_passes(LLVMModuleRef module, LLVMTargetMachineRef machine, char **error) {
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef failed = LLVMRunPasses(module, passes, machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (!failed) return;
    char *text = LLVMGetErrorMessage(failed);
    if (!*error) *error = strdup(text);
    LLVMDisposeErrorMessage(text);
}

static void write_output(LLVMModuleRef module, LLVMTargetMachineRef machine, LlvmOutput what, const char *path,
                         char **error) {
    char *message = NULL;
    LLVMBool failed;
    if (what == LLVM_OUTPUT_ASM || what == LLVM_OUTPUT_OBJ)
        failed = LLVMTargetMachineEmitToFile(machine, module, path,
                                             what == LLVM_OUTPUT_OBJ ? LLVMObjectFile : LLVMAssemblyFile, &message);
    else
        failed = LLVMPrintModuleToFile(module, path, &message);
    if (failed) keep_error(error, message);
}

/* Listings say what else a kernel computes. */
static void others_comment(Emit *e, const LlvmKernel *kernel) {
    for (size_t i = 0; i < kernel->others.count; i++) {
        const char *line =
            arena_format(e->arena, "# %s computes %s, too\n", kernel->kernel->symbol, kernel->others.data[i]);
        LLVMAppendModuleInlineAsm(e->module, line, strlen(line));
    }
}

/* Emits every function, checks the module, and runs the passes that `what` asks for. */
static void module_build(Emit *e, const LlvmPart *part, LLVMTargetMachineRef machine, LlvmOutput what, int opt_level,
                         char **error) {
    for (size_t i = 0; i < part->kernels.count; i++) {
        if (what != LLVM_OUTPUT_OBJ) others_comment(e, &part->kernels.data[i]);
        kernel_emit(e, &part->kernels.data[i]);
    }
    for (size_t i = 0; i < part->functions.count; i++) function_emit(e, part->functions.data[i]);
    char *message = NULL;
    if (LLVMVerifyModule(e->module, LLVMReturnStatusAction, &message)) {
        keep_error(error, message);
        return;
    }
    LLVMDisposeMessage(message);
    if (what != LLVM_OUTPUT_IR && opt_level > 0) run_passes(e->module, machine, error);
}

bool llvm_emit(const LlvmPart *part, const HostTarget *target, LlvmOutput what, int opt_level, const char *path,
               const char **error) {
    llvm_start();
    char *failure = NULL, *triple = LLVMGetDefaultTargetTriple();
    LLVMTargetMachineRef machine = machine_create(target, opt_level, triple, &failure);
    if (machine) {
        Arena arena = {0};
        Emit e = {.arena = &arena, .f64 = part->f64, .target = target, .context = LLVMContextCreate()};
        LLVMContextSetDiagnosticHandler(e.context, diagnostic_latch, &failure);
        e.module = LLVMModuleCreateWithNameInContext("qtm", e.context);
        LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
        LLVMSetModuleDataLayout(e.module, layout);
        LLVMSetTarget(e.module, triple);
        LLVMDisposeTargetData(layout);
        emit_types(&e);
        module_build(&e, part, machine, what, opt_level, &failure);
        if (!failure) write_output(e.module, machine, what, path, &failure);
        LLVMDisposeModule(e.module);
        LLVMContextDispose(e.context);
        LLVMDisposeTargetMachine(machine);
        arena_free(&arena);
    }
    LLVMDisposeMessage(triple);
    if (failure) *error = failure;
    return !failure;
}
