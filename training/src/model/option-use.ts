import { UserError } from '@generatrix/runtime/core';
import type { z } from 'zod';
import { flagOf } from '../errors/describe-issue.ts';

/** Where an option has an effect: values of another option of its family, or kinds of data under the name `data`. */
export type OptionUse = Readonly<Record<string, string | readonly string[]>>;

/**
 * What an option's schema says of itself, by `.meta()`: its description, and where it has an effect. Given elsewhere it
 * is refused, as what is asked for would not happen.
 */
export function usedWith(use: OptionUse, description: string): { description: string; usedWith: OptionUse } {
  const where = Object.values(use).flat();
  return { description: `${description} (${where.join(', ')})`, usedWith: use };
}

/**
 * @param names options that the user gave; what a preset or a default says is not held to this
 * @param options all of them, settled
 * @param kind of the data
 * @throws UserError naming the first that has no effect, and what gives it one
 */
export function refuseUnused(
  family: {
    readonly name: string;
    readonly options: { readonly shape: Readonly<Record<string, z.ZodType>> };
  },
  names: readonly string[],
  options: Readonly<Record<string, unknown>>,
  kind: string,
): void {
  for (const name of names) {
    const use = family.options.shape[name]?.meta()?.usedWith as OptionUse | undefined;
    for (const [other, values] of Object.entries(use ?? {})) {
      const value = other === 'data' ? kind : options[other];
      const wanted = [values].flat();
      // What is left to a default that the data decides is for the family to refuse.
      if (value === undefined || wanted.includes(String(value))) continue;
      throw new UserError(
        other === 'data'
          ? `${family.name}: ${flagOf(name)}: has no effect on data of kind ${kind}, only on ${wanted.join(' or ')}; leave it out`
          : `${family.name}: ${flagOf(name)}: has no effect with ${flagOf(other)} ${String(value)}, only with ${wanted.join(' or ')}; leave it out or give ${flagOf(other)} ${wanted[0]}`,
      );
    }
  }
}
