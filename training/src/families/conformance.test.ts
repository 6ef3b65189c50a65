import { referenceInputs, tf } from '@generatrix/export';
import { batchPlan, type HostTensor, stepInputs } from '@generatrix/runtime/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Trainer } from '../engine/engine.ts';
import { initialState } from '../engine/initial-state.ts';
import { onnxEngine } from '../engine/onnx-engine.ts';
import { tfjsEngine } from '../engine/tfjs-engine.ts';
import type { Model } from '../model/model.ts';
import { type HostState, ofKind } from '../model/state.ts';
import { familyCases } from '../testing/cases.ts';
import type { FamilyCase } from '../testing/family-case.ts';
import { describeData, firstExamples } from '../testing/tiny-data.ts';
import { buildModel, families, familyNamed } from './registry.ts';

const seed = 7;
/** Every training step is a chain of float32 sums in another order; the losses stay this close for 6 steps. */
const lossTolerance = 1e-3;

function modelOf({ family, options, training, dataset, batchSize }: FamilyCase): Model {
  return buildModel(familyNamed(family), options, describeData(dataset), training, batchSize).model;
}

async function startOf(model: Model, { dataset }: FamilyCase): Promise<HostState> {
  const state = initialState(model, seed);
  return (await model.initialise?.(state, dataset, seed)) ?? state;
}

async function trainers(model: Model, { batchSize, dataset }: FamilyCase): Promise<Trainer[]> {
  const shapes = { batchSize, dataShape: dataset.spec.shape };
  const engines = [onnxEngine('cpu'), tfjsEngine(() => {})];
  return Promise.all(engines.map((engine) => engine.prepare(model, shapes)));
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('has a case for every family', () => {
  const covered = new Set(familyCases.map(({ family }) => family));
  expect(families.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
});

/** The cases with their models, one for each phase of those that train in phases. */
const trainedCases = familyCases.flatMap((familyCase) => {
  const model = modelOf(familyCase);
  if (model.phases === undefined) return [{ name: familyCase.name, familyCase, model }];
  return model.phases.map(({ name, step }) => ({
    name: `${familyCase.name}, phase ${name}`,
    familyCase,
    model: { ...model, step },
  }));
});

describe.each(trainedCases)('$name', ({ familyCase, model }) => {
  const { dataset, batchSize } = familyCase;
  const plan = batchPlan(model.batching, dataset.size, batchSize, seed);
  const inputsAt = (step: number) =>
    stepInputs(model, dataset, plan(step), { seed, step, learningRate: 3e-3 });

  let compiled: Trainer;
  let eager: Trainer;
  beforeAll(async () => {
    [compiled, eager] = (await trainers(model, familyCase)) as [Trainer, Trainer];
  });
  afterAll(async () => {
    await compiled.release();
    await eager.release();
  });

  it('compiled and eager steps report the same numbers for 6 steps and end in the same state', async () => {
    for (const trainer of [compiled, eager]) await trainer.setState(await startOf(model, familyCase));
    for (let step = 0; step < 6; step++) {
      const inputs = await inputsAt(step);
      const [fast, slow] = [await compiled.step(inputs), await eager.step(inputs)];
      for (const [name, value] of Object.entries(slow)) {
        const off = Math.abs(fast[name]! - value) / Math.max(1, Math.abs(value));
        expect(off, `${name} at step ${step}`).toBeLessThan(lossTolerance);
      }
    }
    expectSameState(await compiled.getState(), await eager.getState());
  });

  it('steps taken several at once give the state and the numbers of single steps, bit for bit', async () => {
    const inputs = await Promise.all([0, 1, 2, 3].map(inputsAt));
    await compiled.setState(await startOf(model, familyCase));
    const single: Record<string, number>[] = [];
    for (const each of inputs) single.push(await compiled.step(each));
    const expected = await compiled.getState();
    await compiled.setState(await startOf(model, familyCase));
    const block = [...(await compiled.steps(inputs.slice(0, 2))), ...(await compiled.steps(inputs.slice(2)))];
    const state = await compiled.getState();
    expect(block).toEqual(single);
    expect(state).toEqual(expected);
  });

  it('training moves every parameter, and what it reports goes the way that the model says', async () => {
    const before = await startOf(model, familyCase);
    await compiled.setState(before);
    const reports: Record<string, number>[] = [];
    for (let step = 0; step < 60; step++) reports.push(await compiled.step(await inputsAt(step)));
    const after = await compiled.getState();
    // What comes from the data is never changed, and slots of a sweep are empty again when an epoch has just ended.
    const sweeps = model.batching === 'sweep';
    const learned = Object.keys(
      ofKind(model.state, 'parameter', 'statistic', ...(sweeps ? [] : ['slot' as const])),
    );
    const still = learned.filter((name) =>
      after[name]!.data.every((value, i) => value === before[name]!.data[i]),
    );
    // A phase moves its own; that all phases together move everything is a test of its own.
    if (model.phases === undefined) expect(still).toEqual([]);
    else expect(still.length).toBeLessThan(learned.length);
    const mean = (some: typeof reports, name: string) =>
      some.reduce((sum, report) => sum + report[name]!, 0) / some.length;
    const specs = Object.entries({ loss: { direction: 'falls' }, ...model.metrics });
    const directed = specs.filter(
      ([name, { direction }]) =>
        direction !== 'neither' && (model.phases === undefined || name in reports[0]!),
    );
    // Something that is reported says whether training goes well.
    expect(directed).not.toEqual([]);
    for (const [name, { direction }] of directed) {
      const change = mean(reports.slice(-10), name) - mean(reports.slice(0, 10), name);
      expect(direction === 'falls' ? -change : change, `${name} ${direction}`).toBeGreaterThan(0);
    }
  });

  it.each(Object.keys(model.programs))(
    'program %s is the same compiled and eager, at batches of 1 and 5',
    async (name) => {
      const state = await startOf(model, familyCase);
      await compiled.setState(state);
      await eager.setState(state);
      for (const count of [1, 5]) {
        const { signature } = model.programs[name]!;
        const { outputs } = signature;
        const inputs = referenceInputs(name, signature, await firstExamples(dataset, count), seed);
        const [fast, slow] = [await compiled.run(name, inputs), await eager.run(name, inputs)];
        for (const [output, { dtype, shape }] of Object.entries(outputs)) {
          expect(slow[output]!.shape).toEqual([count, ...shape]);
          expect(slow[output]!.dtype).toBe(dtype);
          expectClose(fast[output]!, slow[output]!, `${name}/${output}`);
        }
      }
    },
  );
});

describe.each(familyCases.filter((each) => modelOf(each).phases !== undefined))('$name', (familyCase) => {
  it('its phases together move every parameter', async () => {
    const { dataset, batchSize } = familyCase;
    const whole = modelOf(familyCase);
    const before = await startOf(whole, familyCase);
    let state = before;
    for (const { step } of whole.phases!) {
      const model = { ...whole, step };
      const trainer = await onnxEngine('cpu').prepare(model, { batchSize, dataShape: dataset.spec.shape });
      await trainer.setState(state);
      const plan = batchPlan(model.batching, dataset.size, batchSize, seed);
      for (let at = 0; at < 5; at++) {
        const key = { seed, step: at, learningRate: 3e-3 };
        await trainer.step(await stepInputs(model, dataset, plan(at), key));
      }
      state = await trainer.getState();
      await trainer.release();
    }
    const still = Object.keys(ofKind(whole.state, 'parameter', 'statistic', 'slot')).filter((name) =>
      state[name]!.data.every((value, i) => value === before[name]!.data[i]),
    );
    expect(still).toEqual([]);
  });
});

function expectSameState(actual: HostState, expected: HostState): void {
  expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
  // Six steps of Adam amplify rounding where a gradient is nearly zero: its sign decides a step of full size.
  for (const [name, tensor] of Object.entries(expected)) expectClose(actual[name]!, tensor, name, 2e-2);
}

/** Equal up to float32 sums in another order, relative to the tensor's largest value. */
function expectClose(actual: HostTensor, expected: HostTensor, what: string, tolerance = 1e-4): void {
  expect(actual.shape, what).toEqual(expected.shape);
  const scale = Array.from(expected.data).reduce(
    (largest, value) => Math.max(largest, Math.abs(value)),
    1e-3,
  );
  const error = Array.from(expected.data).reduce(
    (worst, value, i) => Math.max(worst, Math.abs(value - actual.data[i]!)),
    0,
  );
  expect(error / scale, what).toBeLessThan(tolerance);
}
