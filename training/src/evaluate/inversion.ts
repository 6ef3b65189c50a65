import { type NamedTensors, tf } from '@generatrix/export';
import { type DeviceRequest, fillNoise, type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { onnxEngine } from '../engine/onnx-engine.ts';
import type { Model, ModelProgram } from '../families/family.ts';
import { adam, adamSpecs } from '../nn/adam.ts';
import { lossAndGradients } from '../nn/gradients.ts';

/** A program that turns codes into examples, and the names of its inputs. */
export interface Generator {
  readonly program: ModelProgram;
  readonly latent: string;
  readonly latentShape: readonly number[];
  /** Input that takes the class, if any. */
  readonly label: string | null;
  /** Output that holds examples. */
  readonly data: string;
}

/** The program of a model whose one continuous input is a code with a normal prior, or null: `decode`, else `sample`. */
export function generatorOf(model: Pick<Model, 'programs'>): Generator | null {
  for (const name of ['decode', 'sample']) {
    const program = model.programs[name];
    if (program === undefined) continue;
    const inputs = Object.entries(program.signature.inputs);
    const codes = inputs.filter(
      ([, input]) => input.role === 'latent' || (input.role === 'noise' && input.law === 'normal'),
    );
    const label = inputs.find(([, { role }]) => role === 'label')?.[0] ?? null;
    const data = Object.entries(program.signature.outputs).find(([, { meaning }]) => meaning === 'data')?.[0];
    if (codes.length !== 1 || data === undefined || inputs.length !== (label === null ? 1 : 2)) continue;
    return { program, latent: codes[0]![0], latentShape: codes[0]![1].shape, label, data };
  }
  return null;
}

export interface InversionOptions {
  readonly seed: number;
  /** Steps of Adam from each start, 200 when absent. */
  readonly steps?: number;
  /** Random starts, of which the best counts for each example; 2 when absent. */
  readonly starts?: number;
  /** 0.05 when absent. */
  readonly learningRate?: number;
  readonly device?: DeviceRequest;
}

export interface Inverted {
  /** Mean squared difference from its example of each reconstruction. */
  readonly errors: Float64Array;
  /** [n, ...shape] reconstructions G(z). */
  readonly reconstructions: HostTensor;
}

/**
 * The way back from x to z: minimises the mean of (G(z) - x)^2 over z by Adam, from random codes (Creswell and Bharath
 * 2018, section 3). The codes are the state of a traced and compiled step like any other; the weights are constants.
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
  const { seed, steps = 200, starts = 2, learningRate = 0.05, device = 'cpu' } = options;
  const count = data.shape[0]!;
  const model = inversionModel(generator, state, data.shape);
  const trainer = await onnxEngine(device).prepare(model, {
    batchSize: count,
    dataShape: data.shape.slice(1),
  });
  const width = data.data.length / count;
  const errors = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const best = new Float32Array(data.data.length);
  const inputs = {
    data,
    label: hostTensor('int32', [count], labels ?? new Int32Array(count)),
  };
  try {
    for (let start = 0; start < starts; start++) {
      await trainer.setState(startState(model, generator, count, seed, start));
      const given = {
        ...inputs,
        weight: hostTensor('float32', [count], new Float32Array(count).fill(1)),
        noise: {},
      };
      for (let step = 0; step < steps; step++) {
        await trainer.step({ ...given, learningRate, epochEnd: false });
        if (step % 10 === 0) await new Promise(setImmediate);
      }
      const { error, reconstruction } = await trainer.run('residual', inputs);
      for (let i = 0; i < count; i++) {
        if (error!.data[i]! >= errors[i]!) continue;
        errors[i] = error!.data[i]!;
        best.set((reconstruction!.data as Float32Array).subarray(i * width, (i + 1) * width), i * width);
      }
    }
  } finally {
    await trainer.release();
  }
  return { errors, reconstructions: hostTensor('float32', data.shape, best) };
}

function startState(model: Model, { latentShape }: Generator, count: number, seed: number, start: number) {
  const zeros = Object.entries(model.state).map(([name, { shape }]) => {
    const size = shape.reduce((product, side) => product * side, 1);
    return [name, hostTensor('float32', shape, new Float32Array(size))] as const;
  });
  const stream = 'evaluate/inversion';
  const codes = fillNoise({
    law: 'normal',
    seed,
    stream,
    firstIndex: 0,
    count,
    draw: start,
    shape: latentShape,
  });
  return { ...Object.fromEntries(zeros), z: hostTensor('float32', [count, ...latentShape], codes) };
}

/** A model whose only parameters are the codes of one batch. */
function inversionModel(generator: Generator, weights: NamedTensors, dataShape: readonly number[]): Model {
  const [count, ...shape] = dataShape as [number, ...number[]];
  const parameters = { z: { shape: [count, ...generator.latentShape], initial: 0 } };
  const residual = (codes: tf.Tensor, data: tf.Tensor, label: tf.Tensor) => {
    const inputs = {
      [generator.latent]: codes,
      ...(generator.label === null ? {} : { [generator.label]: label }),
    };
    const reconstruction = generator.program.run(weights, inputs)[generator.data]!; // [batch, ...shape]
    const squares = tf.reshape(tf.squaredDifference(reconstruction, data), [count, -1]);
    return { reconstruction, error: tf.mean(squares, 1) }; // [batch]
  };
  return {
    state: { ...parameters, ...adamSpecs(parameters) },
    batching: 'shuffled',
    step: {
      noise: {},
      run: ({ state, data, label, learningRate }) => {
        // The sum over examples, so that each code's gradient is its own, whatever the batch.
        const { report, gradients } = lossAndGradients(state, parameters, (current) => ({
          loss: tf.sum(residual(current.z!, data, label).error),
        }));
        return { state: { ...state, ...adam(state, gradients, learningRate) }, metrics: report };
      },
    },
    programs: {
      residual: {
        signature: {
          inputs: {
            data: { dtype: 'float32', shape, role: 'data' },
            label: { dtype: 'int32', shape: [], role: 'label', classes: 1 },
          },
          outputs: {
            error: { dtype: 'float32', shape: [], meaning: 'other' },
            reconstruction: { dtype: 'float32', shape, meaning: 'data' },
          },
        },
        run: (state, { data, label }) => residual(state.z!, data!, label!),
      },
    },
  };
}
