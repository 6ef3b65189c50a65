import { tf } from '@generatrix/export';
import { createExecutor } from '@generatrix/runtime';
import { expect, it } from 'vitest';
import { describeFailure, fuzz } from './cases.ts';
import { compare } from './compare.ts';
import { grid, type Program } from './program.ts';

await tf.setBackend('cpu');
const executor = await createExecutor('cpu', { threads: 1 });

it('random programs and their gradients compute in onnxruntime what they do in tfjs', async () => {
  const { same, refused, failures } = await fuzz(1, 250, executor);
  expect(failures.map(describeFailure)).toEqual([]);
  // Most that is refused is asked to work for any batch size and does not.
  expect(same).toBeGreaterThan(215);
  expect(same + [...refused.values()].reduce((a, b) => a + b, 0)).toBe(250);
});

it('a program that computes something else than tfjs is found out', async () => {
  let calls = 0;
  const wrong = (fn: Program['fn'], shape: number[]): Program => ({
    text: '',
    fn,
    loss: null,
    inputs: [{ name: 'a', dtype: 'float32', shape }],
    batched: [],
  });
  const messageOf = async (program: Program) => {
    const outcome = await compare(program, executor);
    return outcome.kind === 'different' ? outcome.message : outcome.kind;
  };
  // The third run is tfjs's own: tracing takes two.
  const value = wrong(({ a }) => ({ y: ++calls % 3 === 0 ? tf.mul(a!, 1.01) : tf.clone(a!) }), [4]);
  expect(await messageOf(value)).toMatch(/^y\[0\] is -?\d+.*, in tfjs /);
  const shape = wrong(({ a }) => ({ y: ++calls % 3 === 0 ? tf.reshape(a!, [2, 2]) : tf.clone(a!) }), [4]);
  expect(await messageOf(shape)).toBe('y is float32 [4], in tfjs float32 [2,2]');
  expect(await messageOf(wrong(({ a }) => ({ y: tf.neg(a!) }), [4]))).toBe('same');
  expect([...grid([3], 0).dataSync()].every((x) => Number.isInteger(x * 4))).toBe(true);
});
