"""A step of `fit folded` of examples/dis: events of the cross section twice, through the detector, compared with the data
by products of distances of three means. The means of the data are computed once, before.
"""
import math

from peers import events

E_E, E_P, ALPHA = 27.5, 920.0, 7.2973525693e-3
S, MASS = 4 * E_E * E_P, 0.93827208816
LOW, HIGH, START = [0.3, 2.0, 0.0], [1.1, 6.0, 0.5], [0.6, 4.0, 0.1]
LINE = [(math.log(5e-3), math.log(0.8)), (math.log(100.0), math.log(5000.0))]
B_S, F_G = 8.0, 0.44


def cross_section(np, lgamma, p, x, q2):
    """Per d log x d log Q2, without constant factors; x [n, 1], q2 [n]."""
    beta = lambda a, b: np.exp(lgamma(a) + lgamma(b) - lgamma(a + b))
    a_v, b_u, d_s = p[0], p[1], p[2]
    a_u, a_d = 2 / beta(a_v, b_u + 1), 1 / beta(a_v, b_u + 2)
    valence = a_u * beta(a_v + 1, b_u + 1) + a_d * beta(a_v + 1, b_u + 2)
    a_s = (1 - F_G - valence) / beta(1 - d_s, 1 + B_S + 0 * d_s)
    u = a_u * x**a_v * (1 - x) ** b_u
    f2 = 4 / 9 * u + 1 / 9 * a_d * x**a_v * (1 - x) ** (b_u + 1) + 2 / 9 * a_s * x ** (-d_s) * (1 - x) ** B_S
    y = q2 / (x * S)
    inside = (y < 0.9) & (MASS**2 + q2 * (1 - x) / x > 10)
    return np.where(inside, (1 + (1 - y) ** 2) * f2 / q2, np.zeros_like(y))


def seen(np, clip, x, q2, normals):
    """What the detector gives for events: log x, and weights."""
    turn_on = lambda value, threshold, width: 0.5 + 0.5 * np.tanh(0.5 * (value - threshold) / width)
    energy = E_E * (1 - q2 / (x * S)) + q2 / (4 * E_E)
    cosine = clip(q2 / (2 * E_E * energy) - 1)
    weight = turn_on(energy, 8.0, 1.0)
    measured = energy + np.sqrt(0.18**2 * energy + 0.02**2 * energy * energy) * normals[0]
    theta = np.arccos(cosine) + 3e-3 * normals[1]
    c = np.cos(theta)
    y = 1 - measured / (2 * E_E) * (1 - c)
    weight = weight * turn_on(y, 0.08, 0.02)
    weight = np.where((y > 0.04) & (y < 0.9) & (measured > 10), weight, np.zeros_like(weight))
    q2 = 2 * E_E * measured * (1 + c)
    rebuilt = q2 / (S * np.maximum(y, 0.01 + 0 * y))
    return np.where(weight > 0, (np.log(np.maximum(rebuilt, 1e-6 + 0 * y)) + 4) / 0.9, np.zeros_like(weight)), weight


def objective(np, common, lgamma, clip, lines, theta, uniforms, normals, means):
    low, high = theta[1], theta[2]
    p = low + (high - low) / (1 + np.exp(-theta[0]))
    table = cross_section(np, lgamma, p, np.exp(lines[0])[:, None], np.exp(lines[1]))[None]
    spacings = [line[1] - line[0] for line in lines]
    distances = []
    for u, g in zip(uniforms, normals):
        points = common.draw(table, u)
        x, q2 = (np.exp(line[0] + h * position[0]) for line, h, position in zip(lines, spacings, points))
        t, weight = seen(np, clip, x, q2, g)
        total = weight.sum()
        distances.append([(weight * t**k).sum() / total - means[k - 1] for k in (1, 2, 3)])
    return sum(a * b for a, b in zip(*distances))


def data_means(config):
    import numpy
    t = (numpy.log(events.load(config["data"], ["x"])[:, 0]) + 4) / 0.9
    return [float((t**k).mean()) for k in (1, 2, 3)]


def start(np, array):
    logit = [math.log((s - a) / (b - s)) for s, a, b in zip(START, LOW, HIGH)]
    return array(logit), array(LOW), array(HIGH)


def torch_program(kind, config):
    import torch
    from peers import torch_common as common
    count, means = config["events"], data_means(config)
    value, low, high = start(torch, torch.tensor)
    weights = common.trained(kind, [value])
    adam = common.Adam(kind, weights, 2e-2, decay=0.994)
    lines = [torch.linspace(a, b, config["nodes"]) for a, b in LINE]
    clip = lambda x: x.clamp(-0.999999, 0.999999)

    def step():
        uniforms, normals = torch.rand(2, 2, 1, count), torch.randn(2, 2, count)
        loss, gradients = common.value_and_gradient(
            kind, lambda w: objective(torch, common, torch.lgamma, clip, lines, (w[0], low, high), uniforms, normals,
                                      means), weights)
        adam.step(gradients)
        return loss

    return common.Program(kind, step)


def jax_program(config):
    import jax
    import jax.numpy as jnp
    from peers import jax_common as common
    count, means = config["events"], data_means(config)
    value, low, high = start(jnp, jnp.array)
    lines = [jnp.linspace(a, b, config["nodes"]) for a, b in LINE]
    clip = lambda x: jnp.clip(x, -0.999999, 0.999999)

    def step(state, key):
        keys = jax.random.split(key, 2)
        uniforms, normals = jax.random.uniform(keys[0], (2, 2, 1, count)), jax.random.normal(keys[1], (2, 2, count))
        loss, slope = jax.value_and_grad(
            lambda w: objective(jnp, common, jax.lax.lgamma, clip, lines, (w, low, high), uniforms, normals, means))(
                state[0])
        return common.adam(state, slope, 2e-2, decay=0.994), loss

    return common.Program(step, common.adam_state(value))
