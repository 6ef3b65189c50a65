import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDataset } from '../data/catalogue.ts';
import { type Dataset, pointDistributions } from '../data/index.ts';
import { expectUserError } from '../testing/test-support.ts';
import { binarised } from './binarisation.ts';
import { diagnostics } from './catalogue.ts';
import { isSkipped, type Outcome } from './diagnostic.ts';
import { diagnosticsNamed, evaluate, writeEvaluation } from './evaluate.ts';
import type { EvaluationRequest } from './evaluation.ts';
import type { SampleSource } from './sample-source.ts';
import { datasetSource, madeSource } from './test-support.ts';

/** The controls of any evaluation: it must tell these sources apart before it may judge a model. */
let folder: string;
let train: Dataset;
let setApart: Dataset;
let heldOut: Dataset;
let fresh: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-evaluate-'));
  train = await loadDataset({ name: 'digits8', split: 'train', size: 3000 });
  setApart = await loadDataset({ name: 'digits8', split: 'validation', size: 1000 });
  heldOut = await loadDataset({ name: 'digits8', split: 'test', size: 1000 });
  // Of the same distribution, and in no split.
  fresh = await loadDataset({ name: 'digits8', split: 'train', size: 2000, seed: 77 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function requestFor(source: SampleSource, changes: Partial<EvaluationRequest> = {}): EvaluationRequest {
  return {
    source,
    train,
    setApart,
    test: heldOut,
    count: 1000,
    seed: 5,
    againstTrain: false,
    cacheFolder: join(folder, 'cache'),
    effort: 'quick',
    runFolder: null,
    ...changes,
  };
}

async function outcomes(source: SampleSource, names: string[], changes: Partial<EvaluationRequest> = {}) {
  const { reported } = await evaluate(requestFor(source, changes), diagnosticsNamed(names));
  return Object.fromEntries(
    reported.map(({ entry, outcome }) => {
      if (isSkipped(outcome)) throw new Error(`${entry.name} was left out: ${outcome.skipped}`);
      return [entry.name, outcome];
    }),
  ) as Record<string, Outcome>;
}

const verdicts = (found: Record<string, Outcome>) =>
  Object.fromEntries(Object.entries(found).map(([name, { finding }]) => [name, finding.verdict]));

describe('real against real', () => {
  test('is found faultless by every diagnostic of samples', async () => {
    const source = datasetSource('fresh', fresh, (i) => i, { labelled: true });
    const names = [
      'c2st',
      'mmd',
      'classes',
      'fid',
      'score',
      'precision-recall',
      'memorisation',
      'usefulness',
      'parzen',
    ];
    const found = await outcomes(source, names);
    expect(verdicts(found)).toEqual(Object.fromEntries(names.map((name) => [name, 'ok'])));
    // On 1000 held-out examples the accuracy has a standard deviation of 0.016.
    expect(Math.abs((found.c2st!.figures.accuracy as number) - 0.5)).toBeLessThan(0.05);
    expect(found.mmd!.figures.pValue).toBeGreaterThan(0.01);
    expect(found.classes!.figures.entropy).toBeGreaterThan(2.27);
    expect(found.classes!.figures.agreementWithLabels).toBeGreaterThan(0.9);
    expect(found.memorisation!.pictures).toHaveLength(2);
  });
});

describe('noise', () => {
  test('is told apart from real examples, has a large distance and no precision', async () => {
    const noise = madeSource('noise', train, (random) => random.nextUniform());
    const found = await outcomes(noise, ['c2st', 'mmd', 'fid', 'precision-recall', 'memorisation']);
    expect(found.c2st!.figures.accuracy).toBeGreaterThan(0.98);
    expect(verdicts(found)).toMatchObject({
      c2st: 'problem',
      mmd: 'warning',
      'precision-recall': 'problem',
      memorisation: 'ok',
    });
    expect(found.fid!.finding.verdict).toBe('problem');
    const { high } = found.fid!.figures.realAgainstReal as { high: number };
    expect(found.fid!.figures.frechetDistance).toBeGreaterThan(50 * high);
    expect(found['precision-recall']!.figures.precision).toBeLessThan(0.2);
  });
});

describe('a generator that copies', () => {
  test('the training set is flagged, and looks faultless otherwise', async () => {
    const copier = datasetSource('copier', train, (i) => (7 * i) % train.size);
    const found = await outcomes(copier, ['c2st', 'mmd', 'memorisation']);
    expect(verdicts(found)).toEqual({ c2st: 'ok', mmd: 'ok', memorisation: 'problem' });
    expect(found.memorisation!.finding.text).toContain('copies training examples');
    expect(found.memorisation!.figures.values).toMatchObject({ equal: 1, lean: { apartShare: 0 } });
  });

  test('half of its samples from the training set, with noise, is flagged too', async () => {
    const half: SampleSource = {
      ...datasetSource('half', train, (i) => i),
      draw: async ({ count }) => {
        const copied = await train.gather(Int32Array.from({ length: count }, (_, i) => i));
        const original = await fresh.gather(Int32Array.from({ length: count }, (_, i) => i));
        const width = copied.data.length / count;
        const values = (original.data as Float32Array).map((value, at) =>
          Math.floor(at / width) % 2 === 0 ? value : copied.data[at]! + 0.004 * (at % 3),
        );
        return { data: { dtype: 'float32', shape: copied.shape, data: values }, labels: null };
      },
    };
    const { memorisation } = await outcomes(half, ['memorisation']);
    expect(memorisation!.finding.verdict).toBe('problem');
    expect(memorisation!.figures.values).toMatchObject({ near: { ofReal: 0 } });
  });
});

test.each([0.02, 0.05, 0.08])(
  'a share of %s of exact copies of training examples is flagged',
  async (share) => {
    const source: SampleSource = {
      ...datasetSource('some', train, (i) => i),
      draw: async ({ count }) => {
        const { shape, data } = await fresh.gather(Int32Array.from({ length: count }, (_, i) => i));
        const copied = Math.round(share * count);
        const values = Float32Array.from(data);
        values.set((await train.gather(Int32Array.from({ length: copied }, (_, i) => 3 * i))).data);
        return { data: { dtype: 'float32', shape, data: values }, labels: null };
      },
    };
    const { memorisation } = await outcomes(source, ['memorisation']);
    expect(memorisation!.finding.verdict).toBe('problem');
    expect(memorisation!.finding.text).toMatch(/copies training examples: \S+ % of samples equal/);
  },
);

describe('a model of binary images', () => {
  const binaryNames = ['c2st', 'mmd', 'classes', 'fid', 'score', 'precision-recall', 'memorisation'];
  const binary = () => {
    const drawn = binarised(fresh, 99);
    return { ...datasetSource('binary', drawn, (i) => i), binarises: true };
  };

  test('is judged against binarised images: real ones get what real ones get', async () => {
    const found = await outcomes(binary(), binaryNames);
    expect(verdicts(found)).toEqual(Object.fromEntries(binaryNames.map((name) => [name, 'ok'])));
  });

  test('is told apart from grey images, as which nobody declared it, and means are compared with grey ones', async () => {
    const { mmd, fid } = await outcomes({ ...binary(), binarises: false }, ['mmd', 'fid']);
    expect(mmd!.finding.verdict).toBe('warning');
    expect(fid!.finding.verdict).not.toBe('ok');
    const grey = { ...datasetSource('means', fresh, (i) => i), binarises: true };
    const means = await outcomes(grey, ['mmd']);
    expect(verdicts(means)).toEqual({ mmd: 'ok' });
  });
});

describe('a generator that drops classes', () => {
  test('is flagged with their names, its missing variety too', async () => {
    const kept = Int32Array.from({ length: fresh.size }, (_, i) => i).filter(
      (i) => fresh.labels![i] !== 3 && fresh.labels![i] !== 8,
    );
    const source = datasetSource('eight', fresh, (i) => kept[i % kept.length]!);
    const { classes } = await outcomes(source, ['classes']);
    expect(classes!.finding.verdict).toBe('problem');
    expect(classes!.finding.text).toMatch(/^Classes are dropped: 3, 8; /);
    expect(classes!.figures.dropped).toEqual(['3', '8']);
    // Eight classes alike have entropy log 8 = 2.08.
    expect(classes!.figures.entropy).toBeLessThan(2.2);
  });

  test('a conditional model that ignores its label is faulted', async () => {
    const source = datasetSource('deaf', fresh, (i) => i);
    const deaf: SampleSource = {
      ...source,
      draw: async (request) => ({
        ...(await source.draw(request)),
        labels: Int32Array.from({ length: request.count }, (_, i) => i % 10),
      }),
    };
    const found = await outcomes(deaf, ['classes', 'usefulness']);
    expect(verdicts(found)).toEqual({ classes: 'warning', usefulness: 'problem' });
    expect(found.classes!.figures.agreementWithLabels).toBeLessThan(0.2);
  });
});

test('samples between classes are called unclear', async () => {
  const between: SampleSource = {
    ...datasetSource('between', fresh, (i) => i),
    draw: async ({ count }) => {
      const [a, b] = await Promise.all(
        [0, count].map((from) => fresh.gather(Int32Array.from({ length: count }, (_, i) => from + i))),
      );
      const data = (a!.data as Float32Array).map((value, at) => (value + b!.data[at]!) / 2);
      return { data: { dtype: 'float32', shape: a!.shape, data }, labels: null };
    },
  };
  const { classes } = await outcomes(between, ['classes']);
  expect(classes!.finding.verdict).toBe('warning');
  expect(classes!.finding.text).toContain('more samples than real examples are of no clear class');
});

describe('points', () => {
  const changes = async (name: string) => ({
    train: await loadDataset({ name, split: 'train', size: 4000 }),
    setApart: await loadDataset({ name, split: 'validation', size: 2000 }),
    test: await loadDataset({ name, split: 'test', size: 2000 }),
    count: 2000,
  });

  test('collapse on the ring is reported with the modes that are missing', async () => {
    const data = await changes('ring8');
    const few = Int32Array.from({ length: 4000 }, (_, i) => i).filter((i) => data.train.labels![i]! < 3);
    const collapsed = datasetSource('collapsed', data.train, (i) => few[i % few.length]!);
    const found = await outcomes(collapsed, ['modes', 'c2st', 'divergence', 'precision-recall'], data);
    expect(found.modes!.finding.text).toContain('3 of 8 modes are hit (missing: 3, 4, 5, 6, 7)');
    expect(verdicts(found)).toMatchObject({ modes: 'problem', divergence: 'problem' });
    expect(found.c2st!.finding.verdict).not.toBe('ok');
    expect(found['precision-recall']!.figures.recall).toBeLessThan(0.5);
  });

  test('the distribution itself is found faultless, with its density', async () => {
    const data = await changes('grid25');
    const other = await loadDataset({ name: 'grid25', split: 'train', size: 4000, seed: 9 });
    const source: SampleSource = {
      ...datasetSource('distribution', other, (i) => i),
      logDensity: async ({ data: values }) =>
        Float32Array.from(pointDistributions.grid25.logDensity!(values)),
    };
    const found = await outcomes(
      source,
      ['modes', 'c2st', 'mmd', 'divergence', 'precision-recall', 'memorisation'],
      data,
    );
    for (const [name, { finding }] of Object.entries(found)) expect(finding.verdict, name).toBe('ok');
    const densities = found.divergence!.figures.densities as Record<string, number>;
    // The densities are the same numbers but for the float32 of the model's.
    expect(Math.abs(densities.forward!)).toBeLessThan(1e-5);
  });
});

describe('evaluate', () => {
  test('leaves out what cannot be made, with a reason, and writes figures and a page without addresses', async () => {
    const source = datasetSource('fresh', fresh, (i) => i);
    const chosen = diagnosticsNamed([
      'modes',
      'divergence',
      'usefulness',
      'convergence',
      'chain',
      'posterior',
      'interpolation',
      'inversion',
      'classes',
    ]);
    const { evaluation, reported, seconds } = await evaluate(requestFor(source, { count: 100 }), chosen);
    const left = reported.filter(({ outcome }) => isSkipped(outcome)).map(({ entry }) => entry.name);
    expect(left).toEqual([
      'divergence',
      'modes',
      'usefulness',
      'convergence',
      'chain',
      'posterior',
      'interpolation',
      'inversion',
    ]);
    const out = join(folder, 'out');
    await writeEvaluation(out, evaluation, reported, seconds);
    expect((await readdir(out)).toSorted()).toEqual(['evaluation.html', 'evaluation.json']);
    const json = JSON.parse(await readFile(join(out, 'evaluation.json'), 'utf8')) as {
      findings: Record<string, { verdict: string }>;
      skipped: Record<string, string>;
    };
    expect(json.findings.classes!.verdict).toBe('ok');
    expect(json.skipped.usefulness).toContain('the model takes no class');
    const html = await readFile(join(out, 'evaluation.html'), 'utf8');
    expect(html).not.toMatch(/\b(src|href)\s*=\s*["']?(?!data:)[^"'>\s]/i);
    expect(html.indexOf('Findings')).toBeLessThan(html.indexOf('<svg'));
  });

  test('the classifier is trained once and read afterwards', async () => {
    const files = (await readdir(join(folder, 'cache'))).filter((file) => file.startsWith('classifier'));
    // One of grey images, one of binarised ones.
    expect(files).toHaveLength(2);
    for (const file of files) expect(file).toMatch(/^classifier-[0-9a-f]{16}\.safetensors$/);
  });

  test('a sample that is not finite, other shapes and unknown names are one clear line', async () => {
    const broken = madeSource('broken', train, () => Number.NaN);
    await expectUserError(
      outcomes(broken, ['mmd']),
      /model broken: expected finite samples, sample 0 holds NaN/,
    );
    const other = datasetSource(
      'points',
      await loadDataset({ name: 'moons', split: 'train', size: 10 }),
      (i) => i,
    );
    await expectUserError(
      outcomes(other, ['mmd']),
      /makes points of shape 2, this data has image of shape 8x8x1/,
    );
    expect(() => diagnosticsNamed(['fd'])).toThrow(/--metrics: there is no 'fd', expected some of fid/);
    expect(new Set(diagnostics.map(({ name }) => name)).size).toBe(diagnostics.length);
  });
});
