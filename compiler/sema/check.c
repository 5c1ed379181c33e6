/* `check CONDITION [within TOLERANCE]`, the sum rules of qcfs and their positivity. Each is two numbers and a
 * comparison. One that names no parameter holds or not once and for all, and is evaluated here by the interpreter; so
 * is every one at the declared truth, when all parameters have one. The others go into a function of the fit that is
 * evaluated when it starts. */
#include "qtm/check.h"
#include "sema/sema.h"

enum { POSITIVE_POINTS = 199 };
static const double RULE_TOLERANCE = 1e-6; /* of a solved condition, relative */

typedef struct Check {
    HirDecl *decl;       /* CHECK, NORMALIZED or QCF (positive) */
    const AstNode *node; /* the comparison; the NORMALIZED or POSITIVE node */
    AstOp op;
    const char *text;
    double tolerance;
} Check;

typedef struct Checks {
    VEC(Check) list;
} Checks;

/* --- which checks there are --- */

static void add_comparison(Elab *e, HirDecl *decl, const AstNode *node, double tolerance, Checks *out) {
    if (node->kind == AST_BINARY && node->op == AST_AND) {
        add_comparison(e, decl, node->kids[0], tolerance, out);
        add_comparison(e, decl, node->kids[1], tolerance, out);
        return;
    }
    bool compares = node->kind == AST_BINARY && node->op >= AST_LT && node->op <= AST_EQ;
    if (!compares) {
        elab_error(e, DIAG_E0408, node->span, "a check is a comparison of two numbers");
        diag_help(e->sink, "write for example: check N_u + N_d == 3 within 1e-6");
        return;
    }
    Check check = {decl, node, node->op, elab_source_text(e, node->span), tolerance};
    VEC_PUSH(e->arena, &out->list, check);
}

static void add_declared(Elab *e, HirDecl *decl, Checks *out) {
    const AstNode *within = decl->node->kids[1];
    Value tolerance = within ? elab_const_number(e, within, "the tolerance of a check") : value_number(0, (Span){0});
    if (value_is_poison(&tolerance)) return;
    if (!(tolerance.number >= 0)) {
        elab_error(e, DIAG_E0408, within->span, "a tolerance is not negative, and this is %.10g", tolerance.number);
        diag_help(e->sink, "write for example: within 1e-6");
        return;
    }
    add_comparison(e, decl, decl->node->kids[0], tolerance.number, out);
}

static void add_positive(Elab *e, HirDecl *decl, const AstNode *node, Checks *out) {
    if (hir_arguments(decl)->count != 1 || hir_family(decl)) {
        elab_error(e, DIAG_E0408, node->span, "'positive' is said of a qcf of one variable");
        diag_help(e->sink, "leave it out, and check values: check %s(...) > 0", decl->name);
        return;
    }
    Check check = {decl, node, AST_GE, arena_format(e->arena, "%s is positive in 0 .. 1", decl->name), 0};
    VEC_PUSH(e->arena, &out->list, check);
}

static Checks checks_collect(Elab *e) {
    Checks checks = {0};
    for (size_t m = 0; m < e->hir->modules.count; m++) {
        HirModule *module = e->hir->modules.data[m];
        for (size_t i = 0; i < module->decls.count; i++) {
            HirDecl *decl = module->decls.data[i];
            Frame frame = {.decl = decl}, *before = e->frame;
            e->frame = &frame;
            const AstNode *node = decl->node;
            if (node->kind == AST_CHECK) add_declared(e, decl, &checks);
            if (node->kind == AST_NORMALIZED) {
                const char *text = arena_format(e->arena, "%s = %s", elab_source_text(e, node->kids[0]->span),
                                                elab_source_text(e, node->kids[1]->span));
                Check check = {decl, node, AST_EQ, text, RULE_TOLERANCE};
                VEC_PUSH(e->arena, &checks.list, check);
            }
            for (uint32_t k = 0; node->kind == AST_QCF && k < node->kids[5]->count; k++)
                if (node->kids[5]->kids[k]->kind == AST_POSITIVE)
                    add_positive(e, decl, node->kids[5]->kids[k], &checks);
            e->frame = before;
        }
    }
    return checks;
}

/* --- the two numbers of a check, in the function under construction --- */

static Value one_number(Elab *e, const AstNode *node) {
    Value v = value_scalar(elab_expr(e, node));
    if (value_is_poison(&v)) return v;
    if ((v.kind == VALUE_NUMBER || v.kind == VALUE_TENSOR) && !v.rank && v.type != TIR_BOOL) return v;
    Value poison =
        elab_error(e, DIAG_E0408, node->span, "a check compares numbers, and this is %s", value_kind_text(&v));
    diag_help(e->sink, "take a sum, a maximum or one element");
    return poison;
}

/* The least value on points inside of 0 .. 1. */
static Value least_value(Elab *e, const Check *check) {
    Span span = check->node->span;
    Dim grid = dim_new(e, "point", POSITIVE_POINTS);
    double end = 1.0 / (POSITIVE_POINTS + 1);
    Value x = elab_linspace(e, value_number(end, span), value_number(1 - end, span), POSITIVE_POINTS, grid, span);
    Value v = elab_decl_call(e, check->decl, check->node, &x, 1, span);
    if (value_is_poison(&v)) return v;
    return elab_reduce_array(e, primitive_find("min"), v, span);
}

static bool elab_sides(Elab *e, const Check *check, Value side[2]) {
    Frame frame = {.decl = check->decl->node->kind == AST_NORMALIZED ? check->decl->owner : check->decl};
    Frame *before = e->frame;
    e->frame = &frame;
    Value solved = check->node->kind == AST_NORMALIZED ? context_solved(e, check->decl, check->node->name_span)
                                                       : value_number(0, check->node->span);
    if (value_is_poison(&solved)) {
        side[0] = side[1] = solved;
    } else if (check->node->kind == AST_POSITIVE) {
        side[0] = least_value(e, check);
        side[1] = value_number(0, check->node->span);
    } else {
        for (int i = 0; i < 2; i++) side[i] = one_number(e, check->node->kids[i]);
    }
    e->frame = before;
    if (value_is_poison(&side[0]) || value_is_poison(&side[1])) return false;
    Value difference = elab_map(e, TIR_SUB, check->node->span, side[0], side[1], value_poison());
    return !value_is_poison(&difference); /* units agree */
}

/* --- evaluation now --- */

static bool is_relative(const Check *check) {
    return check->node->kind == AST_NORMALIZED;
}

/* false: not evaluated, because of an error, or because parameters are needed that are not known or functions in C that
 * must not be called. */
static bool evaluate(Elab *e, const Check *check, ParamMode mode, double side[2], bool *constant) {
    size_t errors = e->sink->errors;
    Context *before = e->context;
    Context *c = context_new(e, "check", NULL, mode, false, NULL);
    Value value[2];
    bool good = elab_sides(e, check, value) && e->sink->errors == errors;
    *constant = !c->params_used;
    for (uint32_t i = 0; good && i < 2; i++) tir_output(c->f, TIR_PORT_VALUE, i, "side", value_real_id(e, &value[i]));
    e->context = before;
    if (!good || extern_unknown(e, c->f)) return false;
    Arena arena = {0};
    TirTensor out[2];
    tir_interpret(c->f, &arena, NULL, NULL, 1, 0, out);
    for (int i = 0; i < 2; i++) side[i] = out[i].data[0];
    arena_free(&arena);
    return true;
}

static void report(Elab *e, const Check *check, const double side[2], bool constant) {
    const char *where = constant ? "" : " at the declared truth";
    if (check->node->kind == AST_POSITIVE)
        elab_error(e, DIAG_E0416, check->node->span, "'%s' is not positive%s: its least value is %.10g",
                   check->decl->name, where, side[0]);
    else
        elab_error(e, DIAG_E0416, check->node->span, "this does not hold%s: %.10g on the left, %.10g on the right",
                   where, side[0], side[1]);
    diag_help(e->sink, "%s",
              check->node->kind == AST_NORMALIZED
                  ? "the condition must be linear in the parameter that it is solved for, and its integral finite"
              : constant ? "change the constants, or the tolerance: check ... within 1e-3"
                         : "change the truths of the parameters, or the tolerance: check ... within 1e-3");
}

static bool truth_known(const Program *program) {
    for (size_t i = 0; i < program->params.count; i++)
        if (!program->params.data[i].has_truth) return false;
    return program->params.count > 0;
}

void check_now(Elab *e) {
    Checks checks = checks_collect(e);
    for (size_t i = 0; i < checks.list.count; i++) {
        const Check *check = &checks.list.data[i];
        double side[2];
        bool constant;
        if (!evaluate(e, check, PARAMS_START, side, &constant)) continue;
        if (!constant && (!truth_known(e->program) || !evaluate(e, check, PARAMS_TRUTH, side, &constant))) continue;
        if (!qtm_check_holds(ast_op_text(check->op), check->tolerance, is_relative(check), side[0], side[1]))
            report(e, check, side, constant);
    }
}

void fit_check_function(Elab *e, FitState *fit) {
    Checks checks = checks_collect(e);
    if (!checks.list.count || !e->program->params.count) return;
    Context *c = context_new(e, arena_format(e->arena, "%s.checks", fit->out->name), fit, PARAMS_FITTED, false, NULL);
    for (size_t i = 0; i < checks.list.count; i++) {
        const Check *check = &checks.list.data[i];
        Value side[2];
        c->params_used = false;
        if (!elab_sides(e, check, side) || !c->params_used) continue;
        uint32_t number = (uint32_t)fit->out->checks.count;
        for (uint32_t k = 0; k < 2; k++) {
            TirId id = id_broadcast(e, value_real_id(e, &side[k]), context_rows(c, false), check->node->span);
            tir_output(c->f, TIR_PORT_VALUE, 2 * number + k, k ? "right" : "left", id);
        }
        ProgramCheck row = {check->text, ast_op_text(check->op), check->tolerance, is_relative(check)};
        VEC_PUSH(e->arena, &fit->out->checks, row);
    }
    if (fit->out->checks.count) fit->out->check = c->f;
}
