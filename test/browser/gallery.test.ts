import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { waitUntilIdle } from './demo-page.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { changed, findings, panel, picture } from './panels.ts';
import { sitePages } from './site-pages.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`gallery tests skipped: ${missing}`);

/** A model's thumbnail in the tree. */
const tile = (page: Page, name: string) => page.locator(`#model-models-${name}`);

describe.skipIf(missing !== '')('the pages', () => {
  const pages = sitePages();
  const openTree = async (options: Parameters<typeof pages.open>[0] = {}): Promise<Page> => {
    const page = await pages.open({ viewport: { width: 1280, height: 1600 }, ...options });
    await page.goto(pages.server.url);
    await page.locator('#main[data-state=ready]').waitFor();
    return page;
  };

  test('the tree moves before anything large is fetched; then every leaf that has a model runs it, until all is paused', async () => {
    const before = pages.server.requests.length;
    const page = await openTree();
    await tile(page, 'vae').and(page.locator('[data-state=poster]')).waitFor();
    await changed(tile(page, 'vae').locator('canvas'), await picture(tile(page, 'vae').locator('canvas')));
    const fetched = pages.server.requests.slice(before).map(({ path }) => path);
    expect(fetched.filter((path) => /\.(onnx|safetensors|gz|mjs)$/.test(path))).toEqual([]);

    await page.getByRole('button', { name: 'Run them here' }).click();
    const live = page.locator('.model[data-state=live]');
    await expect.poll(() => live.count(), { timeout: 60_000 }).toBe(6);
    const leaves = page.locator('.leaf.here');
    expect(await leaves.count()).toBe(5);
    expect(await page.locator('.leaf.here > .first > .model[data-state=live]').count()).toBe(5);
    expect(await tile(page, 'vae').textContent()).toMatch(/live: [\d.]+ (ms|s)$/);
    expect(
      await page
        .locator('.leaf.here', { has: tile(page, 'vae') })
        .locator('.equation')
        .textContent(),
    ).toBe('log p(x) ≥ E[log p(x | z)] − KL(q(z | x) ‖ p(z))');
    expect(await page.locator('.model a').allTextContents()).toContain('WaveNet');

    await page.getByRole('button', { name: 'Pause' }).click();
    const stands = await picture(tile(page, 'realnvp').locator('canvas'));
    const films = Number(await tile(page, 'realnvp').getAttribute('data-films'));
    await tile(page, 'realnvp').getByRole('button').click(); // what is touched runs all the same
    await expect.poll(() => tile(page, 'realnvp').getAttribute('data-films')).toBe(String(films + 1));
    expect(await picture(tile(page, 'realnvp').locator('canvas'))).toBe(stands);
    await page.getByRole('button', { name: 'Go on' }).click();
    await changed(tile(page, 'realnvp').locator('canvas'), stands);
  });

  test('who wants no motion sees pictures that stand still, and runs what is touched', async () => {
    const before = pages.server.requests.length;
    const page = await openTree({ reducedMotion: 'reduce' });
    const canvas = tile(page, 'vae').locator('canvas');
    await tile(page, 'vae').and(page.locator('[data-state=poster]')).waitFor();
    await page.mouse.move(20, 20);
    await page.mouse.move(400, 400);
    /** A picture that moved would be another after so many frames. */
    const frames = () =>
      page.evaluate(async () => {
        for (let i = 0; i < 30; i += 1) await new Promise((done) => requestAnimationFrame(done));
      });
    await frames();
    const stands = await picture(canvas);
    await frames();
    expect(await picture(canvas)).toBe(stands);
    expect(pages.server.requests.slice(before).some(({ path }) => path.endsWith('.onnx'))).toBe(false);
    await tile(page, 'vae').getByRole('button').click();
    await changed(canvas, stands);
    await tile(page, 'vae').and(page.locator('[data-state=live]')).waitFor();
  });

  test('axe finds nothing serious in the gallery, light and dark', async () => {
    const page = await openTree();
    await tile(page, 'vae').getByRole('button').click();
    await tile(page, 'vae').and(page.locator('[data-state=live]')).waitFor();
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const seen: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      seen.push(await background());
      expect(await findings(page), colorScheme).toEqual([]);
    }
    expect(seen[0]).not.toBe(seen[1]);
    // The example says nothing of colours: it is light, whatever the visitor prefers, and so is the element in it.
    await page.goto(`${pages.server.url}examples/embed.html`);
    await page.locator('generatrix-sampler[state=poster]').waitFor();
    expect(await findings(page), 'the example, dark').toEqual([]);
  });

  test('axe finds nothing serious in the page of a model with its panels', async () => {
    const page = await pages.openModel('vae');
    for (const name of ['explore', 'interpolate', 'reconstruct', 'likely']) {
      await panel(page, name);
      expect(await findings(page), name).toEqual([]);
    }
  });

  test('nothing is wider than a screen of 360 or 1280 pixels, and nothing moves while a page loads', async () => {
    const page = await pages.open({ viewport: { width: 360, height: 800 } });
    await page.addInitScript(() => {
      const moved = { share: 0 };
      Object.assign(globalThis, { moved });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
          moved.share += (entry as PerformanceEntry & { value: number }).value;
      }).observe({ type: 'layout-shift', buffered: true });
    });
    /** Cumulative layout shift (https://web.dev/articles/cls), of which 0.1 is called good. */
    const expectStill = async () =>
      expect(
        await page.evaluate(() => (globalThis as unknown as { moved: { share: number } }).moved.share),
      ).toBeLessThan(0.05);
    const expectNoWider = async () => {
      for (const width of [360, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      }
    };
    await page.goto(pages.server.url);
    await page.locator('#main[data-state=ready]').waitFor();
    await expectStill();
    await expectNoWider();
    await page.setViewportSize({ width: 360, height: 800 });
    await page.goto(`${pages.server.url}model.html?model=models/vae&device=wasm`);
    expect(await waitUntilIdle(page)).toBe('ready');
    await expectStill();
    await expectNoWider();
    await page.goto(`${pages.server.url}model.html?model=models/rbm&device=wasm&count=4`);
    expect(await waitUntilIdle(page)).toBe('ready');
    await (await panel(page, 'chain')).getByText('Start at an example').click();
    await expectNoWider();
    await page.goto(`${pages.server.url}model.html?model=models/ddpm&device=wasm&count=4`);
    expect(await waitUntilIdle(page)).toBe('ready');
    await (await panel(page, 'refine')).getByText('Start from a drawing').click();
    await expectNoWider();
    await page.goto(`${pages.server.url}parity.html?model=models/vae&device=wasm`);
    await page.locator('#main[data-state=ready]').waitFor();
    await expectNoWider();
  });

  test('without a network the gallery and its models are there again', async () => {
    const page = await openTree();
    const vae = tile(page, 'vae');
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await vae.getByRole('button').click();
    await vae.and(page.locator('[data-state=live]')).waitFor();
    await pages.waitUntilKept(page);
    await pages.goOffline();
    await page.reload();
    await vae.getByRole('button').click();
    await vae.and(page.locator('[data-state=live]')).waitFor();
    pages.watched.forgive(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
  });
});
