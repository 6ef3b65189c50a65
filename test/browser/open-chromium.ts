import { launchChromium } from 'generatrix/browser';
import type { Browser } from 'playwright-core';

/**
 * Every page of a test compiles onnxruntime anew and runs it for a second or two: V8's quick compiler alone is enough,
 * its optimising one would take longer than it saves.
 */
const flags = ['--js-flags=--liftoff-only'];

/** Starts headless Chromium for tests, with WebGPU on a software adapter when asked. */
export function openChromium(options: { readonly webgpu?: boolean } = {}): Promise<Browser> {
  return launchChromium({ ...options, flags });
}
