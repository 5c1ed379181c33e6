/* Functions whose derivative the model gives: `fun f(x, a) = BODY derivative { x: EXPR, a: none }`, and functions in C.
 * The value is BODY, through which no derivative goes; the clause gives the slopes (tir_custom), which are ordinary
 * formulas of the arguments and so can be differentiated again. A clause may call its own function, as that of exp
 * does; so clauses within clauses go CLAUSE_ORDER deep, and there the function has no derivative.
 *
 * Shapes: for a result y[m...] and an argument x[n...] the slope is [m..., n...], or one number for all of it. An
 * argument declared without dimensions stands for one number: given an array, it and the slope go element by element.
 */
#include <string.h>

#include "sema/clause.h"
#include "sema/unit.h"
#include "support/foreign.h"

/* --- the function in C --- */

TirExtern *extern_of(Elab *e, HirDecl *decl) {
    if (decl->value) return decl->value;
    TirExtern *external = ARENA_NEW(e->arena, TirExtern);
    const char *file = decl->node->text;
    bool here = file[0] != '/' && strncmp(file, "-l", 2) != 0 && decl->module->folder && *decl->module->folder;
    external->symbol = decl->name;
    external->file = here ? arena_format(e->arena, "%s/%s", decl->module->folder, file) : file;
    decl->value = external;
    const AstNode *arguments = decl->node->kids[0];
    const char *wrong = NULL;
    for (uint32_t i = 0; i < arguments->count; i++)
        if (hir_argument_dims(arguments->kids[i]) || hir_argument_event(e->hir, arguments->kids[i]))
            wrong = "a function in C takes numbers, no arrays and no events";
    if (!arguments->count || arguments->count > TIR_EXTERN_ARGS) wrong = "a function in C takes 1 to 6 numbers";
    if (!wrong) wrong = foreign_check(e->arena, external, arguments->count, e->calls);
    if (wrong) {
        const char *list = "double";
        for (uint32_t i = 1; i < arguments->count; i++) list = arena_format(e->arena, "%s, double", list);
        diag_report(e->sink, DIAG_E0343, decl->node->name_span, "%s", wrong);
        diag_help(e->sink, "the file, named from the folder of this one, holds: double %s(%s)", decl->name, list);
        external->file = NULL;
    } else {
        VEC_PUSH(e->arena, &e->program->externs, external);
    }
    return external;
}

bool extern_unknown(const Elab *e, const TirFunction *f) {
    for (size_t i = 0; i < f->ops.count && !e->calls; i++)
        if (f->ops.data[i].op == TIR_EXTERN) return true;
    return false;
}

/* In declared units, as C sees it. */
static bool extern_argument(Elab *e, const AstNode *arg, const Value *lead, Value *v) {
    const Unit *unit;
    double scale;
    const AstNode *type = hir_argument_unit(e->hir, arg);
    if (!unit_of_type(e, type, &unit, &scale)) return false;
    if (!unit && !unit_pure(e, v, v->span.file ? v->span : arg->span, "an argument without a unit")) return false;
    if (v->rank && lead->rank) {
        bool same = v->rank == lead->rank;
        for (uint32_t d = 0; same && d < v->rank; d++) same = v->dim[d].size == lead->dim[d].size;
        if (!same) {
            elab_error(e, DIAG_E0302, v->span, "shapes do not fit: %s and %s", value_shape_text(e, lead),
                       value_shape_text(e, v));
            diag_help(e->sink, "element by element, all arguments need the same shape, or are one number");
            return false;
        }
        *v = value_align(e, *v, lead, v->span);
    }
    TirFunction *f = e->context->f;
    TirId id = value_real_id(e, v);
    if (scale != 1) id = tir_map(f, TIR_DIV, v->span, id, tir_real(f, scale, v->span), TIR_NONE);
    v->id = id;
    return true;
}

static Value extern_value(Elab *e, HirDecl *decl, const Value *args, Span span) {
    const AstNode *arguments = hir_arguments(decl);
    TirExtern *external = extern_of(e, decl);
    if (!external->file) return value_poison();
    const Value *lead = &args[0];
    for (uint32_t i = 0; i < arguments->count; i++)
        if (args[i].rank > lead->rank) lead = &args[i];
    TirId ids[TIR_EXTERN_ARGS];
    for (uint32_t i = 0; i < arguments->count; i++) {
        Value v = args[i];
        if (!extern_argument(e, arguments->kids[i], lead, &v)) return value_poison();
        ids[i] = v.id;
    }
    const Unit *unit;
    double scale;
    if (!unit_of_type(e, decl->node->kids[3], &unit, &scale)) return value_poison();
    TirFunction *f = e->context->f;
    TirId id = tir_extern(f, external, ids, arguments->count, span);
    if (scale != 1) id = tir_map(f, TIR_MUL, span, id, tir_real(f, scale, span), TIR_NONE);
    Value v = value_tensor(e, id, lead->dim, lead->rank, span);
    v.unit = unit;
    return v;
}

/* --- the value --- */

static bool is_active(const Value *v) {
    return v->kind == VALUE_TENSOR && v->type == TIR_REAL;
}

Value clause_body(Elab *e, const Clause *clause, const Value *args) {
    HirDecl *decl = clause->decl;
    if (decl->node->text) return extern_value(e, decl, args, clause->span);
    const AstNode *arguments = hir_arguments(decl);
    Local *outer = e->frame->locals, *first = e->frame->first;
    for (uint32_t i = 0; i < arguments->count; i++) local_push(e, arguments->kids[i]->name, args[i]);
    if (arguments->count) e->frame->first = local_find(e->frame, arguments->kids[0]->name);
    Value v = function_body(e, decl);
    e->frame->locals = outer;
    e->frame->first = first;
    if (v.kind == VALUE_LIST && !value_to_array(e, &v, TIR_NONE)) return value_poison();
    if (value_is_poison(&v) || ((v.kind == VALUE_NUMBER || v.kind == VALUE_TENSOR) && v.type != TIR_BOOL)) return v;
    Value poison = elab_error(e, DIAG_E0340, decl->node->name_span,
                              "a derivative is given of numbers and arrays, and the body of '%s' gives %s", decl->name,
                              value_kind_text(&v));
    diag_help(e->sink, "make a function of each of the numbers");
    return poison;
}

Value *clause_held(Elab *e, const Clause *clause) {
    uint32_t count = hir_arguments(clause->decl)->count;
    Value *held = arena_copy(e->arena, clause->args, count * sizeof *held);
    for (uint32_t i = 0; i < count; i++)
        if (is_active(&held[i]))
            held[i].id = tir_map(e->context->f, TIR_STOP, clause->span, held[i].id, TIR_NONE, TIR_NONE);
    return held;
}

/* The name of something that a fit moves and that `v` is made of; NULL when there is none. */
static const char *moving_name(Elab *e, TirId v) {
    const Context *c = e->context;
    const bool *reached = derivative_reach(c->f, e->arena, v);
    for (size_t s = 0; c->param_raw && s < e->slots.count; s++)
        if (c->param_raw[s] != TIR_NONE && c->param_raw[s] <= v && reached[c->param_raw[s]])
            return arena_format(e->arena, "parameter '%s'", e->slots.data[s]->name);
    for (size_t i = 0; i < c->f->inputs.count; i++)
        if (c->f->inputs.data[i].role == TIR_PORT_BLOCK && c->f->inputs.data[i].value <= v &&
            reached[c->f->inputs.data[i].value])
            return arena_format(e->arena, "the weights '%s'", c->f->inputs.data[i].name);
    return NULL;
}

/* What the body uses beside its arguments would silently count as constant. */
static bool depends_on_arguments_alone(Elab *e, HirDecl *decl, const Value *v) {
    const char *name = v->kind == VALUE_TENSOR && !decl->node->text ? moving_name(e, v->id) : NULL;
    if (!name) return true;
    if (decl->value) return false; /* reported */
    decl->value = decl;
    elab_error(e, DIAG_E0340, decl->node->kids[4]->span,
               "'%s' uses %s, which is no argument: its clause gives no derivative by it", decl->name, name);
    diag_note(e->sink, decl->node->name_span, "declared here");
    diag_help(e->sink, "make it an argument, and give the derivative by it too");
    return false;
}

/* --- slopes --- */

static bool same_sizes(const Dim *a, const Dim *b, uint32_t rank) {
    for (uint32_t i = 0; i < rank; i++)
        if (a[i].size != b[i].size) return false;
    return true;
}

static bool report_slope_shape(Elab *e, const Clause *clause, const AstNode *entry, const Value *v, const Value *x,
                               const Value *slope) {
    Value wanted = {.kind = VALUE_TENSOR, .rank = v->rank + x->rank};
    for (uint32_t i = 0; i < wanted.rank && i < TIR_MAX_AXES; i++)
        wanted.dim[i] = i < v->rank ? v->dim[i] : x->dim[i - v->rank];
    elab_error(e, DIAG_E0340, entry->kids[0]->span, "the derivative of '%s' by '%s' has shape %s, and %s is wanted",
               clause->decl->name, entry->name, value_shape_text(e, slope), value_shape_text(e, &wanted));
    diag_help(e->sink, "the dimensions of the result come first, then those of the argument");
    return false;
}

static bool check_slope_unit(Elab *e, const Clause *clause, const AstNode *entry, const Value *v, const Value *x,
                             const Value *slope) {
    const Unit *unit;
    if (!unit_product(e, v->unit, x->unit, -1, &unit)) return true; /* a power that cannot be written has no unit */
    if (unit_fits(slope, unit)) return true;
    elab_error(e, DIAG_E0317, entry->kids[0]->span, "the derivative of '%s' by '%s' is %s, and %s is wanted",
               clause->decl->name, entry->name, unit_text(e, slope->unit), unit_text(e, unit));
    diag_note(e->sink, clause->decl->node->name_span, "the unit of the result over that of the argument");
    diag_help(e->sink, "a factor or a power is missing, or too much, in the formula");
    return false;
}

/* The slope and x on axes by which they and `v` find each other; false after a report. */
static bool slope_align(Elab *e, const Clause *clause, const AstNode *arg, const AstNode *entry, const Value *v,
                        Value *x, Value *slope) {
    bool each = !hir_argument_dims(arg) && x->rank && x->rank == v->rank && same_sizes(x->dim, v->dim, v->rank);
    Value target = *slope;
    if (each && (!slope->rank || (slope->rank == v->rank && same_sizes(slope->dim, v->dim, v->rank)))) {
        *x = value_align(e, *x, v, entry->span);
        if (slope->rank) *slope = value_align(e, *slope, v, entry->span);
        return true;
    }
    bool whole = slope->rank == v->rank + x->rank && same_sizes(slope->dim, v->dim, v->rank) &&
                 same_sizes(slope->dim + v->rank, x->dim, x->rank);
    if (slope->rank && !whole) return report_slope_shape(e, clause, entry, v, x, slope);
    for (uint32_t i = 0; i < x->rank; i++)
        for (uint32_t k = 0; k < v->rank; k++)
            if (x->dim[i].axis != TIR_NONE && x->dim[i].axis == v->dim[k].axis)
                *x = value_move(e, x, i, dim_new(e, "a", x->dim[i].size).axis, entry->span);
    for (uint32_t i = 0; i < slope->rank; i++) target.dim[i] = i < v->rank ? v->dim[i] : x->dim[i - v->rank];
    if (slope->rank) *slope = value_align(e, *slope, &target, entry->span);
    return true;
}

/* The slope by argument `i`, a formula of the arguments; false after a report. */
static bool slope_make(Elab *e, const Clause *clause, uint32_t i, const Value *v, Slope *slope) {
    const AstNode *arg = hir_arguments(clause->decl)->kids[i], *entry = hir_clause_entry(clause->decl, arg->name);
    slope->entry = entry;
    slope->x = clause->args[i];
    if (hir_clause_none(entry)) {
        slope->x = value_opaque(e, slope->x, clause->decl, entry);
        slope->slope = value_number(0, entry->span);
        return true;
    }
    e->clause_depth++;
    slope->slope = elab_expr(e, entry->kids[0]);
    e->clause_depth--;
    Value *s = &slope->slope;
    if (value_is_poison(s)) return false;
    if ((s->kind != VALUE_NUMBER && s->kind != VALUE_TENSOR && s->kind != VALUE_LIST) ||
        !value_to_array(e, s, TIR_NONE) || s->type == TIR_BOOL) {
        elab_error(e, DIAG_E0340, entry->kids[0]->span, "a derivative is a number or an array, and this is %s",
                   value_kind_text(s));
        diag_help(e->sink, "write a formula of the arguments, or 'none'");
        return false;
    }
    return check_slope_unit(e, clause, entry, v, &slope->x, s) && slope_align(e, clause, arg, entry, v, &slope->x, s);
}

static TirAxes shown_axes(const Value *v) {
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; v->kind == VALUE_TENSOR && i < v->rank; i++)
        if (v->dim[i].axis != TIR_NONE) axes = tir_axes_add(axes, v->dim[i].axis);
    return axes;
}

/* `v` for every event that a slope or an argument has a value for. */
static TirId widen(Elab *e, const Value *v, const Slope *slopes, uint32_t count, Span span) {
    TirAxes axes = value_axes(e, v);
    for (uint32_t k = 0; k < count; k++) {
        TirAxes more = tir_axes_union(value_axes(e, &slopes[k].x), value_axes(e, &slopes[k].slope));
        more = tir_axes_minus(more, tir_axes_union(shown_axes(&slopes[k].x), shown_axes(&slopes[k].slope)));
        axes = tir_axes_union(axes, more);
    }
    return id_broadcast(e, value_real_id(e, v), axes, span);
}

Value clause_result(Elab *e, const Clause *clause, Value v) {
    const AstNode *arguments = hir_arguments(clause->decl);
    Slope *slopes = ARENA_ARRAY(e->arena, Slope, arguments->count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < arguments->count; i++) {
        if (!is_active(&clause->args[i])) continue;
        slopes[count].argument = i;
        if (!slope_make(e, clause, i, &v, &slopes[count++])) return value_poison();
    }
    TirId id = widen(e, &v, slopes, count, clause->span);
    TirId *pairs = ARENA_ARRAY(e->arena, TirId, 2 * count);
    for (uint32_t k = 0; k < count; k++) {
        pairs[2 * k] = slopes[k].x.id;
        pairs[2 * k + 1] = value_real_id(e, &slopes[k].slope);
    }
    Value result = v;
    result.kind = VALUE_TENSOR;
    result.type = TIR_REAL;
    result.id = tir_custom(e->context->f, id, pairs, count, clause->span);
    e->context->clauses = true;
    if (e->probes) clause_probe(e, clause, &result, slopes, count);
    return result;
}

/* The arguments as the frame has them, lists as arrays; NULL after a report. */
static Value *read_arguments(Elab *e, HirDecl *decl) {
    const AstNode *arguments = hir_arguments(decl);
    Value *args = ARENA_ARRAY(e->arena, Value, arguments->count + 1);
    for (uint32_t i = 0; i < arguments->count; i++) {
        const AstNode *arg = arguments->kids[i], *entry = hir_clause_entry(decl, arg->name);
        args[i] = local_find(e->frame, arg->name)->value;
        if (value_is_poison(&args[i])) return NULL;
        if (args[i].kind == VALUE_LIST && !value_to_array(e, &args[i], TIR_NONE)) return NULL;
        bool number = args[i].kind == VALUE_NUMBER || args[i].kind == VALUE_TENSOR;
        if (number ? args[i].type != TIR_BOOL : !decl->node->text && entry && hir_clause_none(entry)) continue;
        elab_error(e, DIAG_E0340, entry ? entry->span : arg->span, "'%s' takes a derivative by '%s', and this is %s",
                   decl->name, arg->name, value_kind_text(&args[i]));
        diag_help(e->sink, "derivatives are given by numbers and arrays: make what matters an argument of its own");
        return NULL;
    }
    return args;
}

Value clause_value(Elab *e, HirDecl *decl) {
    Clause clause = {.decl = decl, .span = e->frame->site.file ? e->frame->site : decl->node->name_span};
    clause.args = read_arguments(e, decl);
    if (!clause.args) return value_poison();
    bool active = false, given = decl->node->kids[4] && e->clause_depth < CLAUSE_ORDER;
    for (uint32_t i = 0; i < hir_arguments(decl)->count; i++) active |= is_active(&clause.args[i]);
    Value v = clause_body(e, &clause, given ? clause_held(e, &clause) : clause.args);
    if (value_is_poison(&v) || (given && !depends_on_arguments_alone(e, decl, &v))) return value_poison();
    v.span = clause.span;
    if (!active) return v;
    return given ? clause_result(e, &clause, v) : value_opaque(e, v, decl, NULL);
}
