import { loadSampler } from '@generatrix/runtime';
import { familyCases } from '@generatrix/training/testing';
import type { Frame, Page } from 'playwright-core';
import { expect } from 'vitest';
import { writeModelBundle } from '../parity/model-bundles.ts';

/** A page with an element that draws nine points of `models/gmm`. */
export const elementPage = (
  head: string,
) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title>
${head}<generatrix-sampler src="models/gmm" count="9" seed="42" device="wasm"></generatrix-sampler></html>`;

/** Writes the bundle that the page draws from. @returns what Node draws from it */
export async function writePageBundle(folder: string): Promise<number[]> {
  const mixture = familyCases.find(({ name }) => name.startsWith('gmm, full'))!;
  await writeModelBundle(folder, mixture);
  const sampler = await loadSampler(folder, { device: 'cpu' });
  const { data } = await sampler.sample({ count: 9, seed: 42 });
  await sampler.release();
  return [...data.data];
}

/** Checks that the page's element draws what Node does. */
export async function expectDrawn(frame: Page | Frame, expected: readonly number[]): Promise<void> {
  await frame.waitForFunction(() => customElements.get('generatrix-sampler') !== undefined);
  const values = await frame.evaluate(async () => {
    const element = document.querySelector('generatrix-sampler') as HTMLElement & {
      sample(): Promise<unknown>;
    };
    const told = new Promise<number[]>((resolve, reject) => {
      element.addEventListener('generatrix-sample', (event) =>
        resolve([...(event as CustomEvent<{ data: { data: Float32Array } }>).detail.data.data]),
      );
      element.addEventListener('generatrix-error', (event) =>
        reject(new Error((event as CustomEvent<{ message: string }>).detail.message)),
      );
    });
    const [drawn] = await Promise.all([told, element.sample()]);
    return drawn;
  });
  expect(values.length).toBe(expected.length);
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
}
