"""One step of conv.qtm: a generator of images by transposed convolutions and a critic by convolutions. Each of the two
updates draws noise of its own, as the model says.
"""
import math

from peers import events


def torch_program(kind, config):
    import torch
    import torch.nn.functional as f
    from peers import torch_common as common
    images, noise, c = config["images"], config["noise"], config["channels"]
    last = torch.channels_last
    pictures = torch.from_numpy(events.load(config["data"], config["fields"])).reshape(-1, 1, 16, 16)
    pictures = pictures.contiguous(memory_format=last)
    random = lambda *shape: torch.randn(*shape) * (2.0 / (math.prod(shape) / shape[0])) ** 0.5
    start = lambda *shape: random(*shape).contiguous(memory_format=last) if len(shape) == 4 else random(*shape)
    paint = common.trained(kind, [start(16 * c, noise), torch.zeros(16 * c), start(c, c // 2, 4, 4), torch.zeros(c // 2),
                                  start(c // 2, 1, 4, 4), torch.zeros(1)])
    look = common.trained(kind, [start(c // 2, 1, 4, 4), torch.zeros(c // 2), start(c, c // 2, 4, 4), torch.zeros(c),
                                 start(1, 16 * c), torch.zeros(1)])
    adam_paint, adam_look = (common.Adam(kind, w, 2e-4, beta1=0.5) for w in (paint, look))

    def painted(w, z):
        x = common.leaky_relu(f.linear(z, w[0], w[1])).reshape(-1, c, 4, 4).contiguous(memory_format=last)
        x = common.leaky_relu(f.conv_transpose2d(x, w[2], w[3], stride=2, padding=1))
        return torch.tanh(f.conv_transpose2d(x, w[4], w[5], stride=2, padding=1))

    def score(w, x):
        x = common.leaky_relu(f.conv2d(x, w[0], w[1], stride=2, padding=1))
        x = common.leaky_relu(f.conv2d(x, w[2], w[3], stride=2, padding=1))
        return f.linear(x.flatten(1), w[4], w[5])

    def step():
        real = pictures[torch.randint(len(pictures), (images,))]
        with torch.no_grad():
            fake = painted(paint, torch.randn(images, noise))
        loss, gradients = common.value_and_gradient(
            kind, lambda w: ((score(w, real) - 1) ** 2).mean() + (score(w, fake) ** 2).mean(), look)
        adam_look.step(gradients)
        z = torch.randn(images, noise)
        _, gradients = common.value_and_gradient(kind, lambda w: ((score(look, painted(w, z)) - 1) ** 2).mean(), paint)
        adam_paint.step(gradients)
        return loss

    return common.Program(kind, step)


def jax_program(config):
    import jax
    import jax.numpy as jnp
    from peers import jax_common as common
    images, noise, c = config["images"], config["noise"], config["channels"]
    pictures = jnp.asarray(events.load(config["data"], config["fields"])).reshape(-1, 16, 16, 1)
    keys = iter(jax.random.split(jax.random.key(3), 6))
    start = lambda *shape: jax.random.normal(next(keys), shape) * (2.0 / math.prod(shape[:-1])) ** 0.5
    paint = [start(noise, 16 * c), jnp.zeros(16 * c), start(4, 4, c, c // 2), jnp.zeros(c // 2),
             start(4, 4, c // 2, 1), jnp.zeros(1)]
    look = [start(4, 4, 1, c // 2), jnp.zeros(c // 2), start(4, 4, c // 2, c), jnp.zeros(c), start(16 * c, 1),
            jnp.zeros(1)]

    # XLA takes a convolution that is dilated, as gradients of strided ones are, by a loop of scalars on a processor:
    # products of patches made of slices are six times as fast.
    def conv(x, w, b):
        h = x.shape[1] // 2
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patch = [x[:, i : i + 2 * h : 2, j : j + 2 * h : 2] for i in range(4) for j in range(4)]
        return jnp.concatenate(patch, 3) @ w.reshape(-1, w.shape[3]) + b

    def spread(x, w, b):
        h = x.shape[1]
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        rows = []
        for p in (0, 1):
            phases = []
            for q in (0, 1):  # of the four outputs around a place each sees two by two inputs
                patch = [x[:, p + i : p + i + h, q + j : q + j + h] for i in (0, 1) for j in (0, 1)]
                part = w[p::2, q::2].reshape(-1, w.shape[3])
                phases.append(jnp.concatenate(patch, 3) @ part)
            rows.append(jnp.stack(phases, 3))
        return jnp.stack(rows, 2).reshape(len(x), 2 * h, 2 * h, -1) + b

    def painted(w, z):
        x = common.leaky_relu(z @ w[0] + w[1]).reshape(-1, 4, 4, c)
        return jnp.tanh(spread(common.leaky_relu(spread(x, w[2], w[3])), w[4], w[5]))

    def score(w, x):
        x = common.leaky_relu(conv(common.leaky_relu(conv(x, w[0], w[1])), w[2], w[3]))
        return x.reshape(len(x), -1) @ w[4] + w[5]

    def step(state, key):
        painter, looker = state
        k1, k2, k3 = jax.random.split(key, 3)
        real = pictures[jax.random.randint(k1, (images,), 0, len(pictures))]
        fake = painted(painter[0], jax.random.normal(k2, (images, noise)))
        loss, gradients = jax.value_and_grad(
            lambda w: jnp.mean((score(w, real) - 1) ** 2) + jnp.mean(score(w, fake) ** 2))(looker[0])
        looker = common.adam(looker, gradients, 2e-4, beta1=0.5)
        z = jax.random.normal(k3, (images, noise))
        gradients = jax.grad(lambda w: jnp.mean((score(looker[0], painted(w, z)) - 1) ** 2))(painter[0])
        return (common.adam(painter, gradients, 2e-4, beta1=0.5), looker), loss

    return common.Program(step, (common.adam_state(paint), common.adam_state(look)))
