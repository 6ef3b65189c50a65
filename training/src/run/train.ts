import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostTensor, UserError } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import type { Trainer } from '../engine/engine.ts';
import { firstNonFinite, initialState } from '../engine/initial-state.ts';
import { onnxEngine } from '../engine/onnx-engine.ts';
import { tfjsEngine } from '../engine/tfjs-engine.ts';
import type { Model } from '../model/model.ts';
import { planPhases } from '../model/phases.ts';
import type { HostState } from '../model/state.ts';
import { saveBest } from '../record/best-checkpoint.ts';
import {
  checkpointFolder,
  loadLatestCheckpoint,
  saveCheckpoint,
  stateFitting,
} from '../record/checkpoint.ts';
import { readMetrics } from '../record/metrics.ts';
import { resumeSelection } from '../record/resume-selection.ts';
import { type Selection, scoresOf, selectionMetric } from '../record/selection.ts';
import type { RunSettings } from '../record/settings.ts';
import { formatNats } from '../report/format-number.ts';
import { saveSamples } from '../report/samples.ts';
import { Recording } from '../tracking/recording.ts';
import type { Tracker } from '../tracking/tracker.ts';
import { type BatchSource, batchSource } from './batch-source.ts';
import {
  heldOutMetrics,
  heldOutScore,
  likelihoodMetric,
  modeMetrics,
  sampleWhileTraining,
} from './evaluation.ts';
import { weightsFrom } from './init-from.ts';
import { PhaseTrainers } from './phase-trainers.ts';
import { noProgress, type Output, type Progress, type ProgressCourse, silent } from './watcher.ts';

/** Validation examples that an evaluation while training looks at. */
const validationExamples = 1000;
const sampleCount = { image: 64, points: 1000, audio: 4 };

export interface TrainRequest {
  readonly folder: string;
  readonly settings: RunSettings;
  readonly model: Model;
  readonly train: Dataset;
  /** Examples that training does not learn from and is judged by; null when the data has none. Never the test split. */
  readonly validation: Dataset | null;
  /** Stops after the step in progress, saving a checkpoint. */
  readonly signal?: AbortSignal;
  /** False gathers each batch when it is asked for, not ahead: to measure what that costs. The values are the same. */
  readonly prefetch?: boolean;
  /** Called with each sample picture as it is written. */
  readonly onSamples?: (step: number, path: string) => void;
  /** Called after each step with its metrics. */
  readonly onStep?: (step: number, metrics: Readonly<Record<string, number>>) => void;
  /** Called with each checkpoint as it is written. */
  readonly onCheckpoint?: (step: number, path: string) => void;
  /** Is told of the run's course. */
  readonly tracker?: Tracker;
  /** Shows how far the run is; nothing does when absent. */
  readonly progress?: (course: ProgressCourse) => Progress;
  /** Takes the lines that tell what happens; they are dropped when absent. */
  readonly output?: Output;
}

export interface TrainResult {
  readonly state: HostState;
  /** Steps done in all. */
  readonly step: number;
  readonly finished: boolean;
  /** Did it end before its last step, as validation no longer improved? */
  readonly stoppedEarly: boolean;
  /** What ran the steps. */
  readonly engine: string;
  readonly seconds: number;
  /** The last validation score, nats; null for models without a likelihood. */
  readonly heldOut: number | null;
  /** Share of the time that the loop waited for data, 0 to 1. */
  readonly dataWait: number;
}

/**
 * Trains until the settings' number of steps, from the run folder's latest checkpoint if it has one. Writes
 * `metrics.jsonl`, `metrics.csv`, `tensorboard/`, `checkpoints/` and `samples/` into the folder as it goes.
 * @throws UserError when the checkpoint is not of this model, and when the loss or the state stops being finite, with
 * the step and the last good checkpoint.
 */
export async function train(request: TrainRequest): Promise<TrainResult> {
  const { folder, settings, model } = request;
  const metric = selectionMetric(
    settings,
    heldOutMetrics(model, request.train.name, (request.validation?.size ?? 0) > 0),
  );
  await mkdir(folder, { recursive: true });
  const { device, threads } = settings;
  const engine =
    settings.engine === 'onnx' ? onnxEngine(device, threads === undefined ? {} : { threads }) : tfjsEngine();
  const phases = planPhases(model, settings);
  const trainers = new PhaseTrainers(engine, phases, request.train.spec.shape);
  try {
    const resumed = await loadLatestCheckpoint(checkpointFolder(folder));
    const start = resumed?.meta.step ?? 0;
    const state =
      resumed === null ? await startState(request) : stateFitting(resumed, model.state, model.retired);
    await trainers.begin(start, state);
    const checkpoint = { state, meta: { step: start, seed: settings.seed } };
    const recorded = await readMetrics(join(folder, 'metrics.jsonl'));
    const lines = recorded.filter(({ step }) => start > 0 && step <= start);
    const judged =
      metric === null
        ? null
        : { metric, selection: await resumeSelection(folder, settings, { metric, lines }, checkpoint) };
    const heldOut = scoresOf(lines, likelihoodMetric(model)).at(-1)?.value ?? null;
    const progress = (request.progress ?? noProgress)({
      label: settings.family,
      total: settings.steps,
      start,
    });
    const { tracker } = request;
    const recording = await Recording.open({
      folder,
      settings,
      resumeAfter: start,
      say: (line) => progress.note(line),
      ...(tracker === undefined ? {} : { tracker }),
    });
    const source = batchSource(request);
    const loop = new Loop(request, trainers, source, recording, progress, { start, judged, heldOut });
    try {
      return await loop.run();
    } finally {
      await source.close();
      await recording.close({ step: loop.step, finished: loop.finished });
      progress.stop();
    }
  } finally {
    await trainers.release();
  }
}

/** The state before the first step: drawn from the seed, fitted to the data by some families, or from another run. */
export async function startState({
  model,
  train,
  settings,
  output = silent,
}: Pick<TrainRequest, 'model' | 'train' | 'settings' | 'output'>): Promise<HostState> {
  const { seed, initFrom } = settings;
  const fresh = initialState(model, seed);
  if (initFrom === undefined) return (await model.initialise?.(fresh, train, seed)) ?? fresh;
  const { weights, summary } = await weightsFrom(initFrom, model.state);
  output.log(summary);
  // Before, since running means start at the weights; after, since a start that looks at the data replaces some.
  const begun = { ...fresh, ...weights };
  return { ...((await model.initialise?.(begun, train, seed)) ?? begun), ...weights };
}

/** What chooses the best checkpoint. */
interface Judged {
  readonly metric: string;
  readonly selection: Selection;
}

class Loop {
  readonly #request: TrainRequest;
  readonly #trainers: PhaseTrainers;
  readonly #source: BatchSource;
  readonly #recording: Recording;
  readonly #progress: Progress;
  readonly #judged: Judged | null;
  readonly #sums = new Map<string, { total: number; count: number }>();
  readonly #started: number;
  #reported = { at: performance.now(), waited: 0 };
  #step: number;
  #savedStep: number;
  #heldOut: number | null;

  constructor(
    request: TrainRequest,
    trainers: PhaseTrainers,
    source: BatchSource,
    recording: Recording,
    progress: Progress,
    { start, judged, heldOut }: { start: number; judged: Judged | null; heldOut: number | null },
  ) {
    this.#request = request;
    this.#judged = judged;
    this.#heldOut = heldOut;
    this.#trainers = trainers;
    this.#source = source;
    this.#recording = recording;
    this.#progress = progress;
    // A resumed run's clock goes on from what its metrics say.
    this.#started = performance.now() - 1000 * recording.seconds;
    this.#step = start;
    this.#savedStep = start;
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Is there nothing left to do? */
  get finished(): boolean {
    return this.#step >= this.#request.settings.steps || this.#exhausted;
  }

  get #trainer(): Trainer {
    return this.#trainers.current;
  }

  async run(): Promise<TrainResult> {
    const { settings, signal } = this.#request;
    const { steps } = settings;
    const source = this.#source;
    const begun = performance.now();
    this.#notePhase();
    while (!this.finished && !signal?.aborted) {
      if (await this.#trainers.reach(this.#step)) this.#notePhase();
      const inputs = await source.inputs(this.#step, this.#stepsAtOnce());
      const started = performance.now();
      const taken = await this.#trainer.steps(inputs);
      const each = (performance.now() - started) / taken.length;
      for (const [i, metrics] of taken.entries()) {
        this.#step++;
        this.#accumulate(metrics);
        this.#progress.update(this.#step, metrics);
        this.#request.onStep?.(this.#step, metrics);
        // A mean over two phases would say nothing of either.
        const last = this.#step === steps || this.#step === this.#trainers.phase.end;
        if (last || this.#step % settings.reportEvery === 0)
          await this.#report(source.plan(this.#step - 1).epoch, started + (i + 1) * each);
      }
      const last = this.#step === steps;
      if (last || this.#step % settings.evaluateEvery === 0) await this.#evaluate();
      if (last || this.#step % settings.checkpointEvery === 0) await this.#save();
      // The run blocks this thread; a turn of the event loop lets Ctrl-C and other handlers in.
      await new Promise(setImmediate);
    }
    if (this.#sums.size > 0 && this.#exhausted)
      await this.#report(source.plan(this.#step - 1).epoch, performance.now());
    await this.#save();
    return {
      state: await this.#trainer.getState(),
      step: this.#step,
      finished: this.finished,
      stoppedEarly: this.#step < steps && this.#exhausted,
      engine: this.#trainer.description,
      seconds: (performance.now() - this.#started) / 1000,
      heldOut: this.#heldOut,
      dataWait: source.waited / Math.max(1e-3, performance.now() - begun),
    };
  }

  get #exhausted(): boolean {
    return this.#judged?.selection.exhausted ?? false;
  }

  /** As many steps as the trainer would take, up to the next one after which the state is looked at. */
  #stepsAtOnce(): number {
    const { steps, evaluateEvery, checkpointEvery } = this.#request.settings;
    const due = [evaluateEvery, checkpointEvery].map((every) => every - (this.#step % every));
    const { end } = this.#trainers.phase;
    return Math.min(this.#trainer.blockSize, steps - this.#step, end - this.#step, ...due);
  }

  #accumulate(metrics: Record<string, number>): void {
    if (!Number.isFinite(metrics.loss)) this.#diverged(`the loss is ${metrics.loss}`);
    for (const [name, value] of Object.entries(metrics)) {
      const sum = this.#sums.get(name) ?? { total: 0, count: 0 };
      this.#sums.set(name, { total: sum.total + value, count: sum.count + 1 });
    }
  }

  /**
   * Writes the means since the last report, and the share of the time that the loop waited for data.
   * @param now when the step was done; of one in a block, its share of the block's time after the block began
   */
  async #report(epoch: number, now: number): Promise<void> {
    const means = [...this.#sums].map(([name, { total, count }]) => [name, total / count]);
    this.#sums.clear();
    const { waited } = this.#source;
    const dataWait = (waited - this.#reported.waited) / Math.max(1e-3, now - this.#reported.at);
    this.#reported = { at: now, waited };
    const { name, index } = this.#trainers.phase;
    const phase = name === undefined ? {} : { phase: index + 1 };
    await this.#write({ epoch, ...phase, ...Object.fromEntries(means), dataWait }, now);
  }

  /** Says which phase begins, or goes on, where there are several. */
  #notePhase(): void {
    const { name, first, end } = this.#trainers.phase;
    if (name === undefined || this.finished) return;
    const done = this.#step === first ? '' : ' goes on';
    this.#progress.note(`step ${this.#step}: phase ${name}${done}, to step ${end}`);
  }

  async #write(metrics: Record<string, number>, now = performance.now()): Promise<void> {
    const seconds = (now - this.#started) / 1000;
    await this.#recording.append({ step: this.#step, seconds, metrics });
  }

  async #evaluate(): Promise<void> {
    const measured = { ...(await this.#scoreValidation()), ...(await this.#sample()) };
    if (Object.keys(measured).length > 0) await this.#write(measured);
    const { metric, selection } = this.#judged ?? {};
    const value = metric === undefined ? undefined : measured[metric];
    if (metric === undefined || selection === undefined || value === undefined) return;
    const score = { step: this.#step, value };
    if (!selection.record(score) || this.#request.settings.keep !== 'best') return;
    // The ordinary checkpoint first: a run that is killed between the two resumes from the step of the best.
    const state = await this.#save();
    const { seed } = this.#request.settings;
    const folder = checkpointFolder(this.#request.folder);
    await saveBest(folder, { state, meta: { step: this.#step, seed } }, { metric, value });
  }

  async #scoreValidation(): Promise<Record<string, number>> {
    const { model, validation } = this.#request;
    if (validation === null) return {};
    this.#heldOut = await heldOutScore(this.#trainer, model, validation, validationExamples);
    if (this.#heldOut === null) return {};
    this.#progress.note(`step ${this.#step}: validation log-likelihood ${formatNats(this.#heldOut)} nats`);
    return { [likelihoodMetric(model)]: this.#heldOut };
  }

  /** Draws and writes samples. @returns what their modes say. */
  async #sample(): Promise<Record<string, number>> {
    const { model, folder, onSamples, train } = this.#request;
    const samples: HostTensor | null = await sampleWhileTraining(
      this.#trainer,
      model,
      sampleCount[train.spec.kind],
      train,
    );
    if (samples === null) return {};
    const path = await saveSamples(join(folder, 'samples'), this.#step, samples, train.spec);
    if (path !== null) {
      await this.#recording.samples(this.#step, path);
      onSamples?.(this.#step, path);
    }
    return modeMetrics(train.name, samples);
  }

  /** Saves a checkpoint, unless there is one of this step. @returns the state */
  async #save(): Promise<HostState> {
    const state = await this.#trainer.getState();
    if (this.#savedStep === this.#step) return state;
    const broken = firstNonFinite(state);
    if (broken !== null) this.#diverged(`state '${broken}' holds a NaN or an infinity`);
    const { folder, settings, onCheckpoint } = this.#request;
    const path = await saveCheckpoint(
      checkpointFolder(folder),
      { state, meta: { step: this.#step, seed: settings.seed } },
      { keep: settings.keepCheckpoints },
    );
    onCheckpoint?.(this.#step, path);
    this.#savedStep = this.#step;
    return state;
  }

  #diverged(what: string): never {
    const { folder, settings } = this.#request;
    const smaller = Number((settings.learningRate / 10).toPrecision(3));
    const cure =
      this.#savedStep > 0
        ? `the last good checkpoint is of step ${this.#savedStep}; go on from it with a smaller learning rate: ` +
          `generatrix resume ${folder} --learning-rate ${smaller}, or train anew with --overwrite`
        : `there is no checkpoint yet; train anew with a smaller one: --learning-rate ${smaller} --overwrite`;
    throw new UserError(`training diverged at step ${this.#step}: ${what}; ${cure}`);
  }
}
