"""A transformer's log-probabilities from its weights, by loops over positions, in double precision."""

import numpy as np
from scipy.special import erf, logsumexp

from networks import dense, relu


def layer_norm(bundle, name, x):
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred / deviation * bundle.weight(f"{name}/scale") + bundle.weight(f"{name}/offset")


def attention(bundle, name, x, heads):
    """Each position mixes itself and those before it."""
    queries, keys, values = np.split(x @ bundle.weight(f"{name}/qkv/kernel"), 3, -1)
    depth = x.shape[-1] // heads
    mixed = np.zeros_like(x)
    for head in range(heads):
        part = slice(head * depth, (head + 1) * depth)
        for t in range(x.shape[1]):
            scores = np.einsum("nd,nsd->ns", queries[:, t, part], keys[:, : t + 1, part]) / np.sqrt(depth)
            weights = np.exp(scores - logsumexp(scores, 1, keepdims=True))
            mixed[:, t, part] = np.einsum("ns,nsd->nd", weights, values[:, : t + 1, part])
    return dense(bundle, f"{name}/output", mixed)


def window(bundle, tokens, labels):
    """What each position is told first: tokens of the rows above, those before it in the sequence, its place, its class."""
    count, rows, columns, _ = tokens.shape
    above, left = bundle.weight("first/above/kernel"), bundle.weight("first/left/kernel")
    up, sideways = above.shape[0], left.shape[1]
    sequence = tokens.reshape(count, rows * columns, -1)
    features = np.zeros((count, rows, columns, above.shape[3])) + bundle.weight("first/position")
    features += bundle.weight("first/bias")
    if labels is not None:
        features += bundle.weight("first/label")[labels][:, None, None]
    for i in range(rows):
        for j in range(columns):
            for di in range(1, up + 1):
                for dj in range(-sideways, sideways + 1):
                    if 0 <= i - di and 0 <= j + dj < columns:
                        features[:, i, j] += tokens[:, i - di, j + dj] @ above[up - di, dj + sideways]
            for back in range(1, sideways + 1):
                if i * columns + j >= back:
                    features[:, i, j] += sequence[:, i * columns + j - back] @ left[0, sideways - back]
    return features.reshape(count, rows * columns, -1)


def log_probabilities(bundle, x, labels=None):
    """Of images of whole levels, categorical or in strips of binary pixels: [n, h, w, 1] to [n]."""
    options = bundle.options
    count, height, width, _ = x.shape
    binary = options["output"] == "binary"
    patch = max(p for p in range(1, options["patch"] + 1) if width % p == 0) if binary else 1
    tokens = x.astype(np.float64).reshape(count, height, width // patch, patch)
    gelu = lambda v: v * (1 + erf(v / np.sqrt(2))) / 2
    activate = {"gelu": gelu, "relu": relu}[options["activation"]]
    h = window(bundle, 2 * tokens - 1, labels)
    for block in range(options["blocks"]):
        name = f"block{block}"
        h = h + attention(bundle, f"{name}/attention", layer_norm(bundle, f"{name}/norm0", h), options["heads"])
        inner = activate(dense(bundle, f"{name}/mlp/0", layer_norm(bundle, f"{name}/norm1", h)))
        h = h + dense(bundle, f"{name}/mlp/1", inner)
    logits = dense(bundle, "head/output", layer_norm(bundle, "head/norm", h))
    flat = tokens.reshape(count, -1, patch)
    if not binary:
        chosen = np.rint(flat[..., 0] * (options["levels"] - 1)).astype(int)
    elif patch == 1:
        bits = flat[..., 0]
        return (bits * logits[..., 0] - np.logaddexp(0, logits[..., 0])).sum(1)
    else:
        chosen = (flat @ 2 ** np.arange(patch - 1, -1, -1)).astype(int)
    picked = np.take_along_axis(logits, chosen[..., None], 2)[..., 0]
    return (picked - logsumexp(logits, 2)).sum(1)
