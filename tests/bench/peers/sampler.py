"""The default sampler for two variables and five: the same tables, the same maths. A call draws `events` events, in pieces
of at most CHUNK so that the tape fits memory; with `gradient` it also gives the derivative of a mean by the parameters.
"""
CHUNK = 500_000


def density(np, config, p):
    """Tables of sampler2.qtm and sampler5.qtm, with a dimension of vectors, of one, in front."""
    n, d = config["nodes"], config["dimension"]
    nodes = np.meshgrid(*[np.linspace(0, 1, n)] * d, indexing="ij")
    if d == 2:
        x, y = nodes
        return (1 + p[0] * x * y + p[1] * (x - y) ** 2)[None]
    a, b, c, d, e = nodes
    return (1 + p[0] * a * b + c * d * e)[None]


def weighted(points):
    return sum((i + 1) * x.sum() for i, x in enumerate(points))


def torch_program(kind, config):
    import torch
    from peers import torch_common as common
    p = torch.tensor([1.0, 0.5], requires_grad=kind != "compiled")
    count = min(config["events"], CHUNK)

    def mean(p):
        uniforms = torch.rand(config["dimension"], 1, count)
        return weighted(common.draw(density(torch, config, p), uniforms)) / config["events"]

    def part():
        if config["gradient"]:
            loss, (slope,) = common.value_and_gradient(kind, lambda p: mean(p[0]), [p])
            return loss + 0 * slope.sum()
        with torch.no_grad():
            return mean(p)

    program = common.Program(kind, part)
    pieces, run = config["events"] // count, program.run
    program.run = lambda steps: run(steps * pieces)
    return program


def jax_program(config):
    import jax
    import jax.numpy as jnp
    from peers import jax_common as common
    count = min(config["events"], CHUNK)

    def mean(p, key):
        uniforms = jax.random.uniform(key, (config["dimension"], 1, count))
        return weighted(common.draw(density(jnp, config, p), uniforms)) / config["events"]

    def step(p, key):
        if config["gradient"]:
            loss, slope = jax.value_and_grad(mean)(p, key)
            return p + 1e-20 * slope, loss  # else the loop is left out
        loss = mean(p, key)
        return p + 1e-20 * loss, loss

    program = common.Program(step, jnp.array([1.0, 0.5]))
    pieces, run = config["events"] // count, program.run
    program.run = lambda steps: run(steps * pieces)
    return program
