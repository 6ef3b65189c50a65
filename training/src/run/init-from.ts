import { UserError } from '@generatrix/runtime/core';
import { type HostState, ofKind, type StateSpecs } from '../model/state.ts';
import { loadChosen } from '../record/best-checkpoint.ts';
import { checkpointFolder } from '../record/checkpoint.ts';
import { type RunRecord, readRun } from '../record/run-folder.ts';
import { runModel } from '../record/run-model.ts';

/** Weights of another run that fit a model. */
export interface TakenWeights {
  readonly weights: HostState;
  /** What was taken and what was not, in one line. */
  readonly summary: string;
}

/**
 * The weights of a run that have the names and shapes of a model's, of its best checkpoint where it keeps one, else its
 * last. Slots of training are left out.
 * @throws UserError when the run has no checkpoint, or none of its weights fits.
 */
export async function weightsFrom(run: string, specs: StateSpecs): Promise<TakenWeights> {
  const record = await readRun(run);
  const { settings } = record;
  const folder = checkpointFolder(run);
  const loaded =
    settings.keep === 'best'
      ? await loadChosen(folder, 'best').catch(async () => loadChosen(folder, 'last'))
      : await loadChosen(folder, 'last');
  if (loaded === null)
    throw new UserError(`--init-from ${run}: the run has no checkpoint to take weights from`);
  const { state, meta } = loaded;
  const own = Object.keys(withoutSlots(specs));
  const fits = (name: string) => String(state[name]?.shape) === String(specs[name]!.shape);
  const taken = own.filter((name) => state[name] !== undefined && fits(name));
  const reshaped = own.filter((name) => state[name] !== undefined && !fits(name));
  const missing = own.filter((name) => state[name] === undefined);
  const slots = await slotsOf(record);
  const unused = Object.keys(state).filter((name) => specs[name] === undefined && !slots.has(name));
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

function withoutSlots(specs: StateSpecs): StateSpecs {
  return ofKind(specs, 'parameter', 'statistic', 'data');
}

/** Names of the slots in a run's state; none where its settings no longer make a model. */
async function slotsOf({ settings, data }: RunRecord): Promise<ReadonlySet<string>> {
  try {
    const { model } = await runModel(settings, data);
    return new Set(Object.keys(ofKind(model.state, 'slot')));
  } catch (error) {
    if (error instanceof UserError) return new Set();
    throw error;
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(', ');
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}
