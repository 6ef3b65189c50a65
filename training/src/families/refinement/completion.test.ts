import { tf } from '@generatrix/export';
import { type HostTensor, hostTensor, type Sampler } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportedSampler, stirredModel } from '../../testing/sampler-test-support.ts';
import { firstExamples, tinyImages } from '../../testing/tiny-data.ts';

const images = tinyImages(8, [4, 5, 1]);
const network = { filters: [4, 6], heads: 2, groups: 2, embedding: 8, sampleSteps: 5 };

describe.each([
  ['flowmatching', network, { solver: 'euler' }],
  ['ddpm', { ...network, eta: 0.5, timesteps: 20 }, {}],
])('%s', (family, options, oneLook) => {
  const load = async (others: object = {}) => {
    await tf.setBackend('cpu');
    const { model, state } = await stirredModel(family, { ...options, ...others }, images);
    return exportedSampler(model, state, images);
  };
  let sampler: Sampler;
  beforeAll(async () => {
    sampler = await load();
  });
  afterAll(() => sampler.release());

  it('completes images: what is known comes back to the bit, the rest is drawn to go with it', async () => {
    const data = await firstExamples(images, 3);
    const rowsOf = ({ data: values }: HostTensor, from: number, to: number) =>
      [0, 1, 2].flatMap((i) => [...values.slice((i * 4 + from) * 5, (i * 4 + to) * 5)]);
    const request = { data, seed: 4 };
    const half = (await sampler.complete({ ...request, known: 2 })).data;
    expect(rowsOf(half, 0, 2)).toEqual(rowsOf(data, 0, 2));
    // Nothing known is a sample, by the same noise.
    const free = (await sampler.sample({ count: 3, seed: 4 })).data;
    expect((await sampler.complete({ ...request, known: 0 })).data).toEqual(free);
    expect(rowsOf(half, 2, 4)).not.toEqual(rowsOf(free, 2, 4));
    expect((await sampler.complete({ ...request, known: 4 })).data).toEqual(data);
    // The images may be dealt out otherwise, and the steps be others.
    expect((await sampler.complete({ ...request, known: 2, batchSize: 2 })).data).toEqual(half);
    expect((await sampler.complete({ ...request, known: 2, steps: 9 })).data).not.toEqual(half);
  });

  it('holds any pixels, and starts from an image with noise', async () => {
    const data = await firstExamples(images, 2);
    const request = { data, seed: 4, known: 0 };
    const marks = Float32Array.from({ length: 20 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const held = hostTensor('float32', [1, 4, 5, 1], marks);
    const drawn = (await sampler.complete({ ...request, held })).data.data;
    for (const [i, value] of data.data.entries()) if (marks[i % 20] === 1) expect(drawn[i]).toBe(value);
    // The first rows are held by marks as by their number.
    const rows = hostTensor(
      'float32',
      [1, 4, 5, 1],
      Float32Array.from(marks, (_, i) => (i < 10 ? 1 : 0)),
    );
    const byRows = (await sampler.complete({ ...request, known: 2 })).data;
    expect((await sampler.complete({ ...request, held: rows })).data).toEqual(byRows);
    // The less noise, the nearer to the image; all of it is a sample.
    const distance = async (strength: number) => {
      const refined = (await sampler.complete({ ...request, strength })).data.data as Float32Array;
      return refined.reduce((sum, value, i) => sum + Math.abs(value - data.data[i]!), 0) / refined.length;
    };
    const distances = [await distance(0.05), await distance(0.3), await distance(1)];
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    expect(distances[0]).toBeLessThan(0.2 * distances[2]!);
    const free = (await sampler.sample({ count: 2, seed: 4 })).data;
    expect((await sampler.complete({ ...request, strength: 1 })).data).toEqual(free);
    // Watched, it ends in the same; what is held is there from the first step on.
    const given = { data, known: 0, held };
    const parts = [];
    for await (const part of sampler.stream({ count: 2, seed: 4, given, strength: 0.5, steps: 3 })) {
      parts.push(part);
    }
    const whole = await sampler.complete({ ...request, held, strength: 0.5, steps: 3 });
    expect(parts).toHaveLength(3);
    expect(parts.at(-1)!.data).toEqual(whole.data);
    expect(parts.at(-1)!.outputs).toEqual({ predicted: whole.outputs.predicted });
    expect(parts[0]!.data.data[0]).toBe(data.data[0]);
    await expect(sampler.complete({ ...request, held: data })).resolves.toBeDefined();
    const narrow = hostTensor('float32', [1, 4, 4, 1], new Float32Array(16));
    await expect(sampler.complete({ ...request, held: narrow })).rejects.toThrow(/input 'held': expected/);
  });

  it('one step is a sample too', async () => {
    const looking = await load(oneLook);
    const { data, outputs } = await looking.sample({ count: 2, seed: 4, steps: 1 });
    expect(data.data.every(Number.isFinite)).toBe(true);
    // From noise to data at one go: the step ends at the example that the network saw.
    for (const [i, x] of data.data.entries()) expect(x).toBeCloseTo(outputs.predicted!.data[i]!, 5);
    await looking.release();
  });

  it('tells while it draws where the sample would end', async () => {
    const { data, outputs } = await sampler.sample({ count: 2, seed: 4 });
    expect(Object.keys(outputs).sort()).toEqual(['data', 'predicted']);
    expect(outputs.predicted!.shape).toEqual(data.shape);
  });
});
