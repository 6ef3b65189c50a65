import { writeOnnx } from '@generatrix/export';
import {
  createExecutor,
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
import { StepPace } from './step-pace.ts';
import { traceProgram, traceStep, traceSteps } from './step-program.ts';

/**
 * The engine that compiles the whole training step to one ONNX program. Where the device has memory of its own
 * and the provider allows it, the state stays there between steps.
 */
export function onnxEngine(device: DeviceRequest = 'auto', options: { threads?: number } = {}): Engine {
  return {
    name: 'onnx',
    prepare: async (model, { batchSize, dataShape }) => {
      const executor = await createExecutor(device);
      const onnx = writeOnnx(traceStep(model, batchSize, dataShape), { name: 'step' });
      const keepOnDevice = Object.keys(model.state).map(portNames.next);
      const step = await executor.load('step', onnx, { keepOnDevice, ...options });
      // On WebGPU the state stays on the device between runs anyway.
      const blocks = (count: number) =>
        executor.load(
          `${count} steps`,
          writeOnnx(traceSteps(model, batchSize, dataShape, count), { name: 'steps' }),
          options,
        );
      return new OnnxTrainer(model, executor, step, executor.device === 'webgpu' ? null : blocks);
    },
  };
}

class OnnxTrainer implements Trainer {
  readonly description: string;
  readonly #model: Model;
  readonly #executor: Executor;
  readonly #step: LoadedProgram;
  readonly #programs = new Map<string, Promise<LoadedProgram>>();
  readonly #blocks: ((count: number) => Promise<LoadedProgram>) | null;
  readonly #loadedBlocks = new Map<number, Promise<LoadedProgram>>();
  readonly #pace = new StepPace();
  readonly #state = new TrainingState();

  /** @param blocks compiles several steps as one program; null where that saves nothing. */
  constructor(
    model: Model,
    executor: Executor,
    step: LoadedProgram,
    blocks: ((count: number) => Promise<LoadedProgram>) | null,
  ) {
    this.description = `onnx on ${executor.device}`;
    this.#model = model;
    this.#executor = executor;
    this.#step = step;
    this.#blocks = blocks;
  }

  async setState(state: HostState): Promise<void> {
    this.#state.set(state);
  }

  async getState(): Promise<HostState> {
    return this.#state.get();
  }

  async step(inputs: StepInputs): Promise<Record<string, number>> {
    const started = performance.now();
    const metrics = await this.#state.advance(this.#step, stepFeeds(inputs));
    this.#pace.record(performance.now() - started);
    return metrics[0]!;
  }

  get blockSize(): number {
    return this.#blocks === null ? 1 : this.#pace.blockSize;
  }

  async steps(inputs: readonly StepInputs[]): Promise<Record<string, number>[]> {
    if (inputs.length < 2 || this.#blocks === null) {
      const metrics: Record<string, number>[] = [];
      for (const each of inputs) metrics.push(await this.step(each));
      return metrics;
    }
    const { length } = inputs;
    if (!this.#loadedBlocks.has(length)) this.#loadedBlocks.set(length, this.#blocks(length));
    return this.#state.advance(await this.#loadedBlocks.get(length)!, stackedFeeds(inputs), length);
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
    await this.#step.release();
    for (const program of [...this.#programs.values(), ...this.#loadedBlocks.values()])
      await (await program).release();
  }
}
