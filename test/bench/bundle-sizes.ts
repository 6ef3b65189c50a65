import { lowerToOnnx, shareWeights, tf, traceExported } from '@generatrix/export';
import { bindState, buildModel, families, initialState, loadDataset, toTensor } from '@generatrix/training';

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2);
const total = (files: readonly Uint8Array[]) => files.reduce((sum, { length }) => sum + length, 0);

/**
 * Bytes of the programs of every family at its defaults, on drawn digits or else points: each with its own weights, and
 * with the weights that they share; of both what it takes to sample, which a page downloads first.
 */
export async function benchBundleSizes(): Promise<void> {
  await tf.setBackend('cpu');
  const datasets = [];
  for (const name of ['glyphs', 'ring8']) {
    const { spec, classNames } = await loadDataset({ name, split: 'train', seed: 1, size: 200 });
    datasets.push({ spec, classNames });
  }
  const all = { own: 0, shared: 0, sampleOwn: 0, sampleShared: 0 };
  for (const family of families) {
    const model = datasets.map((data) => modelOf(() => buildModel(family, {}, data).model)).find(Boolean);
    if (!model) continue;
    const state = Object.entries(initialState(model, 1)).map(([name, x]) => [name, toTensor(x)] as const);
    const programs = Object.entries(bindState(model, Object.fromEntries(state)));
    const lowered = Object.fromEntries(
      programs.map(([name, program]) => [name, lowerToOnnx(traceExported(name, program), { name })]),
    );
    const own = Object.values(lowered).map((program) => program.encode(new Map()));
    const shared = shareWeights(lowered);
    const { sample } = shared.programs;
    const counts = {
      own: total(own),
      shared: total([
        ...Object.values(shared.files),
        ...Object.values(shared.programs).map(({ onnx }) => onnx),
      ]),
      sampleOwn: lowered.sample?.encode(new Map()).length ?? 0,
      sampleShared: sample ? total([sample.onnx, ...sample.weights.map((file) => shared.files[file]!)]) : 0,
    };
    for (const key of Object.keys(all) as (keyof typeof all)[]) all[key] += counts[key];
    report(`${family.name}, ${programs.length} programs`, counts);
  }
  report('all', all);
}

function report(
  what: string,
  counts: { own: number; shared: number; sampleOwn: number; sampleShared: number },
): void {
  const { own, shared, sampleOwn, sampleShared } = counts;
  console.log(
    `${what}: ${megabytes(own)} MB with weights in each, ${megabytes(shared)} MB shared; ` +
      `to sample ${megabytes(sampleOwn)} and ${megabytes(sampleShared)} MB`,
  );
}

/** Null for data that the family does not take. */
function modelOf<T>(build: () => T): T | null {
  try {
    return build();
  } catch {
    return null;
  }
}
