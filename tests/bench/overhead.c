/* What a training step takes beside its kernels. Stands in for the runtime's main: opens the fit as `fit` would, takes
 * its steps, and prints JSON with the least and the median microseconds of a step, of the emitted gradients in it, of
 * what is outside of them, of the optimiser alone on the same weights, and of an empty run of the pool; and the
 * overhead: the least time outside of gradients less the least of the optimiser.
 *
 *     overhead fit NAME --steps=N --threads=T          (as a model's executable)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/clock.h"
#include "runtime/core/memory.h"
#include "runtime/core/options.h"
#include "runtime/core/pool.h"
#include "runtime/train/adam.h"
#include "runtime/train/start.h"
#include "runtime/train/step.h"

enum { FUNCTIONS = 8, WARM = 20 };

/* Emitted functions whose time is taken: gradients, and what they share. */
static struct {
    const struct qtm_fn *fn;
    struct qtm_fn timed;
} functions[FUNCTIONS];
static int function_count;
static double inside; /* seconds in them in this step */

static void timed_run(int which, const struct qtm_frame *frame) {
    double start = qtm_clock_seconds();
    functions[which].fn->run(frame);
    inside += qtm_clock_seconds() - start;
}
#define TIMED(n)                                                                                                       \
    static void timed_run_##n(const struct qtm_frame *frame) {                                                         \
        timed_run(n, frame);                                                                                           \
    }
TIMED(0);
TIMED(1);
TIMED(2);
TIMED(3);
TIMED(4);
TIMED(5);
TIMED(6);
TIMED(7);

static const qtm_entry entries[FUNCTIONS] = {timed_run_0, timed_run_1, timed_run_2, timed_run_3,
                                             timed_run_4, timed_run_5, timed_run_6, timed_run_7};

static void time_take(struct qtm_call *call) {
    if (!call || function_count == FUNCTIONS) return;
    for (int i = 0; i < function_count; i++)
        if (call->fn == &functions[i].timed) return;
    functions[function_count].fn = call->fn;
    functions[function_count].timed = *call->fn;
    functions[function_count].timed.run = entries[function_count];
    call->fn = &functions[function_count++].timed;
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static void print(const char *name, double *seconds, int64_t count, const char *end) {
    qsort(seconds, (size_t)count, sizeof *seconds, compare);
    printf("\"%s_us\": {\"least\": %.2f, \"median\": %.2f}%s", name, 1e6 * seconds[0], 1e6 * seconds[count / 2], end);
}

static double optimiser_run(struct qtm_session *session) {
    double start = qtm_clock_seconds();
    for (int u = 0; u < session->fit->update_count; u++)
        if (session->trainers[u].update->optimiser == QTM_ADAM &&
            session->step % session->trainers[u].update->every == 0)
            qtm_step_move(session, &session->trainers[u], &(struct qtm_adam_settings){1e-9, 0.9, 0.999, 1e-8}, 0, 0);
    return qtm_clock_seconds() - start;
}

static void nothing(const struct qtm_frame *frame, int64_t slot, int64_t thread) {
    (void)frame, (void)slot, (void)thread;
}

static qtm_status measure(struct qtm_session *session, int64_t steps) {
    double *time = qtm_alloc_array(5 * steps, sizeof *time);
    double *step = time, *in = time + steps, *optimiser = in + steps, *out = optimiser + steps, *pool = out + steps;
    if (!time) return qtm_error_memory(5 * steps * (int64_t)sizeof *time);
    for (int u = 0; u < session->fit->update_count; u++) {
        time_take(&session->trainers[u].gradient);
        time_take(session->trainers[u].gradient.shared);
    }
    struct qtm_frame frame = {0};
    for (int64_t i = -WARM; i < steps; i++) {
        int64_t at = i < 0 ? 0 : i;
        struct qtm_step_end end;
        inside = 0;
        double start = qtm_clock_seconds();
        QTM_TRY(qtm_step_run(session, 0, &end));
        step[at] = qtm_clock_seconds() - start;
        in[at] = inside;
        optimiser[at] = optimiser_run(session);
        out[at] = step[at] - in[at];
        start = qtm_clock_seconds();
        for (int k = 0; k < 10; k++) qtm_pool_run(session->pool, nothing, &frame, session->threads);
        pool[at] = (qtm_clock_seconds() - start) / 10;
    }
    printf("{\"fit\": \"%s\", \"threads\": %d, \"steps\": %lld, ", session->fit->name, session->threads,
           (long long)steps);
    print("step", step, steps, ", ");
    print("gradients", in, steps, ", ");
    print("outside", out, steps, ", ");
    print("optimiser", optimiser, steps, ", ");
    print("pool", pool, steps, ", ");
    printf("\"overhead_us\": %.2f}\n", 1e6 * (out[0] - optimiser[0])); /* sorted by now */
    qtm_free(time);
    return QTM_OK;
}

static qtm_status overhead(const struct qtm_model *model, const struct qtm_arguments *arguments,
                           struct qtm_comm *comm) {
    const struct qtm_fit *fit = NULL;
    for (int i = 0; i < model->fit_count; i++)
        if (arguments->operand && !strcmp(model->fits[i].name, arguments->operand)) fit = &model->fits[i];
    if (!fit) return qtm_misuse("overhead fit NAME --steps=N --threads=T");
    struct qtm_choice choice;
    QTM_TRY(qtm_choice_make(model, arguments->free, arguments->fix, arguments->start, &choice));
    struct qtm_config config = qtm_start_config(model, fit, comm, &choice, arguments);
    struct qtm_session session;
    qtm_status status = qtm_session_open(&session, &config);
    if (!status) status = measure(&session, arguments->steps > 0 ? arguments->steps : 1000);
    if (!status) qtm_session_close(&session);
    qtm_choice_destroy(&choice);
    return status;
}

int qtm_main(int argc, char **argv, const struct qtm_model *model) {
    struct qtm_comm *comm = NULL;
    struct qtm_arguments arguments;
    qtm_status status = qtm_comm_open(&argc, &argv, &comm);
    if (!status && qtm_arguments_parse(&arguments, argc, argv, model)) status = qtm_misuse("%s", arguments.message);
    if (!status) status = overhead(model, &arguments, comm);
    if (status) fprintf(stderr, "overhead: %s\n", qtm_error_text());
    qtm_comm_close(comm);
    return status != QTM_OK;
}
