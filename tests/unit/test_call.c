/* Functions that run before another: at its first run, or once a step for all that read from them. */
#include <criterion/criterion.h>

#include "runtime/core/call.h"

static int starts, shares;

static int64_t no_work(const int64_t *extent) {
    (void)extent;
    return 0;
}
static void run_start(const struct qtm_frame *frame) {
    *(double *)frame->out[0] = 100 * ++starts;
}
static void run_shared(const struct qtm_frame *frame) {
    *(double *)frame->out[0] = 10000 * ++shares + (double)frame->step + 10 * (double)frame->seed;
}
static void run_sum(const struct qtm_frame *frame) {
    *(double *)frame->out[0] = *(const double *)frame->in[0] + *(const double *)frame->in[1];
}

static const struct qtm_port start_out[] = {{"made", QTM_STAGED, 0, 0, 0, NULL}};
static const struct qtm_port shared_out[] = {{"made", QTM_STAGED, 3, 0, 0, NULL}};
static const struct qtm_port sum_in[] = {{"a", QTM_STAGED, 0, 0, 0, NULL}, {"b", QTM_STAGED, 3, 1, 0, NULL}};
static const struct qtm_port sum_out[] = {{"sum", QTM_VALUE, 0, 0, 0, NULL}};
static const struct qtm_fn start = {
    .name = "start", .run = run_start, .work_bytes = no_work, .f64 = true, .out_count = 1, .out = start_out};
static const struct qtm_fn shared = {
    .name = "shared", .run = run_shared, .work_bytes = no_work, .f64 = true, .out_count = 1, .out = shared_out};
static const struct qtm_fn sum = {.name = "sum",
                                  .run = run_sum,
                                  .work_bytes = no_work,
                                  .f64 = true,
                                  .in_count = 2,
                                  .in = sum_in,
                                  .out_count = 1,
                                  .out = sum_out,
                                  .start = &start,
                                  .shared = &shared};

static double run(struct qtm_call *call, uint64_t seed, uint64_t step) {
    qtm_call_run(call, seed, step);
    return qtm_call_value(call, 0, 0);
}

Test(call, the_start_runs_once_and_what_is_shared_once_a_step) {
    struct qtm_workspace space = {0};
    struct qtm_binding binding = {.space = &space};
    struct qtm_call common, a, b;
    starts = shares = 0;
    cr_assert_eq(qtm_call_bind(&common, &shared, &binding), QTM_OK);
    binding.shared = &common;
    cr_assert_eq(qtm_call_bind(&a, &sum, &binding), QTM_OK);
    cr_assert_eq(qtm_call_bind(&b, &sum, &binding), QTM_OK);
    cr_expect_eq(run(&a, 1, 0), 100 + 10000 + 10);
    cr_expect_eq(run(&b, 1, 0), 200 + 10000 + 10); /* a start of its own */
    cr_expect_eq(run(&a, 1, 0), 100 + 10000 + 10);
    cr_expect_eq(run(&b, 1, 1), 200 + 20000 + 11);
    cr_expect_eq(run(&a, 1, 1), 100 + 20000 + 11);
    cr_expect_eq(run(&a, 2, 1), 100 + 30000 + 21); /* of other random numbers */
    qtm_call_destroy(&a);
    qtm_call_destroy(&b);
    qtm_call_destroy(&common);
    qtm_workspace_destroy(&space);
}

/* Where nothing says when weights change, it runs every time. */
Test(call, alone_what_is_shared_runs_every_time) {
    struct qtm_workspace space = {0};
    const struct qtm_binding binding = {.space = &space};
    struct qtm_call call;
    starts = shares = 0;
    cr_assert_eq(qtm_call_bind(&call, &sum, &binding), QTM_OK);
    cr_expect_eq(run(&call, 1, 5), 100 + 10000 + 15);
    cr_expect_eq(run(&call, 1, 5), 100 + 20000 + 15);
    qtm_call_renew(&call); /* other events */
    cr_expect_eq(run(&call, 1, 5), 200 + 30000 + 15);
    qtm_call_destroy(&call);
    qtm_workspace_destroy(&space);
}
