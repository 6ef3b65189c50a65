"""Models that refine noise step by step, from their weights: flow matching and diffusion."""

import numpy as np

from networks import convolve, dense, sigmoid


def silu(x):
    return x * sigmoid(x)


def group_norm(bundle, name, x, most):
    """[n, h, w, c], by as many groups as divide the channels given."""
    channels = x.shape[-1]
    groups = most
    grouped = x.reshape(len(x), -1, groups, channels // groups)
    mean, variance = grouped.mean((1, 3), keepdims=True), grouped.var((1, 3), keepdims=True)
    x = ((grouped - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape)
    return x * bundle.weight(f"{name}/scale") + bundle.weight(f"{name}/offset")


def groups_of(most, *widths):
    return next(groups for groups in range(most, 0, -1) if all(width % groups == 0 for width in widths))


def conv(bundle, name, x, stride=1):
    return convolve(x, bundle.weight(f"{name}/kernel"), stride) + bundle.weight(f"{name}/bias")


def block(bundle, name, x, told):
    outputs = bundle.weight(f"{name}/conv0/kernel").shape[-1]
    groups = groups_of(bundle.options["groups"], x.shape[-1], outputs)
    h = conv(bundle, f"{name}/conv0", silu(group_norm(bundle, f"{name}/norm0", x, groups)))
    h = h + dense(bundle, f"{name}/condition", silu(told))[:, None, None]
    h = conv(bundle, f"{name}/conv1", silu(group_norm(bundle, f"{name}/norm1", h, groups)))
    return h + (x if x.shape[-1] == outputs else conv(bundle, f"{name}/shortcut", x))


def attend(bundle, name, x):
    n, width = len(x), x.shape[-1]
    heads = bundle.options["heads"]
    qkv = dense(bundle, f"{name}/qkv", x.reshape(n, -1, width)).reshape(n, -1, 3, heads, width // heads)
    query, key, value = (qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(width // heads)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (shares / shares.sum(-1, keepdims=True)) @ value
    return dense(bundle, f"{name}/output", mixed.transpose(0, 2, 1, 3).reshape(n, -1, width)).reshape(x.shape)


def u_net(bundle, x, told):
    most, blocks = bundle.options["groups"], bundle.options["blocks"]
    levels = len(bundle.options["filters"]) - 1
    h, kept = conv(bundle, "network/stem", x), []
    for level in range(levels):
        for i in range(blocks):
            h = block(bundle, f"network/down{level}/{i}", h, told)
            kept.append(h)
        h = conv(bundle, f"network/shrink{level}", h, 2)
    h = block(bundle, "network/middle/0", h, told)
    normal = group_norm(bundle, "network/middle/norm", h, groups_of(most, h.shape[-1]))
    h = h + attend(bundle, "network/middle/attention", normal)
    h = block(bundle, "network/middle/1", h, told)
    for level in reversed(range(levels)):
        for i in range(blocks):
            beside = kept.pop()
            if i == 0:
                doubled = h.repeat(2, 1).repeat(2, 2)[:, : beside.shape[1], : beside.shape[2]]
                h = conv(bundle, f"network/grow{level}", doubled)
            h = block(bundle, f"network/up{level}/{i}", np.concatenate([h, beside], -1), told)
    return conv(bundle, "network/head", silu(group_norm(bundle, "network/head/norm", h, groups_of(most, h.shape[-1]))))


def point_network(bundle, x, told):
    h = dense(bundle, "network/input", x)
    for i in range(bundle.options["layers"]):
        inner = dense(bundle, f"network/{i}/first", silu(h)) + dense(bundle, f"network/{i}/condition", silu(told))
        h = h + dense(bundle, f"network/{i}/second", silu(inner))
    return dense(bundle, "network/output", silu(h))


def network(bundle, x, time, label, fineness=None):
    """[n, ...shape] at one time in [0, 1]; `label` is a class of each example, or one number for all."""
    image = bundle.spec["kind"] == "image"
    half = bundle.options["embedding"] // 2

    def embedded(name, number, fastest, slowest):
        angles = number * np.geomspace(fastest, slowest, half)
        features = np.concatenate([np.sin(angles), np.cos(angles)])[None]
        return dense(bundle, f"{name}/1", silu(dense(bundle, f"{name}/0", features)))

    told = embedded("time", time, *((1000, 0.1) if image else (32, 0.5)))
    if fineness is not None:
        told = told + embedded("fineness", fineness, 32, 0.5)
    if bundle.options["conditional"]:
        told = told + bundle.weight("class/table")[np.atleast_1d(label)]
    return (u_net if image else point_network)(bundle, x, told)


def guided(bundle, x, time, label, guidance, fineness=None):
    if not bundle.options["conditional"]:
        return network(bundle, x, time, None, fineness)
    none = network(bundle, x, time, len(bundle.weight("class/table")) - 1, fineness)
    return none + guidance * (network(bundle, x, time, label, fineness) - none)


def to_data(bundle, x):
    """From the network's scale."""
    if bundle.spec["kind"] == "points":
        return x * bundle.weight("reference/std") + bundle.weight("reference/mean")
    low, high = bundle.spec["range"]
    return np.clip(x, -1, 1) * (high - low) / 2 + (high + low) / 2


def noise_and_classes(bundle, count, name):
    """Noise of the first steps of a chain, a few at least, and a class of each example."""
    entry = bundle.programs["advance"]
    steps, taken = entry["chain"]["steps"], entry["chain"]["stepsPerCall"]
    total = taken if taken > 1 else min(steps, 3)
    spec = entry["inputs"][name]
    noise = bundle.noise({**spec, "shape": [total, *spec["shape"][1:]]}, count)
    label = np.arange(count) % entry["inputs"]["label"]["classes"] if "label" in entry["inputs"] else None
    return steps, noise, label


def chained(bundle, program, name, noise, label, **given):
    """What a chain's program returns after as many steps as there is noise of."""
    entry = bundle.programs[program]
    taken = entry["chain"]["stepsPerCall"]
    carries = {name: given.pop(name) for name, spec in entry["inputs"].items() if spec["role"] == "carry" and name in given}
    if label is not None:
        given["label"] = label
    for start in range(0, noise.shape[1], taken):
        part = {name: noise[:, start : start + taken], "from": start, "to": start + taken}
        out = bundle.run(program, **part, **given, **carries)
        carries = {key: out[f"next/{key}"] for key, spec in entry["inputs"].items() if spec["role"] == "carry"}
    return out


class Held:
    """An image that is given, pixels of it that are held, and how much noise the rest starts from."""

    def __init__(self, bundle, count):
        low, high = bundle.spec["range"]
        self.data = bundle.examples(count)
        self.image = (self.data.astype(np.float64) - (low + high) / 2) * 2 / (high - low)
        self.mask = (bundle.random.random((count, *bundle.shape[:2], 1)) < 0.4).astype(np.float32)
        self.strength, self.rows = 0.6, 1
        self.known = (self.mask > 0.5) | (np.arange(bundle.shape[0]) < self.rows)[None, :, None, None]
        self.inputs = {"given": self.data, "held": self.mask, "rows": self.rows, "strength": self.strength}


def solve(field, x, time, size, solver):
    """One step of a Runge-Kutta method, and the slope where it begins."""
    first = field(x, time)
    if solver == "euler":
        return x + size * first, first
    if solver == "midpoint":
        return x + size * field(x + size / 2 * first, time + size / 2), first
    if solver == "heun":
        return x + size / 2 * (first + field(x + size * first, time + size)), first
    second = field(x + size / 2 * first, time + size / 2)
    third = field(x + size / 2 * second, time + size / 2)
    fourth = field(x + size * third, time + size)
    return x + size / 6 * (first + 2 * second + 2 * third + fourth), first


def flow_steps(field, noise, steps, solver, held=None):
    """Where samples are after as many steps as there is noise of, and where they would end if they went on straight."""
    start = noise[:, 0].astype(np.float64)
    strength = 1 if held is None else held.strength
    x = start
    for k in range(noise.shape[1]):
        time = 1 - strength + strength * k / steps
        if held is not None:
            line = (1 - time) * start + time * held.image
            x = np.where(held.known, line, line if k == 0 else x)
        before = x
        x, slope = solve(field, x, time, strength / steps, solver)
    return x, before + (1 - time) * slope


def flow_rows(bundle, count, fineness, solver):
    """Samples and completions of a flow; `fineness` of a step's size, None where the network is not told it."""
    steps, noise, label = noise_and_classes(bundle, count, "start")
    guidance = bundle.options["guidance"]

    def field(strength):
        fine = fineness(strength / steps)
        return lambda x, time: guided(bundle, x, time, label, guidance, fine)

    x, end = flow_steps(field(1), noise, steps, solver)
    drawn = chained(bundle, "advance", "start", noise, label)
    yield "samples after the first steps", drawn["data"], to_data(bundle, x)
    yield "where they would end", drawn["predicted"], to_data(bundle, end)
    if "complete" in bundle.programs:
        held = Held(bundle, count)
        x, end = flow_steps(field(held.strength), noise, steps, solver, held)
        drawn = chained(bundle, "complete", "start", noise, label, **held.inputs)
        yield "completions from a drawing", drawn["data"], np.where(held.known, held.data, to_data(bundle, x))
        yield "where those would end", drawn["predicted"], np.where(held.known, held.data, to_data(bundle, end))


def flow_matching(bundle):
    """The first steps of samples by the solver; densities by a Jacobian of differences."""
    yield from flow_rows(bundle, 5, lambda size: None, bundle.options["solver"])
    yield from flow_density(bundle, 5, None)


def shortcut(bundle):
    """The first steps of samples by Euler's method, told their size; densities by the finest steps."""
    yield from flow_rows(bundle, 5, lambda size: np.clip(-np.log2(size) / 7, 0, 1), "euler")
    yield from flow_density(bundle, 5, 1)


def flow_density(bundle, count, fineness):
    """The log-density by a Jacobian of differences, where the model has one."""
    if "logProb" not in bundle.programs:
        return
    label = np.arange(count) % bundle.programs["logProb"]["inputs"]["label"]["classes"] if bundle.options["conditional"] else None
    data = bundle.examples(count).astype(np.float64)
    deviation = bundle.weight("reference/std")
    size, width = data.shape[1], 1e-5

    def alone(x, time):
        return guided(bundle, x, time, label, 1, fineness)

    def both(y, s):
        x, time = y[:, :size], 1 - (1 - s) ** 2
        divergence = sum(
            (alone(x + width * unit, time)[:, i] - alone(x - width * unit, time)[:, i]) / (2 * width)
            for i, unit in enumerate(np.eye(size))
        )
        return 2 * (1 - s) * np.concatenate([alone(x, time), divergence[:, None]], 1)

    y = np.concatenate([(data - bundle.weight("reference/mean")) / deviation, np.zeros((count, 1))], 1)
    fine = bundle.options["densitySteps"]
    for k in range(fine):
        y, _ = solve(both, y, 1 - k / fine, -1 / fine, "rk4")
    start = y[:, :size]
    expected = -0.5 * (start**2 + np.log(2 * np.pi)).sum(1) + y[:, size] - np.log(deviation).sum()
    yield "log-density, Jacobian by differences", bundle.run("logProb", data=data, **({} if label is None else {"label": label}))["logProb"], expected


def schedule(name, steps):
    """alpha-bar after 0 to all steps."""
    k = np.arange(1, steps + 1)
    if name == "linear":
        betas = 1000 / steps * np.linspace(1e-4, 0.02, steps)
    else:
        f = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = 1 - f[k] / f[k - 1]
    return np.concatenate([[1.0], np.cumprod(1 - np.minimum(betas, 0.999))])


def diffusion_steps(bundle, noise, steps, label, held=None):
    """Where samples are after as many steps of DDIM as there is noise of, and the example that is seen in them."""
    all_steps, eta = bundle.options["timesteps"], bundle.options["eta"]
    alpha = schedule(bundle.options["noiseSchedule"], all_steps)
    most = all_steps * (1 if held is None else held.strength)
    numbers = [min(all_steps, max(int(np.floor((steps - i) * most / steps + 0.3)), i < steps)) for i in range(steps + 1)]
    x = noise[:, 0].astype(np.float64)
    for i in range(noise.shape[1]):
        here, after = alpha[numbers[i]], alpha[numbers[i + 1]]
        if i > 0:
            x = mean + deviation * noise[:, i]
        if held is not None:
            image = np.sqrt(here) * held.image + np.sqrt(1 - here) * noise[:, i]
            x = np.where(held.known, image, image if i == 0 else x)
        told = guided(bundle, x, numbers[i] / all_steps, label, bundle.options["guidance"])
        if bundle.options["prediction"] == "v":
            clean = np.sqrt(here) * x - np.sqrt(1 - here) * told
        else:
            clean = (x - np.sqrt(1 - here) * told) / np.sqrt(here)
        if bundle.spec["kind"] == "image":
            clean = np.clip(clean, -1, 1)
        seen = (x - np.sqrt(here) * clean) / np.sqrt(1 - here)
        deviation = eta * np.sqrt((1 - after) / (1 - here) * (1 - here / after))
        mean = np.sqrt(after) * clean + np.sqrt(1 - after - deviation**2) * seen
    return mean, clean


def diffusion(bundle):
    """The first steps of samples by DDIM with noise of each step."""
    count = 5
    steps, noise, label = noise_and_classes(bundle, count, "noise")
    mean, clean = diffusion_steps(bundle, noise, steps, label)
    drawn = chained(bundle, "advance", "noise", noise, label)
    yield "samples after the first steps", drawn["data"], to_data(bundle, mean)
    yield "the example seen in them", drawn["predicted"], to_data(bundle, clean)
    if "complete" not in bundle.programs:
        return
    held = Held(bundle, count)
    mean, clean = diffusion_steps(bundle, noise, steps, label, held)
    drawn = chained(bundle, "complete", "noise", noise, label, **held.inputs)
    yield "completions from a drawing", drawn["data"], np.where(held.known, held.data, to_data(bundle, mean))
    yield "the example seen in those", drawn["predicted"], np.where(held.known, held.data, to_data(bundle, clean))
