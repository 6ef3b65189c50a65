"""The MLP VAE of the benchmark in PyTorch, eager, with its fused Adam: torch_vae.py THREADS.

Each line on its input asks for a turn of 8 steps, as from child.ts.
"""

import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(1)
turn, batch, latent, hidden = 8, 100, 20, 400


def network(*widths):
    layers = []
    for before, after in zip(widths[:-1], widths[1:]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


encoder = network(784, hidden, hidden, 2 * latent)
decoder = network(latent, hidden, hidden, 784)
parameters = [*encoder.parameters(), *decoder.parameters()]
adam = torch.optim.Adam(parameters, lr=1e-4, fused=True)
data = torch.rand(turn, batch, 784)
uniform = torch.rand(turn, batch, 784)
normal = torch.randn(turn, batch, latent)


def step(i):
    x = (uniform[i] < data[i]).float()
    mean, log_std = encoder(x).chunk(2, dim=1)
    logits = decoder(mean + log_std.exp() * normal[i])
    loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / batch
    divergence = 0.5 * (mean**2 + (2 * log_std).exp() - 2 * log_std - 1).sum() / batch
    adam.zero_grad(set_to_none=True)
    (loss + divergence).backward()
    adam.step()
    return loss.item()


def answer():
    processor, wall = time.process_time(), time.perf_counter()
    for i in range(turn):
        step(i)
    times = {
        "processor": 1000 * (time.process_time() - processor) / turn,
        "wall": 1000 * (time.perf_counter() - wall) / turn,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(times), flush=True)


answer()
for _ in sys.stdin:
    answer()
