import {
  configureWeb,
  createExecutor,
  type Device,
  type Executor,
  type HostTensor,
  type LoadedProgram,
} from '@generatrix/runtime/web';
import { pack, unpack } from '../tensor-pack.ts';

type Ports = Pick<LoadedProgram, 'inputs' | 'outputs'>;

declare global {
  interface Window {
    /** Makes the executor; called once. Returns an empty string, or why this device does not work here. */
    openExecutor(device: Device): Promise<string>;
    /** Compiles the program of the packet at `/job/<id>`, which is known by this number from then on. */
    loadProgram(id: number): Promise<Ports>;
    /** Runs a loaded program on the tensors at `/job/<id>` and posts the outputs back to the same address. */
    runProgram(program: number, id: number): Promise<void>;
    releaseProgram(program: number): Promise<void>;
  }
}

let executor: Executor | undefined;
const loaded = new Map<number, LoadedProgram>();

async function readPacked(url: string): Promise<ArrayBuffer> {
  const { body } = await fetch(url);
  return new Response(body!.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
}

async function jobOf(id: number) {
  return unpack(new Uint8Array(await (await fetch(`job/${id}`)).arrayBuffer()));
}

window.openExecutor = async (device) => {
  const wasmPaths = new URL('ort/', document.baseURI).href;
  configureWeb({ wasmPaths, readWasm: (file) => readPacked(`${wasmPaths}${file}.gz`) });
  try {
    executor = await createExecutor(device);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

window.loadProgram = async (id) => {
  const { text, program, weights } = await jobOf(id);
  const compiled = await executor!.load(text, program, { weights });
  loaded.set(id, compiled);
  return { inputs: compiled.inputs, outputs: compiled.outputs };
};

window.runProgram = async (program, id) => {
  const { text, tensors } = await jobOf(id);
  const outputs: Record<string, HostTensor> = {};
  for (const [name, output] of Object.entries(await loaded.get(program)!.run(tensors))) {
    outputs[name] = 'location' in output ? await output.download() : output;
  }
  const body = pack({ text, program: new Uint8Array(), tensors: outputs });
  await fetch(`job/${id}`, { method: 'POST', body });
};

window.releaseProgram = async (program) => {
  await loaded.get(program)?.release();
  loaded.delete(program);
};
