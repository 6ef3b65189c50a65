import { expect, test } from 'vitest';
import { openBundle } from '../bundle/bundle.ts';
import { fillNoise } from '../noise/noise.ts';
import { createExecutor } from '../ort/ort-node.ts';
import { hostTensor } from '../program/tensor.ts';
import { memorySource, type TestProgram, testBundle } from '../testing/bundle.ts';
import type { InterpolateRequest } from './contract.ts';
import { evenPlaces, slerp } from './interpolate.ts';
import { createSampler } from './sampler.ts';

const samplerOf = async (...programs: TestProgram[]) =>
  createSampler(
    await openBundle(memorySource(testBundle(programs).files)),
    await createExecutor('cpu', { threads: 1 }),
  );
const code = (...values: number[]) => ({ latent: hostTensor('float32', [1, 3], values) });

test('on the way between two codes of equal length, the length stays and the angle grows evenly', () => {
  const a = Float32Array.from([2, 0, 0]);
  const b = Float32Array.from([0, 2, 0]);
  const third = slerp(a, b, 1 / 3);
  expect(third[0]).toBeCloseTo(2 * Math.cos(Math.PI / 6), 6);
  expect(third[1]).toBeCloseTo(2 * Math.sin(Math.PI / 6), 6);
  expect([...slerp(a, b, 0)]).toEqual([2, 0, 0]);
  expect(slerp(a, b, 1)[1]).toBeCloseTo(2, 6);
});

test('codes in one line are joined straight', () => {
  expect([...slerp(Float32Array.from([1]), Float32Array.from([3]), 0.5)]).toEqual([2]);
});

test('between two codes: the decoded points, which decode halves, lie on the great circle or on the line', async () => {
  const sampler = await samplerOf('decode');
  const ends = { from: code(2, 0, 0), to: code(0, 2, 0), places: [0, 1 / 3, 1] };
  const { data } = await sampler.interpolate(ends);
  expect(data.shape).toEqual([3, 3]);
  const round = [1, 0, 0, Math.cos(Math.PI / 6), Math.sin(Math.PI / 6), 0, 0, 1, 0];
  for (const [i, value] of round.entries()) expect(data.data[i]).toBeCloseTo(value, 6);
  const straight = (await sampler.interpolate({ ...ends, method: 'linear' })).data.data;
  for (const [i, value] of [1, 0, 0, 2 / 3, 1 / 3, 0, 0, 1, 0].entries()) {
    expect(straight[i]).toBeCloseTo(value, 6);
  }
  await sampler.release();
});

test('between two seeds: the ends are those samples, with the class of the first; the middle is of mixed noise', async () => {
  const sampler = await samplerOf('sample');
  const [from, to] = [
    { seed: 5, index: 3 },
    { seed: 8, index: 0 },
  ];
  const { seed, data, outputs } = await sampler.interpolate({
    from,
    to,
    places: evenPlaces(3),
    method: 'linear',
  });
  expect(seed).toBe(5);
  const one = async ({ seed, index }: typeof from) =>
    (await sampler.sample({ seed, firstIndex: index, count: 1, label: 1 })).data.data;
  expect([...data.data.subarray(0, 3)]).toEqual([...(await one(from))]);
  expect([...data.data.subarray(6)]).toEqual([...(await one(to))]);
  expect([...outputs.level!.data]).toEqual([1, 1, 1]);
  // z W + E[1] of the mean of both noises, worked out by hand: (z1, 2 z0, z2 / 2) + (10, 20, 30).
  const noise = ({ seed, index }: typeof from) =>
    fillNoise({ distribution: 'normal', seed, stream: 'sample/z', firstIndex: index, count: 1, shape: [3] });
  const [a, b] = [noise(from), noise(to)];
  const [x, y, z] = [0, 1, 2].map((i) => (a[i]! + b[i]!) / 2) as [number, number, number];
  for (const [i, value] of [y + 10, 2 * x + 20, z / 2 + 30].entries()) {
    expect(data.data[3 + i]).toBeCloseTo(value, 5);
  }
  await sampler.release();
});

test.each<[string, TestProgram[], Partial<InterpolateRequest>, RegExp]>([
  [
    'ends of two kinds',
    ['sample', 'decode'],
    { to: { seed: 1 } },
    /^to: expected a point of the kind of from/,
  ],
  [
    'two codes for one',
    ['decode'],
    { to: { latent: hostTensor('float32', [2, 3], new Float32Array(6)) } },
    /^to\.latent: expected one code, got 2/,
  ],
  ['no places', ['decode'], { places: [] }, /^places: expected at least one/],
  ['a place that is none', ['decode'], { places: [Number.NaN] }, /^places: .* got \[NaN\]/],
  ['a model that decodes nothing', ['sample'], {}, /no program 'decode'/],
  ['a model without noise', ['decode'], { from: { seed: 1 }, to: { seed: 2 } }, /no program 'sample'/],
])('%s: refused', async (_, programs, change, message) => {
  const sampler = await samplerOf(...programs);
  const request = { from: code(1, 0, 0), to: code(0, 1, 0), places: [0, 1], ...change };
  await expect(sampler.interpolate(request)).rejects.toThrow(message);
  await sampler.release();
});
