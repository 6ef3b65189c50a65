"""Variational models from their weights: encoder, posterior, prior and decoder, in double precision."""

import itertools

import numpy as np
from networks import (
    activations,
    convolve,
    convolve_transposed,
    dense,
    halvings,
    mirrored_decoder,
    residual_blocks,
    sigmoid,
    softplus,
    strided_stack,
)
from scipy import stats
from scipy.special import logsumexp


def activation(bundle):
    return activations[bundle.options.get("activation", "relu")]


def features(bundle, x, part="encoder"):
    """[n, ...] to [n, width]."""
    image = bundle.options["architecture"] == "conv"
    return strided_stack(bundle, x if image else x.reshape(len(x), -1), part, activation(bundle))


def beside(x, condition):
    return x if condition is None else np.concatenate([x, condition], 1)


def condition_of(bundle, count, labels):
    """What the model is told: the class as a row with a 1 in it, or the summary of an image of which nothing is known."""
    if bundle.family != "cvae":
        return None
    if bundle.options["condition"] == "class":
        return np.eye(bundle.programs["logWeight"]["inputs"]["label"]["classes"])[labels]
    height, width, channels = bundle.shape
    unknown = features(bundle, np.zeros((count, height, width, 2 * channels)), "condition")
    return activation(bundle)(dense(bundle, "condition/output", unknown))


def log_prior(bundle, z, condition):
    """log p(z) of [n, latent]."""
    if condition is not None:
        mean, log_std = (dense(bundle, f"prior/{name}", condition) for name in ("mean", "logStd"))
        return stats.norm.logpdf(z, mean, np.exp(log_std)).sum(1)
    kind = bundle.options.get("prior", "normal")
    if kind == "normal":
        return stats.norm.logpdf(z).sum(1)
    if kind == "vamp":
        inputs = bundle.weight("prior/pseudoInputs")
        inputs = np.clip(inputs, 0, 1) if bundle.spec["kind"] == "image" else inputs
        h = features(bundle, inputs.reshape(-1, *bundle.shape))
        mean, std = dense(bundle, "encoder/mean", h), np.exp(dense(bundle, "encoder/logStd", h))
        each = stats.norm.logpdf(z[:, None], mean[None], std[None]).sum(2)
        return logsumexp(each, axis=1) - np.log(len(inputs))
    y, log_det = z, 0.0
    first = -(-z.shape[1] // 2)
    for i in range(bundle.options["priorCouplings"]):
        name = f"prior/{i}"
        log_scale = bundle.weight(f"{name}/norm/logScale")
        y, log_det = np.exp(log_scale) * (y + bundle.weight(f"{name}/norm/shift")), log_det + log_scale.sum()
        kept, changed = (y[:, :first], y[:, first:]) if i % 2 == 0 else (y[:, first:], y[:, :first])
        h = kept
        for j in range(len(bundle.options["priorHidden"])):
            h = np.maximum(dense(bundle, f"{name}/{j}", h), 0)
        raw = dense(bundle, f"{name}/output", h)
        width = changed.shape[1]
        s = bundle.weight(f"{name}/scale") * np.tanh(raw[:, :width])
        changed, log_det = changed * np.exp(s) + raw[:, width:], log_det + s.sum(1)
        y = np.concatenate([kept, changed] if i % 2 == 0 else [changed, kept], 1)
    return stats.norm.logpdf(y).sum(1) + log_det


def flow_step(bundle, step, z, context):
    """One step of inverse autoregressive flow, the masks from the degrees: z and the log of each gate."""
    latent = z.shape[1]
    place = np.arange(latent) if step % 2 == 0 else np.arange(latent)[::-1]
    name, seen = f"posterior/{step}", place
    h = z
    for j, width in enumerate(bundle.options["flowHidden"]):
        degrees = np.arange(width) % max(1, latent - 1)
        mask = seen[:, None] <= degrees[None]
        h = h @ (bundle.weight(f"{name}/{j}/kernel") * mask) + bundle.weight(f"{name}/{j}/bias")
        if j == 0:
            h = h + context @ bundle.weight(f"{name}/context/kernel")
        h, seen = activations["elu"](h), degrees
    mask = seen[:, None] < place[None]
    shift, gate = (h @ (bundle.weight(f"{name}/{part}/kernel") * mask) + bundle.weight(f"{name}/{part}/bias") for part in ("shift", "gate"))
    sigma = sigmoid(gate + 2)
    return sigma * z + (1 - sigma) * shift, np.log(sigma)


def divergences(bundle, mean, log_std, condition):
    """KL(N(mean, std) || p) of each dimension, the integral of q log(q / p)."""
    std, prior = np.exp(log_std), stats.norm(0, 1)
    if condition is not None:
        prior = stats.norm(*(f(dense(bundle, f"prior/{n}", condition)) for n, f in (("mean", np.asarray), ("logStd", np.exp))))
    u = np.arange(-12, 12, 0.01)
    total = np.zeros(mean.shape)
    for node in u:
        z = mean + std * node
        total += 0.01 * stats.norm.pdf(node) * (stats.norm.logpdf(z, mean, std) - prior.logpdf(z))
    return total


def table_rows(bundle, count):
    """Encoded rows: of each column a choice, of numbers a place within the mode, 0 where they are missing."""
    rows = np.zeros((count, *bundle.shape), np.float32)
    for place, start, choices, missing, _ in spans(bundle):
        chosen = bundle.random.integers(0, choices, count)
        rows[np.arange(count), start + chosen] = 1
        if place is not None:
            rows[:, place] = np.where(missing & (chosen == choices - 1), 0, bundle.random.standard_normal(count) / 4)
    return rows


def spans(bundle):
    """Of each column where its number and its choices lie, how many there are, whether the last says that there is none."""
    at = 0
    for column in bundle.spec["columns"]:
        number = column["kind"] == "number"
        missing = number and "missing" in column
        choices = len(column["modes"]) + missing if number else len(column["values"])
        yield (at if number else None), at + number, choices, missing, column.get("label", False)
        at += number + choices


def table_parts(bundle, output):
    """Log-probabilities of the choices of each column, [n, choices], with its span."""
    logits = 30 * np.tanh(output / 30)
    for span in spans(bundle):
        part = logits[:, span[1] : span[1] + span[2]]
        yield span, part - logsumexp(part, axis=1, keepdims=True)


def table_likelihood(bundle, x, output):
    """log p of encoded rows: a class that the model is told is no part of it."""
    std = 0.01 + np.exp(bundle.weights["decoder/logStd"])
    total, number = np.zeros(len(x)), 0
    for (place, start, choices, missing, label), logs in table_parts(bundle, output):
        if not (label and bundle.family == "cvae"):
            total += (x[:, start : start + choices] * logs).sum(1)
        if place is None:
            continue
        there = 1 - x[:, start + choices - 1] if missing else 1
        total += there * stats.norm.logpdf(x[:, place], output[:, place], std[number])
        number += 1
    return total


def table_draws(bundle, output, normal, uniform, told):
    """Rows drawn with noise [n, numbers] and [n, all choices]: of a class that the model is told, that one."""
    std = 0.01 + np.exp(bundle.weights["decoder/logStd"])
    rows, number, first = np.zeros((len(output), *bundle.shape)), 0, 0
    for (place, start, choices, missing, label), logs in table_parts(bundle, output):
        # The first of independent exponential times, with the probabilities as rates.
        times = -np.log(uniform[:, first : first + choices]) / np.exp(logs)
        chosen = times.argmin(1)
        if label and told is not None:
            chosen = told
        first += choices
        rows[np.arange(len(rows)), start + chosen] = 1
        if place is not None:
            there = ~(missing & (chosen == choices - 1))
            rows[:, place] = there * (output[:, place] + std[number] * normal[:, number])
            number += 1
    return rows


def variational(bundle):
    """VAEs: log-weights, bounds of several draws, and moments of x given z."""
    table = "columns" in bundle.spec
    inputs = bundle.programs["logWeight"]["inputs"]
    binary = "uniform" in inputs
    count, draws = 6, 50
    x = table_rows(bundle, count) if table else bundle.examples(count)
    flat = x.reshape(count, -1).astype(np.float64)
    uniform = bundle.random.random((count, *bundle.shape)).astype(np.float32)
    if binary:
        flat = (uniform.reshape(count, -1) < flat).astype(np.float64)
    labels = np.arange(count) % inputs["label"]["classes"] if "label" in inputs else None
    told = {} if labels is None else {"label": labels}
    condition = condition_of(bundle, count, labels)
    h = beside(features(bundle, flat.reshape(x.shape)), condition)
    mean, log_std = dense(bundle, "encoder/mean", h), dense(bundle, "encoder/logStd", h)
    if not binary:
        fixed = bundle.options.get("outputStd")
        observed = np.exp(bundle.weights["decoder/logStd"]) if fixed is None else fixed

    def log_weight(eps):
        z = mean + np.exp(log_std) * eps
        log_q = stats.norm.logpdf(z, mean, np.exp(log_std)).sum(1)
        if bundle.options.get("posterior") == "iaf":
            for step in range(bundle.options["flowSteps"]):
                z, log_gate = flow_step(bundle, step, z, h)
                log_q = log_q - log_gate.sum(1)
        output = mirrored_decoder(bundle, beside(z, condition), activation(bundle))
        if binary:
            likelihood = (flat * output - softplus(output)).sum(1)
        elif table:
            likelihood = table_likelihood(bundle, flat, output)
        else:
            likelihood = stats.norm.logpdf(flat, output, observed).sum(1)
        return likelihood + log_prior(bundle, z, condition) - log_q

    eps = bundle.random.standard_normal((draws, *mean.shape)).astype(np.float32)
    noise = {"uniform": uniform} if binary else {}
    theirs = [bundle.run("logWeight", data=x, eps=e, **noise, **told)["logWeight"] for e in eps]
    theirs = np.stack(theirs).astype(np.float64)
    ours = np.stack([log_weight(e.astype(np.float64)) for e in eps])
    yield "log-weights", theirs, ours
    for k in (1, 5, draws):
        bound = [logsumexp(w[:k], axis=0) - np.log(k) for w in (theirs, ours)]
        yield f"bound of {k} importance samples", bound[0], bound[1]

    if bundle.options.get("posterior") != "iaf" and bundle.options.get("prior", "normal") == "normal":
        found = bundle.run("divergence", data=x, **noise, **told)
        yield "means of codes", found["latent"], mean
        yield "divergences of dimensions, by quadrature", found["divergence"], divergences(bundle, mean, log_std, condition)

    z = bundle.random.standard_normal((3, mean.shape[1])).astype(np.float32)
    told = {name: values[:3] for name, values in told.items()}
    few = None if condition is None else condition[:3]
    centre = mirrored_decoder(bundle, beside(z.astype(np.float64), few), activation(bundle))
    centre = sigmoid(centre) if binary else centre
    shape = (3, *bundle.shape)
    if table:
        parts = {span[1]: np.exp(logs) for span, logs in table_parts(bundle, centre)}
        for _, start, choices, _, label in spans(bundle):
            told_here = label and condition is not None
            centre[:, start : start + choices] = few if told_here else parts[start]
    yield "decode", bundle.run("decode", latent=z, **told)["data"], centre.reshape(shape)
    if table:
        inputs = bundle.programs["sample"]["inputs"]
        count = 400
        z = bundle.random.standard_normal((count, mean.shape[1])).astype(np.float32)
        labels = np.arange(count) % inputs["label"]["classes"] if "label" in inputs else None
        told = {} if labels is None else {"label": labels}
        condition = condition_of(bundle, count, labels)
        # Codes of a class are drawn from its prior.
        code = z.astype(np.float64)
        if condition is not None:
            location, log_scale = (dense(bundle, f"prior/{name}", condition) for name in ("mean", "logStd"))
            code = location + np.exp(log_scale) * code
        output = mirrored_decoder(bundle, beside(code, condition), activation(bundle))
        normal = bundle.random.standard_normal((count, *inputs["observation"]["shape"])).astype(np.float32)
        uniform = (0.001 + 0.998 * bundle.random.random((count, *inputs["choice"]["shape"]))).astype(np.float32)
        codes = {"z" if "z" in inputs else "priorNoise": z}
        drawn = bundle.run("sample", **codes, observation=normal, choice=uniform, mean=0, **told)["data"]
        yield "rows drawn", drawn, table_draws(bundle, output, normal, uniform, labels)
        return
    if bundle.family == "cvae" or bundle.options.get("prior", "normal") != "normal":
        return
    sample = lambda noise, mean: bundle.run("sample", z=z, observation=np.full(shape, noise), mean=mean)["data"]
    yield "samples as means", sample(0.3, 1), centre.reshape(shape)
    if binary:
        # The share of an even grid of uniform numbers for which a pixel is 1.
        grid = (np.arange(20_000) + 0.5) / 20_000
        levels = np.broadcast_to(grid[:, None], (len(grid), centre.shape[1])).reshape(-1, *bundle.shape)
        drawn = bundle.run("sample", z=np.repeat(z[:1], len(grid), 0), observation=levels, mean=0)["data"]
        yield "mean of x given z", drawn.reshape(len(grid), -1).mean(0), centre[0]
    else:
        # Noise of +1 and -1 has the mean and the variance of the normal distribution.
        both = np.stack([sample(1, 0), sample(-1, 0)]).reshape(2, 3, -1).astype(np.float64)
        yield "mean of x given z", both.mean(0), centre
        yield "deviation of x given z", (both[0] - both[1]) / 2, np.broadcast_to(observed, centre.shape)


def lossy(bundle):
    """VAEs whose decoder draws pixel by pixel: of few pixels and one code, the probabilities of all images add up to 1."""
    size = int(np.prod(bundle.shape))
    nodes = np.arange(-12, 12, 0.05)
    weights = 0.05 * stats.norm.pdf(nodes)
    every = np.array(list(itertools.product((0, 1), repeat=size)), np.float32).reshape(-1, *bundle.shape)
    probability = np.zeros(len(every))
    for node, weight in zip(nodes, weights):
        eps = np.full((len(every), 1), node)
        log_weight = bundle.run("logWeight", data=every, eps=eps)["logWeight"].astype(np.float64)
        probability += weight * np.exp(log_weight)
    yield f"total probability of {len(every)} images, by quadrature over the code", probability.sum(), 1.0


def quantised(bundle):
    """VQ-VAEs: the nearest codes, the pixels given them, and the prior by the frequencies of samples."""
    x = (bundle.examples(20) > 0.5).astype(np.float32)
    count = len(x)
    act = activation(bundle)
    # The encoder's features at each place, then a window of one place.
    grid = x
    for i in range(len(bundle.options["filters"])):
        name = f"encoder/{i}"
        grid = convolve(grid, bundle.weight(f"{name}/kernel"), 2) + bundle.weight(f"{name}/bias")
        grid = act(residual_blocks(bundle, name, grid, act))
    grid = convolve(grid, bundle.weight("encoder/code/kernel"), 1) + bundle.weight("encoder/code/bias")
    table = bundle.weights["codebook/vectors"]
    code = ((grid[..., None, :] - table) ** 2).sum(-1).argmin(-1)
    encoded = bundle.run("encode", data=x)
    yield "codes", encoded["code"], code
    yield "their vectors", encoded["latent"], table[code]
    h = convolve(table[code], bundle.weight("decoder/code/kernel"), 1) + bundle.weight("decoder/code/bias")
    sizes = halvings(bundle.shape, len(bundle.options["filters"]))
    h = act(h)
    for i, size in enumerate(sizes[-2::-1], 1):
        name = "decoder/output" if i == len(sizes) - 1 else f"decoder/{i}"
        h = convolve_transposed(h, bundle.weight(f"{name}/kernel"), size, 2) + bundle.weight(f"{name}/bias")
        if i < len(sizes) - 1:
            h = act(residual_blocks(bundle, name, h, act))
    logits = h.reshape(count, -1)
    yield "reconstructions", bundle.run("reconstruct", data=x)["reconstruction"].reshape(count, -1), sigmoid(logits)
    likelihood = (x.reshape(count, -1) * logits - softplus(logits)).sum(1)
    bound = bundle.run("logWeight", data=x, uniform=np.full(x.shape, 0.5))["logWeight"].astype(np.float64)
    log_prior = bound - likelihood
    if code[0].size > 1:
        return
    # One place: its code is drawn by one uniform number, so that the share of an even grid is the probability.
    steps = 20_000
    drawn = bundle.run("sample", prior=((np.arange(steps) + 0.5) / steps)[:, None], mean=1)["data"].reshape(steps, -1)
    for k in np.unique(code):
        first = int(np.argmax(code.reshape(-1) == k))
        share = (np.abs(drawn - sigmoid(logits[first])).max(1) < 1e-4).mean()
        yield f"probability of code {k}", np.exp(log_prior[first]), share
