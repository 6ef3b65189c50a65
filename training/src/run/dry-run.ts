import { sizeOf } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import { onnxEngine } from '../engine/onnx-engine.ts';
import { tfjsEngine } from '../engine/tfjs-engine.ts';
import { byteSize } from '../files/limits.ts';
import type { Model } from '../model/model.ts';
import { planPhases } from '../model/phases.ts';
import { ofKind, type StateSpecs } from '../model/state.ts';
import { selectionMetric } from '../record/selection.ts';
import type { RunSettings } from '../record/settings.ts';
import { batchSource } from './batch-source.ts';
import { heldOutMetrics } from './evaluation.ts';
import { PhaseTrainers } from './phase-trainers.ts';
import { startState } from './train.ts';

/** Steps run before any is timed: memory is found for the first ones. */
const warmUp = 2;
/** Steps timed at most, and the time after which no further one begins, milliseconds. */
const timed = 8;
const patience = 10_000;

export interface DryRunRequest {
  readonly settings: RunSettings;
  readonly model: Model;
  readonly train: Dataset;
  readonly validation: Dataset | null;
}

/** What a training run would take. */
export interface DryRun {
  /** Free parameters where the model counts them itself, else the values of its parameters. */
  readonly parameters: number;
  /** Values of the whole state: parameters, optimizer slots, running statistics. */
  readonly stateValues: number;
  /** Bytes of the state. */
  readonly stateBytes: number;
  /** Bytes of the examples of one step. */
  readonly batchBytes: number;
  /** The most memory that this process has held so far, bytes; memory of a GPU is not in it. */
  readonly peakBytes: number;
  /** What ran the steps. */
  readonly engine: string;
  /** Steps that were timed. */
  readonly timedSteps: number;
  /**
   * Median of their times with the gathering of their examples, milliseconds; of a run in phases the mean over its steps,
   * each as long as the median of its phase; null when none was timed.
   */
  readonly stepMilliseconds: number | null;
}

/** Bytes of a state: all its tensors have 4 bytes a value. */
export function stateBytes(state: StateSpecs): number {
  return 4 * countValues(Object.values(state));
}

/**
 * Does all that training does up to its first step, and then times a few steps on real batches whose results are
 * thrown away. Writes nothing.
 * @throws UserError as `train` does before its first step.
 */
export async function dryRun({ settings, model, train, validation }: DryRunRequest): Promise<DryRun> {
  selectionMetric(settings, heldOutMetrics(model, train.name, (validation?.size ?? 0) > 0));
  const { device, threads, steps } = settings;
  const dataShape = train.spec.shape;
  const phases = planPhases(model, settings);
  const engine =
    settings.engine === 'onnx' ? onnxEngine(device, threads === undefined ? {} : { threads }) : tfjsEngine();
  const trainers = new PhaseTrainers(engine, phases, dataShape);
  // Nothing is gathered ahead, so that what is measured is all the work of a step.
  const source = batchSource({ settings, model, train, prefetch: false });
  try {
    const state = await startState({ model, train, settings });
    let [timedSteps, milliseconds]: [number, number | null] = [0, null];
    const begun = performance.now();
    for (const { first, end } of phases) {
      await trainers.begin(first, state);
      const times: number[] = [];
      for (let step = first; step < Math.min(end, first + warmUp + timed); step++) {
        const started = performance.now();
        if (step > first && started - begun > patience) break;
        for (const inputs of await source.inputs(step, 1)) await trainers.current.step(inputs);
        times.push(performance.now() - started);
      }
      const counted = times.length > warmUp ? times.slice(warmUp) : times.slice(-1);
      timedSteps += counted.length;
      if (counted.length > 0) milliseconds = (milliseconds ?? 0) + median(counted) * (end - first);
    }
    const batchSize = Math.max(...phases.map((phase) => phase.batchSize));
    return {
      parameters: countParameters(model),
      stateValues: countValues(Object.values(model.state)),
      stateBytes: stateBytes(model.state),
      batchBytes: 4 * batchSize * sizeOf(dataShape),
      peakBytes: 1024 * process.resourceUsage().maxRSS,
      engine: trainers.current.description,
      timedSteps,
      stepMilliseconds: milliseconds === null ? null : milliseconds / steps,
    };
  } finally {
    await source.close();
    await trainers.release();
  }
}

/** What a dry run found, in lines for the terminal. */
export function describeDryRun(found: DryRun, { steps, batchSize }: RunSettings): string[] {
  const count = (value: number) => value.toLocaleString('en');
  const { stepMilliseconds: each, timedSteps } = found;
  return [
    `parameters: ${count(found.parameters)}`,
    `state, with all that steps carry along: ${count(found.stateValues)} values, ${byteSize(found.stateBytes)}`,
    `memory: at most ${byteSize(found.peakBytes)} in this process so far, a GPU's not counted; ` +
      `of it ${byteSize(found.batchBytes)} are the ${count(batchSize)} examples of a step`,
    each === null
      ? 'time: none, as no step was run'
      : `time: ${duration((each * steps) / 1000)} for ${count(steps)} steps on ${found.engine}, without evaluations, ` +
        `checkpoints and the export; ${Number(each.toPrecision(3))} ms a step, the median of ${timedSteps} whose results were thrown away`,
    'dry run: nothing was written',
  ];
}

/** Free parameters where the model counts them itself, else the values of its parameters. */
function countParameters({ state, freeParameters }: Model): number {
  return freeParameters ?? countValues(Object.values(ofKind(state, 'parameter')));
}

function countValues(specs: readonly { readonly shape: readonly number[] }[]): number {
  return specs.reduce((total, { shape }) => total + sizeOf(shape), 0);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A time of so many seconds in the unit that fits. */
function duration(seconds: number): string {
  if (seconds < 90) return `about ${Number(seconds.toPrecision(2))} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${Number((seconds / 3600).toPrecision(2))} h`;
}
