import {
  type HostTensor,
  type InputSources,
  type ProgramSignature,
  UserError,
} from '@generatrix/runtime/core';
import type { Dataset } from './dataset.ts';

/**
 * What a program is given besides, from the examples at these indices; nothing for most.
 * @throws UserError when the data set does not have it
 */
export async function conditionsOf(
  { inputs }: Pick<ProgramSignature, 'inputs'>,
  { name, fields }: Pick<Dataset, 'name' | 'fields'>,
  indices: Int32Array,
): Promise<Pick<InputSources, 'conditions'>> {
  const wanted = Object.keys(inputs).filter((input) => inputs[input]!.role === 'condition');
  if (wanted.length === 0) return {};
  const conditions: Record<string, HostTensor> = {};
  for (const input of wanted) {
    const field = fields?.[input];
    if (field === undefined)
      throw new UserError(
        `data set ${name}: expected the field '${input}', which the model is given, found none`,
      );
    conditions[input] = await field.gather(indices);
  }
  return { conditions };
}
