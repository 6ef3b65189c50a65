"""Draws samples from a served model by Ray tasks, each of which asks for a range of its own.

    ray start --head
    python draw_many.py http://server:8080 vae --count 1000000 --seed 42 --tasks 64 --out samples

Sample i depends on the seed and on i alone, so the tasks together draw what one request would. The hash printed is the
`samplesSha256` that `generatrix draw-many` writes for the same model without classes, seed and count, where the server
computes the same bits (`--threads-per-worker 1`, the same kind of machine); `--expect` compares the two.
"""

import argparse
import hashlib
import io
import os
import time
import urllib.error
import urllib.request

import numpy as np
import ray

LARGEST_REQUEST = 1024  # the server's maxCount


def block_rows(shape):
    """Samples that are hashed together: as many as `generatrix draw-many` takes for samples of this shape."""
    rows = 64
    while 2 * rows <= 65536 and 2 * rows * int(np.prod(shape)) <= 2**20:
        rows *= 2
    return rows


def fetch(url, model, seed, first, count, attempts=20):
    """Samples first to first + count - 1 as an array; waits while the server is busy."""
    address = f"{url}/v1/models/{model}/samples?format=npy&seed={seed}&first_index={first}&count={count}"
    for attempt in range(attempts):
        try:
            with urllib.request.urlopen(address) as answer:
                return np.load(io.BytesIO(answer.read()))
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503) or attempt + 1 == attempts:
                raise
            time.sleep(float(error.headers.get("Retry-After", "1")))


@ray.remote(max_retries=3)
def draw(url, model, seed, first, count, rows, path):
    """Writes one shard, and returns the hashes of its blocks."""
    hashes, parts = [], []
    for start in range(first, first + count, rows):
        end = min(start + rows, first + count)
        ranges = [(at, min(LARGEST_REQUEST, end - at)) for at in range(start, end, LARGEST_REQUEST)]
        block = np.concatenate([fetch(url, model, seed, at, some) for at, some in ranges])
        hashes.append(hashlib.sha256(block.tobytes()).hexdigest())
        parts.append(block)
    with open(f"{path}.partial", "wb") as file:
        np.save(file, np.concatenate(parts))
    os.replace(f"{path}.partial", path)
    return hashes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--out", required=True)
    parser.add_argument("--expect", help="samplesSha256 to compare with")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    out = os.path.abspath(options.out)

    ray.init(ignore_reinit_error=True)
    rows = block_rows(fetch(options.url, options.model, options.seed, 0, 1).shape[1:])
    blocks = -(-options.count // rows)
    tasks = min(options.tasks, blocks)
    bounds = [min(options.count, rows * (task * blocks // tasks)) for task in range(tasks + 1)]
    bounds[-1] = options.count
    hashes = ray.get(
        [
            draw.remote(
                options.url,
                options.model,
                options.seed,
                bounds[task],
                bounds[task + 1] - bounds[task],
                rows,
                os.path.join(out, f"shard-{task:05}-of-{tasks:05}.npy"),
            )
            for task in range(tasks)
        ]
    )
    total = hashlib.sha256("".join(one for some in hashes for one in some).encode()).hexdigest()
    print(f"{options.count} samples by {tasks} tasks; SHA-256 of the samples {total}")
    if options.expect not in (None, total):
        raise SystemExit(f"expected {options.expect}")


if __name__ == "__main__":
    main()
