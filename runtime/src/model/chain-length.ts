import { UserError } from '../errors.ts';
import { type ChainSpec, chainLength, chainScalars, type ProgramSignature } from '../program/program.ts';
import { checkScalars, type InputSources } from './inputs.ts';

/**
 * How many steps the chain has that these sources ask for.
 * @throws UserError when the program has none, for a part of a step, where the steps of a run are given, or for a scalar
 *   that the program does not have or out of its range: of a chain without steps there is no run that would refuse it.
 */
export function chainSteps(
  program: string,
  signature: ProgramSignature,
  sources: Pick<InputSources, 'scalars'>,
): number {
  if (signature.chain === undefined) throw new UserError(`program ${program} takes no steps of a chain`);
  for (const scalar of Object.values(chainScalars)) {
    if (sources.scalars?.[scalar] !== undefined)
      throw new UserError(`program ${program}: ${scalar}: which steps a run takes is not to be given`);
  }
  const runs: readonly string[] = Object.values(chainScalars);
  const own = Object.entries(signature.inputs).filter(([name]) => !runs.includes(name));
  checkScalars(program, Object.fromEntries(own), sources.scalars);
  return lengthOf(program, signature, signature.chain, sources);
}

/** Steps in all: those that are asked for, or the chain's own. @throws UserError for a part of a step. */
function lengthOf(
  program: string,
  { inputs }: ProgramSignature,
  { steps }: ChainSpec,
  { scalars }: Pick<InputSources, 'scalars'>,
): number {
  const asked = scalars?.[chainLength];
  if (asked === undefined || inputs[chainLength] === undefined || Number.isInteger(asked))
    return asked ?? steps;
  throw new UserError(`program ${program}: ${chainLength}: expected a whole number, got ${asked}`);
}
