import type { ProgramOutputs } from './executor.ts';
import type { HostTensor } from './tensor.ts';

/** A run's outputs on the host; what was on the device is freed there. */
export async function downloadAll(outputs: ProgramOutputs): Promise<Record<string, HostTensor>> {
  const host: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    if ('location' in tensor) {
      host[name] = await tensor.download();
      tensor.dispose();
    } else {
      host[name] = tensor;
    }
  }
  return host;
}
