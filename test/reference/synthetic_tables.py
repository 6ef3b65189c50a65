"""Are synthetic rows worth real ones? Train on synthetic rows, test on real ones (scikit-learn's own copies of data).

  python3 test/reference/synthetic_tables.py [--data wine ...] [--seeds 5] [--steps 1000] [--folder /tmp/tables]

For each seed a table is divided, a third of its rows to the test, with equal shares of the classes. `generatrix synthesize`
learns from the other rows as it does from any table, so that a fifth of them is held out from it, and draws `--rows` rows. A
random forest and a logistic regression learn from the synthetic rows and, apart from them, from all real training rows; both
are tested on the real test rows. Printed is the accuracy of either, and their quotient over all seeds, each with the standard
error over seeds. Prints `skipped` and ends with 0 where scikit-learn is missing.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    from sklearn import datasets
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}; pip install scikit-learn")
    sys.exit(0)

COMMAND = Path(__file__).resolve().parents[2] / "training/cli/bin/generatrix.mjs"
CLASSIFIERS = {
    "random forest": lambda seed: RandomForestClassifier(200, random_state=seed),
    "logistic regression": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)),
}


def write_table(path, names, rows, labels):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "target"])
        for row, label in zip(rows, labels):
            writer.writerow([*(repr(float(value)) for value in row), label])


def read_table(path, names):
    with open(path, newline="") as file:
        header, *rows = list(csv.reader(file))
    if header != [*names, "target"]:
        raise AssertionError(f"the synthetic table has other columns: {header}")
    return np.array([[float(cell) for cell in row[:-1]] for row in rows]), np.array([row[-1] for row in rows])


def synthesize(folder, names, rows, labels, seed, options):
    table, out = folder / f"train-{seed}.csv", folder / f"synthetic-{seed}.csv"
    write_table(table, names, rows, labels)
    command = ["node", str(COMMAND), "synthesize", str(table), "--target", "target", "--out", str(out)]
    flags = ["--rows", options.rows, "--seed", seed, "--steps", options.steps, "--device", "cpu", "--threads", 1]
    done = subprocess.run([*command, *map(str, flags)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    for line in done.stdout.splitlines():
        if line.startswith("privacy: "):
            print(f"    seed {seed} {line}")
    return read_table(out, names)


def error_of(values):
    return np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=["breast_cancer", "wine", "iris"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--least", type=float, default=0.0, help="quotient below which the status is 1")
    parser.add_argument("--folder", help="where the tables go; a folder that is removed when absent")
    options = parser.parse_args()
    worst = np.inf
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.data:
            data = getattr(datasets, f"load_{name}")()
            names = [str(feature) for feature in data.feature_names]
            labels = np.array([str(data.target_names[target]) for target in data.target])
            folder = Path(options.folder or temporary) / name
            folder.mkdir(parents=True, exist_ok=True)
            scores = {classifier: [] for classifier in CLASSIFIERS}
            print(f"{name}: {len(labels)} rows, {len(names)} numbers, {len(data.target_names)} classes", flush=True)
            for seed in range(1, options.seeds + 1):
                parts = train_test_split(data.data, labels, test_size=1 / 3, stratify=labels, random_state=seed)
                rows, tested, row_labels, tested_labels = parts
                drawn, drawn_labels = synthesize(folder, names, rows, row_labels, seed, options)
                for classifier, make in CLASSIFIERS.items():
                    real = make(seed).fit(rows, row_labels).score(tested, tested_labels)
                    synthetic = make(seed).fit(drawn, drawn_labels).score(tested, tested_labels)
                    scores[classifier].append((real, synthetic))
            for classifier, pairs in scores.items():
                real, synthetic = np.array(pairs).T
                quotient = synthetic / real
                worst = min(worst, quotient.mean())
                print(
                    f"  {classifier}: real {real.mean():.4f} +- {error_of(real):.4f}, synthetic {synthetic.mean():.4f} "
                    f"+- {error_of(synthetic):.4f}, quotient {quotient.mean():.4f} +- {error_of(quotient):.4f}",
                    flush=True,
                )
    sys.exit(1 if worst < options.least else 0)


main()
