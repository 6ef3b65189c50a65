import type { InputSpec, NoiseDistribution } from '@generatrix/runtime/core';
import type { Model, ModelProgram } from '../../model/model.ts';

/** A program that turns codes into examples, and the names of its inputs. */
export interface Generator {
  readonly program: ModelProgram;
  readonly latent: string;
  readonly latentShape: readonly number[];
  /** Prior of the codes, as the model's own noise declares it. */
  readonly distribution: NoiseDistribution;
  /** Input that takes the class, if any. */
  readonly label: string | null;
  /** Output that holds examples. */
  readonly data: string;
}

/**
 * The program of a model whose one continuous input is a code of known prior, or null. It is `decode` where `sample`
 * draws its codes as normal noise `z` (or has no other noise), and otherwise `sample` itself, as a function of its only
 * noise.
 */
export function generatorOf({ programs }: Pick<Model, 'programs'>): Generator | null {
  const { decode, sample } = programs;
  const noises = noisesOf(sample);
  const decoded =
    decode === undefined ? null : generatorBy(decode, ({ role }) => role === 'latent', 'normal');
  if (decoded !== null) {
    const prior = noises.find(([name]) => name === 'z' || noises.length === 1)?.[1];
    const known =
      sample === undefined ||
      (prior?.distribution === 'normal' && String(prior.shape) === String(decoded.latentShape));
    if (known) return decoded;
  }
  const [only] = noises;
  if (sample === undefined || only === undefined || noises.length > 1) return null;
  return generatorBy(sample, ({ role }) => role === 'noise', only[1].distribution);
}

function noisesOf(program: ModelProgram | undefined) {
  return Object.entries(program?.signature.inputs ?? {}).flatMap(([name, input]) =>
    input.role === 'noise' ? [[name, input] as const] : [],
  );
}

function generatorBy(
  program: ModelProgram,
  isCode: (input: InputSpec) => boolean,
  distribution: NoiseDistribution,
): Generator | null {
  const inputs = Object.entries(program.signature.inputs);
  const codes = inputs.filter(([, input]) => isCode(input));
  const label = inputs.find(([, { role }]) => role === 'label')?.[0] ?? null;
  const data = Object.entries(program.signature.outputs).find(([, { meaning }]) => meaning === 'data')?.[0];
  if (codes.length !== 1 || data === undefined || inputs.length !== (label === null ? 1 : 2)) return null;
  const [latent, { shape: latentShape }] = codes[0]!;
  return { program, latent, latentShape, distribution, label, data };
}
