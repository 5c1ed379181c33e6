/* What both modes of differentiation and the rules share. "Derivative" is short for the cotangent of a value in reverse
 * mode and for its tangent in forward mode. It may lack axes of the value it belongs to: it is then the same for every
 * point along them, which keeps the derivative of sums and broadcasts free. It may have axes that no value has, those
 * of the directions (Ad.extra).
 *
 * Rules, by the name in tir_ops.def:
 *   element-wise operations (shape MAP)   ad_slope_<name>(ad, id, op, k, t) = t * d op / d arg k, for both modes:
 *       reverse mode adds slope_k(cotangent) to argument k, forward mode sums slope_k(tangent of k) over the arguments
 *   all others                            ad_vjp_<name> for reverse mode, ad_jvp_<name> for forward mode
 *   `none`, `zero`                        no derivative goes through
 * An operation without its rules does not link. */
#ifndef QTMC_AD_AD_H
#define QTMC_AD_AD_H

#include "tir/tir.h"

enum { AD_CONSTANTS = 8 };
typedef struct Ad {
    TirFunction *f;
    size_t primal_count; /* operations before differentiation: only these have derivatives */
    size_t first, end;   /* of what may be active: from the first wanted value to the last that is derived */
    bool *active;        /* depends on a wanted value through real, differentiable operations */
    bool *leaf;          /* wanted itself: nothing goes further back */
    bool *masked;        /* its derivative can be a zero that has to stay zero where the slope is infinite */
    bool *tame;          /* finite for inputs of moderate size: no singular operation leads to it */
    bool *steep;         /* forward mode: its tangent can be infinite where it is finite itself */
    TirId *derivative;   /* TIR_NONE: zero */
    TirId **results;     /* of a loop: those of its results; NULL: none yet */
    TirAxes extra;       /* of the directions */
    TirId kept;          /* by a slope rule, between its calls for the arguments of one operation; TIR_NONE at first */
    bool damp;           /* the tangent at hand is that of a steep value */
    TirId constant[AD_CONSTANTS]; /* made so far, as many as there is room for */
    uint32_t constant_count;
    Arena scratch;
} Ad;

/* `op` is a copy of the primal operation `id`. */
typedef TirId AdSlope(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t);
typedef void AdVjp(Ad *ad, TirId id, const TirOp *op, TirId g); /* g: the cotangent of the result */
typedef TirId AdJvp(Ad *ad, TirId id, const TirOp *op);         /* the tangent of the result, TIR_NONE: zero */

/* --- activity.c --- */

/* Everything but the derivatives; `end` stays 0 when no `of` depends on a wanted value. `masked`: so are all values. */
void ad_begin(Ad *ad, TirFunction *f, const TirId *of, uint32_t of_count, const TirId *wrt, uint32_t wrt_count,
              bool masked);
/* Adds to the axes of directions what `carrier` has and `value` lacks; no value may have them. */
void ad_directions(Ad *ad, TirId carrier, TirId value);
void ad_steep_find(Ad *ad);
void ad_end(Ad *ad);
/* Whether finite arguments, not too large, can give a result that is not. */
bool ad_op_singular(const TirFunction *f, const TirOp *op);
/* As Ad.tame, for values made by a rule too. */
bool ad_tame(const Ad *ad, TirId v);

/* --- tools of the rules (tools.c) --- */

static inline TirId ad_map1(Ad *ad, TirOpcode op, Span s, TirId a) {
    return tir_map(ad->f, op, s, a, TIR_NONE, TIR_NONE);
}
static inline TirId ad_map2(Ad *ad, TirOpcode op, Span s, TirId a, TirId b) {
    return tir_map(ad->f, op, s, a, b, TIR_NONE);
}
static inline TirId ad_choose(Ad *ad, Span s, TirId condition, TirId a, TirId b) {
    return tir_map(ad->f, TIR_SELECT, s, condition, a, b);
}
TirId ad_real(Ad *ad, Span s, double value); /* made once for each value */
static inline TirAxes ad_axes(const Ad *ad, TirId v) {
    return ad->f->ops.data[v].axes;
}
bool ad_is_const(const Ad *ad, TirId v, double *value);
TirId ad_product(Ad *ad, Span s, TirId a, TirId b);
/* t * factor, zero where t is zero and the factor is not finite, or the other way round: for the slope of `id`. */
TirId ad_scale(Ad *ad, TirId id, Span s, TirId t, TirId factor);
/* t / divisor, zero where t is zero and the divisor is zero or NaN. */
TirId ad_quotient(Ad *ad, TirId id, Span s, TirId t, TirId divisor);
/* `v` with these axes at least. */
TirId ad_with_axes(Ad *ad, TirId v, TirAxes axes, Span s);
/* Sums over `over`, all of them: along an axis that the values lack, that is a product with the axis' length. */
TirId ad_sum(Ad *ad, TirId v, TirAxes over, Span s);
TirId ad_contract(Ad *ad, TirId a, TirId b, TirAxes over, Span s); /* of a * b */
/* 1 where the argument of a reduce_max reaches the maximum, and how often it does. */
TirId ad_at_maximum(Ad *ad, TirId id, const TirOp *op, TirId *count);

/* --- reverse.c --- */

/* Adds `c` to the cotangent of `arg`; `c` has no axis that `arg` lacks, but for those of directions. */
void ad_add(Ad *ad, TirId arg, TirId c, Span span);
/* The same for a `c` that stands for a value over `axes`: it is summed over those that `arg` lacks. */
void ad_add_summed(Ad *ad, TirId arg, TirId c, TirAxes axes, Span span);

/* ad_adjoint, and ad_tangent of forward.c, in the body of a loop. */
void ad_adjoint_masked(TirFunction *f, const TirId *of, const TirId *seed, uint32_t of_count, const TirId *wrt,
                       uint32_t count, TirId *out, bool masked);
void ad_tangent_masked(TirFunction *f, const TirId *of, uint32_t of_count, const TirId *wrt, const TirId *tangent,
                       uint32_t wrt_count, TirId *out, bool masked);

/* loop.c: whether a body has a choice between values, so that one may not show in the results. */
bool ad_chooses(const TirFunction *body);

/* --- the rules, by shape --- */
#define AD_PAIR(rule)                                                                                                  \
    AdVjp ad_vjp_##rule;                                                                                               \
    AdJvp ad_jvp_##rule;
#define AD_RULE_MAP(rule) AdSlope ad_slope_##rule;
#define AD_RULE_LEAF AD_PAIR
#define AD_RULE_REDUCE AD_PAIR
#define AD_RULE_DOT AD_PAIR
#define AD_RULE_ADD_AXIS AD_PAIR
#define AD_RULE_DROP_AXIS AD_PAIR
#define AD_RULE_GATHER AD_PAIR
#define AD_RULE_SCATTER AD_PAIR
#define AD_RULE_RENAME AD_PAIR
#define AD_RULE_BROADCAST AD_PAIR
#define AD_RULE_KEEP AD_PAIR
#define AD_RULE_FLATTEN AD_PAIR
#define AD_RULE_CUSTOM AD_PAIR
#define AD_RULE_LOOP AD_PAIR
#define AD_RULE_RESULT AD_PAIR
#define TIR_OP(NAME, text, arity, shape, type, flags, rule, cost) AD_RULE_##shape(rule)
#include "tir/tir_ops.def"
#undef TIR_OP

typedef struct AdRule {
    AdSlope *slope; /* or both of: */
    AdVjp *vjp;
    AdJvp *jvp;
} AdRule;
extern const AdRule ad_rules[TIR_OPCODE_COUNT];

#endif
