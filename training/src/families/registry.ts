import { UserError } from '@generatrix/runtime/core';
import { describeIssue } from '../errors/describe-issue.ts';
import type { DataDescription, Family } from '../model/family.ts';
import type { Model } from '../model/model.ts';
import { acgan } from './adversarial/acgan.ts';
import { cgan } from './adversarial/cgan.ts';
import { cogan } from './adversarial/cogan.ts';
import { dcgan } from './adversarial/dcgan.ts';
import { gan } from './adversarial/gan.ts';
import { vaegan } from './adversarial/vaegan/vaegan.ts';
import { wgan } from './adversarial/wgan.ts';
import { made } from './autoregressive/made/made.ts';
import { nade } from './autoregressive/nade/nade.ts';
import { pixelcnn } from './autoregressive/pixelcnn/pixelcnn.ts';
import { pixelrnn } from './autoregressive/pixelrnn/pixelrnn.ts';
import { wavenet } from './autoregressive/wavenet/wavenet.ts';
import { nice } from './flow/nice.ts';
import { realnvp } from './flow/realnvp.ts';
import { gmm } from './mixture/gmm.ts';
import { gmmn } from './moment-matching/gmmn.ts';
import { autoencoder } from './variational/autoencoder.ts';
import { vae } from './variational/vae.ts';

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
