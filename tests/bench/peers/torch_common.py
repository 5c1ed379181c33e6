"""What the PyTorch peers share. A step is a function of tensors that are changed in place, compiled whole (forward,
backward and optimiser in one graph) or run as it stands.
"""
import torch


class Program:
    """step() returns the loss as a tensor; `kind` says whether it is compiled."""

    def __init__(self, kind, step):
        if kind == "compiled":
            import torch._inductor.config as inductor
            inductor.cpp_wrapper = True  # no Python between kernels: 0.63 ms instead of 0.90 for a step of 64 rows
            step = torch.compile(step, dynamic=False, fullgraph=True)
        self.step = step

    def run(self, steps):
        for _ in range(steps):
            loss = self.step()
        return float(loss)


def value_and_gradient(kind, loss_of, weights):
    if kind == "compiled":
        gradients, loss = torch.func.grad_and_value(loss_of)(weights)
        return loss, gradients
    loss = loss_of(weights)
    return loss.detach(), torch.autograd.grad(loss, weights)


def value_and_pull_back(kind, function, weights):
    """The first value of a function of two, what gives gradients of the weights from one of it, and the second value."""
    if kind == "compiled":
        value, pull_back, second = torch.func.vjp(function, weights, has_aux=True)
        return value, lambda given: pull_back(given)[0], second
    value, second = function(weights)
    return value.detach(), lambda given: torch.autograd.grad(value, weights, given), second.detach()


def layers(kind, sizes):
    """Weights [out, in] (Kaiming) and biases (0) of dense layers, one after another."""
    weights = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        weights += [torch.randn(outputs, inputs) * (2.0 / inputs) ** 0.5, torch.zeros(outputs)]
    return trained(kind, weights)


def trained(kind, weights):
    return [w.requires_grad_(kind != "compiled") for w in weights]


def mlp(weights, x, activation):
    for i in range(0, len(weights), 2):
        x = torch.nn.functional.linear(x, weights[i], weights[i + 1])
        if i + 2 < len(weights):
            x = activation(x)
    return x


def leaky_relu(x):
    return torch.nn.functional.leaky_relu(x, 0.2)


class Adam:
    """All that changes from step to step is in tensors, so that a compiled step is compiled once. Uncompiled, the whole
    optimiser is one fused operation."""

    def __init__(self, kind, weights, rate, decay=1.0, beta1=0.9, beta2=0.999):
        self.kind, self.weights = kind, weights
        self.first = [torch.zeros_like(w, requires_grad=False) for w in weights]
        self.second = [torch.zeros_like(w, requires_grad=False) for w in weights]
        self.count = torch.zeros(())
        self.counts = [torch.zeros(()) for w in weights]
        self.rate, self.decay, self.beta1, self.beta2 = rate, decay, beta1, beta2

    @torch.no_grad()
    def restart(self):
        for value in (*self.first, *self.second, *self.counts, self.count):
            value.zero_()

    @torch.no_grad()
    def step(self, gradients):
        gradients = list(gradients)
        rate = self.rate * self.decay**self.count if self.decay != 1 else self.rate
        self.count += 1
        if self.kind != "compiled":
            torch._foreach_add_(self.counts, 1)
            torch._fused_adam_(self.weights, gradients, self.first, self.second, [], self.counts, lr=float(rate),
                               beta1=self.beta1, beta2=self.beta2, weight_decay=0.0, eps=1e-8, amsgrad=False,
                               maximize=False)
            return
        scale = rate * torch.sqrt(1 - self.beta2**self.count) / (1 - self.beta1**self.count)
        torch._foreach_lerp_(self.first, gradients, 1 - self.beta1)
        torch._foreach_mul_(self.second, self.beta2)
        torch._foreach_addcmul_(self.second, gradients, gradients, 1 - self.beta2)
        size = torch._foreach_sqrt(self.second)
        torch._foreach_add_(size, 1e-8)
        change = torch._foreach_div(self.first, size)
        torch._foreach_mul_(change, scale)
        torch._foreach_sub_(self.weights, change)


def cumulative(a):
    half = torch.ones(a.shape[-1])
    half[0] = 0.5
    return torch.cumsum(a * half, -1) - 0.5 * a


def within(left, right, rest, total, n):
    least = 1e-6 * total / (n - 1)
    height = torch.sqrt(torch.maximum(left * left + 2 * (right - left) * rest, least * least))
    return (2 * rest / (left + height)).clamp(0, 1), height


def draw(table, uniforms):
    """The default sampler of std.sampler. Positions, in units of the spacing, of events [vectors, events] for a table
    [vectors, nodes, ...] with one dimension a variable, from uniform numbers [variables, vectors, events]."""
    vectors, n = table.shape[0], table.shape[1]
    trapezoid = torch.ones(n)
    trapezoid[0] = trapezoid[-1] = 0.5
    tables = [table]
    while tables[0].dim() > 2:
        tables.insert(0, tables[0] @ trapezoid)
    points, height = [], None
    corners = [(torch.arange(vectors)[:, None] * n, 1.0)]
    for a, u in zip(tables, uniforms):
        line = cumulative(a)
        c, node = line.reshape(-1), a.reshape(-1)

        def blend(values, k):
            return sum(part * values[row + k] for row, part in corners)

        if height is None:
            height = line[:, -1:]
        s = u.clamp_max(1 - 3e-7) * height
        if len(corners) == 1:
            k = torch.searchsorted(line.detach(), s.detach(), right=True) - 1
            k = k.clamp(0, n - 2)
        else:
            k, jump = torch.zeros(s.shape, dtype=torch.long), 1 << (n - 2).bit_length() - 1
            with torch.no_grad():
                while jump:
                    m = (k + jump).clamp_max(n - 2)
                    k = torch.where(blend(c, m) <= s, m, k)
                    jump //= 2
        t, height = within(blend(node, k), blend(node, k + 1), s - blend(c, k), height, n)
        points.append(k + t)
        corners = [((row + k + end) * n, part * (t if end else 1 - t)) for row, part in corners for end in (0, 1)]
    return points
