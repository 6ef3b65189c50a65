import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeReport } from '@generatrix/training/report';
import { folderOf } from '@generatrix/training/testing';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureChromium } from './ensure-chromium.ts';
import { type OpenChromium, openChromium } from './open-chromium.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`skipped: the report in a browser (${missing})`);

/** What the page's script has drawn, as the test reads it. */
interface Drawn {
  readonly scales: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
  readonly axes: readonly { readonly _values: readonly (string | null)[] }[];
}

describe.skipIf(missing !== '')('the report in a browser', () => {
  let browser: OpenChromium;
  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(() => browser?.close());

  async function opened(page: Page): Promise<string[]> {
    const troubles: string[] = [];
    page.on('console', (message) => troubles.push(message.text()));
    page.on('pageerror', (error) => troubles.push(error.message));
    const path = join(await folderOf({}), 'report.html');
    const line = (step: number, metrics: Record<string, number>) => ({ step, seconds: step, metrics });
    await writeReport(path, {
      title: 'gan on ring8',
      notes: [],
      galleries: [],
      metrics: [
        line(10, { loss: 1.25, offset: 0 }),
        line(15, { 'heldOut/loss': 1.75, 'heldOut/modesHit': 3 }),
        line(20, { loss: 0.5, offset: 0 }),
      ],
      bounds: { modesHit: [0, 8] },
      data: {},
      settings: {
        options: { latent: 2, latentOfAVeryLongNameThatNoPhoneIsWideEnoughForIfItWereNotBroken: 1 },
      },
      environment: {},
    });
    await page.goto(pathToFileURL(path).href);
    return troubles;
  }

  /** The legend's names and values in turn. */
  const legend = async (page: Page, index: number) =>
    (await page.locator(`#plot-${index} :is(.u-label, .u-value)`).allTextContents()).join(' ');

  test('the legend has the last value of each curve, and again when the pointer has left', async () => {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    const troubles = await opened(page);
    const atRest = 'step 20 train 0.5 held-out 1.75';
    expect(await legend(page, 0)).toBe(atRest);
    const box = (await page.locator('#plot-0 .u-over').boundingBox())!;
    await page.mouse.move(box.x + 1, box.y + box.height / 2);
    await expect.poll(() => legend(page, 0)).toBe('step 10 train 1.25 held-out -');
    await page.mouse.move(0, 0);
    await expect.poll(() => legend(page, 0)).toBe(atRest);
    expect(troubles).toEqual([]);
    await page.close();
  });

  test('axes reach over the bounds of a metric, with whole numbers, and close around a constant', async () => {
    const page = await browser.newPage();
    await opened(page);
    const axes = await page.evaluate(() =>
      // A global of the page's script.
      (globalThis as unknown as { eval(text: string): Drawn[] }).eval('drawn').map(({ scales, axes }) => ({
        range: [scales.y!.min, scales.y!.max],
        marks: axes[1]!._values.filter((mark) => mark !== null),
      })),
    );
    expect(axes[2]).toEqual({ range: [0, 8], marks: ['0', '2', '4', '6', '8'] });
    expect(axes[1]).toEqual({ range: [-1, 1], marks: ['-1', '0', '1'] });
    await page.close();
  });

  test('nothing is wider than a phone', async () => {
    const page = await browser.newPage({ viewport: { width: 360, height: 700 }, colorScheme: 'dark' });
    await opened(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBe(360);
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(
      'rgb(21, 24, 28)',
    );
    await page.close();
  });
});
