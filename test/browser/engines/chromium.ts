import { ensureChromium } from '../ensure-chromium.ts';
import { openChromium } from '../open-chromium.ts';
import type { EngineFound } from './engine.ts';

/** Starts headless Chromium. */
export async function startChromium(): Promise<EngineFound> {
  const found = await ensureChromium();
  if ('reason' in found) return found;
  const browser = await openChromium();
  const page = await browser.newPage();
  return {
    version: `chromium ${browser.version()}`,
    async open(url) {
      await page.goto(url);
    },
    evaluate: (expression) => page.evaluate(`(async () => (${expression}))()`),
    close: () => browser.close(),
  };
}
