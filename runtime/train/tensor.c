/* A function that the executable does not carry is one without a tensor form. */
#include "runtime/train/tensor.h"

void qtm_tensor_open(struct qtm_tensor *tensor, const struct qtm_model *model, const struct qtm_call *call) {
    *tensor = (struct qtm_tensor){.f = NULL};
    qtm_carried_read(model, &tensor->carried);
    const TirFunction *f = tensor->f = qtm_carried_find(&tensor->carried, call->fn->name, "");
    if (f) tensor->inputs = qtm_carried_inputs(call, f, f->inputs.count, call->binding.extent, &tensor->carried.arena);
}

void qtm_tensor_close(struct qtm_tensor *tensor) {
    qtm_carried_free(&tensor->carried);
}
