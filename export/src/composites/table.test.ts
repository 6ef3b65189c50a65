import { beforeAll, describe, expect, it } from 'vitest';
import { composedCases } from '../conformance/composed.ts';
import { expectSameInOnnx } from '../onnx/conformance.ts';
import { tf } from '../tf.ts';
import { trace } from '../trace/trace.ts';
import { fourierTransform } from './fourier.ts';
import { fusedComposites } from './fused.ts';
import { shortTimeFourier } from './short-time-fourier.ts';
import { composites } from './table.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const ramp = (...shape: number[]) => {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7)),
    shape,
  );
};
const input = (...shape: number[]) => ({ dtype: 'float32' as const, shape });

it('every composed kernel has a case, and every case one', async () => {
  const called = new Set<string>();
  for (const { fn, inputs } of composedCases) {
    const { kernelNames } = await tf.profile(() => fn(inputs()));
    for (const name of kernelNames) called.add(name);
  }
  const missing = Object.keys(composites).filter((name) => !called.has(name) && !(name in fusedComposites));
  expect(missing).toEqual([]);
});

it('works for any batch size', async () => {
  const pooled = (x: tf.Tensor) => tf.maxPool3d(x as tf.Tensor5D, 2, 1, 'same');
  await expectSameInOnnx(
    ({ x, counts }) => {
      const volume = tf.conv3d(x as tf.Tensor5D, ramp(2, 2, 1, 2, 3) as tf.Tensor5D, [2, 1, 1], 'same');
      const { indexes } = tf.maxPoolWithArgmax(
        tf.reshape(x!, [-1, 4, 9, 2]) as tf.Tensor4D,
        2,
        2,
        'same',
        true,
      );
      const spectrum = tf.spectral.rfft(tf.reshape(x!, [-1, 72]));
      return {
        volume,
        dx: tf.grad((v) => tf.sum(tf.square(pooled(v))))(x!),
        indexes: indexes!,
        flipped: tf.image.flipLeftRight(tf.reshape(x!, [-1, 4, 9, 2]) as tf.Tensor4D),
        magnitude: tf.abs(spectrum),
        bins: tf.denseBincount(counts as tf.Tensor2D, tf.tensor2d([], [0, 0]), 4),
      };
    },
    { x: ramp(2, 4, 3, 3, 2), counts: tf.tensor2d([0, 1, 3, 1, 9, 2], [2, 3], 'int32') },
    { batched: true },
  );
});

describe('complex numbers', () => {
  it('a transform of one turn is a single line', () => {
    const n = 96;
    const turn = (value: (angle: number) => number) =>
      tf.tensor1d(Float32Array.from({ length: n }, (_, i) => value((2 * Math.PI * 5 * i) / n)));
    const { real, imag } = fourierTransform({ real: turn(Math.cos), imag: turn(Math.sin) });
    for (const [k, value] of [...real.dataSync()].entries()) expect(value).toBeCloseTo(k === 5 ? n : 0, 3);
    for (const value of imag.dataSync()) expect(value).toBeCloseTo(0, 3);
    const back = fourierTransform({ real, imag }, { inverse: true });
    for (const [i, value] of [...back.real.dataSync()].entries()) {
      expect(value).toBeCloseTo(Math.cos((2 * Math.PI * 5 * i) / n), 5);
    }
  });

  it('a complex constant of the surroundings is a constant of the program', async () => {
    const weight = tf.complex(ramp(4), tf.neg(ramp(4)));
    await expectSameInOnnx(
      ({ x }) => {
        const y = tf.mul(weight, tf.cast(x!, 'complex64'));
        return { real: tf.real(y), imag: tf.imag(y) };
      },
      { x: ramp(4) },
    );
  });

  it('refuses what programs do not carry or tfjs does not define', () => {
    expect(() => trace(({ x }) => ({ y: tf.complex(x!, x!) }), { x: input(2) })).toThrow(
      /output 'y' is complex64.*tf.real and tf.imag/,
    );
    expect(() => trace(({ x }) => ({ y: tf.real(tf.neg(tf.complex(x!, x!))) }), { x: input(2) })).toThrow(
      /kernel Neg.*complex64.*tf.real and tf.imag/,
    );
  });
});

describe('shortTimeFourier', () => {
  const options = { frameLength: 12, frameStep: 5, transformLength: 16 };

  it('is tf.signal.stft, for every signal of a batch', () => {
    const signals = ramp(2, 40) as tf.Tensor2D;
    const { real, imag } = shortTimeFourier(signals, options);
    expect(real.shape).toEqual([2, 6, 9]);
    for (const i of [0, 1]) {
      const expected = tf.signal.stft(tf.reshape(tf.slice(signals, i, 1), [40]) as tf.Tensor1D, 12, 5, 16);
      const parts = [
        [real, tf.real(expected)],
        [imag, tf.imag(expected)],
      ] as const;
      for (const [actual, part] of parts) {
        const difference = tf.sub(tf.reshape(tf.slice(actual, i, 1), [6, 9]), part);
        expect(tf.max(tf.abs(difference)).dataSync()[0]).toBeLessThan(1e-5);
      }
    }
  });

  it('a loss on magnitudes has the gradient of finite differences, traced too', async () => {
    const loss = (x: tf.Tensor) => {
      const { real, imag } = shortTimeFourier(x as tf.Tensor2D, options);
      return tf.mean(tf.sqrt(tf.add(tf.add(tf.square(real), tf.square(imag)), 1))) as tf.Scalar;
    };
    const x = ramp(1, 30);
    const gradient = tf.grad(loss)(x).dataSync();
    const values = [...x.dataSync()];
    for (const at of [0, 7, 16, 26]) {
      const moved = (step: number) =>
        loss(tf.tensor(values.with(at, values[at]! + step), x.shape)).dataSync()[0]!;
      expect(gradient[at]).toBeCloseTo((moved(1 / 64) - moved(-1 / 64)) * 32, 3);
    }
    await expectSameInOnnx(({ x }) => ({ dx: tf.grad(loss)(x!) }), { x });
  });

  it('refuses frames that do not fit', () => {
    expect(() => shortTimeFourier(ramp(1, 8) as tf.Tensor2D, options)).toThrow(
      /at most 8 samples.*frameLength 12/,
    );
  });
});

it('what cannot be traced is refused by name', () => {
  const boxes = () => tf.tensor2d([0, 0, 1, 1], [1, 4]);
  expect(() =>
    trace(({ x }) => ({ y: tf.image.nonMaxSuppression(boxes(), x as tf.Tensor1D, 1) }), { x: input(1) }),
  ).toThrow(/NonMaxSuppressionV3.*nonMaxSuppressionPadded/);
  expect(() => trace(({ x }) => ({ y: tf.unique(x!).values }), { x: input(3) })).toThrow(/Unique.*values/);
});
