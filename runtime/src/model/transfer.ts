import type { ProgramOutputs } from '../program/executor.ts';
import type { HostTensor } from '../program/tensor.ts';

/** A run's outputs on the host. What was on the device is freed there, even when a download fails. */
export async function downloadAll(outputs: ProgramOutputs): Promise<Record<string, HostTensor>> {
  const host: Record<string, HostTensor> = {};
  try {
    for (const [name, tensor] of Object.entries(outputs)) {
      host[name] = 'location' in tensor ? await tensor.download() : tensor;
    }
    return host;
  } finally {
    for (const tensor of Object.values(outputs)) if ('location' in tensor) tensor.dispose();
  }
}
