import type { LoadedProgram } from '../program/executor.ts';
import { portNames } from '../program/program.ts';
import type { DeviceTensor, HostTensor } from '../program/tensor.ts';

type StateTensors = Record<string, HostTensor | DeviceTensor>;

const nextPrefix = portNames.next('');
const metricPrefix = portNames.metric('');

/**
 * The state of a training run where the device wants it, and the compiled steps that change it: each takes the state
 * as `state/NAME` and returns it as `next/NAME`, with what it has to report as `metric/NAME`.
 */
export class TrainingState {
  #tensors: StateTensors = {};

  /** Replaces the state. */
  set(state: Readonly<Record<string, HostTensor>>): void {
    this.dispose();
    this.#tensors = Object.fromEntries(
      Object.entries(state).map(([name, tensor]) => [portNames.state(name), tensor]),
    );
  }

  /** A copy of the state on the host. */
  async get(): Promise<Record<string, HostTensor>> {
    const state: Record<string, HostTensor> = {};
    for (const [port, tensor] of Object.entries(this.#tensors)) {
      state[port.slice(portNames.state('').length)] = await toHost(tensor);
    }
    return state;
  }

  /** The state as a program takes it that has the state among its inputs: only what it asks for. */
  inputsOf(program: LoadedProgram): StateTensors {
    const wanted = program.inputs.filter(({ name }) => name in this.#tensors);
    return Object.fromEntries(wanted.map(({ name }) => [name, this.#tensors[name]!]));
  }

  /**
   * Runs a compiled step, or several in a row, and keeps the new state.
   * @param feeds what the program takes besides the state
   * @param count steps that the program takes at once
   * @returns the metrics of each step
   */
  async advance(
    program: LoadedProgram,
    feeds: Readonly<Record<string, HostTensor>>,
    count = 1,
  ): Promise<Record<string, number>[]> {
    const outputs = await program.run({ ...this.#tensors, ...feeds });
    this.dispose();
    const metrics = Array.from({ length: count }, (): Record<string, number> => ({}));
    for (const [name, tensor] of Object.entries(outputs)) {
      if (name.startsWith(nextPrefix)) {
        this.#tensors[portNames.state(name.slice(nextPrefix.length))] = tensor;
        continue;
      }
      const { data } = await toHost(tensor);
      for (const [i, each] of metrics.entries()) each[name.slice(metricPrefix.length)] = data[i]!;
    }
    return metrics;
  }

  /** Frees what the device holds. */
  dispose(): void {
    for (const tensor of Object.values(this.#tensors)) if ('location' in tensor) tensor.dispose();
    this.#tensors = {};
  }
}

/** The values on the host, wherever the tensor is. */
async function toHost(tensor: HostTensor | DeviceTensor): Promise<HostTensor> {
  return 'location' in tensor ? tensor.download() : tensor;
}
