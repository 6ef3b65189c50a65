/** Zero crossings of the sinc on each side of the kernel's centre. */
const zeroCrossings = 24;

/**
 * Makes a converter of sampling rate: each output sample is the input convolved with a sinc cut off at the
 * lower of the two Nyquist frequencies, under a Hann window of 24 zero crossings a side (Smith, "Digital Audio
 * Resampling"). Beyond its ends the input counts as silent. With equal rates the input is returned as it is.
 * @param from samples per second of the input, a whole number
 * @param to samples per second of the output, a whole number
 */
export function resampler(from: number, to: number): (samples: Float32Array) => Float32Array {
  if (from === to) return (samples) => samples;
  const divisor = greatestCommonDivisor(from, to);
  const step = from / divisor;
  const phases = to / divisor;
  const cutoff = Math.min(1, to / from);
  const reach = Math.ceil(zeroCrossings / cutoff);
  const kernels = new Map<number, Float64Array>();

  const kernelOf = (phase: number): Float64Array => {
    const known = kernels.get(phase);
    if (known) return known;
    const kernel = new Float64Array(2 * reach + 1);
    let sum = 0;
    for (let tap = -reach; tap <= reach; tap++) {
      const t = cutoff * (tap - phase / phases);
      const window = Math.abs(t) < zeroCrossings ? 0.5 + 0.5 * Math.cos((Math.PI * t) / zeroCrossings) : 0;
      const value = window * (t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t));
      kernel[tap + reach] = value;
      sum += value;
    }
    // Every phase must pass a constant unchanged, or the output carries a ripple at the phases' rate.
    for (let tap = 0; tap < kernel.length; tap++) kernel[tap]! /= sum;
    kernels.set(phase, kernel);
    return kernel;
  };

  return (samples) => {
    const out = new Float32Array(Math.max(1, Math.round((samples.length * to) / from)));
    for (let n = 0; n < out.length; n++) {
      const position = n * step;
      const centre = Math.floor(position / phases);
      const kernel = kernelOf(position % phases);
      const first = Math.max(0, centre - reach);
      const last = Math.min(samples.length - 1, centre + reach);
      let sum = 0;
      for (let i = first; i <= last; i++) sum += samples[i]! * kernel[i - centre + reach]!;
      out[n] = sum;
    }
    return out;
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
