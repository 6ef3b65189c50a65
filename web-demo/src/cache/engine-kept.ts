import { engineBuild, engineFile } from './engine-build.ts';
import { engineStore, openStore } from './stores.ts';

/** Whether onnxruntime for a device is in the cache, so that running a model fetches the model alone. */
export async function engineIsKept(device: 'wasm' | 'webgpu'): Promise<boolean> {
  const store = await openStore(engineStore(engineBuild.version));
  const keys = (await store?.keys().catch(() => [])) ?? [];
  return keys.some(({ url }) => url.endsWith(`/${engineFile(device)}.gz`));
}
