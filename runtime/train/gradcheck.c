/* Gradients against finite differences, in f64, and against forward mode: products.h. The difference quotient is wrong
 * by rounding, about eps |f| / h, and, where the objective has kinks (leaky_relu), by the events that cross one within
 * h. Neither is known beforehand, so a range of steps h is tried and the best one counts: a wrong gradient agrees at
 * none of them. */
#include "runtime/train/gradcheck.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/train/data.h"
#include "runtime/train/draw.h"
#include "runtime/train/guard.h"
#include "runtime/train/products.h"
#include "runtime/train/session.h"
#include "runtime/train/start.h"
#include "runtime/train/trap.h"

enum { POINTS = 2, DIRECTIONS = 2, SYNTHETIC = 4096 };
static const double LIMIT = 1e-6;
static const double STEPS[] = {1e-6, 1e-7, 3e-8, 1e-8, 1e-5, 1e-4};
/* Derivatives below this part of the objective drown in its rounding: errors are then relative to that. */
static const double SMALLEST = 1e-4;
enum { STEP_COUNT = sizeof STEPS / sizeof *STEPS };

/* The worst case of one block. */
struct worst {
    double error, gradient, difference;
};

struct check {
    struct qtm_session *session;
    struct qtm_gradient vector, unused; /* unused: comes with the loss of a difference */
    struct qtm_call gradient, loss;
    double *direction, *start; /* of the longest block */
    uint64_t random;
    struct qtm_products products;
    struct qtm_call clauses; /* of derivative clauses, where the objective uses any */
    double *clause;          /* the worst of each: relative error, argument, slope, difference */
    int failures, clause_failures;
};

/* A number from a standard normal, by Box and Muller. */
static double normal_draw(uint64_t *state) {
    double u[2];
    for (int i = 0; i < 2; i++) u[i] = ((double)(qtm_session_seed(++*state, 7) >> 11) + 0.5) * 0x1p-53;
    return sqrt(-2 * log(u[0])) * cos(2 * M_PI * u[1]);
}

static double loss_at(struct check *check, double *weights, int64_t count, double shift) {
    for (int64_t i = 0; i < count; i++) weights[i] = check->start[i] + shift * check->direction[i];
    qtm_call_run(&check->loss, check->session->draw_seed, 0);
    return qtm_call_loss(&check->loss);
}

/* Compares the derivative along check->direction, by four-point differences. */
static struct worst direction_check(struct check *check, int block, double derivative) {
    double *weights = qtm_state_block_f64(check->session->state, block);
    int64_t count = check->session->fit->blocks[block].count;
    struct worst best = {INFINITY, derivative, NAN};
    memcpy(check->start, weights, (size_t)count * sizeof(double));
    for (int k = 0; k < STEP_COUNT && !(best.error <= LIMIT); k++) {
        double h = STEPS[k], f[4];
        static const double shift[4] = {1, -1, 2, -2};
        for (int i = 0; i < 4; i++) f[i] = loss_at(check, weights, count, shift[i] * h);
        double difference = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h);
        double size = fmax(fmax(fabs(derivative), fabs(difference)), fmax(SMALLEST * fabs(f[0]), 1e-300));
        double error = fabs(difference - derivative) / size;
        if (error < best.error) best = (struct worst){error, derivative, difference};
    }
    memcpy(weights, check->start, (size_t)count * sizeof(double));
    return best;
}

/* For k < DIRECTIONS the gradient's own direction mixed in equal parts with a random one, of length 1: along it the
 * objective changes much more than along a random one alone, so that the step can be small and few events cross a kink.
 * Then the coordinate of the largest gradient. */
static void direction_choose(struct check *check, int block, const double *gradient, int64_t count, int k) {
    double square = 0, norm = 0;
    int64_t largest = 0;
    while (!qtm_session_moves(check->session, check->vector.update, block, largest)) largest++;
    for (int64_t i = 0; i < count; i++) norm += gradient[i] * gradient[i];
    double scale = norm > 0 && isfinite(norm) ? sqrt((double)count / norm) : 0;
    for (int64_t i = 0; i < count; i++) {
        if (fabs(gradient[i]) > fabs(gradient[largest])) largest = i;
        bool moves = k < DIRECTIONS && qtm_session_moves(check->session, check->vector.update, block, i);
        check->direction[i] = moves ? scale * gradient[i] + normal_draw(&check->random) : 0;
        square += check->direction[i] * check->direction[i];
    }
    if (k == DIRECTIONS)
        check->direction[largest] = 1;
    else
        for (int64_t i = 0; i < count && square > 0; i++) check->direction[i] /= sqrt(square);
}

static void block_check(struct check *check, int block, struct worst *worst) {
    struct qtm_session *session = check->session;
    int64_t at = qtm_gradient_offset(session->state, check->vector.update, block);
    int64_t count = session->fit->blocks[block].count, moving = 0;
    const double *gradient = check->vector.f64 + at;
    while (moving < count && !qtm_session_moves(session, check->vector.update, block, moving)) moving++;
    if (moving == count) return;
    for (int k = 0; k <= DIRECTIONS; k++) {
        direction_choose(check, block, gradient, count, k);
        double derivative = 0;
        for (int64_t i = 0; i < count; i++) derivative += gradient[i] * check->direction[i];
        struct worst found = direction_check(check, block, derivative);
        if (!(found.error <= worst->error)) *worst = found;
    }
}

static void line_print(struct check *check, int block, const struct worst *worst) {
    const struct qtm_products *products = &check->products;
    bool bad = !(worst->error <= LIMIT);
    printf("  %-24s %16.9g %16.9g %10.2e", check->session->fit->blocks[block].name, worst->gradient, worst->difference,
           worst->error);
    if (products->first) {
        bad |= !(products->first[block] <= QTM_PRODUCTS_LIMIT && products->second[block] <= QTM_PRODUCTS_LIMIT);
        printf(" %10.2e %10.2e", products->first[block], products->second[block]);
    }
    printf("%s\n", bad ? "  WRONG" : "");
    fflush(stdout);
    check->failures += bad;
}

/* The second point: all weights moved by a normal number of size 0.1. */
static void weights_move(struct check *check) {
    struct qtm_session *session = check->session;
    for (int b = 0; b < session->fit->block_count; b++)
        for (int64_t i = 0; i < session->fit->blocks[b].count; i++)
            qtm_state_block_f64(session->state, b)[i] += 0.1 * normal_draw(&check->random);
}

/* What is NaN or infinite cannot be compared. */
static qtm_status finite_check(struct check *check) {
    struct qtm_session *session = check->session;
    double loss = qtm_call_loss(&check->gradient);
    int block = qtm_gradient_first_bad(session->state, &check->vector);
    if (isfinite(loss) && block < 0) return QTM_OK;
    qtm_error_record("fit %s: the objective %s is %s%s%s%s", session->fit->name, check->vector.update->objective,
                     isnan(loss)   ? "NaN"
                     : isinf(loss) ? "infinite"
                                   : "finite, but not its gradient by ",
                     isfinite(loss) ? session->fit->blocks[block].name : "", " where gradients are checked",
                     session->config.trap ? "" : ". --trap=nan says where it begins");
    if (!session->config.trap) return QTM_FAILED;
    return qtm_trap_explain(session->model, &check->gradient);
}

/* Keeps the worst of what the clauses' function says of this point; of points that differ by rounding, the first. */
static void clauses_run(struct check *check, const struct qtm_update *update) {
    qtm_call_run(&check->clauses, check->session->draw_seed, 0);
    for (int i = 0; i < update->clause_count; i++) {
        double *worst = check->clause + 4 * i, number[4];
        for (int k = 0; k < 4; k++) {
            int output = qtm_call_find(&check->clauses, QTM_VALUE, 4 * i + k);
            number[k] = qtm_call_value(&check->clauses, output, 0);
        }
        if (!(number[0] <= worst[0] * (1 + 1e-9))) memcpy(worst, number, sizeof number);
    }
}

/* A line for each entry of a clause: of several calls the worst. */
static void clauses_print(struct check *check, const struct qtm_update *update) {
    if (update->clause_count) printf("  %-24s %16s %16s %10s\n", "clauses", "slope", "difference", "relative");
    for (int i = 0; i < update->clause_count; i++) {
        const struct qtm_clause *clause = &update->clauses[i];
        const double *worst = check->clause + 4 * i;
        bool told = false;
        for (int k = 0; k < update->clause_count; k++) {
            if (strcmp(update->clauses[k].place, clause->place) != 0) continue;
            told |= k < i;
            if (k > i && !(check->clause[4 * k] <= worst[0])) worst = check->clause + 4 * k;
        }
        if (told) continue;
        bool bad = !(worst[0] <= LIMIT), silent = worst[0] < 0;
        if (silent)
            printf("  %-24s no difference is finite  WRONG\n", clause->name);
        else
            printf("  %-24s %16.9g %16.9g %10.2e%s\n", clause->name, worst[2], worst[3], worst[0],
                   bad ? "  WRONG" : "");
        if (bad) printf("    %s: where the argument is %.9g\n", clause->place, worst[1]);
        check->clause_failures += bad || silent;
    }
    fflush(stdout);
}

/* One update at all points; a line a block with its worst case. */
static qtm_status update_check(struct check *check, struct worst *worst) {
    struct qtm_session *session = check->session;
    int blocks = session->fit->block_count;
    for (int b = 0; b < blocks; b++) worst[b] = (struct worst){-1, 0, 0};
    double *keep[64];
    int groups = session->fit->group_count;
    if (groups > 64) return qtm_error("fit %s: more than 64 groups of weights", session->fit->name);
    for (int g = 0; g < groups; g++) {
        int64_t bytes = session->state->groups[g].count * (int64_t)sizeof(double);
        keep[g] = qtm_alloc(bytes);
        if (keep[g]) memcpy(keep[g], session->state->groups[g].f64, (size_t)bytes);
    }
    qtm_status status = QTM_OK;
    for (int point = 0; !status && point < POINTS; point++) {
        if (point) weights_move(check);
        if (check->clause) clauses_run(check, check->vector.update);
        qtm_call_run(&check->gradient, session->draw_seed, 0);
        status = qtm_guard_check(&check->gradient, session->model, session, "checking gradients");
        if (!status) status = finite_check(check);
        for (int b = 0; !status && b < blocks; b++)
            if (qtm_gradient_offset(session->state, check->vector.update, b) >= 0) block_check(check, b, &worst[b]);
        if (!status) qtm_products_point(&check->products, &check->gradient);
    }
    for (int g = 0; g < groups; g++) {
        if (keep[g])
            memcpy(session->state->groups[g].f64, keep[g], (size_t)session->state->groups[g].count * sizeof(double));
        qtm_free(keep[g]);
    }
    for (int b = 0; !status && b < blocks; b++)
        if (worst[b].error >= 0) line_print(check, b, &worst[b]);
    if (!status) clauses_print(check, check->vector.update);
    return status;
}

static qtm_status update_open(struct check *check, const struct qtm_update *update, const struct qtm_carried *carried) {
    struct qtm_session *session = check->session;
    int64_t longest = 1;
    for (int b = 0; b < session->fit->block_count; b++)
        if (session->fit->blocks[b].count > longest) longest = session->fit->blocks[b].count;
    check->direction = qtm_alloc_array(longest, sizeof(double));
    check->start = qtm_alloc_array(longest, sizeof(double));
    if (!check->direction || !check->start) return qtm_error_memory(longest * (int64_t)sizeof(double));
    QTM_TRY(qtm_gradient_create(session->state, update, true, &check->vector));
    struct qtm_binding binding = session->binding;
    binding.gradient = &check->vector;
    QTM_TRY(qtm_call_bind(&check->gradient, &update->check, &binding));
    QTM_TRY(qtm_gradient_create(session->state, update, true, &check->unused));
    binding.gradient = &check->unused;
    QTM_TRY(qtm_call_bind(&check->loss, &update->check, &binding));
    qtm_products_open(session, update, carried, &check->products);
    if (!update->clause_count) return QTM_OK;
    check->clause = qtm_alloc_array(4 * update->clause_count, sizeof(double));
    if (!check->clause) return qtm_error_memory(4 * update->clause_count * (int64_t)sizeof(double));
    for (int i = 0; i < update->clause_count; i++) check->clause[4 * i] = -1;
    return qtm_call_bind(&check->clauses, &update->clause_check, &binding);
}

static qtm_status fit_check(struct qtm_session *session, const struct qtm_carried *carried, int *failures,
                            int *clause_failures) {
    const struct qtm_fit *fit = session->fit;
    struct worst *worst = qtm_alloc_array(fit->block_count, sizeof *worst);
    if (!worst) return qtm_error_memory(fit->block_count * (int64_t)sizeof *worst);
    qtm_status status = QTM_OK;
    for (int u = 0; !status && u < fit->update_count; u++) {
        struct check check = {.session = session, .random = session->config.seed << 20};
        printf("fit %s: minimize %s over %s\n  %-24s %16s %16s %10s%s\n", fit->name, fit->updates[u].objective,
               session->trainers[u].label, "weights", "gradient", "difference", "relative",
               carried->module ? "    forward     second" : "");
        status = update_open(&check, &fit->updates[u], carried);
        if (!status) status = update_check(&check, worst);
        *failures += check.failures;
        *clause_failures += check.clause_failures;
        qtm_gradient_destroy(&check.vector);
        qtm_gradient_destroy(&check.unused);
        qtm_products_close(&check.products);
        if (check.gradient.fn) qtm_call_destroy(&check.gradient);
        if (check.loss.fn) qtm_call_destroy(&check.loss);
        if (check.clauses.fn) qtm_call_destroy(&check.clauses);
        qtm_free(check.clause);
        qtm_free(check.direction);
        qtm_free(check.start);
    }
    qtm_free(worst);
    return status;
}

/* Events drawn at the truth stand for a file that is not there. */
static qtm_status data_draw(const struct qtm_data_source *source, uint64_t seed, struct qtm_events *set) {
    const struct qtm_data *data = &source->model->data[source->data];
    const struct qtm_event *event = &source->model->events[data->event];
    QTM_TRY(qtm_events_create(event, SYNTHETIC, set));
    for (int f = 0; f < event->field_count; f++) {
        set->f32[f] = qtm_alloc_array(SYNTHETIC * event->fields[f].length, sizeof(float));
        if (!set->f32[f]) return qtm_error_memory(SYNTHETIC * event->fields[f].length * (int64_t)sizeof(float));
    }
    QTM_TRY(qtm_draw_events(source->model, source->data, source->options, seed, SYNTHETIC, set->f32));
    QTM_TRY(qtm_data_cut(source, set));
    printf("data %s: %d events drawn at the truth (no file %s)", data->name, SYNTHETIC, data->path);
    if (data->where.name) printf(", %lld kept by where", (long long)set->total);
    printf("\n");
    return QTM_OK;
}

/* Events from the file if there is one, else drawn. */
static qtm_status data_make(const struct qtm_model *model, const struct qtm_arguments *arguments, uint64_t seed,
                            struct qtm_events *events) {
    qtm_status status = QTM_OK;
    for (int d = 0; !status && d < model->data_count; d++) {
        const struct qtm_event *event = &model->events[model->data[d].event];
        struct qtm_data_source source = {
            .model = model, .data = d, .path = arguments->data[d], .options = arguments->options, .ranks = 1};
        char found[QTM_DATA_PATH];
        bool there = !access(qtm_data_find(&model->data[d], NULL, found), F_OK);
        if (!arguments->data[d] && !there && qtm_draw_can(model, d)) {
            status = data_draw(&source, seed, &events[d]);
            continue;
        }
        bool *wide = qtm_alloc_array(event->field_count, sizeof *wide);
        if (!wide) return qtm_error_memory(event->field_count);
        for (int f = 0; f < event->field_count; f++) wide[f] = true; /* every function that is called is in f64 */
        source.wide = wide;
        status = qtm_data_load(&source, &events[d]);
        qtm_free(wide);
    }
    return status;
}

qtm_status qtm_gradcheck_command(const struct qtm_model *model, const struct qtm_arguments *arguments,
                                 struct qtm_comm *comm) {
    if (qtm_comm_size(comm) > 1) return qtm_misuse("check-gradients runs on one rank, without mpirun");
    uint64_t seed = arguments->seed >= 0 ? (uint64_t)arguments->seed : 1;
    struct qtm_choice choice;
    QTM_TRY(qtm_choice_make(model, arguments->free, arguments->fix, arguments->start, &choice));
    struct qtm_events *events = qtm_alloc_array(model->data_count, sizeof *events);
    if (!events) qtm_choice_destroy(&choice);
    if (!events) return qtm_error_memory(model->data_count * (int64_t)sizeof *events);
    int failures = 0, clause_failures = 0;
    struct qtm_carried carried;
    qtm_carried_read(model, &carried);
    qtm_status status = data_make(model, arguments, seed, events);
    for (int i = 0; !status && i < model->fit_count; i++) {
        if (arguments->operand && strcmp(arguments->operand, model->fits[i].name)) continue;
        struct qtm_session session;
        struct qtm_config config = qtm_start_config(model, &model->fits[i], comm, &choice, arguments);
        config.checking = true;
        config.events = events;
        status = qtm_session_open(&session, &config);
        if (status) break;
        status = fit_check(&session, &carried, &failures, &clause_failures);
        qtm_session_close(&session);
    }
    for (int d = 0; d < model->data_count; d++) qtm_events_free(&events[d]);
    qtm_free(events);
    qtm_choice_destroy(&choice);
    bool forward = carried.module != NULL;
    qtm_carried_free(&carried);
    if (!status && clause_failures)
        return qtm_error("%d derivative clause%s that differ%s from finite differences by more than %g",
                         clause_failures, clause_failures == 1 ? "" : "s", clause_failures == 1 ? "s" : "", LIMIT);
    if (!status && failures)
        return qtm_error("%d block%s of weights with a gradient that differs from finite differences by more than %g%s",
                         failures, failures == 1 ? "" : "s", LIMIT,
                         forward ? ", or from forward mode by more than 1e-10" : "");
    if (!status) printf("all gradients agree with finite differences to %g", LIMIT);
    if (!status && forward)
        printf(" and with forward mode to %g, and second derivatives are symmetric\n", QTM_PRODUCTS_LIMIT);
    else if (!status)
        printf("\n");
    return status;
}
