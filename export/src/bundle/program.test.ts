import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../tf.ts';
import { type ExportedProgram, traceExported } from './program.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const signature: ExportedProgram['signature'] = {
  inputs: {
    z: { role: 'noise', dtype: 'float32', shape: [3], distribution: 'normal' },
    temperature: { role: 'scalar', dtype: 'float32', shape: [], default: 1 },
  },
  outputs: { data: { dtype: 'float32', shape: [2], meaning: 'data' } },
};
const weights = () => tf.ones([3, 2]) as tf.Tensor2D;

describe('traceExported', () => {
  it('batches every input but scalars', () => {
    const graph = traceExported('sample', {
      signature,
      run: ({ z, temperature }) => ({ data: tf.mul(tf.matMul(z as tf.Tensor2D, weights()), temperature!) }),
    });
    expect(graph.inputs.map(({ value }) => value.shape.length)).toEqual([2, 0]);
  });

  it('refuses a bound whose noise does not say what it belongs to', () => {
    const noise = { role: 'noise', dtype: 'float32', shape: [3], distribution: 'normal' } as const;
    const bound = (inputs: ExportedProgram['signature']['inputs']): ExportedProgram => ({
      signature: { inputs, outputs: { logWeight: { dtype: 'float32', shape: [], meaning: 'logWeight' } } },
      run: ({ eps, u }) => ({ logWeight: tf.sum(tf.add(eps!, u ?? 0), 1) }),
    });
    expect(() => traceExported('logWeight', bound({ eps: noise, u: noise }))).toThrow(/noise 'eps' must say/);
    expect(() =>
      traceExported('logWeight', bound({ eps: { ...noise, belongsTo: 'estimate' }, u: noise })),
    ).toThrow(/noise 'u' must say/);
    expect(traceExported('logWeight', bound({ eps: noise })).outputs).toHaveLength(1);
  });

  it.each<[string, ExportedProgram['run'], RegExp]>([
    ['another shape', ({ z }) => ({ data: z! }), /output 'data' must be float32 \[batch,2\], got float32/],
    [
      'another type',
      ({ z }) => ({ data: tf.cast(tf.matMul(z as tf.Tensor2D, weights()), 'int32') }),
      /got int32/,
    ],
    ['no batch', () => ({ data: tf.zeros([4, 2]) }), /must be float32 \[batch,2\]/],
    ['nothing', ({ z }) => ({ other: z! }), /got nothing/],
  ])('refuses an output of %s', (_, run, message) => {
    expect(() => traceExported('sample', { signature, run })).toThrow(message);
  });
});
