"""Fits scikit-learn's GaussianMixture from a given start; prints the mean log-likelihood. Reads JSON from stdin."""
import json, sys
import numpy as np
from sklearn.mixture import GaussianMixture

task = json.load(sys.stdin)
data = np.fromfile(task["file"], dtype="<f4").astype(np.float64).reshape(task["shape"])
components, dimensions = task["components"], data.shape[1]
precision = 1.0 / (task["variance"] + task["regularisation"])
kind = {"full": "full", "diagonal": "diag", "spherical": "spherical", "tied": "tied"}[task["covariance"]]
precisions = {
    "full": np.stack([np.eye(dimensions) * precision] * components),
    "diag": np.full((components, dimensions), precision),
    "spherical": np.full(components, precision),
    "tied": np.eye(dimensions) * precision,
}[kind]
mixture = GaussianMixture(
    components,
    covariance_type=kind,
    reg_covar=task["regularisation"],
    max_iter=task["iterations"],
    tol=0.0,
    weights_init=np.full(components, 1.0 / components),
    means_init=data[:components],
    precisions_init=precisions,
)
import warnings
warnings.simplefilter("ignore")
mixture.fit(data)
print(json.dumps({"score": mixture.score(data), "bic": mixture.bic(data), "aic": mixture.aic(data)}))
