// @ts-check
import { parentPort, workerData } from 'node:worker_threads';
import { loadSampler } from '@generatrix/node';

const sampler = await loadSampler(workerData.bundle, { device: 'cpu' });
parentPort?.on('message', async ({ id, count, seed }) => {
  try {
    const { data } = await sampler.sample({ count, seed });
    parentPort?.postMessage({ id, data }, [/** @type {ArrayBuffer} */ (data.data.buffer)]);
  } catch (error) {
    parentPort?.postMessage({ id, error: String(error) });
  }
});
