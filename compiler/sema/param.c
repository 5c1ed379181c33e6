/* Declarations of parameters: families over flavours with what is said of single members, arrays, domains, starts,
 * truths, fixed values and links. Everything known now is a number when this is through; links are computed at the
 * declared starts and truths, which finds those that need themselves. */
#include <math.h>
#include <string.h>

#include "sema/unit.h"

/* Node children of a PARAM, by lang/ast.def. */
enum { KID_DOMAIN, KID_VALUE, KID_START, KID_TRUTH, KID_FAMILY, KID_TYPE, KID_PRIOR };

typedef struct Family {
    HirDecl *decl;
    uint32_t labels; /* flavour sets, which come before the sizes */
    const AstNode *set[TIR_MAX_AXES];
    uint32_t rank;
    int64_t size[TIR_MAX_AXES];
} Family;

/* --- domains --- */

static const char *domain_text(Elab *e, const ParamDomain *d) {
    if (d->kind == QTM_SIMPLEX) return "simplex";
    return arena_format(e->arena, "%s%c%.10g, %.10g%c", d->kind == QTM_ORDERED ? "ordered " : "",
                        qtm_domain_has_low_end(d->kind) ? '[' : '(', d->low, d->high,
                        qtm_domain_has_high_end(d->kind) ? ']' : ')');
}

static bool domain_kind(Elab *e, const AstNode *node, ParamDomain *d) {
    bool low_end = (int)node->number & 1, high_end = (int)node->number & 2;
    bool ordered = node->name && !strcmp(node->name, "ordered");
    if ((low_end && isinf(d->low)) || (high_end && isinf(d->high))) {
        elab_error(e, DIAG_E0401, node->span, "an infinite end does not belong to the domain");
        diag_help(e->sink, "write a round bracket there: %s", low_end && isinf(d->low) ? "(-inf, ..." : "..., inf)");
        return false;
    }
    if (ordered && (low_end || high_end)) {
        elab_error(e, DIAG_E0401, node->span, "the ends of an ordered domain do not belong to it");
        diag_help(e->sink, "write round brackets: ordered (%.10g, %.10g)", d->low, d->high);
        return false;
    }
    static const enum qtm_domain finite[] = {QTM_OPEN, QTM_LOW_END, QTM_HIGH_END, QTM_CLOSED};
    if (ordered)
        d->kind = QTM_ORDERED;
    else if (isfinite(d->low) && isfinite(d->high))
        d->kind = finite[low_end + 2 * high_end];
    else if (isfinite(d->low))
        d->kind = low_end ? QTM_FROM : QTM_ABOVE;
    else if (isfinite(d->high))
        d->kind = high_end ? QTM_UP_TO : QTM_BELOW;
    else
        d->kind = QTM_REAL;
    return true;
}

static bool domain_read(Elab *e, ParamSlot *slot) {
    const AstNode *node = slot->domain_node;
    ParamDomain *d = &slot->domain;
    bool simplex = node->name && !strcmp(node->name, "simplex"), ordered = node->name && !strcmp(node->name, "ordered");
    if ((simplex || ordered) && !slot->rank) {
        elab_error(e, DIAG_E0401, node->span, "'%s' is said of an array of parameters, and '%s' is one number",
                   node->name, slot->name);
        diag_help(e->sink, "give it a length: param %s[4] in %s", slot->decl->name,
                  simplex ? "simplex" : "ordered (0, 1)");
        return false;
    }
    *d = (ParamDomain){simplex ? QTM_SIMPLEX : QTM_ABOVE, 0, simplex ? 1 : INFINITY};
    if (!node->kids[0] || !node->kids[1]) return true; /* simplex, positive */
    Value a = elab_const_number(e, node->kids[0], "the end of a domain");
    Value b = elab_const_number(e, node->kids[1], "the end of a domain");
    if (value_is_poison(&a) || value_is_poison(&b)) return false;
    if (!unit_number(e, &a, slot->type, "the end of this domain", &d->low) ||
        !unit_number(e, &b, slot->type, "the end of this domain", &d->high))
        return false;
    d->low /= slot->scale;
    d->high /= slot->scale;
    if (!(d->low < d->high) || d->low == INFINITY || d->high == -INFINITY) {
        elab_error(e, DIAG_E0401, span_join(node->kids[0]->span, node->kids[1]->span),
                   "the domain of '%s' is empty: %.10g is not below %.10g", slot->name, d->low, d->high);
        diag_help(e->sink, "write the lower end first");
        return false;
    }
    return domain_kind(e, node, d);
}

/* --- numbers --- */

/* A function of its own in which nothing but constants, options and, by `mode`, parameters have values. */
static Context *scratch(Elab *e, ParamMode mode) {
    Context *c = context_new(e, "values", NULL, mode, false, NULL);
    return c;
}

static bool fits_shape(const ParamSlot *slot, const Value *v) {
    Value s = value_scalar(*v);
    if (s.kind == VALUE_NUMBER || !s.rank) return true;
    bool same = v->rank == slot->rank;
    for (uint32_t i = 0; same && i < v->rank; i++) same = v->dim[i].size == slot->size[i];
    return same;
}

TirId param_stored(Elab *e, const ParamSlot *slot, Value v) {
    Span span = slot->span;
    Value target = {.rank = slot->rank};
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < slot->rank; i++) {
        target.dim[i] = dim_new(e, "p", slot->size[i]);
        if (target.dim[i].axis != TIR_NONE) axes = tir_axes_add(axes, target.dim[i].axis);
    }
    if (v.kind == VALUE_TENSOR && value_scalar(v).rank) v = value_align(e, v, &target, span);
    return id_broadcast(e, value_real_id(e, &v), axes, span);
}

/* Options have their declared values here. */
static void run(Elab *e, const Context *c, TirTensor *out) {
    TirTensor *in = ARENA_ARRAY(e->arena, TirTensor, c->f->inputs.count + 1);
    for (size_t i = 0; i < c->f->inputs.count; i++) {
        const TirPort *port = &c->f->inputs.data[i];
        in[i] = (TirTensor){.type = TIR_REAL, .count = 1, .data = ARENA_NEW(e->arena, double)};
        if (port->role == TIR_PORT_OPTION) in[i].data[0] = e->program->options.data[port->index].value;
    }
    tir_interpret(c->f, e->arena, in, NULL, 1, 0, out);
}

/* The numbers that a value of the function at hand has, in `to`; NaN where a function in C must not be called for them.
 * False after a report. */
static bool read_numbers(Elab *e, const ParamSlot *slot, Value v, const AstNode *node, const char *what, double *to) {
    if (value_is_poison(&v) || !value_to_array(e, &v, TIR_NONE)) return false;
    if (v.type == TIR_BOOL || !fits_shape(slot, &v)) {
        elab_error(e, slot->rank ? DIAG_E0302 : DIAG_E0408, node->span, "%s of '%s' is %s, and %s is wanted", what,
                   slot->name, v.type == TIR_BOOL ? "a condition" : value_shape_text(e, &v),
                   slot->rank ? "an array of its shape, or one number for all elements," : "one number");
        diag_help(e->sink, slot->rank ? "write one number, or as many as the array has elements" : "write one number");
        return false;
    }
    v = value_scalar(v);
    Value one = value_number(1, v.span); /* plain numbers are in declared units */
    double factor = 1;
    one.unit = v.unit;
    if ((slot->type || !slot->link) && !unit_number(e, &one, slot->type, what, &factor)) return false;
    factor /= slot->scale;
    if (v.kind == VALUE_NUMBER) {
        for (int64_t i = 0; i < slot->count; i++) to[i] = factor == 1 ? v.number : v.number * factor;
        return true;
    }
    TirFunction *f = e->context->f;
    TirPort *kept = f->outputs.data;
    size_t count = f->outputs.count, capacity = f->outputs.capacity;
    f->outputs.data = NULL;
    f->outputs.count = f->outputs.capacity = 0;
    tir_output(f, TIR_PORT_VALUE, 0, "value", param_stored(e, slot, v));
    TirTensor out;
    bool known = !extern_unknown(e, f);
    if (known) run(e, e->context, &out);
    for (int64_t i = 0; i < slot->count; i++) to[i] = known ? out.data[i] * factor : NAN;
    f->outputs.data = kept;
    f->outputs.count = count;
    f->outputs.capacity = capacity;
    return true;
}

/* --- values of a slot that are known now --- */

static bool check_inside(Elab *e, const ParamSlot *slot, const AstNode *node, const char *what, bool ends,
                         const double *x) {
    const ParamDomain *d = &slot->domain;
    if (!slot->bounded) return true;
    for (int64_t i = 0; i < slot->count; i++) {
        if (qtm_domain_holds(d->kind, d->low, d->high, ends, x[i])) continue;
        elab_error(e, DIAG_E0401, node->span, "%s of '%s', %.10g, is outside its domain %s", what, slot->name, x[i],
                   domain_text(e, d));
        diag_help(e->sink, "%s",
                  x[i] == d->low || x[i] == d->high ? "a round bracket leaves that end out of the domain"
                                                    : "change the value or the domain");
        return false;
    }
    int64_t line = slot->rank ? slot->size[slot->rank - 1] : 1;
    for (int64_t i = 0; i < slot->count; i += line) {
        if (qtm_domain_line_holds(d->kind, line, x + i)) continue;
        elab_error(e, DIAG_E0401, node->span, "%s of '%s' %s", what, slot->name,
                   d->kind == QTM_SIMPLEX ? "does not add up to 1" : "does not increase from element to element");
        diag_help(e->sink, d->kind == QTM_SIMPLEX ? "divide by the sum of the elements" : "sort its elements");
        return false;
    }
    return true;
}

static bool read_known(Elab *e, ParamSlot *slot, const AstNode *node, const char *what, bool ends, double **to) {
    Context *before = e->context;
    scratch(e, PARAMS_NONE);
    Value v = param_expr(e, slot, node);
    *to = ARENA_ARRAY(e->arena, double, slot->count);
    bool good = false;
    if (v.kind == VALUE_TENSOR && e->context->inputs.count) {
        elab_error(e, DIAG_E0304, node->span, "%s of '%s' must be known when the model is compiled", what, slot->name);
        diag_help(e->sink, "use numbers, `size` and `const` declarations");
    } else {
        good = read_numbers(e, slot, v, node, what, *to) &&
               (extern_unknown(e, e->context->f) || check_inside(e, slot, node, what, ends, *to));
    }
    e->context = before;
    return good;
}

static void default_starts(Elab *e, ParamSlot *slot) {
    int64_t line = slot->rank ? slot->size[slot->rank - 1] : 1;
    slot->starts = ARENA_ARRAY(e->arena, double, slot->count);
    for (int64_t i = 0; i < slot->count; i++)
        slot->starts[i] = qtm_domain_start(slot->domain.kind, slot->domain.low, slot->domain.high, line, i % line);
}

static bool check_parts(Elab *e, const ParamSlot *slot, bool own_domain) {
    const char *what = NULL, *help = NULL;
    Span span = slot->value ? slot->value->span : slot->span;
    if (slot->link && (own_domain || slot->start || slot->truth)) {
        what = own_domain ? "has a domain" : slot->start ? "has a start" : "has a truth";
        elab_error(e, DIAG_E0432, span, "'%s' is a link, which follows other parameters, and it %s", slot->name, what);
        help = own_domain || slot->start ? "to start from a value, write 'start VALUE'; to hold one, 'fixed' behind it"
                                         : "leave the truth out: it is computed from the truths of what the link uses";
    } else if (slot->fixed && slot->value && slot->start) {
        elab_error(e, DIAG_E0432, slot->start->span, "'%s' is fixed at a value, and has a start too", slot->name);
        help = "leave one of them out";
    } else if (slot->fixed && !slot->value && !slot->start) {
        elab_error(e, DIAG_E0432, slot->span, "'%s' is fixed, but at what value?", slot->name);
        help = "write it: = VALUE fixed";
    } else if (!slot->bounded && !slot->value) {
        elab_error(e, DIAG_E0401, slot->span, "parameter '%s' has no domain", slot->name);
        help = "say where it may lie: in (LOW, HIGH), in positive, or in (-inf, inf)";
    }
    if (help) diag_help(e->sink, "%s", help);
    return !help;
}

static bool read_slot(Elab *e, ParamSlot *slot, bool own_domain) {
    slot->link = slot->value && !slot->fixed;
    slot->bounded = slot->domain_node && !slot->link;
    if (!check_parts(e, slot, own_domain) || !unit_of_type(e, slot->type, &slot->unit, &slot->scale)) return false;
    slot->unit_text = unit_type_text(e, slot->type);
    if (slot->bounded && !domain_read(e, slot)) return false;
    if (slot->link) return true;
    if (!slot->bounded) slot->domain = (ParamDomain){QTM_REAL, -INFINITY, INFINITY};
    const AstNode *start = slot->fixed && slot->value ? slot->value : slot->start;
    const char *what = slot->fixed ? "the value" : "the start";
    if (!start)
        default_starts(e, slot);
    else if (!read_known(e, slot, start, what, slot->fixed, &slot->starts))
        return false;
    slot->has_start = start != NULL;
    slot->has_truth = slot->truth != NULL;
    if (slot->truth) return read_known(e, slot, slot->truth, "the truth", true, &slot->truths);
    if (slot->fixed) slot->truths = slot->starts;
    slot->has_truth = slot->fixed;
    return true;
}

/* --- families --- */

static bool read_family(Elab *e, Family *family) {
    const AstNode *node = hir_family(family->decl);
    for (uint32_t i = 0; node && i < node->count; i++) {
        const AstNode *index = node->kids[i];
        const AstNode *set = index->kind == AST_BINDER ? index->kids[0] : index;
        const HirDecl *decl = set->kind == AST_NAME ? hir_decl(e->hir, set) : NULL;
        if (node->count > TIR_MAX_AXES - 2) {
            elab_error(e, DIAG_E0306, node->span, "a family of parameters has at most %d indices", TIR_MAX_AXES - 2);
            return false;
        }
        if (decl && decl->node->kind == AST_FLAVOUR) {
            if (family->rank) {
                elab_error(e, DIAG_E0302, index->span, "flavours come before sizes in a family of parameters");
                diag_help(e->sink, "write %s[%s, ...]", family->decl->name, decl->name);
                return false;
            }
            family->set[family->labels++] = decl->node->kids[0];
            continue;
        }
        Value v = elab_expr(e, set);
        if (!value_size(e, &v, "a dimension of parameters", &family->size[family->rank++])) return false;
    }
    double count = 1;
    for (uint32_t i = 0; i < family->rank; i++) count *= (double)family->size[i];
    if (count > 1 << 24) {
        elab_error(e, DIAG_E0306, node->span, "'%s' has %.3g parameters, and %d is the most", family->decl->name, count,
                   1 << 24);
        diag_help(e->sink, "make the sizes smaller");
    }
    return count <= 1 << 24;
}

static const AstNode *find_member(const Family *family, const uint32_t *label) {
    for (size_t i = 0; family->labels == 1 && i < family->decl->members.count; i++) {
        const AstNode *node = family->decl->members.data[i];
        if (!strcmp(node->text, family->set[0]->kids[label[0]]->name)) return node;
    }
    return NULL;
}

static bool check_members(Elab *e, const Family *family) {
    bool good = true;
    for (size_t i = 0; i < family->decl->members.count; i++) {
        const AstNode *node = family->decl->members.data[i], *set = family->labels == 1 ? family->set[0] : NULL;
        const char **known = ARENA_ARRAY(e->arena, const char *, set ? set->count + 1 : 1);
        bool found = false;
        for (uint32_t k = 0; set && k < set->count; k++) {
            known[k] = set->kids[k]->name;
            found |= !strcmp(known[k], node->text);
        }
        if (!found) {
            elab_error(e, DIAG_E0212, node->name_span, "family '%s' has no member '%s'", node->name, node->text);
            diag_note(e->sink, family->decl->node->name_span, "declared here");
            const char *near = set ? diag_nearest(node->text, known, set->count) : NULL;
            if (near)
                diag_help(e->sink, "did you mean '%s.%s'?", node->name, near);
            else
                diag_help(e->sink, "single members can be named in a family over one flavour set");
            good = false;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(family->decl->members.data[k]->text, node->text)) continue;
            elab_error(e, DIAG_E0202, node->name_span, "'%s.%s' is said twice", node->name, node->text);
            diag_note(e->sink, family->decl->members.data[k]->span, "first said here");
            diag_help(e->sink, "put both into one line");
            good = false;
        }
    }
    return good;
}

/* What is said of the member goes before what is said of the family. */
static bool add_slot(Elab *e, const Family *family, const uint32_t *label, bool broken) {
    ParamSlot *slot = ARENA_NEW(e->arena, ParamSlot);
    const AstNode *node = family->decl->node, *own = find_member(family, label), *from = own ? own : node;
    bool value = own && own->kids[KID_VALUE], domain = own && own->kids[KID_DOMAIN];
    *slot = (ParamSlot){.decl = family->decl, .name = family->decl->name, .span = from->name_span};
    slot->domain_node = domain ? own->kids[KID_DOMAIN] : node->kids[KID_DOMAIN];
    slot->value = value || domain ? own->kids[KID_VALUE] : node->kids[KID_VALUE];
    slot->fixed = value || domain || (own && own->flag) ? own->flag : node->flag;
    slot->start = value || from->kids[KID_START] ? from->kids[KID_START] : node->kids[KID_START];
    slot->truth = value || from->kids[KID_TRUTH] ? from->kids[KID_TRUTH] : node->kids[KID_TRUTH];
    slot->type = from->kids[KID_TYPE] ? from->kids[KID_TYPE] : node->kids[KID_TYPE];
    slot->prior = from->kids[KID_PRIOR] ? from->kids[KID_PRIOR] : node->kids[KID_PRIOR];
    slot->label = arena_copy(e->arena, label, (family->labels + 1) * sizeof *label);
    for (uint32_t i = 0; i < family->labels; i++)
        slot->name = arena_format(e->arena, "%s.%s", slot->name, family->set[i]->kids[label[i]]->name);
    slot->rank = family->rank;
    slot->count = 1;
    for (uint32_t i = 0; i < family->rank; i++) {
        slot->size[i] = family->size[i];
        slot->count *= family->size[i];
    }
    slot->number = (uint32_t)e->slots.count;
    VEC_PUSH(e->arena, &e->slots, slot);
    slot->scale = 1;
    slot->broken = broken || !read_slot(e, slot, (value ? own : node)->kids[KID_DOMAIN] != NULL);
    if (!slot->broken) return true;
    /* something for what uses it, so that the rest of the model is looked through */
    slot->link = slot->has_truth = false;
    slot->bounded = true;
    slot->domain = (ParamDomain){QTM_OPEN, 0, 1};
    default_starts(e, slot);
    return false;
}

void param_declare(Elab *e, HirDecl *decl) {
    Family family = {.decl = decl};
    decl->index = (uint32_t)e->slots.count;
    bool broken = !read_family(e, &family);
    if (broken) family = (Family){.decl = decl};
    if (!broken) check_members(e, &family);
    uint32_t label[TIR_MAX_AXES + 1] = {0};
    for (;;) { /* the last flavour changes fastest; what is wrong is said once */
        broken = !add_slot(e, &family, label, broken) || broken;
        uint32_t i = family.labels;
        while (i > 0 && ++label[i - 1] == family.set[i - 1]->count) label[--i] = 0;
        if (!i) return;
    }
}

/* --- the Program's tables --- */

static void add_rows(Elab *e, ParamSlot *slot) {
    slot->row = (uint32_t)e->program->params.count;
    const AstNode *link = slot->link ? slot->value : NULL;
    const SourceFile *file = link ? source_file(e->hir->sources, link->span.file) : NULL;
    ProgramParam row = {.domain = slot->domain.kind,
                        .low = slot->domain.low,
                        .high = slot->domain.high,
                        .has_start = slot->has_start,
                        .has_truth = slot->has_truth,
                        .kind = slot->link    ? PROGRAM_LINK
                                : slot->fixed ? PROGRAM_FIXED
                                              : PROGRAM_FREE,
                        .bounded = slot->bounded,
                        .unit = slot->unit_text,
                        .output = slot->number,
                        .block = slot->block,
                        .line = slot->rank ? slot->size[slot->rank - 1] : 1};
    if (link)
        row.link =
            arena_format(e->arena, "%.*s", (int)(link->span.end - link->span.begin), file->text + link->span.begin);
    for (int64_t i = 0; i < slot->count; i++) {
        const char *name = slot->name;
        int64_t rest = slot->count, left = i;
        for (uint32_t d = 0; d < slot->rank; d++) {
            rest /= slot->size[d];
            name = arena_format(e->arena, "%s%s%lld%s", name, d ? "," : "[", (long long)(left / rest),
                                d + 1 == slot->rank ? "]" : "");
            left %= rest;
        }
        row.name = name;
        row.element = i;
        row.place = slot->place + i;
        row.start = slot->starts ? slot->starts[i] : 0;
        row.truth = slot->truths ? slot->truths[i] : 0;
        VEC_PUSH(e->arena, &e->program->params, row);
    }
}

static void make_blocks(Elab *e) {
    ProgramParamBlock numbers = {.name = "params"};
    for (size_t i = 0; i < e->slots.count; i++) {
        ParamSlot *slot = e->slots.data[i];
        if (!slot->link && !slot->rank) slot->place = slot->output = numbers.count++;
    }
    numbers.rank = numbers.count > 1;
    numbers.shape[0] = numbers.count;
    if (numbers.count) VEC_PUSH(e->arena, &e->program->param_blocks, numbers);
    int64_t output = numbers.count;
    for (size_t i = 0; i < e->slots.count; i++) {
        ParamSlot *slot = e->slots.data[i];
        if (slot->link || !slot->rank) continue;
        ProgramParamBlock block = {.name = arena_format(e->arena, "params.%s", slot->name), .count = slot->count};
        for (uint32_t d = 0; d < slot->rank; d++)
            if (slot->size[d] > 1) block.shape[block.rank++] = slot->size[d];
        slot->block = (uint32_t)e->program->param_blocks.count;
        slot->output = output;
        output += slot->count;
        VEC_PUSH(e->arena, &e->program->param_blocks, block);
    }
}

/* A link and the priors at the declared starts, and the link at the truths of what it uses. */
static bool compute_link(Elab *e, ParamSlot *slot) {
    slot->starts = ARENA_ARRAY(e->arena, double, slot->count);
    slot->truths = ARENA_ARRAY(e->arena, double, slot->count);
    Value v = param_slot_value(e, slot, slot->span);
    if (value_is_poison(&v)) return false;
    if (!slot->type && v.unit) {
        slot->unit = v.unit;
        slot->unit_text = unit_text(e, v.unit);
    }
    if (!read_numbers(e, slot, v, slot->value, "the value", slot->starts)) return false;
    Context *starts = e->context;
    scratch(e, PARAMS_TRUTH);
    v = param_slot_value(e, slot, slot->span);
    slot->has_truth = !e->context->truth_missing;
    if (slot->has_truth && !read_numbers(e, slot, v, slot->value, "the truth", slot->truths)) slot->has_truth = false;
    e->context = starts;
    return true;
}

static void check_prior(Elab *e, const ParamSlot *slot) {
    Value v = param_prior(e, slot, param_slot_number(e, slot, slot->span));
    double density[1];
    ParamSlot one = {.name = slot->name, .count = 1, .scale = 1};
    if (!read_numbers(e, &one, v, slot->prior, "the log density", density)) return;
    if (extern_unknown(e, e->context->f) || (!isnan(density[0]) && density[0] != INFINITY)) return;
    elab_error(e, DIAG_E0401, slot->prior->span, "the prior of '%s' has no finite density at its start", slot->name);
    diag_help(e->sink, "widths must be positive, and ends in order");
}

void param_finish(Elab *e) {
    Context *before = e->context;
    Frame frame = {0}, *outer = e->frame;
    e->frame = &frame;
    make_blocks(e);
    scratch(e, PARAMS_START);
    for (size_t i = 0; i < e->slots.count; i++)
        if (e->slots.data[i]->link) e->slots.data[i]->broken = !compute_link(e, e->slots.data[i]);
    for (size_t i = 0; i < e->slots.count; i++)
        if (e->slots.data[i]->prior && !e->slots.data[i]->broken) check_prior(e, e->slots.data[i]);
    for (size_t i = 0; i < e->slots.count; i++) add_rows(e, e->slots.data[i]);
    e->seen = ARENA_ARRAY(e->arena, bool, e->slots.count + 1);
    e->ends = ARENA_ARRAY(e->arena, Span, e->slots.count + 1);
    e->frame = outer;
    e->context = before;
}

const ParamSlot *param_free(const Elab *e, size_t *at) {
    for (; *at < e->slots.count; ++*at) {
        const ParamSlot *slot = e->slots.data[*at];
        if (slot->link || slot->fixed) continue;
        ++*at;
        return slot;
    }
    return NULL;
}

bool param_all_truth(const Elab *e) {
    for (size_t i = 0; i < e->slots.count; i++)
        if (!e->slots.data[i]->has_truth) return false;
    return true;
}
