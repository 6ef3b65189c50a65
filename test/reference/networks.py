"""Layers in double precision, written from their definitions."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def softplus(x):
    return np.logaddexp(0, x)


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


activations = {"relu": relu, "elu": elu, "sigmoid": sigmoid, "tanh": np.tanh, "linear": lambda x: x}


def dense(bundle, name, x):
    return x @ bundle.weight(f"{name}/kernel") + bundle.weight(f"{name}/bias")


def same_padding(size, kernel, stride):
    """Cells before and after an axis, so that ceil(size / stride) windows fit."""
    out = -(-size // stride)
    total = max(0, (out - 1) * stride + kernel - size)
    return out, total // 2, total - total // 2


def convolve(x, kernel, stride):
    """[n, h, w, c] by [k, k, c, d] with 'same' padding."""
    k = kernel.shape[0]
    (rows, top, bottom), (columns, left, right) = (same_padding(size, k, stride) for size in x.shape[1:3])
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    out = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for i in range(rows):
        for j in range(columns):
            window = padded[:, i * stride : i * stride + k, j * stride : j * stride + k]
            out[:, i, j] = np.einsum("nabc,abcd->nd", window, kernel)
    return out


def convolve_transposed(x, kernel, size, stride):
    """The adjoint of `convolve`: [n, ceil(h / s), ceil(w / s), c] by [k, k, d, c] to [n, h, w, d]."""
    k = kernel.shape[0]
    (rows, top, bottom), (columns, left, right) = (same_padding(s, k, stride) for s in size)
    padded = np.zeros((len(x), size[0] + top + bottom, size[1] + left + right, kernel.shape[2]))
    for i in range(rows):
        for j in range(columns):
            spread = np.einsum("nc,abdc->nabd", x[:, i, j], kernel)
            padded[:, i * stride : i * stride + k, j * stride : j * stride + k] += spread
    return padded[:, top : top + size[0], left : left + size[1]]


def halvings(shape, count):
    """[height, width] before each halving and after the last."""
    sizes = [tuple(shape[:2])]
    for _ in range(count):
        sizes.append(tuple(-(-size // 2) for size in sizes[-1]))
    return sizes


def after(bundle, name, x):
    """What follows a linear map: a bias, or batch normalisation by the running statistics."""
    if bundle.has_weight(f"{name}/scale"):
        mean, variance = bundle.weight(f"{name}/mean"), bundle.weight(f"{name}/variance")
        x = (x - mean) / np.sqrt(variance + 1e-5)
        return x * bundle.weight(f"{name}/scale") + bundle.weight(f"{name}/offset")
    return x + bundle.weight(f"{name}/bias") if bundle.has_weight(f"{name}/bias") else x


def generator(bundle, z, prefix=""):
    """An adversarial generator: [n, inputs] to data. `prefix` names the twin of the last layer in a pair."""
    last = f"{prefix}generator/output"
    if bundle.has_weight("generator/input/kernel"):
        sizes = halvings(bundle.shape, len(bundle.options["filters"]))
        deepest = bundle.options["filters"][-1]
        x = (z @ bundle.weight("generator/input/kernel")).reshape(len(z), *sizes[-1], -1)
        if bundle.has_weight("generator/input/bias"):
            x = (x.reshape(len(z), -1) + bundle.weight("generator/input/bias")).reshape(len(z), *sizes[-1], deepest)
        else:
            x = after(bundle, "generator/input", x)
        x = relu(x)
        for i in range(1, len(sizes) - 1):
            name = f"generator/{i}"
            x = relu(after(bundle, name, convolve_transposed(x, bundle.weight(f"{name}/kernel"), sizes[-1 - i], 2)))
        x = after(bundle, last, convolve_transposed(x, bundle.weight(f"{last}/kernel"), sizes[0], 2))
    else:
        x, i = z, 0
        while bundle.has_weight(f"generator/{i}/kernel"):
            x = relu(after(bundle, f"generator/{i}", x @ bundle.weight(f"generator/{i}/kernel")))
            i += 1
        x = after(bundle, last, x @ bundle.weight(f"{last}/kernel"))
    if "range" in bundle.spec:
        low, high = bundle.spec["range"]
        x = (high - low) / 2 * np.tanh(x) + (high + low) / 2
    else:
        x = x * bundle.weights["reference/std"] + bundle.weights["reference/mean"]
    return x.reshape(len(z), *bundle.shape)


def strided_stack(bundle, x, part, activate):
    """Layers part/0, part/1, ... of strided convolutions or of dense ones, as the kernels have it."""
    i = 0
    while bundle.has_weight(f"{part}/{i}/kernel"):
        kernel = bundle.weight(f"{part}/{i}/kernel")
        x = convolve(x, kernel, 2) if kernel.ndim == 4 else x.reshape(len(x), -1) @ kernel
        x = activate(residual_blocks(bundle, f"{part}/{i}", after(bundle, f"{part}/{i}", x), activate))
        i += 1
    return x.reshape(len(x), -1)


def residual_blocks(bundle, name, x, activate):
    """Blocks x + conv(f(conv(f(x)))) after a strided layer, as many as there are kernels for."""
    j = 0
    while bundle.has_weight(f"{name}/block{j}/conv0/kernel"):
        h = x
        for own in (f"{name}/block{j}/conv0", f"{name}/block{j}/conv1"):
            h = convolve(activate(h), bundle.weight(f"{own}/kernel"), 1) + bundle.weight(f"{own}/bias")
        x, j = x + h, j + 1
    return x


def mirrored_decoder(bundle, z, activate):
    """The decoder of an autoencoder over images or vectors: [n, latent] to [n, dimensions], before any sigmoid."""
    if bundle.options.get("architecture") != "conv":
        x, i = z, 0
        while bundle.has_weight(f"decoder/{i}/kernel"):
            x = activate(dense(bundle, f"decoder/{i}", x))
            i += 1
        return dense(bundle, "decoder/output", x)
    sizes = halvings(bundle.shape, len(bundle.options["filters"]))
    x = dense(bundle, "decoder/0", z).reshape(len(z), *sizes[-1], -1)
    x = activate(residual_blocks(bundle, "decoder/0", x, activate))
    for i, size in enumerate(sizes[-2::-1], 1):
        name = "decoder/output" if i == len(sizes) - 1 else f"decoder/{i}"
        x = convolve_transposed(x, bundle.weight(f"{name}/kernel"), size, 2) + bundle.weight(f"{name}/bias")
        if i < len(sizes) - 1:
            x = activate(residual_blocks(bundle, name, x, activate))
    return x.reshape(len(z), -1)
