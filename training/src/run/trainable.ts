import { packTraining } from '@generatrix/export';
import { type HostTensor, hostTensor, type StateSpec, UserError } from '@generatrix/runtime/core';
import { fingerprintOf, loadDataset } from '../data/index.ts';
import { initialState } from '../engine/initial-state.ts';
import { traceStep } from '../engine/step-program.ts';
import type { Model } from '../model/model.ts';
import { phaseOf, planPhases } from '../model/phases.ts';
import type { HostState, ModelState } from '../model/state.ts';
import { dataChange } from '../record/data-check.ts';
import { type Fingerprints, runData } from '../record/run-folder.ts';
import type { RunSettings } from '../record/settings.ts';

/** How a bundle is made trainable. */
export interface TrainableOptions {
  /** Examples of the training data that go into the bundle; none when absent or 0. */
  readonly examples?: number;
}

/**
 * What lets an exported run be trained further, in a page or anywhere: its step at the run's batch size, its state,
 * and, where asked for, some of its examples.
 * @param recorded what the run's data was when it began
 * @throws UserError when the data is other than that, or there are fewer examples than asked for.
 */
export async function trainingFiles(
  model: Model,
  settings: RunSettings,
  dataShape: readonly number[],
  { state, step }: { readonly state: HostState; readonly step: number },
  { examples = 0 }: TrainableOptions,
  recorded?: Fingerprints,
): Promise<ReturnType<typeof packTraining>> {
  const [condition] = Object.keys(model.step.conditions ?? {});
  if (condition !== undefined) {
    throw new UserError(
      `a trainable bundle: the model is given '${condition}' with each example, which bundles do not hold; export it without --trainable`,
    );
  }
  // A family that looks at the data for its start (k-means++) and data that travels both need the data set.
  const needsData = examples > 0 || model.initialise !== undefined;
  const dataset = needsData ? await loadDataset(runData(settings, 'train')) : null;
  const change =
    dataset === null || recorded === undefined
      ? null
      : dataChange(recorded, { train: await fingerprintOf(dataset) });
  if (change !== null) {
    throw new UserError(
      `a trainable bundle: expected the data that the run began with, but ${change}; put that data back, or name where ` +
        'it is now with: generatrix resume RUN --data-dir',
    );
  }
  if (dataset !== null && dataset.size < examples) {
    throw new UserError(`--with-examples: the data set has ${dataset.size} examples, not ${examples}`);
  }
  const { seed } = settings;
  // A run in phases goes on in the one that it has reached, and begins there anew: the phases before are done.
  const phases = planPhases(model, settings);
  const phase = phaseOf(phases, step);
  const { batchSize } = phase;
  const chosen = Int32Array.from({ length: examples }, (_, i) => i);
  const bundled: { data: HostTensor; labels?: HostTensor } | undefined =
    dataset === null || examples === 0
      ? undefined
      : {
          data: await dataset.gather(chosen),
          ...(dataset.labels === null
            ? {}
            : { labels: hostTensor('int32', [examples], dataset.labels.slice(0, examples)) }),
        };
  const drawn =
    dataset === null ? undefined : await model.initialise?.(initialState(model, seed), dataset, seed);
  const start = phases.length > 1 ? state : drawn;
  return packTraining({
    step: traceStep(phase.model, batchSize, dataShape),
    batchSize,
    batching: model.batching,
    learningRate: phase.learningRate,
    noise: phase.model.step.noise,
    stateSpecs: withoutKinds(model.state),
    programs: model.programs,
    state,
    ...(start === undefined ? {} : { start }),
    ...(bundled === undefined ? {} : { examples: bundled }),
  });
}

/** The specs as bundles have them. */
function withoutKinds(specs: ModelState): Record<string, StateSpec> {
  return Object.fromEntries(Object.entries(specs).map(([name, { kind: _, ...spec }]) => [name, spec]));
}
