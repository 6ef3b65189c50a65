import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, UserError } from '../../errors.ts';
import { createExecutor } from '../../ort/ort-node.ts';
import type { Executor } from '../../program/executor.ts';
import { createQueue } from '../../program/queue.ts';
import { inspectBundle } from './inspect.ts';
import type { Answers, FromWorker, ToWorker, WorkerRequest, WorkerSettings } from './messages.ts';
import { WorkerModel } from './worker-model.ts';

/** What a worker thread does: compiles programs and runs batches, one message after the other. */

const port = parentPort!;
const send = (message: FromWorker, transfer: readonly ArrayBuffer[] = []) =>
  port.postMessage(message, transfer);
const inTurn = createQueue();
const models = new Map<number, WorkerModel>();

async function answer(
  executor: Executor,
  request: WorkerRequest,
): Promise<readonly [Answers[keyof Answers], readonly ArrayBuffer[]]> {
  switch (request.kind) {
    case 'inspect':
      return [await inspectBundle(request.folder, executor), []];
    case 'load': {
      const model = new WorkerModel(request.name, request.programs, executor);
      models.set(request.model, model);
      if (request.eager) await model.prepare();
      return [null, []];
    }
    case 'run': {
      const model = models.get(request.model);
      if (!model) throw new Error(`model ${request.model} is not loaded in this worker`);
      const done = await model.run(request.program, request.rows);
      // Two outputs may share memory, which can be handed over only once.
      const buffers = new Set(Object.values(done.outputs).map(({ data }) => data.buffer as ArrayBuffer));
      return [done, [...buffers]];
    }
  }
}

async function handle(executor: Executor, message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'unload':
      await models.get(message.model)?.release();
      models.delete(message.model);
      return;
    case 'close':
      for (const model of models.values()) await model.release();
      port.close();
      return;
    case 'hold':
      Atomics.wait(message.gate, 0, 0);
      if (message.death) die[message.death]();
      return;
    default: {
      const { id } = message;
      try {
        const [value, transfer] = await answer(executor, message);
        send({ kind: 'done', id, answer: value }, transfer);
      } catch (error) {
        send({ kind: 'failed', id, reason: messageOf(error), user: error instanceof UserError });
      }
    }
  }
}

const die = {
  exit: () => process.exit(3),
  throw: () => {
    setImmediate(() => {
      throw new Error('a test asked for it');
    });
    // Later messages must not be answered before the thread has ended.
    return inTurn(() => new Promise<never>(() => undefined));
  },
  heap: () => {
    const kept: unknown[] = [];
    for (;;) kept.push(new Array(1000).fill(kept));
  },
};

const { device, threads } = workerData as WorkerSettings;
try {
  const executor = await createExecutor(device, { threads });
  port.on('message', (message: ToWorker) => {
    inTurn(() => handle(executor, message)).catch((error: unknown) => {
      throw error;
    });
  });
  send({ kind: 'ready', device: executor.device });
} catch (error) {
  send({ kind: 'unusable', reason: messageOf(error) });
}
