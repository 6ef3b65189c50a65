import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ChromiumFound } from 'generatrix/browser';

/**
 * Chromium brings a software Vulkan driver, which is all that onnxruntime-node's WebGPU provider needs: the
 * environment variables that point at it, or null where there is none.
 */
export function softwareVulkan(chromium: ChromiumFound): Record<string, string> | null {
  if ('reason' in chromium) return null;
  const candidates = [dirname(realpathSync(chromium.path)), '/usr/lib/chromium'];
  const home = candidates.find((place) => existsSync(join(place, 'vk_swiftshader_icd.json')));
  if (home === undefined) return null;
  const driver = join(home, 'vk_swiftshader_icd.json');
  return { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: home };
}
