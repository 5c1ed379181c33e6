"""One training step of examples/proxy1d (fit gan) in JAX: the same networks, sampler, losses, optimiser and sizes, the
whole step in one jitted function. The generator's forward pass is done once a step and its residuals kept (jax.vjp);
the compiled model does it twice.

    peer_jax.py CONFIG.json     prints a JSON line: name, version, steps_per_second, loss
"""
import json
import os
import sys
import time

with open(sys.argv[1], encoding="utf-8") as file:
    CONFIG = json.load(file)
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: CONFIG["threads"]])  # XLA makes a thread a processor
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy

LOW = jnp.array([0, -1, 0, 0, -1, 0], jnp.float32)
HIGH = jnp.array([3, 1, 5, 3, 1, 5], jnp.float32)
NODES = jnp.linspace(0.1, 1.0, CONFIG["nodes"], dtype=jnp.float32)


def mlp_init(key, sizes):
    """Kaiming for every layer; biases zero."""
    layers = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        key, use = jax.random.split(key)
        layers.append((jax.random.normal(use, (inputs, outputs)) * jnp.sqrt(2.0 / inputs), jnp.zeros(outputs)))
    return layers


def mlp(layers, x):
    for i, (weights, bias) in enumerate(layers):
        x = x @ weights + bias
        if i + 1 < len(layers):
            x = jnp.maximum(x, 0.2 * x)
    return x


def critic(layers, events):
    return mlp(layers, events)[:, 0]


def lsgan(score, target):
    return (score - target) ** 2


def spectra(theta):
    """Both densities at the nodes, for every parameter vector: [vectors, nodes] each."""
    shape = lambda n, a, b: theta[:, n, None] * NODES ** theta[:, a, None] * (1 - NODES) ** theta[:, b, None]
    u, d = shape(0, 1, 2), shape(3, 4, 5)
    return 4 * u + d, 4 * d + u


def inverse_transform(density, uniform):
    """x with CDF(x) = uniform for the piecewise linear density through its nodes; differentiable at fixed uniform."""
    step = NODES[1] - NODES[0]
    area = (density[:, 1:] + density[:, :-1]) * (0.5 * step)
    cumulative = jnp.concatenate([jnp.zeros_like(area[:, :1]), jnp.cumsum(area, 1)], 1)
    target = uniform * cumulative[:, -1:]
    cell = jax.vmap(lambda c, t: jnp.searchsorted(c, t, side="right"))(cumulative, target) - 1
    cell = jnp.clip(cell, 0, len(NODES) - 2)
    take = lambda table, index: jnp.take_along_axis(table, index, 1)
    left, right = take(density, cell), take(density, cell + 1)
    rest = jnp.maximum(target - take(cumulative, cell), 0) / step
    t = 2 * rest / (left + jnp.sqrt(jnp.maximum(left * left + 2 * (right - left) * rest, 1e-30)))
    return NODES[cell] + t * step


def generate(layers, noise, uniforms):
    """Events [vectors * events, 2] drawn from the parameter vectors that the generator makes of the noise."""
    theta = LOW + (HIGH - LOW) * jax.nn.sigmoid(mlp(layers, noise))
    drawn = [inverse_transform(density, u) for density, u in zip(spectra(theta), uniforms)]
    return jnp.stack([column.reshape(-1) for column in drawn], 1)


def adam(state, gradients, rate):
    """Adam with beta1 = 0.5 and a rate that falls by the same factor at every step, as the model says."""
    weights, first, second, count = state
    rate = rate * CONFIG["decay"] ** count
    count = count + 1
    beta = CONFIG["beta1"]
    first = jax.tree.map(lambda m, g: beta * m + (1 - beta) * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    scale = rate * jnp.sqrt(1 - 0.999**count) / (1 - beta**count)
    weights = jax.tree.map(lambda w, m, v: w - scale * m / (jnp.sqrt(v) + 1e-8), weights, first, second)
    return weights, first, second, count


def adam_state(weights):
    zeros = lambda: jax.tree.map(jnp.zeros_like, weights)
    return weights, zeros(), zeros(), jnp.zeros(())


def step(state, data, key):
    critic_state, generator_state = state
    vectors, events = CONFIG["vectors"], CONFIG["events"]
    keys = jax.random.split(key, 4)
    noise = jax.random.normal(keys[0], (vectors, 6))
    uniforms = jax.random.uniform(keys[1], (2, vectors, events))
    real = data[jax.random.randint(keys[2], (vectors * events,), 0, len(data))]
    fake, pull_back = jax.vjp(lambda w: generate(w, noise, uniforms), generator_state[0])

    def critic_loss(w):
        return jnp.mean(lsgan(critic(w, real), 1)) + jnp.mean(lsgan(critic(w, fake), 0))

    def generator_loss(events_drawn):
        return jnp.mean(lsgan(critic(critic_state[0], events_drawn), 1))

    loss, gradients = jax.value_and_grad(critic_loss)(critic_state[0])
    critic_state = adam(critic_state, gradients, CONFIG["critic_rate"])
    (gradients,) = pull_back(jax.grad(generator_loss)(fake))
    generator_state = adam(generator_state, gradients, CONFIG["generator_rate"])
    return (critic_state, generator_state), loss


def main():
    data = jnp.asarray(numpy.load(CONFIG["data"]))
    keys = jax.random.split(jax.random.key(CONFIG["seed"]), 3)
    state = (
        adam_state(mlp_init(keys[0], [2, *CONFIG["critic_widths"], 1])),
        adam_state(mlp_init(keys[1], [6, *CONFIG["generator_widths"], 6])),
    )
    compiled = jax.jit(step, donate_argnums=0)
    for i in range(CONFIG["warmup"]):
        state, loss = compiled(state, data, jax.random.fold_in(keys[2], i))
    loss.block_until_ready()
    start = time.perf_counter()
    for i in range(CONFIG["steps"]):
        state, loss = compiled(state, data, jax.random.fold_in(keys[2], CONFIG["warmup"] + i))
    loss.block_until_ready()
    seconds = time.perf_counter() - start
    print(json.dumps({"name": "jax", "version": jax.__version__, "steps_per_second": CONFIG["steps"] / seconds,
                      "loss": float(loss)}))


main()
