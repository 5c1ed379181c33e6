/* Calls. A function's body is evaluated in a frame of its own with its arguments as values, so a call leaves no trace
 * but its operations. Function values (an activation passed to a layer) carry only their declaration. */
#include <string.h>

#include "sema/measure.h"

enum { DEPTH_MAX = 200, OPS_MAX = 1000000 };

/* x[n]: binds n to the size of x, or compares with it. */
static bool bind_dim(Elab *e, const AstNode *arg, const AstNode *dim, Value *v, uint32_t at, const HirDecl *decl) {
    const char *what = arena_format(e->arena, "dimension %u of '%s'", at + 1, arg->name);
    if (dim->kind == AST_NAME && !local_find(e->frame, dim->name) && !hir_decl(e->hir, dim)) {
        DimName *name = ARENA_NEW(e->arena, DimName);
        *name = (DimName){e->frame->dims, dim->name, v->dim[at]};
        e->frame->dims = name;
        local_push(e, dim->name, value_int((double)v->dim[at].size, dim->span));
        return true;
    }
    Value wanted = elab_expr(e, dim);
    int64_t size;
    if (!value_size(e, &wanted, what, &size)) return false;
    if (size != v->dim[at].size) {
        elab_error(e, DIAG_E0302, v->span.file ? v->span : dim->span, "%s of '%s' must be %lld, and it is %lld here",
                   what, decl->name, (long long)size, (long long)v->dim[at].size);
        diag_note(e->sink, dim->span, "asked for here");
        diag_help(e->sink, "give an array of %lld, or declare '%s' with a size of any name, as in %s[n]",
                  (long long)size, arg->name, arg->name);
        return false;
    }
    for (DimName *d = e->frame->dims; d && dim->kind == AST_NAME; d = d->next)
        if (!strcmp(d->name, dim->name) && size > 1 && d->dim.axis != v->dim[at].axis &&
            !tir_axes_has(value_axes(e, v), d->dim.axis))
            *v = value_move(e, v, at, d->dim.axis, v->span);
    return true;
}

bool frame_bind_array(Elab *e, const AstNode *arg, Value *v, const HirDecl *decl) {
    const AstNode *dims = hir_argument_dims(arg);
    if (!dims) return true;
    if (!value_to_array(e, v, TIR_NONE)) return false;
    if (!v->rank && dims->count == 1) {
        TirId id = v->kind == VALUE_NUMBER ? value_real_id(e, v) : v->id;
        *v = value_like(e, v, id, &(Dim){1, TIR_NONE}, 1, v->span);
    }
    if (v->rank != dims->count) {
        elab_error(e, DIAG_E0302, v->span.file ? v->span : arg->span,
                   "'%s' of '%s' must be an array of %u dimension%s, and this is %s", arg->name, decl->name,
                   dims->count, dims->count == 1 ? "" : "s", value_shape_text(e, v));
        diag_note(e->sink, arg->span, "declared here");
        diag_help(e->sink, "give an array of that many dimensions, or declare '%s' without a shape to take any",
                  arg->name);
        return false;
    }
    for (uint32_t i = 0; i < dims->count; i++)
        if (!bind_dim(e, arg, dims->kids[i], v, i, decl)) return false;
    return true;
}

/* e : Pair */
static bool bind_event(Elab *e, const AstNode *arg, Value *v, const HirDecl *decl) {
    HirDecl *event = hir_argument_event(e->hir, arg);
    if (!event) return true;
    if (v->kind == VALUE_RECORD && (v->decl == event || !v->decl))
        return record_to_event(e, v, event, v->span.file ? v->span : arg->span);
    if (v->kind == VALUE_SAMPLE && v->decl == event && decl->node->kind == AST_DETECTOR) return true;
    elab_error(e, DIAG_E0303, v->span.file ? v->span : arg->span,
               "'%s' of '%s' must be an event of type %s, and this is %s%s", arg->name, decl->name, event->name,
               value_kind_text(v), v->kind == VALUE_RECORD ? " of another type" : "");
    diag_note(e->sink, arg->span, "declared here");
    diag_help(e->sink, "give an event of type %s, or declare '%s' with the type that it gets", event->name, arg->name);
    return false;
}

bool frame_bind(Elab *e, HirDecl *decl, const Value *args) {
    const AstNode *arguments = hir_arguments(decl);
    Value *values = arena_copy(e->arena, args, arguments->count * sizeof *args);
    for (uint32_t i = 0; i < arguments->count; i++)
        if (arguments->kids[i]->kind == AST_ARG && !bind_event(e, arguments->kids[i], &values[i], decl)) return false;
    /* numbers first: a dimension may be named by a later argument */
    for (uint32_t i = 0; i < arguments->count; i++) {
        if (values[i].kind == VALUE_FUNCTION && values[i].decl->node->kind == AST_DENSITY) values[i].numbers = true;
        if (!hir_argument_dims(arguments->kids[i])) local_push(e, arguments->kids[i]->name, values[i]);
    }
    for (uint32_t i = 0; i < arguments->count; i++) {
        const AstNode *arg = arguments->kids[i];
        if (!unit_check_argument(e, &values[i], arg, decl)) return false;
        if (arg->kind != AST_ARG) continue;
        if (!frame_bind_array(e, arg, &values[i], decl)) return false;
        if (hir_argument_dims(arg)) local_push(e, arg->name, values[i]);
    }
    if (arguments->count) e->frame->first = local_find(e->frame, arguments->kids[0]->name);
    return true;
}

static Value check_result(Elab *e, const HirDecl *decl, const AstNode *shape, Value v);

/* `-> { mean[128], logvar[128] }`: a record with these fields, each of its shape. */
static Value check_record_result(Elab *e, const HirDecl *decl, const AstNode *shape, Value v) {
    static const AstNode NUMBER = {.kind = AST_SHAPE};
    bool same = v.kind == VALUE_RECORD && v.count == shape->count;
    Value *items = ARENA_ARRAY(e->arena, Value, shape->count + 1);
    for (uint32_t i = 0; same && i < shape->count; i++) {
        const AstNode *dims = hir_argument_dims(shape->kids[i]);
        const AstNode *fields = v.decl ? v.decl->node->kids[0] : NULL;
        uint32_t at = 0;
        while (at < v.count && strcmp(fields ? fields->kids[at]->name : v.names[at], shape->kids[i]->name)) at++;
        same = at < v.count;
        if (!same) break;
        items[at] = check_result(e, decl, dims ? dims : &NUMBER, v.items[at]);
        if (value_is_poison(&items[at])) return items[at];
    }
    if (!same) {
        Value poison = elab_error(e, DIAG_E0308, decl->node->name_span,
                                  "'%s' is declared to give a record of %u field%s, and its body gives %s", decl->name,
                                  shape->count, shape->count == 1 ? "" : "s",
                                  v.kind == VALUE_RECORD ? "one with other fields" : value_kind_text(&v));
        diag_note(e->sink, shape->span, "declared here");
        diag_help(e->sink, "let the body end in a record with these fields: {%s: ...}", shape->kids[0]->name);
        return poison;
    }
    v.items = items;
    return v;
}

/* `-> real`, `-> [m]` */
static Value check_result(Elab *e, const HirDecl *decl, const AstNode *shape, Value v) {
    if (!shape || value_is_poison(&v)) return v;
    if (shape->kind == AST_RECORD_SHAPE) return check_record_result(e, decl, shape, v);
    if (!value_to_array(e, &v, TIR_NONE)) return value_poison();
    int64_t size[TIR_MAX_AXES];
    bool same = v.rank == shape->count || (!shape->count && !value_scalar(v).rank);
    const char *wanted = "";
    for (uint32_t i = 0; i < shape->count; i++) {
        Value dim = elab_expr(e, shape->kids[i]);
        if (!value_size(e, &dim, "a size", &size[i])) return value_poison();
        wanted = arena_format(e->arena, "%s%s%lld", wanted, i ? ", " : "", (long long)size[i]);
        same = same && v.dim[i].size == size[i];
    }
    if (!same && shape->count == 1 && size[0] == 1 && !v.rank && v.kind == VALUE_TENSOR)
        return value_like(e, &v, v.id, &(Dim){1, TIR_NONE}, 1, v.span);
    if (same) return shape->count ? v : value_scalar(v);
    Value poison = elab_error(
        e, DIAG_E0308, decl->node->name_span, "'%s' is declared to give %s%s%s, and its body gives %s", decl->name,
        shape->count ? "[" : "one number", wanted, shape->count ? "]" : "", value_shape_text(e, &v));
    diag_note(e->sink, shape->span, "declared here");
    const char *given = value_scalar(v).rank ? value_shape_text(e, &v) : "real";
    diag_help(e->sink, "declare '-> %s', or let the body give %s%s%s", given, shape->count ? "[" : "one number", wanted,
              shape->count ? "]" : "");
    return poison;
}

Value function_body(Elab *e, HirDecl *decl) {
    Value v = elab_expr(e, decl->node->kids[2]);
    if (!unit_check_result(e, &v, decl)) return value_poison();
    return check_result(e, decl, decl->node->kids[1], v);
}

static Value evaluate_body(Elab *e, HirDecl *decl) {
    const AstNode *node = decl->node;
    if (node->kind == AST_FUN) return node->text || node->kids[4] ? clause_value(e, decl) : function_body(e, decl);
    if (node->kind != AST_LAYER) {
        bool shaped = node->kind == AST_NETWORK;
        Value v = elab_expr(e, node->kids[shaped ? 2 : 1]);
        if (node->kind == AST_DENSITY) v = density_cut(e, decl, v);
        if (!unit_check_result(e, &v, decl)) return value_poison();
        return check_result(e, decl, shaped ? node->kids[1] : NULL, v);
    }
    const AstNode *weights = node->kids[2];
    uint32_t number = 0;
    bool owns = false;
    for (uint32_t i = 0; i < weights->count; i++) owns |= weights->kids[i]->kind == AST_WEIGHT;
    if (owns) {
        if (!e->frame->net) {
            Value poison = elab_error(e, DIAG_E0411, e->frame->site,
                                      "layer '%s' has weights, which need a network to belong to", decl->name);
            diag_help(e->sink, "declare a network that uses it: network NAME(e : EVENT) -> real = ...");
            return poison;
        }
        number = e->frame->net->layers++;
    }
    for (uint32_t i = 0; i < weights->count; i++) {
        if (weights->kids[i]->kind == AST_LET) {
            let_bind(e, weights->kids[i], elab_expr(e, weights->kids[i]->kids[0]));
            continue;
        }
        Value v = elab_layer_weight(e, weights->kids[i], decl, number);
        if (value_is_poison(&v)) return v;
        local_push(e, weights->kids[i]->name, v);
    }
    return check_result(e, decl, node->kids[1], elab_expr(e, node->kids[3]));
}

/* A density or a qcf is a formula for one value of each argument. Given one array (a grid of points), its body sees one
 * number, whose axes are kept out of sight, and the result takes the array's shape. NULL: no such array. */
static Value *pointwise_argument(Elab *e, const HirDecl *decl, Value *args) {
    AstKind kind = decl->node->kind;
    Value *array = NULL;
    for (uint32_t i = 0; i < hir_arguments(decl)->count && (kind == AST_DENSITY || kind == AST_QCF); i++) {
        const AstNode *arg = hir_arguments(decl)->kids[i];
        if (hir_argument_dims(arg) || hir_argument_event(e->hir, arg)) return NULL;
        if (args[i].kind == VALUE_LIST && !value_to_array(e, &args[i], TIR_NONE)) return NULL;
        if (args[i].kind != VALUE_TENSOR || !args[i].rank) continue;
        if (array) return NULL;
        array = &args[i];
    }
    return array;
}

static Value pointwise_result(Elab *e, const HirDecl *decl, const Value *points, Value v) {
    if (value_is_poison(&v)) return v;
    bool number = v.kind == VALUE_NUMBER || ((v.kind == VALUE_TENSOR || v.kind == VALUE_LIST) &&
                                             value_to_array(e, &v, TIR_NONE) && !value_scalar(v).rank);
    if (!number || (v.kind == VALUE_TENSOR && v.type == TIR_BOOL))
        return elab_help(
            e,
            elab_error(e, DIAG_E0308, decl->node->name_span,
                       "'%s' must give one number for one value of its argument, and its body gives %s", decl->name,
                       v.kind == VALUE_TENSOR && v.type != TIR_BOOL ? value_shape_text(e, &v) : value_kind_text(&v)),
            "write a density for each of the numbers, or one formula such as a sum of them");
    v = value_scalar(v);
    TirAxes axes = tir_axes_union(value_axes(e, points), v.kind == VALUE_NUMBER ? tir_axes_none() : value_axes(e, &v));
    Value result = v;
    result.kind = VALUE_TENSOR;
    result.type = TIR_REAL;
    result.id = id_broadcast(e, value_real_id(e, &v), axes, points->span);
    result.rank = points->rank;
    memcpy(result.dim, points->dim, sizeof result.dim);
    result.span = points->span;
    return result;
}

/* Arrays made in the body get axes of their own, also where they are as long as the grid. */
static void hide_axes(Elab *e, const Value *points, bool hidden) {
    Context *c = e->context;
    for (size_t i = 0; i < c->by_size.count; i++)
        for (uint32_t d = 0; d < points->rank; d++)
            if (c->by_size.data[i].axis == points->dim[d].axis)
                c->by_size.data[i].size = hidden ? -1 : points->dim[d].size;
}

static Value evaluate_density(Elab *e, HirDecl *decl, const Value *args) {
    Value v = evaluate_body(e, decl);
    return value_is_poison(&v) || decl->node->kind != AST_DENSITY ? v : measure_of_call(e, decl, args, v);
}

static Value evaluate_pointwise(Elab *e, HirDecl *decl, const Value *args) {
    Value *own = arena_copy(e->arena, args, hir_arguments(decl)->count * sizeof *args);
    Value *array = pointwise_argument(e, decl, own);
    if (!array) return frame_bind(e, decl, own) ? evaluate_density(e, decl, own) : value_poison();
    Value points = *array, v = value_poison();
    array->rank = 0;
    hide_axes(e, &points, true);
    if (frame_bind(e, decl, own)) v = evaluate_density(e, decl, own);
    v = pointwise_result(e, decl, &points, v);
    hide_axes(e, &points, false);
    *array = points; /* where the measure of the result says that its variable stands */
    return v;
}

/* Arguments that are not given have their defaults, evaluated where the earlier arguments are known. False after a
 * report. */
static bool fill_defaults(Elab *e, const Value *callee, Value *args, const bool *given, Span span) {
    const AstNode *wanted = hir_arguments(callee->decl);
    Frame frame = {.caller = e->frame,
                   .decl = callee->decl,
                   .site = span,
                   .force = e->frame->force,
                   .path = e->frame->path,
                   .net = e->frame->net},
          *before = e->frame;
    e->frame = &frame;
    family_enter(e, callee);
    bool good = true;
    for (uint32_t i = 0; i < wanted->count && good; i++) {
        const AstNode *otherwise = hir_argument_default(wanted->kids[i]);
        if (!given[i] && !otherwise) {
            e->frame = before;
            elab_error(e, DIAG_E0301, span, "argument '%s' of '%s' is missing", wanted->kids[i]->name,
                       callee->decl->name);
            diag_note(e->sink, callee->decl->node->name_span, "declared here");
            diag_help(e->sink, "add it: %s = ...", wanted->kids[i]->name);
            return false;
        }
        if (!given[i]) args[i] = elab_expr(e, otherwise);
        good = !value_is_poison(&args[i]);
        local_push(e, wanted->kids[i]->name, args[i]);
    }
    e->frame = before;
    return good;
}

/* All arguments, the defaults of the last ones included; NULL where no default helps. */
static const Value *whole_arguments(Elab *e, const Value *callee, const Value *args, uint32_t count, Span span) {
    const AstNode *wanted = hir_arguments(callee->decl);
    if (count == wanted->count) return args;
    if (count > wanted->count || !hir_argument_default(wanted->kids[count])) return NULL;
    Value *all = ARENA_ARRAY(e->arena, Value, wanted->count);
    bool *given = ARENA_ARRAY(e->arena, bool, wanted->count);
    for (uint32_t i = 0; i < count; i++) {
        all[i] = args[i];
        given[i] = true;
    }
    return fill_defaults(e, callee, all, given, span) ? all : args;
}

Value elab_decl_call(Elab *e, HirDecl *decl, const AstNode *node, const Value *args, uint32_t count, Span span) {
    Value callee = {.kind = VALUE_FUNCTION, .decl = decl, .span = span};
    return elab_function_call(e, &callee, node, args, count, span);
}

Value elab_function_call(Elab *e, const Value *callee, const AstNode *node, const Value *args, uint32_t count,
                         Span span) {
    HirDecl *decl = callee->decl;
    if (!family_complete(e, callee, span)) return value_poison();
    if (decl->node->kind == AST_DENSITY && !(args = density_arguments(e, decl, args, &count, span)))
        return value_poison();
    size_t errors = e->sink->errors;
    const Value *whole = whole_arguments(e, callee, args, count, span);
    if (e->sink->errors != errors) return value_poison();
    if (whole) {
        args = whole;
        count = hir_arguments(decl)->count;
    }
    if (count != hir_arguments(decl)->count) {
        Value poison = elab_error(e, DIAG_E0301, span, "'%s' takes %u argument%s, and %u %s given", decl->name,
                                  hir_arguments(decl)->count, hir_arguments(decl)->count == 1 ? "" : "s", count,
                                  count == 1 ? "is" : "are");
        diag_note(e->sink, decl->node->name_span, "declared here");
        diag_help(e->sink, count < hir_arguments(decl)->count ? "add what is missing" : "remove what is too much");
        return poison;
    }
    if (e->depth >= DEPTH_MAX || e->context->f->ops.count > OPS_MAX) {
        Value poison = elab_error(e, DIAG_E0306, span, "this model needs more than %d %s",
                                  e->depth >= DEPTH_MAX ? DEPTH_MAX : OPS_MAX,
                                  e->depth >= DEPTH_MAX ? "calls within calls" : "operations");
        diag_help(e->sink, "a function that is given itself as an argument never ends");
        return poison;
    }
    identify_note_pdf(e, decl, args, count);
    Path path = {e->frame->path, node, 0};
    Frame frame = {.caller = e->frame, .decl = decl, .site = span, .force = e->frame->force, .net = e->frame->net};
    frame.path = arena_copy(e->arena, &path, sizeof path);
    Net net;
    if (decl->node->kind == AST_NETWORK && !(frame.net && frame.net->adopts)) {
        if (!e->context->fit)
            return elab_error(e, DIAG_E0411, span, "network '%s' can be used only by a fit", decl->name);
        net = (Net){fit_group(e, e->context->fit, decl->name, PROGRAM_NETWORK), 0, family_name(e, callee), 1, false};
        frame.net = &net;
    }
    e->frame = &frame;
    family_enter(e, callee);
    e->depth++;
    Value v = decl->node->kind == AST_DETECTOR ? elab_detector(e, decl, args) : evaluate_pointwise(e, decl, args);
    e->depth--;
    e->frame = frame.caller;
    v.span = span;
    return v;
}

Value elab_apply(Elab *e, Value callee, const AstNode *node, const Value *args, uint32_t count, Span span) {
    for (uint32_t i = 0; i < count; i++)
        if (value_is_poison(&args[i])) return value_poison();
    if (callee.kind == VALUE_FUNCTION)
        return callee.numbers ? measure_call_numbers(e, &callee, node, args, count, span)
                              : elab_function_call(e, &callee, node, args, count, span);
    if (callee.kind == VALUE_PRIMITIVE) {
        const Primitive *p = callee.primitive;
        if ((int)count < p->least || (p->most >= 0 && (int)count > p->most))
            return elab_help(e,
                             elab_error(e, DIAG_E0301, span, "'%s' takes %d argument%s, and %u %s given", p->name,
                                        (int)count < p->least ? p->least : p->most,
                                        p->least == 1 && p->most == 1 ? "" : "s", count, count == 1 ? "is" : "are"),
                             (int)count < p->least ? "add what is missing" : "remove what is too much");
        Value v = p->apply(e, p, node, args, count);
        v.span = span;
        return v;
    }
    if (value_is_poison(&callee)) return callee;
    const AstNode *name = node->kind == AST_CALL ? node->kids[0] : node;
    if (e->frame->decl && name->kind == AST_NAME && local_find(e->frame, name->name)) {
        Value poison = elab_error(e, DIAG_E0303, span, "'%s' of '%s' is called, and this is %s", name->name,
                                  e->frame->decl->name, value_kind_text(&callee));
        diag_note(e->sink, e->frame->decl->node->name_span, "declared here");
        diag_help(e->sink, "give a function or a density for '%s'; multiplication is written with '*'", name->name);
        return poison;
    }
    Value poison = elab_error(e, DIAG_E0303, callee.span.file ? callee.span : span, "this is %s and cannot be called",
                              value_kind_text(&callee));
    diag_help(e->sink, "multiplication is written with '*'");
    return poison;
}

/* Arguments in the order of the declaration, those by name included; NULL after a report. */
static Value *order_arguments(Elab *e, const AstNode *node, const Value *piped, const Value *callee, uint32_t *count) {
    const HirDecl *decl = callee->kind == VALUE_FUNCTION ? callee->decl : NULL;
    const AstNode *wanted = decl ? hir_arguments(decl) : NULL;
    uint32_t most = node->count + 1 + (wanted ? wanted->count : 0), place = 0;
    Value *args = ARENA_ARRAY(e->arena, Value, most);
    bool *given = ARENA_ARRAY(e->arena, bool, most);
    if (piped) {
        args[place] = *piped;
        given[place++] = true;
    }
    for (uint32_t i = 1; i < node->count; i++) {
        const AstNode *arg = node->kids[i];
        uint32_t at = place;
        if (arg->kind == AST_NAMED) {
            for (at = 0; wanted && at < wanted->count && strcmp(wanted->kids[at]->name, arg->name); at++) {
            }
            if (!wanted || at == wanted->count || given[at]) {
                elab_error(e, DIAG_E0208, arg->name_span,
                           wanted && at < wanted->count ? "argument '%s' is given twice"
                                                        : "no argument is named '%s' here",
                           arg->name);
                diag_help(e->sink, "leave it out, or give it without a name in its place");
                return NULL;
            }
        } else {
            place++;
        }
        args[at] = elab_expr(e, arg);
        given[at] = true;
        *count = at + 1 > *count ? at + 1 : *count;
    }
    if (place > *count) *count = place;
    for (uint32_t i = 0; wanted && i < *count && *count <= wanted->count; i++) {
        if (given[i]) continue;
        *count = wanted->count;
        return fill_defaults(e, callee, args, given, node->span) ? args : NULL;
    }
    return args;
}

static Value elab_shaped_call(Elab *e, const AstNode *node, const Value *piped, Value callee) {
    if (node->kind != AST_CALL) return elab_apply(e, callee, node, piped, piped ? 1 : 0, node->span);
    if (callee.kind == VALUE_PRIMITIVE && callee.primitive->reduces && node->count == 2 &&
        node->kids[1]->kind == AST_COMPREHEND && !piped)
        return elab_reduce(e, callee.primitive, node, node->kids[1]);
    uint32_t count = 0;
    const Value *args = order_arguments(e, node, piped, &callee, &count);
    return args ? elab_apply(e, callee, node, args, count, node->span) : value_poison();
}

static Value elab_integral_call(Elab *e, const AstNode *call) {
    return elab_integral(e, call, call->kids[1]);
}

/* Calls whose arguments are not values, and what evaluates each. */
typedef struct Form {
    const char *name;
    Value (*elab)(Elab *e, const AstNode *call);
    bool over; /* only of EXPR for x in SOURCE, and then also beside a declaration of this name */
} Form;

static const Form forms[] = {
    {"scan", elab_scan, false},       {"fold", elab_fold, false},
    {"fresh", elab_fresh, false},     {"per", elab_per, false},
    {"grad", elab_grad, false},       {"jacobian", elab_jacobian, false},
    {"hessian", elab_hessian, false}, {"integral", elab_integral_call, true},
    {"root", elab_root, true},        {"fixed_point", elab_fixed_point, true},
};

static const Form *form_find(const Elab *e, const AstNode *node) {
    const AstNode *name = node->kind == AST_CALL ? node->kids[0] : node;
    if (name->kind != AST_NAME || local_find(e->frame, name->name)) return NULL;
    bool over = node->kind == AST_CALL && node->count == 2 && node->kids[1]->kind == AST_COMPREHEND;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strcmp(name->name, forms[i].name))
            return (forms[i].over ? over : !hir_decl(e->hir, name)) ? &forms[i] : NULL;
    return NULL;
}

Value elab_call(Elab *e, const AstNode *node, const Value *piped) {
    const Form *form = form_find(e, node);
    if (form && piped)
        return elab_help(e,
                         elab_error(e, DIAG_E0309, node->span,
                                    "nothing can be piped into '%s': its arguments are no "
                                    "values",
                                    form->name),
                         "write all of it in the parentheses of the call");
    if (form) return form->elab(e, node);
    Value callee = elab_expr(e, node->kind == AST_CALL ? node->kids[0] : node);
    if (value_is_poison(&callee)) return callee;
    return elab_shaped_call(e, node, piped, callee);
}
