import type { FromTrainer, OpenRequest, OwnExamples, ToTrainer } from './protocol.ts';

/** A model that trains in a worker of its own. What it has to say arrives at the listener. */
export interface RemoteTrainer {
  /** Trains until that many steps are done in all. */
  train(steps: number): void;
  /** Asks it to stop after the step in progress. */
  stop(): void;
  /** Asks for the model as it stands, as a bundle in a zip file. */
  requestBundle(): void;
  /** Ends the worker at once and frees its memory. */
  close(): void;
}

/** Starts a worker and opens a bundle in it. */
export function openTrainer(
  request: OpenRequest,
  examples: OwnExamples | undefined,
  listener: (message: FromTrainer) => void,
): RemoteTrainer {
  const worker = new Worker(new URL('./train-worker.ts', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }: MessageEvent<FromTrainer>) => listener(data);
  worker.onerror = (event) => {
    event.preventDefault();
    const reason = event.message || 'its script could not be loaded';
    listener({ kind: 'failed', message: `the worker stopped: ${reason}` });
  };
  const tell = (message: ToTrainer) => worker.postMessage(message);
  tell({ kind: 'open', request, ...(examples === undefined ? {} : { examples }) });
  return {
    train: (steps) => tell({ kind: 'train', steps }),
    stop: () => tell({ kind: 'stop' }),
    requestBundle: () => tell({ kind: 'bundle' }),
    close: () => worker.terminate(),
  };
}
