import type { Manifest } from '@generatrix/runtime/web';
import { fetchManifest, isKept } from '../cache/bundle-files.ts';
import { engineBuild, engineBytes, engineFile } from '../cache/engine-build.ts';
import { contentKey, engineStore, keep, modelStore, openStore } from '../cache/stores.ts';
import { formatBytes } from '../view/text.ts';

/** What can be told of a bundle before its model is loaded. */
export interface Preview {
  /** The manifest as it came: the worker checks it, whoever reads it here must expect anything. */
  readonly manifest: Partial<Manifest>;
  /** Bytes that running it will fetch; 0 when all is in the cache. */
  readonly bytes: number;
  /** `Download: model 1.2 MB, engine 3.7 MB` */
  readonly line: string;
}

/** Reads the manifest and works out what there is to fetch. @throws when there is no manifest. */
export async function previewBundle(url: string, device: string, signal: AbortSignal): Promise<Preview> {
  const { text } = await fetchManifest(new URL('model.json', url).href, signal);
  const manifest = JSON.parse(text) as Partial<Manifest>;
  const program = manifest.programs?.sample;
  const kept = program ? await isKept(program.sha256) : true;
  const model = kept ? 0 : (program?.bytes ?? 0);
  const wanted = device === 'auto' ? await likelyDevice() : device === 'webgpu' ? 'webgpu' : 'wasm';
  const engine = (await engineIsKept(wanted)) ? 0 : engineBytes(wanted);
  const parts = [
    ...(model > 0 ? [`model ${formatBytes(model)}`] : []),
    ...(engine > 0 ? [`engine ${formatBytes(engine)}`] : []),
  ];
  const line = parts.length > 0 ? `Download: ${parts.join(', ')}` : 'Nothing to download';
  return { manifest, bytes: model + engine, line };
}

interface Adapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly isFallbackAdapter?: boolean };
}

/** What `auto` will try first, so that the size that is stated is the one that is fetched. */
async function likelyDevice(): Promise<'wasm' | 'webgpu'> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  const software = adapter?.isFallbackAdapter || adapter?.info?.isFallbackAdapter;
  return adapter && !software ? 'webgpu' : 'wasm';
}

async function engineIsKept(device: 'wasm' | 'webgpu'): Promise<boolean> {
  const store = await openStore(engineStore(engineBuild.version));
  const keys = (await store?.keys()) ?? [];
  return keys.some(({ url }) => url.endsWith(`/${engineFile(device)}.gz`));
}

/**
 * Draws the picture that lies in the bundle, if there is one; false when there is none. It is drawn, not shown as an
 * image, so that it comes from the same cache as the model.
 */
export async function drawPoster(
  canvas: HTMLCanvasElement,
  url: string,
  manifest: Partial<Manifest>,
  signal: AbortSignal,
): Promise<boolean> {
  const { sample } = manifest;
  if (!sample?.file.endsWith('.png')) return false;
  const store = await openStore(modelStore);
  const key = contentKey(sample.sha256);
  let blob = await (await store?.match(key))?.blob();
  if (!blob) {
    const response = await fetch(new URL(sample.file, url), { signal });
    if (!response.ok) return false;
    blob = await response.blob();
    await keep(store, key, blob);
  }
  const bitmap = await createImageBitmap(blob);
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.classList.add('pixels');
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  canvas.setAttribute('aria-label', `Samples drawn when the model was exported`);
  return true;
}
