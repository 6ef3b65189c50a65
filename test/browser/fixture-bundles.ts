import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ExportedProgram, packBundle, tf } from '@generatrix/export';
import { type HostTensor, hostTensor, type InputSpec, type Manifest } from '@generatrix/runtime/core';
import { madeOnce } from '../once-per-run.ts';

/** A model made by formula, so that the browser tests need no training. */
interface Fixture {
  readonly name: string;
  readonly title: string;
  readonly data: Manifest['data'];
  readonly sample: ExportedProgram;
  /** A program that has the same weights. */
  readonly decode?: ExportedProgram;
}

const imageSize = 28 * 28;
const range = (length: number) => Array.from({ length }, (_, i) => i);
const noise = (size: number): InputSpec => ({
  dtype: 'float32',
  shape: [size],
  role: 'noise',
  distribution: 'normal',
});

/** data = sigmoid(temperature z W + E[label]): standing waves, and a bar whose length tells the class. */
function imagesFixture(): Fixture {
  const [latent, classes] = [8, 10];
  const waves = range(latent * imageSize).map((i) => {
    const [k, pixel] = [Math.floor(i / imageSize), i % imageSize];
    const [y, x] = [Math.floor(pixel / 28) / 27, (pixel % 28) / 27];
    return 3 * Math.cos(3 * (1 + (k % 4)) * x + k) * Math.cos(2.5 * (1 + (k >> 1)) * y);
  });
  const bars = range(classes * imageSize).map((i) => {
    const [label, pixel] = [Math.floor(i / imageSize), i % imageSize];
    return pixel < 3 * 28 && pixel % 28 < 2 * label + 2 ? 8 : -0.5;
  });
  const W = tf.tensor2d(waves, [latent, imageSize]);
  const E = tf.tensor2d(bars, [classes, imageSize]);
  const label: InputSpec = { dtype: 'int32', shape: [], role: 'label', classes };
  const outputs = { data: { dtype: 'float32', shape: [28, 28, 1], meaning: 'data' } } as const;
  const image = (logits: tf.Tensor) => ({ data: logits.sigmoid().reshape([-1, 28, 28, 1]) });
  return {
    name: 'images',
    title: 'Images',
    data: { kind: 'image', shape: [28, 28, 1], range: [0, 1], name: 'waves', classNames: [] },
    sample: {
      signature: {
        inputs: {
          z: noise(latent),
          label,
          temperature: { dtype: 'float32', shape: [], role: 'scalar', default: 1, min: 0, max: 2 },
        },
        outputs,
      },
      run: ({ z, label, temperature }) => image(z!.mul(temperature!).matMul(W).add(tf.gather(E, label!))),
    },
    decode: {
      signature: { inputs: { z: { dtype: 'float32', shape: [latent], role: 'latent' }, label }, outputs },
      run: ({ z, label }) => image(z!.matMul(W).add(tf.gather(E, label!))),
    },
  };
}

/** data = sigmoid(z W), and the same of a code: W lies in a file that both programs take it from. */
function sharedFixture(): Fixture {
  const W = tf.tensor2d(
    range(8 * imageSize).map((i) => 2 * Math.sin(i * i)),
    [8, imageSize],
  );
  const outputs = { data: { dtype: 'float32', shape: [28, 28, 1], meaning: 'data' } } as const;
  const run: ExportedProgram['run'] = ({ z }) => ({ data: z!.matMul(W).sigmoid().reshape([-1, 28, 28, 1]) });
  return {
    name: 'shared',
    title: 'Shared weights',
    data: { kind: 'image', shape: [28, 28, 1], range: [0, 1], name: 'noise', classNames: [] },
    sample: { signature: { inputs: { z: noise(8) }, outputs }, run },
    decode: { signature: { inputs: { z: { dtype: 'float32', shape: [8], role: 'latent' } }, outputs }, run },
  };
}

/** data = z A + sin(z A): points of the plane. */
function pointsFixture(): Fixture {
  const A = tf.tensor2d([1, 0.5, -0.8, 1.2], [2, 2]);
  return {
    name: 'points',
    title: 'Points',
    data: { kind: 'points', shape: [2], name: 'plane', classNames: [] },
    sample: {
      signature: {
        inputs: { z: noise(2) },
        outputs: { data: { dtype: 'float32', shape: [2], meaning: 'data' } },
      },
      run: ({ z }) => {
        const turned = z!.matMul(A);
        return { data: turned.add(turned.sin()) };
      },
    },
  };
}

/** Hundreds of matrix products in a row: 10,000 samples keep any machine busy long enough to press Stop. */
function heavyFixture(): Fixture {
  const [size, layers] = [256, 150];
  const entries = range(size * size).map((i) => Math.sin(i * i));
  const W = tf.tensor2d(entries, [size, size]);
  return {
    name: 'heavy',
    title: 'Heavy',
    data: { kind: 'image', shape: [16, 16, 1], range: [-3, 3], name: 'noise', classNames: [] },
    sample: {
      signature: {
        inputs: { z: noise(size) },
        outputs: { data: { dtype: 'float32', shape: [16, 16, 1], meaning: 'data' } },
      },
      run: ({ z }) => {
        let h = z!;
        // Small steps, so that rounding errors do not grow from layer to layer.
        for (let i = 0; i < layers; i += 1) h = h.add(h.matMul(W).sin().mul(1e-4));
        return { data: h.reshape([-1, 16, 16, 1]) };
      },
    },
  };
}

/**
 * Writes, once in a run of the tests, the bundles `images` (with a class and a temperature), `points` and `heavy`, and the list `index.json` of them;
 * beside them `shared`, whose programs share weights, and bundles that are broken on purpose.
 */
export async function writeFixtureBundles(folder: string): Promise<void> {
  await madeOnce('fixture bundles', folder, makeFixtureBundles);
}

async function makeFixtureBundles(folder: string): Promise<void> {
  const fixtures = [imagesFixture(), pointsFixture(), heavyFixture()];
  for (const fixture of fixtures) await writeFiles(join(folder, fixture.name), await pack(fixture));

  const good = await pack(fixtures[0]!);
  const manifest = good['model.json']!;
  const cut = manifest.subarray(0, manifest.length >> 1);
  await writeFiles(join(folder, 'broken-manifest'), { ...good, 'model.json': cut });
  const changed = good['sample.onnx']!.slice();
  changed[changed.length >> 1]! ^= 1;
  await writeFiles(join(folder, 'broken-program'), { ...good, 'sample.onnx': changed });

  const shared = await pack(sharedFixture());
  await writeFiles(join(folder, 'shared'), shared);
  const other = shared['weights.safetensors']!.slice();
  other[other.length - 1]! ^= 1;
  await writeFiles(join(folder, 'broken-weights'), { ...shared, 'weights.safetensors': other });

  const list = fixtures.map(({ name, title }) => ({ name, title, path: `models/${name}` }));
  await writeFile(join(folder, 'index.json'), JSON.stringify(list));
}

function pack({ name, data, sample, decode }: Fixture) {
  return packBundle({
    about: {
      name,
      family: 'fixture',
      options: {},
      data,
      provenance: {
        seed: 0,
        dataset: data.name,
        steps: 0,
        engine: 'none',
        metrics: {},
        generatrixVersion: '0.1.0',
      },
    },
    programs: { sample, ...(decode === undefined ? {} : { decode }) },
    formats: ['shared'],
    examples: blank(data.shape),
  });
}

/** Two empty examples: a sampling program takes no data, so they only set the batch of the reference run. */
function blank(shape: readonly number[]): HostTensor {
  const size = shape.reduce((product, dim) => product * dim, 2);
  return hostTensor('float32', [2, ...shape], new Float32Array(size));
}

async function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [file, bytes] of Object.entries(files)) await writeFile(join(folder, file), bytes);
}
