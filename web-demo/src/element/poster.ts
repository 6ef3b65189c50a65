import { type Manifest, programFiles, samplingProgram } from '@generatrix/runtime/core';
import { fetchManifest, isKept, parseManifest } from '../cache/bundle-files.ts';
import { engineBytes } from '../cache/engine-build.ts';
import { engineIsKept } from '../cache/engine-kept.ts';
import { posterFile } from '../cache/poster-file.ts';
import { drawSamples } from '../view/sample-view.ts';
import { formatBytes } from '../view/text.ts';

/** What is known of a bundle before its model is loaded. */
export interface Preview {
  /** The manifest as it came: the worker checks it, whoever reads it here must expect anything. */
  readonly manifest: Partial<Manifest>;
  /** Whether samples can be drawn from it: an autoencoder only encodes and decodes. */
  readonly draws: boolean;
  /** Bytes that running it will fetch; 0 when all is in the cache. */
  readonly bytes: number;
  /** `Download: model 1.2 MB, engine 3.7 MB` */
  readonly line: string;
}

/** Reads the manifest and works out what there is to fetch. @throws when there is no manifest. */
export async function previewBundle(url: string, device: string, signal: AbortSignal): Promise<Preview> {
  const { text } = await fetchManifest(new URL('model.json', url).href, signal);
  const manifest = parseManifest(text, url);
  const { draws, files } = firstProgram(manifest, url);
  let model = 0;
  for (const { bytes, sha256 } of files) {
    if (!(await isKept(sha256))) model += bytes;
  }
  const engine = await engineToFetch(device);
  const parts = [
    ...(model > 0 ? [`model ${formatBytes(model)}`] : []),
    ...(engine.length > 0 ? [`engine ${engine.map(formatBytes).join(' to ')}`] : []),
  ];
  const line = parts.length > 0 ? `Download: ${parts.join(', ')}` : 'Nothing to download';
  return {
    manifest,
    draws,
    bytes: model + Math.max(0, ...engine),
    line: draws ? line : `${line}. It draws no samples`,
  };
}

/** The files of the program that runs first, and whether it draws samples. @throws when the manifest has no programs. */
function firstProgram(manifest: Partial<Manifest>, url: string) {
  try {
    const programs = manifest.programs!;
    const sampling = samplingProgram(programs);
    const program = programs[sampling ?? Object.keys(programs)[0]!]!;
    return { draws: sampling !== undefined, files: programFiles(manifest, program) };
  } catch {
    throw new Error(`bundle ${url}: model.json is no manifest: it names no programs with their files`);
  }
}

/**
 * Bytes of the engine that will be fetched, smallest first: none when it is kept; two figures where it is not settled
 * whether the model is tried on the GPU, too. Whether there is a GPU is for the worker to find out: asking here would
 * fill the page's console.
 */
async function engineToFetch(device: string): Promise<readonly number[]> {
  const mayUseGpu = device !== 'wasm' && 'gpu' in navigator;
  const toFetch = async (engine: 'wasm' | 'webgpu') =>
    (await engineIsKept(engine)) ? 0 : engineBytes(engine);
  if (!mayUseGpu || device === 'webgpu') {
    const engine = mayUseGpu ? 'webgpu' : 'wasm';
    return (await engineIsKept(engine)) ? [] : [engineBytes(engine)];
  }
  const [wasm, webgpu] = [await toFetch('wasm'), await toFetch('webgpu')];
  return wasm === 0 ? [] : [...new Set([wasm, wasm + webgpu])];
}

/**
 * Draws the picture, or the sound, that lies in the bundle, if there is one; false when there is none. It is drawn,
 * not shown as an image, so that it comes from the same cache as the model.
 */
export async function drawPoster(
  canvas: HTMLCanvasElement,
  url: string,
  manifest: Partial<Manifest>,
  signal: AbortSignal,
): Promise<boolean> {
  const blob = await posterFile(url, manifest, signal);
  if (!blob) return false;
  const { data } = manifest;
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
