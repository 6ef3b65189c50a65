import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NamedTensors, tf, trace, writeOnnx } from '@generatrix/export';
import { decodeSafetensors, encodeSafetensors, fillNoise, hostTensor } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureChromium } from '../browser/ensure-chromium.ts';
import { softwareVulkan } from './software-vulkan.ts';

/**
 * Convolutions that onnxruntime 1.30 computes wrongly on WebGPU, without a word, when they are written as one Conv:
 * (i) filters of more than one cell over a multiple of 3 channels, but 3 itself and multiples of 4, into a multiple of
 * 4; (ii) filters as large as the image with padding at the end alone. They must come out as tfjs has them, on the CPU
 * too, and so must their gradients, which are convolutions of other sizes: that of the filter runs over the batch in
 * the place of the channels, with the output's gradient as its filter.
 */
type Padding = 'same' | 'valid' | [[0, 0], [number, number], [number, number], [0, 0]];

interface Case {
  readonly name: string;
  /** Images: batch, height, width, channels. */
  readonly x: [number, number, number, number];
  /** Filter: height, width, channels, output channels. */
  readonly filter: [number, number, number, number];
  readonly stride?: number;
  readonly pad?: Padding;
}

const cases: readonly Case[] = [
  { name: '6 channels into 4', x: [2, 5, 4, 6], filter: [3, 3, 6, 4] },
  { name: '6 channels into 12, as a gated layer has', x: [2, 6, 6, 6], filter: [2, 3, 6, 12] },
  { name: '9 channels into 8, stride 2', x: [2, 7, 6, 9], filter: [3, 3, 9, 8], stride: 2 },
  { name: '18 channels into 4, a row', x: [2, 4, 9, 18], filter: [1, 2, 18, 4], pad: 'valid' },
  { name: '15 channels into 16, a column', x: [1, 9, 3, 15], filter: [3, 1, 15, 16] },
  {
    name: 'a batch of 6 into 4, which the filter gradient has as channels',
    x: [6, 8, 7, 2],
    filter: [3, 3, 2, 4],
  },
  { name: 'a batch of 9 into 8, stride 2', x: [9, 8, 8, 4], filter: [3, 3, 4, 8], stride: 2 },
  {
    name: 'a filter as large as the image, padding at the end',
    x: [2, 3, 3, 2],
    filter: [3, 3, 2, 4],
    pad: [
      [0, 0],
      [0, 1],
      [0, 2],
      [0, 0],
    ],
  },
  {
    name: 'a filter as large as the image, padding at the end of one axis',
    x: [3, 2, 4, 5],
    filter: [2, 4, 5, 3],
    pad: [
      [0, 0],
      [0, 1],
      [0, 0],
      [0, 0],
    ],
  },
  {
    name: 'a filter as large as the image, padding at the end, strides',
    x: [2, 4, 3, 6],
    filter: [4, 3, 6, 4],
    stride: 2,
    pad: [
      [0, 0],
      [0, 3],
      [0, 2],
      [0, 0],
    ],
  },
  { name: 'an output as large as the image, padding at the end', x: [2, 5, 5, 2], filter: [2, 2, 2, 3] },
  { name: 'the same with a batch of 6 into 4', x: [6, 4, 4, 3], filter: [2, 2, 3, 4] },
  { name: '3 channels into 4, which it computes well', x: [2, 5, 5, 3], filter: [3, 3, 3, 4] },
  { name: '12 channels into 8, which it computes well', x: [2, 5, 5, 12], filter: [3, 3, 12, 8] },
];

const convolved = ({ stride = 1, pad = 'same' }: Case, x: tf.Tensor, filter: tf.Tensor) =>
  tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, pad as 'same');

/** The convolution and the gradients of its product with `dy`, by both of its inputs. */
function program(own: Case): (inputs: NamedTensors) => NamedTensors {
  return ({ x, filter, dy }) => {
    const gradients = tf.grads((image, kernel) =>
      tf.sum(tf.mul(convolved(own, image, kernel), dy!)).asScalar(),
    );
    const [dx, dfilter] = gradients([x!, filter!]) as [tf.Tensor, tf.Tensor];
    return { y: convolved(own, x!, filter!), dx, dfilter };
  };
}

function inputsOf(own: Case, index: number): NamedTensors {
  const noise = (stream: string, shape: number[]) =>
    tf.tensor(
      fillNoise({ distribution: 'normal', seed: 20 + index, stream, firstIndex: 0, count: 1, shape }),
      shape,
    );
  const [x, filter] = [noise('x', own.x), noise('filter', own.filter)];
  return { x, filter, dy: noise('dy', convolved(own, x, filter).shape) };
}

const chromium = await ensureChromium();
const runner = fileURLToPath(new URL('./run-onnx.mjs', import.meta.url));
let folder: string;

beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'generatrix-convolutions-'));
  for (const [i, own] of cases.entries()) {
    const inputs = inputsOf(own, i);
    const specs = Object.entries(inputs).map(([name, { shape }]) => [
      name,
      { dtype: 'float32' as const, shape },
    ]);
    const graph = trace(program(own), Object.fromEntries(specs));
    await writeFile(join(folder, `${i}.onnx`), writeOnnx(graph, { name: 'convolution' }));
    const host = Object.entries(inputs).map(([name, x]) => [
      name,
      hostTensor('float32', x.shape, x.dataSync() as Float32Array),
    ]);
    await writeFile(join(folder, `${i}.inputs.safetensors`), encodeSafetensors(Object.fromEntries(host)));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(['cpu', 'webgpu'] as const)('convolutions on %s', (device) => {
  let notRun: string | null = null;
  beforeAll(() => {
    const environment = device === 'webgpu' ? (softwareVulkan(chromium) ?? {}) : {};
    const { status, stderr } = spawnSync(
      process.execPath,
      [runner, device, folder, ...cases.keys()].map(String),
      {
        env: { ...process.env, ...environment },
        encoding: 'utf8',
      },
    );
    if (status === 3) {
      notRun = stderr.trim();
      console.log(`convolutions on ${device}: skipped: ${notRun}`);
    } else if (status !== 0) throw new Error(`run-onnx.mjs on ${device} ended with ${status}: ${stderr}`);
  });

  it.for(cases.map((own, index) => ({ ...own, index })))('$name', async ({ index, ...own }, context) => {
    if (notRun !== null) context.skip(notRun);
    const file = `${index}.outputs.safetensors`;
    const { tensors } = decodeSafetensors(await readFile(join(folder, file)), file);
    const expected = tf.tidy(() => program(own)(inputsOf(own, index)));
    for (const [name, x] of Object.entries(expected)) {
      const reference = x.dataSync() as Float32Array;
      const actual = tensors[name]!;
      expect(actual.shape).toEqual(x.shape);
      const scale = reference.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      const worst = reference.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - actual.data[i]!)),
        0,
      );
      // Sums of up to 400 products of order 1 in another order; what goes wrong is off by the scale itself.
      expect(worst / scale, name).toBeLessThan(1e-5);
    }
    tf.dispose(expected);
  });
});
