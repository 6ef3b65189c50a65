import { UserError } from '@generatrix/runtime/core';
import type { HostState, StateSpecs } from '../families/family.ts';
import { loadChosen } from './best-checkpoint.ts';
import { checkpointFolder } from './checkpoint.ts';
import { readRun } from './run-folder.ts';

/** Names of what belongs to the optimizer and to running means: a run that starts from another's weights begins them anew. */
const slots = /^(adam|average|history|total)\//;

/** Weights of another run that fit a model. */
export interface TakenWeights {
  readonly weights: HostState;
  /** What was taken and what was not, in one line. */
  readonly summary: string;
}

/**
 * The weights of a run that have the names and shapes of a model's, of its best checkpoint where it keeps one, else its
 * last. Slots of optimizers and running means are left out.
 * @throws UserError when the run has no checkpoint, or none of its weights fits.
 */
export async function weightsFrom(run: string, specs: StateSpecs): Promise<TakenWeights> {
  const { settings } = await readRun(run);
  const folder = checkpointFolder(run);
  const loaded =
    settings.keep === 'best'
      ? await loadChosen(folder, 'best').catch(async () => loadChosen(folder, 'last'))
      : await loadChosen(folder, 'last');
  if (loaded === null)
    throw new UserError(`--init-from ${run}: the run has no checkpoint to take weights from`);
  const { state, meta } = loaded;
  const own = Object.keys(specs).filter((name) => !slots.test(name));
  const fits = (name: string) => String(state[name]?.shape) === String(specs[name]!.shape);
  const taken = own.filter((name) => state[name] !== undefined && fits(name));
  const reshaped = own.filter((name) => state[name] !== undefined && !fits(name));
  const missing = own.filter((name) => state[name] === undefined);
  const unused = Object.keys(state).filter((name) => !slots.test(name) && specs[name] === undefined);
  if (taken.length === 0) {
    throw new UserError(
      `--init-from ${run}: none of its weights has the name and shape of one of this model ` +
        `(${settings.family} on ${settings.data.name}); give a run of the same family and sizes`,
    );
  }
  const rest = [
    ['of another shape', reshaped],
    ['not in it', missing],
    ['only in it', unused],
  ] as const;
  const parts = rest.flatMap(([what, names]) => (names.length === 0 ? [] : [`${what}: ${listed(names)}`]));
  return {
    weights: Object.fromEntries(taken.map((name) => [name, state[name]!])),
    summary: [`took ${taken.length} of ${own.length} weights from ${run}, step ${meta.step}`, ...parts].join(
      '; ',
    ),
  };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(', ');
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}
