/* Looks at the guards of a call, and says in the model's terms what one found. Which node is bad, and the value there,
 * the reference interpreter computes, from what the executable carries of the function and needs for that alone. The
 * parameters are computed by the fit's own function from the weights as they are: the weights of the step that failed,
 * not yet changed. */
#include "runtime/train/guard.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/train/tensor.h"
#include "tir/interp.h"

enum { TEXT = 3000, PARAMS_SHOWN = 40 };

struct text {
    char text[TEXT];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *text, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int more = vsnprintf(text->text + text->length, TEXT - text->length, format, list);
    va_end(list);
    text->length += (size_t)more;
    if (text->length >= TEXT) text->length = TEXT - 1;
}

/* The first output and vector whose guard does not hold; false where all do. */
static bool guard_find(const struct qtm_call *call, int *output, int64_t *vector) {
    for (*output = 0; *output < call->fn->out_count; ++*output) {
        const struct qtm_port *port = &call->fn->out[*output];
        if (port->role != QTM_GUARD) continue;
        for (*vector = 0; *vector < call->out_count[*output]; ++*vector)
            if (qtm_call_value(call, *output, *vector) != QTM_GUARD_HOLDS) return true;
    }
    return false;
}

bool qtm_guard_holds(const struct qtm_call *call) {
    int output;
    int64_t vector;
    return !guard_find(call, &output, &vector);
}

/* The first bad node, and the value there, if the interpreter comes to a bad one as well: it may round differently. */
struct found {
    bool known;
    int64_t node;
    double value;
};

static struct found node_find(const struct qtm_call *call, const struct qtm_model *model, int guard, int64_t nodes,
                              int64_t vector) {
    struct found found = {.known = false};
    struct qtm_tensor tensor;
    qtm_tensor_open(&tensor, model, call);
    TirPort wanted[2];
    size_t count = 0;
    for (size_t i = 0; tensor.f && i < tensor.f->outputs.count && count < 2; i++) {
        const TirPort *port = &tensor.f->outputs.data[i];
        if (port->role == TIR_PORT_NODE && port->index == (size_t)2 * (uint32_t)guard + count) wanted[count++] = *port;
    }
    if (count == 2) {
        const TirFunction *part = tir_part(&tensor.carried.arena, tensor.f, wanted, count);
        InterpWatch watch = {.single = !call->fn->f64};
        TirTensor out[2];
        tir_interpret_watched(part, &tensor.carried.arena, tensor.inputs, call->binding.extent, call->seed, call->step,
                              &watch, out);
        double rank = out[0].data[out[0].count > 1 ? vector : 0];
        found.known = rank > 0;
        found.node = nodes - (int64_t)rank;
        found.value = out[1].data[out[1].count > 1 ? vector : 0];
    }
    qtm_tensor_close(&tensor);
    return found;
}

static void node_add(struct text *text, const struct qtm_guard *guard, int64_t node) {
    int64_t at[16] = {0};
    for (int i = guard->axis_count - 1; i >= 0; i--) {
        at[i] = node % guard->axes[i].count;
        node /= guard->axes[i].count;
    }
    for (int i = 0; i < guard->axis_count; i++) {
        const struct qtm_guard_axis *axis = &guard->axes[i];
        text_add(text, "%s%s = ", i ? ", " : " at ", axis->name);
        if (axis->at)
            text_add(text, "%.6g%s%s", axis->at[at[i]], axis->unit ? " " : "", axis->unit ? axis->unit : "");
        else
            text_add(text, "node %lld of %lld", (long long)at[i] + 1, (long long)axis->count);
    }
}

static void what_add(struct text *text, const struct qtm_call *call, const struct qtm_model *model, int output,
                     int64_t vector) {
    const struct qtm_guard *guard = &model->guards[call->fn->out[output].index];
    enum qtm_guard_code code = (enum qtm_guard_code)qtm_call_value(call, output, vector);
    int64_t nodes = 1;
    for (int i = 0; i < guard->axis_count; i++) nodes *= guard->axes[i].count;
    struct found bad = {.known = false};
    if (code != QTM_GUARD_ZERO) bad = node_find(call, model, call->fn->out[output].index, nodes, vector);
    text_add(text, "density '%s' is %s", guard->density,
             code == QTM_GUARD_ZERO                     ? "zero everywhere"
             : !bad.known && code == QTM_GUARD_INFINITE ? "not a number (NaN) or infinite somewhere"
             : isnan(bad.value)                         ? "not a number (NaN)"
             : isinf(bad.value)                         ? "infinite"
                                                        : "negative");
    if (bad.known) {
        node_add(text, guard, bad.node);
        if (isfinite(bad.value)) text_add(text, ": %.6g", bad.value);
        return;
    }
    text_add(text, " on its grid of %lld point%s", (long long)nodes, nodes == 1 ? "" : "s");
}

static void param_add(struct text *text, const struct qtm_param *param, double value, int *shown) {
    if (++*shown <= PARAMS_SHOWN)
        text_add(text, "%s%s = %.7g%s%s", *shown > 1 ? ", " : "", param->name, value, param->unit ? " " : "",
                 param->unit ? param->unit : "");
}

/* Every parameter of one vector, or the declared truth. */
static qtm_status params_add(struct text *text, const struct qtm_model *model, struct qtm_session *session,
                             int64_t vector) {
    int shown = 0;
    if (!model->param_count) return QTM_OK;
    text_add(text, "; parameters%s: ", session ? "" : " (the declared truth)");
    if (!session) {
        for (int i = 0; i < model->param_count; i++) param_add(text, &model->params[i], model->params[i].truth, &shown);
    } else {
        struct qtm_call params;
        QTM_TRY(qtm_call_bind(&params, &session->fit->params, &session->binding));
        qtm_call_run(&params, session->draw_seed, (uint64_t)session->step);
        for (int i = 0; i < model->param_count; i++) {
            int output = qtm_call_find(&params, QTM_VALUE, model->params[i].output);
            int64_t width = output < 0 ? 0 : params.out_count[output] / session->fit->vectors;
            int64_t at = vector * width + model->params[i].element;
            if (output >= 0 && at < params.out_count[output])
                param_add(text, &model->params[i], qtm_call_value(&params, output, at), &shown);
        }
        qtm_call_destroy(&params);
    }
    if (shown > PARAMS_SHOWN) text_add(text, " and %d more", shown - PARAMS_SHOWN);
    return QTM_OK;
}

qtm_status qtm_guard_check(const struct qtm_call *call, const struct qtm_model *model, struct qtm_session *session,
                           const char *when) {
    int output;
    int64_t vector;
    if (!guard_find(call, &output, &vector)) return QTM_OK;
    struct text text = {.length = 0};
    text_add(&text, "%s", when);
    if (session && session->ranks > 1) text_add(&text, ", rank %d", session->rank);
    text_add(&text, ": ");
    what_add(&text, call, model, output, vector);
    if (session && session->fit->vectors > 1)
        text_add(&text, ", for parameter vector %lld of %lld", (long long)vector + 1, (long long)session->fit->vectors);
    QTM_TRY(params_add(&text, model, session, vector));
    return qtm_error(
        "%s. Events can be drawn from it, and it can be normalised, only where it is positive or 0 and not "
        "0 everywhere: restrict the parameters to where it is, or give it another form%s",
        text.text, session && session->step > 0 ? ". The last checkpoint is intact" : "");
}
