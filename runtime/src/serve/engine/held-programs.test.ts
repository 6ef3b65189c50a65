import { expect, test } from 'vitest';
import { HeldPrograms } from './held-programs.ts';
import type { LoadedModel } from './loaded-model.ts';

/** A model of programs of so many bytes. */
function model(id: number, sizes: Readonly<Record<string, number>>): LoadedModel {
  const programs = Object.fromEntries(
    Object.entries(sizes).map(([name, bytes]) => [
      name,
      { inputs: {}, onnx: new Uint8Array(bytes / 2), weights: { 'w.bin': new Uint8Array(bytes / 2) } },
    ]),
  );
  return { id, name: `m${id}`, version: '1', programs } as unknown as LoadedModel;
}

const mb = 2 ** 20;
/** Each takes 2.25 MB. */
const small = [0, 1, 2, 3].map((id) => model(id, { sample: mb }));
const load = (held: HeldPrograms, of: LoadedModel, program = 'sample') => {
  const gone = held.makeRoom(of.programs[program]!);
  held.add(of, program, Promise.resolve());
  return gone.map(({ model: id, program: name }) => `${id} ${name}`);
};

test('what was not used for longest goes first, and no more than has to', () => {
  const held = new HeldPrograms(7 * mb);
  expect(small.slice(0, 3).map((each) => load(held, each))).toEqual([[], [], []]);
  expect(held.use(small[0]!, 'sample')).toBeInstanceOf(Promise);
  expect(load(held, small[3]!)).toEqual(['1 sample']);
  expect(held.use(small[1]!, 'sample')).toBeUndefined();
  expect(load(held, model(4, { sample: 2 * mb }))).toEqual(['2 sample', '0 sample']);
});

test('a program larger than the limit is alone', () => {
  const held = new HeldPrograms(mb);
  expect(load(held, small[0]!)).toEqual([]);
  expect(load(held, small[1]!)).toEqual(['0 sample']);
  expect(HeldPrograms.count([held])).toHaveLength(1);
});

test('a model that is unloaded, or fails to load, leaves its room', async () => {
  const held = new HeldPrograms(5 * mb);
  const two = model(7, { sample: mb, encode: mb });
  load(held, two);
  load(held, two, 'encode');
  expect(held.removeModel(two).map(({ program }) => program)).toEqual(['sample', 'encode']);
  const failed = Promise.reject(new Error('no'));
  held.add(two, 'sample', failed);
  await expect(failed).rejects.toThrow('no');
  held.removeFailed(failed);
  expect(held.use(two, 'sample')).toBeUndefined();
  expect(load(held, small[0]!)).toEqual([]);
  expect(load(held, small[1]!)).toEqual([]);
});

test('what several workers have is counted by program', () => {
  const [one, other] = [new HeldPrograms(10 * mb), new HeldPrograms(10 * mb)];
  load(one, small[0]!);
  load(other, small[0]!);
  load(other, small[1]!);
  const about = { version: '1', program: 'sample' };
  expect(HeldPrograms.count([one, other])).toEqual([
    { ...about, model: 'm0', workers: 2, bytes: 4.5 * mb },
    { ...about, model: 'm1', workers: 1, bytes: 2.25 * mb },
  ]);
});
