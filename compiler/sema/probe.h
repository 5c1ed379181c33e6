/* The comparisons of slopes with differences that are made while an objective is elaborated; see probe.c. */
#ifndef QTMC_SEMA_PROBE_H
#define QTMC_SEMA_PROBE_H

#include "sema/sema.h"

struct Probes {
    VEC(TirId) values; /* four a comparison, of its worst point: error, argument, slope, difference */
    VEC(const AstNode *) entries;
    VEC(const HirDecl *) decls;
};

/* Makes them the outputs of the function at hand and a part of the update. */
void probe_output(Elab *e, Probes *probes, ProgramUpdate *update);

#endif
