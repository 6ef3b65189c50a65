import { basename, dirname } from 'node:path';
import { bundleFolder, type ParityRow } from '@generatrix/runtime';
import { UserError } from '@generatrix/runtime/core';
import { builtSite, serveSite } from '../site.ts';
import { findChromium } from './find-chromium.ts';
import { launchChromium } from './launch.ts';

type Browser = Awaited<ReturnType<typeof launchChromium>>;
type Page = Awaited<ReturnType<Browser['newPage']>>;

/** Longest that a page may take; WebGPU in software is slow. */
const pageTimeout = 300_000;

/**
 * Checks a bundle in headless Chromium through the site's parity page, on WASM or on a software WebGPU adapter.
 * @returns a row for each output, or one line that says why there is no such browser or device here
 * @throws UserError when the check began and could not be done.
 */
export async function browserParity(
  folder: string,
  device: 'wasm' | 'webgpu',
): Promise<ParityRow[] | string> {
  const found = findChromium();
  if ('reason' in found) return found.reason;
  let browser: Browser;
  try {
    browser = await launchChromium({ webgpu: device === 'webgpu' });
  } catch (error) {
    return `${found.path} does not start: ${firstLine(error)}`;
  }
  try {
    return await checkInPage(await browser.newPage(), folder, device);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `bundle ${folder}: the check on ${device} in Chromium could not be done: ${firstLine(error)}`,
    );
  } finally {
    await browser.close();
  }
}

async function checkInPage(page: Page, folder: string, device: string): Promise<ParityRow[] | string> {
  const bundle = await bundleFolder(folder);
  const server = await serveSite(await builtSite(), [dirname(bundle)], 0);
  try {
    const model = encodeURIComponent(`models/${basename(bundle)}`);
    await page.goto(`${server.url}parity.html?model=${model}&device=${device}`);
    const main = page.locator('#main:not([data-state="running"])');
    await main.waitFor({ timeout: pageTimeout });
    const rows = await main.getAttribute('data-rows');
    if (rows !== null) return JSON.parse(rows, infinite) as ParityRow[];
    const said = (await page.locator('#status').textContent()) ?? 'the parity page said nothing';
    if ((await main.getAttribute('data-state')) === 'unavailable') return said;
    throw new UserError(`bundle ${folder}: the check on ${device} in Chromium failed: ${said}`);
  } finally {
    await server.close();
  }
}

/** What Playwright says first, without its name and the log and the stack that follow. */
function firstLine(error: unknown): string {
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line!.replace(/^\w+(\.\w+)+: /, '').replace(/[.:\s]+$/, '');
}

/** An error that is infinite arrives as null, since JSON has no infinity. */
function infinite(_: string, value: unknown): unknown {
  return value === null ? Number.POSITIVE_INFINITY : value;
}
