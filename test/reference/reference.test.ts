import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { families } from '@generatrix/training';
import { type FamilyCase, familyCases, labelled, tinyImages, tinySounds } from '@generatrix/training/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeModelBundle } from '../parity/model-bundles.ts';

/** What the script computed: how far a value of a program is from it, relative to the largest. */
interface Row {
  readonly family: string;
  readonly model: string;
  readonly what: string;
  readonly error: number;
}

const tolerance = 1e-4;
/** Values that are computed again; the script finding nothing to compare must not pass. */
const fewestRows = 150;

const batchSize = 8;
const bits = { dataset: tinyImages(24, [2, 3, 1]), batchSize };
const pixels = { layers: 1, filters: 4, headFilters: 6, averaging: 0 };
const levels = { dataset: labelled(tinyImages(24, [2, 2, 1]), 3), batchSize };

/** Models that draw value by value, of so few values that all their examples can be gone through. */
const enumerable: readonly FamilyCase[] = [
  {
    name: 'vlae, 6 pixels',
    family: 'vlae',
    options: { latent: 1, hidden: [8], windowLayers: 2, windowFilters: 4, window: 3, conditionWidth: 3 },
    ...bits,
  },
  { name: 'made, 6 pixels', family: 'made', options: { hidden: [12, 10], averaging: 0 }, ...bits },
  {
    name: 'made, 6 pixels, random orders',
    family: 'made',
    options: { hidden: [12], masks: 3, order: 'random' },
    ...bits,
  },
  { name: 'nade, 6 pixels', family: 'nade', options: { hidden: 8, averaging: 0.9 }, ...bits },
  { name: 'pixelcnn, 6 pixels', family: 'pixelcnn', options: { ...pixels, layers: 2 }, ...bits },
  {
    name: 'pixelcnn, 4 pixels of 5 levels, by class',
    family: 'pixelcnn',
    options: { ...pixels, output: 'categorical', levels: 5, conditional: true },
    ...levels,
  },
  {
    name: 'pixelcnn, 4 pixels, logistic',
    family: 'pixelcnn',
    options: { ...pixels, output: 'logistic', levels: 6, components: 2 },
    ...levels,
  },
  { name: 'pixelrnn, 6 pixels', family: 'pixelrnn', options: { ...pixels, units: 4 }, ...bits },
  {
    name: 'pixelrnn, 2 colour pixels, logistic',
    family: 'pixelrnn',
    options: { ...pixels, units: 4, output: 'logistic', levels: 3, components: 2 },
    dataset: tinyImages(24, [1, 2, 3]),
    batchSize,
  },
  {
    name: 'transformer, 6 pixels in strips of three',
    family: 'transformer',
    options: { blocks: 2, width: 6, heads: 2, hidden: 8, firstKernel: 5, averaging: 0 },
    ...bits,
  },
  {
    name: 'transformer, 4 pixels of 5 levels, by class',
    family: 'transformer',
    options: {
      blocks: 1,
      width: 6,
      heads: 3,
      hidden: 8,
      firstKernel: 3,
      activation: 'relu',
      output: 'categorical',
      levels: 5,
      conditional: true,
      averaging: 0,
    },
    ...levels,
  },
  {
    name: 'wavenet, 6 samples of 4 levels',
    family: 'wavenet',
    options: { layers: 2, stacks: 2, filters: 4, skipFilters: 6, levels: 4, averaging: 0 },
    dataset: tinySounds(24, 6),
    batchSize,
  },
  {
    name: 'wavenet, 5 samples, logistic',
    family: 'wavenet',
    options: {
      layers: 2,
      stacks: 1,
      filters: 4,
      skipFilters: 6,
      output: 'logistic',
      levels: 5,
      components: 2,
    },
    dataset: tinySounds(24, 5),
    batchSize,
  },
];
/** Cases of families that are checked by theirs too. */
const besides: readonly FamilyCase[] = [
  {
    name: 'vqvae, one place',
    family: 'vqvae',
    options: { codes: 3, codeSize: 2, filters: [3, 4], blocks: 1, autoencoderSteps: 3 },
    dataset: tinyImages(24, [2, 3, 1]),
    batchSize,
  },
];
const enumerated = new Set(enumerable.map(({ family }) => family));
const others = familyCases.filter(
  ({ family, dataset, options }) =>
    (!enumerated.has(family) || dataset.spec.kind === 'points') &&
    // Normalised by a reference batch, which the script does not do again.
    options.generatorNormalisation !== 'virtual',
);
const cases = [...enumerable, ...besides, ...others];

const script = fileURLToPath(new URL('./check_bundles.py', import.meta.url));
const python = spawnSync('python3', ['-c', 'import numpy, scipy, onnx, onnxruntime'], { encoding: 'utf8' });
const missing = python.status === 0 ? null : (python.stderr ?? 'no python3').trim().split('\n').at(-1);
if (missing !== null)
  console.log(`skipped: the check against NumPy and SciPy needs python3 with them: ${missing}`);

let folder: string;
let rows: Row[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-reference-'));
  if (missing !== null) return;
  for (const [i, familyCase] of cases.entries()) {
    const bundle = join(folder, String(i).padStart(3, '0'));
    // Models of the parity suite come as it has them, with weights in a file of their own: each is exported once.
    await (familyCases.includes(familyCase)
      ? writeModelBundle(bundle, familyCase)
      : writeModelBundle(bundle, familyCase, ['onnx']));
  }
  const results = join(folder, 'results.json');
  const { stdout, stderr } = spawnSync('python3', [script, folder, '--json', results], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  console.log(stdout);
  if (stderr !== '') console.log(stderr);
  rows = JSON.parse(await readFile(results, 'utf8')) as Row[];
  // Tens of models are exported: a second or two each where other work shares the machine.
}, 900_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

it.skipIf(missing !== null)('every family agrees with NumPy and SciPy to 1e-4 of the scale', () => {
  expect(rows.filter(({ error }) => !(error <= tolerance))).toEqual([]);
  expect(new Set(rows.map(({ family }) => family))).toEqual(new Set(families.map(({ name }) => name)));
  expect(new Set(rows.map(({ model }) => model))).toEqual(new Set(cases.map(({ name }) => name)));
  expect(rows.length).toBeGreaterThan(fewestRows);
});
