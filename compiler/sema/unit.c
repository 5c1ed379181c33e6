/* Units: their algebra, their text, and the values of what declares or names one. */
#include "sema/unit.h"

#include <math.h>
#include <string.h>

enum { EXPONENT_MAX = 9999 };

static int64_t common(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

static bool exponent_set(UnitPower *power, int64_t over, int64_t under) {
    int64_t divisor = common(over, under);
    over /= divisor;
    under /= divisor;
    power->over = (int32_t)over;
    power->under = (int32_t)under;
    return over <= EXPONENT_MAX && over >= -EXPONENT_MAX && under <= EXPONENT_MAX;
}

static const Unit *intern(Elab *e, const UnitPower *power, uint32_t count) {
    if (!count) return NULL;
    for (const Unit *u = e->units; u; u = u->next) {
        bool same = u->count == count;
        for (uint32_t i = 0; same && i < count; i++)
            same = u->power[i].base == power[i].base && u->power[i].over == power[i].over &&
                   u->power[i].under == power[i].under;
        if (same) return u;
    }
    Unit *unit = arena_alloc(e->arena, sizeof *unit + count * sizeof *power);
    unit->next = e->units;
    unit->count = count;
    memcpy(unit->power, power, count * sizeof *power);
    return e->units = unit;
}

/* The order of two powers in a unit: by name, so that texts do not depend on where things lie in memory. */
static int compare(const UnitPower *a, const UnitPower *b) {
    if (a->base == b->base) return 0;
    int order = strcmp(a->base->full, b->base->full);
    return order ? order : a->base < b->base ? -1 : 1;
}

bool unit_product(Elab *e, const Unit *a, const Unit *b, int sign, const Unit **result) {
    *result = a;
    if (!b) return true;
    uint32_t left = a ? a->count : 0, i = 0, j = 0, count = 0;
    UnitPower *power = ARENA_ARRAY(e->arena, UnitPower, left + b->count);
    bool fits = true;
    while (i < left || j < b->count) {
        int order = i == left ? 1 : j == b->count ? -1 : compare(&a->power[i], &b->power[j]);
        UnitPower one = order > 0 ? b->power[j] : a->power[i];
        int64_t over = order <= 0 ? one.over : 0, under = one.under;
        if (order >= 0) {
            const UnitPower *other = &b->power[j++];
            over = over * other->under + sign * (int64_t)other->over * under;
            under *= other->under;
        }
        if (order <= 0) i++;
        if (!over) continue;
        fits = exponent_set(&one, over, under) && fits;
        power[count++] = one;
    }
    *result = fits ? intern(e, power, count) : NULL;
    return fits;
}

/* over / under, the simplest fraction within rounding of x. */
static bool rational(double x, int64_t *over, int64_t *under) {
    for (*under = 1; *under <= 360; (*under)++) {
        *over = llround(x * (double)*under);
        if (fabs(x * (double)*under - (double)*over) <= 1e-12 * fmax(1, fabs(x) * (double)*under)) return true;
    }
    return false;
}

bool unit_power(Elab *e, const Unit *a, double exponent, const Unit **result) {
    *result = NULL;
    if (!a || exponent == 0) return true;
    int64_t over, under;
    if (!(fabs(exponent) <= EXPONENT_MAX) || !rational(exponent, &over, &under)) return false;
    UnitPower *power = ARENA_ARRAY(e->arena, UnitPower, a->count);
    bool fits = true;
    for (uint32_t i = 0; i < a->count; i++) {
        power[i] = a->power[i];
        fits = exponent_set(&power[i], a->power[i].over * over, a->power[i].under * under) && fits;
    }
    if (fits) *result = intern(e, power, a->count);
    return fits;
}

const char *unit_text(Elab *e, const Unit *unit) {
    if (!unit) return "a pure number";
    const char *text = "";
    for (uint32_t i = 0; i < unit->count; i++) {
        const UnitPower *p = &unit->power[i];
        const char *exponent = p->under > 1   ? arena_format(e->arena, "^(%d/%d)", p->over, p->under)
                               : p->over != 1 ? arena_format(e->arena, "^%d", p->over)
                                              : "";
        text = arena_format(e->arena, "%s%s%s%s", text, i ? "*" : "", p->base->name, exponent);
    }
    return text;
}

const char *unit_has_text(Elab *e, const Unit *unit) {
    return unit ? arena_format(e->arena, "the unit %s", unit_text(e, unit)) : "no unit";
}

/* --- evaluation --- */

/* A unit must be a positive number of something: -GeV, or 0, would make nonsense of every quantity in it. */
static bool check_scale(Elab *e, const Value *v, Span span, const char *what) {
    if (value_is_poison(v)) return false;
    if (v->kind == VALUE_NUMBER && v->type != TIR_BOOL && v->number > 0 && isfinite(v->number)) return true;
    if (v->kind == VALUE_NUMBER && v->type != TIR_BOOL)
        elab_error(e, DIAG_E0318, span, "%s must be a positive number of other units, and this is %.10g", what,
                   v->number);
    else
        elab_error(e, DIAG_E0318, span, "%s must be made of numbers and units, and this is %s", what,
                   v->kind == VALUE_TENSOR ? "known only when the model runs" : value_kind_text(v));
    diag_help(e->sink, "write for example: 1e-3 GeV, or pb/GeV^2");
    return false;
}

Value unit_value(Elab *e, HirDecl *decl, Span span) {
    if (!decl->value) {
        Value v = value_number(1, span);
        const AstNode *expr = decl->node->kids[0];
        UnitPower own = {decl, 1, 1};
        if (!expr) {
            v.unit = intern(e, &own, 1);
        } else {
            Frame frame = {.caller = e->frame, .decl = decl, .site = span}, *before = e->frame;
            e->frame = &frame;
            v = value_scalar(elab_expr(e, expr));
            if (!check_scale(e, &v, expr->span, arena_format(e->arena, "unit '%s'", decl->name))) v = value_poison();
            e->frame = before;
        }
        v.type = TIR_REAL;
        decl->value = arena_copy(e->arena, &v, sizeof v);
    }
    Value v = *(Value *)decl->value;
    v.span = span;
    return v;
}

/* A unit is looked up as the resolver did: 2 m has the unit m also where m is a variable. */
static Value unit_node(Elab *e, const AstNode *node) {
    if (node->kind == AST_NAME) {
        HirDecl *decl = hir_decl(e->hir, node);
        return decl && decl->node->kind == AST_UNIT ? unit_value(e, decl, node->span) : value_poison();
    }
    if (node->kind != AST_BINARY) return value_poison();
    return elab_binary(e, AST_POW, node->span, unit_node(e, node->kids[0]), elab_expr(e, node->kids[1]));
}

Value unit_quantity(Elab *e, const AstNode *node) {
    Value number = elab_expr(e, node->kids[0]);
    Value v = elab_map(e, TIR_MUL, node->span, number, unit_node(e, node->kids[1]), value_poison());
    if (v.kind == VALUE_NUMBER) v.type = TIR_REAL;
    return v;
}

/* A type depends on declarations alone: an argument named m does not hide the unit m. */
static bool read_type(Elab *e, const AstNode *type, UnitType *known) {
    Frame *before = e->frame, frame = before ? *before : (Frame){0};
    frame.locals = NULL;
    e->frame = &frame;
    Value v = value_scalar(elab_expr(e, type));
    e->frame = before;
    if (!check_scale(e, &v, type->span, "what stands behind ':'")) return false;
    known->unit = v.unit;
    known->scale = v.number;
    return true;
}

bool unit_of_type(Elab *e, const AstNode *type, const Unit **unit, double *scale) {
    *unit = NULL;
    *scale = 1;
    if (!type) return true;
    UnitType *known = &e->types[((uintptr_t)type >> 5) % UNIT_TYPES];
    if (known->type != type) {
        UnitType fresh = {.type = type, .scale = 1};
        fresh.valid = read_type(e, type, &fresh);
        *known = fresh;
    }
    *unit = known->unit;
    *scale = known->scale;
    return known->valid;
}

bool unit_number(Elab *e, const Value *v, const AstNode *type, const char *what, double *number) {
    const Unit *unit;
    double scale;
    *number = v->number;
    if (!unit_of_type(e, type, &unit, &scale)) return false;
    if (!v->unit) {
        *number = v->number * scale;
        return true;
    }
    if (v->unit == unit) return true;
    elab_error(e, DIAG_E0317, v->span, "%s has %s, and %s is declared", what, unit_has_text(e, v->unit),
               unit ? unit_text(e, unit) : "a pure number");
    if (type) diag_note(e->sink, type->span, "declared here");
    diag_help(e->sink,
              unit ? "write a plain number, which is in the declared unit, or a quantity in a unit of that kind"
                   : "declare the unit: ': %s' behind the name",
              unit_text(e, v->unit));
    return false;
}

bool unit_attach(Elab *e, const AstNode *type, Value *v, Span span) {
    const Unit *unit;
    double scale;
    if (!unit_of_type(e, type, &unit, &scale)) return false;
    if (v->kind == VALUE_LIST && !value_to_array(e, v, TIR_NONE)) return false;
    if ((v->kind != VALUE_NUMBER && v->kind != VALUE_TENSOR) || v->unit) return true;
    if (scale != 1) *v = elab_map(e, TIR_MUL, span, *v, value_number(scale, span), value_poison());
    v->unit = unit;
    return !value_is_poison(v);
}

const char *unit_type_text(Elab *e, const AstNode *type) {
    return type ? elab_source_text(e, type->span) : NULL;
}
