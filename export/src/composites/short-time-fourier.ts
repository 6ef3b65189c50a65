import { tf } from '../tf.ts';
import type { ComplexPair } from './fourier.ts';

export interface ShortTimeOptions {
  /** Samples in one frame. */
  readonly frameLength: number;
  /** Samples from the start of a frame to that of the next. */
  readonly frameStep: number;
  /** Length of the transform of a frame, which is padded with zeros to it; the frame's length unless given. */
  readonly transformLength?: number;
  /** Weights of a frame's samples; a Hann window unless given. */
  readonly window?: readonly number[];
}

/**
 * The short-time Fourier transform of real signals as one convolution with windowed cosines and sines, so that
 * losses on spectra can be trained: tfjs has no gradient for `tf.signal.stft`.
 * @param signals float32 [batch, samples]
 * @returns parts of shape [batch, frames, transformLength / 2 + 1], of the whole frames alone, as `tf.signal.stft`
 * @throws when a frame is longer than the signals or than the transform, or the window is not of its length
 */
export function shortTimeFourier(
  signals: tf.Tensor2D,
  { frameLength, frameStep, transformLength = frameLength, window = hann(frameLength) }: ShortTimeOptions,
): ComplexPair {
  const [batch, samples] = signals.shape;
  if (frameLength > samples || frameLength > transformLength || window.length !== frameLength) {
    throw new Error(
      `shortTimeFourier: expected a frame of at most ${samples} samples, a transform at least as long and a weight ` +
        `per sample of the frame, got frameLength ${frameLength}, transformLength ${transformLength}, ` +
        `${window.length} weights`,
    );
  }
  const bins = Math.floor(transformLength / 2) + 1;
  const weights = new Float32Array(frameLength * 2 * bins);
  for (const [sample, weight] of window.entries()) {
    for (let bin = 0; bin < bins; bin++) {
      const angle = (2 * Math.PI * ((sample * bin) % transformLength)) / transformLength;
      weights[sample * 2 * bins + bin] = weight * Math.cos(angle);
      weights[sample * 2 * bins + bins + bin] = -weight * Math.sin(angle);
    }
  }
  const filter = tf.tensor3d(weights, [frameLength, 1, 2 * bins]);
  const channel = tf.reshape(signals, [batch, samples, 1]) as tf.Tensor3D;
  const spectra = tf.conv1d(channel, filter, frameStep, 'valid');
  const [real, imag] = tf.split(spectra, 2, 2) as [tf.Tensor, tf.Tensor];
  return { real, imag };
}

/** The periodic Hann window, as TensorFlow's and tfjs's default. */
function hann(length: number): number[] {
  const period = length % 2 === 0 ? length : length - 1;
  return Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / Math.max(1, period)));
}
