"""A multi-layer perceptron from x, y to z, fitted by mean squares with Adam on rows picked at random, as mlp.qtm; or its
values alone, of the same rows every time (forward).
"""
from peers import events


def torch_program(kind, config):
    import torch
    from peers import torch_common as common
    data = torch.from_numpy(events.load(config["data"], config["fields"]))
    x, z = data[:, :2].contiguous(), data[:, 2].contiguous()
    weights = common.layers(kind, [2, *[config["width"]] * config["depth"], 1])
    adam = common.Adam(kind, weights, 1e-3)
    net = lambda weights, x: common.mlp(weights, x, torch.relu)[:, 0]
    rows = config["rows"]

    def step():
        at = torch.randint(len(x), (rows,))
        some, wanted = x[at], z[at]
        loss, gradients = common.value_and_gradient(
            kind, lambda weights: ((net(weights, some) - wanted) ** 2).mean(), weights)
        adam.step(gradients)
        return loss

    fixed = x[:rows].contiguous()

    @torch.no_grad()
    def forward():
        return net(weights, fixed).mean()

    return common.Program(kind, forward if config["forward"] else step)


def jax_program(config):
    import jax
    import jax.numpy as jnp
    from peers import jax_common as common
    data = jnp.asarray(events.load(config["data"], config["fields"]))
    x, z = data[:, :2], data[:, 2]
    weights = common.layers(jax.random.key(2), [2, *[config["width"]] * config["depth"], 1])
    net = lambda weights, x: common.mlp(weights, x, jax.nn.relu)[:, 0]
    rows = config["rows"]

    def step(state, key):
        at = jax.random.randint(key, (rows,), 0, len(x))
        some, wanted = x[at], z[at]
        loss, gradients = jax.value_and_grad(lambda w: jnp.mean((net(w, some) - wanted) ** 2))(state[0])
        return common.adam(state, gradients, 1e-3), loss

    def forward(shift, key):
        loss = jnp.mean(net(weights, x[:rows] + shift))  # else the loop is left out, as all its rounds are equal
        return 1e-20 * loss, loss

    if config["forward"]:
        return common.Program(forward, jnp.zeros(()))
    return common.Program(step, common.adam_state(weights))
