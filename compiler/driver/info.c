/* qtmc info: what a model consists of, as a table (driver/table.h). What was written (domains, links, conditions,
 * units) comes from the resolved model, numbers from the Program. The keys are documented in lang/reference/tools.md.
 */
#include <math.h>
#include <string.h>

#include "driver/output.h"
#include "driver/session.h"
#include "driver/table.h"
#include "hir/hir.h"
#include "lang/excerpt.h"

typedef struct Info {
    Session *session;
    const Program *program;
    const Hir *hir;
    Table *table;
} Info;

static const char *excerpt(const Info *info, const AstNode *node) {
    return node ? ast_excerpt(&info->session->arena, &info->session->sources, node->span) : NULL;
}

static const char *format_range(const Info *info, const AstNode *variable) {
    if (!variable->kids[0]) return NULL;
    if (!variable->kids[1]) return excerpt(info, variable->kids[0]);
    return arena_format(&info->session->arena, "%s .. %s", excerpt(info, variable->kids[0]),
                        excerpt(info, variable->kids[1]));
}

/* Declarations of the library are told of only where they are used. */
static bool is_told(const HirDecl *decl) {
    return !decl->module->library || decl->used;
}

static void add_dims(const Info *info, Table *row, const AstNode *dims) {
    Table *list = dims && dims->count ? table_list(row, "dims") : NULL;
    for (uint32_t i = 0; list && i < dims->count; i++) table_text(list, NULL, excerpt(info, dims->kids[i]));
}

static void add_size(const Info *info, Table *list, const HirDecl *decl) {
    (void)info;
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    table_whole(row, "value", decl->size);
    table_text(row, "module", decl->module->name);
    table_text(row, "doc", decl->node->doc);
}

/* Whether the model itself, and not only the library, names the declaration. */
static bool is_named(const Info *info, const HirDecl *decl) {
    for (size_t m = 0; m < info->hir->modules.count; m++) {
        const HirModule *module = info->hir->modules.data[m];
        for (size_t i = 0; !module->library && i < module->decls.count; i++)
            for (size_t k = 0; k < module->decls.data[i]->need_count; k++)
                if (module->decls.data[i]->needs[k] == decl) return true;
    }
    return false;
}

static void add_unit(const Info *info, Table *list, const HirDecl *decl) {
    if (!is_named(info, decl)) return;
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    table_text(row, "is", decl->node->kids[0] ? excerpt(info, decl->node->kids[0]) : "a base unit");
    table_text(row, "module", decl->module->name);
}

static void add_flavour(const Info *info, Table *list, const HirDecl *decl) {
    (void)info;
    Table *row = table_row(list, NULL), *members = NULL;
    table_text(row, "name", decl->name);
    members = table_list(row, "members");
    for (uint32_t i = 0; i < decl->node->kids[0]->count; i++)
        table_text(members, NULL, decl->node->kids[0]->kids[i]->name);
}

static void add_param_numbers(Table *row, const ProgramParam *param) {
    if (param->bounded) table_number(row, "low", param->low);
    if (param->bounded) table_number(row, "high", param->high);
    if (param->has_start) table_number(row, "start", param->start);
    if (param->has_truth) table_number(row, "truth", param->truth);
}

/* The numbers of a parameter: of itself, of the members of a family, or how many elements an array has. */
static void add_param_rows(const Info *info, Table *row, const HirDecl *decl) {
    static const char *const kinds[] = {"free", "fixed", "linked"};
    size_t length = strlen(decl->name);
    Table *members = NULL;
    int64_t elements = 0;
    for (size_t i = 0; i < info->program->params.count; i++) {
        const ProgramParam *param = &info->program->params.data[i];
        if (strncmp(param->name, decl->name, length) != 0) continue;
        char next = param->name[length];
        elements += next == '[';
        if (!next) add_param_numbers(row, param);
        if (next != '.') continue;
        if (!members) members = table_list(row, "members");
        Table *member = table_row(members, NULL);
        table_text(member, "name", param->name);
        table_text(member, "kind", kinds[param->kind]);
        table_text(member, "value", param->link);
        add_param_numbers(member, param);
    }
    if (elements) table_whole(row, "elements", elements);
}

static void add_param(const Info *info, Table *list, const HirDecl *decl) {
    const AstNode *node = decl->node;
    bool solved = node->kind == AST_NORMALIZED;
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    if (solved) {
        table_text(row, "kind", "solved");
        table_text(row, "by", decl->owner->name);
        table_text(
            row, "condition",
            arena_format(&info->session->arena, "%s = %s", excerpt(info, node->kids[0]), excerpt(info, node->kids[1])));
    } else {
        table_text(row, "kind", node->flag ? "fixed" : node->kids[1] ? "linked" : "free");
        table_text(row, "unit", excerpt(info, node->kids[5]));
        table_text(row, "domain", excerpt(info, node->kids[0]));
        table_text(row, "value", excerpt(info, node->kids[1]));
        table_text(row, "prior", excerpt(info, node->kids[6]));
        table_text(row, "family", excerpt(info, node->kids[4]));
    }
    add_param_rows(info, row, decl);
    table_text(row, "doc", node->doc);
}

static void add_option(const Info *info, Table *list, const HirDecl *decl) {
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    for (size_t i = 0; i < info->program->options.count; i++)
        if (!strcmp(info->program->options.data[i].name, decl->name))
            table_number(row, "value", info->program->options.data[i].value);
    table_text(row, "help", decl->node->text);
}

static void add_event(const Info *info, Table *list, const HirDecl *decl) {
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    Table *fields = table_list(row, "fields");
    for (uint32_t i = 0; i < decl->node->kids[0]->count; i++) {
        const AstNode *field = decl->node->kids[0]->kids[i];
        Table *entry = table_row(fields, NULL);
        table_text(entry, "name", field->name);
        table_text(entry, "unit", field->kind == AST_VARIABLE ? excerpt(info, field->kids[2]) : NULL);
        table_text(entry, "domain", field->kind == AST_VARIABLE ? format_range(info, field) : NULL);
        add_dims(info, entry, field->kind == AST_VARIABLE ? field->kids[3] : field->kids[0]);
    }
}

static void add_data(const Info *info, Table *list, const HirDecl *decl) {
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    table_text(row, "event", decl->node->kids[0]->name);
    table_text(row, "path", decl->node->text);
    table_text(row, "family", excerpt(info, decl->node->kids[1]));
    table_text(row, "where", excerpt(info, decl->node->kids[3]));
    table_text(row, "split", excerpt(info, decl->node->kids[4]));
    table_text(row, "fit", decl->owner ? decl->owner->name : NULL);
    const AstNode *columns = decl->node->kids[2];
    Table *names = columns ? table_list(row, "columns") : NULL;
    for (uint32_t i = 0; names && i < columns->count; i++) table_text(names, NULL, columns->kids[i]->name);
}

static void add_variables(const Info *info, Table *row, const AstNode *arguments) {
    Table *list = table_list(row, "variables");
    for (uint32_t i = 0; i < arguments->count; i++) {
        const AstNode *variable = arguments->kids[i];
        bool ranged = variable->kind == AST_VARIABLE;
        Table *entry = table_row(list, NULL);
        table_text(entry, "name", variable->name);
        table_text(entry, ranged ? "unit" : "type", excerpt(info, variable->kids[ranged ? 2 : 1]));
        if (ranged) table_text(entry, "domain", format_range(info, variable));
        if (ranged && variable->flag) table_truth(entry, "log", true);
    }
}

/* Without `per`, a density is one per d of each of its variables. */
static void add_measure(const Info *info, Table *row, const AstNode *node) {
    Table *list = table_list(row, "per");
    for (uint32_t i = 0; node->kids[4] && i < node->kids[4]->count; i++)
        table_text(list, NULL, node->kids[4]->kids[i]->name);
    for (uint32_t i = 0; !node->kids[4] && i < node->kids[0]->count; i++) {
        const AstNode *variable = node->kids[0]->kids[i];
        const HirDecl *event = hir_argument_event(info->hir, variable);
        if (variable->kind == AST_VARIABLE)
            table_text(list, NULL, arena_format(&info->session->arena, "d%s", variable->name));
        for (uint32_t k = 0; event && k < event->node->kids[0]->count; k++)
            table_text(list, NULL, arena_format(&info->session->arena, "d%s", event->node->kids[0]->kids[k]->name));
    }
}

static void add_density(const Info *info, Table *list, const HirDecl *decl) {
    const AstNode *node = decl->node;
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    table_text(row, "kind", node->flag ? "xsec" : "density");
    table_text(row, "unit", excerpt(info, node->kids[3]));
    add_measure(info, row, node);
    table_text(row, "family", excerpt(info, node->kids[2]));
    table_text(row, "when", excerpt(info, node->kids[5]));
    add_variables(info, row, node->kids[0]);
    table_text(row, "doc", node->doc);
}

static void add_qcf(const Info *info, Table *list, const HirDecl *decl) {
    const AstNode *node = decl->node;
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    table_text(row, "unit", excerpt(info, node->kids[3]));
    table_text(row, "scale", excerpt(info, node->kids[4]));
    table_text(row, "family", excerpt(info, node->kids[2]));
    table_text(row, "formula", excerpt(info, node->kids[1]));
    Table *conditions = table_list(row, "conditions");
    for (uint32_t i = 0; i < node->kids[5]->count; i++)
        table_text(conditions, NULL, excerpt(info, node->kids[5]->kids[i]));
    table_text(row, "doc", node->doc);
}

static void add_check(const Info *info, Table *list, const HirDecl *decl) {
    Table *row = table_row(list, NULL);
    table_text(row, "condition", excerpt(info, decl->node->kids[0]));
    table_text(row, "within", excerpt(info, decl->node->kids[1]));
}

static void add_detector(const Info *info, Table *list, const HirDecl *decl) {
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    table_text(row, "event", decl->node->kids[1]->name);
    Table *stages = table_list(row, "stages");
    for (uint32_t i = 0; i < decl->node->kids[2]->count; i++)
        table_text(stages, NULL, excerpt(info, decl->node->kids[2]->kids[i]));
}

static void add_network(const Info *info, Table *list, const HirDecl *decl) {
    Table *row = table_row(list, NULL);
    table_text(row, "name", decl->name);
    table_text(row, "is", ast_signature(&info->session->arena, &info->session->sources, decl->node));
    table_text(row, "doc", decl->node->doc);
}

/* Weights of each network, and of the parameters, in a fit. */
static void add_groups(Table *row, const ProgramFit *fit) {
    static const char *const kinds[] = {"params", "generator", "network"};
    Table *groups = table_list(row, "networks");
    for (size_t g = 0; g < fit->groups.count; g++) {
        Table *group = table_row(groups, NULL);
        int64_t total = 0;
        for (size_t b = 0; b < fit->blocks.count; b++) {
            if (fit->blocks.data[b].group != g) continue;
            int64_t count = 1;
            for (uint32_t k = 0; k < fit->blocks.data[b].rank; k++) count *= fit->blocks.data[b].shape[k];
            total += count;
        }
        table_text(group, "name", fit->groups.data[g].name);
        table_text(group, "kind", kinds[fit->groups.data[g].kind]);
        table_whole(group, "weights", total);
        Table *blocks = table_list(group, "blocks");
        for (size_t b = 0; b < fit->blocks.count; b++) {
            if (fit->blocks.data[b].group != g) continue;
            Table *block = table_row(blocks, NULL);
            table_text(block, "name", fit->blocks.data[b].name);
            Table *shape = table_list(block, "shape");
            for (uint32_t k = 0; k < fit->blocks.data[b].rank; k++)
                table_whole(shape, NULL, fit->blocks.data[b].shape[k]);
        }
    }
}

static void add_items(const Info *info, Table *row, const AstNode *node) {
    Table *updates = table_list(row, "updates"), *monitors = table_list(row, "monitors");
    Table *stops = table_list(row, "ends");
    for (uint32_t i = 0; i < node->kids[0]->count; i++) {
        const AstNode *item = node->kids[0]->kids[i];
        if (item->kind == AST_MINIMIZE) {
            Table *update = table_row(updates, NULL);
            table_text(update, "objective", excerpt(info, item->kids[0]));
            Table *over = table_list(update, "over");
            for (uint32_t k = 0; k < item->kids[1]->count; k++) table_text(over, NULL, item->kids[1]->kids[k]->name);
            table_text(update, "using", excerpt(info, item->kids[2]));
            table_text(update, "every", excerpt(info, item->kids[3]));
            table_text(update, "shared", excerpt(info, item->kids[4]));
        } else if (item->kind == AST_MONITOR) {
            Table *monitor = table_row(monitors, NULL);
            table_text(monitor, "name", item->name);
            table_text(monitor, "is", excerpt(info, item->kids[0]));
        } else if (item->kind == AST_STOP || item->kind == AST_STOP_WHEN || item->kind == AST_SELECT) {
            table_text(stops, NULL, excerpt(info, item));
        }
    }
}

static void add_fit(const Info *info, Table *list, const HirDecl *decl) {
    Table *row = table_row(list, NULL);
    const ProgramFit *fit = NULL;
    for (size_t i = 0; i < info->program->fits.count; i++)
        if (!strcmp(info->program->fits.data[i].name, decl->name)) fit = &info->program->fits.data[i];
    table_text(row, "name", decl->name);
    table_text(row, "of", excerpt(info, decl->node->kids[1]));
    if (fit) {
        table_truth(row, "generated", fit->generated);
        table_whole(row, "vectors", fit->vectors);
        table_whole(row, "events_per_step", fit->events);
        table_whole(row, "steps", fit->steps);
        Table *draws = table_list(row, "draws");
        for (size_t i = 0; i < fit->draws.count; i++) table_text(table_row(draws, NULL), "is", fit->draws.data[i]);
        add_items(info, row, decl->node);
        add_groups(row, fit);
    }
    table_text(row, "doc", decl->node->doc);
}

static const struct {
    AstKind kind, other; /* `other` is listed with them */
    const char *key;
    void (*add)(const Info *info, Table *list, const HirDecl *decl);
} sections[] = {
    {AST_SIZE, AST_SIZE, "sizes", add_size},
    {AST_OPTION, AST_OPTION, "options", add_option},
    {AST_UNIT, AST_UNIT, "units", add_unit},
    {AST_FLAVOUR, AST_FLAVOUR, "flavours", add_flavour},
    {AST_PARAM, AST_NORMALIZED, "parameters", add_param},
    {AST_QCF, AST_QCF, "qcfs", add_qcf},
    {AST_DENSITY, AST_DENSITY, "densities", add_density},
    {AST_DETECTOR, AST_DETECTOR, "detectors", add_detector},
    {AST_EVENT, AST_EVENT, "events", add_event},
    {AST_DATA, AST_DATA, "data", add_data},
    {AST_NETWORK, AST_NETWORK, "networks", add_network},
    {AST_FIT, AST_FIT, "fits", add_fit},
    {AST_CHECK, AST_CHECK, "checks", add_check},
};

static void add_modules(const Info *info) {
    Table *list = table_list(info->table, "modules");
    for (size_t m = 0; m < info->hir->modules.count; m++) {
        const HirModule *module = info->hir->modules.data[m];
        Table *row = table_row(list, NULL);
        table_text(row, "name", module->name);
        table_text(row, "path", source_file(&info->session->sources, module->file)->path);
    }
}

static void info_make(const Info *info) {
    table_text(info->table, "model", info->program->name);
    add_modules(info);
    for (size_t s = 0; s < sizeof sections / sizeof *sections; s++) {
        Table *list = table_list(info->table, sections[s].key);
        for (size_t m = 0; m < info->hir->modules.count; m++) {
            const HirModule *module = info->hir->modules.data[m];
            for (size_t i = 0; i < module->decls.count; i++) {
                const HirDecl *decl = module->decls.data[i];
                bool fits = decl->node->kind == sections[s].kind || decl->node->kind == sections[s].other;
                if (fits && is_told(decl)) sections[s].add(info, list, decl);
            }
        }
    }
}

int command_info(const Options *options) {
    Session session;
    int status = 1;
    if (session_open(&session, options, options->files.data[0])) status = session_run(&session, PASS_SEMA);
    const Program *program = session.pipeline.program;
    if (!status && program) {
        Info info = {&session, program, program->hir, table_new(&session.arena)};
        info_make(&info);
        if (options->as_json)
            table_print_json(stdout, info.table);
        else
            table_print_text(stdout, info.table);
        if (!output_finish(stdout, "standard output")) status = 1;
    }
    session_close(&session);
    return status;
}
