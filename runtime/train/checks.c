/* Checks are pairs of numbers, one pair a parameter vector; each must compare as its row of the description says. */
#include "runtime/train/checks.h"

#include "qtm/check.h"

static qtm_status compare(const struct qtm_fit *fit, const struct qtm_call *call) {
    for (int i = 0; i < fit->check_count; i++) {
        const struct qtm_check *check = &fit->checks[i];
        int left = qtm_call_find(call, QTM_VALUE, 2 * i), right = qtm_call_find(call, QTM_VALUE, 2 * i + 1);
        for (int64_t v = 0; v < call->out_count[left]; v++) {
            double a = qtm_call_value(call, left, v), b = qtm_call_value(call, right, v);
            if (qtm_check_holds(check->op, check->tolerance, check->relative, a, b)) continue;
            return qtm_error("fit %s: at its start this does not hold: %s (%.10g on the left, %.10g on the right)",
                             fit->name, check->text, a, b);
        }
    }
    return QTM_OK;
}

qtm_status qtm_session_checks(struct qtm_session *session) {
    const struct qtm_fit *fit = session->fit;
    if (!fit->check_count) return QTM_OK;
    struct qtm_call call = {0};
    qtm_status status = qtm_call_bind(&call, &fit->check, &session->binding);
    if (!status) {
        qtm_call_run(&call, session->draw_seed, 0);
        status = compare(fit, &call);
        qtm_call_destroy(&call);
    }
    return qtm_comm_agree(session->comm, status);
}
