import type { DeviceRequest, Executor } from './executor.ts';
import { nodeExecutor } from './ort-node.ts';

export * from './core.ts';

export async function createExecutor(device: DeviceRequest): Promise<Executor> {
  return nodeExecutor(device === 'auto' || device === 'wasm' ? 'cpu' : device);
}
