import { type NamedTensors, tf } from '@generatrix/export';
import { type DataSpec, type InputSpec, sizeOf } from '@generatrix/runtime/core';
import { type CarryShapes, carriesAmong, carriesOut, carryInputs, carryOutputs } from '../../core/carries.ts';
import type { ModelProgram, NoiseSpec } from '../../model/model.ts';
import { binarise } from '../../nn/distributions.ts';
import type { ForcedDraw } from '../../nn/inversion.ts';

/** What a draw starts from: some dimensions may be given. */
export interface DrawRequest {
  /** Noise of every dimension, by name: [batch, D] each. */
  readonly noise: NamedTensors;
  readonly temperature: tf.Tensor;
  /** Class of each example [batch], for a network with classes; of a PixelCNN also features in its place, [batch, classes]. */
  readonly label?: tf.Tensor;
  /** Values that are kept: where `known` [D] is 1, `values` [batch, D] stand instead of draws. */
  readonly given?: { readonly values: tf.Tensor2D; readonly known: tf.Tensor1D };
}

/** Drawing some rows of an image at a time. */
export interface RowsDraw {
  readonly carries: CarryShapes;
  /**
   * Draws the rows that follow those already drawn; the request's tensors hold these rows alone. To be the same
   * arithmetic as `draw`, so that row after row gives the same image.
   */
  draw(
    state: NamedTensors,
    request: DrawRequest,
    carries: NamedTensors,
  ): { readonly x: tf.Tensor; readonly carries: NamedTensors };
}

/** What an autoregressive network can do, for flat examples [batch, D]. */
export interface AutoregressiveNetwork {
  /** Noise that a draw takes for each dimension, by name. */
  readonly noise: Readonly<Record<string, NoiseSpec['distribution']>>;
  /** More noise for each example, such as a choice among orderings. */
  readonly choice?: Readonly<Record<string, NoiseSpec>>;
  /** Number of classes that the network is conditioned on; 0 or absent when on none. */
  readonly classes?: number;
  /** Exact log p(x), or log p(x | label) of a network with classes: [batch, D] to [batch], nats. */
  logProb(state: NamedTensors, x: tf.Tensor2D, label?: tf.Tensor): tf.Tensor;
  /** The whole loop over the dimensions: [batch, D]. */
  draw(state: NamedTensors, request: DrawRequest): tf.Tensor;
  /** What `draw` draws at each step where the values before it are those of `x` [batch, D]: [batch, D] all. */
  forced?(state: NamedTensors, request: DrawRequest, x: tf.Tensor2D): ForcedDraw;
  /** Drawing row by row, for images whose rows are drawn one after the other. */
  readonly rows?: RowsDraw;
}

/** Noise that turns grey values into 0 and 1, anew each time, for models of binary data. */
export function binarisationNoise(shape: readonly number[]): NoiseSpec {
  return { distribution: 'uniform', shape };
}

/** [batch, ...shape] to [batch, D], binarised where noise for it is given. */
export function flattened(x: tf.Tensor, uniform?: tf.Tensor): tf.Tensor2D {
  const values = uniform === undefined ? x : binarise(x, uniform);
  return tf.reshape(values, [x.shape[0]!, -1]) as tf.Tensor2D;
}

/** The given values where `known` is 1, else the drawn ones. */
export function keep(drawn: tf.Tensor, values: tf.Tensor, known: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(known, values), tf.mul(tf.sub(1, known), drawn));
}

const temperatureInput: InputSpec = {
  dtype: 'float32',
  shape: [],
  role: 'scalar',
  default: 1,
  min: 0.01,
  max: 10,
};

/**
 * The programs of an autoregressive model: `logProb`, exact (for a binary model of grey images: of the image as the
 * noise `uniform` binarises it), `sample`, `complete`, which keeps the first `rows` rows of an image, and `advance`,
 * which draws the next row (or keeps the given one).
 * @param binary whether data is binarised before it is scored or completed
 * @param completes whether the first rows are first in the model's ordering too
 */
export function autoregressivePrograms(
  network: AutoregressiveNetwork,
  spec: DataSpec,
  { binary, completes }: { binary: boolean; completes: boolean },
): Record<string, ModelProgram> {
  const shape = [...spec.shape];
  const dimensions = sizeOf(shape);
  const data: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const noiseInput = (
    distribution: NoiseSpec['distribution'],
    noiseShape: readonly number[],
  ): InputSpec & { role: 'noise' } => ({
    dtype: 'float32',
    shape: noiseShape,
    role: 'noise',
    distribution,
  });
  const drawNoise = {
    ...mapValues(network.noise, (distribution) => noiseInput(distribution, [dimensions])),
    ...mapValues(network.choice ?? {}, (noise) => noiseInput(noise.distribution, noise.shape)),
  };
  const { classes = 0 } = network;
  const labels: Record<string, InputSpec> =
    classes === 0 ? {} : { label: { dtype: 'int32', shape: [], role: 'label', classes } };
  // A binarised image is one example, however often it is scored.
  const binarised = (noiseShape: readonly number[]): InputSpec => ({
    ...noiseInput('uniform', noiseShape),
    belongsTo: 'example',
  });
  const binarisation: Record<string, InputSpec> = binary ? { binarisation: binarised(shape) } : {};
  const dataOutput = { data: { dtype: 'float32', shape, meaning: 'data' } } as const;
  const noiseOf = (inputs: NamedTensors) => mapValues(drawNoise, (_, name) => inputs[name]!);
  const shaped = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, ...shape]);

  const programs: Record<string, ModelProgram> = {
    sample: {
      signature: { inputs: { ...drawNoise, ...labels, temperature: temperatureInput }, outputs: dataOutput },
      run: (state, inputs) => ({
        data: shaped(
          network.draw(state, {
            noise: noiseOf(inputs),
            temperature: inputs.temperature!,
            label: inputs.label,
          }),
        ),
      }),
      ...(network.forced !== undefined && {
        forced: (state, inputs, drawn) => {
          const { value, bounds } = network.forced!(
            state,
            { noise: noiseOf(inputs), temperature: inputs.temperature!, label: inputs.label },
            flattened(drawn),
          );
          return { data: shaped(value), bounds };
        },
      }),
    },
    logProb: {
      signature: {
        inputs: { data, ...(binary ? { uniform: binarised(shape) } : {}), ...labels },
        outputs: { logProb: { dtype: 'float32', shape: [], meaning: 'logProb' } },
      },
      run: (state, { data: x, uniform, label }) => ({
        logProb: network.logProb(state, flattened(x!, uniform), label),
      }),
    },
  };
  if (!completes || spec.kind !== 'image') return programs;
  const height = shape[0]!;
  const row = dimensions / height;
  const rows: InputSpec = {
    dtype: 'float32',
    shape: [],
    role: 'scalar',
    default: Math.floor(height / 2),
    min: 0,
    max: height,
  };
  programs.complete = {
    signature: {
      inputs: { given: data, rows, ...drawNoise, ...labels, ...binarisation, temperature: temperatureInput },
      outputs: dataOutput,
    },
    run: (state, inputs) => {
      const { given: x, rows: count, temperature, binarisation: uniform } = inputs;
      const rowOf = Float32Array.from({ length: dimensions }, (_, i) => Math.floor(i / row));
      const known = tf.cast(tf.less(tf.tensor1d(rowOf), count!), 'float32') as tf.Tensor1D;
      const values = flattened(x!, uniform);
      return {
        data: shaped(
          network.draw(state, {
            noise: noiseOf(inputs),
            temperature: temperature!,
            label: inputs.label,
            given: { values, known },
          }),
        ),
      };
    },
  };
  if (network.rows !== undefined) {
    programs.advance = advanceProgram(network.rows, shape, {
      noise: mapValues(network.noise, (distribution) => noiseInput(distribution, [row])),
      conditions: labels,
      ...(binary ? { binarisation: binarised([1, ...shape.slice(1)]) } : {}),
    });
  }
  return programs;
}

/** One row of an image at a call. */
function advanceProgram(
  rows: RowsDraw,
  [height, ...row]: readonly number[],
  {
    noise,
    conditions,
    binarisation,
  }: {
    readonly noise: Readonly<Record<string, InputSpec>>;
    readonly conditions: Readonly<Record<string, InputSpec>>;
    readonly binarisation?: InputSpec;
  },
): ModelProgram {
  const shape = [1, ...row];
  return {
    signature: {
      inputs: {
        given: { dtype: 'float32', shape, role: 'data' },
        known: { dtype: 'float32', shape: [], role: 'scalar', default: 0, min: 0, max: 1 },
        ...noise,
        ...conditions,
        ...(binarisation === undefined ? {} : { binarisation }),
        temperature: temperatureInput,
        ...carryInputs(rows.carries),
      },
      outputs: { data: { dtype: 'float32', shape, meaning: 'data' }, ...carryOutputs(rows.carries) },
      stream: { chunks: height!, axis: 0 },
    },
    run: (state, inputs) => {
      const values = flattened(inputs.given!, inputs.binarisation);
      const drawn = rows.draw(
        state,
        {
          noise: mapValues(noise, (_, name) => inputs[name]!),
          temperature: inputs.temperature!,
          ...(inputs.label === undefined ? {} : { label: inputs.label }),
          given: { values, known: tf.mul(tf.ones([values.shape[1]]), inputs.known!) as tf.Tensor1D },
        },
        carriesAmong(rows.carries, inputs),
      );
      return { data: tf.reshape(drawn.x, [-1, ...shape]), ...carriesOut(rows.carries, drawn.carries) };
    },
  };
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  fn: (value: T, name: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, fn(value, name)]));
}
