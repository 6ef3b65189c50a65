import { type NamedTensors, tf } from '@generatrix/export';
import { type HostTensor, hostTensor, portNames, type StepInputs } from '@generatrix/runtime/core';
import type { Model } from '../model/model.ts';
import type { HostState } from '../model/state.ts';
import type { Engine, Trainer } from './engine.ts';
import { programFunction, stepFunction } from './step-program.ts';
import { selectTfjsBackend } from './tfjs-backend.ts';

/** The engine that runs the step eagerly in TensorFlow.js: the reference that the compiled step is held to. */
export function tfjsEngine(warn: (line: string) => void = console.warn): Engine {
  return {
    name: 'tfjs',
    prepare: async (model) => {
      const { description, warning } = await selectTfjsBackend();
      if (warning !== '') warn(warning);
      return new TfjsTrainer(model, description);
    },
  };
}

const nextPrefix = portNames.next('');

class TfjsTrainer implements Trainer {
  readonly description: string;
  readonly #model: Model;
  #state: NamedTensors = {};

  constructor(model: Model, description: string) {
    this.#model = model;
    this.description = description;
  }

  async setState(state: HostState): Promise<void> {
    tf.dispose(this.#state);
    const entries = Object.entries(state);
    this.#state = Object.fromEntries(entries.map(([name, x]) => [portNames.state(name), toTensor(x)]));
  }

  async getState(): Promise<HostState> {
    const state: HostState = {};
    for (const name of Object.keys(this.#model.state))
      state[name] = await toHost(this.#state[portNames.state(name)]!);
    return state;
  }

  async step(inputs: StepInputs): Promise<Record<string, number>> {
    const { noise, conditions = {}, learningRate, epochEnd, ...batch } = inputs;
    const outputs = tf.tidy(() => {
      const tensors: NamedTensors = { ...this.#state };
      for (const [name, tensor] of Object.entries(batch)) tensors[name] = toTensor(tensor);
      for (const [name, tensor] of Object.entries(noise)) tensors[portNames.noise(name)] = toTensor(tensor);
      for (const [name, tensor] of Object.entries(conditions))
        tensors[portNames.condition(name)] = toTensor(tensor);
      tensors.learningRate = tf.scalar(learningRate);
      tensors.epochEnd = tf.scalar(epochEnd ? 1 : 0);
      // A step may return a tensor of the old state unchanged; the copy keeps its fate separate.
      const results = stepFunction(this.#model)(tensors);
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tf.clone(tensor)]));
    });
    tf.dispose(this.#state);
    this.#state = {};
    const metrics: Record<string, number> = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      if (name.startsWith(nextPrefix)) {
        this.#state[portNames.state(name.slice(nextPrefix.length))] = tensor;
        continue;
      }
      metrics[name.slice(portNames.metric('').length)] = (await tensor.data())[0]!;
      tensor.dispose();
    }
    return metrics;
  }

  readonly blockSize = 1;

  async steps(inputs: readonly StepInputs[]): Promise<Record<string, number>[]> {
    const metrics: Record<string, number>[] = [];
    for (const each of inputs) metrics.push(await this.step(each));
    return metrics;
  }

  async run(name: string, inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
    const program = this.#model.programs[name];
    if (program === undefined) throw new Error(`the model has no program '${name}'`);
    const outputs = tf.tidy(() => {
      const own = Object.entries(inputs).map(([input, tensor]) => [input, toTensor(tensor)]);
      const results = programFunction(program)({ ...this.#state, ...Object.fromEntries(own) });
      return Object.fromEntries(
        Object.entries(results).map(([output, tensor]) => [output, tf.clone(tensor)]),
      );
    });
    const host: Record<string, HostTensor> = {};
    for (const [output, tensor] of Object.entries(outputs)) host[output] = await toHost(tensor);
    tf.dispose(outputs);
    return host;
  }

  async release(): Promise<void> {
    tf.dispose(this.#state);
    this.#state = {};
  }
}

/** Copies a host tensor into the active tfjs backend. */
export function toTensor({ data, shape, dtype }: HostTensor): tf.Tensor {
  return tf.tensor(data, [...shape], dtype);
}

/** Copies a tfjs tensor to the host. */
export async function toHost(tensor: tf.Tensor): Promise<HostTensor> {
  return hostTensor(tensor.dtype as HostTensor['dtype'], tensor.shape, (await tensor.data()) as Float32Array);
}
