import { writeOnnx } from '@generatrix/export';
import {
  createExecutor,
  type Device,
  type DeviceRequest,
  downloadAll,
  type Executor,
  type HostTensor,
  type LoadedProgram,
  portNames,
  type StepInputs,
  stackedFeeds,
  stepFeeds,
  TrainingState,
} from '@generatrix/runtime';
import type { Model } from '../model/model.ts';
import type { HostState } from '../model/state.ts';
import type { Engine, Trainer } from './engine.ts';
import { type Manner, StepPace } from './step-pace.ts';
import { traceProgram, writeStep, writeSteps } from './step-program.ts';

/**
 * The engine that compiles the whole training step to one ONNX program, and steps in a row to another. Where the device
 * has memory of its own and the provider allows it, the state stays there between steps.
 */
export function onnxEngine(device: DeviceRequest = 'auto', options: { threads?: number } = {}): Engine {
  return {
    name: 'onnx',
    prepare: async (model, { batchSize, dataShape }) => {
      const executor = await createExecutor(device);
      const keepOnDevice = Object.keys(model.state).map(portNames.next);
      const programs = new StepPrograms({
        single: () =>
          executor.load('step', writeStep(model, batchSize, dataShape, executor.device), {
            keepOnDevice,
            ...options,
          }),
        block: () =>
          executor.load('steps', writeSteps(model, batchSize, dataShape, executor.device), options),
      });
      // What the device cannot run is said before anything is trained.
      await programs.get('single');
      // On WebGPU the state stays on the device between runs anyway.
      return new OnnxTrainer(model, executor, programs, { blocks: executor.device !== 'webgpu' });
    },
  };
}

/** The two programs that train, each compiled when it is first asked for, and again after it was let go. */
class StepPrograms {
  readonly #load: Readonly<Record<Manner, () => Promise<LoadedProgram>>>;
  readonly #loaded = new Map<Manner, Promise<LoadedProgram>>();

  constructor(load: Readonly<Record<Manner, () => Promise<LoadedProgram>>>) {
    this.#load = load;
  }

  has(manner: Manner): boolean {
    return this.#loaded.has(manner);
  }

  get(manner: Manner): Promise<LoadedProgram> {
    const loaded = this.#loaded.get(manner) ?? this.#load[manner]();
    this.#loaded.set(manner, loaded);
    return loaded;
  }

  /** Gives its memory back. */
  async release(manner: Manner): Promise<void> {
    const loaded = this.#loaded.get(manner);
    this.#loaded.delete(manner);
    await (await loaded)?.release();
  }
}

/**
 * Milliseconds since the call. On the CPU those in which this process did not get a processor do not count: where other
 * programs want it too, a block would otherwise seem too long to be taken at all.
 */
function stopwatch(device: Device): () => number {
  const [started, before] = [performance.now(), process.cpuUsage()];
  return () => {
    const passed = performance.now() - started;
    if (device !== 'cpu') return passed;
    const { user, system } = process.cpuUsage(before);
    return Math.min(passed, (user + system) / 1000);
  };
}

class OnnxTrainer implements Trainer {
  readonly description: string;
  readonly #model: Model;
  readonly #executor: Executor;
  readonly #steps: StepPrograms;
  readonly #programs = new Map<string, Promise<LoadedProgram>>();
  readonly #blocks: boolean;
  readonly #pace = new StepPace();
  readonly #state = new TrainingState();

  /** @param options.blocks may several steps be run at once? */
  constructor(model: Model, executor: Executor, steps: StepPrograms, options: { blocks: boolean }) {
    this.description = `onnx on ${executor.device}`;
    this.#model = model;
    this.#executor = executor;
    this.#steps = steps;
    this.#blocks = options.blocks;
  }

  async setState(state: HostState): Promise<void> {
    this.#state.set(state);
  }

  async getState(): Promise<HostState> {
    return this.#state.get();
  }

  async step(inputs: StepInputs): Promise<Record<string, number>> {
    return (await this.steps([inputs]))[0]!;
  }

  get blockSize(): number {
    return this.#blocks ? this.#pace.blockSize : 1;
  }

  async steps(inputs: readonly StepInputs[]): Promise<Record<string, number>[]> {
    if (inputs.length > 1 && !this.#blocks) {
      const metrics: Record<string, number>[] = [];
      for (const each of inputs) metrics.push(await this.step(each));
      return metrics;
    }
    const manner = this.#pace.mannerOf(inputs.length);
    const program = await this.#steps.get(manner);
    const took = stopwatch(this.#executor.device);
    const feeds = manner === 'block' ? stackedFeeds(inputs) : stepFeeds(inputs[0]!);
    const metrics = await this.#state.advance(program, feeds, inputs.length);
    const bytes = Object.values(feeds).reduce((sum, { data }) => sum + data.byteLength, 0) / inputs.length;
    this.#pace.record(manner, inputs.length, took(), bytes);
    const { unused } = this.#pace;
    if (unused !== null && unused !== manner && this.#steps.has(unused)) await this.#steps.release(unused);
    return metrics;
  }

  async run(name: string, inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
    const program = this.#model.programs[name];
    if (program === undefined) throw new Error(`the model has no program '${name}'`);
    const batched = Object.entries(program.signature.inputs).find(([, { role }]) => role !== 'scalar')!;
    const batchSize = inputs[batched[0]]!.shape[0]!;
    const key = `${name} ${batchSize}`;
    if (!this.#programs.has(key)) {
      const onnx = writeOnnx(traceProgram(this.#model, program, batchSize), { name });
      this.#programs.set(key, this.#executor.load(name, onnx));
    }
    const loaded = await this.#programs.get(key)!;
    const outputs = await loaded.run({ ...inputs, ...this.#state.inputsOf(loaded) });
    return downloadAll(outputs);
  }

  async release(): Promise<void> {
    this.#state.dispose();
    await this.#steps.release('single');
    await this.#steps.release('block');
    for (const program of this.#programs.values()) await (await program).release();
  }
}
