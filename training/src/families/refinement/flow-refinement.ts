import { type NamedTensors, tf } from '@generatrix/export';
import type { DataSpec, InputSpec } from '@generatrix/runtime/core';
import type { SolverStep } from './ode.ts';
import type { Refinement } from './refinement-programs.ts';

/** A flow on straight lines from noise at time 0 to data at time 1. */
export interface Flow {
  readonly spec: DataSpec;
  /** Of a sample when nothing else is asked for. */
  readonly steps: number;
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** A step from x, in the network's scale; `time` and `size` are scalars. */
  step(state: NamedTensors, x: tf.Tensor, at: FlowPlace): SolverStep;
}

interface FlowPlace {
  readonly time: tf.Tensor;
  readonly size: tf.Tensor;
  readonly inputs: NamedTensors;
}

/** (1 - time) start + time end. */
export function between(start: tf.Tensor, end: tf.Tensor, time: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(tf.sub(1, time), start), tf.mul(time, end));
}

/**
 * Samples and completions of a flow in equal steps. `predicted` is where it would end if it went on straight. An image
 * that is held goes its own straight line, from the noise of the start.
 */
export function flowRefinement({ spec, steps, inputs, step }: Flow): Refinement {
  return {
    ...{ spec, steps, mostSteps: 10_000, pointStepsPerCall: 5, noise: 'start', inputs, kept: ['origin'] },
    step: (state, { position, origin }, { index, steps: all, noise, inputs: given }, held) => {
      const first = tf.equal(index, 0);
      const whole = held?.strength ?? tf.scalar(1);
      const time = tf.add(tf.sub(1, whole), tf.mul(whole, tf.div(index, all)));
      const from = held && tf.where(first, noise.start!, origin!);
      const line = held && between(from!, held.image, time);
      const drawn = tf.where(first, line ?? noise.start!, position!);
      const x = held ? held.hold(drawn, line!) : drawn;
      const taken = step(state, x, { time, size: tf.mul(whole, tf.div(1, all)), inputs: given });
      const predicted = tf.add(x, tf.mul(tf.sub(1, time), taken.slope));
      return { position: taken.x, predicted, ...(from && { kept: { origin: from } }) };
    },
  };
}
