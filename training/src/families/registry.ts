import { UserError } from '@generatrix/runtime/core';
import { describeIssue, flagOf } from '../errors/describe-issue.ts';
import type { DataDescription, Family } from '../model/family.ts';
import type { Model } from '../model/model.ts';
import {
  checkTraining,
  settleTraining,
  type TrainingOptions,
  withoutTraining,
} from '../model/training-options.ts';
import type { PluginFile } from '../plugin/plugin-file.ts';
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
import { transformer } from './autoregressive/transformer/transformer.ts';
import { wavenet } from './autoregressive/wavenet/wavenet.ts';
import { dbm } from './energy/dbm/dbm.ts';
import { dbn } from './energy/dbn/dbn.ts';
import { grbm } from './energy/gaussian-rbm/gaussian-rbm.ts';
import { rbm } from './energy/rbm/rbm.ts';
import { nice } from './flow/nice.ts';
import { realnvp } from './flow/realnvp.ts';
import { gsn } from './markov-chain/gsn.ts';
import { gmm } from './mixture/gmm.ts';
import { gmmn } from './moment-matching/gmmn.ts';
import { ddpm } from './refinement/diffusion.ts';
import { flowmatching } from './refinement/flow-matching.ts';
import { shortcut } from './refinement/shortcut.ts';
import { autoencoder } from './variational/autoencoder.ts';
import { cvae } from './variational/cvae.ts';
import { iwae } from './variational/iwae.ts';
import { vae } from './variational/vae.ts';
import { vlae } from './variational/vlae.ts';
import { vqvae } from './variational/vqvae.ts';

/** Every family of this package; the command line, the exporter, the tests and the pages find them here. */
export const families: readonly Family[] = [
  vae,
  iwae,
  cvae,
  vlae,
  vqvae,
  gmm,
  made,
  nade,
  nice,
  realnvp,
  pixelcnn,
  pixelrnn,
  transformer,
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
  rbm,
  grbm,
  dbm,
  dbn,
  gsn,
  flowmatching,
  shortcut,
  ddpm,
];

/** Families of the user's that this process knows, by their names. */
const added = new Map<string, AddedFamily>();

interface AddedFamily {
  readonly family: Family;
  /** The module that it comes from; absent where a program handed it over. */
  readonly plugin?: PluginFile;
}

/** Those of this package, then those that were added. */
export function knownFamilies(): readonly Family[] {
  return [...families, ...[...added.values()].map(({ family }) => family)];
}

/**
 * Makes a family of the user's known by its name, in the place of an earlier one of that name.
 * @param plugin the module that it comes from
 * @throws UserError when the name is one of this package's.
 */
export function addFamily(family: Family, plugin?: PluginFile): void {
  if (families.includes(family)) return;
  if (families.some(({ name }) => name === family.name)) {
    const where = plugin === undefined ? '' : `${plugin.path}: `;
    throw new UserError(
      `${where}family '${family.name}': there is one of that name already; give it another name`,
    );
  }
  added.set(family.name, { family, ...(plugin && { plugin }) });
}

/** The module that a family comes from; undefined for those of this package and for those that a program handed over. */
export function pluginOf(name: string): PluginFile | undefined {
  return added.get(name)?.plugin;
}

/** @throws UserError that lists the families when there is none of this name. */
export function familyNamed(name: string): Family {
  const known = knownFamilies();
  const family = known.find((candidate) => candidate.name === name);
  if (family !== undefined) return family;
  throw new UserError(
    `unknown family '${name}'; there are ${known.map((each) => each.name).join(', ')}, or the path of a module that ` +
      'defines one, such as ./my-family.ts',
  );
}

/** A model, with the options that it was built by: those of training are in the model. */
export interface BuiltModel {
  readonly model: Model;
  readonly options: Record<string, unknown>;
}

/**
 * Settles a family's options (defaults filled in) and builds the model for the data.
 * @param training how the step follows gradients; what is left out has the family's default
 * @param batchSize examples of a step
 * @throws UserError for an option out of range or data that the family cannot model.
 */
export function buildModel(
  family: Family,
  options: Record<string, unknown>,
  data: DataDescription,
  training: TrainingOptions = {},
  batchSize: number = family.defaults.batchSize,
): BuiltModel {
  const { options: own, training: earlier } = withoutTraining(options, family.options.shape);
  const parsed = family.options.safeParse(own);
  if (!parsed.success) throw new UserError(`${family.name}: ${describeIssue(parsed.error, own, flagOf)}`);
  const refusal = family.refuses(data, parsed.data);
  if (refusal !== null) throw new UserError(`${family.name}: ${refusal}`);
  const built = family.build(parsed.data, data);
  const given = checkTraining({ ...earlier, ...training });
  const settled = parsed.data as Record<string, unknown>;
  if ('compose' in built) {
    return { model: built.compose(settleTraining(family.defaults, given), batchSize), options: settled };
  }
  const [stray] = Object.keys(given);
  if (stray === undefined) return { model: built, options: settled };
  throw new UserError(`${flagOf(stray)}: ${family.name} follows no gradient; leave it out`);
}
