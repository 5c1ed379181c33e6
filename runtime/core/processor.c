#include "runtime/core/processor.h"

#include <stdio.h>
#include <string.h>

int qtm_processor_used = 0;

static const char *const names[] = {
#define QTM_FEATURE(name) name,
#include "qtm/features.def"
#undef QTM_FEATURE
};
enum { FEATURES = sizeof names / sizeof *names };
_Static_assert(FEATURES <= 64, "a bit a feature");

uint64_t qtm_features(void) {
#if defined __x86_64__
    uint64_t have = 0, bit = 1;
    __builtin_cpu_init();
#define QTM_FEATURE(name)                                                                                              \
    if (__builtin_cpu_supports(name)) have |= bit;                                                                     \
    bit <<= 1;
#include "qtm/features.def"
#undef QTM_FEATURE
    return have;
#else
    return UINT64_MAX;
#endif
}

int qtm_processor_choose(const struct qtm_model *model, uint64_t have) {
    int best = model->processor_count ? -1 : 0;
    for (int i = 0; i < model->processor_count; i++)
        if (!(model->processors[i].needs & ~have)) best = i;
    return best;
}

qtm_status qtm_processor_start(const struct qtm_model *model, uint64_t have) {
    int used = qtm_processor_choose(model, have);
    if (used >= 0) {
        qtm_processor_used = used;
        return QTM_OK;
    }
    const struct qtm_processor *least = &model->processors[0]; /* the one that needs least */
    char lacks[512] = "";
    for (int i = 0; i < FEATURES; i++) {
        if (!(least->needs & ~have & (uint64_t)1 << i)) continue;
        size_t length = strlen(lacks);
        snprintf(lacks + length, sizeof lacks - length, "%s%s", length ? ", " : "", names[i]);
    }
    return qtm_error("this model was compiled for the processor %s, and this one lacks %s; build it here, or with "
                     "--multi-target, or for an older processor by -march=x86-64-v2 or -march=x86-64",
                     least->name, lacks);
}
