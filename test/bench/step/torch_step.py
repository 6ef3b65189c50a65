"""The models of the benchmark in PyTorch, eager, with its fused Adam: torch_step.py MODEL THREADS.

The same layers, losses and running means of the weights as in models.ts. Each line on its input asks for a turn of 16
steps, as from child.ts.
"""

import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

turn = 16


def adam(*modules, betas=(0.9, 0.999)):
    parameters = [p for module in modules for p in module.parameters()]
    return torch.optim.Adam(parameters, lr=1e-4, betas=betas, fused=True)


class Trained:
    """A loss followed by Adam, and by a running mean of the weights where there is one."""

    def __init__(self, network, loss, mean=0.0):
        self.loss, self.adam, self.mean = loss, adam(network), mean
        self.parameters = [p.detach() for p in network.parameters()]
        self.means = [p.clone() for p in self.parameters] if mean else []

    def __call__(self, i):
        loss = self.loss(i)
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.step()
        if self.mean:
            torch._foreach_lerp_(self.means, self.parameters, 1 - self.mean)
        return loss.item()


def perceptron(*widths):
    layers = []
    for before, after in zip(widths[:-1], widths[1:]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def vae(encoder, decoder, shape, latent):
    batch = shape[0]
    data, uniform = torch.rand(turn, *shape), torch.rand(turn, *shape)
    normal = torch.randn(turn, batch, latent)

    def loss(i):
        x = (uniform[i] < data[i]).float()
        mean, log_std = encoder(x).chunk(2, dim=1)
        logits = decoder(mean + log_std.exp() * normal[i])
        nats = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        divergence = 0.5 * (mean**2 + (2 * log_std).exp() - 2 * log_std - 1).sum()
        return (nats + divergence) / batch

    return Trained(nn.ModuleList([encoder, decoder]), loss)


def mlp_vae():
    return vae(perceptron(784, 400, 400, 40), perceptron(20, 400, 400, 784), (100, 784), 20)


def strided(before, after, **options):
    return nn.Conv2d(before, after, 4, stride=2, padding=1, **options)


def widened(before, after, **options):
    return nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, **options)


def conv_vae():
    latent = 20
    body = [strided(1, 32), nn.ReLU(), strided(32, 64), nn.ReLU(), nn.Flatten()]
    encoder = nn.Sequential(*body, nn.Linear(3136, 2 * latent))
    small = [nn.Linear(latent, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7))]
    decoder = nn.Sequential(*small, widened(64, 32), nn.ReLU(), widened(32, 1))
    return vae(encoder, decoder, (32, 1, 28, 28), latent)


def dcgan():
    batch = 64
    small = [nn.Linear(100, 6272, bias=False), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU()]
    middle = [widened(128, 64, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    generator = nn.Sequential(*small, *middle, widened(64, 1), nn.Tanh())
    first = [strided(1, 64), nn.LeakyReLU(0.2)]
    second = [strided(64, 128, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2)]
    discriminator = nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(6272, 1))
    making, judging = adam(generator, betas=(0.5, 0.999)), adam(discriminator, betas=(0.5, 0.999))
    data, normal = torch.rand(turn, batch, 1, 28, 28) * 2 - 1, torch.randn(turn, batch, 100)

    def step(i):
        with torch.no_grad():
            fake = generator(normal[i])
        loss = F.softplus(-discriminator(data[i])).mean() + F.softplus(discriminator(fake)).mean()
        judging.zero_grad(set_to_none=True)
        loss.backward()
        judging.step()
        # The discriminator's own gradients are not asked for.
        discriminator.requires_grad_(False)
        loss = F.softplus(-discriminator(generator(normal[i]))).mean()
        making.zero_grad(set_to_none=True)
        loss.backward()
        making.step()
        discriminator.requires_grad_(True)
        return loss.item()

    return step


def made():
    batch, hidden = 100, 2000
    inner, outer, direct = nn.Linear(784, hidden), nn.Linear(hidden, 784), nn.Linear(784, 784, bias=False)
    place, degree = torch.arange(784), torch.randint(0, 783, (hidden,))
    masks = [
        (degree[:, None] >= place[None, :]).float(),
        (place[:, None] > degree[None, :]).float(),
        (place[:, None] > place[None, :]).float(),
    ]
    data, uniform = torch.rand(turn, batch, 784), torch.rand(turn, batch, 784)

    def loss(i):
        x = (uniform[i] < data[i]).float()
        h = F.relu(F.linear(x, inner.weight * masks[0], inner.bias))
        logits = F.linear(h, outer.weight * masks[1], outer.bias) + F.linear(x, direct.weight * masks[2])
        return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / batch

    return Trained(nn.ModuleList([inner, outer, direct]), loss, 0.9999)


def gated(x):
    a, b = x.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)


class PixelCnn(nn.Module):
    """Seven gated layers of two stacks: rows above, and pixels to the left."""

    def __init__(self, layers=7, filters=32, head=64):
        super().__init__()
        self.reaches = [3] + [1] * (layers - 1)
        self.vertical, self.horizontal = nn.ModuleList(), nn.ModuleList()
        self.across, self.output = nn.ModuleList(), nn.ModuleList()
        for layer, reach in enumerate(self.reaches):
            taps, inputs = (reach, 1) if layer == 0 else (reach + 1, filters)
            self.vertical.append(nn.Conv2d(inputs, 2 * filters, (taps, 2 * reach + 1)))
            self.horizontal.append(nn.Conv2d(inputs, 2 * filters, (1, taps)))
            self.across.append(nn.Conv2d(2 * filters, 2 * filters, 1, bias=False))
            self.output.append(nn.Conv2d(filters, filters, 1))
        self.place = nn.Parameter(torch.zeros(2, 2 * filters, 28, 28))
        self.head = nn.Sequential(nn.ReLU(), nn.Conv2d(filters, head, 1), nn.ReLU(), nn.Conv2d(head, 1, 1))

    def forward(self, x):
        image, reach = 2 * x - 1, self.reaches[0]
        vertical = F.pad(image, (0, 0, reach, 0))[:, :, :-1]
        horizontal = F.pad(image, (reach, 0))[:, :, :, :-1]
        for layer, reach in enumerate(self.reaches):
            first = layer == 0
            above = self.vertical[layer](F.pad(vertical, (reach, reach, 0 if first else reach, 0)))
            left = self.horizontal[layer](horizontal if first else F.pad(horizontal, (reach, 0)))
            if first:
                above, left = above + self.place[0], left + self.place[1]
            output = self.output[layer](gated(left + self.across[layer](above)))
            horizontal = output if first else output + horizontal
            vertical = gated(above)
        return self.head(horizontal)


def pixelcnn():
    batch, network = 32, PixelCnn()
    data, uniform = torch.rand(turn, batch, 1, 28, 28), torch.rand(turn, batch, 1, 28, 28)

    def loss(i):
        x = (uniform[i] < data[i]).float()
        return F.binary_cross_entropy_with_logits(network(x), x, reduction="sum") / batch

    return Trained(network, loss, 0.999)


class WaveNet(nn.Module):
    """Two stacks of seven dilated layers; samples go in and come out as 256 bins."""

    def __init__(self, filters=32, skip=64, bins=256):
        super().__init__()
        self.dilations = [2**i for i in range(7)] * 2
        self.front = nn.Parameter(torch.randn(bins, 2 * filters) * 0.7)
        self.gates = nn.ModuleList(nn.Conv1d(filters, 2 * filters, 2, dilation=d) for d in self.dilations)
        self.residuals = nn.ModuleList(nn.Conv1d(filters, filters, 1) for _ in self.dilations[1:])
        self.skip = nn.Conv1d(filters * len(self.dilations), skip, 1)
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, bins, 1))

    def forward(self, index):
        late, soon = F.embedding(index, self.front).transpose(1, 2).chunk(2, dim=1)
        h = F.pad(late, (2, 0))[:, :, :-2] + F.pad(soon, (1, 0))[:, :, :-1]
        found = []
        for layer, dilation in enumerate(self.dilations):
            z = gated(self.gates[layer](F.pad(h, (dilation, 0))))
            found.append(z)
            if layer < len(self.residuals):
                h = h + self.residuals[layer](z)
        return self.head(self.skip(torch.cat(found, dim=1)))


def wavenet():
    network = WaveNet()
    data = torch.randint(0, 256, (turn, 4, 2000))
    return Trained(network, lambda i: F.cross_entropy(network(data[i]), data[i], reduction="sum") / 4, 0.999)


models = {
    "mlp-vae": mlp_vae,
    "conv-vae": conv_vae,
    "dcgan": dcgan,
    "made": made,
    "pixelcnn": pixelcnn,
    "wavenet": wavenet,
}


def answer(step):
    processor, wall = time.process_time(), time.perf_counter()
    for i in range(turn):
        step(i)
    times = {
        "processor": 1000 * (time.process_time() - processor) / turn,
        "wall": 1000 * (time.perf_counter() - wall) / turn,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(times), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    torch.manual_seed(1)
    step = models[sys.argv[1]]()
    answer(step)
    for _ in sys.stdin:
        answer(step)
