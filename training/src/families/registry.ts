import { UserError } from '@generatrix/runtime/core';
import { describeIssue } from '../run/describe-issue.ts';
import { acgan } from './acgan.ts';
import { autoencoder } from './autoencoder.ts';
import { cgan } from './cgan.ts';
import { cogan } from './cogan.ts';
import { dcgan } from './dcgan.ts';
import type { DataDescription, Family, Model } from './family.ts';
import { gan } from './gan.ts';
import { gmm } from './gmm.ts';
import { gmmn } from './gmmn.ts';
import { made } from './made.ts';
import { nade } from './nade.ts';
import { nice } from './nice.ts';
import { pixelcnn } from './pixelcnn.ts';
import { pixelrnn } from './pixelrnn.ts';
import { realnvp } from './realnvp.ts';
import { vae } from './vae.ts';
import { vaegan } from './vaegan.ts';
import { wavenet } from './wavenet.ts';
import { wgan } from './wgan.ts';

/** Every family; the command line, the exporter, the tests and the pages find them here. */
export const families: readonly Family[] = [
  vae,
  gmm,
  made,
  nade,
  nice,
  realnvp,
  pixelcnn,
  pixelrnn,
  wavenet,
  gan,
  dcgan,
  wgan,
  cgan,
  acgan,
  cogan,
  autoencoder,
  gmmn,
  vaegan,
];

/** @throws UserError that lists the families when there is none of this name. */
export function familyNamed(name: string): Family {
  const family = families.find((candidate) => candidate.name === name);
  if (family !== undefined) return family;
  throw new UserError(
    `unknown family '${name}'; there are ${families.map((known) => known.name).join(', ')}`,
  );
}

/** `outputStd` as the command line has it: `--output-std`. */
function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Settles a family's options (defaults filled in) and builds the model for the data.
 * @throws UserError for an option out of range or data that the family cannot model.
 */
export function buildModel(
  family: Family,
  options: Record<string, unknown>,
  data: DataDescription,
): { model: Model; options: Record<string, unknown> } {
  const parsed = family.options.safeParse(options);
  if (!parsed.success) {
    throw new UserError(`${family.name}: ${describeIssue(parsed.error, options, flagOf)}`);
  }
  const refusal = family.refuses(data, parsed.data);
  if (refusal !== null) throw new UserError(`${family.name}: ${refusal}`);
  return { model: family.build(parsed.data, data), options: parsed.data as Record<string, unknown> };
}
