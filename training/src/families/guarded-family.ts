import { tf } from '@generatrix/export';
import { type NoiseDistribution, UserError } from '@generatrix/runtime/core';
import type { Family, Trainable } from '../model/family.ts';
import type { Model, ModelProgram, Step } from '../model/model.ts';
import { moduleError } from '../plugin/load-module.ts';

/**
 * A family whose errors are its user's to mend: what its functions throw, however late, names the module, the line and
 * the function. Errors that say so themselves pass.
 * @param path absolute, of the module that defines it
 */
export function guardedFamily(family: Family, path: string): Family {
  const guard = <Arguments extends unknown[], Result>(
    what: string,
    run: (...given: Arguments) => Result,
  ): ((...given: Arguments) => Result) => {
    const failed = (error: unknown): never => {
      if (error instanceof UserError) throw error;
      throw moduleError(path, `${what} of family '${family.name}' failed`, error);
    };
    return (...given) => {
      try {
        const result = run(...given);
        return (result instanceof Promise ? result.catch(failed) : result) as Result;
      } catch (error) {
        return failed(error);
      }
    };
  };
  const step = (of: Step): Step => {
    for (const [name, { distribution }] of Object.entries(of.noise))
      checkDistribution(`noise '${name}'`, distribution);
    return { ...of, run: guard('the step', of.run.bind(of)) };
  };
  const program = ([name, of]: [string, ModelProgram]): [string, ModelProgram] => {
    for (const [input, spec] of Object.entries(of.signature.inputs))
      if (spec.role === 'noise')
        checkDistribution(`input '${input}' of program '${name}'`, spec.distribution);
    const run: ModelProgram['run'] = (state, inputs) => {
      const found = of.run(state, inputs);
      checkOutputs(Object.keys(of.signature.outputs), found);
      return found;
    };
    return [name, { ...of, run: guard(`program '${name}'`, run) }];
  };
  const guardedModel = (model: Model): Model => ({
    ...model,
    ...(model.initialise && { initialise: guard('initialise', model.initialise.bind(model)) }),
    step: step(model.step),
    ...(model.phases && { phases: model.phases.map((phase) => ({ ...phase, step: step(phase.step) })) }),
    programs: Object.fromEntries(Object.entries(model.programs).map(program)),
  });
  const checked = (built: Model | Trainable): Model | Trainable => {
    if (typeof built !== 'object' || built === null || !('compose' in built || 'step' in built))
      throw new TypeError('expected a model, such as what gradientModel({ ... }) returns');
    return built;
  };
  return {
    ...family,
    refuses: guard('refuses', family.refuses.bind(family)),
    build: guard('build', (options, data) => {
      const built = checked(family.build(options, data));
      if (!('compose' in built)) return guardedModel(built);
      return { compose: guard('build', (...given) => guardedModel(built.compose(...given))) };
    }),
  };
}

function checkDistribution(what: string, distribution: NoiseDistribution): void {
  if (distribution === 'normal' || distribution === 'uniform') return;
  throw new TypeError(`${what}: expected the distribution normal or uniform, got '${String(distribution)}'`);
}

/** @throws TypeError unless exactly the declared outputs came, each a tensor. */
function checkOutputs(declared: readonly string[], found: unknown): void {
  if (found instanceof Promise)
    throw new TypeError('expected tensors, got a promise: the function may not be async');
  const outputs = typeof found === 'object' && found !== null ? Object.entries(found) : [];
  const names = outputs.map(([name]) => name);
  const wrong =
    declared.some((name) => !names.includes(name)) ||
    outputs.some(([name, value]) => !declared.includes(name) || !(value instanceof tf.Tensor));
  if (!wrong) return;
  const got = outputs.map(([name, value]) => (value instanceof tf.Tensor ? name : `${name} (no tensor)`));
  throw new TypeError(
    `expected a tensor for each output that its signature declares (${declared.join(', ')}), got ${got.join(', ') || 'none'}`,
  );
}
