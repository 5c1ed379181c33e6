/* Minimum cut of a network: the cheapest set of edges without which no way leads from the source to the sink.
 * Dinic's algorithm (Soviet Math. Doklady 11, 1277 (1970)). */
#ifndef QTMC_SCHEDULE_CUT_H
#define QTMC_SCHEDULE_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "support/arena.h"

enum { CUT_SOURCE, CUT_SINK, CUT_FIRST /* the first node of the caller's */ };
#define CUT_NEVER (INT64_MAX / 4) /* capacity of an edge that is never cut */

typedef struct CutEdge {
    uint32_t to, next; /* next: of the same node, 1 + its number; edges 2i and 2i + 1 are one, seen from both ends */
    int64_t left;      /* capacity that is not used */
} CutEdge;

typedef struct Cut {
    Arena *arena;
    uint32_t nodes;
    VEC(CutEdge) edges;
    uint32_t *head, *next; /* of a node: its first edge, and the first that may still carry something; 1 + number */
    int32_t *level;
} Cut;

void cut_begin(Cut *cut, Arena *arena, uint32_t nodes);
/* Capacities are not negative; those above CUT_NEVER count as that. */
void cut_edge(Cut *cut, uint32_t from, uint32_t to, int64_t capacity);
/* Finds the cut and returns what it costs, CUT_NEVER or more when there is none. */
int64_t cut_solve(Cut *cut);
/* After that: whether the node is on the side of the source. The cut that has the fewest nodes there is taken. */
bool cut_on_source_side(const Cut *cut, uint32_t node);

#endif
