import { type NamedTensors, scan, tf } from '@generatrix/export';
import { chainLength, chainScalars, type InputSpec, type OutputSpec } from '@generatrix/runtime/core';
import { z } from 'zod';
import type { ModelProgram, NoiseSpec } from '../model/model.ts';
import { type CarryShapes, carriesAmong, carriesOut, carryInputs, carryOutputs } from './carries.ts';

/**
 * The option of a family whose samples are the ends of chains: their length when nothing else is asked for.
 * @param least 2 where the first is the start of the chain
 */
export function sampleStepsOption(steps: number, least: 1 | 2 = 2) {
  return z
    .number()
    .int()
    .min(least)
    .max(1_000_000)
    .default(steps)
    .describe('steps of the chain that a sample is the end of');
}

/** What a step of a chain is given. */
export interface ChainStep {
  /** Scalar: the number of the step, from 0. */
  readonly index: tf.Tensor;
  /** Scalar: how many steps the chain has in all. */
  readonly steps: tf.Tensor;
  /** Of this step, each [batch, ...shape]. */
  readonly noise: NamedTensors;
  /** Further inputs of the program. */
  readonly inputs: NamedTensors;
}

/** A chain of steps from noise to a sample: block Gibbs, Langevin, diffusion, annealing. */
export interface Chain {
  /** Of the whole chain, below 2^24. */
  readonly steps: number;
  /** As many as a caller may ask for in its place, by the scalar `steps`, and 2 at least after a `start`, else 1; absent where none may. */
  readonly mostSteps?: number;
  /** Steps that one call of the program takes at most: its noise is what is held in memory at a time. */
  readonly stepsPerCall: number;
  /** What goes from step to step: float32, zeros before the start. */
  readonly carries: CarryShapes;
  /** What each step draws. */
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  /** Further inputs, such as a label, a condition or the scalar `mean`. */
  readonly inputs?: Readonly<Record<string, InputSpec>>;
  readonly outputs: Readonly<Record<string, OutputSpec>>;
  /** The carry whose first values are the example's, of a chain that can start at one; see `ChainSpec`. */
  readonly example?: string;
  /** Takes the place of step 0: the carries that the chain begins with, from the noise of that step. */
  start?(state: NamedTensors, step: ChainStep): NamedTensors;
  /** The carries after a step. */
  step(state: NamedTensors, carries: NamedTensors, step: ChainStep): NamedTensors;
  /** What the program returns of the carries after its last step. */
  finish(state: NamedTensors, carries: NamedTensors, inputs: NamedTensors): NamedTensors;
}

/**
 * The program `advance` of a chain: the steps that a call asks for, in one loop on the device. A model that samples by
 * it needs no `sample`; the runtime makes the calls. Steps outside of the range that is asked for leave the carries as
 * they are, to the bit.
 */
export function chainProgram(chain: Chain): ModelProgram {
  const { steps, mostSteps, stepsPerCall, carries: shapes, noise: noiseSpecs, inputs: further = {} } = chain;
  const scalar = { dtype: 'float32', shape: [], role: 'scalar', max: mostSteps ?? steps } as const;
  const place = { ...scalar, min: 0 };
  const noiseInputs = Object.entries(noiseSpecs).map(([name, { distribution, shape }]) => [
    name,
    { dtype: 'float32', shape: [stepsPerCall, ...shape], role: 'noise', distribution },
  ]);
  // A lone step that is asked for without a word is one of the chain, not its start.
  const first = stepsPerCall === 1 && chain.start !== undefined ? 1 : 0;
  return {
    signature: {
      inputs: {
        ...carryInputs(shapes),
        ...(Object.fromEntries(noiseInputs) as Record<string, InputSpec>),
        ...further,
        [chainScalars.from]: { ...place, default: first },
        [chainScalars.to]: { ...place, default: Math.min(steps, first + stepsPerCall) },
        ...(mostSteps && { [chainLength]: { ...scalar, min: chain.start ? 2 : 1, default: steps } }),
      },
      outputs: { ...carryOutputs(shapes), ...chain.outputs },
      chain: { steps, stepsPerCall, ...(chain.example !== undefined && { example: chain.example }) },
    },
    run: (state, all) => {
      const inputs = Object.fromEntries(Object.keys(further).map((name) => [name, all[name]!]));
      const length = mostSteps ? all[chainLength]! : tf.scalar(steps);
      const [from, to] = [all[chainScalars.from]!, all[chainScalars.to]!];
      /** The noise of all steps with their axis first: [steps, batch, ...shape]. */
      const noise = Object.fromEntries(Object.keys(noiseSpecs).map((name) => [name, stepsFirst(all[name]!)]));
      const given = carriesAmong(shapes, all);
      const firstNoise = Object.fromEntries(
        Object.entries(noise).map(([name, x]) => [name, tf.squeeze(tf.slice(x, [0], [1]), [0])]),
      );
      const begins = tf.equal(from, 0);
      const start = chain.start && {
        ...given,
        ...chosen(
          begins,
          chain.start(state, { index: from, steps: length, noise: firstNoise, inputs }),
          given,
        ),
      };
      const taken = (before: NamedTensors, index: tf.Tensor, own: NamedTensors): NamedTensors => {
        const moved = chain.step(state, before, { index, steps: length, noise: own, inputs });
        const takes = tf.logicalAnd(
          tf.greaterEqual(index, chain.start === undefined ? 0 : 1),
          tf.less(index, to),
        );
        return { ...before, ...chosen(takes, moved, before) };
      };
      // A loop of one turn would cost a WebGPU device a way through memory and back.
      const carries =
        stepsPerCall === 1
          ? taken(start ?? given, from, firstNoise)
          : scan({
              carries: start ?? given,
              sequences: { ...noise, offset: tf.range(0, stepsPerCall) },
              body: (before, { offset, ...own }) => ({
                carries: taken(before, tf.add(from, offset!), own),
              }),
            }).carries;
      return { ...carriesOut(shapes, carries), ...chain.finish(state, carries, inputs) };
    },
  };
}

/**
 * The programs of a Markov chain on examples: `advance` for many steps, whose end is a sample, and `transition`, the same
 * step by step, for whoever follows the chain. Its step must not depend on the step's number.
 */
export function markovChainPrograms(chain: Chain): { advance: ModelProgram; transition: ModelProgram } {
  return { advance: chainProgram(chain), transition: chainProgram({ ...chain, stepsPerCall: 1 }) };
}

function chosen(condition: tf.Tensor, tensors: NamedTensors, others: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, x]) => [name, tf.where(condition, x, others[name]!)]),
  );
}

/** [batch, steps, ...shape] to [steps, batch, ...shape]. */
function stepsFirst(x: tf.Tensor): tf.Tensor {
  return tf.transpose(x, [1, 0, ...Array.from({ length: x.rank - 2 }, (_, i) => i + 2)]);
}
