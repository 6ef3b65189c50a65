import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { clipByNorm, gradientNorm } from './gradient-norm.ts';

beforeAll(() => tf.setBackend('cpu'));

/** Norm 13: 3-4-12. */
const gradients = () => ({ kernel: tf.tensor2d([[3, 0, -4]]), bias: tf.tensor1d([12]) });

describe('the norm of all gradients', () => {
  it('is that of one long vector', () => expect(gradientNorm(gradients()).arraySync()).toBeCloseTo(13, 5));

  it.each([13, 20])('leaves them as they are at a limit of %s', (limit) => {
    const { kernel, bias } = clipByNorm(gradients(), limit);
    expect([...kernel!.dataSync(), ...bias!.dataSync()]).toEqual([3, 0, -4, 12]);
  });

  it('scales them to the limit above it, direction kept', () => {
    const { kernel, bias } = clipByNorm(gradients(), 6.5);
    expect([...kernel!.dataSync(), ...bias!.dataSync()]).toEqual([1.5, 0, -2, 6]);
  });

  it('leaves zeros as zeros', () => {
    const zeros = clipByNorm({ kernel: tf.zeros([2]) }, 1);
    expect([...zeros.kernel!.dataSync()]).toEqual([0, 0]);
  });
});
