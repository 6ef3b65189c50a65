import type { Bundle, ReadOptions } from '../bundle/bundle.ts';
import type { FileEntry } from '../bundle/manifest-schema.ts';
import { decodeSafetensors } from '../bundle/safetensors.ts';
import { checkSignature, checkStepState, orRelease } from '../bundle/signature-check.ts';
import { UserError } from '../errors.ts';
import { fillInputs, type InputSources } from '../model/inputs.ts';
import type { Seed } from '../noise/noise.ts';
import type { Executor, LoadedProgram } from '../program/executor.ts';
import { downloadAll } from '../program/executor.ts';
import type { HostTensor } from '../program/tensor.ts';
import { batchPlan, type Examples, stepInputs } from './batches.ts';
import { drawInitialState } from './initial-state.ts';
import { TrainingState } from './stateful-step.ts';
import { stepFeeds } from './step-feeds.ts';
import { type TrainingEntry, trainingOf } from './training-entry.ts';

export interface TrainerOptions {
  /** What to train on: at least one example. */
  readonly examples: Examples & { readonly size: number };
  /** Seed of the start, the order of the examples and the noise. */
  readonly seed: number;
  /** `fresh` draws the first state from the seed, `trained` goes on with the state of the bundle. */
  readonly from?: 'fresh' | 'trained';
  readonly read?: ReadOptions;
}

/** A model in training, wherever onnxruntime runs: the same steps, on the same noise, as `generatrix train` takes. */
export interface BundleTrainer {
  /** Steps done. */
  readonly step: number;
  /** One training step. @returns its metrics; `loss` is always among them. */
  advance(learningRate?: number): Promise<Record<string, number>>;
  /** Runs one of the model's programs with the weights as they stand, on at most `sources.count` rows at once. */
  run(program: string, sources: InputSources): Promise<Record<string, HostTensor>>;
  /** A copy of the state, to keep or to put into a bundle. */
  state(): Promise<Record<string, HostTensor>>;
  /** Goes on from a state that `state` returned after that many steps. */
  restore(state: Readonly<Record<string, HostTensor>>, step: number): void;
  release(): Promise<void>;
}

/**
 * Trains a bundle that was exported with its training step.
 * @throws UserError when the bundle holds no training step, or there are no examples.
 */
export async function trainBundle(
  bundle: Bundle,
  executor: Executor,
  options: TrainerOptions,
): Promise<BundleTrainer> {
  const training = trainingOf(bundle);
  const { examples, seed, read } = options;
  if (examples.size < 1) throw new UserError('training: expected at least one example, got none');
  const onnx = await bundle.readFile(training.step, read);
  const keepOnDevice = Object.keys(training.state).map((name) => `next/${name}`);
  const step = await executor.load('step', onnx, { keepOnDevice });
  const whereIs = ({ file }: FileEntry) => `bundle ${bundle.source.describe()}: ${file}`;
  await orRelease(step, () => checkStepState(whereIs(training.step), training.state, step));
  const state = new TrainingState();
  state.set(await firstState(bundle, training, options));
  const plan = batchPlan(training.batching, examples.size, training.batchSize, seed);
  const programs = new Map<string, Promise<LoadedProgram>>();
  let done = 0;

  const program = (name: string): Promise<LoadedProgram> => {
    const known = programs.get(name);
    if (known !== undefined) return known;
    const entry = training.programs[name];
    if (entry === undefined) throw new UserError(`the bundle's training has no program '${name}'`);
    const loading = bundle.readFile(entry, read).then(async (bytes) => {
      const loaded = await executor.load(name, bytes);
      const signature = bundle.program(name);
      await orRelease(loaded, () => checkSignature(whereIs(entry), signature, loaded, training.state));
      return loaded;
    });
    programs.set(name, loading);
    return loading;
  };
  return {
    get step() {
      return done;
    },
    advance: async (learningRate = training.learningRate) => {
      const inputs = await stepInputs({ step: training }, examples, plan(done), {
        seed,
        step: done,
        learningRate,
      });
      const [metrics] = await state.advance(step, stepFeeds(inputs));
      done++;
      return metrics!;
    },
    run: async (name, sources) => {
      const loaded = await program(name);
      const inputs = fillInputs(name, bundle.program(name).inputs, sources);
      return downloadAll(await loaded.run({ ...inputs, ...state.inputsOf(loaded) }));
    },
    state: () => state.get(),
    restore: (tensors, steps) => {
      state.set(tensors);
      done = steps;
    },
    release: async () => {
      state.dispose();
      await step.release();
      for (const loaded of programs.values()) await (await loaded).release();
    },
  };
}

/** The examples that a bundle brings along, or null. Labels are 0 where it has none. */
export async function bundledExamples(
  bundle: Bundle,
  read?: ReadOptions,
): Promise<(Examples & { readonly size: number }) | null> {
  const entry = trainingOf(bundle).examples;
  if (entry === undefined) return null;
  const { data, labels } = decodeSafetensors(await bundle.readFile(entry, read), entry.file).tensors;
  if (data === undefined) throw new UserError(`${entry.file}: expected a tensor 'data', found none`);
  return tensorExamples(data, labels === undefined ? null : (labels.data as Int32Array));
}

/** Examples held as one tensor [n, ...shape], with their classes. */
export function tensorExamples(
  data: HostTensor,
  labels: Int32Array | null = null,
): Examples & { readonly size: number } {
  const [size = 0, ...shape] = data.shape;
  const width = shape.reduce((product, dim) => product * dim, 1);
  return {
    size,
    labels,
    gather: (indices) => {
      const values = new Float32Array(indices.length * width);
      for (let row = 0; row < indices.length; row++) {
        const start = indices[row]! * width;
        values.set((data.data as Float32Array).subarray(start, start + width), row * width);
      }
      return { dtype: 'float32', shape: [indices.length, ...shape], data: values };
    },
  };
}

async function firstState(
  bundle: Bundle,
  training: TrainingEntry,
  { seed, from = 'fresh', read }: TrainerOptions,
): Promise<Record<string, HostTensor>> {
  const entry = from === 'trained' ? training.trained : training.start;
  if (entry === undefined) return drawInitialState(training.state, seed as Seed);
  return decodeSafetensors(await bundle.readFile(entry, read), entry.file).tensors;
}
