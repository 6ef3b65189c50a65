import type { LoadedProgram, ProgramPort } from '../program/executor.ts';
import { portNames } from '../program/program.ts';
import type { DeviceTensor, HostTensor } from '../program/tensor.ts';

type StateTensors = Record<string, HostTensor | DeviceTensor>;

const statePrefix = portNames.state('');
const nextPrefix = portNames.next('');
const metricPrefix = portNames.metric('');

/**
 * The state of a training run where the device wants it, and the compiled steps that change it: each takes the state
 * as `state/NAME` and returns it as `next/NAME`, with what it has to report as `metric/NAME`. On the host there are
 * two of each tensor: a step reads one and writes the other, so that no step finds memory for a new state. Nobody else
 * holds either.
 */
export class TrainingState {
  #tensors: StateTensors = {};
  /** The state before the last step, by the names of outputs: memory for the next one. */
  #spare: Record<string, HostTensor> = {};
  /** Does the device write to memory that it is given? So it is taken to do until it does not. */
  #swaps = true;

  /** Replaces the state by a copy of this one. */
  set(state: Readonly<Record<string, HostTensor>>): void {
    this.dispose();
    this.#tensors = Object.fromEntries(
      Object.entries(state).map(([name, tensor]) => [portNames.state(name), copyOf(tensor)]),
    );
  }

  /** A copy of the state on the host. */
  async get(): Promise<Record<string, HostTensor>> {
    const state: Record<string, HostTensor> = {};
    for (const [port, tensor] of Object.entries(this.#tensors)) {
      const name = port.slice(statePrefix.length);
      state[name] = 'location' in tensor ? await tensor.download() : copyOf(tensor);
    }
    return state;
  }

  /** The state as a program takes it that has the state among its inputs: only what it asks for. */
  inputsOf(program: LoadedProgram): StateTensors {
    const wanted = program.inputs.filter(({ name }) => name in this.#tensors);
    return Object.fromEntries(wanted.map(({ name }) => [name, this.#tensors[name]!]));
  }

  /**
   * Runs a compiled step, or several in a row, and keeps the new state. A program may take and return a tensor of it in
   * another shape of as many elements.
   * @param feeds what the program takes besides the state
   * @param count steps that the program takes at once
   * @returns the metrics of each step
   */
  async advance(
    program: LoadedProgram,
    feeds: Readonly<Record<string, HostTensor>>,
    count = 1,
  ): Promise<Record<string, number>[]> {
    const shapes = new Map(Object.entries(this.#tensors).map(([port, { shape }]) => [port, shape]));
    const spare = shapedAs(program.outputs, this.#spare);
    const outputs = await program.run({ ...shapedAs(program.inputs, this.#tensors), ...feeds }, spare);
    this.#swaps &&= Object.entries(spare).every(([name, target]) => outputs[name] === target);
    const before = Object.entries(this.#tensors);
    this.dispose();
    for (const [port, tensor] of this.#swaps ? before : []) {
      if ('data' in tensor) this.#spare[portNames.next(port.slice(statePrefix.length))] = tensor;
    }
    const metrics = Array.from({ length: count }, (): Record<string, number> => ({}));
    for (const [name, tensor] of Object.entries(outputs)) {
      if (name.startsWith(nextPrefix)) {
        const port = portNames.state(name.slice(nextPrefix.length));
        this.#tensors[port] = inShape(tensor, shapes.get(port)!);
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
    this.#spare = {};
  }
}

/** The tensors in the shapes in which a program takes or returns them: the same numbers. */
function shapedAs<T extends HostTensor | DeviceTensor>(
  ports: readonly ProgramPort[],
  tensors: Readonly<Record<string, T>>,
): Record<string, T> {
  const shaped: Record<string, T> = { ...tensors };
  for (const { name, shape } of ports) {
    const tensor = shaped[name];
    if (tensor === undefined || shape.some((dim) => typeof dim === 'string')) continue;
    shaped[name] = inShape(tensor, shape as readonly number[]);
  }
  return shaped;
}

/** The tensor itself where that is its shape. Only on the host can it be given another. */
function inShape<T extends HostTensor | DeviceTensor>(tensor: T, shape: readonly number[]): T {
  return !('data' in tensor) || tensor.shape.join() === shape.join() ? tensor : { ...tensor, shape };
}

function copyOf(tensor: HostTensor): HostTensor {
  return { ...tensor, data: tensor.data.slice() } as HostTensor;
}

/** The values on the host, wherever the tensor is. */
async function toHost(tensor: HostTensor | DeviceTensor): Promise<HostTensor> {
  return 'location' in tensor ? tensor.download() : tensor;
}
