import { UserError } from '@generatrix/runtime';
import { expect, it } from 'vitest';
import { writeOnnx } from '../onnx/write.ts';
import { tf } from '../tf.ts';
import { trace } from '../trace/trace.ts';
import { withWeightsInside } from './external-data.ts';
import { readOnnxFile } from './onnx-file.ts';
import { contents, encodeField, joinBytes, readFields } from './protobuf-fields.ts';

const values = Float32Array.from({ length: 6 }, (_, i) => i + 0.5);

/** A program whose matrix of six numbers is its one weight. */
async function whole(): Promise<Uint8Array> {
  await tf.setBackend('cpu');
  const weight = tf.tensor2d(values, [2, 3]);
  return writeOnnx(
    trace(({ x }) => ({ y: tf.matMul(x as tf.Tensor2D, weight) }), {
      x: { dtype: 'float32', shape: [4, 2] },
    }),
    { name: 'whole' },
  );
}

/** The program with its weight in another file, at the place that these entries give. */
function externalised(bytes: Uint8Array, entries: Record<string, string>): Uint8Array {
  const rewritten = (message: Uint8Array, number: number, change: (content: Uint8Array) => Uint8Array) =>
    joinBytes(
      readFields(message).map((field) =>
        field.number === number ? encodeField(number, change(field.content!)) : field.raw,
      ),
    );
  return rewritten(bytes, 7, (graph) =>
    rewritten(graph, 5, (tensor) =>
      joinBytes([
        ...readFields(tensor).flatMap(({ number, raw }) => (number === 9 ? [] : [raw])),
        ...Object.entries(entries).map(([key, value]) =>
          encodeField(13, joinBytes([encodeField(1, key), encodeField(2, value)])),
        ),
        Uint8Array.of(14 << 3, 1),
      ]),
    ),
  );
}

const rawOf = (bytes: Uint8Array) =>
  contents(readFields(contents(readFields(contents(readFields(bytes), 7)[0]!), 5)[0]!), 9)[0]!;
const none = () => Promise.reject(new Error('nothing is to be read'));

it('weights of another file come inside, at their offset', async () => {
  const bytes = await whole();
  const file = joinBytes([new Uint8Array(8), new Uint8Array(values.buffer), new Uint8Array(5)]);
  const outside = externalised(bytes, { location: 'w.bin', offset: '8', length: '24' });
  expect(() => readOnnxFile(outside, 'm.onnx')).toThrow(/lies in another file/);
  const read: string[] = [];
  const inside = await withWeightsInside(outside, 'm.onnx', async (location) => {
    read.push(location);
    return file;
  });
  expect(read).toEqual(['w.bin']);
  expect([...new Float32Array(rawOf(inside).slice().buffer)]).toEqual([...values]);
  expect(readOnnxFile(inside, 'm.onnx').inputs.map(({ name }) => name)).toEqual(['x']);
});

it('without offset and length it is the whole file', async () => {
  const outside = externalised(await whole(), { location: 'w.bin' });
  const inside = await withWeightsInside(outside, 'm.onnx', async () => new Uint8Array(values.buffer));
  expect([...new Float32Array(rawOf(inside).slice().buffer)]).toEqual([...values]);
});

it('what holds its weights, or is no model, stays as it is and reads nothing', async () => {
  const bytes = await whole();
  expect(await withWeightsInside(bytes, 'm.onnx', none)).toBe(bytes);
  const text = new TextEncoder().encode('not a model');
  expect(await withWeightsInside(text, 'm.onnx', none)).toBe(text);
});

it('places outside the file are refused', async () => {
  const wrong: Record<string, string>[] = [
    { offset: '0', length: '25' },
    { offset: '20', length: '8' },
    { offset: '-4', length: '8' },
    { offset: 'x' },
  ];
  for (const entries of wrong) {
    const outside = externalised(await whole(), { location: 'w.bin', ...entries });
    const failure = await withWeightsInside(outside, 'm.onnx', async () => new Uint8Array(24)).catch(
      (error) => error,
    );
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as Error).message).toMatch(
      /m\.onnx: its weight .* of w\.bin, which has 24; copy the files again/,
    );
  }
});
