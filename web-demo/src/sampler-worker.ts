import { configureWeb, loadSampler, type Sampler } from '@generatrix/runtime/web';
import type { FromWorker, LoadRequest, SampleRequest, ToWorker } from './protocol.ts';

/** The thread that inference blocks, so that the page stays free. It holds one model for its whole life. */
let sampler: Sampler | undefined;

const reply = (message: FromWorker, transfer: Transferable[] = []) => postMessage(message, { transfer });

async function load({ url, device, wasmPaths }: LoadRequest): Promise<void> {
  const start = performance.now();
  configureWeb({ wasmPaths });
  sampler = await loadSampler(url, {
    device,
    onProgress: ({ received, total }) => reply({ kind: 'progress', received, total }),
  });
  const { manifest, deviceReports } = sampler;
  const program = manifest.programs.sample;
  if (!program) throw new Error(`${manifest.family}: this bundle has no program named sample`);
  reply({
    kind: 'loaded',
    model: {
      family: manifest.family,
      data: manifest.data,
      inputs: program.inputs,
      device: sampler.device,
      deviceReports,
      loadMs: performance.now() - start,
    },
  });
}

async function sample({ count, seed, label, scalars }: SampleRequest): Promise<void> {
  if (!sampler) throw new Error('no model is loaded');
  const start = performance.now();
  const { data } = await sampler.sample({ count, seed, label, ...scalars });
  reply({ kind: 'sampled', result: { data, sampleMs: performance.now() - start } }, [
    data.data.buffer as ArrayBuffer,
  ]);
}

function fail(error: unknown): void {
  reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  (data.kind === 'load' ? load(data.request) : sample(data.request)).catch(fail);
});
