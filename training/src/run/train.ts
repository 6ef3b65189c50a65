import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostTensor, UserError } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import type { Trainer } from '../engine/engine.ts';
import { onnxEngine } from '../engine/onnx-engine.ts';
import { tfjsEngine } from '../engine/tfjs-engine.ts';
import type { HostState, Model } from '../families/family.ts';
import { Recording } from '../tracking/recording.ts';
import type { Tracker } from '../tracking/tracker.ts';
import { type BatchSource, batchSource } from './batch-source.ts';
import { loadLatestCheckpoint, saveCheckpoint, stateFitting } from './checkpoint.ts';
import { heldOutMetric, heldOutScore, modeMetrics, sampleWhileTraining } from './evaluation.ts';
import { firstNonFinite, initialState } from './initial-state.ts';
import { createProgress, type Progress } from './progress.ts';
import { saveSamples } from './samples.ts';
import type { RunSettings } from './settings.ts';

/** Held-out examples that an evaluation while training looks at. */
const heldOutExamples = 1000;
const sampleCount = { image: 64, points: 1000, audio: 4 };

export interface TrainRequest {
  readonly folder: string;
  readonly settings: RunSettings;
  readonly model: Model;
  readonly train: Dataset;
  /** Held-out examples, or null when the data has none. */
  readonly test: Dataset | null;
  /** Stops after the step in progress, saving a checkpoint. */
  readonly signal?: AbortSignal;
  /** Called with each sample picture as it is written. */
  readonly onSamples?: (step: number, path: string) => void;
  /** Is told of the run's course. */
  readonly tracker?: Tracker;
}

export interface TrainResult {
  readonly state: HostState;
  /** Steps done in all. */
  readonly step: number;
  readonly finished: boolean;
  /** What ran the steps. */
  readonly engine: string;
  readonly seconds: number;
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
  await mkdir(folder, { recursive: true });
  const { device, threads } = settings;
  const engine =
    settings.engine === 'onnx' ? onnxEngine(device, threads === undefined ? {} : { threads }) : tfjsEngine();
  const { batchSize } = settings;
  const trainer = await engine.prepare(model, { batchSize, dataShape: request.train.spec.shape });
  try {
    const resumed = await loadLatestCheckpoint(checkpointFolder(folder));
    const start = resumed?.meta.step ?? 0;
    await trainer.setState(resumed === null ? await startState(request) : stateFitting(resumed, model.state));
    const progress = createProgress({ label: settings.family, total: settings.steps, start });
    const { tracker } = request;
    const recording = await Recording.open({
      folder,
      settings,
      resumeAfter: start,
      say: (line) => progress.note(line),
      ...(tracker === undefined ? {} : { tracker }),
    });
    const source = batchSource(request);
    const loop = new Loop(request, trainer, source, recording, progress, start);
    try {
      return await loop.run();
    } finally {
      await source.close();
      await recording.close({ step: loop.step, finished: loop.step >= settings.steps });
      progress.stop();
    }
  } finally {
    await trainer.release();
  }
}

/** Where a run keeps its checkpoints. */
export function checkpointFolder(folder: string): string {
  return join(folder, 'checkpoints');
}

async function startState({ model, train, settings }: TrainRequest): Promise<HostState> {
  const state = initialState(model, settings.seed);
  return (await model.initialise?.(state, train, settings.seed)) ?? state;
}

class Loop {
  readonly #request: TrainRequest;
  readonly #trainer: Trainer;
  readonly #source: BatchSource;
  readonly #recording: Recording;
  readonly #progress: Progress;
  readonly #sums = new Map<string, { total: number; count: number }>();
  readonly #started: number;
  #reported = { at: performance.now(), waited: 0 };
  #step: number;
  #savedStep: number;
  #heldOut: number | null = null;

  constructor(
    request: TrainRequest,
    trainer: Trainer,
    source: BatchSource,
    recording: Recording,
    progress: Progress,
    start: number,
  ) {
    this.#request = request;
    this.#trainer = trainer;
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

  async run(): Promise<TrainResult> {
    const { settings, signal } = this.#request;
    const { steps } = settings;
    const source = this.#source;
    const begun = performance.now();
    while (this.#step < steps && !signal?.aborted) {
      const inputs = await source.inputs(this.#step, this.#stepsAtOnce());
      for (const metrics of await this.#trainer.steps(inputs)) {
        this.#step++;
        this.#accumulate(metrics);
        this.#progress.update(this.#step, metrics);
      }
      const last = this.#step === steps;
      if (last || this.#step % settings.reportEvery === 0)
        await this.#report(source.plan(this.#step - 1).epoch);
      if (last || this.#step % settings.evaluateEvery === 0) await this.#evaluate();
      if (last || this.#step % settings.checkpointEvery === 0) await this.#save();
      // The run blocks this thread; a turn of the event loop lets Ctrl-C and other handlers in.
      await new Promise(setImmediate);
    }
    if (this.#savedStep < this.#step) await this.#save();
    return {
      state: await this.#trainer.getState(),
      step: this.#step,
      finished: this.#step >= steps,
      engine: this.#trainer.description,
      seconds: (performance.now() - this.#started) / 1000,
      heldOut: this.#heldOut,
      dataWait: source.waited / Math.max(1e-3, performance.now() - begun),
    };
  }

  /** A whole block of steps where the next thing that is due lies beyond it, else one. */
  #stepsAtOnce(): number {
    const { steps, reportEvery, evaluateEvery, checkpointEvery } = this.#request.settings;
    const due = [reportEvery, evaluateEvery, checkpointEvery].map((every) => every - (this.#step % every));
    const free = Math.min(steps - this.#step, ...due);
    const { blockSize } = this.#trainer;
    return blockSize <= free ? blockSize : 1;
  }

  #accumulate(metrics: Record<string, number>): void {
    if (!Number.isFinite(metrics.loss)) this.#diverged(`the loss is ${metrics.loss}`);
    for (const [name, value] of Object.entries(metrics)) {
      const sum = this.#sums.get(name) ?? { total: 0, count: 0 };
      this.#sums.set(name, { total: sum.total + value, count: sum.count + 1 });
    }
  }

  /** Writes the means since the last report, and the share of the time that the loop waited for data. */
  async #report(epoch: number): Promise<void> {
    const means = [...this.#sums].map(([name, { total, count }]) => [name, total / count]);
    this.#sums.clear();
    const [now, waited] = [performance.now(), this.#source.waited];
    const dataWait = (waited - this.#reported.waited) / Math.max(1e-3, now - this.#reported.at);
    this.#reported = { at: now, waited };
    await this.#write({ epoch, ...Object.fromEntries(means), dataWait });
  }

  async #write(metrics: Record<string, number>): Promise<void> {
    const seconds = (performance.now() - this.#started) / 1000;
    await this.#recording.append({ step: this.#step, seconds, metrics });
  }

  async #evaluate(): Promise<void> {
    const { model, test, folder, onSamples } = this.#request;
    if (test !== null) {
      this.#heldOut = await heldOutScore(this.#trainer, model, test, heldOutExamples);
      if (this.#heldOut !== null) {
        await this.#write({ [`heldOut/${heldOutMetric(model)}`]: this.#heldOut });
        this.#progress.note(`step ${this.#step}: held-out log-likelihood ${this.#heldOut.toFixed(3)} nats`);
      }
    }
    const samples: HostTensor | null = await sampleWhileTraining(
      this.#trainer,
      model,
      sampleCount[this.#request.train.spec.kind],
    );
    if (samples === null) return;
    const coverage = modeMetrics(this.#request.train.name, samples);
    if (Object.keys(coverage).length > 0) await this.#write(coverage);
    const path = await saveSamples(join(folder, 'samples'), this.#step, samples, this.#request.train.spec);
    if (path === null) return;
    await this.#recording.samples(this.#step, path);
    onSamples?.(this.#step, path);
  }

  async #save(): Promise<void> {
    const state = await this.#trainer.getState();
    const broken = firstNonFinite(state);
    if (broken !== null) this.#diverged(`state '${broken}' holds a NaN or an infinity`);
    const { seed } = this.#request.settings;
    await saveCheckpoint(checkpointFolder(this.#request.folder), { state, meta: { step: this.#step, seed } });
    this.#savedStep = this.#step;
  }

  #diverged(what: string): never {
    const good =
      this.#savedStep > 0 ? `the last good checkpoint is of step ${this.#savedStep}` : 'no checkpoint yet';
    throw new UserError(
      `training diverged at step ${this.#step}: ${what}; ${good} in ${checkpointFolder(this.#request.folder)}. ` +
        'Try a smaller learning rate',
    );
  }
}
