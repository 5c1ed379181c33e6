/* fold(EXPR for w in SOURCE) and scan(EXPR for w in SOURCE): the first argument of the function or layer around goes
 * through EXPR once for each element of SOURCE; fold gives the last value, scan all of them.
 *
 * Either every round is elaborated after the other ("unrolled": rounds may differ in all they do), or one round is
 * elaborated with placeholders for the state and the element, and becomes the body of a loop ("rolled"). A scan is
 * rolled; so is a fold of many rounds, where a round can be: else it is unrolled. Both mean the same, but for the
 * numbers that are drawn. */
#include "sema/rounds.h"

#include <string.h>

#include "sema/unit.h"

enum { ROLL_LEAST = 32, LEAVES_MAX = 64, ATTEMPTS_MAX = 8 };

/* A round in the making. */
typedef struct Roll {
    Elab *e;
    const AstNode *node; /* the comprehension */
    const char *threaded;
    Rolled rolled;
    Value item;       /* its placeholder, or the element of the only round */
    size_t cursor;    /* leaf at hand */
    bool again;       /* a leaf got more axes, or became real */
    const char *what; /* changes from round to round; NULL: nothing */
    Value before, after;
} Roll;

/* --- draws --- */

/* Draws of a round are noted, those of lets of the fit, which have paths of their own, not. */
typedef struct Drawing {
    struct Drawing *outer;
    const Path *path;
    Rolled *rolled;
} Drawing;

void rounds_note_draw(Elab *e, TirId draw) {
    for (Drawing *d = e->context->drawing; d; d = d->outer)
        for (const Path *p = e->frame->path; p; p = p->up)
            if (p == d->path) {
                VEC_PUSH(e->arena, &d->rolled->draws, draw);
                break;
            }
}

/* A parameter, for example: the states of all rounds but the first depend on it, and a derivative by it goes through
 * them, which one round alone does not see. */
void rounds_note_leaf(Elab *e, TirId leaf) {
    const TirFunction *f = e->context->f;
    if (f->ops.data[leaf].op == TIR_CONST) return; /* made for this derivative */
    Arena scratch = {0};
    bool *depends = ARENA_ARRAY(&scratch, bool, (size_t)leaf + 1);
    for (Drawing *d = e->context->drawing; d; d = d->outer) {
        const Rolled *r = d->rolled;
        memset(depends, 0, (size_t)leaf + 1);
        for (size_t i = 0; i < r->leaves.count; i++)
            if (r->leaves.data[i].placeholder <= leaf) depends[r->leaves.data[i].placeholder] = true;
        for (size_t i = 0; i < r->draws.count; i++)
            if (r->draws.data[i] <= leaf) depends[r->draws.data[i]] = true;
        if (r->item != TIR_NONE && r->item <= leaf) depends[r->item] = true;
        for (size_t v = r->first; v <= leaf; v++)
            for (uint32_t k = 0; k < f->ops.data[v].arg_count; k++) depends[v] |= depends[f->ops.data[v].args[k]];
        d->rolled->by_outside |= !depends[leaf];
    }
    arena_free(&scratch);
}

/* --- the state --- */

static TirId placeholder(Elab *e, TirType type, TirAxes axes, Span span) {
    TirFunction *f = e->context->f;
    TirId id = tir_broadcast(f, tir_real(f, 0, span), axes, span);
    id = tir_map(f, TIR_STOP, span, id, TIR_NONE, TIR_NONE); /* a value that nobody knows: it becomes an input */
    VEC_PUSH(e->arena, &e->context->placeholders, id);
    if (type == TIR_INT) return tir_map(f, TIR_TO_INT, span, id, TIR_NONE, TIR_NONE);
    return type == TIR_BOOL ? tir_map(f, TIR_LT, span, id, tir_real(f, 0, span), TIR_NONE) : id;
}

static Value leaf_enter(Roll *roll, const Value *v) {
    Elab *e = roll->e;
    if (roll->cursor == roll->rolled.leaves.count) {
        Leaf leaf = {.init = *v, .type = v->type};
        leaf.axes = v->kind == VALUE_TENSOR ? value_axes(e, v) : tir_axes_none();
        VEC_PUSH(e->arena, &roll->rolled.leaves, leaf);
    }
    Leaf *leaf = &roll->rolled.leaves.data[roll->cursor++];
    leaf->placeholder = placeholder(e, leaf->type, leaf->axes, v->span);
    Value state = value_tensor(e, leaf->placeholder, v->dim, v->kind == VALUE_TENSOR ? v->rank : 0, v->span);
    state.unit = v->unit;
    return state;
}

/* The state with a placeholder for every number and array; poison where it holds anything else. */
static Value state_enter(Roll *roll, const Value *v) {
    switch (v->kind) {
    case VALUE_NUMBER:
    case VALUE_TENSOR: return v->measure || roll->cursor == LEAVES_MAX ? value_poison() : leaf_enter(roll, v);
    case VALUE_LIST:
    case VALUE_RECORD: {
        Value state = *v, *items = ARENA_ARRAY(roll->e->arena, Value, v->count);
        for (uint32_t i = 0; i < v->count; i++) {
            items[i] = state_enter(roll, &v->items[i]);
            if (value_is_poison(&items[i])) return items[i];
        }
        state.items = items;
        return v->count ? state : value_poison();
    }
    default: return value_poison();
    }
}

static bool changes(Roll *roll, const char *what, const Value *before, const Value *after) {
    roll->what = what;
    roll->before = *before;
    roll->after = *after;
    return false;
}

static bool leaf_leave(Roll *roll, const Value *state, Value next) {
    Elab *e = roll->e;
    Leaf *leaf = &roll->rolled.leaves.data[roll->cursor++];
    if (next.kind == VALUE_LIST && !value_to_array(e, &next, TIR_NONE)) return false;
    if (next.kind != VALUE_NUMBER && next.kind != VALUE_TENSOR) return changes(roll, "kind", state, &next);
    if (next.kind == VALUE_NUMBER) next.rank = 0;
    bool shape = next.rank == state->rank;
    for (uint32_t d = 0; shape && d < next.rank; d++) shape = next.dim[d].size == state->dim[d].size;
    if (!shape) return changes(roll, "shape", state, &next);
    if (next.unit != state->unit) return changes(roll, "unit", state, &next);
    if (next.measure || (next.type == TIR_BOOL) != (leaf->type == TIR_BOOL)) return changes(roll, "kind", state, &next);
    if (next.kind == VALUE_TENSOR) next = value_align(e, next, state, roll->rolled.span);
    if (next.type == TIR_REAL && leaf->type == TIR_INT) {
        leaf->type = TIR_REAL;
        roll->again = true;
    }
    leaf->out = value_id(e, &next, leaf->type);
    TirAxes axes = e->context->f->ops.data[leaf->out].axes;
    if (tir_axes_minus(axes, leaf->axes).count) {
        leaf->axes = tir_axes_union(leaf->axes, axes);
        roll->again = true;
    }
    leaf->out = id_broadcast(e, leaf->out, leaf->axes, roll->rolled.span);
    return true;
}

/* Takes the numbers of the new state; false where it is not built as the old one. */
static bool state_leave(Roll *roll, const Value *state, const Value *next) {
    if (state->kind == VALUE_NUMBER || state->kind == VALUE_TENSOR) return leaf_leave(roll, state, *next);
    if (next->kind != state->kind || next->count != state->count) return changes(roll, "kind", state, next);
    for (uint32_t i = 0; i < state->count; i++) {
        if (state->kind == VALUE_RECORD && strcmp(record_field_name(state, i), record_field_name(next, i)) != 0)
            return changes(roll, "kind", state, next);
        if (!state_leave(roll, &state->items[i], &next->items[i])) return false;
    }
    return true;
}

/* The state made of results of the loop, from number `first` on. `dim`: rounds come first, or NULL. */
static Value state_result(Roll *roll, const Value *state, TirId loop, uint32_t first, const Dim *dim) {
    Elab *e = roll->e;
    if (state->kind != VALUE_TENSOR && state->kind != VALUE_NUMBER) {
        Value v = *state, *items = ARENA_ARRAY(e->arena, Value, v.count);
        for (uint32_t i = 0; i < v.count; i++) items[i] = state_result(roll, &state->items[i], loop, first, dim);
        v.items = items;
        return v;
    }
    Dim dims[TIR_MAX_AXES + 1];
    uint32_t rank = 0;
    if (dim) dims[rank++] = *dim;
    for (uint32_t d = 0; d < state->rank; d++) dims[rank++] = state->dim[d];
    TirId id = tir_result(e->context->f, loop, first + (uint32_t)roll->cursor++, roll->rolled.span);
    Value v = value_tensor(e, id, dims, rank, roll->rolled.span);
    v.unit = state->unit;
    return v;
}

/* --- one round --- */

/* Elaborates the round from this state and element. */
static Value round_elaborate(Roll *roll, Value state, Value item, uint32_t number) {
    Elab *e = roll->e;
    Frame *frame = e->frame;
    Local *outer = frame->locals;
    const Path *path = frame->path;
    Path round = {path, roll->node, number};
    frame->path = arena_copy(e->arena, &round, sizeof round);
    Drawing drawing = {e->context->drawing, frame->path, &roll->rolled};
    e->context->drawing = &drawing;
    local_push(e, roll->threaded, state);
    local_push(e, roll->node->name, item);
    Value next = elab_expr(e, roll->node->kids[0]);
    e->context->drawing = drawing.outer;
    frame->locals = outer;
    frame->path = path;
    return next;
}

/* The sequence of elements, and a placeholder for one of them. */
static bool items_enter(Roll *roll, Value source) {
    Elab *e = roll->e;
    TirFunction *f = e->context->f;
    Rolled *r = &roll->rolled;
    r->axis = dim_new(e, "round", r->rounds).axis;
    if (source.kind == VALUE_NUMBER) {
        r->items = tir_iota(f, r->axis, source.span);
        r->item = placeholder(e, TIR_INT, tir_axes_none(), source.span);
        roll->item = value_tensor(e, r->item, NULL, 0, source.span);
        return true;
    }
    for (uint32_t i = 0; source.kind == VALUE_LIST && i < source.count; i++)
        if (source.items[i].kind != VALUE_NUMBER && source.items[i].kind != VALUE_TENSOR &&
            source.items[i].kind != VALUE_LIST)
            return false;
    if (!value_to_array(e, &source, TIR_NONE) || source.measure) return false;
    source = value_move(e, &source, 0, r->axis, source.span);
    r->items = source.id;
    TirAxes axes = tir_axes_minus(f->ops.data[r->items].axes, tir_axes_one(r->axis));
    r->item = placeholder(e, source.type, axes, source.span);
    roll->item = value_tensor(e, r->item, source.dim + 1, source.rank - 1, source.span);
    roll->item.unit = source.unit;
    return true;
}

/* Elaborates the round until the state keeps its axes; poison where it cannot be rolled. */
static Value round_settle(Roll *roll, const Value *init) {
    Elab *e = roll->e;
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        roll->cursor = 0;
        roll->again = false;
        roll->rolled.draws.count = 0;
        Value state = state_enter(roll, init);
        if (value_is_poison(&state)) {
            changes(roll, NULL, init, init);
            return state;
        }
        Value next = round_elaborate(roll, state, roll->item, 0);
        roll->cursor = 0;
        if (value_is_poison(&next) || !state_leave(roll, &state, &next)) return value_poison();
        if (!roll->again) return state;
    }
    return elab_help(e,
                     elab_error(e, DIAG_E0324, roll->node->span,
                                "the state of this loop does not settle: from round to "
                                "round it varies over more"),
                     "begin with a state that varies over all that the rounds use");
}

static uint32_t net_layers(const Elab *e) {
    return e->frame->net ? e->frame->net->layers : 0;
}

/* The loop's value, or poison where the round cannot be rolled. */
static Value rolled_value(Roll *roll, const Value *init, Value source, bool all) {
    roll->rolled.first = roll->e->context->f->ops.count;
    if (!items_enter(roll, source)) return value_poison();
    Value state = round_settle(roll, init);
    if (value_is_poison(&state) || roll->rolled.by_outside) return value_poison();
    TirId loop = rounds_outline(roll->e, &roll->rolled, all);
    roll->cursor = 0;
    Dim dim = {roll->rolled.rounds, roll->rolled.axis};
    return state_result(roll, &state, loop, all ? (uint32_t)roll->rolled.leaves.count : 0, all ? &dim : NULL);
}

static Roll roll_new(Elab *e, const AstNode *node, const char *threaded, int64_t rounds) {
    Roll roll = {.e = e, .node = node, .threaded = threaded};
    roll.rolled = (Rolled){.span = node->span, .rounds = rounds, .items = TIR_NONE, .item = TIR_NONE};
    return roll;
}

/* A list becomes an array where the round makes an array of it. */
static Value fold_rolled(Elab *e, const AstNode *node, const char *threaded, Value init, Value source, int64_t rounds) {
    Roll roll = roll_new(e, node, threaded, rounds);
    Value value = rolled_value(&roll, &init, source, false);
    bool array = roll.what && roll.before.kind == VALUE_LIST && roll.after.kind == VALUE_TENSOR;
    if (!array || init.kind != VALUE_LIST || !value_to_array(e, &init, TIR_NONE)) return value;
    roll = roll_new(e, node, threaded, rounds);
    return rolled_value(&roll, &init, source, false);
}

/* A fold that may be unrolled as well: what the attempt has to say is not said. Layers have weights of their own in
 * each round, so a round that uses some cannot be the body of a loop. */
static bool fold_try(Elab *e, const AstNode *node, const char *threaded, Value *v, Value source, int64_t rounds) {
    DiagSink quiet = {.sources = e->sink->sources}, *sink = e->sink;
    bool deep = e->too_deep, large = e->context->too_large;
    uint32_t layers = net_layers(e);
    e->sink = &quiet;
    Value value = fold_rolled(e, node, threaded, *v, source, rounds);
    e->sink = sink;
    bool good = !quiet.errors && !value_is_poison(&value) && layers == net_layers(e);
    if (!good) {
        e->too_deep = deep;
        e->context->too_large = large;
        if (e->frame->net) e->frame->net->layers = layers;
    } else
        *v = value;
    diag_free(&quiet);
    return good;
}

/* --- fold --- */

/* Number of rounds where it is known without looking at them; 0: it is not, or this is no source. */
static int64_t source_rounds(const Value *source) {
    if (source->kind == VALUE_NUMBER && source->type == TIR_INT && !source->unit) return (int64_t)source->number;
    if (source->kind == VALUE_LIST && !source->decl) return source->count;
    return source->kind == VALUE_TENSOR && source->rank ? source->dim[0].size : 0;
}

/* An array as the list of its elements. */
static bool array_expand(Elab *e, Value *source) {
    if (source->kind != VALUE_TENSOR || !source->rank) return true;
    if (source->dim[0].size >= ROLL_LEAST) {
        elab_error(e, DIAG_E0324, source->span, "a fold over an array of %lld elements must be the same in every round",
                   (long long)source->dim[0].size);
        diag_help(e->sink, "let the state keep its kind, its shape and its unit");
        return false;
    }
    Value *items = ARENA_ARRAY(e->arena, Value, source->dim[0].size);
    for (int64_t i = 0; i < source->dim[0].size; i++)
        items[i] = elab_index(e, source->span, *source, value_int((double)i, source->span));
    *source = value_list(e, items, (uint32_t)source->dim[0].size, source->span);
    return true;
}

/* `when` of a round, which must be known now: 1 taken, 0 left out, -1 after a report. */
static int round_taken(Elab *e, const AstNode *node, const char *threaded) {
    bool good;
    Value pass = elab_pass_condition(e, node, &good);
    if (!good) return -1;
    if (pass.kind != VALUE_TENSOR) return pass.kind != VALUE_NUMBER || pass.number != 0;
    elab_error(e, DIAG_E0304, node->kids[2]->span, "the condition of a fold must be known when the model is compiled");
    diag_help(e->sink, "write 'if CONDITION then VALUE else %s' in place of the value", threaded);
    return -1;
}

static bool fold_rounds(Elab *e, const AstNode *node, const char *threaded, Value *v);

static bool fold_list(Elab *e, const AstNode *node, const char *threaded, Value *v, const Value *list) {
    Frame *frame = e->frame;
    const AstNode *body = node->kids[0];
    Local *outer = frame->locals;
    const Path *path = frame->path;
    bool good = true;
    for (uint32_t i = 0; good && i < list->count; i++) {
        Path round = {path, node, i};
        frame->path = arena_copy(e->arena, &round, sizeof round);
        local_push(e, threaded, *v);
        local_push(e, node->name, list->items[i]);
        int taken = round_taken(e, node, threaded);
        good = taken >= 0;
        if (taken > 0 && body->kind == AST_COMPREHEND && body->flag)
            good = fold_rounds(e, body, threaded, v);
        else if (taken > 0)
            *v = elab_expr(e, body);
        good = good && !value_is_poison(v);
        frame->locals = outer;
    }
    frame->path = path;
    return good;
}

/* Sends `v` through EXPR once for each element; false after a report. */
static bool fold_rounds(Elab *e, const AstNode *node, const char *threaded, Value *v) {
    Value list = elab_expr(e, node->kids[1]);
    bool nested = node->kids[0]->kind == AST_COMPREHEND && node->kids[0]->flag,
         good = !value_is_poison(&list) && loop_names(e, node, 1);
    int64_t rounds = source_rounds(&list);
    if (good && rounds >= ROLL_LEAST && !nested && !node->kids[2] && fold_try(e, node, threaded, v, list, rounds))
        return true;
    good = good && source_expand(e, &list) && array_expand(e, &list);
    if (good && list.kind != VALUE_LIST) {
        elab_error(e, DIAG_E0309, node->kids[1]->span, "'fold' goes through a list, and this is %s",
                   value_kind_text(&list));
        diag_help(e->sink, "write a list, such as [64, 64]");
        good = false;
    }
    good = good && fold_list(e, node, threaded, v, &list);
    if (!good) *v = value_poison();
    return good;
}

/* The comprehension of a fold or a scan; NULL after a report. */
static const AstNode *rounds_node(Elab *e, const AstNode *call, const char *name) {
    const AstNode *node = call->kind == AST_CALL && call->count == 2 ? call->kids[1] : NULL;
    if (node && node->kind == AST_COMPREHEND && e->frame->first) return node;
    elab_error(e, DIAG_E0309, call->span,
               "'%s' takes 'EXPR for w in LIST' and stands in a function or layer "
               "whose first argument it replaces",
               name);
    diag_help(e->sink, strcmp(name, "fold") ? "for example: fun powers(x, n) = scan(2 * x for k in n)"
                                            : "for example: layer mlp(x[n], widths, act) = "
                                              "fold(dense(x, w) |> act for w in widths)");
    return NULL;
}

Value elab_fold(Elab *e, const AstNode *call) {
    const AstNode *node = rounds_node(e, call, "fold");
    if (!node) return value_poison();
    Value v = e->frame->first->value;
    fold_rounds(e, node, e->frame->first->name, &v);
    return v;
}

/* --- scan --- */

static const char *change_text(Elab *e, const Roll *roll, const Value *v) {
    if (!strcmp(roll->what, "unit")) return v->unit ? unit_text(e, v->unit) : "a pure number";
    return !strcmp(roll->what, "shape") ? value_shape_text(e, v) : value_kind_text(v);
}

static Value report_scan(Elab *e, const Roll *roll) {
    Value poison = elab_error(e, DIAG_E0324, roll->node->kids[0]->span,
                              "the state of a scan keeps its %s, and this makes %s of %s", roll->what,
                              change_text(e, roll, &roll->after), change_text(e, roll, &roll->before));
    if (roll->before.span.file) diag_note(e->sink, roll->before.span, "the state that it begins with");
    diag_help(e->sink, "begin with a state of the %s that a round gives", roll->what);
    return poison;
}

/* The only round, as an array of one. */
static Value scan_once(Roll *roll, const Value *init, Value source) {
    Elab *e = roll->e;
    Value item = value_int(0, source.span), zero = item;
    if (source.kind == VALUE_LIST) item = source.items[0];
    if (source.kind == VALUE_TENSOR) item = elab_index(e, source.span, source, zero);
    Value next = round_elaborate(roll, *init, item, 0);
    return value_is_poison(&next) ? next : value_list(e, &next, 1, roll->rolled.span);
}

/* The source of a scan, of one round or more; 0 after a report. */
static int64_t scan_source(Elab *e, const AstNode *node, Value *source) {
    *source = elab_expr(e, node->kids[1]);
    if (value_is_poison(source)) return 0;
    bool count = source->kind == VALUE_NUMBER && source->type == TIR_INT, list = source->kind == VALUE_LIST;
    int64_t rounds = source_rounds(source);
    if (rounds > 0 && rounds <= INT32_MAX) return rounds;
    if (count || list)
        elab_error(e, DIAG_E0306, node->kids[1]->span, "a scan of %lld rounds: it has at least 1", (long long)rounds);
    else
        elab_error(e, DIAG_E0309, node->kids[1]->span,
                   "'scan' goes through a number of rounds, an array or a list, "
                   "and this is %s",
                   value_kind_text(source));
    diag_help(e->sink, "write for example: scan(... for k in 100)");
    return 0;
}

Value elab_scan(Elab *e, const AstNode *call) {
    const AstNode *node = rounds_node(e, call, "scan");
    if (!node || !loop_names(e, node, 1)) return value_poison();
    if (node->kids[2] || (node->kids[0]->kind == AST_COMPREHEND && node->kids[0]->flag)) {
        Value poison = elab_error(e, DIAG_E0309, node->span, "'scan' takes one 'for', and no 'when'");
        diag_help(e->sink, "write 'if CONDITION then VALUE else %s' in place of a condition", e->frame->first->name);
        return poison;
    }
    Value source, init = e->frame->first->value;
    int64_t rounds = scan_source(e, node, &source);
    if (!rounds || value_is_poison(&init)) return value_poison();
    Roll roll = roll_new(e, node, e->frame->first->name, rounds);
    if (rounds == 1) return scan_once(&roll, &init, source);
    if (init.kind == VALUE_LIST && !value_to_array(e, &init, TIR_NONE)) return value_poison();
    uint32_t layers = net_layers(e);
    size_t errors = e->sink->errors;
    Value v = rolled_value(&roll, &init, source, true);
    if (layers != net_layers(e))
        return elab_help(e,
                         elab_error(e, DIAG_E0324, node->kids[0]->span, "a round of a scan has no weights of its own"),
                         "use 'fold' over a list, where each round has its own weights");
    if (!value_is_poison(&v) || e->sink->errors > errors) return v;
    if (roll.what) return report_scan(e, &roll);
    if (roll.rolled.by_outside)
        return elab_help(e,
                         elab_error(e, DIAG_E0324, node->kids[0]->span,
                                    "a round of this scan takes a derivative by what is the same in all rounds, and "
                                    "the states of the rounds before depend on it"),
                         "take the derivative of the whole scan, or by the state of the round");
    return elab_help(e,
                     elab_error(e, DIAG_E0324, init.span,
                                "the state of a scan is a number, an array, or a list or "
                                "record of them, and this is %s",
                                value_kind_text(&init)),
                     "begin with numbers or arrays");
}
