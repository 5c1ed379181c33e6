/* Minimum cut by Dinic's algorithm: flow is pushed along the shortest ways that still carry some, until there are none.
 * What the source then reaches is its side of the cut. */
#include "schedule/cut.h"

void cut_begin(Cut *cut, Arena *arena, uint32_t nodes) {
    *cut = (Cut){.arena = arena, .nodes = nodes};
    cut->head = ARENA_ARRAY(arena, uint32_t, nodes);
    cut->next = ARENA_ARRAY(arena, uint32_t, nodes);
    cut->level = ARENA_ARRAY(arena, int32_t, nodes);
}

static void edge_push(Cut *cut, uint32_t from, uint32_t to, int64_t capacity) {
    CutEdge edge = {to, cut->head[from], capacity};
    VEC_PUSH(cut->arena, &cut->edges, edge);
    cut->head[from] = (uint32_t)cut->edges.count;
}

void cut_edge(Cut *cut, uint32_t from, uint32_t to, int64_t capacity) {
    edge_push(cut, from, to, capacity < CUT_NEVER ? capacity : CUT_NEVER);
    edge_push(cut, to, from, 0);
}

/* Distances from the source along edges that still carry something; whether the sink is reached. */
static bool find_levels(Cut *cut, uint32_t *queue) {
    for (uint32_t n = 0; n < cut->nodes; n++) cut->level[n] = -1;
    uint32_t begin = 0, end = 0;
    queue[end++] = CUT_SOURCE;
    cut->level[CUT_SOURCE] = 0;
    while (begin < end) {
        uint32_t node = queue[begin++];
        for (uint32_t i = cut->head[node]; i; i = cut->edges.data[i - 1].next) {
            const CutEdge *edge = &cut->edges.data[i - 1];
            if (!edge->left || cut->level[edge->to] >= 0) continue;
            cut->level[edge->to] = cut->level[node] + 1;
            queue[end++] = edge->to;
        }
    }
    return cut->level[CUT_SINK] >= 0;
}

/* One way from the source to the sink, in `path` (edges, 1 + number); its length, 0 when there is none any more. */
static uint32_t find_path(Cut *cut, uint32_t *path) {
    uint32_t node = CUT_SOURCE, length = 0;
    while (node != CUT_SINK) {
        uint32_t i = cut->next[node];
        const CutEdge *edge = i ? &cut->edges.data[i - 1] : NULL;
        if (edge && edge->left && cut->level[edge->to] == cut->level[node] + 1) {
            path[length++] = i;
            node = edge->to;
        } else if (edge) {
            cut->next[node] = edge->next;
        } else if (length) { /* a dead end: back, and never here again */
            uint32_t back = path[--length];
            node = cut->edges.data[(back - 1) ^ 1].to;
            cut->next[node] = cut->edges.data[back - 1].next;
        } else {
            return 0;
        }
    }
    return length;
}

int64_t cut_solve(Cut *cut) {
    uint32_t *work = ARENA_ARRAY(cut->arena, uint32_t, cut->nodes + 1);
    int64_t flow = 0;
    while (flow < CUT_NEVER && find_levels(cut, work)) {
        for (uint32_t n = 0; n < cut->nodes; n++) cut->next[n] = cut->head[n];
        for (uint32_t length; flow < CUT_NEVER && (length = find_path(cut, work));) {
            int64_t most = CUT_NEVER;
            for (uint32_t k = 0; k < length; k++)
                if (cut->edges.data[work[k] - 1].left < most) most = cut->edges.data[work[k] - 1].left;
            for (uint32_t k = 0; k < length; k++) {
                cut->edges.data[work[k] - 1].left -= most;
                cut->edges.data[(work[k] - 1) ^ 1].left += most;
            }
            flow += most;
        }
    }
    find_levels(cut, work);
    return flow;
}

bool cut_on_source_side(const Cut *cut, uint32_t node) {
    return cut->level[node] >= 0;
}
