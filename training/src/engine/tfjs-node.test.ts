import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { batchPlan, stepInputs } from '@generatrix/runtime/core';
import { describe, expect, it, test } from 'vitest';
import { phasesOf } from '../check/model-checks.ts';
import { buildModel, families, familyNamed } from '../families/registry.ts';
import type { HostState } from '../model/state.ts';
import { runTraining } from '../run/run-training.ts';
import { loadTrained } from '../run/trained-model.ts';
import { familyCases } from '../testing/cases.ts';
import { folderOf } from '../testing/test-support.ts';
import { describeData } from '../testing/tiny-data.ts';
import { initialState } from './initial-state.ts';
import { onnxEngine } from './onnx-engine.ts';
import { selectTfjsBackend, tfjsNodeVariable } from './tfjs-backend.ts';
import { tfjsEngine } from './tfjs-engine.ts';

// What `npm run tfjs-node` builds where it is given no folder; the variable names another, or an installed package serves.
const built = fileURLToPath(
  new URL('../../../.tfjs-node/node_modules/@tensorflow/tfjs-node', import.meta.url),
);
if (process.env[tfjsNodeVariable] === undefined && existsSync(built)) process.env[tfjsNodeVariable] = built;
const { description, warning } = await selectTfjsBackend();
const present = warning === '';
if (!present) {
  console.log(
    `skipped: training with tfjs-node (${warning}; \`npm run tfjs-node\` builds it, see docs/tfjs-node.md)`,
  );
}

/** Cases that say more of a family than its first one does: they have convolutions, mixtures or several scales. */
const telling = [
  'vae, mlp',
  'vae, conv, odd size',
  'made, mixture',
  'realnvp, images, resnet, 2 scales',
  'pixelcnn',
  'pixelrnn',
  'wavenet',
  'dcgan, least squares',
  'wgan, gradient penalty, convolutions',
  'gmmn, images, square, normal prior',
];

/**
 * With Adam the states of `rbm` differ by 1.035e-4. A likely cause, not isolated: its gradient is the difference of two
 * nearly equal means, which Adam divides by its own size, so that rounding grows.
 */
const byDescent = ['rbm'];

/** Every family once, phase by phase where it has some. */
const chosen = families.flatMap(({ name: family }) => {
  const cases = familyCases.filter((each) => each.family === family);
  const familyCase = cases.find(({ name }) => telling.includes(name)) ?? cases[0]!;
  const { options, dataset, batchSize } = familyCase;
  const training = byDescent.includes(family)
    ? { ...familyCase.training, optimizer: 'sgd' as const }
    : familyCase.training;
  const built = buildModel(familyNamed(family), options, describeData(dataset), training, batchSize);
  return phasesOf(built.model).map(({ name: phase, model }) => ({
    name: phase === '' ? familyCase.name : `${familyCase.name}, ${phase}`,
    familyCase,
    model,
  }));
});

const steps = 20;

/** The largest difference between two states, each tensor relative to its largest value. */
function distance(actual: HostState, expected: HostState): number {
  const each = Object.entries(expected).map(([name, { data }]) => {
    const other = actual[name]!.data;
    const values = Array.from<number>(data);
    const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-3);
    return values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - other[i]!)), 0) / scale;
  });
  return Math.max(...each);
}

describe.skipIf(!present)('the eager engine on TensorFlow', () => {
  it.each(chosen)('trains as the compiled step does: $name', async ({ name, familyCase, model }) => {
    const { dataset, batchSize } = familyCase;
    const plan = batchPlan(model.batching, dataset.size, batchSize, 7);
    const blank = initialState(model, 7);
    const start = (await model.initialise?.(blank, dataset, 7)) ?? blank;
    const states: HostState[] = [];
    const losses: number[][] = [];
    for (const engine of [onnxEngine('cpu'), tfjsEngine()]) {
      const trainer = await engine.prepare(model, { batchSize, dataShape: dataset.spec.shape });
      await trainer.setState(start);
      const inputs = await Promise.all(
        Array.from({ length: steps }, (_, step) =>
          stepInputs(model, dataset, plan(step), { seed: 7, step, learningRate: 3e-3 }),
        ),
      );
      losses.push((await trainer.steps(inputs)).map(({ loss }) => loss!));
      states.push(await trainer.getState());
      await trainer.release();
    }
    const [compiled, eager] = losses as [number[], number[]];
    const off = compiled.map((value, i) => Math.abs(value - eager[i]!) / Math.max(1, Math.abs(value)));
    expect(Math.max(...off)).toBeLessThan(1e-4);
    const apart = distance(states[1]!, states[0]!);
    console.log(`${name}: states after ${steps} steps differ by ${apart.toExponential(1)} of their scale`);
    expect(apart).toBeLessThan(1e-4);
  });

  it('takes a run from its first step to its bundle, with the state of the compiled engine', async () => {
    const folder = await folderOf({});
    const states: HostState[] = [];
    for (const engine of ['onnx', 'tfjs'] as const) {
      const run = join(folder, engine);
      const result = await runTraining(run, {
        family: 'vae',
        options: { latent: 2, hidden: [16] },
        data: { name: 'digits8', size: 200 },
        seed: 3,
        steps: 30,
        batchSize: 20,
        learningRate: 1e-3,
        schedule: 'constant',
        engine,
        device: 'cpu',
        reportEvery: 10,
        evaluateEvery: 15,
        checkpointEvery: 15,
      });
      if (engine === 'tfjs') expect(result.engine).toBe(description);
      states.push((await loadTrained(run)).state);
    }
    expect(distance(states[1]!, states[0]!)).toBeLessThan(1e-4);
  });
});

test('a module that does not load is named, with the reason', async () => {
  const before = process.env[tfjsNodeVariable];
  process.env[tfjsNodeVariable] = '/nowhere/tfjs-node';
  await expect(selectTfjsBackend()).rejects.toThrow(
    /GENERATRIX_TFJS_NODE: expected .*'\/nowhere\/tfjs-node' does not load: .*; correct it or unset it/,
  );
  if (before === undefined) delete process.env[tfjsNodeVariable];
  else process.env[tfjsNodeVariable] = before;
});
