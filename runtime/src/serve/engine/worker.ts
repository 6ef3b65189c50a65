import { existsSync } from 'node:fs';
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { messageOf, UserError } from '../../errors.ts';
import { createExecutor } from '../../ort/ort-node.ts';
import type { Executor } from '../../program/executor.ts';
import { createQueue } from '../../program/queue.ts';
import { FrameReader, type Place, writeFrame } from './frames.ts';
import type { Guard } from './guard.ts';
import type { Inspection } from './inspect.ts';
import {
  type Answers,
  type BatchAnswer,
  channel,
  type FromWorker,
  sharedDescriptor,
  type ToWorker,
  type WorkerChannels,
  type WorkerRequest,
  type WorkerSettings,
} from './messages.ts';
import { SharedMemory } from './shared-memory.ts';
import { WorkerProgram } from './worker-program.ts';

/** What a worker does: compiles programs and runs batches, one message after the other. A process of its own. */

const socket = new Socket({ fd: channel, readable: true, writable: true });
const send = (message: FromWorker, shared?: Place) => writeFrame(socket, message, shared);
const inTurn = createQueue();
const programs = new Map<string, WorkerProgram>();
let inspection: Inspection | null = null;

async function answer(executor: Executor, request: WorkerRequest): Promise<Answers[keyof Answers]> {
  switch (request.kind) {
    case 'inspect':
      await inspection?.release();
      // Few workers inspect: the others start faster without what reads manifests.
      inspection = new (await import('./inspect.ts')).Inspection(executor);
      return inspection.inspect(request.folder);
    case 'try':
      await inspection!.tryOut(request.program);
      return null;
    case 'forget':
      await inspection?.release();
      inspection = null;
      return null;
    case 'load': {
      const { name, program, shared } = request;
      programs.set(keyOf(request), await WorkerProgram.load(executor, name, program, shared));
      return null;
    }
    case 'run':
      return loaded(request).run(request.rows);
  }
}

interface ProgramOfModel {
  readonly model: number;
  readonly program: string;
}

function keyOf({ model, program }: ProgramOfModel): string {
  return `${model} ${program}`;
}

function loaded(which: ProgramOfModel): WorkerProgram {
  const found = programs.get(keyOf(which));
  if (!found) throw new Error(`program ${which.program} is not loaded in this worker`);
  return found;
}

async function handle(executor: Executor, message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'unload':
      await programs.get(keyOf(message))?.release();
      programs.delete(keyOf(message));
      return;
    case 'close':
      for (const program of programs.values()) await program.release();
      process.exit(0);
      return;
    case 'hold':
      while (!existsSync(message.gate)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      if (message.death) die[message.death]();
      return;
    default: {
      const { id } = message;
      try {
        const found = await answer(executor, message);
        const { place } = message;
        const shared = memory && place !== undefined ? { memory, place } : undefined;
        const copied = send({ kind: 'done', id, answer: found }, shared);
        if (copied && message.kind === 'run') {
          loaded(message).reuse(message.rows, (found as BatchAnswer).outputs);
        }
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
    // Later messages must not be answered before the process has ended.
    return inTurn(() => new Promise<never>(() => undefined));
  },
  heap: () => {
    const kept: unknown[] = [];
    for (;;) kept.push(new Array(1000).fill(kept));
  },
  memory: () => {
    const kept: Uint8Array[] = [];
    for (;;) kept.push(new Uint8Array(2 ** 20).fill(1));
  },
};

const settings = JSON.parse(process.argv[2]!) as WorkerSettings & WorkerChannels & Guard;
const { device, threads, parent, memoryBytes, shares } = settings;
const memory = shares ? new SharedMemory(sharedDescriptor) : null;
// Terminals and service managers signal whole groups. It is the server that ends its workers, when they are done.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
new Worker(new URL('./watchdog.js', import.meta.url), {
  workerData: { parent, memoryBytes } satisfies Guard,
  resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
}).unref();
socket.on('close', () => process.exit(0)).on('error', () => process.exit(0));
try {
  const executor = await createExecutor(device, { threads });
  const reader = new FrameReader(
    (message) => {
      inTurn(() => handle(executor, message as ToWorker)).catch((error: unknown) => {
        setImmediate(() => {
          throw error;
        });
      });
    },
    { memory },
  );
  socket.on('data', (bytes: Uint8Array) => reader.push(bytes));
  send({ kind: 'ready', device: executor.device });
} catch (error) {
  send({ kind: 'unusable', reason: messageOf(error) });
}
