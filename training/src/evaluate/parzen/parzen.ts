import { tf, trace, writeOnnx } from '@generatrix/export';
import {
  createExecutor,
  type DeviceRequest,
  type Executor,
  type HostTensor,
  hostTensor,
  type LoadedProgram,
  sizeOf,
  UserError,
} from '@generatrix/runtime';

export interface ParzenOptions {
  /** Widths that the validation examples choose from, ascending; `parzenGrids.goodfellow` when absent. */
  readonly sigmas?: readonly number[];
  /** Where the distances are computed, `cpu` when absent. */
  readonly device?: DeviceRequest;
  /** Examples and samples in one block; the distances of a block take 4 bytes for each pair. */
  readonly blockSizes?: { readonly examples: number; readonly samples: number };
}

export interface ParzenResult {
  /** Mean log-density of the test examples under the window, nats. */
  readonly logLikelihood: number;
  /** Of that mean, over the test examples. */
  readonly standardError: number;
  /** The width that the validation examples chose. */
  readonly sigma: number;
}

/**
 * The grids of the code that goes with the published figures: Goodfellow et al. 2014 took 10 widths from 0.1 to 1
 * in equal ratios, Li et al. 2015 widths from 0.1 to 0.29 in steps of 0.01. In 784 dimensions the coarser one can miss
 * the best width by 14 %, which costs some 10 nats.
 */
export const parzenGrids = {
  goodfellow: Array.from({ length: 10 }, (_, i) => 10 ** (i / 9 - 1)),
  li: Array.from({ length: 20 }, (_, i) => 0.1 + 0.01 * i),
} as const satisfies Record<string, readonly number[]>;
const defaultBlockSizes = { examples: 500, samples: 10_000 };
/** How often the grid may be continued beyond its ends. */
const maximumExtensions = 6;

/**
 * Log-likelihood of test examples under a Gaussian Parzen window over a model's samples (Breuleux et al. 2011,
 * section 4; the protocol of Goodfellow et al. 2014, section 5): the width is the one on a logarithmic grid under
 * which the validation examples are likeliest. When that is an end of the grid, the grid goes on beyond it, so the
 * width returned is a maximum and not a boundary.
 *
 * The figure compares with published ones only for real-valued pixels in [0, 1] and 10,000 samples; it ranks models
 * differently from their true likelihood (Theis et al. 2016, section 3.2).
 * @param samples [samples, ...shape] of the model
 * @param validation [n, ...shape], apart from the test examples
 * @param test [n, ...shape]
 * @throws UserError when shapes do not agree, a tensor is empty, or a width is not positive.
 */
export async function parzen(
  samples: HostTensor,
  validation: HostTensor,
  test: HostTensor,
  options: ParzenOptions = {},
): Promise<ParzenResult> {
  const window = await openWindow(samples, options);
  try {
    const sigma = await chooseSigma(window, validation, options.sigmas ?? parzenGrids.goodfellow);
    const [values] = await window.logDensities(test, [sigma]);
    const logLikelihood = mean(values!);
    const squares = values!.reduce((sum, value) => sum + (value - logLikelihood) ** 2, 0);
    const standardError = Math.sqrt(squares / Math.max(1, values!.length - 1) / values!.length);
    return { logLikelihood, standardError, sigma };
  } finally {
    await window.release();
  }
}

/**
 * Log-density of each test example under the mean of Gaussians of standard deviation `sigma` around the samples:
 *
 *   log p(x) = log mean_i exp(-|x - s_i|^2 / (2 sigma^2)) - d/2 log(2 pi sigma^2)     nats
 *
 * @param samples [samples, ...shape]
 * @param test [n, ...shape]
 * @throws UserError when shapes do not agree, a tensor is empty, or the width is not positive.
 */
export async function parzenLogLikelihood(
  samples: HostTensor,
  test: HostTensor,
  sigma: number,
  options: Omit<ParzenOptions, 'sigmas'> = {},
): Promise<Float64Array> {
  const window = await openWindow(samples, options);
  try {
    return (await window.logDensities(test, [sigma]))[0]!;
  } finally {
    await window.release();
  }
}

async function chooseSigma(
  window: ParzenWindow,
  validation: HostTensor,
  grid: readonly number[],
): Promise<number> {
  const scored: { sigma: number; score: number }[] = [];
  let candidates = [...grid];
  const ratio = grid.length > 1 ? grid[1]! / grid[0]! : 10 ** (1 / 9);
  for (let round = 0; round <= maximumExtensions; round++) {
    const densities = await window.logDensities(validation, candidates);
    scored.push(...candidates.map((sigma, i) => ({ sigma, score: mean(densities[i]!) })));
    scored.sort((a, b) => a.sigma - b.sigma);
    const best = scored.reduce((top, { score }, i) => (score > scored[top]!.score ? i : top), 0);
    const interior = best > 0 && best < scored.length - 1;
    if (interior || round === maximumExtensions) return scored[best]!.sigma;
    const step = best === 0 ? 1 / ratio : ratio;
    candidates = grid.map((_, i) => scored[best]!.sigma * step ** (i + 1));
  }
  throw new Error('unreachable: the last round returns');
}

interface ParzenWindow {
  /** Log-density of each example, one list for each width. */
  logDensities(examples: HostTensor, sigmas: readonly number[]): Promise<Float64Array[]>;
  release(): Promise<void>;
}

async function openWindow(samples: HostTensor, options: ParzenOptions): Promise<ParzenWindow> {
  const count = rowsOf('samples', samples);
  const shape = samples.shape.slice(1);
  const width = sizeOf(shape);
  const { examples: exampleRows, samples: sampleRows } = options.blockSizes ?? defaultBlockSizes;
  const centre = columnMeans(samples, count, width);
  const blocks = blocksOf(samples, centre, sampleRows);
  const programs = new BlockPrograms(await createExecutor(options.device ?? 'cpu'), width);
  return {
    logDensities: async (examples, sigmas) => {
      const total = rowsOf('examples', examples);
      if (String(examples.shape.slice(1)) !== String(shape)) {
        throw new UserError(
          `parzen: examples of shape [${examples.shape.slice(1)}] do not compare with samples of shape [${shape}]`,
        );
      }
      const wrong = sigmas.find((sigma) => !(sigma > 0 && Number.isFinite(sigma)));
      if (wrong !== undefined || sigmas.length === 0) {
        throw new UserError(`parzen: expected positive widths, got ${wrong ?? 'none'}`);
      }
      const densities = sigmas.map(() => new Float64Array(total).fill(Number.NEGATIVE_INFINITY));
      let start = 0;
      for (const block of blocksOf(examples, centre, exampleRows)) {
        for (const other of blocks) {
          const { nearest, logSum } = await programs.run(block, other, sigmas);
          for (const [k, sigma] of sigmas.entries()) {
            for (let i = 0; i < nearest.length; i++) {
              const value = logSum[i * sigmas.length + k]! - nearest[i]! / (2 * sigma * sigma);
              densities[k]![start + i] = logAddExp(densities[k]![start + i]!, value);
            }
          }
        }
        start += block.shape[0]!;
      }
      return densities.map((values, k) => {
        const constant = Math.log(count) + (width / 2) * Math.log(2 * Math.PI * sigmas[k]! ** 2);
        return values.map((value) => value - constant);
      });
    },
    release: () => programs.release(),
  };
}

/** The compiled distances of blocks, one program for each pair of block sizes. */
class BlockPrograms {
  readonly #executor: Executor;
  readonly #width: number;
  readonly #programs = new Map<string, Promise<LoadedProgram>>();

  constructor(executor: Executor, width: number) {
    this.#executor = executor;
    this.#width = width;
  }

  /**
   * For each example of a block: `nearest`, the squared distance of the nearest sample, and `logSum`
   * [examples, widths], the log of the sum over samples of exp(-(distance^2 - nearest) / (2 sigma^2)).
   */
  async run(examples: HostTensor, samples: HostTensor, sigmas: readonly number[]) {
    const sizes = [examples.shape[0]!, samples.shape[0]!, sigmas.length] as const;
    const key = sizes.join(' ');
    if (!this.#programs.has(key)) this.#programs.set(key, this.#load(...sizes));
    const rates = hostTensor(
      'float32',
      [sigmas.length],
      sigmas.map((sigma) => 1 / (2 * sigma * sigma)),
    );
    const outputs = await (await this.#programs.get(key)!).run({ examples, samples, rates });
    const { nearest, logSum } = outputs as Record<string, HostTensor>;
    return { nearest: nearest!.data, logSum: logSum!.data };
  }

  async release(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).release();
  }

  #load(examples: number, samples: number, widths: number): Promise<LoadedProgram> {
    const graph = trace(
      (inputs) => {
        const x = inputs.examples as tf.Tensor2D; // [examples, dimensions]
        const s = inputs.samples as tf.Tensor2D; // [samples, dimensions]
        const norms = tf.add(tf.sum(tf.square(x), 1, true), tf.sum(tf.square(s), 1)); // [examples, samples]
        const squared = tf.relu(tf.sub(norms, tf.mul(2, tf.matMul(x, s, false, true))));
        const nearest = tf.min(squared, 1, true); // [examples, 1]
        const excess = tf.sub(nearest, squared);
        const rates = tf.split(inputs.rates!, widths);
        // One width after another: all at once would hold widths times the block's distances in memory.
        const sums = rates.map((rate) => tf.log(tf.sum(tf.exp(tf.mul(excess, rate)), 1)));
        return { nearest: tf.reshape(nearest, [examples]), logSum: tf.stack(sums, 1) };
      },
      {
        examples: { dtype: 'float32', shape: [examples, this.#width] },
        samples: { dtype: 'float32', shape: [samples, this.#width] },
        rates: { dtype: 'float32', shape: [widths] },
      },
    );
    return this.#executor.load('parzen', writeOnnx(graph, { name: 'parzen' }));
  }
}

/** Rows minus the centre, which keeps float32 squares small, in blocks of [at most `rows`, width]. */
function blocksOf(tensor: HostTensor, centre: Float64Array, rows: number): HostTensor[] {
  const width = centre.length;
  const count = tensor.shape[0]!;
  return Array.from({ length: Math.ceil(count / rows) }, (_, block) => {
    const from = block * rows;
    const size = Math.min(rows, count - from);
    const values = new Float32Array(size * width);
    for (let i = 0; i < values.length; i++) values[i] = tensor.data[from * width + i]! - centre[i % width]!;
    return hostTensor('float32', [size, width], values);
  });
}

function columnMeans({ data }: HostTensor, count: number, width: number): Float64Array {
  const means = new Float64Array(width);
  for (let i = 0; i < data.length; i++) means[i % width]! += data[i]! / count;
  return means;
}

function rowsOf(what: string, { shape, data }: HostTensor): number {
  if (data.length === 0 || shape.length < 2) {
    throw new UserError(`parzen: expected ${what} of shape [count, ...example shape], got [${shape}]`);
  }
  return shape[0]!;
}

function logAddExp(a: number, b: number): number {
  const top = Math.max(a, b);
  return top === Number.NEGATIVE_INFINITY ? top : top + Math.log(Math.exp(a - top) + Math.exp(b - top));
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
