/* What the evaluation of derivative clauses (clause.c) and their check against differences (probe.c) share. */
#ifndef QTMC_SEMA_CLAUSE_H
#define QTMC_SEMA_CLAUSE_H

#include "sema/sema.h"

/* One call of a function with a clause. */
typedef struct Clause {
    HirDecl *decl;
    Span span;
    const Value *args;
} Clause;

typedef struct Slope {
    uint32_t argument;
    const AstNode *entry;
    Value x, slope; /* on axes by which they and the value find each other */
} Slope;

/* The function's body, or what is in C, at other arguments. */
Value clause_body(Elab *e, const Clause *clause, const Value *args);
/* The arguments with nothing behind them that could be differentiated. */
Value *clause_held(Elab *e, const Clause *clause);
/* The value of the body, `v`, with the slopes of the clause. */
Value clause_result(Elab *e, const Clause *clause, Value v);
/* Adds the comparison of each slope with differences to e->probes. `v` is the value. */
void clause_probe(Elab *e, const Clause *clause, const Value *v, const Slope *slopes, uint32_t count);

#endif
