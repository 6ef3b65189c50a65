import { writeOnnx } from '@generatrix/export';
import {
  createExecutor,
  type DeviceRequest,
  type DeviceTensor,
  type Executor,
  type HostTensor,
  type LoadedProgram,
} from '@generatrix/runtime';
import type { HostState, Model } from '../families/family.ts';
import { type Engine, portNames, type StepInputs, type Trainer } from './engine.ts';
import { stackedFeeds, stepFeeds } from './step-feeds.ts';
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

const nextPrefix = portNames.next('');
const metricPrefix = portNames.metric('');

type StateTensors = Record<string, HostTensor | DeviceTensor>;

class OnnxTrainer implements Trainer {
  readonly description: string;
  readonly #model: Model;
  readonly #executor: Executor;
  readonly #step: LoadedProgram;
  readonly #programs = new Map<string, Promise<LoadedProgram>>();
  readonly #blocks: ((count: number) => Promise<LoadedProgram>) | null;
  readonly #loadedBlocks = new Map<number, Promise<LoadedProgram>>();
  readonly #pace = new StepPace();
  #state: StateTensors = {};

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
    disposeAll(this.#state);
    this.#state = Object.fromEntries(Object.entries(state).map(([name, x]) => [portNames.state(name), x]));
  }

  async getState(): Promise<HostState> {
    const state: HostState = {};
    for (const name of Object.keys(this.#model.state)) {
      state[name] = await toHost(this.#state[portNames.state(name)]!);
    }
    return state;
  }

  async step(inputs: StepInputs): Promise<Record<string, number>> {
    const started = performance.now();
    const metrics = await this.#advance(this.#step, stepFeeds(inputs), 1);
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
    return this.#advance(await this.#loadedBlocks.get(length)!, stackedFeeds(inputs), length);
  }

  /** Runs a compiled step, or several at once, and keeps the new state. */
  async #advance(program: LoadedProgram, feeds: Record<string, HostTensor>, count: number) {
    const outputs = await program.run({ ...this.#state, ...feeds });
    disposeAll(this.#state);
    const metrics = Array.from({ length: count }, (): Record<string, number> => ({}));
    const state: StateTensors = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      if (name.startsWith(nextPrefix)) {
        state[portNames.state(name.slice(nextPrefix.length))] = tensor;
        continue;
      }
      const { data } = await toHost(tensor);
      for (const [i, each] of metrics.entries()) each[name.slice(metricPrefix.length)] = data[i]!;
    }
    this.#state = state;
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
    const needed = loaded.inputs.map((input) => [input.name, inputs[input.name] ?? this.#state[input.name]!]);
    const outputs = await loaded.run(Object.fromEntries(needed));
    const host: Record<string, HostTensor> = {};
    for (const [output, tensor] of Object.entries(outputs)) host[output] = await toHost(tensor);
    return host;
  }

  async release(): Promise<void> {
    disposeAll(this.#state);
    this.#state = {};
    await this.#step.release();
    for (const program of [...this.#programs.values(), ...this.#loadedBlocks.values()])
      await (await program).release();
  }
}

function isOnDevice(tensor: HostTensor | DeviceTensor): tensor is DeviceTensor {
  return 'location' in tensor;
}

async function toHost(tensor: HostTensor | DeviceTensor): Promise<HostTensor> {
  return isOnDevice(tensor) ? tensor.download() : tensor;
}

function disposeAll(tensors: StateTensors): void {
  for (const tensor of Object.values(tensors)) if (isOnDevice(tensor)) tensor.dispose();
}
