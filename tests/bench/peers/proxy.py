"""Steps of `fit gan` of examples/proxy1d and proxy2d: a generator of parameter vectors, events drawn from each by the
default sampler, a critic, least squares, Adam for both. The generator runs forward once a step.

Asked {"start": seed}, it begins anew; asked {"parameters": true}, it gives the mean of the last step's vectors.
"""
import math

LOW = {1: [0.0, -1, 0, 0, -1, 0], 2: [-0.5, 2.75, 0, 3, 0]}
HIGH = {1: [3.0, 1, 5, 3, 1, 5], 2: [1.0, 4, 1.3, 4.5, 1.5]}
TRUTH = {1: [2.1875, -0.5, 3, 1.09375, -0.5, 4], 2: [0.5, 3, 0.3, 4, 0.75]}


def marginals(dimension, p):
    """Both spectra at the middles of 400 equal strips, as probabilities of the strips."""
    low, high = (0.1, 1.0) if dimension == 1 else (0.001, 0.999)
    grid = [low + (high - low) * (i + 0.5) / 400 for i in range(400)]
    shape = lambda a, b, power: [x ** (a + power) * (1 - x) ** b for x in grid]
    if dimension == 1:
        u, d = ([p[n] * value for value in shape(p[n + 1], p[n + 2], 0)] for n in (0, 3))
        spectra = [[4 * a + b for a, b in zip(u, d)], [4 * b + a for a, b in zip(u, d)]]
    else:  # rho integrated over the other variable: its part there, and its part times that variable
        spectra = []
        for a, b, c, d in ((p[0], p[1], p[2], p[3]), (p[2], p[3], p[0], p[1])):
            slope = p[4] * sum(shape(c, d, 1)) / sum(shape(c, d, 0))
            spectra.append([(1 + slope * x) * value for x, value in zip(grid, shape(a, b, 0))])
    return [[value / sum(values) for value in values] for values in spectra]


def densities(np, dimension, theta, lines):
    """Tables of what is drawn from; theta [vectors, parameters]."""
    if dimension == 1:
        x = lines
        shape = lambda n, a, b: theta[:, n, None] * x ** theta[:, a, None] * (1 - x) ** theta[:, b, None]
        u, d = shape(0, 1, 2), shape(3, 4, 5)
        return [4 * u + d, 4 * d + u]
    part = lambda a, b: np.exp((theta[:, a, None] + 1) * np.log(lines) + theta[:, b, None] * np.log1p(-lines))
    x, y = part(0, 1)[:, :, None], part(2, 3)[:, None, :]  # per d log x d log y
    xy = lines[:, None] * lines[None, :]
    return [x * y * (1 + theta[:, 4, None, None] * xy)]


def drawn(common, np, stack, dimension, theta, lines, uniforms, ends):
    """Events [vectors * events, 2]."""
    tables = densities(np, dimension, theta, lines)
    low, spacing = ends
    if dimension == 1:
        columns = [low + spacing * common.draw(table, u[None])[0] for table, u in zip(tables, uniforms)]
    else:
        columns = [np.exp(low + spacing * p) for p in common.draw(tables[0], uniforms)]
    return stack([column.reshape(-1) for column in columns], 1)


def line(config):
    """Low end and spacing of the nodes of each variable, on the line on which they are even."""
    low, high = (0.1, 1.0) if config["dimension"] == 1 else (math.log(0.001), math.log(0.999))
    return low, (high - low) / (config["nodes"] - 1)


def torch_program(kind, config):
    import torch
    from peers import events
    from peers import torch_common as common
    dimension, vectors, count = config["dimension"], config["vectors"], config["events"]
    data = torch.from_numpy(events.load(config["data"], config["fields"]))
    low, high = torch.tensor(LOW[dimension]), torch.tensor(HIGH[dimension])
    ends = line(config)
    lines = ends[0] + ends[1] * torch.arange(config["nodes"])
    lines = lines if dimension == 1 else torch.exp(lines)
    hidden = [config["width"]] * config["depth"]
    critic = common.layers(kind, [2, *hidden, 1])
    generator = common.layers(kind, [len(low), *hidden, len(low)])
    settings = {"decay": config["decay"], "beta1": 0.5}
    optimisers = [common.Adam(kind, critic, config["critic_rate"], **settings),
                  common.Adam(kind, generator, config["generator_rate"], **settings)]
    score = lambda w, e: common.mlp(w, e, common.leaky_relu)
    mean = torch.zeros(len(low))

    def step():
        noise = torch.randn(vectors, len(low))
        uniforms = torch.rand(2, vectors, count)
        real = data[torch.randint(len(data), (vectors * count,))]

        def generate(w):
            theta = low + (high - low) * torch.sigmoid(common.mlp(w, noise, common.leaky_relu))
            return drawn(common, torch, torch.stack, dimension, theta, lines, uniforms, ends), theta.mean(0)

        fake, pull_back, theta = common.value_and_pull_back(kind, generate, generator)
        loss, gradients = common.value_and_gradient(
            kind, lambda w: ((score(w, real) - 1) ** 2).mean() + (score(w, fake) ** 2).mean(), critic)
        optimisers[0].step(gradients)
        place = fake if kind == "compiled" else fake.requires_grad_()
        _, (slope,) = common.value_and_gradient(kind, lambda e: ((score(critic, e[0]) - 1) ** 2).mean(), [place])
        optimisers[1].step(pull_back(slope))
        mean.copy_(theta)
        return loss

    program = common.Program(kind, step)
    first = [optimisers[0].weights, optimisers[1].weights]

    @torch.no_grad()
    def start(seed):
        torch.manual_seed(seed)
        for weights, fresh in zip(first, (common.layers(kind, [2, *hidden, 1]),
                                          common.layers(kind, [len(low), *hidden, len(low)]))):
            for w, v in zip(weights, fresh):
                w.copy_(v)
        for optimiser in optimisers:
            optimiser.restart()
        return {}

    program.ask = lambda words: start(words["start"]) if "start" in words else {"parameters": mean.tolist()}
    return program


def jax_program(config):
    import jax
    import jax.numpy as jnp
    from peers import events
    from peers import jax_common as common
    dimension, vectors, count = config["dimension"], config["vectors"], config["events"]
    data = jnp.asarray(events.load(config["data"], config["fields"]))
    low, high = jnp.array(LOW[dimension]), jnp.array(HIGH[dimension])
    ends = line(config)
    lines = ends[0] + ends[1] * jnp.arange(config["nodes"])
    lines = lines if dimension == 1 else jnp.exp(lines)
    hidden = [config["width"]] * config["depth"]
    score = lambda w, e: common.mlp(w, e, common.leaky_relu)
    settings = {"decay": config["decay"], "beta1": 0.5}

    def step(state, key):
        critic, generator, _ = state
        keys = jax.random.split(key, 3)
        noise = jax.random.normal(keys[0], (vectors, len(low)))
        uniforms = jax.random.uniform(keys[1], (2, vectors, count))
        real = data[jax.random.randint(keys[2], (vectors * count,), 0, len(data))]

        def generate(w):
            theta = low + (high - low) * jax.nn.sigmoid(common.mlp(w, noise, common.leaky_relu))
            return drawn(common, jnp, jnp.stack, dimension, theta, lines, uniforms, ends), theta.mean(0)

        fake, pull_back, mean = jax.vjp(generate, generator[0], has_aux=True)
        loss, gradients = jax.value_and_grad(
            lambda w: jnp.mean((score(w, real) - 1) ** 2) + jnp.mean(score(w, fake) ** 2))(critic[0])
        critic = common.adam(critic, gradients, config["critic_rate"], **settings)
        slope = jax.grad(lambda e: jnp.mean((score(critic[0], e) - 1) ** 2))(fake)
        generator = common.adam(generator, pull_back(slope)[0], config["generator_rate"], **settings)
        return (critic, generator, mean), loss

    def state(seed):
        keys = jax.random.split(jax.random.key(seed), 2)
        return (common.adam_state(common.layers(keys[0], [2, *hidden, 1])),
                common.adam_state(common.layers(keys[1], [len(low), *hidden, len(low)])), jnp.zeros(len(low)))

    program = common.Program(step, state(1))

    def start(seed):
        program.state, program.key = state(seed), jax.random.key(100 + seed)
        return {}

    program.ask = lambda words: start(words["start"]) if "start" in words else {"parameters": program.state[2].tolist()}
    return program
