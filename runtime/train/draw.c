/* Drawing at the truth: the draw function of an event type, or of a data set that says what its truth is, gives a batch
 * a step; batch number b is step b, so events depend on the seed (and on the data set) and on nothing else. */
#include "runtime/train/draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/call.h"
#include "runtime/core/memory.h"
#include "runtime/core/pool.h"
#include "runtime/core/suggest.h"
#include "runtime/io/file.h"
#include "runtime/train/guard.h"
#include "runtime/train/session.h"
#include "runtime/train/trap.h"

enum { SEED_TRUTH = 2, SEED_SETS = 16, ATTEMPTS = 1000, PATH_MOST = 4096, NAMES_MOST = 256 };

/* What is drawn: events of a type, by a function that gives a batch of them. */
struct source {
    const struct qtm_event *event;
    const struct qtm_fn *draw;
    int64_t batch;
    uint64_t seed;
};

struct drawer {
    const struct qtm_model *model;
    const struct qtm_event *event;
    bool trap;
    struct source source;
    struct qtm_pool *pool;
    struct qtm_workspace space;
    struct qtm_call call;
    float *options_f32; /* as in qtm_binding */
    double *options_f64;
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
    QTM_TRY(qtm_call_bind(&drawer->call, drawer->source.draw, &binding));
    for (int f = 0; f < drawer->event->field_count; f++)
        if (qtm_call_find(&drawer->call, QTM_VALUE, f) < 0)
            return qtm_error("the model draws no '%s' of %s", drawer->event->fields[f].name, drawer->event->name);
    return QTM_OK;
}

static qtm_status drawer_open(struct drawer *drawer, const struct qtm_model *model, const struct source *source,
                              int threads, const double *options) {
    *drawer = (struct drawer){.model = model, .event = source->event, .source = *source};
    qtm_status status = drawer_bind(drawer, threads, model->option_count, options);
    if (status) drawer_close(drawer);
    return status;
}

static qtm_status batch_draw(struct drawer *drawer, int64_t batch) {
    char when[256];
    qtm_call_run(&drawer->call, drawer->source.seed, (uint64_t)batch);
    snprintf(when, sizeof when, "drawing %s at the truth", drawer->event->name);
    return qtm_guard_check(&drawer->call, drawer->model, NULL, when);
}

/* The next event of the batches whose weight lets it pass: its place in the batch that the call holds. */
static qtm_status drawer_next(struct drawer *drawer, int64_t *at) {
    int accepted = qtm_call_find(&drawer->call, QTM_VALUE, drawer->event->field_count);
    int64_t size = drawer->source.batch;
    for (int64_t tried = 0; tried < ATTEMPTS * size; tried++) {
        if (drawer->next % size == 0) QTM_TRY(batch_draw(drawer, drawer->next / size));
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

static qtm_status value_report(const struct drawer *drawer, int64_t event, int field) {
    qtm_error_record(
        "event %lld drawn at the truth has a field '%s' that is not finite; is the density finite all over "
        "its domain?%s",
        (long long)event, drawer->event->fields[field].name, drawer->trap ? "" : " --trap=nan says where that begins");
    if (!drawer->trap) return QTM_FAILED;
    return qtm_trap_explain(drawer->model, &drawer->call);
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
                if (!isfinite(value)) return value_report(drawer, first + i, f);
                columns[f][i * length + k] = (float)value;
            }
        }
    }
    return QTM_OK;
}

/* The draw of a data set: its own, or, where it has none, that of its events. A member of a family has its own or none:
 * what the event type is drawn from is one of several. Data sets have different numbers at the same seed; the first of
 * a model without truths has those of `draw --event`. */
static bool source_of_data(const struct qtm_model *model, int number, uint64_t seed, struct source *source) {
    const struct qtm_data *data = &model->data[number];
    const struct qtm_event *event = &model->events[data->event];
    uint64_t own = qtm_session_seed(seed, SEED_TRUTH);
    if (number || data->draw.name) own = qtm_session_seed(own, SEED_SETS + (uint64_t)number);
    *source = (struct source){event, &data->draw, data->draw_batch, own};
    if (data->draw.name) return true;
    *source = (struct source){event, &event->draw, event->draw_batch, own};
    return event->draw.name && !strchr(data->name, '.');
}

bool qtm_draw_can(const struct qtm_model *model, int data) {
    struct source source;
    return source_of_data(model, data, 1, &source);
}

qtm_status qtm_draw_events(const struct qtm_model *model, int data, const double *options, uint64_t seed, int64_t count,
                           float *const *columns) {
    struct drawer drawer;
    struct source source;
    source_of_data(model, data, seed, &source);
    QTM_TRY(drawer_open(&drawer, model, &source, 1, options));
    qtm_status status = drawer_fill(&drawer, 0, count, columns);
    drawer_close(&drawer);
    return status;
}

static qtm_status event_find(const struct qtm_model *model, const char *name, const struct qtm_event **event) {
    const char *names[NAMES_MOST];
    int count = 0;
    *event = NULL;
    for (int i = 0; i < model->event_count && count < NAMES_MOST; i++) {
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

/* Draws and writes one file. */
static qtm_status source_write(const struct qtm_model *model, const struct qtm_arguments *arguments,
                               const struct source *source, uint64_t seed, const char *what, const char *path) {
    int threads = arguments->threads > 0 ? (int)arguments->threads : 0;
    struct drawer drawer;
    QTM_TRY(drawer_open(&drawer, model, source, threads, arguments->options));
    drawer.trap = arguments->trap != NULL;
    const struct qtm_attribute attributes[] = {
        {"model", model->name, 0}, {"model_hash", model->hash, 0}, {"seed", NULL, (double)seed}};
    qtm_status status =
        qtm_events_write(path, source->event, arguments->events, source->batch, drawer_fill, &drawer, attributes, 3);
    drawer_close(&drawer);
    if (!status)
        printf("%lld events of %s drawn at the declared truth, seed %llu: %s\n", (long long)arguments->events, what,
               (unsigned long long)seed, path);
    return status;
}

/* Is the data set, or the family of which it is a member, in a list "set,other"? "all" means every one. */
static bool list_has(const char *list, const char *name) {
    if (!strcmp(list, "all")) return true;
    size_t family = strcspn(name, "."), whole = strlen(name);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        size_t length = strcspn(at, ",");
        if ((length == whole || length == family) && !strncmp(at, name, length)) return true;
    }
    return false;
}

/* Every name of the list is one of a data set or of a family of them. */
static qtm_status list_check(const struct qtm_model *model, const char *list) {
    const char *names[NAMES_MOST];
    char families[NAMES_MOST][64];
    int count = model->data_count < NAMES_MOST ? model->data_count : NAMES_MOST;
    for (int d = 0; d < count; d++) { /* "set" is nearer to what people write than "set.0" */
        snprintf(families[d], sizeof families[d], "%.*s", (int)strcspn(model->data[d].name, "."), model->data[d].name);
        names[d] = families[d];
    }
    if (!count) return qtm_error("the model has no data sets");
    if (!strcmp(list, "all")) return QTM_OK;
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        char name[64];
        bool found = false;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ","), at);
        for (int d = 0; d < model->data_count; d++) found |= list_has(name, model->data[d].name);
        if (found) continue;
        const char *nearest = qtm_suggest_nearest(name, names, (size_t)count);
        return qtm_misuse("the model has no data '%s'%s%s%s", name, nearest ? "; did you mean '" : "",
                          nearest ? nearest : "", nearest ? "'?" : "");
    }
    return QTM_OK;
}

/* Where closure data of a set belong: the declared path, in `folder` unless that is absolute. Makes the folders. */
static qtm_status data_path(const struct qtm_data *data, const char *folder, char path[PATH_MOST]) {
    bool absolute = data->path[0] == '/' || !folder;
    int length = snprintf(path, PATH_MOST, "%s%s%s", absolute ? "" : folder, absolute ? "" : "/", data->path);
    if (length >= PATH_MOST) return qtm_error("the path of data set %s is too long: %s", data->name, data->path);
    char *slash = strrchr(path, '/');
    if (!slash || slash == path) return QTM_OK;
    *slash = 0;
    QTM_TRY(qtm_make_folders(path));
    *slash = '/';
    return QTM_OK;
}

/* Closure data of the data sets in the list, each in its own file. Two sets that are read from one file are drawn once.
 */
static qtm_status sets_draw(const struct qtm_model *model, const struct qtm_arguments *arguments, uint64_t seed) {
    QTM_TRY(list_check(model, arguments->sets));
    struct source source;
    for (int d = 0; d < model->data_count; d++)
        if (list_has(arguments->sets, model->data[d].name) && !source_of_data(model, d, seed, &source))
            return qtm_error("what is data set %s drawn from? Say it where it is declared: data ... from \"%s\" truth "
                             "draw %s ~ DENSITY%s",
                             model->data[d].name, model->data[d].path, source.event->name,
                             model->has_truth ? "" : ", and give every parameter a truth");
    for (int d = 0; d < model->data_count; d++) {
        char path[PATH_MOST];
        bool again = !list_has(arguments->sets, model->data[d].name);
        for (int k = 0; k < d && !again; k++)
            again = list_has(arguments->sets, model->data[k].name) && !strcmp(model->data[k].path, model->data[d].path);
        if (again) continue;
        QTM_TRY(data_path(&model->data[d], arguments->out, path));
        source_of_data(model, d, seed, &source);
        QTM_TRY(source_write(model, arguments, &source, seed, model->data[d].name, path));
    }
    return QTM_OK;
}

qtm_status qtm_draw_command(const struct qtm_model *model, const struct qtm_arguments *arguments) {
    uint64_t seed = arguments->seed >= 0 ? (uint64_t)arguments->seed : 1;
    if (arguments->sets) return sets_draw(model, arguments, seed);
    const struct qtm_event *event;
    QTM_TRY(event_find(model, arguments->event, &event));
    struct source source = {event, &event->draw, event->draw_batch, qtm_session_seed(seed, SEED_TRUTH)};
    return source_write(model, arguments, &source, seed, event->name, arguments->out);
}
