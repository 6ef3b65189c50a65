import { createExecutor, type HostTensor, hostTensor } from '@generatrix/runtime';
import { beforeAll, expect, it } from 'vitest';
import type { Graph } from '../graph/ir.ts';
import { writeOnnx } from '../onnx/write.ts';
import { tf } from '../tf.ts';
import { trace } from '../trace/trace.ts';
import { softplusInParts } from './softplus.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const softplusOf = (size: number) =>
  softplusInParts(trace(({ x }) => ({ y: tf.softplus(x!) }), { x: { dtype: 'float32', shape: [size] } }));
const kernels = ({ nodes }: Graph) => nodes.flatMap((node) => (node.op === 'kernel' ? [node.kernel] : []));

it('is log(1 + exp(x)) to all digits of a float32, wherever x lies', async () => {
  const size = 5000;
  const graph = softplusOf(size);
  expect(kernels(graph)).not.toContain('Softplus');
  const edges = [-Infinity, -200, -80, -17, -1e-30, 0, 1e-30, 17, 80, 200, Infinity, NaN];
  const x = Float32Array.from({ length: size }, (_, i) => edges[i] ?? (i - 2500) / 30);
  const program = await (await createExecutor('cpu')).load('y', writeOnnx(graph, { name: 'y' }));
  const { y } = (await program.run({ x: hostTensor('float32', [size], x) })) as { y: HostTensor };
  await program.release();
  const expected = [...x].map((value) =>
    Math.fround(Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)))),
  );
  const wrong = [...y.data].flatMap((value, i) => {
    const close = Math.abs(value - expected[i]!) <= 4e-7 * expected[i]!;
    return close || Object.is(value, expected[i]) ? [] : [[x[i], value, expected[i]]];
  });
  expect(wrong).toEqual([]);
});

it('is left alone where it is small', () => {
  expect(kernels(softplusOf(4095))).toEqual(['Softplus']);
});
