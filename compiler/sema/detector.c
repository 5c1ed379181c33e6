/* Detectors: `sample |> zeus` leads the events of a sample through the stages of a detector, one after another, all
 * events at once. What is continuous (smear, rebuild) keeps the derivative of its map; what is discrete carries a
 * weight of value 1 whose derivative is the score, p/stop(p), so that weighted means have unbiased derivatives. */
#include "sema/sema.h"

#include <math.h>
#include <string.h>

typedef struct Fold {
    HirDecl *detector;
    const char *event_name; /* of the argument */
    Value event;            /* as it is after the stages so far */
    Value weight;           /* poison: all 1 */
    TirAxes events;         /* axes of the sample but for the parameter vectors */
    bool failed;
} Fold;

static void set_event(Elab *e, Fold *fold, Value event) {
    fold->event = event;
    local_push(e, fold->event_name, event);
}

static void set_field(Elab *e, Fold *fold, uint32_t at, Value v) {
    Value *items = arena_copy(e->arena, fold->event.items, fold->event.count * sizeof *items);
    items[at] = v;
    Value event = fold->event;
    event.items = items;
    set_event(e, fold, event);
}

static uint32_t find_field(const Fold *fold, const char *name) {
    uint32_t at = 0;
    while (at < fold->event.count && strcmp(record_field_name(&fold->event, at), name)) at++;
    return at;
}

static void weigh(Elab *e, Fold *fold, Value factor, Span span) {
    if (value_is_poison(&factor))
        fold->failed = true;
    else if (value_is_poison(&fold->weight))
        fold->weight = factor;
    else
        fold->weight = elab_map(e, TIR_MUL, span, fold->weight, factor, value_poison());
}

/* One number (or one condition) for an event; poison after a report. */
static Value stage_number(Elab *e, const AstNode *node, const char *what, bool condition) {
    Value v = value_scalar(elab_expr(e, node));
    if (value_is_poison(&v)) return v;
    bool single = v.kind == VALUE_NUMBER || (v.kind == VALUE_TENSOR && !v.rank);
    if (single && (v.type == TIR_BOOL) == condition) return v;
    Value poison = elab_error(e, DIAG_E0303, node->span, "%s is %s, and this is %s", what,
                              condition ? "a condition" : "one number", value_kind_text(&v));
    diag_help(e->sink, "%s", condition ? "compare with something: require e.x > 0.1" : "give one number for one event");
    return poison;
}

/* p / stop(p): 1, with the derivative of log p. */
static Value score(Elab *e, Value p, Span span) {
    Value none = value_poison();
    if (p.kind == VALUE_NUMBER) return value_number(1, span);
    return elab_map(e, TIR_DIV, span, p, elab_map(e, TIR_STOP, span, p, none, none), none);
}

static Value uniform(Elab *e, const AstNode *stage) {
    TirId id = tir_uniform(e->context->f, elab_stream(e, stage), e->frame->force, stage->span);
    rounds_note_draw(e, id);
    return value_tensor(e, id, NULL, 0, stage->span);
}

static bool check_probability(Elab *e, const AstNode *node, const Value *p, const char *what) {
    if (p->kind != VALUE_NUMBER || (p->number >= 0 && p->number <= 1)) return true;
    elab_error(e, DIAG_E0419, node->span, "%s lies from 0 to 1, and this is %.10g", what, p->number);
    diag_help(e->sink, "'weight' takes any factor");
    return false;
}

/* keep with probability p: u < p stays, and carries p / stop(p). */
static void stage_keep(Elab *e, Fold *fold, const AstNode *stage) {
    Value p = stage_number(e, stage->kids[0], "the probability to keep an event", false), none = value_poison();
    fold->failed |=
        value_is_poison(&p) || !check_probability(e, stage->kids[0], &p, "the probability to keep an event");
    if (fold->failed) return;
    Value kept = elab_map(e, TIR_LT, stage->span, uniform(e, stage), p, none);
    weigh(e, fold, elab_choose(e, stage->span, kept, score(e, p, stage->span), value_number(0, stage->span)),
          stage->span);
}

/* What fails `require` goes to the middle of its fields: it has no weight, and what is computed from it from here on is
 * finite, as are its derivatives. */
static void move_failed(Elab *e, Fold *fold, Value inside, Span span) {
    const AstNode *fields = fold->event.decl->node->kids[0];
    const ProgramEvent *event = &e->program->events.data[fold->event.decl->index];
    for (uint32_t i = 0; i < fold->event.count && !fold->failed; i++) {
        const ProgramField *field = &event->fields.data[i];
        bool log = fields->kids[i]->flag;
        double middle = log ? sqrt(field->low * field->high) : 0.5 * (field->low + field->high);
        Value safe = value_number(middle, span);
        safe.unit = fold->event.items[i].unit;
        Value moved = elab_map(e, TIR_SELECT, span, inside, fold->event.items[i], safe);
        fold->failed |= value_is_poison(&moved);
        if (!fold->failed) set_field(e, fold, i, moved);
    }
}

static void stage_require(Elab *e, Fold *fold, const AstNode *stage) {
    Value inside = stage_number(e, stage->kids[0], "'require'", true);
    if (value_is_poison(&inside)) {
        fold->failed = true;
        return;
    }
    Value one = value_number(1, stage->span), zero = value_number(0, stage->span);
    weigh(e, fold, elab_map(e, TIR_SELECT, stage->span, inside, one, zero), stage->span);
    move_failed(e, fold, inside, stage->span);
}

/* smear E by D where E = value: E is value + D from here on; without `where`, a field or what an earlier stage named.
 */
static void stage_smear(Elab *e, Fold *fold, const AstNode *stage) {
    const AstNode *where = stage->kids[1];
    uint32_t at = find_field(fold, stage->name);
    Local *before = local_find(e->frame, stage->name);
    Value v = value_poison();
    if (where && strcmp(where->name, stage->name)) {
        elab_error(e, DIAG_E0419, where->name_span, "'smear %s' says where '%s' comes from", stage->name, where->name);
        diag_help(e->sink, "write: where %s = ...", stage->name);
    } else if (where) {
        v = stage_number(e, where->kids[0], "what is smeared", false);
    } else if (at < fold->event.count) {
        v = fold->event.items[at];
    } else if (before) {
        v = before->value;
    } else {
        v = elab_error(e, DIAG_E0207, stage->name_span, "event %s has no field '%s'", fold->event.decl->name,
                       stage->name);
        diag_help(e->sink, "say where it comes from: smear %s by ... where %s = ...", stage->name, stage->name);
    }
    if (!value_is_poison(&v)) local_push(e, stage->name, v);
    Value by = value_is_poison(&v) ? v : stage_number(e, stage->kids[0], "what is added by smearing", false);
    v = elab_map(e, TIR_ADD, stage->span, v, by, value_poison());
    fold->failed |= value_is_poison(&v);
    if (fold->failed) return;
    local_push(e, stage->name, v);
    if (at < fold->event.count) set_field(e, fold, at, v);
}

static void stage_rebuild(Elab *e, Fold *fold, const AstNode *stage) {
    HirDecl *result = hir_decl(e->hir, fold->detector->node->kids[1]);
    fold->failed = true;
    if (strcmp(stage->name, fold->event_name)) {
        elab_error(e, DIAG_E0419, stage->name_span, "the event of this detector is called '%s'", fold->event_name);
        diag_help(e->sink, "write: rebuild %s = ...; 'let' gives other values a name", fold->event_name);
        return;
    }
    Value v = elab_expr(e, stage->kids[0]);
    if (value_is_poison(&v) || !result) return;
    if (v.kind != VALUE_RECORD) {
        elab_error(e, DIAG_E0303, stage->kids[0]->span, "an event is rebuilt from a record, and this is %s",
                   value_kind_text(&v));
        diag_help(e->sink, "give all fields of %s: {%s: VALUE, ...}", result->name,
                  result->node->kids[0]->kids[0]->name);
        return;
    }
    if (!record_to_event(e, &v, result, stage->kids[0]->span)) return;
    set_event(e, fold, v);
    fold->failed = false;
}

/* confuse class by M: M[i, j] is the probability to see class i where it is j. The class seen is the number of
 * cumulative sums of column j that u has passed; the weight is M / stop(M) at the entry drawn. */
static void stage_confuse(Elab *e, Fold *fold, const AstNode *stage) {
    uint32_t at = find_field(fold, stage->name);
    Value none = value_poison(), M = elab_expr(e, stage->kids[0]);
    Span span = stage->span;
    fold->failed = true;
    if (at == fold->event.count) {
        record_field(e, &fold->event, stage->name, stage->name_span, stage->name_span);
        return;
    }
    if (!value_to_array(e, &M, TIR_NONE)) return;
    if (M.kind != VALUE_TENSOR || M.rank != 2 || M.dim[0].size != M.dim[1].size || M.dim[0].size < 2) {
        elab_error(e, DIAG_E0302, stage->kids[0]->span,
                   "a confusion matrix is [n, n], the column of every true class adding to 1, and this has shape %s",
                   value_shape_text(e, &M));
        diag_help(e->sink, "for two classes: [[1 - a, b], [a, 1 - b]]");
        return;
    }
    int64_t count = M.dim[0].size;
    Value truth = fold->event.items[at];
    if (truth.type != TIR_INT) truth = elab_map(e, TIR_TO_INT, span, truth, none, none);
    Value u = uniform(e, stage), passed = value_number(0, span), seen = value_int(0, span), p = none;
    for (int64_t i = 0; i < count; i++) {
        Value row = elab_index(e, span, M, value_int((double)i, span)), entry = elab_index(e, span, row, truth);
        Value beyond = elab_map(e, TIR_LE, span, passed, u, none);
        p = i ? elab_map(e, TIR_SELECT, span, beyond, entry, p) : entry;
        if (i) seen = elab_map(e, TIR_SELECT, span, beyond, value_int((double)i, span), seen);
        passed = elab_map(e, TIR_ADD, span, passed, elab_map(e, TIR_STOP, span, entry, none, none), none);
        if (value_is_poison(&p)) return;
    }
    fold->failed = false;
    weigh(e, fold, score(e, p, span), span);
    TirId id = value_real_id(e, &seen);
    set_field(e, fold, at, value_tensor(e, id, NULL, 0, span));
}

/* The mean weight of the events so far, of each parameter vector. */
static Value mean_weight(Elab *e, Fold *fold, Span span) {
    Value w = fold->weight;
    if (value_is_poison(&w)) return value_number(1, span);
    TirAxes axes = tir_axes_both(fold->events, value_axes(e, &w));
    if (!axes.count) return w;
    double points = 1;
    for (uint32_t i = 0; i < axes.count; i++) points *= (double)e->context->f->axes.data[axes.id[i]].size;
    Value sum = value_tensor(e, tir_sum(e->context->f, value_real_id(e, &w), axes, span), NULL, 0, span);
    return elab_map(e, TIR_DIV, span, sum, value_number(points, span), value_poison());
}

/* add B with fraction f: with u < f the event is one of B instead. The weight of an added event is the mean weight of
 * the others, so that f is the fraction among what is seen; f / stop(f) and (1 - f) / stop(1 - f) carry its derivative.
 */
static void stage_add(Elab *e, Fold *fold, const AstNode *stage) {
    Value none = value_poison(), density = elab_expr(e, stage->kids[0]);
    Value f = stage_number(e, stage->kids[1], "the fraction of background", false);
    Span span = stage->span;
    fold->failed |= value_is_poison(&f) || value_is_poison(&density) ||
                    !check_probability(e, stage->kids[1], &f, "the fraction of background");
    if (fold->failed) return;
    Value added = draw_events(e, stage, fold->event.decl, density, NULL);
    fold->failed |= value_is_poison(&added);
    if (fold->failed) return;
    Value take = elab_map(e, TIR_LT, span, uniform(e, stage), f, none);
    Value rest = elab_map(e, TIR_SUB, span, value_number(1, span), f, none), own = fold->weight;
    Value weight = elab_map(e, TIR_MUL, span, score(e, f, span), mean_weight(e, fold, span), none);
    if (added.weight) weight = elab_map(e, TIR_MUL, span, weight, *added.weight, none);
    Value others = score(e, rest, span);
    if (!value_is_poison(&own)) others = elab_map(e, TIR_MUL, span, others, own, none);
    fold->weight = elab_map(e, TIR_SELECT, span, take, weight, others);
    set_event(e, fold, elab_choose(e, span, take, added, fold->event));
}

static void run_stage(Elab *e, Fold *fold, const AstNode *stage) {
    switch (stage->kind) {
    case AST_WEIGH: weigh(e, fold, stage_number(e, stage->kids[0], "a weight", false), stage->span); break;
    case AST_KEEP: stage_keep(e, fold, stage); break;
    case AST_SMEAR: stage_smear(e, fold, stage); break;
    case AST_REBUILD: stage_rebuild(e, fold, stage); break;
    case AST_CONFUSE: stage_confuse(e, fold, stage); break;
    case AST_ADD_EVENTS: stage_add(e, fold, stage); break;
    case AST_REQUIRE: stage_require(e, fold, stage); break;
    case AST_LET: {
        Value v = elab_expr(e, stage->kids[0]);
        fold->failed |= value_is_poison(&v);
        let_bind(e, stage, v);
        break;
    }
    case AST_FREEZE:
        if (e->context->fit) fit_freeze(e, e->context->fit, stage);
        break;
    default: break;
    }
}

static Value report_no_sample(Elab *e, const HirDecl *decl, const Value *v) {
    Value poison = elab_error(e, DIAG_E0418, e->frame->site, "detector '%s' folds a sample of events, and this is %s",
                              decl->name, value_kind_text(v));
    if (v->kind == VALUE_RECORD)
        diag_help(e->sink, "fold the sample first: mean(... for e in sample |> %s)", decl->name);
    else
        diag_help(e->sink, "give it drawn events: draw EVENT ~ DENSITY |> %s", decl->name);
    return poison;
}

Value elab_detector(Elab *e, HirDecl *decl, const Value *args) {
    const AstNode *arguments = hir_arguments(decl), *first = arguments->kids[0];
    HirDecl *event = arguments->count ? hir_argument_event(e->hir, first) : NULL;
    HirDecl *result = hir_decl(e->hir, decl->node->kids[1]);
    if (!event || !result) {
        elab_error(e, DIAG_E0418, decl->node->name_span, "the first argument of detector '%s' is no event", decl->name);
        diag_help(e->sink, "write: detector %s(e : EVENT) -> EVENT { ... }", decl->name);
        return value_poison();
    }
    const Value *sample = &args[0];
    if (sample->kind != VALUE_SAMPLE) return report_no_sample(e, decl, sample);
    if (!frame_bind(e, decl, args)) return value_poison();
    identify_note_detector(e, decl, event);
    Frame *frame = e->frame;
    Fold fold = {.detector = decl, .event_name = first->name, .weight = value_poison(), .events = sample->sample};
    if (e->context->vectors != TIR_NONE) fold.events = tir_axes_minus(fold.events, tir_axes_one(e->context->vectors));
    if (sample->weight) fold.weight = *sample->weight;
    TirAxes force = frame->force;
    frame->force = tir_axes_union(force, sample->sample);
    set_event(
        e, &fold,
        (Value){
            .kind = VALUE_RECORD, .decl = event, .items = sample->items, .count = sample->count, .span = sample->span});
    const AstNode *stages = decl->node->kids[2];
    for (uint32_t i = 0; i < stages->count && !fold.failed; i++) run_stage(e, &fold, stages->kids[i]);
    frame->force = force;
    if (fold.failed) return value_poison();
    if (fold.event.decl != result) {
        Value poison = elab_error(e, DIAG_E0419, decl->node->name_span,
                                  "'%s' is declared to give events of type %s, and its last stage leaves %s",
                                  decl->name, result->name, fold.event.decl->name);
        diag_help(e->sink, "add: rebuild %s = {...} with the fields of %s", first->name, result->name);
        return poison;
    }
    Value folded = *sample;
    folded.decl = result;
    folded.items = fold.event.items;
    folded.count = fold.event.count;
    folded.weight = value_is_poison(&fold.weight) ? NULL : arena_copy(e->arena, &fold.weight, sizeof fold.weight);
    return folded;
}
