"""What is computed again, family by family. Each check yields (what, values of the program, values computed here)."""

import itertools

import numpy as np
from scipy import stats
from scipy.special import logsumexp

import transformer
from double_graph import DoubleProgram
from networks import (
    activations,
    convolve,
    dense,
    generator,
    mirrored_decoder,
    relu,
    sigmoid,
    softplus,
    strided_stack,
)
from refinement import diffusion, flow_matching, shortcut
from variational import lossy, quantised, variational


def mixture(bundle):
    """Gaussian mixtures: the density by SciPy, moments of each component by sigma points."""
    weights, means = np.exp(bundle.weights["logWeights"]), bundle.weights["means"]
    count, size = means.shape
    if bundle.has_weight("factor"):
        factors = np.broadcast_to(bundle.weights["factor"], (count, size, size))
    else:
        factors = np.stack([np.diag(row) for row in bundle.weights["std"]])
    covariances = factors @ factors.transpose(0, 2, 1)
    x = bundle.examples(40)
    distributions = [stats.multivariate_normal(mean, cov) for mean, cov in zip(means, covariances)]
    joint = np.stack([np.log(weight) + each.logpdf(x) for weight, each in zip(weights, distributions)])
    yield "log-density, SciPy", bundle.run("logProb", data=x)["logProb"], logsumexp(joint, 0)
    posterior = np.exp(joint - logsumexp(joint, 0)).T
    yield "responsibilities", bundle.run("encode", data=x)["responsibility"], posterior
    # For z = +-sqrt(d) e_i the mean and the scatter are those of the standard normal distribution.
    points = np.sqrt(size) * np.concatenate([np.eye(size), -np.eye(size)])
    for k in range(count):
        drawn = bundle.run("sampleComponent", z=points, label=np.full(2 * size, k))["data"].astype(np.float64)
        yield f"mean of component {k}", drawn.mean(0), means[k]
        yield f"covariance of component {k}", np.cov(drawn.T, bias=True), covariances[k]
    u, z = bundle.random.random((60, 1)), bundle.random.standard_normal((60, size))
    chosen = np.minimum((u >= np.cumsum(weights)).sum(1), count - 1)
    drawn = means[chosen] + np.einsum("nij,nj->ni", factors[chosen], z)
    yield "samples", bundle.run("sample", u=u, z=z)["data"], drawn


def flow(bundle):
    """Flows: the Jacobian by differences in double precision, and that decode inverts encode."""
    size = int(np.prod(bundle.shape))
    normal = bundle.programs["sample"]["inputs"]["z"]["law"] == "normal"
    prior = stats.norm if normal else stats.logistic
    if "logProb" in bundle.programs:
        x = bundle.examples(5)
        encode = DoubleProgram(bundle.path("encode"))
        ours = [
            prior.logpdf(encode(row[None])).sum() + np.linalg.slogdet(encode.jacobian(row))[1]
            for row in x.astype(np.float64)
        ]
        yield "log-density, Jacobian by differences", bundle.run("logProb", data=x)["logProb"], ours
    else:
        levels = bundle.options["levels"]
        x = ((1 + np.floor((levels - 2) * bundle.random.random((3, *bundle.shape)))) / (levels - 1)).astype(np.float32)
        half = np.full(x.shape, 0.5)
        encode, decode = DoubleProgram(bundle.path("encode")), DoubleProgram(bundle.path("decode"))
        ours = []
        for row in x:
            # Values are (v - 1/2) / (levels - 1) of the v = level + u that has the density.
            z = encode(row[None])
            volume = np.linalg.slogdet(decode.jacobian(z[0]))[1] + size * np.log(levels - 1)
            ours.append(prior.logpdf(z).sum() - volume)
        yield "log-weights, Jacobian by differences", bundle.run("logWeight", data=x, uniform=half)["logWeight"], ours
    yield "decode inverts encode", bundle.run("decode", latent=bundle.run("encode", data=x)["latent"])["data"], x
    z = bundle.noise(bundle.programs["sample"]["inputs"]["z"], 6)
    code = z if normal else np.log(z) - np.log1p(-z)
    yield "samples are decoded noise", bundle.run("sample", z=z)["data"], bundle.run("decode", latent=code)["data"]


def level_values(bundle):
    """The values that a discrete model gives probability to."""
    levels = bundle.options.get("levels")
    if bundle.family == "wavenet" and bundle.options["output"] == "mu-law":
        companded = 2 * np.arange(levels) / (levels - 1) - 1
        return np.sign(companded) * ((levels ** np.abs(companded)) - 1) / (levels - 1)
    if bundle.family in ("made", "nade") or bundle.options["output"] == "binary":
        return np.array([0.0, 1.0])
    low, high = bundle.spec["range"]
    return low + (high - low) * np.arange(levels) / (levels - 1)


def log_prob_of(bundle, x):
    label = {"label": np.ones(len(x))} if "label" in bundle.programs["logProb"]["inputs"] else {}
    return bundle.run("logProb", data=x, **label)["logProb"].astype(np.float64)


def autoregressive(bundle):
    """Autoregressive models: probabilities add up to 1, and each prefix's do to those of its continuations."""
    if bundle.spec["kind"] == "points":
        # A product of mixtures over the plane, by the midpoint rule.
        width, count = 0.2, 700
        axis = (np.arange(count) + 0.5 - count / 2) * width
        points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
        density = np.exp(log_prob_of(bundle, points)).reshape(count, count) * width**2
        yield "total probability, by quadrature", density.sum(), 1.0
        return
    size = int(np.prod(bundle.shape))
    values = level_values(bundle)
    every = np.array(list(itertools.product(values, repeat=size)), np.float32).reshape(-1, *bundle.shape)
    probability = np.exp(log_prob_of(bundle, every))
    yield f"total probability of {len(every)} examples", probability.sum(), 1.0
    if bundle.family == "nade":
        W, c = bundle.weight("hidden/kernel"), bundle.weight("hidden/bias")
        V, b = bundle.weight("output/kernel"), bundle.weight("output/bias")
        x = every.reshape(-1, size).astype(np.float64)
        before = np.cumsum(x[:, :, None] * W, 1) - x[:, :, None] * W
        logits = b + (sigmoid(c + before) * V).sum(2)
        yield "log-probabilities, from the weights", np.log(probability), (x * logits - softplus(logits)).sum(1)
    if bundle.family == "transformer":
        labels = np.ones(len(every), int) if bundle.options["conditional"] else None
        ours = transformer.log_probabilities(bundle, every, labels)
        yield "log-probabilities, from the weights", np.log(probability), ours
    if not binary_chain(bundle):
        return
    # Noise just beside each conditional probability: a sample turns there, and nowhere else.
    table = probability.reshape((len(values),) * size)
    given = every[bundle.random.integers(0, len(every), 40)].reshape(40, size)
    conditional = np.zeros((40, size))
    for row, bits in enumerate(given.astype(int)):
        for i in range(size):
            here = table[tuple(bits[:i])]
            conditional[row, i] = here[1].sum() / here.sum()
    for side, wanted in ((-5e-5, 1), (5e-5, 0)):
        for i in range(size):
            noise = np.where(given == 1, 0.0, 1 - 2**-24)
            noise[:, i] = np.clip(conditional[:, i] + side, 0, 1 - 2**-24)
            drawn = bundle.run("sample", uniform=noise)["data"].reshape(40, size)
            if i == 0:
                turned = []
            turned.append(drawn[:, i])
            if not np.array_equal(drawn[:, :i], given[:, :i]):
                yield "values drawn before", drawn[:, :i], given[:, :i]
        where = "below" if wanted else "above"
        yield f"draws {where} the conditional probability", np.stack(turned), np.full((size, 40), wanted)


def binary_chain(bundle):
    """Values 0 and 1, drawn from one uniform number each in the order in which they stand."""
    values = level_values(bundle)
    noise = [n for n, spec in bundle.programs["sample"]["inputs"].items() if spec["role"] == "noise"]
    natural = bundle.options.get("order", "natural") != "random" and bundle.options.get("masks", 1) == 1
    return len(values) == 2 and noise == ["uniform"] and natural


def adversarial(bundle):
    """Generators of GANs from their weights."""
    z = bundle.noise({"law": "normal", "shape": [bundle.options["latent"]]}, 6).astype(np.float64)
    given, inputs = {}, z
    label = bundle.programs["sample"]["inputs"].get("label")
    if label is not None:
        labels = np.arange(6) % label["classes"]
        given, inputs = {"label": labels}, np.concatenate([z, np.eye(label["classes"])[labels]], 1)
    drawn = bundle.run("sample", z=z, **given)
    yield "samples", drawn["data"], generator(bundle, inputs)
    if "paired" in drawn:
        yield "their counterparts", drawn["paired"], generator(bundle, inputs, "paired/")
    yield "decode", bundle.run("decode", latent=z, **given)["data"], generator(bundle, inputs)


def vae_gan(bundle):
    yield from adversarial(bundle)
    x = bundle.examples(5)
    coded = bundle.run("encode", data=x)
    features = strided_stack(bundle, x.astype(np.float64), "encoder", relu)
    mean, log_std = dense(bundle, "encoder/mean", features), dense(bundle, "encoder/logStd", features)
    yield "mean of the code", coded["latent"], mean
    yield "log deviation of the code", coded["logStd"], log_std
    yield "reconstructions", bundle.run("reconstruct", data=x)["reconstruction"], generator(bundle, mean)


def to_unit(bundle, x):
    return sigmoid(x) if bundle.spec["kind"] == "image" else x


def autoencoder(bundle):
    bend = activations[bundle.options["activation"]]
    x = bundle.examples(5)
    if bundle.options["architecture"] == "conv":
        features = x.astype(np.float64)
        for name in ("encoder/0", "encoder/1"):
            features = bend(convolve(features, bundle.weight(f"{name}/kernel"), 2) + bundle.weight(f"{name}/bias"))
        features = features.reshape(len(x), -1)
    else:
        features = strided_stack(bundle, x.reshape(len(x), -1).astype(np.float64), "encoder", bend)
    code = activations[bundle.options["codeActivation"]](dense(bundle, "encoder/output", features))
    yield "codes", bundle.run("encode", data=x)["latent"], code
    back = to_unit(bundle, mirrored_decoder(bundle, code, bend)).reshape(x.shape)
    yield "reconstructions", bundle.run("reconstruct", data=x)["reconstruction"], back


def moment_matching(bundle):
    z = bundle.noise(bundle.programs["sample"]["inputs"]["z"], 6).astype(np.float64)
    h = z if bundle.options["prior"] == "normal" else 2 * z - 1
    x, i = h, 0
    while bundle.has_weight(f"generator/{i}/kernel"):
        x = relu(dense(bundle, f"generator/{i}", x))
        i += 1
    x = dense(bundle, "generator/output", x)
    if bundle.options["space"] == "code":
        x = mirrored_decoder(bundle, sigmoid(x), sigmoid)
    x = to_unit(bundle, x).reshape(len(z), *bundle.shape)
    yield "samples", bundle.run("sample", z=z)["data"], x
    yield "decode", bundle.run("decode", latent=h)["data"], x


def boltzmann(bundle):
    """Restricted Boltzmann machines from their weights: free energies, conditionals of single units, a Gibbs chain."""
    w, b, c = (bundle.weight(name) for name in ("weights", "visible/bias", "hidden/bias"))

    def free_energy(v):
        return -v @ b - softplus(c + v @ w).sum(-1)

    x = bundle.examples(6)
    uniform = bundle.random.random(x.shape).astype(np.float32)
    v = (uniform < x).reshape(len(x), -1).astype(np.float64)
    inputs = {"data": x, "uniform": uniform}
    yield "free energy", bundle.run("freeEnergy", **inputs)["freeEnergy"], free_energy(v)
    yield "codes", bundle.run("encode", **inputs)["code"], sigmoid(c + v @ w)
    flipped = np.stack([np.abs(v - np.eye(len(b))[i]) for i in range(len(b))])
    conditional = -softplus(free_energy(v) - free_energy(flipped)).sum(0)
    yield "pseudo-log-likelihood", bundle.run("pseudoLogLikelihood", **inputs)["pseudoLogLikelihood"], conditional
    yield from gibbs_chain(bundle, w, b, c)
    yield from gibbs_completion(bundle, w, b, c)
    yield from annealing(bundle, w, b, c, bundle.weight("data/logOdds"))


def gibbs_chain(bundle, w, b, c):
    """The block Gibbs chain of a machine of two sides, from fair coins, by the same uniform numbers."""
    steps, count = bundle.programs["advance"]["chain"]["stepsPerCall"], 5
    hidden, visible = (bundle.random.random((count, steps, len(bias))).astype(np.float32) for bias in (c, b))
    values = (visible[:, 0] < 0.5).astype(np.float64)
    for step in range(1, steps):
        h = (hidden[:, step] < sigmoid(c + values @ w)).astype(np.float64)
        probabilities = sigmoid(b + h @ w.T)
        values = (visible[:, step] < probabilities).astype(np.float64)
    drawn = bundle.run("advance", hidden=hidden, visible=visible, to=steps)
    shown = drawn["data"].reshape(count, -1)
    yield "values at the end of a chain", drawn["next/values"], values
    yield "their probabilities", shown, probabilities[:, : shown.shape[1]]
    first, second = hidden[:, :1], visible[:, :1]
    h = (first[:, 0] < sigmoid((c + values @ w) / 2)).astype(np.float64)
    warmer = sigmoid((b + h @ w.T) / 2)
    given = {"values": values, "hidden": first, "visible": second, "temperature": 2, "from": 1, "to": 2}
    stepped = bundle.run("transition", **given)
    yield "a step at temperature 2", stepped["next/values"], (second[:, 0] < warmer).astype(np.float64)
    yield "its probabilities", stepped["next/probabilities"], warmer


def completion_start(bundle, count):
    """Examples of which the first row is known: (inputs, known units, their values where known and 1/2 elsewhere)."""
    x = bundle.examples(count)
    known = np.zeros(bundle.shape, bool)
    known[:1] = True
    known = known.ravel()
    flat = x.reshape(count, -1).astype(np.float64)
    return {"given": x, "rows": 1}, known, flat, np.where(known, flat, 0.5)


def gibbs_completion(bundle, w, b, c):
    """The block Gibbs chain with the first row held, by the same uniform numbers."""
    steps, count = bundle.programs["complete"]["chain"]["stepsPerCall"], 5
    inputs, known, flat, start = completion_start(bundle, count)
    size = len(known)
    known = np.concatenate([known, np.zeros(len(b) - size, bool)])
    start = np.concatenate([start, np.full((count, len(b) - size), 0.5)], 1)
    hidden, visible = (bundle.random.random((count, steps, len(bias))).astype(np.float32) for bias in (c, b))
    values = (visible[:, 0] < start.astype(np.float32)).astype(np.float64)
    for step in range(1, steps):
        h = (hidden[:, step] < sigmoid(c + values @ w)).astype(np.float64)
        probabilities = sigmoid(b + h @ w.T)
        values = np.where(known, values, visible[:, step] < probabilities)
    drawn = bundle.run("complete", hidden=hidden, visible=visible, to=steps, **inputs)
    yield "values of a completion", drawn["next/values"], values
    yield "completed means", drawn["data"].reshape(count, -1), np.where(known[:size], flat, probabilities[:, :size])


def annealing(bundle, w, b, c, odds):
    """Log weights of annealed importance sampling (Salakhutdinov and Murray 2008), by the same uniform numbers."""
    chain, count = bundle.programs["anneal"]["chain"], 5
    last = chain["steps"] - 1
    places, inverse = [0, 500 / 14500, 4500 / 14500, 1], [0, 0.5, 0.9, 1]
    at = [np.interp(k / last, places, inverse) for k in range(last + 1)]
    noise = {
        name: bundle.random.random((count, chain["stepsPerCall"], len(bias))).astype(np.float32)
        for name, bias in (("hidden", c), ("visible", b))
    }

    def log_f(v, beta):
        return (1 - beta) * (v @ odds) + beta * (v @ b) + softplus(beta * (c + v @ w)).sum(-1)

    v = (noise["visible"][:, 0] < sigmoid(odds)).astype(np.float64)
    weight = softplus(odds).sum() + len(c) * np.log(2)
    for k in range(1, last + 1):
        weight = weight + log_f(v, at[k]) - log_f(v, at[k - 1])
        h = (noise["hidden"][:, k] < sigmoid(at[k] * (c + v @ w))).astype(np.float64)
        inputs = (1 - at[k]) * odds + at[k] * (b + h @ w.T)
        v = (noise["visible"][:, k] < sigmoid(inputs)).astype(np.float64)
    drawn = bundle.run("anneal", to=last + 1, **noise)
    yield "log weights of annealing", drawn["logWeight"], weight


def deep_boltzmann(bundle):
    """Deep Boltzmann machines from their weights: mean field, its free energy, a Gibbs chain and annealing."""
    w, u, b, c, d = (
        bundle.weight(name) for name in ("weights/1", "weights/2", "visible/bias", "hidden/1/bias", "hidden/2/bias")
    )
    x = bundle.examples(6)
    uniform = bundle.random.random(x.shape).astype(np.float32)
    v = (uniform < x).reshape(len(x), -1).astype(np.float64)
    first = sigmoid(c + 2 * v @ w)
    for _ in range(bundle.options["meanFieldTurns"]):
        second = sigmoid(d + first @ u)
        first = sigmoid(c + v @ w + second @ u.T)
    entropy = sum(-(q * np.log(q) + (1 - q) * np.log(1 - q)).sum(-1) for q in (first, second))
    energy = -(v @ b + first @ c + second @ d + ((v @ w) * first).sum(-1) + ((first @ u) * second).sum(-1))
    inputs = {"data": x, "uniform": uniform}
    yield "variational free energy", bundle.run("variationalFreeEnergy", **inputs)["freeEnergy"], energy - entropy
    yield "codes", bundle.run("encode", **inputs)["code"], second
    back = bundle.run("reconstruct", **inputs)["reconstruction"].reshape(len(x), -1)
    yield "reconstructions", back, sigmoid(b + first @ w.T)
    both = np.concatenate([w, u.T]), np.concatenate([b, d]), c
    yield from gibbs_chain(bundle, *both)
    yield from gibbs_completion(bundle, *both)
    yield from annealing(bundle, *both, np.concatenate([bundle.weight("data/logOdds"), np.zeros(len(d))]))


def gaussian_boltzmann(bundle):
    """Machines of real visible units from their weights: free energies, codes, a Gibbs chain and annealing."""
    w, b, c = (bundle.weight(name) for name in ("weights", "visible/bias", "hidden/bias"))
    mean, deviation = bundle.weight("data/mean"), bundle.weight("data/deviation")
    learned = bundle.options["variance"] == "learned"
    variance = np.maximum(np.exp(bundle.weight("visible/logVariance")), 0.0025) if learned else np.ones(len(b))

    def inputs_of(x):
        return c + (x / variance) @ w

    def log_f(x, beta):
        base = -(1 - beta) * (x**2).sum(-1) / 2 - beta * ((x - b) ** 2 / (2 * variance)).sum(-1)
        return base + softplus(beta * inputs_of(x)).sum(-1)

    def gibbs(x, beta, hidden, normal):
        h = (hidden < sigmoid(beta * inputs_of(x))).astype(np.float64)
        precision = (1 - beta) + beta / variance
        centre = beta * (b + h @ w.T) / variance / precision
        return centre + normal / np.sqrt(precision), centre

    data, count = bundle.examples(6), 6
    x = (data.reshape(count, -1) - mean) / deviation
    yield "free energy", bundle.run("freeEnergy", data=data)["freeEnergy"], np.log(deviation).sum() - log_f(x, 1)
    code = sigmoid(inputs_of(x))
    yield "codes", bundle.run("encode", data=data)["code"], code
    back = bundle.run("reconstruct", data=data)["reconstruction"].reshape(count, -1)
    yield "reconstructions", back, mean + deviation * (b + code @ w.T)

    def noise_of(program):
        steps = bundle.programs[program]["chain"]["stepsPerCall"]
        hidden = bundle.random.random((count, steps, len(c))).astype(np.float32)
        return hidden, bundle.random.standard_normal((count, steps, len(b))).astype(np.float32)

    hidden, visible = noise_of("advance")
    values = visible[:, 0].astype(np.float64)
    for step in range(1, hidden.shape[1]):
        values, centre = gibbs(values, 1, hidden[:, step], visible[:, step])
    for what, shown, flag in (("values at the end of a chain", values, 0), ("their means", centre, 1)):
        drawn = bundle.run("advance", hidden=hidden, visible=visible, to=hidden.shape[1], mean=flag)
        yield what, drawn["data"].reshape(count, -1), mean + deviation * shown

    last = bundle.programs["anneal"]["chain"]["steps"] - 1
    at = [np.interp(k / last, [0, 500 / 14500, 4500 / 14500, 1], [0, 0.5, 0.9, 1]) for k in range(last + 1)]
    hidden, visible = noise_of("anneal")
    x = visible[:, 0].astype(np.float64)
    weight = len(c) * np.log(2) + len(b) / 2 * np.log(2 * np.pi)
    for k in range(1, last + 1):
        weight = weight + log_f(x, at[k]) - log_f(x, at[k - 1])
        x, _ = gibbs(x, at[k], hidden[:, k], visible[:, k])
    yield "log weights of annealing", bundle.run("anneal", hidden=hidden, visible=visible, to=last + 1)["logWeight"], weight


def belief_network(bundle):
    """Deep belief networks from their weights: the energy of drawn layers, the chain of the top, annealing, completion."""
    top = len(bundle.options["hidden"])
    weights = {n: bundle.weight(f"weights/{n}") for n in range(1, top + 1)}
    bias = {n: bundle.weight(f"bias/{n}") for n in range(top + 1)}
    recognition = {n: bundle.weight(f"recognition/{n}") for n in range(1, top)}

    def up(n, x):
        return (bias[top] if n == top else recognition[n]) + x @ weights[n]

    def down(n, h):
        return bias[n - 1] + h @ weights[n].T

    def bernoulli(x, logits):
        return (x * logits - softplus(logits)).sum(-1)

    def uniform(count, layers, steps=None):
        lead = (count,) if steps is None else (count, steps)
        return {n: bundle.random.random((*lead, len(bias[n]))).astype(np.float32) for n in layers}

    def named(noise):
        return {f"layer/{n}": values for n, values in noise.items()}

    x, count = bundle.examples(6), 6
    binarisation = bundle.random.random(x.shape).astype(np.float32)
    v = (binarisation < x).reshape(count, -1).astype(np.float64)
    noise, below, energy = uniform(count, range(1, top)), v, 0
    for n in range(1, top):
        h = (noise[n] < sigmoid(up(n, below))).astype(np.float64)
        energy, below = energy + bernoulli(h, up(n, below)) - bernoulli(below, down(n, h)), h
    energy = energy - below @ bias[top - 1] - softplus(up(top, below)).sum(-1)
    inputs = {"data": x, "uniform": binarisation}
    found = bundle.run("variationalFreeEnergy", **inputs, **named(noise))["freeEnergy"]
    yield "free energy of drawn layers", found, energy
    code = v
    for n in range(1, top + 1):
        below, code = code, sigmoid(up(n, code))
    yield "codes", bundle.run("encode", **inputs)["code"], code
    for n in range(top - 1, 0, -1):
        below = sigmoid(down(n, below))
    yield "reconstructions", bundle.run("reconstruct", **inputs)["reconstruction"].reshape(count, -1), below

    def pass_down(h, noise, step):
        for n in range(top - 1, 0, -1):
            p = sigmoid(down(n, h))
            h = (noise[n - 1][:, step] < p).astype(np.float64)
        return h, p

    steps = bundle.programs["advance"]["chain"]["stepsPerCall"]
    noise = uniform(count, range(top + 1), steps)
    h = (noise[top - 1][:, 0] < 0.5).astype(np.float64)
    for step in range(1, steps):
        above = (noise[top][:, step] < sigmoid(up(top, h))).astype(np.float64)
        h = (noise[top - 1][:, step] < sigmoid(down(top, above))).astype(np.float64)
    values, p = pass_down(h, noise, steps - 1)
    drawn = bundle.run("advance", to=steps, **named(noise))
    yield "top at the end of a chain", drawn["next/top"], h
    yield "values passed down", drawn["next/values"], values
    yield "their probabilities", drawn["data"].reshape(count, -1), p
    means = np.clip(bundle.weight("top/means"), 1e-3, 1 - 1e-3)
    yield from annealing(bundle, weights[top], bias[top - 1], bias[top], np.log(means / (1 - means)))

    steps = bundle.programs["complete"]["chain"]["stepsPerCall"]
    inputs, known, flat, start = completion_start(bundle, count)
    noise = uniform(count, range(top + 1), steps)
    layers = [(noise[0][:, 0] < start.astype(np.float32)).astype(np.float64)]
    for n in range(1, top + 1):
        layers.append((noise[n][:, 0] < sigmoid(up(n, layers[-1]))).astype(np.float64))
    for step in range(1, steps):
        layers[top] = (noise[top][:, step] < sigmoid(up(top, layers[top - 1]))).astype(np.float64)
        for n in range(top - 1, 0, -1):
            seen = known if n == 1 else np.ones(len(bias[n - 1]), bool)
            for j in range(len(bias[n])):
                scores = []
                for bit in (0, 1):
                    h = layers[n].copy()
                    h[:, j] = bit
                    scores.append((h * down(n + 1, layers[n + 1])).sum(-1))
                    logits = down(n, h)
                    scores[bit] += ((layers[n - 1] * logits - softplus(logits)) * seen).sum(-1)
                layers[n][:, j] = noise[n][:, step, j] < sigmoid(scores[1] - scores[0])
        p = sigmoid(down(1, layers[1]))
        layers[0] = np.where(known, layers[0], noise[0][:, step] < p)
    drawn = bundle.run("complete", to=steps, **named(noise), **inputs)
    yield "layer next to a completion", drawn["next/hidden/1"], layers[1]
    yield "values of a completion", drawn["next/values"], layers[0]
    yield "completed means", drawn["data"].reshape(count, -1), np.where(known, flat, p)


def stochastic_network(bundle):
    """Generative stochastic networks from their weights: a chain by the same noise, and what it gives back without any."""
    top = len(bundle.options["hidden"])
    weights = [bundle.weight(f"weights/{layer}") for layer in range(top)]
    biases = [bundle.weight(f"bias/{layer}") for layer in range(top + 1)]
    activate = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[bundle.options["activation"]]
    share, deviation = bundle.options["saltAndPepper"], bundle.options["hiddenNoise"]

    def inputs_of(layers, layer):
        total = np.zeros((len(layers[0]), len(biases[layer]))) + biases[layer]
        if layer > 0:
            total = total + layers[layer - 1] @ weights[layer - 1]
        if layer < top:
            total = total + layers[layer + 1] @ weights[layer].T
        return total

    def step(layers, noise):
        layers = list(layers)
        if noise is not None:
            salt = (noise["corrupted"] < share / 2).astype(np.float64)
            layers[0] = np.where(noise["corrupted"] < share, salt, layers[0])

        def renew(layer):
            kicks = noise.get(f"noise/{layer}") if noise is not None else None
            before, after = (0, 0) if kicks is None else (deviation * kicks[:, 0], deviation * kicks[:, 1])
            layers[layer] = activate(inputs_of(layers, layer) + before) + after

        for layer in range(1, top + 1, 2):
            renew(layer)
        probabilities = sigmoid(inputs_of(layers, 0))
        for layer in range(2, top + 1, 2):
            renew(layer)
        layers[0] = probabilities if noise is None else (noise["drawn"] < probabilities).astype(np.float64)
        return layers, probabilities

    def start(values):
        return [values, *(np.zeros((len(values), len(bias))) for bias in biases[1:])]

    entry, count = bundle.programs["advance"], 5
    steps = entry["chain"]["stepsPerCall"]
    noise = {name: bundle.noise(spec, count) for name, spec in entry["inputs"].items() if spec["role"] == "noise"}
    layers = start((noise["drawn"][:, 0] < 0.5).astype(np.float64))
    for k in range(1, steps):
        layers, probabilities = step(layers, {name: values[:, k] for name, values in noise.items()})
    drawn = bundle.run("advance", to=steps, **noise)
    yield "values at the end of a chain", drawn["next/values"], layers[0]
    yield "their probabilities", drawn["data"].reshape(count, -1), probabilities
    x = bundle.examples(6)
    layers = start(x.reshape(len(x), -1).astype(np.float64))
    for _ in range(bundle.options["walkback"]):
        layers, probabilities = step(layers, None)
    back = bundle.run("reconstruct", data=x)["reconstruction"].reshape(len(x), -1)
    yield "reconstructions", back, probabilities


checks = {
    "gmm": mixture,
    "vae": variational,
    "cvae": variational,
    "vlae": lossy,
    "vqvae": quantised,
    "nice": flow,
    "realnvp": flow,
    **{family: autoregressive for family in ("made", "nade", "pixelcnn", "pixelrnn", "transformer", "wavenet")},
    **{family: adversarial for family in ("gan", "dcgan", "wgan", "cgan", "acgan", "cogan")},
    "vaegan": vae_gan,
    "autoencoder": autoencoder,
    "gmmn": moment_matching,
    "rbm": boltzmann,
    "grbm": gaussian_boltzmann,
    "dbm": deep_boltzmann,
    "dbn": belief_network,
    "gsn": stochastic_network,
    "flowmatching": flow_matching,
    "shortcut": shortcut,
    "ddpm": diffusion,
}


def check_of(bundle):
    """The check of a bundle's family; families of the same programs as a VAE are checked as one."""
    if bundle.family not in checks and {"logWeight", "encode", "decode"} <= bundle.programs.keys():
        return variational
    return checks[bundle.family]
