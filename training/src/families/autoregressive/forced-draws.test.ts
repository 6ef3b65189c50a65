import { tf } from '@generatrix/export';
import { fillInputs, type HostTensor } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { initialState } from '../../engine/initial-state.ts';
import { toTensor } from '../../engine/tfjs-engine.ts';

import { familyCases } from '../../testing/cases.ts';
import { describeData } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** A model of each network and each distribution of a value. */
const chosen = [
  'made, two layers',
  'made, mixture',
  'nade',
  'pixelcnn, categorical, conditional, wider windows',
  'pixelrnn, logistic, colour, conditional',
  'transformer',
  'wavenet',
  'wavenet, logistic',
];
const drawing = chosen.map((name) => {
  const { family, options, dataset } = familyCases.find((known) => known.name === name)!;
  const data = describeData(dataset);
  return { name, data, model: buildModel(familyNamed(family), options, data).model };
});

describe.each(drawing)('$name', ({ model, data }) => {
  const { signature, run, forced } = model.programs.sample!;
  const state = () =>
    Object.fromEntries(
      Object.entries(initialState(model, 11)).map(([key, tensor]) => {
        const x = toTensor(tensor);
        return [key, x.rank < 2 ? x : tf.add(x, tf.randomNormal(x.shape, 0, 0.2, 'float32', 3))];
      }),
    );
  const count = 2;
  const given = () => fillInputs('sample', signature.inputs, { seed: 7, firstIndex: 0, count });
  const tensors = (inputs: Record<string, HostTensor>) =>
    Object.fromEntries(Object.entries(inputs).map(([key, x]) => [key, toTensor(x)]));
  const draw = (inputs: Record<string, HostTensor>) =>
    tf.tidy(() => [...run(state(), tensors(inputs)).data!.dataSync()]);
  const force = (inputs: Record<string, HostTensor>, drawn: number[]) =>
    tf.tidy(() => {
      const found = forced!(
        state(),
        tensors(inputs),
        tf.tensor(drawn, [count, ...data.spec.shape], 'float32'),
      );
      const bounds = Object.entries(found.bounds).map(([noise, { lower, upper }]) => ({
        noise,
        lower: [...lower.dataSync()],
        upper: [...upper.dataSync()],
      }));
      return { values: [...found.data.dataSync()], bounds };
    });

  const inputs = given();
  let drawn: number[];
  beforeAll(() => {
    drawn = draw(inputs);
  });

  it('given what was drawn, each step draws it again', () => {
    const { values, bounds } = force(inputs, drawn);
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(drawn[i]!, 4);
    expect(bounds.length).toBeGreaterThan(0);
    for (const { noise, lower, upper } of bounds) {
      for (const [i, u] of inputs[noise]!.data.entries()) {
        expect(lower[i]).toBeLessThanOrEqual(u);
        expect(upper[i]).toBeGreaterThanOrEqual(u);
      }
    }
  });

  it('noise within its bounds leads to the same examples, noise beyond to others', () => {
    const { bounds } = force(inputs, drawn);
    const each = drawn.length / count;
    for (const { noise, lower, upper } of bounds) {
      const { data: uniform, ...rest } = inputs[noise]!;
      const at = (change: (i: number) => number) => {
        const changed = Float32Array.from(uniform, (_, i) => change(i));
        return draw({ ...inputs, [noise]: { ...rest, data: changed } as HostTensor });
      };
      const middle = (i: number) => (Math.max(0, lower[i]!) + Math.min(1 - 2 ** -24, upper[i]!)) / 2;
      for (const [i, value] of at(middle).entries()) expect(value).toBeCloseTo(drawn[i]!, 4);
      // The first value of the first example is beyond the bound on one side; no other of its values comes before it.
      // Another component may lead to the same value.
      if (noise === 'component') continue;
      const [low, high] = [lower[0]!, upper[0]!];
      const beyond = high < 1 ? high + 1e-4 : low - 1e-4;
      const others = at((i) => (i === 0 ? beyond : uniform[i]!)).slice(0, each);
      expect(Math.max(...others.map((value, i) => Math.abs(value - drawn[i]!)))).toBeGreaterThan(1e-4);
    }
  });
});
