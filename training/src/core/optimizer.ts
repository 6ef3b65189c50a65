import type { NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';
import type { OptimizerName, TrainingOptions } from '../model/training-options.ts';
import { adam, adamSpecs } from './adam.ts';
import { adamax, adamaxSpecs } from './adamax.ts';
import { rmsprop, rmspropSpecs } from './rmsprop.ts';
import { sgd, sgdSpecs } from './sgd.ts';

/** A rule by which parameters follow their gradients, with what it keeps from update to update. */
export interface Optimizer {
  /** What its slots' names begin with. */
  readonly prefix: string;
  /** Its slots for these parameters: at least `NAME/count`, the number of updates so far. */
  specs(parameters: StateSpecs, name: string): StateSpecs;
  /** One update: the new values of the parameters that have a gradient, and of its slots. */
  update(state: NamedTensors, gradients: NamedTensors, learningRate: tf.Scalar, name: string): NamedTensors;
}

/** The optimizer that the options name. */
export function optimizerOf(training: TrainingOptions & { readonly optimizer: OptimizerName }): Optimizer {
  const adamRule: Optimizer = {
    prefix: 'adam',
    specs: adamSpecs,
    update: (state, gradients, rate, name) => adam(state, gradients, rate, training, name),
  };
  const rules: Record<OptimizerName, Optimizer> = {
    adam: adamRule,
    adamw: adamRule,
    adamax: {
      prefix: 'adamax',
      specs: adamaxSpecs,
      update: (state, gradients, rate, name) => adamax(state, gradients, rate, training, name),
    },
    rmsprop: {
      prefix: 'rmsprop',
      specs: rmspropSpecs,
      update: (state, gradients, rate, name) => rmsprop(state, gradients, rate, training, name),
    },
    sgd: {
      prefix: 'sgd',
      specs: (parameters, name) => sgdSpecs(parameters, training, name),
      update: (state, gradients, rate, name) => sgd(state, gradients, rate, training, name),
    },
  };
  return rules[training.optimizer];
}
