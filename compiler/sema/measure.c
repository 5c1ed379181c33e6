/* The rules of measures (see measure.h). */
#include "sema/measure.h"

#include <string.h>

const char *measure_text(Elab *e, const Measure *m) {
    if (!m || !m->count) return "per nothing";
    const char *text = "per";
    for (uint32_t i = 0; i < m->count; i++)
        text = arena_format(e->arena, "%s d%s%s", text, m->variable[i].log ? "ln" : "", m->variable[i].name);
    return text;
}

static Measure *measure_new(Elab *e, uint32_t count) {
    Measure *m = arena_alloc(e->arena, sizeof *m + count * sizeof *m->variable);
    m->count = 0;
    return m;
}

static int64_t find(const Measure *m, const char *name) {
    for (uint32_t i = 0; m && i < m->count; i++)
        if (!strcmp(m->variable[i].name, name)) return i;
    return -1;
}

static bool same_place(const Value *a, const Value *b) {
    if (!a || !b || a->kind != b->kind) return false;
    return a->kind == VALUE_NUMBER ? a->number == b->number : a->kind == VALUE_TENSOR && a->id == b->id;
}

/* Row of the same variable in `m`, or -1: what stands at the same value is the same variable, whatever a density calls
 * it (f(y), where f is declared of x, is per dy); otherwise the name tells. */
static int64_t find_variable(const Measure *m, const MeasureVariable *v) {
    for (uint32_t i = 0; i < m->count; i++)
        if (m->variable[i].at && m->variable[i].at->kind == VALUE_TENSOR && same_place(m->variable[i].at, v->at))
            return i;
    return find(m, v->name);
}

/* --- declarations --- */

/* Variables that a density is per: its own, or the fields of its event, but for labels, over which one sums. */
static bool is_variable(const AstNode *node) {
    return node->kind == AST_VARIABLE && (node->kids[1] || !node->kids[0]);
}

static void add_variables(Elab *e, Measure **m, const AstNode *list, const Value *values) {
    Measure *more = measure_new(e, (*m)->count + list->count);
    memcpy(more->variable, (*m)->variable, (*m)->count * sizeof *more->variable);
    more->count = (*m)->count;
    for (uint32_t i = 0; i < list->count; i++)
        if (is_variable(list->kids[i]))
            more->variable[more->count++] = (MeasureVariable){list->kids[i]->name, false, values ? &values[i] : NULL};
    *m = more;
}

/* Per d of every variable. `args` may be NULL: then nothing is known of where they stand. */
static Measure *linear_measure(Elab *e, const HirDecl *density, const Value *args) {
    const AstNode *arguments = hir_arguments(density);
    Measure *m = measure_new(e, 0);
    for (uint32_t i = 0; i < arguments->count; i++) {
        const AstNode *arg = arguments->kids[i];
        const HirDecl *event = hir_argument_event(e->hir, arg);
        AstNode list = {.kind = AST_LIST, .count = 1, .kids = (AstNode **)&arguments->kids[i]};
        if (event)
            add_variables(e, &m, event->node->kids[0], args && args[i].kind == VALUE_RECORD ? args[i].items : NULL);
        else
            add_variables(e, &m, &list, args ? &args[i] : NULL);
    }
    return m;
}

/* dx or dlnx: row of the variable in `m`, or -1. A variable named lnx comes before the logarithm of x. */
static int64_t read_name(const Measure *m, const char *name, bool *log) {
    *log = false;
    if (name[0] != 'd') return -1;
    int64_t at = find(m, name + 1);
    if (at >= 0 || strncmp(name, "dln", 3) != 0) return at;
    *log = true;
    return find(m, name + 3);
}

static const char *variables_text(Elab *e, const Measure *m) {
    const char *text = "";
    for (uint32_t i = 0; i < m->count; i++)
        text =
            arena_format(e->arena, "%s%sd%s or dln%s", text, i ? ", " : "", m->variable[i].name, m->variable[i].name);
    return *text ? text : "no variable";
}

static void report_unknown(Elab *e, Span span, const char *name, const char *of, const Measure *m) {
    elab_error(e, DIAG_E0322, span, "'%s' is the differential of no variable of %s", name, of);
    diag_help(e->sink, "write %s", variables_text(e, m));
}

void measure_check_decl(Elab *e, HirDecl *density) {
    const AstNode *node = density->node, *per = node->kids[4];
    const char *of = arena_format(e->arena, "'%s'", density->name);
    if (node->flag && (!node->kids[3] || !per)) {
        elab_error(e, DIAG_E0322, node->name_span, "cross section '%s' says not %s", density->name,
                   node->kids[3] ? "what it is per" : "its unit");
        diag_help(e->sink, "write for example: xsec %s(...) : pb/GeV^2 per dx dQ2 = ...", density->name);
    }
    const Measure *m = linear_measure(e, density, NULL);
    bool *seen = ARENA_ARRAY(e->arena, bool, m->count + 1);
    for (uint32_t i = 0; per && i < per->count; i++) {
        bool log;
        int64_t at = read_name(m, per->kids[i]->name, &log);
        if (at < 0) {
            report_unknown(e, per->kids[i]->span, per->kids[i]->name, of, m);
            return;
        }
        if (seen[at]) {
            elab_error(e, DIAG_E0322, per->kids[i]->span, "%s is per '%s' twice", of, m->variable[at].name);
            diag_help(e->sink, "name every variable once, as dx or as dlnx");
        }
        seen[at] = true;
    }
    for (uint32_t i = 0; per && i < m->count; i++) {
        if (seen[i]) continue;
        elab_error(e, DIAG_E0322, per->span, "the measure of %s leaves out its variable '%s'", of, m->variable[i].name);
        diag_help(e->sink, "add d%s or dln%s", m->variable[i].name, m->variable[i].name);
    }
}

static const Measure *declared_measure(Elab *e, const HirDecl *density, const Value *args) {
    Measure *m = linear_measure(e, density, args);
    const AstNode *per = density->node->kids[4];
    for (uint32_t i = 0; per && i < per->count; i++) {
        bool log;
        int64_t at = read_name(m, per->kids[i]->name, &log);
        if (at >= 0) m->variable[at].log = log;
    }
    return m;
}

/* --- calls --- */

static void note_measure(Elab *e, const Value *v) {
    if (v->span.file && v->measure) diag_note(e->sink, v->span, "this is a density %s", measure_text(e, v->measure));
}

static const char *remedy(Elab *e, const Measure *have, const Measure *want) {
    for (uint32_t i = 0; i < have->count; i++) {
        int64_t at = find_variable(want, &have->variable[i]);
        if (at >= 0 && want->variable[at].log != have->variable[i].log)
            return arena_format(e->arena, "convert it, which multiplies by the Jacobian: per(..., d%s%s)",
                                want->variable[at].log ? "ln" : "", have->variable[i].name);
    }
    return "densities of different variables can be multiplied, or integrated over, but not joined so";
}

Value measure_of_call(Elab *e, const HirDecl *density, const Value *args, Value v) {
    const Measure *own = declared_measure(e, density, args), *body = v.measure;
    for (uint32_t i = 0; body && i < body->count; i++) {
        int64_t at = find_variable(own, &body->variable[i]);
        if (at >= 0 && own->variable[at].log == body->variable[i].log) continue;
        Value poison = elab_error(e, DIAG_E0321, v.span.file ? v.span : density->node->name_span,
                                  "'%s' is declared %s and its body is a density %s", density->name,
                                  measure_text(e, own), measure_text(e, body));
        diag_note(e->sink, density->node->kids[4] ? density->node->kids[4]->span : density->node->name_span,
                  density->node->kids[4] ? "declared here"
                                         : "declared here; a density that says nothing is per d of "
                                           "every variable");
        diag_help(e->sink, "%s", remedy(e, body, own));
        return poison;
    }
    v.measure = own;
    return v;
}

/* --- operations --- */

static bool measures_equal(const Measure *a, const Measure *b) {
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        int64_t at = find_variable(b, &a->variable[i]);
        if (at < 0 || a->variable[i].log != b->variable[at].log) return false;
    }
    return true;
}

/* Of one kind: the places of the variables stay only where both agree. */
bool measure_same(Elab *e, Span span, const Value *a, const Value *b, const char *verb, const Measure **result) {
    const Measure *x = a->measure, *y = b->measure;
    *result = x ? x : y;
    if (!x || !y || x == y) return true;
    if (!measures_equal(x, y)) {
        elab_error(e, DIAG_E0321, span, "a density %s and one %s cannot be %s", measure_text(e, x), measure_text(e, y),
                   verb);
        note_measure(e, a);
        note_measure(e, b);
        diag_help(e->sink, "%s", remedy(e, y, x));
        return false;
    }
    Measure *m = measure_new(e, x->count);
    for (uint32_t i = 0; i < x->count; i++) {
        m->variable[m->count] = x->variable[i];
        if (!same_place(x->variable[i].at, y->variable[find_variable(y, &x->variable[i])].at))
            m->variable[m->count].at = NULL;
        m->count++;
    }
    *result = m;
    return true;
}

const Measure *measure_elsewhere(Elab *e, const Measure *m) {
    if (!m) return NULL;
    Measure *copy = measure_new(e, m->count);
    for (uint32_t i = 0; i < m->count; i++)
        copy->variable[copy->count++] = (MeasureVariable){m->variable[i].name, m->variable[i].log, NULL};
    return copy;
}

/* f(x) g(y) is per dx dy; f(x) g(x) is a density of nothing. */
static const Measure *product(Elab *e, const Measure *a, const Measure *b) {
    if (!a || !b) return a ? a : b;
    Measure *m = measure_new(e, a->count + b->count);
    for (uint32_t i = 0; i < a->count; i++) m->variable[m->count++] = a->variable[i];
    for (uint32_t i = 0; i < b->count; i++) {
        if (find_variable(a, &b->variable[i]) >= 0) return NULL;
        m->variable[m->count++] = b->variable[i];
    }
    return m;
}

static bool quotient(Elab *e, Span span, const Value *a, const Value *b, const Measure **result) {
    const Measure *x = a->measure, *y = b->measure;
    *result = y ? NULL : x;
    if (!x || !y) return true;
    Measure *m = measure_new(e, x->count);
    bool whole = true;
    for (uint32_t i = 0; i < y->count; i++) whole &= find_variable(x, &y->variable[i]) >= 0;
    for (uint32_t i = 0; i < x->count; i++) {
        int64_t at = find_variable(y, &x->variable[i]);
        if (at < 0) m->variable[m->count++] = x->variable[i];
        if (at < 0 || x->variable[i].log == y->variable[at].log) continue;
        elab_error(e, DIAG_E0321, span, "a density %s divided by one %s is no ratio of densities", measure_text(e, x),
                   measure_text(e, y));
        note_measure(e, a);
        note_measure(e, b);
        diag_help(e->sink, "%s", remedy(e, y, x));
        return false;
    }
    if (whole && m->count) *result = m;
    return true;
}

bool measure_of_map(Elab *e, TirOpcode op, Span span, const Value *args, uint32_t count, const Measure **result) {
    bool none = true;
    for (uint32_t i = 0; i < count; i++) none = none && !args[i].measure;
    *result = NULL;
    if (none) return true;
    const Measure *dropped;
    switch (op) {
    case TIR_NEG:
    case TIR_ABS:
    case TIR_STOP: *result = args[0].measure; return true;
    case TIR_ADD: return measure_same(e, span, &args[0], &args[1], "added", result);
    case TIR_SUB: return measure_same(e, span, &args[0], &args[1], "subtracted", result);
    case TIR_MAX:
    case TIR_MIN: return measure_same(e, span, &args[0], &args[1], "compared", result);
    case TIR_LT:
    case TIR_LE:
    case TIR_EQ: return measure_same(e, span, &args[0], &args[1], "compared", &dropped);
    case TIR_SELECT: return measure_same(e, span, &args[1], &args[2], "the two values of one 'if'", result);
    case TIR_MUL: *result = product(e, args[0].measure, args[1].measure); return true;
    case TIR_DIV: return quotient(e, span, &args[0], &args[1], result);
    default: return true;
    }
}

/* --- conversion --- */

/* d/dlnx = x d/dx */
static Value convert(Elab *e, Value v, uint32_t at, bool log, Span span) {
    const Measure *before = v.measure;
    const MeasureVariable *variable = &before->variable[at];
    if (variable->log == log) return v;
    if (!variable->at) {
        Value poison = elab_error(e, DIAG_E0321, span, "the value of '%s' is not one here: it stands in several places",
                                  variable->name);
        diag_help(e->sink, "convert every density where it is called: per(f(...), d%s%s)", log ? "ln" : "",
                  variable->name);
        return poison;
    }
    Measure *after = measure_new(e, before->count);
    memcpy(after->variable, before->variable, before->count * sizeof *after->variable);
    after->count = before->count;
    after->variable[at].log = log;
    Value factor = *variable->at;
    factor.measure = NULL;
    v.measure = NULL;
    v = elab_map(e, log ? TIR_MUL : TIR_DIV, span, v, factor, value_poison());
    v.measure = after;
    return v;
}

Value measure_to_linear(Elab *e, Value v, Span span) {
    for (uint32_t i = 0; !value_is_poison(&v) && v.measure && i < v.measure->count; i++)
        v = convert(e, v, i, false, span);
    return v;
}

static bool times_unit(Elab *e, const AstNode *variable, Value *v, Span span) {
    const Unit *unit;
    double scale;
    if (!is_variable(variable)) return true;
    if (!unit_of_type(e, variable->kids[2], &unit, &scale)) return false;
    const Measure *measure = v->measure;
    if (scale != 1) *v = elab_map(e, TIR_MUL, span, *v, value_number(scale, span), value_poison());
    v->measure = measure;
    return unit_product(e, v->unit, unit, 1, &v->unit);
}

Value measure_call_numbers(Elab *e, const Value *callee, const AstNode *node, const Value *args, uint32_t count,
                           Span span) {
    HirDecl *density = callee->decl;
    const AstNode *arguments = hir_arguments(density);
    args = density_numbers(e, density, args, &count);
    Value *own = arena_copy(e->arena, args, count * sizeof *args);
    if (!density_attach(e, density, own, count, span)) return value_poison();
    Value v = measure_to_linear(e, elab_function_call(e, callee, node, own, count, span), span);
    for (uint32_t i = 0; i < arguments->count && !value_is_poison(&v); i++) {
        const HirDecl *event = hir_argument_event(e->hir, arguments->kids[i]);
        const AstNode *fields = event ? event->node->kids[0] : NULL;
        bool good = event || times_unit(e, arguments->kids[i], &v, span);
        for (uint32_t k = 0; good && fields && k < fields->count; k++) good = times_unit(e, fields->kids[k], &v, span);
        if (!good) return value_poison();
    }
    v.measure = NULL;
    return v;
}

bool measure_check_list(Elab *e, const Value *list, Span span) {
    Value common = {.kind = VALUE_NUMBER};
    for (uint32_t i = 0; list->kind == VALUE_LIST && i < list->count; i++) {
        const Value *item = &list->items[i];
        if (item->kind != VALUE_NUMBER && item->kind != VALUE_TENSOR) continue;
        if (!measure_same(e, span, &common, item, "added", &common.measure)) return false;
        if (!common.span.file) common.span = item->span;
    }
    return true;
}

Value elab_per(Elab *e, const AstNode *call) {
    if (call->kind != AST_CALL || call->count < 3) {
        Value poison = elab_error(e, DIAG_E0301, call->span, "'per' takes a density and what it shall be per");
        diag_help(e->sink, "write for example: per(f(x), dlnx)");
        return poison;
    }
    Value v = elab_expr(e, call->kids[1]);
    if (value_is_poison(&v)) return v;
    if (!v.measure) {
        Value poison = elab_error(e, DIAG_E0321, call->kids[1]->span, "this is no density, so it is per nothing");
        diag_help(e->sink, "'per' converts the value of a density, for example per(f(x), dlnx)");
        return poison;
    }
    for (uint32_t i = 2; i < call->count && !value_is_poison(&v); i++) {
        const AstNode *name = call->kids[i];
        bool log;
        int64_t at = name->kind == AST_NAME ? read_name(v.measure, name->name, &log) : -1;
        if (at < 0) {
            report_unknown(e, name->span, name->kind == AST_NAME ? name->name : "this",
                           arena_format(e->arena, "a density %s", measure_text(e, v.measure)), v.measure);
            return value_poison();
        }
        v = convert(e, v, (uint32_t)at, log, call->span);
    }
    return v;
}
