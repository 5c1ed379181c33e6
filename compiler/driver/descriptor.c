/* Writes tables in the order in which C needs them: the parts of a thing above the thing. */
#include "driver/descriptor.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "driver/config.h"
#include "llvm/emit.h"

static void print_string(FILE *out, const char *text) {
    if (!text) {
        fputs("NULL", out);
        return;
    }
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '\n')
            fputs(c[1] ? "\\n\"\n    \"" : "\\n", out);
        else if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 32 || *c == 127 || (*c == '?' && c[1] == '?'))
            fprintf(out, "\\%03o", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

static void print_real(FILE *out, double value) {
    if (isnan(value))
        fputs("__builtin_nan(\"\")", out);
    else if (isinf(value))
        fputs(value < 0 ? "-__builtin_inf()" : "__builtin_inf()", out);
    else
        fprintf(out, "%.17g", value);
}

static const char *flag(bool value) {
    return value ? "true" : "false";
}

/* --- functions --- */

static const char *const roles[] = {"QTM_BLOCK",    "QTM_COLUMN",    "QTM_OPTION", "QTM_LOSS",
                                    "QTM_GRADIENT", "QTM_VALUE",     "QTM_HELD",   "QTM_GUARD",
                                    "QTM_POINT",    "QTM_DIRECTION", "QTM_STAGED"};
_Static_assert(TIR_PORT_BLOCK == 0 && TIR_PORT_LOSS == 3 && TIR_PORT_VALUE == 5 && TIR_PORT_GUARD == 7 &&
                   TIR_PORT_DIRECTION == 9 && TIR_PORT_STAGED == 10,
               "the order of enum qtm_role");

static int64_t extent_code(const TirAxis *axis) {
    return axis->size < 0 ? -1 - (int64_t)axis->data : axis->size;
}

static void print_ports(FILE *out, const TirFunction *f, const char *symbol, const char *side, bool inputs) {
    size_t count = inputs ? f->inputs.count : f->outputs.count;
    const TirPort *ports = inputs ? f->inputs.data : f->outputs.data;
    if (!count) return;
    for (size_t i = 0; i < count; i++) {
        const TirAxes *axes = &f->ops.data[ports[i].value].axes;
        if (!axes->count) continue;
        fprintf(out, "static const int64_t %s_%s%zu[] = {", symbol, side, i);
        for (uint32_t d = 0; d < axes->count; d++)
            fprintf(out, "%s%" PRId64, d ? ", " : "", extent_code(&f->axes.data[axes->id[d]]));
        fputs("};\n", out);
    }
    fprintf(out, "static const struct qtm_port %s_%s[] = {\n", symbol, side);
    for (size_t i = 0; i < count; i++) {
        uint32_t rank = f->ops.data[ports[i].value].axes.count;
        fputs("    {", out);
        print_string(out, ports[i].name ? ports[i].name : "");
        fprintf(out, ", %s, %u, %u, %u, ", roles[ports[i].role], ports[i].index, ports[i].field, rank);
        if (rank)
            fprintf(out, "%s_%s%zu},\n", symbol, side, i);
        else
            fputs("NULL},\n", out);
    }
    fputs("};\n", out);
}

static void print_before(FILE *out, const Unit *unit, int width, const char *end) {
    if (unit)
        fprintf(out, "&%s_early%s", llvm_symbol(unit->tir->arena, unit->lir[width]->name), end);
    else
        fprintf(out, "NULL%s", end);
}

/* The initialiser of a struct qtm_fn. */
static void print_function(FILE *out, const Unit *unit, int width) {
    const LirFunction *lir = unit->lir[width];
    const TirFunction *f = unit->tir;
    const char *symbol = llvm_symbol(f->arena, lir->name);
    fprintf(out, "{\"%s\", qtm_fn_%s, qtm_work_%s, %" PRId64 ", %s, %zu, %zu, ", symbol, symbol, symbol,
            lir->scratch_bytes, flag(width == WIDTH_F64), f->inputs.count, f->outputs.count);
    if (f->inputs.count)
        fprintf(out, "%s_in, ", symbol);
    else
        fputs("NULL, ", out);
    if (f->outputs.count)
        fprintf(out, "%s_out, ", symbol);
    else
        fputs("NULL, ", out);
    print_before(out, unit->start, width, ", ");
    print_before(out, unit->shared, width, "}");
}

/* Where there is code for several targets: a function that goes on to that of the one which runs. */
static void print_choice(FILE *out, const Pipeline *p, const char *symbol) {
    for (size_t i = 0; i < p->target_count; i++)
        fprintf(out,
                "\nvoid qtm_fn_%s%s(const struct qtm_frame *frame);\nint64_t qtm_work_%s%s(const int64_t *extent);",
                symbol, p->targets[i].suffix, symbol, p->targets[i].suffix);
    fprintf(out, "\nstatic void qtm_fn_%s(const struct qtm_frame *frame) {\n    static const qtm_entry code[] = {",
            symbol);
    for (size_t i = 0; i < p->target_count; i++)
        fprintf(out, "%sqtm_fn_%s%s", i ? ", " : "", symbol, p->targets[i].suffix);
    fprintf(out, "};\n    code[qtm_processor_used](frame);\n}\n#define qtm_work_%s qtm_work_%s%s\n", symbol, symbol,
            p->targets[0].suffix);
}

static void print_unit(FILE *out, const Pipeline *p, const Unit *unit, int width) {
    const LirFunction *lir = unit->lir[width];
    if (!lir || unit->same) return;
    const char *symbol = llvm_symbol(unit->tir->arena, lir->name);
    if (p->target_count > 1)
        print_choice(out, p, symbol);
    else
        fprintf(out, "\nvoid qtm_fn_%s(const struct qtm_frame *frame);\nint64_t qtm_work_%s(const int64_t *extent);\n",
                symbol, symbol);
    print_ports(out, unit->tir, symbol, "in", true);
    print_ports(out, unit->tir, symbol, "out", false);
    if (!unit->staged) return;
    fprintf(out, "static const struct qtm_fn %s_early = ", symbol);
    print_function(out, unit, width);
    fputs(";\n", out);
}

/* Functions that run before others are declared before all, as they may have one before themselves. */
static void print_early(FILE *out, const Unit *unit, int width) {
    if (unit->staged && unit->lir[width] && !unit->same)
        fprintf(out, "static const struct qtm_fn %s_early;\n", llvm_symbol(unit->tir->arena, unit->lir[width]->name));
}

static void print_fn(FILE *out, const char *member, const Unit *unit, int width, const char *indent) {
    if (!unit || !unit->lir[width]) return;
    fprintf(out, "%s.%s = ", indent, member);
    print_function(out, unit, width);
    fputs(",\n", out);
}

/* --- tables --- */

static void print_param(FILE *out, const ProgramParam *param) {
    static const char *const domains[] = {"QTM_OPEN",  "QTM_CLOSED",  "QTM_LOW_END", "QTM_HIGH_END",
                                          "QTM_ABOVE", "QTM_FROM",    "QTM_BELOW",   "QTM_UP_TO",
                                          "QTM_REAL",  "QTM_ORDERED", "QTM_SIMPLEX"};
    static const char *const kinds[] = {"QTM_FREE", "QTM_FIXED", "QTM_LINK"};
    fputs("    {", out);
    print_string(out, param->name);
    fprintf(out, ", %s, ", domains[param->domain]);
    print_real(out, param->low);
    fputs(", ", out);
    print_real(out, param->high);
    fprintf(out, ", %s, %s, ", flag(param->has_start), flag(param->has_truth));
    print_real(out, param->start);
    fputs(", ", out);
    print_real(out, param->truth);
    fprintf(out, ", %s, %s, ", kinds[param->kind], flag(param->bounded));
    print_string(out, param->unit);
    fputs(", ", out);
    print_string(out, param->link);
    fprintf(out, ", %u, %" PRId64 ", %u, %" PRId64 ", %" PRId64 "},\n", param->output, param->element, param->block,
            param->place, param->line);
}

static void print_params(FILE *out, const Program *program) {
    if (program->params.count) fputs("\nstatic const struct qtm_param params[] = {\n", out);
    for (size_t i = 0; i < program->params.count; i++) print_param(out, &program->params.data[i]);
    if (program->params.count) fputs("};\n", out);
    if (program->param_blocks.count) fputs("\nstatic const struct qtm_param_block param_blocks[] = {\n", out);
    for (size_t i = 0; i < program->param_blocks.count; i++) {
        fputs("    {", out);
        print_string(out, program->param_blocks.data[i].name);
        fprintf(out, ", %" PRId64 "},\n", program->param_blocks.data[i].count);
    }
    if (program->param_blocks.count) fputs("};\n", out);
}

static void print_options(FILE *out, const Program *program) {
    if (program->options.count) fputs("\nstatic const struct qtm_option options[] = {\n", out);
    for (size_t i = 0; i < program->options.count; i++) {
        const ProgramOption *option = &program->options.data[i];
        fputs("    {", out);
        print_string(out, option->name);
        fputs(", ", out);
        print_string(out, option->help);
        fputs(", ", out);
        print_real(out, option->value);
        fprintf(out, ", %s},\n", flag(option->integer));
    }
    if (program->options.count) fputs("};\n", out);
}

static void print_events(FILE *out, const Pipeline *p) {
    const Program *program = p->program;
    for (size_t i = 0; i < program->events.count; i++) {
        const ProgramEvent *event = &program->events.data[i];
        fprintf(out, "\nstatic const struct qtm_field event%zu_fields[] = {\n", i);
        for (size_t k = 0; k < event->fields.count; k++) {
            fputs("    {", out);
            print_string(out, event->fields.data[k].name);
            fputs(", ", out);
            print_real(out, event->fields.data[k].low);
            fputs(", ", out);
            print_real(out, event->fields.data[k].high);
            fprintf(out, ", %" PRId64 ", ", event->fields.data[k].length);
            print_real(out, event->fields.data[k].scale);
            fputs("},\n", out);
        }
        fputs("};\n", out);
    }
    if (program->events.count) fputs("\nstatic const struct qtm_event events[] = {\n", out);
    for (size_t i = 0; i < program->events.count; i++) {
        const ProgramEvent *event = &program->events.data[i];
        fputs("    {\n        .name = ", out);
        print_string(out, event->name);
        fprintf(out, ",\n        .field_count = %zu,\n        .fields = event%zu_fields,\n", event->fields.count, i);
        print_fn(out, "draw", p->draws[i], WIDTH_F32, "        ");
        fprintf(out, "        .draw_batch = %" PRId64 ",\n    },\n", event->draw_batch);
    }
    if (program->events.count) fputs("};\n", out);
}

static void print_columns(FILE *out, const ProgramData *data, size_t number) {
    if (data->columns.count) fprintf(out, "\nstatic const struct qtm_column data%zu_columns[] = {", number);
    for (size_t i = 0; i < data->columns.count; i++) {
        fprintf(out, "%s{%u, ", i ? ", " : "", data->columns.data[i].field);
        print_real(out, data->columns.data[i].scale);
        fputc('}', out);
    }
    if (data->columns.count) fputs("};\n", out);
    if (data->ignore.count) fprintf(out, "static const char *const data%zu_ignore[] = {", number);
    for (size_t i = 0; i < data->ignore.count; i++) {
        if (i) fputs(", ", out);
        print_string(out, data->ignore.data[i]);
    }
    if (data->ignore.count) fputs("};\n", out);
}

static void print_data(FILE *out, const Pipeline *p) {
    const Program *program = p->program;
    for (size_t i = 0; i < program->data.count; i++) print_columns(out, &program->data.data[i], i);
    if (program->data.count) fputs("\nstatic const struct qtm_data data[] = {\n", out);
    for (size_t i = 0; i < program->data.count; i++) {
        const ProgramData *data = &program->data.data[i];
        fputs("    {\n        .name = ", out);
        print_string(out, data->name);
        fputs(",\n        .path = ", out);
        print_string(out, data->path);
        fprintf(out, ",\n        .event = %u,\n        .split = ", data->event);
        print_real(out, data->split);
        fputs(",\n", out);
        if (data->columns.count)
            fprintf(out, "        .column_count = %zu,\n        .columns = data%zu_columns,\n", data->columns.count, i);
        if (data->ignore.count)
            fprintf(out, "        .ignore_count = %zu,\n        .ignore = data%zu_ignore,\n", data->ignore.count, i);
        if (p->wheres[i]) print_fn(out, "where", p->wheres[i], WIDTH_F64, "        ");
        print_fn(out, "draw", p->data_draws[i], WIDTH_F32, "        ");
        fprintf(out, "        .draw_batch = %" PRId64 ",\n    },\n", data->draw_batch);
    }
    if (program->data.count) fputs("};\n", out);
}

static void print_blocks(FILE *out, const ProgramFit *fit, size_t number) {
    static const char *const kinds[] = {"QTM_GROUP_PARAMS", "QTM_GROUP_GENERATOR", "QTM_GROUP_NETWORK"};
    fprintf(out, "\nstatic const struct qtm_weights fit%zu_groups[] = {\n", number);
    for (size_t i = 0; i < fit->groups.count; i++) {
        fputs("    {", out);
        print_string(out, fit->groups.data[i].name);
        fprintf(out, ", %s, ", kinds[fit->groups.data[i].kind]);
        print_string(out, fit->groups.data[i].frozen);
        fputs("},\n", out);
    }
    fputs("};\n", out);
    for (size_t i = 0; i < fit->blocks.count; i++) {
        const ProgramBlock *block = &fit->blocks.data[i];
        if (!block->rank) continue;
        fprintf(out, "static const int64_t fit%zu_block%zu[] = {", number, i);
        for (uint32_t d = 0; d < block->rank; d++) fprintf(out, "%s%" PRId64, d ? ", " : "", block->shape[d]);
        fputs("};\n", out);
    }
    fprintf(out, "static const struct qtm_block fit%zu_blocks[] = {\n", number);
    for (size_t i = 0; i < fit->blocks.count; i++) {
        const ProgramBlock *block = &fit->blocks.data[i];
        int64_t count = 1;
        for (uint32_t d = 0; d < block->rank; d++) count *= block->shape[d];
        fputs("    {", out);
        print_string(out, block->name);
        fprintf(out, ", %u, %" PRId64 ", %u, ", block->group, count, block->rank);
        if (block->rank)
            fprintf(out, "fit%zu_block%zu},\n", number, i);
        else
            fputs("NULL},\n", out);
    }
    fputs("};\n", out);
}

static void print_update(FILE *out, const ProgramUpdate *update, const UpdateUnits *units, size_t fit, size_t number) {
    static const char *const optimisers[] = {"QTM_ADAM", "QTM_SGD", "QTM_LBFGS"};
    bool first_order = update->optimiser != PROGRAM_LBFGS;
    fputs("    {\n        .objective = ", out);
    print_string(out, update->objective_text);
    fprintf(out, ",\n        .group_count = %zu,\n        .groups = fit%zu_update%zu_groups,\n", update->groups.count,
            fit, number);
    if (update->moves.count)
        fprintf(out, "        .move_count = %zu,\n        .moves = fit%zu_update%zu_moves,\n", update->moves.count, fit,
                number);
    fputs("        .label = ", out);
    print_string(out, update->label);
    fprintf(out, ",\n        .optimiser = %s,\n        .exchange = %s,\n", optimisers[update->optimiser],
            update->exchange == PROGRAM_RING ? "QTM_RING" : "QTM_LOCAL");
    fprintf(out, "        .ring_groups = %" PRId64 ",\n        .ring_outer = %" PRId64 ",\n", update->ring_groups,
            update->ring_outer);
    fprintf(out, "        .full_data = %s,\n        .data = %u,\n        .every = %" PRId64 ",\n",
            flag(update->full_data), update->data, update->every);
    print_fn(out, "gradient", units->gradient, first_order ? WIDTH_F32 : WIDTH_F64, "        ");
    print_fn(out, "check", units->gradient, WIDTH_F64, "        ");
    print_fn(out, "settings", units->settings, WIDTH_F64, "        ");
    if (units->clauses) {
        fprintf(out, "        .clause_count = %zu,\n        .clauses = fit%zu_update%zu_clauses,\n",
                update->clauses.count, fit, number);
        print_fn(out, "clause_check", units->clauses, WIDTH_F64, "        ");
    }
    fputs("    },\n", out);
}

static void print_clauses(FILE *out, const ProgramUpdate *update, size_t fit, size_t number) {
    if (!update->clauses.count) return;
    fprintf(out, "static const struct qtm_clause fit%zu_update%zu_clauses[] = {\n", fit, number);
    for (size_t i = 0; i < update->clauses.count; i++) {
        fputs("    {", out);
        print_string(out, update->clauses.data[i].name);
        fputs(", ", out);
        print_string(out, update->clauses.data[i].place);
        fputs("},\n", out);
    }
    fputs("};\n", out);
}

static void print_updates(FILE *out, const ProgramFit *fit, const FitUnits *units, size_t number) {
    for (size_t i = 0; i < fit->updates.count; i++) {
        const ProgramUpdate *update = &fit->updates.data[i];
        fprintf(out, "static const int fit%zu_update%zu_groups[] = {", number, i);
        for (size_t k = 0; k < update->groups.count; k++) fprintf(out, "%s%u", k ? ", " : "", update->groups.data[k]);
        fputs("};\n", out);
        print_clauses(out, update, number, i);
        if (!update->moves.count) continue;
        fprintf(out, "static const struct qtm_range fit%zu_update%zu_moves[] = {\n", number, i);
        for (size_t k = 0; k < update->moves.count; k++) {
            const ProgramRange *range = &update->moves.data[k];
            fprintf(out, "    {%u, %" PRId64 ", %" PRId64 "},\n", range->block, range->first, range->count);
        }
        fputs("};\n", out);
    }
    fprintf(out, "static const struct qtm_update fit%zu_updates[] = {\n", number);
    for (size_t i = 0; i < fit->updates.count; i++)
        print_update(out, &fit->updates.data[i], &units->updates[i], number, i);
    fputs("};\n", out);
}

static void print_curve(FILE *out, const ProgramCurve *curve) {
    fputs("    {", out);
    print_string(out, curve->name);
    fprintf(out, ", %s, ", flag(curve->density));
    print_real(out, curve->low);
    fputs(", ", out);
    print_real(out, curve->high);
    fprintf(out, ", %d, %s},\n", curve->event_field, flag(curve->on_log));
}

static void print_monitors(FILE *out, const ProgramFit *fit, size_t number) {
    for (size_t i = 0; i < fit->monitors.count; i++) {
        const ProgramMonitor *monitor = &fit->monitors.data[i];
        if (!monitor->labels) continue;
        fprintf(out, "static const char *const fit%zu_monitor%zu_labels[] = {", number, i);
        for (int64_t k = 0; k < monitor->count; k++) {
            if (k) fputs(", ", out);
            print_string(out, monitor->labels[k]);
        }
        fputs("};\n", out);
    }
    if (fit->monitors.count) fprintf(out, "static const struct qtm_monitor fit%zu_monitors[] = {\n", number);
    for (size_t i = 0; i < fit->monitors.count; i++) {
        const ProgramMonitor *monitor = &fit->monitors.data[i];
        fputs("    {", out);
        print_string(out, monitor->name);
        fprintf(out, ", %" PRId64 ", ", monitor->count);
        if (monitor->labels)
            fprintf(out, "fit%zu_monitor%zu_labels},\n", number, i);
        else
            fputs("NULL},\n", out);
    }
    if (fit->monitors.count) fputs("};\n", out);
    if (fit->curves.count) fprintf(out, "static const struct qtm_curve fit%zu_curves[] = {\n", number);
    for (size_t i = 0; i < fit->curves.count; i++) print_curve(out, &fit->curves.data[i]);
    if (fit->curves.count) fputs("};\n", out);
}

static void print_checks(FILE *out, const ProgramFit *fit, size_t number) {
    if (!fit->checks.count) return;
    fprintf(out, "static const struct qtm_check fit%zu_checks[] = {\n", number);
    for (size_t i = 0; i < fit->checks.count; i++) {
        const ProgramCheck *check = &fit->checks.data[i];
        fputs("    {", out);
        print_string(out, check->text);
        fprintf(out, ", \"%s\", ", check->op);
        print_real(out, check->tolerance);
        fprintf(out, ", %s},\n", flag(check->relative));
    }
    fputs("};\n", out);
}

static void print_draws(FILE *out, const ProgramFit *fit, size_t number) {
    if (!fit->draws.count) return;
    fprintf(out, "static const char *const fit%zu_draws[] = {\n", number);
    for (size_t i = 0; i < fit->draws.count; i++) {
        fputs("    ", out);
        print_string(out, fit->draws.data[i]);
        fputs(",\n", out);
    }
    fputs("};\n", out);
}

static void print_table(FILE *out, const char *member, size_t count, const char *table, size_t number) {
    fprintf(out, "        .%s_count = %zu,\n", member, count);
    if (count) fprintf(out, "        .%ss = fit%zu_%s,\n", member, number, table);
}

static void print_fit(FILE *out, const ProgramFit *fit, const FitUnits *units, size_t number) {
    fputs("    {\n        .name = ", out);
    print_string(out, fit->name);
    fprintf(out, ",\n        .generated = %s,\n        .vectors = %" PRId64 ",\n        .events = %" PRId64 ",\n",
            flag(fit->generated), fit->vectors, fit->events);
    fprintf(out, "        .steps = %" PRId64 ",\n", fit->steps);
    print_table(out, "group", fit->groups.count, "groups", number);
    print_table(out, "block", fit->blocks.count, "blocks", number);
    print_table(out, "update", fit->updates.count, "updates", number);
    print_table(out, "monitor", fit->monitors.count, "monitors", number);
    print_table(out, "curve", fit->curves.count, "curves", number);
    print_fn(out, "init", units->init, WIDTH_F32, "        ");
    print_fn(out, "params", units->params, WIDTH_F64, "        ");
    print_fn(out, "monitor", units->monitor, WIDTH_F64, "        ");
    print_fn(out, "curve", units->curve, WIDTH_F64, "        ");
    fprintf(out, "        .curve_points = %" PRId64 ",\n        .best = %d,\n        .stops = %s,\n", fit->curve_points,
            fit->best, flag(fit->stops));
    print_table(out, "use", fit->uses.count, "uses", number);
    print_table(out, "check", fit->checks.count, "checks", number);
    print_table(out, "draw", fit->draws.count, "draws", number);
    if (units->check) print_fn(out, "check", units->check, WIDTH_F64, "        ");
    fputs("    },\n", out);
}

/* --- identify --- */

static void print_density(FILE *out, const ProgramDensity *density, size_t number) {
    fprintf(out, "\nstatic const struct qtm_variable density%zu_variables[] = {\n", number);
    for (size_t i = 0; i < density->variables.count; i++) {
        const ProgramVariable *variable = &density->variables.data[i];
        fputs("    {", out);
        print_string(out, variable->name);
        fputs(", ", out);
        print_string(out, variable->unit);
        fputs(", ", out);
        print_real(out, variable->low);
        fputs(", ", out);
        print_real(out, variable->high);
        fprintf(out, ", %s},\n", flag(variable->on_log));
    }
    fputs("};\n", out);
}

static void print_densities(FILE *out, const Pipeline *p) {
    const Program *program = p->program;
    for (size_t i = 0; i < program->densities.count; i++) print_density(out, &program->densities.data[i], i);
    if (program->densities.count) fputs("\nstatic const struct qtm_density densities[] = {\n", out);
    for (size_t i = 0; i < program->densities.count; i++) {
        const ProgramDensity *density = &program->densities.data[i];
        fputs("    {\n        .name = ", out);
        print_string(out, density->name);
        fprintf(out, ",\n        .variable_count = %zu,\n        .variables = density%zu_variables,\n",
                density->variables.count, i);
        print_fn(out, "value", p->densities[i].slope, WIDTH_F64, "        ");
        fputs("    },\n", out);
    }
    if (program->densities.count) fputs("};\n", out);
    if (program->bands.count) fputs("\nstatic const struct qtm_curve bands[] = {\n", out);
    for (size_t i = 0; i < program->bands.count; i++) print_curve(out, &program->bands.data[i]);
    if (program->bands.count) fputs("};\n", out);
}

static void print_uses(FILE *out, const ProgramFit *fit, size_t number) {
    if (fit->uses.count) fprintf(out, "static const struct qtm_use fit%zu_uses[] = {\n", number);
    for (size_t i = 0; i < fit->uses.count; i++) {
        const ProgramUse *use = &fit->uses.data[i];
        fprintf(out, "    {%u, %d, %d, %d, ", use->density, use->data, use->event, use->field);
        print_string(out, use->detector);
        fputs("},\n", out);
    }
    if (fit->uses.count) fputs("};\n", out);
}

static void print_wrappers(FILE *out, const Program *program) {
    static const char *const kinds[] = {"QTM_ENSEMBLE", "QTM_BOOTSTRAP", "QTM_LAPLACE"};
    if (program->wrappers.count) fputs("\nstatic const struct qtm_wrapper wrappers[] = {\n", out);
    for (size_t i = 0; i < program->wrappers.count; i++) {
        const ProgramWrapper *wrapper = &program->wrappers.data[i];
        fputs("    {", out);
        print_string(out, wrapper->name);
        fprintf(out, ", %s, %u, {", kinds[wrapper->kind], wrapper->fit);
        for (int k = 0; k < PROGRAM_WRAP_SETTINGS; k++) {
            if (k) fputs(", ", out);
            print_real(out, wrapper->settings[k]);
        }
        fputs("}},\n", out);
    }
    if (program->wrappers.count) fputs("};\n", out);
}

static void print_guards(FILE *out, const Program *program) {
    size_t count = program->guards.count;
    for (size_t g = 0; g < count; g++) {
        const ProgramGuard *guard = &program->guards.data[g];
        for (uint32_t i = 0; i < guard->axis_count; i++) {
            if (!guard->axes[i].at) continue;
            fprintf(out, "\nstatic const double guard%zu_at%u[] = {", g, i);
            for (int64_t k = 0; k < guard->axes[i].count; k++)
                fprintf(out, "%s%.9g", !k ? "" : k % 10 ? ", " : ",\n    ", guard->axes[i].at[k]);
            fputs("};", out);
        }
        fprintf(out, "\nstatic const struct qtm_guard_axis guard%zu[] = {\n", g);
        for (uint32_t i = 0; i < guard->axis_count; i++) {
            fputs("    {", out);
            print_string(out, guard->axes[i].name);
            fputs(", ", out);
            print_string(out, guard->axes[i].unit);
            fprintf(out, ", %" PRId64 ", ", guard->axes[i].count);
            if (guard->axes[i].at)
                fprintf(out, "guard%zu_at%u},\n", g, i);
            else
                fputs("NULL},\n", out);
        }
        fputs("};\n", out);
    }
    if (count) fputs("\nstatic const struct qtm_guard guards[] = {\n", out);
    for (size_t g = 0; g < count; g++) {
        fputs("    {", out);
        print_string(out, program->guards.data[g].density);
        fprintf(out, ", %u, guard%zu},\n", program->guards.data[g].axis_count, g);
    }
    if (count) fputs("};\n", out);
}

static uint64_t hash_add(uint64_t hash, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

const char *descriptor_hash(const Pipeline *p) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < p->sources->files.count; i++) {
        const SourceFile *file = &p->sources->files.data[i];
        hash = hash_add(hash, file->text, file->length + 1);
    }
    for (size_t i = 0; i < p->size_count; i++) {
        const char *text = arena_format(p->arena, "%s=%" PRId64, p->sizes[i].name, p->sizes[i].value);
        hash = hash_add(hash, text, strlen(text) + 1);
    }
    return arena_format(p->arena, "%016" PRIx64, hash);
}

/* A path inside of a string of the assembler, which stands in a string of C. */
static void print_asm_path(FILE *out, const char *path) {
    for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\\\\\%c", *c);
        else if (*c < 32 || *c > 126 || *c == '?')
            fprintf(out, "\\\\%03o", *c);
        else
            fputc(*c, out);
    }
}

static void print_pack(FILE *out, const TrapPack *pack) {
    fputs("\n__asm__(\".pushsection .rodata\\nqtm_trap_data:\\n.incbin \\\"", out);
    print_asm_path(out, pack->path);
    fputs("\\\"\\n.popsection\");\nextern const unsigned char qtm_trap_data[];\n", out);
}

static void print_processors(FILE *out, const Pipeline *p) {
    fputs("\nstatic const struct qtm_processor processors[] = {\n", out);
    for (size_t i = 0; i < p->target_count; i++) {
        const HostTarget *target = &p->targets[i];
        bool native = !strcmp(target->march, "native");
        fprintf(out, "    {\"%s\", 0x%" PRIx64 "},\n", native ? target->cpu : target->march, target->needs);
    }
    fputs("};\n", out);
}

static void print_model(FILE *out, const Pipeline *p, const TrapPack *pack) {
    const Program *program = p->program;
    bool has_truth = true;
    for (size_t i = 0; i < program->params.count; i++) has_truth &= program->params.data[i].has_truth;
    fputs("\nstatic const struct qtm_model model = {\n    .version = QTM_MODEL_VERSION,\n    .name = ", out);
    print_string(out, program->name);
    fprintf(out, ",\n    .hash = \"%s\",\n    .compiler = \"%s\",\n    .has_truth = %s,\n", descriptor_hash(p),
            QTMC_VERSION, flag(has_truth));
    const struct {
        const char *name, *table;
        size_t count;
    } tables[] = {
        {"param", "params", program->params.count},
        {"param_block", "param_blocks", program->param_blocks.count},
        {"option", "options", program->options.count},
        {"event", "events", program->events.count},
        {"data", "data", program->data.count},
        {"fit", "fits", program->fits.count},
        {"density", "densities", program->densities.count},
        {"band", "bands", program->bands.count},
        {"wrapper", "wrappers", program->wrappers.count},
        {"guard", "guards", program->guards.count},
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        fprintf(out, "    .%s_count = %zu,\n", tables[i].name, tables[i].count);
        if (tables[i].count) fprintf(out, "    .%s = %s,\n", tables[i].table, tables[i].table);
    }
    fprintf(out, "    .processor_count = %zu,\n    .processors = processors,\n", p->target_count);
    fprintf(out, "    .band_points = %" PRId64 ",\n", program->band_points);
    print_fn(out, "band", p->bands.slope, WIDTH_F64, "    ");
    if (pack) fprintf(out, "    .trap = {qtm_trap_data, %zu, %zu},\n", pack->bytes, pack->whole);
    fputs("    .source = ", out);
    print_string(out, source_file(p->sources, p->file)->text);
    fputs(",\n};\n\nint main(int argc, char **argv) { return qtm_main(argc, argv, &model); }\n", out);
}

void descriptor_print(FILE *out, const Pipeline *p, const TrapPack *pack) {
    const Program *program = p->program;
    fprintf(out, "/* Written by qtmc %s from the model %s: what the runtime must know of the kernels beside it. */\n",
            QTMC_VERSION, program->name);
    fputs("#include \"qtm/model.h\"\n", out);
    for (size_t i = 0; i < p->units.count; i++)
        for (int width = 0; width < WIDTH_COUNT; width++) print_early(out, p->units.data[i], width);
    for (size_t i = 0; i < p->units.count; i++)
        for (int width = 0; width < WIDTH_COUNT; width++) print_unit(out, p, p->units.data[i], width);
    print_params(out, program);
    print_options(out, program);
    print_events(out, p);
    print_data(out, p);
    print_densities(out, p);
    for (size_t i = 0; i < program->fits.count; i++) {
        print_blocks(out, &program->fits.data[i], i);
        print_updates(out, &program->fits.data[i], &p->fits[i], i);
        print_monitors(out, &program->fits.data[i], i);
        print_checks(out, &program->fits.data[i], i);
        print_uses(out, &program->fits.data[i], i);
        print_draws(out, &program->fits.data[i], i);
    }
    if (program->fits.count) fputs("\nstatic const struct qtm_fit fits[] = {\n", out);
    for (size_t i = 0; i < program->fits.count; i++) print_fit(out, &program->fits.data[i], &p->fits[i], i);
    if (program->fits.count) fputs("};\n", out);
    print_wrappers(out, program);
    print_guards(out, program);
    if (pack) print_pack(out, pack);
    print_processors(out, p);
    print_model(out, p, pack);
}
