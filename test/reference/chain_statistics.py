"""Mixing of chains by NumPy: autocovariances by FFT, all lags at once, as Stan and ArviZ have them. Chains come on stdin."""

import json
import sys

import numpy as np


def autocovariance(half):
    """Mean of products at every lag, over all n of the values."""
    n = len(half)
    spectrum = np.fft.rfft(half - half.mean(), 2 * n)
    return np.fft.irfft(spectrum * np.conj(spectrum), 2 * n)[:n] / n


def statistics(chains):
    """Split R-hat, and the autocorrelation time by Geyer's initial monotone sequence (Vehtari et al. 2021)."""
    n = chains.shape[1] // 2
    halves = np.concatenate([chains[:, :n], chains[:, -n:]])
    count = len(halves)
    within = halves.var(axis=1, ddof=1).mean()
    pooled = within * (n - 1) / n + halves.mean(axis=1).var(ddof=1)
    rho = 1 - (within - np.mean([autocovariance(half) for half in halves], axis=0)) / pooled
    rho[0] = 1
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(axis=1)
    positive = np.cumprod(pairs > 0).astype(bool)
    time = max(1 / np.log10(count * n), 2 * np.minimum.accumulate(pairs[positive]).sum() - 1)
    return {
        "mean": halves.mean(),
        "deviation": np.sqrt(pooled),
        "autocorrelationTime": time,
        "effectiveSize": count * n / time,
        "splitRHat": np.sqrt(pooled / within),
    }


print(json.dumps([statistics(np.array(chains)) for chains in json.load(sys.stdin)]))
