import {
  type NamedTensors,
  type TensorFunction,
  type TraceInput,
  trace,
  writeOnnx,
} from '@generatrix/export';
import { createExecutor, downloadAll, type HostTensor, hostTensor } from '@generatrix/runtime';

type HostTensors = Readonly<Record<string, HostTensor>>;

/**
 * Compiles a function of tensors for onnxruntime on the CPU: for thousands of draws, or hundreds of runs, over which
 * tfjs's CPU backend takes seconds. That compiled and eager functions agree is held by `families/conformance.test.ts`.
 * @param run a pure function; tensors that it closes over, such as weights, become constants.
 * @param types type and shape of what it takes, by name.
 * @returns a function of the values, and what frees it.
 */
export async function compiled(
  run: TensorFunction,
  types: Record<string, TraceInput>,
): Promise<{ run(inputs: HostTensors): Promise<HostTensors>; release(): Promise<void> }> {
  const onnx = writeOnnx(trace(run, types), { name: 'compiled' });
  const program = await (await createExecutor('cpu')).load('compiled', onnx);
  return {
    run: async (inputs) => downloadAll(await program.run(inputs)),
    release: () => program.release(),
  };
}

/** Compiles a function as `compiled` does, and runs it once: with these inputs, float32 and int32. */
export async function runCompiled(run: TensorFunction, inputs: NamedTensors): Promise<HostTensors> {
  const feeds: Record<string, HostTensor> = {};
  for (const [name, { dtype, shape }] of Object.entries(inputs)) {
    if (dtype !== 'float32' && dtype !== 'int32') throw new Error(`${name}: no input may be ${dtype}`);
    feeds[name] = hostTensor(dtype, shape, inputs[name]!.dataSync());
  }
  const types = Object.entries(feeds).map(([name, { dtype, shape }]) => [name, { dtype, shape }]);
  const program = await compiled(run, Object.fromEntries(types) as Record<string, TraceInput>);
  try {
    return await program.run(feeds);
  } finally {
    await program.release();
  }
}
