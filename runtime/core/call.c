/* Binding of ports. The workspace may move while later calls are bound, so frames are filled at the call. */
#include "runtime/core/call.h"

#include "runtime/core/memory.h"
#include "runtime/core/pool.h"

void qtm_workspace_destroy(struct qtm_workspace *space) {
    qtm_free(space->work);
    qtm_free(space->scratch);
    *space = (struct qtm_workspace){0};
}

static qtm_status workspace_grow(struct qtm_workspace *space, const struct qtm_fn *fn, const int64_t *extent) {
    int64_t bytes = fn->work_bytes ? fn->work_bytes(extent) : 0;
    if (bytes > space->work_bytes || !space->work) {
        qtm_free(space->work);
        space->work = qtm_alloc(bytes);
        space->work_bytes = bytes;
        if (!space->work) return qtm_error_memory(bytes);
    }
    int64_t stride = (fn->scratch_bytes + 63) / 64 * 64;
    if (stride > space->scratch_stride || !space->scratch) {
        qtm_free(space->scratch);
        int64_t threads = space->pool ? qtm_pool_threads(space->pool) : 1;
        space->scratch = qtm_alloc_array(threads, stride);
        space->scratch_stride = stride;
        if (!space->scratch) return qtm_error_memory(threads * stride);
    }
    return QTM_OK;
}

static int64_t port_count(const struct qtm_port *port, const int64_t *extent) {
    int64_t count = 1;
    for (int i = 0; i < port->rank; i++) count *= port->shape[i] >= 0 ? port->shape[i] : extent[-1 - port->shape[i]];
    return count;
}

static qtm_status input_bind(struct qtm_call *call, int index) {
    const struct qtm_port *port = &call->fn->in[index];
    const struct qtm_binding *binding = &call->binding;
    bool f64 = call->fn->f64;
    switch (port->role) {
    case QTM_BLOCK:
        if (!binding->state) break;
        if (f64) {
            call->in[index] = qtm_state_block_f64(binding->state, port->index);
            call->widen[binding->state->fit->blocks[port->index].group] = true;
        } else {
            call->in[index] = qtm_state_block_f32(binding->state, port->index);
        }
        return QTM_OK;
    case QTM_COLUMN:
        if (!binding->events || !binding->events[port->index].fields) break;
        return qtm_events_column(&binding->events[port->index], port->field, f64, &call->in[index]);
    case QTM_OPTION:
        if (!binding->options_f32 || !binding->options_f64) break;
        call->in[index] = f64 ? (const void *)(binding->options_f64 + (int64_t)8 * port->index)
                              : (const void *)(binding->options_f32 + (int64_t)16 * port->index);
        return QTM_OK;
    case QTM_HELD: {
        int at = QTM_HELD_FIELDS * port->index + port->field;
        if (!binding->held || at >= binding->held->count) break;
        call->in[index] = f64 ? (const void *)binding->held->f64[at] : (const void *)binding->held->f32[at];
        return QTM_OK;
    }
    case QTM_POINT:
    case QTM_DIRECTION: {
        const double *const *of = port->role == QTM_POINT ? binding->points : binding->directions;
        if (!of || !of[port->index] || !f64) break;
        call->in[index] = of[port->index];
        return QTM_OK;
    }
    case QTM_STAGED: {
        const struct qtm_call *early = port->field ? call->shared : call->start;
        int output = early ? qtm_call_find(early, QTM_STAGED, port->index) : -1;
        if (output < 0) break;
        call->in[index] = early->out[output];
        return QTM_OK;
    }
    default: break;
    }
    return qtm_error("function %s of the model needs '%s', which is not there in this command", call->fn->name,
                     port->name ? port->name : "?");
}

static qtm_status output_bind(struct qtm_call *call, int index) {
    const struct qtm_port *port = &call->fn->out[index];
    const struct qtm_binding *binding = &call->binding;
    call->out_count[index] = port_count(port, binding->extent);
    if (port->role == QTM_GRADIENT) {
        struct qtm_gradient *gradient = binding->gradient;
        int64_t at = gradient ? qtm_gradient_offset(binding->state, gradient->update, port->index) : -1;
        if (at < 0 || (call->fn->f64 ? !gradient->f64 : !gradient->f32))
            return qtm_error("function %s of the model gives a gradient that no update asked for", call->fn->name);
        call->out[index] = call->fn->f64 ? (void *)(gradient->f64 + at) : (void *)(gradient->f32 + at);
        return QTM_OK;
    }
    int64_t size = call->fn->f64 ? sizeof(double) : sizeof(float);
    call->values[index] = qtm_alloc_array(call->out_count[index], size);
    call->out[index] = call->values[index];
    return call->values[index] ? QTM_OK : qtm_error_memory(call->out_count[index] * size);
}

static qtm_status early_bind(struct qtm_call *call, const struct qtm_fn *fn, struct qtm_call **early) {
    *early = qtm_alloc(sizeof **early);
    if (!*early) return qtm_error_memory(sizeof **early);
    return qtm_call_bind(*early, fn, &call->binding);
}

/* The functions that run before this one. */
static qtm_status early_calls(struct qtm_call *call) {
    const struct qtm_fn *fn = call->fn;
    if (fn->start) QTM_TRY(early_bind(call, fn->start, &call->start));
    if (!fn->shared) return QTM_OK;
    call->shared = call->binding.shared;
    call->owns_shared = !call->shared || call->shared->fn != fn->shared;
    return call->owns_shared ? early_bind(call, fn->shared, &call->shared) : QTM_OK;
}

static void early_destroy(struct qtm_call *early) {
    if (early) qtm_call_destroy(early);
    qtm_free(early);
}

static void early_run(struct qtm_call *call, uint64_t seed, uint64_t step) {
    struct qtm_call *shared = call->shared;
    if (call->start && !call->ran) qtm_call_run(call->start, seed, step);
    if (shared && (call->owns_shared || !shared->ran || shared->step != step || shared->seed != seed))
        qtm_call_run(shared, seed, step);
}

static qtm_status call_bind(struct qtm_call *call) {
    const struct qtm_fn *fn = call->fn;
    int groups = call->binding.state ? call->binding.state->fit->group_count : 0;
    call->in = qtm_alloc_array(fn->in_count, sizeof *call->in);
    call->out = qtm_alloc_array(fn->out_count, sizeof *call->out);
    call->values = qtm_alloc_array(fn->out_count, sizeof *call->values);
    call->out_count = qtm_alloc_array(fn->out_count, sizeof *call->out_count);
    call->widen = qtm_alloc_array(groups, sizeof *call->widen);
    if (!call->in || !call->out || !call->values || !call->out_count || !call->widen)
        return qtm_error_memory((int64_t)sizeof(void *) * (fn->in_count + 3 * fn->out_count));
    QTM_TRY(early_calls(call));
    for (int i = 0; i < fn->in_count; i++) QTM_TRY(input_bind(call, i));
    for (int i = 0; i < fn->out_count; i++) QTM_TRY(output_bind(call, i));
    return workspace_grow(call->binding.space, fn, call->binding.extent);
}

qtm_status qtm_options_align(int count, const double *options, float **f32, double **f64) {
    *f64 = qtm_alloc(64 * (int64_t)count);
    *f32 = *f64 ? qtm_alloc(64 * (int64_t)count) : NULL;
    if (!*f32) {
        qtm_free(*f64);
        *f64 = NULL;
        return qtm_error_memory(64 * (int64_t)count);
    }
    for (int64_t i = 0; i < count; i++) {
        (*f64)[8 * i] = options[i];
        (*f32)[16 * i] = (float)options[i];
    }
    return QTM_OK;
}

qtm_status qtm_call_bind(struct qtm_call *call, const struct qtm_fn *fn, const struct qtm_binding *binding) {
    *call = (struct qtm_call){.fn = fn, .binding = *binding};
    qtm_status status = call_bind(call);
    if (status) qtm_call_destroy(call);
    return status;
}

void qtm_call_destroy(struct qtm_call *call) {
    for (int i = 0; call->values && i < call->fn->out_count; i++) qtm_free(call->values[i]);
    qtm_free(call->in);
    qtm_free(call->out);
    qtm_free(call->values);
    qtm_free(call->out_count);
    qtm_free(call->widen);
    early_destroy(call->start);
    if (call->owns_shared) early_destroy(call->shared);
    *call = (struct qtm_call){0};
}

void qtm_call_run(struct qtm_call *call, uint64_t seed, uint64_t step) {
    const struct qtm_binding *binding = &call->binding;
    int groups = binding->state ? binding->state->fit->group_count : 0;
    early_run(call, seed, step);
    call->ran = true;
    for (int g = 0; g < groups; g++)
        if (call->widen[g]) qtm_state_widen(binding->state, g);
    struct qtm_frame frame = {
        .in = call->in,
        .out = call->out,
        .work = binding->space->work,
        .scratch = binding->space->scratch,
        .scratch_stride = binding->space->scratch_stride,
        .extent = binding->extent,
        .seed = seed,
        .step = step,
        .pool = binding->space->pool,
    };
    call->seed = seed;
    call->step = step;
    call->fn->run(&frame);
}

void qtm_call_renew(struct qtm_call *call) {
    call->ran = false;
    if (call->shared) qtm_call_renew(call->shared);
}

int qtm_call_find(const struct qtm_call *call, enum qtm_role role, int index) {
    for (int i = 0; i < call->fn->out_count; i++)
        if (call->fn->out[i].role == role && (role == QTM_LOSS || call->fn->out[i].index == index)) return i;
    return -1;
}

double qtm_call_value(const struct qtm_call *call, int output, int64_t element) {
    if (call->fn->f64) return ((const double *)call->out[output])[element];
    return ((const float *)call->out[output])[element];
}

double qtm_call_loss(const struct qtm_call *call) {
    return qtm_call_value(call, qtm_call_find(call, QTM_LOSS, 0), 0);
}
