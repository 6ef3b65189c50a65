import { workerData } from 'node:worker_threads';
import { type Guard, memorySignal } from './guard.ts';

/**
 * A thread beside the one that runs programs. A run holds its thread until it is done, which may be never, so what has to
 * happen meanwhile happens here: the process ends when the server has gone, or when it takes too much memory.
 */
const { parent, memoryBytes } = workerData as Guard;
const periodMs = 200;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  if (process.memoryUsage.rss() > memoryBytes) process.kill(process.pid, memorySignal);
}, periodMs);
