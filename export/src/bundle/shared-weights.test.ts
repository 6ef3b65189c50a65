import { decodeSafetensors } from '@generatrix/runtime';
import { describe, expect, it } from 'vitest';
import type { Initializer } from '../onnx/proto.ts';
import { messages, readWire, texts } from '../onnx/wire.ts';
import { lowerToOnnx } from '../onnx/write.ts';
import { tf } from '../tf.ts';
import { traceBatched } from '../trace/symbolic.ts';
import type { NamedTensors } from '../trace/trace.ts';
import { shareWeights } from './shared-weights.ts';

await tf.setBackend('cpu');

const x = { x: { dtype: 'float32', shape: [64], batched: true } } as const;
const program = (name: string, run: (x: tf.Tensor) => tf.Tensor) =>
  lowerToOnnx(
    traceBatched((inputs: NamedTensors) => ({ y: run(inputs.x!) }), x),
    { name },
  );
const noise = (seed: number) => tf.randomNormal([64, 100], 0, 1, 'float32', seed);
const [both, first, small] = [noise(1), noise(2), tf.randomNormal([64], 0, 1, 'float32', 3)];
/** Large enough for a file of its own. */
const large = tf.randomNormal([64, 70_000], 0, 1, 'float32', 4);

const one = program('one', (v) => tf.concat([tf.matMul(v, both), tf.matMul(v, first)], 1));
const two = program('two', (v) => tf.matMul(tf.add(v, small), both));

describe('shareWeights', () => {
  it('writes what programs have in common once; what one alone has stays in it', () => {
    const { files, programs } = shareWeights(
      { one, two },
      { nameOf: (raw) => (isValues(raw, both) ? 'both' : undefined) },
    );
    expect(Object.keys(files)).toEqual(['weights.safetensors']);
    const { tensors } = decodeSafetensors(files['weights.safetensors']!, 'weights');
    expect(Object.keys(tensors)).toEqual(['both']);
    expect(tensors.both!.shape).toEqual([64, 100]);
    expect(tensors.both!.data).toEqual(both.dataSync());
    expect(programs.one!.weights).toEqual(['weights.safetensors']);
    expect(programs.two!.weights).toEqual(['weights.safetensors']);
    expect(programs.one!.onnx.length).toBeGreaterThan(64 * 100 * 4);
    expect(programs.two!.onnx.length).toBeLessThan(2000);
  });

  it('the offset in a program is where the tensor lies', () => {
    const { files, programs } = shareWeights({ one, two });
    const graph = messages(readWire(programs.two!.onnx), 7)[0]!;
    const outside = messages(graph, 5).filter((tensor) => tensor.get(14)?.[0] === 1);
    const places = outside.map((tensor) =>
      Object.fromEntries(messages(tensor, 13).map((entry) => [texts(entry, 1)[0], texts(entry, 2)[0]])),
    );
    expect(places).toEqual([
      { location: 'weights.safetensors', offset: expect.any(String), length: '25600' },
    ]);
    const offset = Number(places[0]!.offset);
    const { buffer } = files['weights.safetensors']!;
    expect(new Float32Array(buffer.slice(offset, offset + 25_600))).toEqual(both.dataSync());
  });

  it('files are by who uses them, so that a program needs no others', () => {
    const three = program('three', (v) => tf.concat([tf.matMul(v, first), tf.matMul(v, large)], 1));
    const { files, programs } = shareWeights({ one, two, three });
    const used = Object.fromEntries(Object.entries(programs).map(([name, { weights }]) => [name, weights]));
    expect(used).toEqual({
      one: ['weights-1.safetensors', 'weights-2.safetensors'],
      two: ['weights-1.safetensors'],
      three: ['weights-2.safetensors', 'weights-3.safetensors'],
    });
    const shapes = Object.values(files).map((bytes) =>
      Object.values(decodeSafetensors(bytes, 'weights').tensors).map(({ shape }) => shape),
    );
    expect(shapes).toEqual([[[64, 100]], [[64, 100]], [[64, 70_000]]]);
  });

  it('equal values are one weight although the traces copied them, other types and zeros of another sign are not', () => {
    const initializer = (name: string, dtype: Initializer['dtype'], raw: Uint8Array): Initializer => ({
      ...{ name, dtype, raw },
      shape: [raw.length / 4],
    });
    const bytes = (value: number) => new Uint8Array(new Float32Array(5000).fill(value).buffer);
    const holding = (name: string, ...initializers: Initializer[]) => ({
      name,
      initializers,
      encode: () => new Uint8Array(),
    });
    const { files } = shareWeights({
      a: holding('a', initializer('w', 'float32', bytes(0)), initializer('v', 'float32', bytes(-0))),
      b: holding('b', initializer('q', 'int32', bytes(0)), initializer('w', 'float32', bytes(0))),
      c: holding('c', initializer('q', 'int32', bytes(0)), initializer('v', 'float32', bytes(-0))),
    });
    const names = Object.values(files).map((file) =>
      Object.entries(decodeSafetensors(file, 'weights').tensors).map(([name, { dtype }]) => [name, dtype]),
    );
    expect(names).toEqual([[['a/w', 'float32']], [['a/v', 'float32']], [['b/q', 'int32']]]);
  });

  it('a bundle without common weights has no files of them', () => {
    expect(shareWeights({ one }).files).toEqual({});
    expect(shareWeights({ one }).programs.one!.weights).toEqual([]);
  });

  it('files are divided where they are full; a weight of more than a file holds is in one by itself', () => {
    const weights = [10_000, 10_000, 50_000, 10_000, 10_000].map((size, i) =>
      new Float32Array(size).fill(i + 1),
    );
    const holding = (name: string) => ({
      name,
      initializers: weights.map((values, i): Initializer => {
        const raw = new Uint8Array(values.buffer);
        return { name: `w${i}`, dtype: 'float32', shape: [values.length], raw };
      }),
      encode: () => new Uint8Array(),
    });
    const shared = shareWeights({ a: holding('a'), b: holding('b') }, { fileBytes: 100_000 });
    const names = Object.values(shared.files).map((file) =>
      Object.keys(decodeSafetensors(file, 'w').tensors),
    );
    expect(names).toEqual([['a/w0', 'a/w1'], ['a/w2'], ['a/w3', 'a/w4']]);
    expect(shared.programs.b!.weights).toEqual(Object.keys(shared.files));
  });

  it('a weight that is too large for any file is refused with its size', () => {
    const raw = new Uint8Array(2 ** 31);
    const weight: Initializer = { name: 'w', dtype: 'float32', shape: [2 ** 29], raw };
    const program = { name: 'p', initializers: [weight], encode: () => new Uint8Array() };
    expect(() => shareWeights({ program })).toThrow(/^weight 'program\/w' alone has 2147483648 bytes/);
  });
});

function isValues(raw: Uint8Array, tensor: tf.Tensor): boolean {
  return Buffer.compare(raw, new Uint8Array(tensor.dataSync().buffer)) === 0;
}
