/* What operations ask of units, and the reports when they do not get it. A number known to be 0 (or infinite) has any
 * unit, so that max(E, 0) and E > 0 need no decoration. */
#include <math.h>
#include <string.h>

#include "sema/unit.h"

typedef enum UnitRule {
    RULE_PURE, /* pure numbers give a pure number: all that is not said below */
    RULE_KEEP, /* the argument's */
    RULE_SAME, /* equal units, and the result has it */
    RULE_LIKE, /* equal units give a pure number or a condition */
    RULE_ANY,  /* nothing is asked, and the result is pure */
    RULE_MUL,
    RULE_DIV,
    RULE_SQRT,
    RULE_POW,
    RULE_SELECT, /* the last two are equal, and the result has it */
} UnitRule;

static const struct {
    UnitRule rule;
    const char *verb; /* what cannot be done when units differ */
} rules[TIR_OPCODE_COUNT] = {
    [TIR_NEG] = {RULE_KEEP, NULL},
    [TIR_ABS] = {RULE_KEEP, NULL},
    [TIR_STOP] = {RULE_KEEP, NULL},
    [TIR_SIGN] = {RULE_ANY, NULL},
    [TIR_AND] = {RULE_ANY, NULL},
    [TIR_OR] = {RULE_ANY, NULL},
    [TIR_NOT] = {RULE_ANY, NULL},
    [TIR_ADD] = {RULE_SAME, "added"},
    [TIR_SUB] = {RULE_SAME, "subtracted"},
    [TIR_MAX] = {RULE_SAME, "compared"},
    [TIR_MIN] = {RULE_SAME, "compared"},
    [TIR_LT] = {RULE_LIKE, "compared"},
    [TIR_LE] = {RULE_LIKE, "compared"},
    [TIR_EQ] = {RULE_LIKE, "compared"},
    [TIR_ATAN2] = {RULE_LIKE, "the two sides of one angle"},
    [TIR_MUL] = {RULE_MUL, NULL},
    [TIR_DIV] = {RULE_DIV, NULL},
    [TIR_SQRT] = {RULE_SQRT, NULL},
    [TIR_POW] = {RULE_POW, NULL},
    [TIR_SELECT] = {RULE_SELECT, "the two values of one 'if'"},
};

static bool of_any_unit(const Value *v) {
    return v->kind == VALUE_NUMBER && !v->unit && v->type != TIR_BOOL && (v->number == 0 || isinf(v->number));
}

bool unit_fits(const Value *v, const Unit *unit) {
    return v->unit == unit || v->type == TIR_BOOL || of_any_unit(v);
}

static void note_unit(Elab *e, const Value *v) {
    if (!v->span.file) return;
    if (v->unit)
        diag_note(e->sink, v->span, "this has the unit %s", unit_text(e, v->unit));
    else
        diag_note(e->sink, v->span, "this is a pure number");
}

static void report_different(Elab *e, Span span, const Value *a, const Value *b, const char *verb) {
    elab_error(e, DIAG_E0316, span, "%s and %s cannot be %s", unit_text(e, a->unit), unit_text(e, b->unit), verb);
    note_unit(e, a);
    note_unit(e, b);
    if (a->unit && b->unit)
        diag_help(e->sink, "bring both to one unit: a factor or a power is missing, or too much, in one of them");
    else
        diag_help(e->sink, "give the pure number its unit, or divide the other by 1 %s",
                  unit_text(e, a->unit ? a->unit : b->unit));
}

bool unit_same(Elab *e, Span span, const Value *a, const Value *b, const char *what, const Unit **result) {
    *result = of_any_unit(a) ? b->unit : a->unit;
    if (a->unit == b->unit || of_any_unit(a) || of_any_unit(b)) return true;
    report_different(e, span, a, b, what);
    return false;
}

bool unit_pure(Elab *e, const Value *v, Span span, const char *what) {
    if (!v->unit) return true;
    elab_error(e, DIAG_E0320, span, "%s must be a pure number, and it has the unit %s", what, unit_text(e, v->unit));
    if (v->span.file && (v->span.begin != span.begin || v->span.end != span.end)) note_unit(e, v);
    diag_help(e->sink, "divide it by a quantity of the same unit, for example by 1 %s", unit_text(e, v->unit));
    return false;
}

static bool report_power(Elab *e, Span span, const char *why, const Value *v) {
    elab_error(e, DIAG_E0319, span, why, unit_text(e, v->unit));
    diag_help(e->sink, "divide what is raised by a quantity of its unit, for example by 1 %s", unit_text(e, v->unit));
    return false;
}

static bool unit_of_power(Elab *e, Span span, const Value *base, const Value *exponent, const Unit **result) {
    if (!unit_pure(e, exponent, exponent->span.file ? exponent->span : span, "an exponent")) return false;
    *result = NULL;
    if (!base->unit) return true;
    if (exponent->kind != VALUE_NUMBER)
        return report_power(e, span, "%s is raised to a power that is known only when the model runs", base);
    if (unit_power(e, base->unit, exponent->number, result)) return true;
    return report_power(e, span, "%s is raised to a power that is no fraction of small whole numbers", base);
}

bool unit_of_product(Elab *e, const Value *v, Value points, const Unit **result) {
    return unit_of_power(e, v->span, v, &points, result);
}

static bool all_pure(Elab *e, TirOpcode op, Span span, const Value *args, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (!unit_pure(e, &args[i], args[i].span.file ? args[i].span : span,
                       arena_format(e->arena, "the argument of %s", tir_op_text(op))))
            return false;
    return true;
}

bool unit_of_map(Elab *e, TirOpcode op, Span span, const Value *args, uint32_t count, const Unit **result) {
    bool pure = true, fits = true;
    for (uint32_t i = 0; i < count; i++) pure = pure && !args[i].unit;
    *result = NULL;
    if (pure) return true;
    switch (rules[op].rule) {
    case RULE_ANY: return true;
    case RULE_KEEP: *result = args[0].unit; return true;
    case RULE_SAME: return unit_same(e, span, &args[0], &args[1], rules[op].verb, result);
    case RULE_SELECT: return unit_same(e, span, &args[1], &args[2], rules[op].verb, result);
    case RULE_LIKE: {
        const Unit *common;
        return unit_same(e, span, &args[0], &args[1], rules[op].verb, &common);
    }
    case RULE_POW: return unit_of_power(e, span, &args[0], &args[1], result);
    case RULE_MUL: fits = unit_product(e, args[0].unit, args[1].unit, 1, result); break;
    case RULE_DIV: fits = unit_product(e, args[0].unit, args[1].unit, -1, result); break;
    case RULE_SQRT: fits = unit_power(e, args[0].unit, 0.5, result); break;
    case RULE_PURE: return all_pure(e, op, span, args, count);
    }
    return fits || report_power(e, span, "the powers of units here grow beyond all use (%s)",
                                &args[args[0].unit ? 0 : count - 1]);
}

/* --- declarations --- */

/* "pb/GeV^2, which is GeV^-4" */
static const char *declared_text(Elab *e, const AstNode *type, const Unit *unit) {
    if (!type || !unit) return "a pure number";
    const char *written = elab_source_text(e, type->span), *meant = unit_text(e, unit);
    return !strcmp(written, meant) ? arena_format(e->arena, "in %s", meant)
                                   : arena_format(e->arena, "in %s, which is %s,", written, meant);
}

/* The first number in a value, which may be a list, that is not of this unit. */
static const Value *find_misfit(const Value *v, const Unit *unit) {
    if (v->kind == VALUE_NUMBER || v->kind == VALUE_TENSOR) return unit_fits(v, unit) ? NULL : v;
    const Value *found = NULL;
    for (uint32_t i = 0; v->kind == VALUE_LIST && !found && i < v->count; i++) found = find_misfit(&v->items[i], unit);
    return found;
}

bool unit_check_argument(Elab *e, const Value *v, const AstNode *arg, const HirDecl *decl) {
    const AstNode *type = hir_argument_unit(e->hir, arg);
    AstKind kind = decl->node->kind;
    bool weights = kind == AST_NETWORK || kind == AST_LAYER;
    if (!type && !weights && kind != AST_QCF && kind != AST_DENSITY) return true;
    const Unit *unit;
    double scale;
    if (!unit_of_type(e, type, &unit, &scale)) return false;
    v = find_misfit(v, unit);
    if (!v) return true;
    if (weights && !unit)
        return unit_pure(e, v, v->span.file ? v->span : arg->span,
                         arena_format(e->arena, "what enters %s '%s'", hir_kind_text(kind) + 2, decl->name));
    Span place = v->span.file ? v->span : arg->span;
    if (unit && !v->unit)
        elab_error(e, DIAG_E0317, place, "argument '%s' of '%s' has the unit %s, and this is a pure number", arg->name,
                   decl->name, unit_text(e, unit));
    else
        elab_error(e, DIAG_E0317, place, "argument '%s' of '%s' is declared %s and this has the unit %s", arg->name,
                   decl->name, declared_text(e, type, unit), unit_text(e, v->unit));
    diag_note(e->sink, arg->span, type ? "declared here" : "declared here, without a unit");
    if (unit && !v->unit)
        diag_help(e->sink, "write it with its unit: for example 10 %s", unit_text(e, unit));
    else if (!unit)
        diag_help(e->sink, "divide it by a quantity of the same unit, or declare '%s : %s'", arg->name,
                  unit_text(e, v->unit));
    else
        diag_help(e->sink, "%s is wanted: a factor or a power is missing, or too much, in what is passed",
                  unit_text(e, unit));
    return false;
}

/* A qcf is a pure number unless it says otherwise; what says nothing else gives what its body has. */
bool unit_check_result(Elab *e, const Value *v, const HirDecl *decl) {
    const AstNode *node = decl->node;
    const AstNode *type =
        node->kind == AST_FUN || node->kind == AST_QCF || node->kind == AST_DENSITY ? node->kids[3] : NULL;
    bool strict = node->kind == AST_QCF || node->kind == AST_NETWORK;
    if (!type && !strict) return true;
    const Unit *unit;
    double scale;
    if (!unit_of_type(e, type, &unit, &scale)) return false;
    v = find_misfit(v, unit);
    if (!v) return true;
    Span place = v->span.file ? v->span : node->name_span;
    elab_error(e, DIAG_E0317, place, "'%s' is declared %s and its body %s%s", decl->name, declared_text(e, type, unit),
               v->unit ? "has the unit " : "is ", unit_text(e, v->unit));
    diag_note(e->sink, type ? type->span : node->name_span, type ? "declared here" : "declared here, without a unit");
    if (type)
        diag_help(e->sink, "correct the formula, or declare ': %s'", v->unit ? unit_text(e, v->unit) : "1");
    else
        diag_help(e->sink, "correct the formula, or declare its unit: %s(...) : %s", decl->name, unit_text(e, v->unit));
    return false;
}

bool unit_check_field(Elab *e, const Value *v, const AstNode *field) {
    const Unit *unit;
    double scale;
    if (!unit_of_type(e, field->kids[2], &unit, &scale)) return false;
    if (unit_fits(v, unit)) return true;
    elab_error(e, DIAG_E0317, v->span, "field '%s' is declared %s and what is drawn has the unit %s", field->name,
               declared_text(e, field->kids[2], unit), unit_text(e, v->unit));
    diag_note(e->sink, field->span, "the field");
    diag_help(e->sink, "give the method's result the unit of the field, or make it a number in that unit");
    return false;
}
