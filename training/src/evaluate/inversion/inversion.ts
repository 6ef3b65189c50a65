import type { NamedTensors } from '@generatrix/export';
import { type DeviceRequest, fillNoise, type HostTensor, hostTensor, sizeOf } from '@generatrix/runtime/core';
import type { Trainer } from '../../engine/engine.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import { distance, rowsOf } from '../rows.ts';
import type { Generator } from './generator.ts';
import { inversionModel } from './inversion-model.ts';

export interface InversionOptions {
  readonly seed: number;
  /** Codes of the prior that the search starts from the best of; 512 when absent. */
  readonly candidates?: number;
  /** Samples of the generator itself that are searched for after the examples, of the first examples' classes; 0 when absent. */
  readonly own?: number;
  /** Descents for each example, from its best candidates; 4 when absent. */
  readonly starts?: number;
  /** Steps of Adam of each descent, 200 when absent. */
  readonly steps?: number;
  /** 0.05 when absent. */
  readonly learningRate?: number;
  readonly device?: DeviceRequest;
}

export interface Inverted {
  /** Mean squared difference from its example of each reconstruction; those of the generator's own samples follow. */
  readonly errors: Float64Array;
  /** The same of the best candidate, before any descent. */
  readonly startErrors: Float64Array;
  /** [n, ...shape] reconstructions G(z). */
  readonly reconstructions: HostTensor;
  /**
   * Does the gradient say how the error changes? Not where the program draws by thresholds, or passes gradients
   * straight through a step; the errors then are those of the candidates.
   */
  readonly differentiable: boolean;
}

/** Examples that the gradient is checked on at most, and the length of the step that it must foresee. */
const checked = 64;
const checkStep = 1e-2;
/** Cosine of foreseen and actual changes from which a gradient counts as one. */
const foreseen = 0.9;

/**
 * The way back from x to z: minimises the mean of (G(z) - x)^2 over z by Adam (Creswell and Bharath 2018, section 3),
 * from the best of a few hundred codes of the generator's own prior, in several descents: an error has many minima.
 * The codes are the state of a traced and compiled step like any other; the weights are constants. Codes with a
 * uniform prior stay in it, as logistic functions of what is descended on.
 * @param state the model's trained state as tensors of the active tfjs backend
 * @param data [n, ...shape]
 * @param labels class of each example, for generators that take one
 */
export async function invert(
  generator: Generator,
  state: NamedTensors,
  data: HostTensor,
  labels: Int32Array | null,
  options: InversionOptions,
): Promise<Inverted> {
  const { seed, candidates = 512, starts = 4, steps = 200, own = 0 } = options;
  const { learningRate = 0.05, device = 'cpu' } = options;
  const given = data.shape[0]!;
  const count = given + own;
  const width = data.data.length / given;
  const rows = count * starts;
  const model = inversionModel(generator, state, [rows, ...data.shape.slice(1)]);
  const trainer = await onnxEngine(device).prepare(model, {
    batchSize: rows,
    dataShape: data.shape.slice(1),
  });
  const zeros = Object.fromEntries(
    Object.entries(model.state).map(([name, { shape }]) => [
      name,
      hostTensor('float32', shape, new Float32Array(sizeOf(shape))),
    ]),
  );
  const withCodes = (codes: Float32Array<ArrayBuffer>) =>
    trainer.setState({ ...zeros, z: hostTensor('float32', [rows, ...generator.latentShape], codes) });
  const classes = Int32Array.from({ length: count }, (_, i) => labels?.[i < given ? i : i - given] ?? 0);
  try {
    await trainer.setState(zeros);
    const examples = await withOwnSamples();
    const inputs = {
      data: repeatedRows(examples, starts),
      label: hostTensor(
        'int32',
        [rows],
        Int32Array.from({ length: rows }, (_, row) => classes[Math.floor(row / starts)]!),
      ),
    };
    const errorsNow = () => trainer.run('residual', inputs);
    const found = await bestCandidates(trainer, generator, examples, classes, { seed, candidates, starts });
    const codes = found.codes;
    const differentiable = await isForeseen();
    const errors = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
    const best = new Float32Array(count * width);
    await withCodes(codes);
    await keepBest();
    const stepInputs = {
      ...inputs,
      weight: hostTensor('float32', [rows], new Float32Array(rows).fill(1)),
      noise: {},
    };
    for (let step = 0; differentiable && step < steps; step++) {
      await trainer.step({ ...stepInputs, learningRate, epochEnd: false });
      if (step % 10 === 0) await new Promise(setImmediate);
    }
    await keepBest();
    return {
      errors,
      startErrors: found.errors,
      reconstructions: hostTensor('float32', [count, ...data.shape.slice(1)], best),
      differentiable,
    };

    /** Takes over each example's nearest reconstruction of now where it is nearer than that of before. */
    async function keepBest(): Promise<void> {
      const { error, reconstruction } = await errorsNow();
      const made = reconstruction!.data as Float32Array;
      for (let row = 0; row < rows; row++) {
        const i = Math.floor(row / starts);
        if (error!.data[row]! >= errors[i]!) continue;
        errors[i] = error!.data[row]!;
        best.set(made.subarray(row * width, (row + 1) * width), i * width);
      }
    }

    /** The examples, and behind them samples of codes that no search starts from. */
    async function withOwnSamples(): Promise<HostTensor> {
      if (own === 0) return data;
      const codes = noise(generator.distribution, generator, { seed, stream: 'own', count: own });
      const { made } = await trainer.run('generate', {
        z: hostTensor('float32', [own, ...generator.latentShape], codes),
        label: hostTensor('int32', [own], classes.slice(given)),
      });
      const values = new Float32Array(count * width);
      values.set(data.data);
      values.set(made!.data, given * width);
      return hostTensor('float32', [count, ...data.shape.slice(1)], values);
    }

    /** Compares the slopes along random directions with what a small step there does. */
    async function isForeseen(): Promise<boolean> {
      const size = sizeOf(generator.latentShape);
      const direction = noise('normal', generator, { seed, stream: 'direction', count: rows });
      const at = async (by: number) => {
        await withCodes(codes.map((value, k) => value + by * direction[k]!));
        return (await errorsNow()).error!.data as Float32Array;
      };
      await withCodes(codes);
      const { gradient } = await trainer.run('slope', inputs);
      const [after, before] = [await at(checkStep), await at(-checkStep)];
      const some = Math.min(checked, rows);
      const pairs = Array.from({ length: some }, (_, row) => {
        let slope = 0;
        for (let k = 0; k < size; k++) slope += gradient!.data[row * size + k]! * direction[row * size + k]!;
        return [slope, (after[row]! - before[row]!) / (2 * checkStep)] as const;
      });
      return cosine(pairs) > foreseen;
    }
  } finally {
    await trainer.release();
  }
}

/**
 * Of each example the `starts` candidates whose G(z) is nearest: their codes [n * starts, ...latent], and the mean
 * squared difference of the nearest. Candidates are decoded once for each class.
 */
async function bestCandidates(
  trainer: Trainer,
  generator: Generator,
  data: HostTensor,
  labels: Int32Array,
  {
    seed,
    candidates,
    starts,
  }: { readonly seed: number; readonly candidates: number; readonly starts: number },
): Promise<{ codes: Float32Array<ArrayBuffer>; errors: Float64Array }> {
  const size = sizeOf(generator.latentShape);
  const examples = rowsOf(data);
  const drawn = noise(generator.distribution, generator, { seed, stream: 'candidates', count: candidates });
  const z = hostTensor('float32', [candidates, ...generator.latentShape], drawn);
  const codes = new Float32Array(examples.count * starts * size);
  const errors = new Float64Array(examples.count);
  for (const label of new Set(labels)) {
    const { made } = await trainer.run('generate', {
      z,
      label: hostTensor('int32', [candidates], new Int32Array(candidates).fill(label)),
    });
    const rows = rowsOf(made!);
    for (let i = 0; i < examples.count; i++) {
      if (labels[i] !== label) continue;
      const order = Array.from({ length: candidates }, (_, candidate) => ({
        candidate,
        squared: distance(examples, i, rows, candidate) ** 2,
      })).sort((a, b) => a.squared - b.squared);
      errors[i] = order[0]!.squared / examples.width;
      for (let start = 0; start < starts; start++) {
        const { candidate } = order[Math.min(start, candidates - 1)]!;
        codes.set(drawn.subarray(candidate * size, (candidate + 1) * size), (i * starts + start) * size);
      }
    }
  }
  return { codes, errors };
}

/** Noise of the shape of codes; of a uniform distribution as what a logistic function turns into it. */
function noise(
  distribution: Generator['distribution'],
  { latentShape }: Generator,
  { seed, stream, count }: { readonly seed: number; readonly stream: string; readonly count: number },
): Float32Array<ArrayBuffer> {
  const drawn = fillNoise({
    distribution,
    seed,
    stream: `evaluate/inversion/${stream}`,
    firstIndex: 0,
    count,
    shape: latentShape,
  });
  // Uniform numbers have 24 bits: half a step away from 0 and 1 the logit is finite.
  const edge = 2 ** -25;
  return distribution === 'normal'
    ? drawn
    : drawn.map((u) => {
        const inside = Math.min(1 - edge, Math.max(edge, u));
        return Math.log(inside / (1 - inside));
      });
}

/** Each example so many times, one after another. */
function repeatedRows(data: HostTensor, times: number): HostTensor {
  const { count, width, values } = rowsOf(data);
  const all = new Float32Array(count * times * width);
  for (let row = 0; row < count * times; row++) {
    const i = Math.floor(row / times);
    all.set(values.subarray(i * width, (i + 1) * width), row * width);
  }
  return hostTensor('float32', [count * times, ...data.shape.slice(1)], all);
}

/** Cosine of the angle between the two sides of these pairs; 0 when one of them is 0. */
function cosine(pairs: readonly (readonly [number, number])[]): number {
  let [xx, yy, xy] = [0, 0, 0];
  for (const [x, y] of pairs) {
    xx += x * x;
    yy += y * y;
    xy += x * y;
  }
  return xx === 0 || yy === 0 ? 0 : xy / Math.sqrt(xx * yy);
}
