import type { DataSpec } from '@generatrix/runtime';
import { families } from '@generatrix/training';
import { once } from './timing.ts';
import { programsOf, untrainedModel } from './untrained.ts';

const specs: readonly DataSpec[] = [
  { kind: 'image', shape: [28, 28, 1], range: [0, 1] },
  { kind: 'audio', shape: [2000], sampleRate: 8000, range: [-1, 1] },
  { kind: 'points', shape: [2] },
];

/** Tracing and writing every program of every family, with the starting weights and the first kind of data that it takes. */
export async function benchExport(): Promise<void> {
  for (const { name, options, refuses } of families) {
    const spec = specs.find((known) => refuses({ spec: known, classNames: [] }, options.parse({})) === null);
    if (spec === undefined) {
      console.log(`trace and write ${name}: not timed, it takes none of the kinds of data here`);
      continue;
    }
    const model = untrainedModel(name, {}, spec);
    const time = await once(() => programsOf(model, Object.keys(model.programs)));
    console.log(`trace and write ${name} for ${spec.kind} ${spec.shape.join('x')}: ${time.toFixed(0)} ms`);
  }
}
