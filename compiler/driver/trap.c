/* Functions that can meet a NaN where it stops a run: gradients with their objectives, and draws; what says at which
 * node a density is none; and objectives as they were derived. */
#include "driver/trap.h"

#include <stdlib.h>
#include <string.h>

#include "driver/output.h"
#include "support/pack.h"
#include "llvm/emit.h"

static bool has_nodes(const TirFunction *f) {
    for (size_t i = 0; i < f->outputs.count; i++)
        if (f->outputs.data[i].role == TIR_PORT_NODE) return true;
    return false;
}

/* Gradients and draws are whole, with what runs before them; of others that have guards what says the node. */
static void print_unit(FILE *out, const Unit *unit) {
    const TirFunction *f = unit->whole;
    if (unit->same || unit->staged) return;
    if (!unit->hot[WIDTH_F32] && !unit->hot[WIDTH_F64]) {
        if (!has_nodes(f)) return;
        f = tir_part_of_role(f->arena, f, TIR_PORT_NODE);
    }
    tir_print_spans(out, f, llvm_symbol(f->arena, unit->symbol));
}

static void print_objective(FILE *out, const Pipeline *p, const UpdateUnits *units) {
    if (units->gradient->same) return;
    TirFunction f = *units->given;
    f.name = arena_format(p->arena, "%s.objective", llvm_symbol(p->arena, units->gradient->symbol));
    tir_print(out, &f);
}

static void print_all(FILE *out, const Pipeline *p) {
    fprintf(out, "%zu\n", p->sources->files.count);
    for (size_t i = 0; i < p->sources->files.count; i++) {
        const SourceFile *file = &p->sources->files.data[i];
        fprintf(out, "%zu %s\n", file->length, file->path);
        fwrite(file->text, 1, file->length, out);
        fputc('\n', out);
    }
    for (size_t i = 0; i < p->units.count; i++)
        if (p->units.data[i]->wanted[WIDTH_F32] || p->units.data[i]->wanted[WIDTH_F64])
            print_unit(out, p->units.data[i]);
    for (size_t i = 0; i < p->program->fits.count; i++)
        for (size_t u = 0; u < p->program->fits.data[i].updates.count; u++)
            print_objective(out, p, &p->fits[i].updates[u]);
}

bool trap_write(const Pipeline *p, const char *path, TrapPack *pack) {
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (memory) print_all(memory, p);
    if (!memory || fclose(memory)) {
        perror("qtmc: cannot write the model's functions as text");
        free(text);
        return false;
    }
    const unsigned char *packed = pack_bytes(p->arena, text, length, &pack->bytes);
    pack->path = path;
    pack->whole = length;
    free(text);
    FILE *out = fopen(path, "wb");
    if (!out) {
        perror("qtmc: cannot write the model's functions");
        return false;
    }
    fwrite(packed, 1, pack->bytes, out);
    return output_finish(out, path);
}
