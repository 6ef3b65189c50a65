import { UserError } from '../errors.ts';
import { nameOf } from './arguments.ts';
import type { Completion, ModelView } from './contract.ts';

/** Program that continues an example. */
export const completeProgram = 'complete';
/** The carry of a completion that says what is known besides its beginning: 1 where a pixel is. */
export const heldCarry = 'held';
/** Names of the scalar that says how much is known, by the kind of data. */
const knownNames = ['rows', 'samples'];

/** What a model can complete. @throws UserError when it can complete nothing. */
export function completionOf(model: Pick<ModelView, 'name' | 'manifest'>): Completion {
  const { programs, family, data } = model.manifest;
  const inputs = programs[completeProgram]?.inputs ?? {};
  const unit = knownNames.find((name) => inputs[name]?.role === 'scalar');
  if (unit === undefined) {
    throw new UserError(
      `model ${nameOf(model)} (${family}) cannot complete: it has no program 'complete' that continues an example`,
    );
  }
  return { unit: unit as Completion['unit'], most: data.shape[0]! };
}
