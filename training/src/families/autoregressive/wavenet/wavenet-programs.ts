import { type NamedTensors, tf } from '@generatrix/export';
import type { DataSpec, InputSpec } from '@generatrix/runtime/core';
import { carriesAmong, carriesOut, carryInputs, carryOutputs } from '../../../core/carries.ts';
import type { ModelProgram } from '../../../model/model.ts';
import { mapBounds, mapNoise } from '../../../nn/inversion.ts';
import { keep } from '../autoregressive-programs.ts';
import { chunkMultiple, wavenetCarries, wavenetChunk, wavenetDraw } from './wavenet-draw.ts';
import { type WavenetNetwork, wavenetForward } from './wavenet-network.ts';

/**
 * `logProb`: nats of the whole clip, the probability of its levels. `sample`: clips of the training clips' length.
 * `complete`: keeps the first `samples` samples of a clip and draws the rest given their levels. `advance`: the next
 * tenth of a second, of which the first `known` samples are kept.
 */
export function wavenetPrograms(
  network: WavenetNetwork,
  spec: DataSpec,
  logProb: (state: NamedTensors, x: tf.Tensor, label: tf.Tensor | undefined) => tf.Tensor,
): Record<string, ModelProgram> {
  const { output, classes } = network;
  const shape = [...spec.shape];
  const time = shape[0]!;
  const data: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const label: Record<string, InputSpec> =
    classes === 0 ? {} : { label: { dtype: 'int32', shape: [], role: 'label', classes } };
  const noiseInputs = (length: number): Record<string, InputSpec> =>
    Object.fromEntries(
      output.noise.map((name) => [
        name,
        { dtype: 'float32', shape: [length], role: 'noise', distribution: 'uniform' },
      ]),
    );
  const conditions: Record<string, InputSpec> = {
    ...label,
    temperature: { dtype: 'float32', shape: [], role: 'scalar', default: 1, min: 0.01, max: 10 },
  };
  const draw = { ...noiseInputs(time), ...conditions };
  const samples: InputSpec = {
    dtype: 'float32',
    shape: [],
    role: 'scalar',
    default: Math.floor(time / 2),
    min: 0,
    max: time,
  };
  const dataOutput = { data: { dtype: 'float32', shape, meaning: 'data' } } as const;
  const chunk = chunkOf(spec);
  const carries = wavenetCarries(network);
  const requestOf = (inputs: NamedTensors) => ({
    noise: Object.fromEntries(output.noise.map((name) => [name, inputs[name]!])),
    temperature: inputs.temperature!,
    label: inputs.label as tf.Tensor1D | undefined,
  });
  return {
    sample: {
      signature: { inputs: draw, outputs: dataOutput },
      run: (state, inputs) => ({
        data: output.value(wavenetDraw(network, state, requestOf(inputs))),
      }),
      forced: (state, inputs, drawn) => {
        const { noise, temperature, label: classes } = requestOf(inputs);
        const index = tf.transpose(output.index(drawn)) as tf.Tensor2D; // [time, batch]
        const distributions = wavenetForward(network, state, index, classes); // [time * batch, C]
        const flat = mapNoise(noise, (u) => tf.reshape(tf.transpose(u), [-1]));
        const { value, bounds } = output.forced(distributions, flat, temperature);
        const whole = (x: tf.Tensor) => tf.transpose(tf.reshape(x, index.shape));
        return { data: output.value(whole(value)), bounds: mapBounds(bounds, whole) };
      },
    },
    logProb: {
      signature: {
        inputs: { data, ...label },
        outputs: { logProb: { dtype: 'float32', shape: [], meaning: 'logProb' } },
      },
      run: (state, inputs) => ({ logProb: logProb(state, inputs.data!, inputs.label) }),
    },
    complete: {
      signature: { inputs: { given: data, samples, ...draw }, outputs: dataOutput },
      run: (state, inputs) => {
        const known = firstOf(time, inputs.samples!);
        const index = output.index(inputs.given!) as tf.Tensor2D;
        const request = { ...requestOf(inputs), given: { index, known } };
        const drawn = output.value(wavenetDraw(network, state, request));
        return { data: keep(drawn, inputs.given!, known) };
      },
    },
    advance: {
      signature: {
        inputs: {
          given: { ...data, shape: [chunk] },
          known: { dtype: 'float32', shape: [], role: 'scalar', default: 0, min: 0, max: chunk },
          ...noiseInputs(chunk),
          ...conditions,
          ...carryInputs(carries),
        },
        outputs: {
          data: { dtype: 'float32', shape: [chunk], meaning: 'data' },
          ...carryOutputs(carries),
        },
        stream: { chunks: Math.ceil(time / chunk), axis: 0 },
      },
      run: (state, inputs) => {
        const known = firstOf(chunk, inputs.known!);
        const index = output.index(inputs.given!) as tf.Tensor2D;
        const before = carriesAmong(carries, inputs);
        const request = { ...requestOf(inputs), given: { index, known } };
        const drawn = wavenetChunk(network, state, request, before);
        return {
          data: keep(output.value(drawn.index), inputs.given!, known),
          ...carriesOut(carries, drawn.carries),
        };
      },
    },
  };
}

/** Samples that one call of `advance` draws: a tenth of a second, less for clips under 0.4 s. */
function chunkOf({ shape: [time], ...spec }: DataSpec): number {
  const tenth = 'sampleRate' in spec ? spec.sampleRate / 10 : time;
  return Math.ceil(Math.min(tenth, time / 4) / chunkMultiple) * chunkMultiple;
}

/** [time]: 1 for the first `count` samples, else 0. */
function firstOf(time: number, count: tf.Tensor): tf.Tensor1D {
  const positions = tf.tensor1d(Float32Array.from({ length: time }, (_, t) => t));
  return tf.cast(tf.less(positions, count), 'float32') as tf.Tensor1D;
}
