import {
  configureWeb,
  createExecutor,
  type Device,
  type Executor,
  type HostTensor,
} from '@generatrix/runtime/web';
import { pack, unpack } from '../tensor-pack.ts';

declare global {
  interface Window {
    /** Makes the executor; called once. Returns an empty string, or why this device does not work here. */
    openExecutor(device: Device): Promise<string>;
    /** Runs the packet at `/job/<id>` and posts the outputs back to the same address. */
    runJob(id: number): Promise<void>;
  }
}

let executor: Executor | undefined;

async function readPacked(url: string): Promise<ArrayBuffer> {
  const { body } = await fetch(url);
  return new Response(body!.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
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

window.runJob = async (id) => {
  const url = `job/${id}`;
  const job = unpack(new Uint8Array(await (await fetch(url)).arrayBuffer()));
  const program = await executor!.load(job.text, job.program, { weights: job.weights });
  try {
    const tensors: Record<string, HostTensor> = {};
    for (const [name, output] of Object.entries(await program.run(job.tensors))) {
      tensors[name] = 'location' in output ? await output.download() : output;
    }
    await fetch(url, { method: 'POST', body: pack({ text: job.text, program: new Uint8Array(), tensors }) });
  } finally {
    await program.release();
  }
};
