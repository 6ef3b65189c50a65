import { chainScalars, type InputSpec, type ProgramSignature } from '../program/program.ts';
import type { ModelView } from './contract.ts';

/** What a model can do, told from its manifest. What it can complete: `completionOf`. */

type WithManifest = Pick<ModelView, 'manifest'>;

/** The program that gives a model's density, and whether it is exact or a bound. */
export type Density =
  | { readonly program: 'logProb'; readonly kind: 'exact' }
  | { readonly program: 'logWeight'; readonly kind: 'bound' };

/**
 * How examples are scored, by the programs that a model has: exactly where it has `logProb`, else by the bound that
 * `logWeight` gives; undefined where it has no density.
 */
export function densityOf(programs: Readonly<Record<string, unknown>>): Density | undefined {
  if (Object.hasOwn(programs, 'logProb')) return { program: 'logProb', kind: 'exact' };
  if (Object.hasOwn(programs, 'logWeight')) return { program: 'logWeight', kind: 'bound' };
  return undefined;
}

/** The program that returns a part of an example, or takes some steps of a chain, at a call. */
export const streamProgram = 'advance';

/**
 * The program that samples are drawn by: `sample`, or the one that takes steps of a chain whose end is a sample;
 * undefined where a model draws none.
 */
export function samplingProgram(
  programs: Readonly<Record<string, Pick<ProgramSignature, 'chain'>>>,
): string | undefined {
  if (Object.hasOwn(programs, 'sample')) return 'sample';
  return programs[streamProgram]?.chain === undefined ? undefined : streamProgram;
}

/**
 * The inputs that whoever samples may choose: those of the program that draws, without what says which steps of a chain
 * a run takes; undefined where a model draws no samples.
 */
export function samplingInputs(
  programs: Readonly<Record<string, Pick<ProgramSignature, 'inputs' | 'chain'>>>,
): Readonly<Record<string, InputSpec>> | undefined {
  const name = samplingProgram(programs);
  if (name === undefined) return undefined;
  const { inputs, chain } = programs[name]!;
  const places: readonly string[] = chain === undefined ? [] : Object.values(chainScalars);
  return Object.fromEntries(Object.entries(inputs).filter(([input]) => !places.includes(input)));
}

/** Whether samples of a model can be watched while they are drawn: part by part, or whole after each steps of a chain. */
export function canStream({ manifest }: WithManifest): boolean {
  return (
    drawsParts({ manifest }) ||
    manifest.programs[samplingProgram(manifest.programs) ?? '']?.chain !== undefined
  );
}

/** Whether a model draws a sample part by part, the parts joined being the sample. */
export function drawsParts({ manifest }: WithManifest): boolean {
  return manifest.programs[streamProgram]?.stream !== undefined;
}

/** The program that takes one step of a Markov chain on examples at a call, of models that sample by one. */
export const transitionProgram = 'transition';

/** Whether the Markov chain of a model can be followed step by step. */
export function canWalk({ manifest }: WithManifest): boolean {
  return manifest.programs[transitionProgram]?.chain !== undefined;
}

/** Whether a model can reconstruct: by a program of its own, or by encoding and decoding. */
export function canReconstruct({ manifest: { programs } }: WithManifest): boolean {
  return (
    Object.hasOwn(programs, 'reconstruct') ||
    ['encode', 'decode'].every((name) => Object.hasOwn(programs, name))
  );
}

/** Whether there is a way between two seeds: normal noise, which can be mixed and stays as likely as it was. */
export function canInterpolateSeeds({ manifest }: WithManifest): boolean {
  return Object.values(manifest.programs.sample?.inputs ?? {}).some(
    (spec) => spec.role === 'noise' && spec.distribution === 'normal',
  );
}
