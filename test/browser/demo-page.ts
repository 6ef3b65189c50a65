import type { Page } from 'playwright-core';

/** What a canvas shows: RGBA bytes, rows from the top. */
export interface CanvasPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Reads the pixels of the demo page's canvas, at its own size. An image grid has one canvas pixel per image
 * pixel and no gaps, ceil(sqrt(count)) images to a row, so this is byte for byte what a PNG of it holds.
 * @throws when the page shows no canvas.
 */
export async function readCanvasPixels(page: Page, selector = '#stage canvas'): Promise<CanvasPixels> {
  const { width, height, base64 } = await page.evaluate((wanted) => {
    const canvas = document.querySelector<HTMLCanvasElement>(wanted);
    const context = canvas?.getContext('2d');
    if (!canvas || !context) throw new Error('the page shows no canvas');
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let binary = '';
    for (let start = 0; start < data.length; start += 0x8000) {
      binary += String.fromCharCode(...data.subarray(start, start + 0x8000));
    }
    return { width: canvas.width, height: canvas.height, base64: btoa(binary) };
  }, selector);
  return { width, height, data: new Uint8Array(Buffer.from(base64, 'base64')) };
}

/** Whether two canvases show the same, byte for byte; far quicker than a deep comparison. */
export function samePixels(a: CanvasPixels, b: CanvasPixels): boolean {
  return a.width === b.width && a.height === b.height && Buffer.compare(a.data, b.data) === 0;
}

/** Waits until the demo page has drawn, stopped or failed, and returns which. */
export async function waitUntilIdle(page: Page): Promise<string> {
  const handle = await page.waitForFunction(() => {
    const state = document.getElementById('main')?.dataset.state ?? '';
    return ['ready', 'stopped', 'failed'].includes(state) && state;
  });
  return (await handle.jsonValue()) || '';
}

/** Fills boxes of the demo page by id, presses Sample, and waits; returns the pixels drawn. */
export async function sampleOnPage(
  page: Page,
  boxes: Readonly<Record<string, string>>,
): Promise<CanvasPixels> {
  for (const [id, value] of Object.entries(boxes)) await page.fill(`#${id}`, value);
  await page.click('#sample');
  const state = await waitUntilIdle(page);
  if (state !== 'ready') throw new Error(`sampling ended in state ${state}: ${await errorLine(page)}`);
  return readCanvasPixels(page);
}

/** The error line that the demo page shows; empty when it shows none. */
export async function errorLine(page: Page): Promise<string> {
  const element = page.locator('#error');
  return (await element.isVisible()) ? ((await element.textContent()) ?? '') : '';
}
