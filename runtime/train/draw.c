/* Drawing at the truth: the event's draw function gives a batch a step; batch number b is step b, so events depend on
 * the seed and on nothing else. */
#include "runtime/train/draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/call.h"
#include "runtime/core/memory.h"
#include "runtime/core/pool.h"
#include "runtime/core/suggest.h"
#include "runtime/train/session.h"

enum { SEED_TRUTH = 2, ATTEMPTS = 1000 };

struct drawer {
    const struct qtm_event *event;
    struct qtm_pool *pool;
    struct qtm_workspace space;
    struct qtm_call call;
    float *options_f32; /* as in qtm_binding */
    double *options_f64;
    uint64_t seed;
    int64_t next; /* number of the next event, those that do not pass included */
};

static void drawer_close(struct drawer *drawer) {
    qtm_call_destroy(&drawer->call);
    qtm_workspace_destroy(&drawer->space);
    qtm_pool_destroy(drawer->pool);
    qtm_free(drawer->options_f32);
    qtm_free(drawer->options_f64);
}

static qtm_status drawer_bind(struct drawer *drawer, int threads, int option_count, const double *options) {
    static const int64_t no_extent[1] = {0};
    QTM_TRY(qtm_pool_create(threads, 0, 1, &drawer->pool));
    drawer->space.pool = drawer->pool;
    QTM_TRY(qtm_options_align(option_count, options, &drawer->options_f32, &drawer->options_f64));
    struct qtm_binding binding = {.space = &drawer->space,
                                  .extent = no_extent,
                                  .options_f32 = drawer->options_f32,
                                  .options_f64 = drawer->options_f64};
    QTM_TRY(qtm_call_bind(&drawer->call, &drawer->event->draw, &binding));
    for (int f = 0; f < drawer->event->field_count; f++)
        if (qtm_call_find(&drawer->call, QTM_VALUE, f) < 0)
            return qtm_error("the model draws no '%s' of %s", drawer->event->fields[f].name, drawer->event->name);
    return QTM_OK;
}

static qtm_status drawer_open(struct drawer *drawer, const struct qtm_event *event, uint64_t seed, int threads,
                              int option_count, const double *options) {
    *drawer = (struct drawer){.event = event, .seed = qtm_session_seed(seed, SEED_TRUTH)};
    qtm_status status = drawer_bind(drawer, threads, option_count, options);
    if (status) drawer_close(drawer);
    return status;
}

/* The next event of the batches whose weight lets it pass: its place in the batch that the call holds. */
static qtm_status drawer_next(struct drawer *drawer, int64_t *at) {
    int accepted = qtm_call_find(&drawer->call, QTM_VALUE, drawer->event->field_count);
    int64_t size = drawer->event->draw_batch;
    for (int64_t tried = 0; tried < ATTEMPTS * size; tried++) {
        if (drawer->next % size == 0) qtm_call_run(&drawer->call, drawer->seed, (uint64_t)(drawer->next / size));
        *at = drawer->next++ % size;
        double pass = accepted < 0 ? 1 : qtm_call_value(&drawer->call, accepted, *at);
        if (pass == 1) return QTM_OK;
        if (pass != 0)
            return qtm_error("an event of %s has a weight above 1, or one that is no number: events are written with "
                             "their weight as probability; divide the detector's weights by the largest of them",
                             drawer->event->name);
    }
    return qtm_error("none of %lld events of %s passes the detector", (long long)(ATTEMPTS * size),
                     drawer->event->name);
}

/* Events in the order of their drawing: calls go through them once, from the first on. */
static qtm_status drawer_fill(void *context, int64_t first, int64_t count, float *const *columns) {
    struct drawer *drawer = context;
    for (int64_t i = 0; i < count; i++) {
        int64_t at;
        QTM_TRY(drawer_next(drawer, &at));
        for (int f = 0; f < drawer->event->field_count; f++) {
            int output = qtm_call_find(&drawer->call, QTM_VALUE, f);
            int64_t length = drawer->event->fields[f].length;
            for (int64_t k = 0; k < length; k++) {
                double value = qtm_call_value(&drawer->call, output, at * length + k);
                if (!isfinite(value))
                    return qtm_error("event %lld drawn at the truth has a field '%s' that is not finite; is the "
                                     "density finite all over its domain?",
                                     (long long)(first + i), drawer->event->fields[f].name);
                columns[f][i * length + k] = (float)value;
            }
        }
    }
    return QTM_OK;
}

qtm_status qtm_draw_events(const struct qtm_model *model, const struct qtm_event *event, const double *options,
                           uint64_t seed, int64_t count, float *const *columns) {
    struct drawer drawer;
    QTM_TRY(drawer_open(&drawer, event, seed, 1, model->option_count, options));
    qtm_status status = drawer_fill(&drawer, 0, count, columns);
    drawer_close(&drawer);
    return status;
}

static qtm_status event_find(const struct qtm_model *model, const char *name, const struct qtm_event **event) {
    const char *names[64];
    int count = 0;
    *event = NULL;
    for (int i = 0; i < model->event_count && count < 64; i++) {
        if (!model->events[i].draw.name) continue;
        names[count++] = model->events[i].name;
        if (!name || !strcmp(name, model->events[i].name)) *event = &model->events[i];
    }
    if (!count)
        return qtm_error("the model cannot draw at its truth: %s",
                         model->has_truth ? "no fit draws events" : "not every parameter has a declared truth");
    if (name && !*event) {
        const char *nearest = qtm_suggest_nearest(name, names, (size_t)count);
        return qtm_misuse("the model draws no events '%s'%s%s%s", name, nearest ? "; did you mean '" : "",
                          nearest ? nearest : "", nearest ? "'?" : "");
    }
    if (!name && count > 1) return qtm_misuse("the model has several kinds of events; choose one with --event=NAME");
    return QTM_OK;
}

qtm_status qtm_draw_command(const struct qtm_model *model, const struct qtm_arguments *arguments) {
    const struct qtm_event *event;
    QTM_TRY(event_find(model, arguments->event, &event));
    uint64_t seed = arguments->seed >= 0 ? (uint64_t)arguments->seed : 1;
    int threads = arguments->threads > 0 ? (int)arguments->threads : 0;
    struct drawer drawer;
    QTM_TRY(drawer_open(&drawer, event, seed, threads, model->option_count, arguments->options));
    const struct qtm_attribute attributes[] = {
        {"model", model->name, 0}, {"model_hash", model->hash, 0}, {"seed", NULL, (double)seed}};
    qtm_status status = qtm_events_write(arguments->out, event, arguments->events, event->draw_batch, drawer_fill,
                                         &drawer, attributes, 3);
    drawer_close(&drawer);
    if (!status)
        printf("%lld events of %s drawn at the declared truth, seed %llu: %s\n", (long long)arguments->events,
               event->name, (unsigned long long)seed, arguments->out);
    return status;
}
