/* Measures: what a density is per. A call of a density gives a value that remembers its variables, each linear (per dx)
 * or logarithmic (per dlnx), and where they stand. Sums of different measures are refused, products of densities of
 * different variables join theirs, ratios cancel, and what is no density any more (log, sums over events) has none.
 * Like units, measures are only checked; a conversion is a multiplication by the variable. */
#ifndef QTMC_SEMA_MEASURE_H
#define QTMC_SEMA_MEASURE_H

#include "sema/unit.h"

typedef struct MeasureVariable {
    const char *name;
    bool log;
    const Value *at; /* the variable's value; NULL where it is not one any more: f(x) + f(1 - x) */
} MeasureVariable;

struct Measure {
    uint32_t count;
    MeasureVariable variable[];
};

const char *measure_text(Elab *e, const Measure *m); /* "per dx dlnQ2" */
/* Checks `per ...` of a density and the unit of a cross section, once, when the model is read. */
void measure_check_decl(Elab *e, HirDecl *density);
/* The result of a call of a density, which is not poison: its body is checked against the declared measure, which it
 * then has. */
Value measure_of_call(Elab *e, const HirDecl *density, const Value *args, Value v);
/* The measure of the result of an elementwise operation; false after a report. */
bool measure_of_map(Elab *e, TirOpcode op, Span span, const Value *args, uint32_t count, const Measure **result);
/* Equal measures, where no measure goes with any; false after a report. */
bool measure_same(Elab *e, Span span, const Value *a, const Value *b, const char *verb, const Measure **result);
/* Elements of a list that are summed, or compared for the largest. */
bool measure_check_list(Elab *e, const Value *list, Span span);
/* The measure of a part of a value, or of a value made of several: its variables are no longer in one place. */
const Measure *measure_elsewhere(Elab *e, const Measure *m);
/* The same density per d of its variables themselves: f(x) per dlnx is divided by x. Everything that integrates or
 * draws works on this. A value without a measure is left as it is. */
Value measure_to_linear(Elab *e, Value v, Span span);
/* A density that was handed to a function is one of pure numbers there, which is what samplers, integrals and pdf work
 * on: its variables count in their declared units, and its value is per d of these numbers. So a call may give numbers
 * (a quantity is left as it is), and what comes of it is made linear and multiplied by the units of the variables: the
 * integral of a cross section in pb/GeV^2 over Q2 is one in pb. */
Value measure_call_numbers(Elab *e, const Value *callee, const AstNode *node, const Value *args, uint32_t count,
                           Span span);
/* per(EXPR, dlnx, ...) */
Value elab_per(Elab *e, const AstNode *call);

#endif
