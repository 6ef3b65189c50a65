import type { ProgramSignature } from '@generatrix/runtime/core';
import type { Model } from './model.ts';

/** The signatures of a model's programs, as a manifest has them. */
export function signaturesOf({ programs }: Pick<Model, 'programs'>): Record<string, ProgramSignature> {
  return Object.fromEntries(Object.entries(programs).map(([name, { signature }]) => [name, signature]));
}
