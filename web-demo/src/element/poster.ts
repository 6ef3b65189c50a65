import { type Manifest, programFiles } from '@generatrix/runtime/web';
import { fetchManifest, isKept } from '../cache/bundle-files.ts';
import { engineBuild, engineBytes, engineFile } from '../cache/engine-build.ts';
import { contentKey, engineStore, keep, modelStore, openStore } from '../cache/stores.ts';
import { drawSamples } from '../view/sample-view.ts';
import { formatBytes } from '../view/text.ts';

/** What is known of a bundle before its model is loaded. */
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
  const manifest = parse(text, url);
  const program = manifest.programs?.sample ?? Object.values(manifest.programs ?? {})[0];
  let model = 0;
  for (const { bytes, sha256 } of program ? programFiles(manifest, program) : []) {
    if (!(await isKept(sha256))) model += bytes;
  }
  const engine = await engineToFetch(device);
  const parts = [
    ...(model > 0 ? [`model ${formatBytes(model)}`] : []),
    ...(engine.length > 0 ? [`engine ${engine.map(formatBytes).join(' to ')}`] : []),
  ];
  const line = parts.length > 0 ? `Download: ${parts.join(', ')}` : 'Nothing to download';
  return { manifest, bytes: model + Math.max(0, ...engine), line };
}

function parse(text: string, url: string): Partial<Manifest> {
  try {
    return JSON.parse(text) as Partial<Manifest>;
  } catch (error) {
    throw new Error(`bundle ${url}: model.json is not JSON: ${(error as Error).message}`);
  }
}

/**
 * Bytes of the engine that will be fetched, smallest first: none when it is kept, two where it is not settled which
 * one it will be. Whether there is a GPU is for the worker to find out: asking here would fill the page's console.
 */
async function engineToFetch(device: string): Promise<readonly number[]> {
  const mayUseGpu = device !== 'wasm' && 'gpu' in navigator;
  const candidates: ('wasm' | 'webgpu')[] =
    mayUseGpu && device === 'auto' ? ['wasm', 'webgpu'] : [mayUseGpu ? 'webgpu' : 'wasm'];
  const sizes: number[] = [];
  for (const candidate of candidates) {
    if (await engineIsKept(candidate)) return [];
    sizes.push(engineBytes(candidate));
  }
  return sizes.sort((a, b) => a - b);
}

async function engineIsKept(device: 'wasm' | 'webgpu'): Promise<boolean> {
  const store = await openStore(engineStore(engineBuild.version));
  const keys = (await store?.keys()) ?? [];
  return keys.some(({ url }) => url.endsWith(`/${engineFile(device)}.gz`));
}

/**
 * Draws the picture, or the sound, that lies in the bundle, if there is one; false when there is none. It is drawn,
 * not shown as an image, so that it comes from the same cache as the model.
 */
export async function drawPoster(
  canvas: HTMLCanvasElement,
  url: string,
  { sample, data }: Partial<Manifest>,
  signal: AbortSignal,
): Promise<boolean> {
  if (!sample) return false;
  const store = await openStore(modelStore);
  const key = contentKey(sample.sha256);
  let blob = await (await store?.match(key))?.blob();
  if (!blob) {
    const response = await fetch(new URL(sample.file, url), { signal });
    if (!response.ok) return false;
    blob = await response.blob();
    await keep(store, key, blob);
  }
  if (data?.kind === 'audio') {
    const sound = await new OfflineAudioContext(1, 1, data.sampleRate).decodeAudioData(
      await blob.arrayBuffer(),
    );
    drawSamples(canvas, sound.getChannelData(0), { ...data, shape: [sound.length] });
  } else {
    const bitmap = await createImageBitmap(blob);
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.classList.add('pixels');
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  }
  canvas.setAttribute('aria-label', 'Samples drawn when the model was exported');
  return true;
}
