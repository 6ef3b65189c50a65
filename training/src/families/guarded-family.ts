import { UserError } from '@generatrix/runtime/core';
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
  const step = (of: Step): Step => ({ ...of, run: guard('the step', of.run.bind(of)) });
  const program = ([name, of]: [string, ModelProgram]): [string, ModelProgram] => [
    name,
    { ...of, run: guard(`program '${name}'`, of.run.bind(of)) },
  ];
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
