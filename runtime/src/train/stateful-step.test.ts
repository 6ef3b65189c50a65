import { describe, expect, it } from 'vitest';
import type { LoadedProgram } from '../program/executor.ts';
import { type HostTensor, hostTensor } from '../program/tensor.ts';
import { TrainingState } from './stateful-step.ts';

/** w <- 2 w + x, with its loss w; some devices write to the memory that they are given, others to their own. */
function doubling(fills: boolean): LoadedProgram & { readonly given: (HostTensor | undefined)[] } {
  const given: (HostTensor | undefined)[] = [];
  return {
    inputs: [
      { name: 'state/w', dtype: 'float32', shape: [2] },
      { name: 'x', dtype: 'float32', shape: [] },
    ],
    outputs: [],
    given,
    run: async (inputs, into = {}) => {
      const [w, x] = [inputs['state/w'] as HostTensor, inputs.x as HostTensor];
      const target = into['next/w'];
      given.push(target);
      const values = w.data.map((value) => 2 * value + x.data[0]!);
      if (fills) target?.data.set(values);
      const next = fills && target !== undefined ? target : hostTensor('float32', [2], values);
      return { 'next/w': next, 'metric/loss': hostTensor('float32', [], [w.data[0]!]) };
    },
    release: async () => {},
  };
}

const x = { x: hostTensor('float32', [], [1]) };
const values = async (state: TrainingState) => [...(await state.get()).w!.data];

describe.each([true, false])('a state on a device that fills memory given to it: %s', (fills) => {
  it('goes from step to step, and neither touches what it was set from nor what was read', async () => {
    const [state, program] = [new TrainingState(), doubling(fills)];
    const start = hostTensor('float32', [2], [1, 3]);
    state.set({ w: start });
    const read: HostTensor[] = [];
    const losses: number[] = [];
    for (let step = 0; step < 4; step++) {
      read.push((await state.get()).w!);
      losses.push((await state.advance(program, x))[0]!.loss!);
    }
    expect(losses).toEqual([1, 3, 7, 15]);
    expect([...start.data]).toEqual([1, 3]);
    expect(read.map(({ data }) => [...data])).toEqual([
      [1, 3],
      [3, 7],
      [7, 15],
      [15, 31],
    ]);
    expect(await values(state)).toEqual([31, 63]);
    // What was read may be changed.
    read[3]!.data.fill(0);
    expect(await values(state)).toEqual([31, 63]);
    state.set({ w: start });
    await state.advance(program, x);
    expect(await values(state)).toEqual([3, 7]);
  });

  it('keeps its shape where a program takes and returns it in another', async () => {
    const [state, step] = [new TrainingState(), doubling(fills)];
    const ports = [{ name: 'next/w', dtype: 'float32', shape: [2] }] as const;
    const seen: unknown[] = [];
    const flat: LoadedProgram = {
      ...step,
      outputs: ports,
      run: async (inputs, into) => {
        seen.push(inputs['state/w']!.shape, into?.['next/w']?.shape);
        return step.run(inputs, into);
      },
    };
    state.set({ w: hostTensor('float32', [1, 2], [1, 3]) });
    await state.advance(flat, x);
    await state.advance(flat, x);
    expect(await state.get()).toEqual({ w: hostTensor('float32', [1, 2], [7, 15]) });
    expect(seen).toEqual([[2], undefined, [2], [2]]);
  });
});

it('steps write the state to the memory of the one before the last', async () => {
  const [state, program] = [new TrainingState(), doubling(true)];
  state.set({ w: hostTensor('float32', [2], [1, 3]) });
  for (let step = 0; step < 5; step++) await state.advance(program, x);
  const [first, a, b, ...rest] = program.given;
  expect(first).toBeUndefined();
  expect(a).toBeDefined();
  expect(b).not.toBe(a);
  expect(rest).toEqual([a, b]);
  expect(rest[0]).toBe(a);
});

it('a device that writes to its own memory is given none, so that no third state is held', async () => {
  const [state, program] = [new TrainingState(), doubling(false)];
  state.set({ w: hostTensor('float32', [2], [1, 3]) });
  for (let step = 0; step < 4; step++) await state.advance(program, x);
  expect(program.given.slice(2)).toEqual([undefined, undefined]);
});

it('a step that fails leaves the state as it was', async () => {
  const [state, program] = [new TrainingState(), doubling(true)];
  state.set({ w: hostTensor('float32', [2], [1, 3]) });
  for (let step = 0; step < 2; step++) await state.advance(program, x);
  const broken: LoadedProgram = {
    ...program,
    run: async (_, into = {}) => {
      into['next/w']!.data.fill(Number.NaN);
      throw new Error('out of memory');
    },
  };
  await expect(state.advance(broken, x)).rejects.toThrow('out of memory');
  expect(await values(state)).toEqual([7, 15]);
  await state.advance(program, x);
  expect(await values(state)).toEqual([15, 31]);
});
