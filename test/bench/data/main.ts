import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataFigures, DataJob } from './child.ts';
import { writeImages, writeNpy } from './files.ts';

const child = fileURLToPath(new URL('./child.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'generatrix-bench-data-'));
const MiB = 2 ** 20;
const small = { family: 'vae', options: { latent: 2, hidden: [32] }, batchSize: 64, threads: 1 } as const;

function run(job: DataJob): DataFigures {
  const { stdout, stderr, status } = spawnSync(process.execPath, [child, JSON.stringify(job)], {
    encoding: 'utf8',
  });
  const line = /^figures (.*)$/m.exec(stdout)?.[1];
  if (status !== 0 || line === undefined) throw new Error(`the measurement failed: ${stderr.slice(-2000)}`);
  return JSON.parse(line) as DataFigures;
}

function print(
  name: string,
  { examples, loadSeconds, millisecondsPerStep, dataWait, peakMiB }: DataFigures,
): void {
  console.log(
    [
      name.padEnd(52),
      `${examples} examples`.padStart(18),
      `${loadSeconds.toFixed(1)} s to load`.padStart(16),
      `${millisecondsPerStep.toFixed(1)} ms a step`.padStart(18),
      `${(100 * dataWait).toFixed(0)} % waiting`.padStart(14),
      `peak ${peakMiB.toFixed(0)} MiB`.padStart(15),
    ].join(''),
  );
}

/** Peak memory over the size of the data: images that are decoded, with the cache at its standard size and small. */
async function imageFolders(): Promise<void> {
  for (const count of [2_000, 20_000, 200_000]) {
    const dir = join(folder, `images-${count}`);
    await writeImages(dir, count, 32);
    for (const cache of [32, 256]) {
      const data = { name: 'images', dir, cacheBytes: cache * MiB };
      // Enough steps to fill the cache.
      const steps = Math.min(1500, Math.ceil((0.8 * count) / small.batchSize));
      print(
        `${count} images 32x32x3, --data-cache ${cache}MiB`,
        run({ ...small, data, steps, prefetch: true }),
      );
    }
    rmSync(dir, { recursive: true });
  }
}

/** Peak memory over the size of a NumPy array. */
function arrays(): void {
  for (const gigabytes of [0.04, 0.4, 4, 8]) {
    const path = join(folder, 'array.npy');
    writeNpy(path, gigabytes * 1e9);
    const data = { name: 'npy', dir: path, cacheBytes: 32 * MiB };
    print(
      `${gigabytes} GB NPY of 28x28, --data-cache 32MiB`,
      run({ ...small, data, steps: 300, prefetch: true }),
    );
    rmSync(path);
  }
}

/** Share of the time that the loop waits for images that take long to decode. */
async function waiting(): Promise<void> {
  const dir = join(folder, 'photographs');
  await writeImages(dir, 600, 512);
  const data = { name: 'images', dir, imageSize: [32, 32] as const, cacheBytes: 0 };
  const job = {
    data,
    family: 'dcgan',
    options: { filters: [64, 128] },
    steps: 30,
    batchSize: 32,
    threads: 1,
  };
  for (const prefetch of [false, true]) {
    print(
      `512x512 JPEG decoded to 32x32, DCGAN, ${prefetch ? 'gathered ahead' : 'gathered when asked'}`,
      run({ ...job, prefetch }),
    );
  }
}

const sections: Readonly<Record<string, () => void | Promise<void>>> = {
  images: imageFolders,
  arrays,
  waiting,
};
const chosen = process.argv.slice(2);
try {
  for (const [name, section] of Object.entries(sections)) {
    if (chosen.length === 0 || chosen.includes(name)) await section();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
