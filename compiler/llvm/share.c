/* Which kernels are one: every kernel gets the name of the function that computes it, and the first of those that are
 * equal is the one that is emitted. Networks of equal layers, families of data sets, one network read for two samples
 * and updates that share a path have most of their kernels in common. */
#include <stdlib.h>
#include <string.h>

#include "llvm/build.h"

typedef struct Known {
    uint64_t hash;
    const uint64_t *key;
    size_t words, place; /* 1 + place in the list; 0: free */
} Known;

typedef struct Share {
    Arena *arena;
    bool f64;
    LlvmPart *part;
    Known *table; /* open addresses */
    size_t size, used;
} Share;

static uint64_t hash_words(const uint64_t *words, size_t count) {
    uint64_t hash = 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ words[i]) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    return hash;
}

/* The place of the key, or the free one where it belongs. */
static Known *table_find(Known *table, size_t size, const Known *wanted) {
    for (size_t at = wanted->hash % size;; at = (at + 1) % size) {
        Known *one = &table[at];
        if (!one->place) return one;
        if (one->hash == wanted->hash && one->words == wanted->words &&
            !memcmp(one->key, wanted->key, wanted->words * sizeof *wanted->key))
            return one;
    }
}

static void table_grow(Share *share) {
    if (2 * share->used < share->size) return;
    size_t size = share->size ? 2 * share->size : 256;
    Known *table = ARENA_ARRAY(share->arena, Known, size);
    for (size_t i = 0; i < share->size; i++)
        if (share->table[i].place) *table_find(table, size, &share->table[i]) = share->table[i];
    share->table = table;
    share->size = size;
}

static void share_kernel(Share *share, const LirFunction *f, const char *owner, const LirGroup *group, LirKernel *k,
                         bool hot) {
    KernelPorts ports = kernel_ports(share->arena, f, group, k);
    table_grow(share);
    Known wanted = {hash_words(ports.key.data, ports.key.count), ports.key.data, ports.key.count, 0};
    Known *known = table_find(share->table, share->size, &wanted);
    const char *name = arena_format(share->arena, "%s.%s", owner, llvm_symbol(share->arena, k->name));
    if (!known->place) {
        LlvmKernel first = {.function = f, .group = group, .kernel = k};
        VEC_PUSH(share->arena, &share->part->kernels, first);
        *known = wanted;
        known->place = share->part->kernels.count;
        share->used++;
        k->symbol = name;
    } else {
        LlvmKernel *first = &share->part->kernels.data[known->place - 1];
        VEC_PUSH(share->arena, &first->others, name);
        k->symbol = first->kernel->symbol;
    }
    if (hot) share->part->kernels.data[known->place - 1].hot = true;
}

/* `owner`: the function's symbol; of a loop's body that of the function around it and the last part of its own name,
 * since the functions of both widths and of all stages have bodies of equal names. */
static void share_function(Share *share, const LirFunction *f, const char *owner, bool hot) {
    for (size_t g = 0; g < f->groups.count; g++) {
        const LirGroup *group = &f->groups.data[g];
        if (group->loop) {
            const LirFunction *body = group->loop->body;
            const char *dot = strrchr(body->name, '.'), *last = dot ? dot + 1 : body->name;
            const char *inner = arena_format(share->arena, "%s.%s", owner, llvm_symbol(share->arena, last));
            share_function(share, body, inner, hot);
        }
        for (size_t k = 0; k < group->kernels.count; k++)
            share_kernel(share, f, owner, group, group->kernels.data[k], hot);
    }
}

LlvmPart llvm_whole(Arena *arena, const LirModule *module) {
    LlvmPart part = {.f64 = module->f64};
    Share share = {.arena = arena, .f64 = module->f64, .part = &part};
    for (size_t i = 0; i < module->functions.count; i++) {
        VEC_PUSH(arena, &part.functions, module->functions.data[i]);
        const LirFunction *f = module->functions.data[i];
        share_function(&share, f, llvm_symbol(arena, f->name), f->hot);
    }
    return part;
}
