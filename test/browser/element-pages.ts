import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterEach, beforeAll } from 'vitest';
import { type SitePages, sitePages } from './site-pages.ts';

/** What the tests use of the element. */
export type SamplerElement = HTMLElement & { seed: number; count: number; sample(): Promise<void> };
const settled = ['ready', 'failed', 'poster'];

/** The pages of a block of tests; `examples/blank.html` is an empty page that has the library, and nothing else. */
export function elementPages(): SitePages {
  const pages = sitePages({ viewport: { width: 900, height: 800 } });
  beforeAll(() =>
    writeFile(
      join(pages.fixture.site, 'examples/blank.html'),
      '<!doctype html><html lang="en"><head><title>blank</title><script type="module" src="../generatrix-sampler.js"></script></head><body></body></html>',
    ),
  );
  afterEach(() => pages.watched.forgive(/willReadFrequently/)); // the tests read pixels back, the page never does
  return pages;
}

/** Puts elements into the empty page. */
export async function embed(page: Page, url: string, markup: string): Promise<void> {
  await page.goto(`${url}examples/blank.html`);
  await page.evaluate((html) => {
    document.body.innerHTML = html;
  }, markup);
}

export function stateOf(page: Page, index = 0): Promise<string> {
  return page
    .waitForFunction(
      ([states, i]) => {
        const element = document.querySelectorAll('generatrix-sampler')[i as number];
        const state = element?.getAttribute('state') ?? '';
        return (states as string[]).includes(state) && state;
      },
      [settled, index] as const,
    )
    .then((handle) => handle.jsonValue() as Promise<string>);
}

/** Grey values of the canvas of an element. */
export function greys(page: Page, index = 0): Promise<{ width: number; height: number; values: number[] }> {
  return page.evaluate((i) => {
    const element = document.querySelectorAll('generatrix-sampler')[i]!;
    const canvas = element.shadowRoot!.querySelector('canvas')!;
    const { data, width, height } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return { width, height, values: [...data.filter((_, at) => at % 4 === 0)] };
  }, index);
}

/** The line that says what is wrong. */
export const message = (page: Page) => page.locator('generatrix-sampler [part=error]').first().textContent();
