import { parseArgs } from 'node:util';
import { hostTensor, UserError } from '@generatrix/runtime';
import {
  binarised,
  type Dataset,
  diagnosticsNamed,
  type EvaluationRequest,
  evaluate,
  isSkipped,
  loadDataset,
  partOf,
  type SampleSource,
} from '@generatrix/training';

/**
 * The controls of `generatrix evaluate` on MNIST: `npm run controls -- --data-dir DIR [--seeds N] [--classifier full]`.
 * Real images that no model was trained on stand in for samples, so that every verdict must be ok: half of the
 * validation part against its other half, and images taken out of the training part. With 2 % copies of training images
 * among them memorisation must be a problem, and binarised they must get the figures of binarised images.
 */
const usage = 'npm run controls -- --data-dir DIR [--seeds N] [--classifier quick|full]';

/** Images that stand in for samples, and training images that are taken out for it. */
const count = 5000;
const takenOut = 10_000;
/** Test images that Parzen windows are measured on. */
const measured = 1000;
const judged = ['c2st', 'mmd', 'classes', 'fid', 'score', 'precision-recall', 'memorisation', 'parzen'];

interface Parts {
  readonly train: Dataset;
  readonly taken: Dataset;
  readonly validation: Dataset;
  readonly test: Dataset;
}

/** Whole numbers below `size` in random order (Fisher and Yates, by a small generator of its own). */
function shuffled(size: number, seed: number): Int32Array {
  const order = Int32Array.from({ length: size }, (_, i) => i);
  let state = (seed + 1) * 0x9e3779b9;
  for (let i = size - 1; i > 0; i--) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    const j = ((state ^ (state >>> 13)) >>> 0) % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Real images as samples. */
function imagesAsSamples(name: string, images: Dataset, changes: Partial<SampleSource> = {}): SampleSource {
  return {
    name,
    spec: images.spec,
    draw: async ({ count, firstIndex = 0 }) => ({
      data: await images.gather(Int32Array.from({ length: count }, (_, i) => firstIndex + i)),
      labels: null,
    }),
    ...changes,
  };
}

/** The same with so large a share of training images in their places. */
function withCopies(images: Dataset, train: Dataset, share: number): SampleSource {
  return imagesAsSamples('copies', images, {
    draw: async ({ count }) => {
      const { shape, data } = await images.gather(Int32Array.from({ length: count }, (_, i) => i));
      // Spread over all samples, as the search takes the first of them.
      const every = Math.round(1 / share);
      const width = data.length / count;
      const values = Float32Array.from(data);
      for (let i = 0; i < count; i += every) values.set((await train.gather([i])).data, i * width);
      return { data: hostTensor('float32', shape, values), labels: null };
    },
  });
}

async function readParts(dir: string): Promise<Parts> {
  const [all, validation, test] = await Promise.all(
    (['train', 'validation', 'test'] as const).map((split) => loadDataset({ name: 'mnist', split, dir })),
  );
  const order = shuffled(all!.size, 0);
  return {
    train: partOf(all!, order.slice(takenOut).sort()),
    taken: partOf(all!, order.slice(0, takenOut).sort()),
    validation: validation!,
    test: partOf(test!, shuffled(test!.size, 0).slice(0, measured)),
  };
}

/** Runs the diagnostics, prints what is not ok, and returns the verdicts by name. */
async function verdictsOf(what: string, request: EvaluationRequest, names: readonly string[]) {
  const { reported, seconds } = await evaluate(request, diagnosticsNamed(names));
  const found = reported.map(({ entry, outcome }) => {
    const { verdict, text } = isSkipped(outcome)
      ? { verdict: 'left out', text: outcome.skipped }
      : outcome.finding;
    return { name: entry.name, verdict, text };
  });
  const faults = found.filter(({ verdict }) => verdict !== 'ok');
  console.log(
    `seed ${request.seed}, ${what}: ${faults.length === 0 ? 'every verdict ok' : faults.map(({ name, verdict, text }) => `${name} ${verdict}: ${text}`).join(' | ')} (${seconds.toFixed(0)} s)`,
  );
  return new Map(found.map(({ name, verdict }) => [name, verdict]));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string' },
      seeds: { type: 'string', default: '20' },
      classifier: { type: 'string', default: 'quick' },
      cache: { type: 'string', default: 'evaluation/cache' },
    },
  });
  const dir = values['data-dir'];
  const seeds = Number(values.seeds);
  const effort = values.classifier;
  if (dir === undefined || !Number.isInteger(seeds) || (effort !== 'quick' && effort !== 'full')) {
    throw new UserError(`controls: expected ${usage}`);
  }
  const parts = await readParts(dir);
  const passed = { validation: 0, training: 0, copies: 0, binarised: 0 };
  for (let seed = 0; seed < seeds; seed++) {
    const order = shuffled(parts.validation.size, seed);
    const images = partOf(parts.validation, order.slice(0, count));
    const common = {
      train: parts.train,
      setApart: partOf(parts.validation, order.slice(count)),
      test: parts.test,
      count,
      seed,
      againstTrain: false,
      cacheFolder: values.cache,
      effort,
      runFolder: null,
    } as const;
    const allOk = (verdicts: Map<string, string>) =>
      [...verdicts.values()].every((verdict) => verdict === 'ok') ? 1 : 0;
    const judge = (what: string, source: SampleSource, names = judged) =>
      verdictsOf(what, { ...common, source }, names);
    passed.validation += allOk(await judge('validation images', imagesAsSamples('validation', images)));
    const taken = partOf(parts.taken, shuffled(takenOut, seed).slice(0, count));
    passed.training += allOk(await judge('images taken out of training', imagesAsSamples('training', taken)));
    const copied = await judge('2 % copies', withCopies(images, parts.train, 0.02), ['memorisation']);
    passed.copies += copied.get('memorisation') === 'problem' ? 1 : 0;
    const binary = imagesAsSamples('binarised', binarised(images, 1 + seed), { binarises: true });
    passed.binarised += allOk(
      await judge('binarised validation images', binary, ['c2st', 'mmd', 'fid', 'precision-recall']),
    );
  }
  console.log(`every verdict ok for validation images: ${passed.validation} of ${seeds} seeds`);
  console.log(`every verdict ok for images taken out of training: ${passed.training} of ${seeds} seeds`);
  console.log(`2 % copies flagged: ${passed.copies} of ${seeds} seeds`);
  console.log(`every verdict ok for binarised validation images: ${passed.binarised} of ${seeds} seeds`);
}

main().catch((error: unknown) => {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
});
