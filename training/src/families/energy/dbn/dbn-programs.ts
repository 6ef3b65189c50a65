import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, meanScalar } from '@generatrix/runtime/core';
import { markovChainPrograms } from '../../../core/chain.ts';
import type { ModelProgram, NoiseSpec } from '../../../model/model.ts';
import { binarise } from '../../../nn/distributions.ts';
import { gibbsStep, hiddenMean } from '../bipartite.ts';
import { completionProgram, fairCoins } from '../completion.ts';
import { binaryUnits, stepsPerCall } from '../machine-programs.ts';
import { dbnNames, drawnFreeEnergy, generated, machineOf, recognised, unitByUnit } from './dbn-machine.ts';

/** What the programs know of a network. */
export interface Network {
  /** Units of the layers, the data's first. */
  readonly widths: readonly number[];
  /** Of an example. */
  readonly shape: readonly number[];
  /** An example in the data's shape of layer 0, [batch, V]. */
  readonly example: (values: tf.Tensor) => tf.Tensor;
}

/** Names of the noise that layers are drawn by. */
export const layerNoise = (layer: number) => `layer/${layer}`;

function noiseOf(widths: readonly number[], layers: readonly number[]): Record<string, NoiseSpec> {
  return Object.fromEntries(
    layers.map((layer) => [layerNoise(layer), { distribution: 'uniform', shape: [widths[layer]!] }]),
  );
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/**
 * The programs `advance` and `transition`: a block Gibbs chain of the machine on top from fair coins, and below it in each
 * step one pass down to the data (Hinton, Osindero and Teh 2006, section 4).
 */
export function samplingChain({ widths, shape, example }: Network, steps: number) {
  const top = widths.length - 1;
  const side = widths[top - 1]!;
  const down = (state: NamedTensors, values: tf.Tensor, noise: NamedTensors) =>
    generated(state, values, { top, noise: (layer) => noise[layerNoise(layer)] });
  return markovChainPrograms({
    ...{ steps, mostSteps: 1_000_000, stepsPerCall: Math.min(steps, stepsPerCall) },
    carries: { top: [side], values: [widths[0]!], probabilities: [widths[0]!] },
    noise: noiseOf(widths, numbers(0, top)),
    inputs: { [meanScalar]: { dtype: 'float32', shape: [], role: 'scalar', default: 1, min: 0, max: 1 } },
    outputs: { data: { dtype: 'float32', shape, meaning: 'data' } },
    start: (state, { noise }) => {
      const own = noise[layerNoise(top - 1)]!;
      const values = binarise(tf.fill(own.shape, 0.5), own);
      return { top: values, ...down(state, values, noise) };
    },
    step: (state, carries, { noise }) => {
      const draws = { hidden: noise[layerNoise(top)]!, visible: noise[layerNoise(top - 1)]! };
      const { values } = gibbsStep(machineOf(state, top, top), carries.top!, draws);
      return { top: values, ...down(state, values, noise) };
    },
    finish: (_, { values, probabilities }, inputs) => ({
      data: example(tf.where(tf.equal(inputs[meanScalar]!, 1), probabilities!, values!)),
    }),
  });
}

/**
 * The program `complete`: a Gibbs chain of all layers and of the pixels that are not known. Those that are known make the
 * units above them depend on each other, so each layer between is gone through unit by unit; the rest is summed out or
 * drawn as a block. Its samples are the model's conditional ones as far as the chain has mixed.
 */
export function completionChain({ widths, shape, example }: Network): ModelProgram {
  const top = widths.length - 1;
  const visible = widths[0]!;
  const carryOf = (layer: number) => `hidden/${layer}`;
  return completionProgram({
    ...{ shape, units: visible, example },
    // Each step is a loop through all units between, which takes long; eager tfjs holds every tensor of a call besides.
    ...{ steps: 50, stepsPerCall: 2 },
    carries: Object.fromEntries(numbers(1, top).map((layer) => [carryOf(layer), [widths[layer]!]])),
    noise: noiseOf(widths, numbers(0, top)),
    begin: fairCoins(layerNoise(0)),
    startRest: (state, values, noise) => {
      const layers = recognised(state, values, { last: top, top, noise: (n) => noise[layerNoise(n)] });
      return Object.fromEntries(numbers(1, top).map((layer) => [carryOf(layer), layers[layer]!]));
    },
    step: (state, { values, ...before }, { noise, known }) => {
      const layers = [values!, ...numbers(1, top).map((layer) => before[carryOf(layer)]!)];
      const own = (layer: number) => noise[layerNoise(layer)]!;
      layers[top] = binarise(hiddenMean(machineOf(state, top, top), layers[top - 1]!), own(top));
      for (let layer = top - 1; layer >= 1; layer--) {
        const above = state[dbnNames.weights(layer + 1)] as tf.Tensor2D;
        layers[layer] = unitByUnit(machineOf(state, layer, top), {
          prior: tf.add(
            tf.matMul(layers[layer + 1] as tf.Tensor2D, above, false, true),
            state[dbnNames.bias(layer)]!,
          ),
          values: layers[layer]!,
          below: layers[layer - 1]!,
          known: layer === 1 ? tf.cast(known, 'float32') : tf.ones([1, widths[layer - 1]!]),
          uniform: own(layer),
        });
      }
      const data = generated(state, layers[1]!, { top: 2, noise: () => own(0) });
      return {
        ...{ values: data.values, means: data.probabilities },
        ...Object.fromEntries(numbers(1, top).map((layer) => [carryOf(layer), layers[layer]!])),
      };
    },
  });
}

/** The program `variationalFreeEnergy`: `drawnFreeEnergy` of examples, whose mean bounds the likelihood without log Z. */
export function freeEnergyProgram({ widths, shape }: Network): ModelProgram {
  const top = widths.length - 1;
  const uniform = (of: readonly number[], belongsTo: 'example' | 'estimate'): InputSpec => ({
    ...{ dtype: 'float32', shape: of, role: 'noise', distribution: 'uniform', belongsTo },
  });
  return {
    signature: {
      inputs: {
        data: { dtype: 'float32', shape, role: 'data' },
        uniform: uniform(shape, 'example'),
        ...Object.fromEntries(
          numbers(1, top - 1).map((layer) => [layerNoise(layer), uniform([widths[layer]!], 'estimate')]),
        ),
      },
      outputs: { freeEnergy: { dtype: 'float32', shape: [], meaning: 'other' } },
    },
    run: (state, { data, uniform, ...noise }) => {
      const v = binaryUnits(data!, uniform!);
      const layers = recognised(state, v, { last: top - 1, top, noise: (n) => noise[layerNoise(n)] });
      return { freeEnergy: drawnFreeEnergy(state, layers, top) };
    },
  };
}
