import type { FromWorker, LoadedModel, LoadRequest, Sampled, SampleRequest, ToWorker } from './protocol.ts';

/** A model in a worker of its own. */
export interface RemoteSampler {
  /** Settles when the model is ready, or could not be loaded. */
  readonly loaded: Promise<LoadedModel>;
  /** Draws samples; one call at a time. */
  sample(request: SampleRequest): Promise<Sampled>;
  /** Ends the worker at once, whatever it is doing, and frees its memory. What was pending never settles. */
  close(): void;
}

/**
 * Starts a worker and loads a bundle in it. Inference blocks its thread, so only ending the worker can stop it;
 * one worker per loaded model makes stopping and switching the same, safe thing.
 */
export function openRemoteSampler(
  request: LoadRequest,
  onProgress: (receivedBytes: number, totalBytes: number) => void,
): RemoteSampler {
  const worker = new Worker(new URL('./sampler-worker.ts', import.meta.url), { type: 'module' });

  const ask = (message: ToWorker) =>
    new Promise<FromWorker>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (data.kind === 'progress') onProgress(data.received, data.total);
        else if (data.kind === 'failed') reject(new Error(data.message));
        else resolve(data);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`the worker stopped: ${event.message || 'its script could not be loaded'}`));
      };
      worker.postMessage(message);
    });

  return {
    loaded: ask({ kind: 'load', request }).then((reply) => expectReply(reply, 'loaded').model),
    sample: async (wanted) => expectReply(await ask({ kind: 'sample', request: wanted }), 'sampled').result,
    close: () => worker.terminate(),
  };
}

function expectReply<K extends FromWorker['kind']>(reply: FromWorker, kind: K) {
  if (reply.kind !== kind) throw new Error(`the worker answered ${reply.kind} instead of ${kind}`);
  return reply as Extract<FromWorker, { kind: K }>;
}
