"""
Loads bundles in onnxruntime and computes densities, bounds, moments and samples again with NumPy and SciPy, from the
weights or by integration, enumeration and differences. Prints a table; fails when a value is off by more than 1e-4 of
the largest.

usage: python3 check_bundles.py FOLDER [--json FILE]

FOLDER holds a folder for each bundle, which has the model's state beside it as state.safetensors.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from bundle import Bundle
from checks import check_of

tolerance = 1e-4


def rows_of(folder):
    bundle = Bundle(folder)
    for what, theirs, ours in check_of(bundle)(bundle):
        theirs, ours = np.asarray(theirs, np.float64), np.asarray(ours, np.float64)
        if theirs.shape != ours.shape:
            raise SystemExit(f"{bundle.name}: {what}: shape {theirs.shape} against {ours.shape}")
        scale = max(np.abs(ours).max(), 1e-6)
        error = np.abs(theirs - ours).max() / scale
        yield {"family": bundle.family, "model": bundle.name, "what": what, "error": float(error)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folders = sorted(path.parent for path in options.folder.glob("*/model.json"))
    if not folders:
        raise SystemExit(f"{options.folder}: expected a folder for each bundle, found none")
    rows = []
    for folder in folders:
        for row in rows_of(folder):
            rows.append(row)
            print(f"{row['model'][:44]:46}{row['what'][:46]:48}{row['error']:.1e}", flush=True)
    wrong = [row for row in rows if not row["error"] <= tolerance]
    print(f"{len(rows)} values of {len(folders)} models, {len(wrong)} off by more than {tolerance} of their scale")
    if options.json is not None:
        options.json.write_text(json.dumps(rows))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
