import { type TensorFunction, trace, writeOnnx } from '@generatrix/export';
import {
  createExecutor,
  type DeviceRequest,
  type Executor,
  type HostTensor,
  type LoadedProgram,
} from '@generatrix/runtime';

/**
 * Pure tfjs functions run by onnxruntime: each is traced and compiled when first called with inputs of these shapes,
 * and kept. What is heavy in an evaluation (distances, kernels, features) goes through here in blocks.
 */
export class CompiledFunctions {
  readonly executor: Executor;
  readonly #programs = new Map<string, Promise<LoadedProgram>>();

  private constructor(executor: Executor) {
    this.executor = executor;
  }

  /** @throws UserError when the device does not work here. */
  static async open(device: DeviceRequest = 'cpu'): Promise<CompiledFunctions> {
    return new CompiledFunctions(await createExecutor(device));
  }

  /**
   * Runs the function on host tensors.
   * @param name names the function: the same name must mean the same function, its captured values included
   */
  async run(
    name: string,
    fn: TensorFunction,
    inputs: Readonly<Record<string, HostTensor>>,
  ): Promise<Record<string, HostTensor>> {
    const shapes = Object.entries(inputs).map(
      ([input, { dtype, shape }]) => [input, { dtype, shape }] as const,
    );
    const key = JSON.stringify([name, shapes]);
    if (!this.#programs.has(key)) {
      const graph = trace(fn, Object.fromEntries(shapes));
      this.#programs.set(key, this.executor.load(name, writeOnnx(graph, { name })));
    }
    const outputs = await (await this.#programs.get(key)!).run(inputs);
    // A run holds the thread; a turn of the event loop between runs lets Ctrl-C in.
    await new Promise(setImmediate);
    return outputs as Record<string, HostTensor>; // outputs are on the host: none was asked to stay on the device
  }

  /** Frees the programs. */
  async release(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).release();
    this.#programs.clear();
  }
}
