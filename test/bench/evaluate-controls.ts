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
 * The controls of `generatrix evaluate` on MNIST. Real images that no model was trained on stand in for samples, so that
 * every verdict must be ok: a quarter of the validation part against the rest of it (`validation`), and images taken out
 * of the training part (`training`). With 2 % copies of training images among them memorisation must be a problem
 * (`copies`), and binarised they must get what binarised images get (`binarised`).
 */
const usage =
  'npm run controls -- --data-dir DIR [--seeds N] [--classifier quick|full] [validation|training|copies|binarised ...]';

/** Images that stand in for samples, and training images that are taken out for it. */
const count = 2500;
const takenOut = 10_000;
/** Training images, fewer than there are, which makes the search for copies quicker. */
const trainedOn = 20_000;
/** Test images that Parzen windows are measured on. */
const measured = 500;
const judged = ['c2st', 'mmd', 'classes', 'fid', 'score', 'precision-recall', 'memorisation', 'parzen'];

interface Parts {
  readonly train: Dataset;
  /** Taken out of the training images. */
  readonly taken: Dataset;
  readonly test: Dataset;
  /** Of the validation part. */
  readonly images: Dataset;
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

async function readParts(dir: string): Promise<Omit<Parts, 'images'> & { readonly validation: Dataset }> {
  const [all, validation, test] = await Promise.all(
    (['train', 'validation', 'test'] as const).map((split) => loadDataset({ name: 'mnist', split, dir })),
  );
  const order = shuffled(all!.size, 0);
  return {
    train: partOf(all!, order.slice(takenOut, takenOut + trainedOn).sort()),
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

/** Each control: does it give the verdicts that it must? */
const controls: Readonly<
  Record<string, (parts: Parts, request: Omit<EvaluationRequest, 'source'>) => Promise<boolean>>
> = {
  validation: async ({ images }, request) =>
    allOk(
      await verdictsOf(
        'validation images',
        { ...request, source: imagesAsSamples('validation', images) },
        judged,
      ),
    ),
  copies: async ({ images, train }, request) => {
    const source = withCopies(images, train, 0.02);
    const found = await verdictsOf('2 % copies', { ...request, source }, ['memorisation']);
    return found.get('memorisation') === 'problem';
  },
  training: async ({ taken }, request) => {
    const some = partOf(taken, shuffled(takenOut, request.seed).slice(0, count));
    const source = imagesAsSamples('training', some);
    return allOk(await verdictsOf('images taken out of training', { ...request, source }, judged));
  },
  binarised: async ({ images }, request) => {
    const drawn = binarised(images, 1 + request.seed);
    const source = imagesAsSamples('binarised', drawn, { binarises: true });
    return allOk(await verdictsOf('binarised validation images', { ...request, source }, judged));
  },
};

function allOk(verdicts: Map<string, string>): boolean {
  return [...verdicts.values()].every((verdict) => verdict === 'ok');
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
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
  const chosen = positionals.length === 0 ? Object.keys(controls) : positionals;
  const known = chosen.every((name) => Object.hasOwn(controls, name));
  if (dir === undefined || !Number.isInteger(seeds) || !known || (effort !== 'quick' && effort !== 'full')) {
    throw new UserError(`controls: expected ${usage}`);
  }
  const { validation, ...rest } = await readParts(dir);
  for (const name of chosen) {
    let passed = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const order = shuffled(validation.size, seed);
      const images = partOf(validation, order.slice(0, count));
      const right = await controls[name]!(
        { ...rest, images },
        {
          train: rest.train,
          setApart: partOf(validation, order.slice(count)),
          test: rest.test,
          count,
          seed,
          againstTrain: false,
          cacheFolder: values.cache,
          effort,
          runFolder: null,
        },
      );
      if (right) passed++;
    }
    console.log(`${name}: the right verdicts for ${passed} of ${seeds} seeds`);
  }
}

main().catch((error: unknown) => {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
});
