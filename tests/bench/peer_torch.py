"""One training step of examples/proxy1d (fit gan) in PyTorch: the same networks, sampler, losses, optimiser and sizes as
peer_jax.py and the model file. Eager mode.

    peer_torch.py CONFIG.json     prints a JSON line: name, version, steps_per_second, loss
"""
import json
import os
import sys
import time

with open(sys.argv[1], encoding="utf-8") as file:
    CONFIG = json.load(file)
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: CONFIG["threads"]])

import numpy
import torch

torch.set_num_threads(CONFIG["threads"])
LOW = torch.tensor([0.0, -1, 0, 0, -1, 0])
HIGH = torch.tensor([3.0, 1, 5, 3, 1, 5])
NODES = torch.linspace(0.1, 1.0, CONFIG["nodes"])


def mlp(sizes):
    layers = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        linear = torch.nn.Linear(inputs, outputs)
        torch.nn.init.normal_(linear.weight, std=(2.0 / inputs) ** 0.5)
        torch.nn.init.zeros_(linear.bias)
        layers += [linear, torch.nn.LeakyReLU(0.2)]
    return torch.nn.Sequential(*layers[:-1])


def lsgan(score, target):
    return (score - target) ** 2


def inverse_transform(density, uniform):
    step = NODES[1] - NODES[0]
    area = (density[:, 1:] + density[:, :-1]) * (0.5 * step)
    cumulative = torch.nn.functional.pad(torch.cumsum(area, 1), (1, 0))
    target = uniform * cumulative[:, -1:]
    cell = torch.searchsorted(cumulative.detach(), target.detach(), right=True) - 1
    cell = cell.clamp(0, len(NODES) - 2)
    left, right = density.gather(1, cell), density.gather(1, cell + 1)
    rest = (target - cumulative.gather(1, cell)).clamp_min(0) / step
    t = 2 * rest / (left + torch.sqrt((left * left + 2 * (right - left) * rest).clamp_min(1e-30)))
    return NODES[cell] + t * step


def generate(generator, noise, uniforms):
    theta = LOW + (HIGH - LOW) * torch.sigmoid(generator(noise))
    column = lambda i: theta[:, i, None]
    u = column(0) * NODES ** column(1) * (1 - NODES) ** column(2)
    d = column(3) * NODES ** column(4) * (1 - NODES) ** column(5)
    drawn = [inverse_transform(density, x) for density, x in zip((4 * u + d, 4 * d + u), uniforms)]
    return torch.stack([values.reshape(-1) for values in drawn], 1)


def main():
    torch.manual_seed(CONFIG["seed"])
    data = torch.from_numpy(numpy.load(CONFIG["data"]))
    critic = mlp([2, *CONFIG["critic_widths"], 1])
    generator = mlp([6, *CONFIG["generator_widths"], 6])
    betas = (CONFIG["beta1"], 0.999)
    critic_adam = torch.optim.Adam(critic.parameters(), lr=CONFIG["critic_rate"], betas=betas)
    generator_adam = torch.optim.Adam(generator.parameters(), lr=CONFIG["generator_rate"], betas=betas)
    falling = [torch.optim.lr_scheduler.ExponentialLR(adam, CONFIG["decay"]) for adam in (critic_adam, generator_adam)]
    vectors, events = CONFIG["vectors"], CONFIG["events"]

    def draw(noise, uniforms):
        return generate(generator, noise, uniforms)

    def critic_loss(real, fake):
        return torch.mean(lsgan(critic(real), 1)) + torch.mean(lsgan(critic(fake), 0))

    def generator_loss(fake):
        return torch.mean(lsgan(critic(fake), 1))

    def step():
        noise = torch.randn(vectors, 6)
        uniforms = torch.rand(2, vectors, events)
        real = data[torch.randint(len(data), (vectors * events,))]
        fake = draw(noise, uniforms)
        loss = critic_loss(real, fake.detach())
        critic_adam.zero_grad(set_to_none=True)
        loss.backward()
        critic_adam.step()
        critic.requires_grad_(False)
        generator_adam.zero_grad(set_to_none=True)
        generator_loss(fake).backward()
        generator_adam.step()
        critic.requires_grad_(True)
        for schedule in falling:
            schedule.step()
        return loss

    for _ in range(CONFIG["warmup"]):
        step()
    start = time.perf_counter()
    for _ in range(CONFIG["steps"]):
        loss = step()
    seconds = time.perf_counter() - start
    print(json.dumps({"name": "torch", "version": torch.__version__,
                      "steps_per_second": CONFIG["steps"] / seconds, "loss": loss.item()}))


main()
