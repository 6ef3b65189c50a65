import { type NamedTensors, tf } from '@generatrix/export';
import type { DataSpec, InputSpec } from '@generatrix/runtime/core';
import { type ChainStep, chainProgram } from '../../core/chain.ts';
import { unscaled } from '../../core/data-scale.ts';
import type { ModelProgram } from '../../model/model.ts';
import { type Completion, completion, type Given } from './completion.ts';

/** What a family of iterative refinement says of its samples. */
export interface Refinement {
  readonly spec: DataSpec;
  /** Of a sample when nothing else is asked for. */
  readonly steps: number;
  readonly mostSteps: number;
  /** Steps of points in one call; see `stepsPerCall`. */
  readonly pointStepsPerCall: number;
  /** The input of normal noise, which each step draws. */
  readonly noise: string;
  /** Further inputs. */
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** Carries of completions besides `position`, each of the shape of an example. */
  readonly kept?: readonly string[];
  /** A step, all in the network's scale. @param held what a completion holds, null for a sample. */
  step(
    state: NamedTensors,
    carries: NamedTensors,
    step: ChainStep & { readonly noise: NamedTensors },
    held: HeldExample | null,
  ): Refined;
}

/** What is held in a step of a completion, in the network's scale. */
export interface HeldExample {
  readonly image: tf.Tensor;
  /** Scalar in [0, 1]; see `Completion`. */
  readonly strength: tf.Tensor;
  /** x with the known pixels in the place of its own. */
  hold(x: tf.Tensor, known: tf.Tensor): tf.Tensor;
}

/** Where a step leads. */
export interface Refined {
  readonly position: tf.Tensor;
  /** The example that the network sees in it. */
  readonly predicted: tf.Tensor;
  readonly kept?: NamedTensors;
}

/**
 * `advance`, whose chain ends at a sample, and of images `complete`. Both return `data`, what the example is so far, and
 * `predicted`, the example that the network sees in it.
 */
export function refinementPrograms(refinement: Refinement): Record<string, ModelProgram> {
  const { spec } = refinement;
  return {
    advance: program(refinement, null),
    ...(spec.kind === 'image' && { complete: program(refinement, completion(spec)) }),
  };
}

function program(refinement: Refinement, completes: Completion | null): ModelProgram {
  const { spec, steps, mostSteps, noise, inputs, kept = [] } = refinement;
  const shape = [...spec.shape];
  const output = { dtype: 'float32', shape, meaning: 'data' } as const;
  const shown = (state: NamedTensors, x: tf.Tensor) =>
    unscaled(state, 'range' in spec ? tf.clipByValue(x, -1, 1) : x, spec);
  const heldIn = (state: NamedTensors, given: Given): HeldExample | null =>
    completes && {
      image: completes.image(state, given),
      strength: completes.strength(given),
      hold: (x, known) => completes.hold(x, known, given),
    };
  return chainProgram({
    ...{ steps, mostSteps, stepsPerCall: stepsPerCall(refinement) },
    carries: {
      ...{ position: shape, end: shape },
      ...(completes && { ...Object.fromEntries(kept.map((name) => [name, shape])), ...completes.carries }),
    },
    noise: { [noise]: { distribution: 'normal', shape } },
    inputs: { ...inputs, ...completes?.inputs },
    outputs: { data: output, predicted: output },
    step: (state, carries, step) => {
      const held = heldIn(state, { inputs: step.inputs, carries });
      const { position, predicted, kept: more } = refinement.step(state, carries, step, held);
      return { position, end: predicted, ...(completes && more) };
    },
    finish: (state, carries, given) => {
      const whole = { inputs: given, carries };
      const out = (x: tf.Tensor) => completes?.finished(shown(state, x), whole) ?? shown(state, x);
      return { data: out(carries.position!), predicted: out(carries.end!) };
    },
  });
}

/**
 * Of images a step at a call: a call computes all of its steps, wanted or not, and beside a U-Net the way from call to
 * call costs nothing. Of points several, whose networks are so small that it does.
 */
function stepsPerCall({ spec, steps, pointStepsPerCall }: Refinement): number {
  return spec.kind === 'image' ? 1 : Math.min(steps, pointStepsPerCall);
}
