import { type SignOfLife, watchLife } from '../worker/life.ts';
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
  const fail = (reason: string) => listener({ kind: 'failed', message: `the worker stopped: ${reason}` });
  const life = watchLife(fail);
  worker.onmessage = ({ data }: MessageEvent<FromTrainer | SignOfLife>) => {
    if (data.kind === 'alive') life.heard(data);
    else listener(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(event.message || 'its script could not be loaded');
  };
  worker.onmessageerror = () => fail('an answer of it cannot be read');
  const tell = (message: ToTrainer) => worker.postMessage(message);
  tell({ kind: 'open', request, ...(examples === undefined ? {} : { examples }) });
  return {
    train: (steps) => tell({ kind: 'train', steps }),
    stop: () => tell({ kind: 'stop' }),
    requestBundle: () => tell({ kind: 'bundle' }),
    close: () => {
      life.end();
      worker.terminate();
    },
  };
}
