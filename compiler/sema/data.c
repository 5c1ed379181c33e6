/* Data sets: their rows in the Program's table, the order and scale of the columns of a file, and the condition that
 * events must meet to be taken in. */
#include <string.h>

#include "sema/unit.h"

bool data_field_length(Elab *e, const AstNode *field, int64_t *length) {
    const AstNode *dims = field->kind == AST_VARIABLE ? field->kids[3] : field->kids[0];
    *length = 1;
    if (!dims) return true;
    Value v = elab_expr(e, dims->kids[0]);
    if (!value_size(e, &v, arena_format(e->arena, "the length of '%s'", field->name), length)) return false;
    if (dims->count == 1) return true;
    elab_error(e, DIAG_E0302, dims->span, "a field of an event has one dimension, and '%s' has %u", field->name,
               dims->count);
    diag_help(e->sink, "give it the product of the sizes, and take its elements by a[n * i + j]");
    return false;
}

/* --- columns { Q2, x, stat % } --- */

static int find_field(const HirDecl *event, const char *name) {
    const AstNode *fields = event->node->kids[0];
    for (uint32_t i = 0; i < fields->count; i++)
        if (!strcmp(fields->kids[i]->name, name)) return (int)i;
    return -1;
}

static void report_column(Elab *e, const HirDecl *event, const AstNode *column) {
    const AstNode *fields = event->node->kids[0];
    const char **known = ARENA_ARRAY(e->arena, const char *, fields->count + 1);
    for (uint32_t i = 0; i < fields->count; i++) known[i] = fields->kids[i]->name;
    elab_error(e, DIAG_E0207, column->name_span, "event %s has no field '%s'", event->name, column->name);
    diag_note(e->sink, event->node->name_span, "declared here");
    const char *near = diag_nearest(column->name, known, fields->count);
    if (near)
        diag_help(e->sink, "did you mean '%s'?", near);
    else
        diag_help(e->sink, "add '%s' to the event, or drop the column: ignoring \"%s\"", column->name, column->name);
}

/* How much a number in the file is in base units: percent, the unit written behind the column, or the field's. */
static bool column_scale(Elab *e, const AstNode *column, const AstNode *field, double *scale) {
    const Unit *unit, *own;
    if (!unit_of_type(e, field->kids[2], &unit, scale)) return false;
    if (column->flag) *scale *= 0.01;
    if (!column->kids[1]) return true;
    if (!unit_of_type(e, column->kids[1], &own, scale)) return false;
    if (own == unit) return true;
    elab_error(e, DIAG_E0317, column->span, "this column is in %s, and field '%s' in %s", unit_text(e, own),
               field->name, unit_text(e, unit));
    diag_note(e->sink, field->span, "the field");
    diag_help(e->sink, "declare both in units of one kind");
    return false;
}

static bool column_length(Elab *e, const AstNode *column, const AstNode *field) {
    int64_t written, wanted;
    if (!data_field_length(e, column, &written) || !data_field_length(e, field, &wanted)) return false;
    if (written == wanted) return true;
    elab_error(e, DIAG_E0302, column->span, "'%s' stands for %lld column%s here, and the field has %lld", column->name,
               (long long)written, written == 1 ? "" : "s", (long long)wanted);
    diag_note(e->sink, field->span, "the field");
    diag_help(e->sink, "write %s[%lld]", column->name, (long long)wanted);
    return false;
}

static void ignore_add(Elab *e, const char *names, ProgramData *data) {
    for (const char *end; names; names = *end ? end + 1 : NULL) {
        end = names + strcspn(names, "\n");
        const char *name = arena_string(e->arena, names, (size_t)(end - names));
        VEC_PUSH(e->arena, &data->ignore, name);
    }
}

static void column_add(Elab *e, const HirDecl *event, const AstNode *column, const AstNode **seen, ProgramData *data) {
    if (column->kind != AST_COLUMN) return;
    ignore_add(e, column->text, data);
    int at = find_field(event, column->name);
    if (at < 0) {
        report_column(e, event, column);
        return;
    }
    if (seen[at]) {
        elab_error(e, DIAG_E0202, column->name_span, "column '%s' is named twice", column->name);
        diag_note(e->sink, seen[at]->name_span, "first here");
        diag_help(e->sink, "remove one of them");
        return;
    }
    seen[at] = column;
    const AstNode *field = event->node->kids[0]->kids[at];
    ProgramColumn row = {.field = (uint32_t)at};
    if (column_length(e, column, field) && column_scale(e, column, field, &row.scale))
        VEC_PUSH(e->arena, &data->columns, row);
}

static void data_columns(Elab *e, const HirDecl *decl, const HirDecl *event, ProgramData *data) {
    const AstNode *columns = decl->node->kids[2], *fields = event->node->kids[0];
    if (!columns) return;
    const AstNode **seen = ARENA_ARRAY(e->arena, const AstNode *, fields->count + 1);
    size_t errors = e->sink->errors;
    for (uint32_t i = 0; i < columns->count; i++) column_add(e, event, columns->kids[i], seen, data);
    for (uint32_t i = 0; i < fields->count && e->sink->errors == errors; i++) {
        if (seen[i]) continue;
        elab_error(e, DIAG_E0446, columns->span, "field '%s' of event %s has no column", fields->kids[i]->name,
                   event->name);
        diag_note(e->sink, fields->kids[i]->name_span, "declared here");
        diag_help(e->sink, "add it to the columns, or remove it from the event");
    }
}

/* --- the table --- */

/* "set.0", "set.u": a word that a shell leaves alone, for --set.0=PATH */
static const char *data_name(Elab *e, const Value *member) {
    const char *name = member->decl->name;
    for (uint32_t i = 0; i < member->count; i++)
        name = member->items[i].kind == VALUE_LABEL
                   ? arena_format(e->arena, "%s.%s", name, label_text(&member->items[i]))
                   : arena_format(e->arena, "%s.%.0f", name, member->items[i].number);
    return name;
}

void data_declare(Elab *e, HirDecl *decl) {
    const HirDecl *event = hir_decl(e->hir, decl->node->kids[0]);
    if (!event) return;
    decl->index = (uint32_t)e->program->data.count;
    uint32_t members = family_size(e, decl);
    double split = data_split(e, decl->node->kids[4]);
    for (uint32_t i = 0; i < members; i++) {
        Value member = family_member(e, decl, i, decl->node->name_span);
        ProgramData data = {
            .name = data_name(e, &member), .path = family_path(e, &member), .event = event->index, .split = split};
        data_columns(e, decl, event, &data);
        if (i == 1 && !strcmp(data.path, e->program->data.data[decl->index].path)) {
            elab_error(e, DIAG_E0440, decl->node->span, "data sets '%s' and '%s' would be read from one file, \"%s\"",
                       e->program->data.data[decl->index].name, data.name, data.path);
            diag_help(e->sink, "put the index into the name: \"%s{%s}.h5\"", decl->name,
                      hir_family(decl)->kids[0]->name ? hir_family(decl)->kids[0]->name : "i");
        }
        VEC_PUSH(e->arena, &e->program->data, data);
        VEC_PUSH(e->arena, &e->data, decl);
    }
}

/* --- where --- */

void data_where(Elab *e, uint32_t row) {
    HirDecl *decl = e->data.data[row];
    const AstNode *where = decl->node->kids[3];
    if (!where) return;
    ProgramData *data = &e->program->data.data[row];
    Context *before = e->context;
    Context *c = context_rows_of(e, arena_format(e->arena, "%s.where", data->name), row);
    Value member = family_member(e, decl, row - decl->index, decl->node->name_span);
    Frame frame = {.decl = decl};
    e->frame = &frame;
    Value events = context_data(e, &member, -1, where->span);
    for (uint32_t i = 0; i < events.count; i++)
        local_push(e, events.decl->node->kids[0]->kids[i]->name, events.items[i]);
    family_enter(e, &member);
    Value v = value_scalar(elab_expr(e, where));
    e->frame = NULL;
    bool condition = (v.kind == VALUE_NUMBER || v.kind == VALUE_TENSOR) && v.type == TIR_BOOL && !v.rank;
    if (!value_is_poison(&v) && !condition) {
        elab_error(e, DIAG_E0303, where->span, "'where' takes a condition, and this is %s", value_kind_text(&v));
        diag_help(e->sink, "compare with something: where x > 0.1");
    } else if (condition && !value_is_poison(&events)) {
        v = elab_map(e, TIR_SELECT, where->span, v, value_number(1, where->span), value_number(0, where->span));
        TirId id = id_broadcast(e, value_real_id(e, &v), events.sample, where->span);
        tir_output(c->f, TIR_PORT_VALUE, 0, "where", id);
        data->where = c->f;
    }
    e->context = before;
}
