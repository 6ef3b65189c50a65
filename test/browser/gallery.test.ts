import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { openWatchedPage, type PageTroubles } from 'generatrix/browser';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { waitUntilIdle } from './demo-page.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { openChromium } from './open-chromium.ts';
import { type StaticServer, serveFolder } from './serve.ts';
import { makeSite, type SiteFixture } from './site-fixture.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`gallery tests skipped: ${missing}`);
const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let fixture: SiteFixture;
beforeAll(async () => {
  fixture = await makeSite();
}, 240_000);
afterAll(() => fixture?.remove());

describe('what the library weighs', () => {
  const kilobytes = async (files: readonly string[]) => {
    const sizes = await Promise.all(
      files.map(async (file) => gzipSync(await readFile(join(fixture.site, file))).length),
    );
    return sizes.reduce((sum, size) => sum + size, 0) / 1000;
  };

  /** Scripts that a script imports, however deep; those it imports on demand too, where `wanted` names them. */
  async function closure(entry: string, wanted: RegExp): Promise<string[]> {
    const found = new Set<string>();
    const visit = async (file: string): Promise<void> => {
      if (found.has(file)) return;
      found.add(file);
      const text = await readFile(join(fixture.site, file), 'utf8');
      const fixed = [...text.matchAll(/(?:from|import)\s*["'`]\.\/((?:assets\/)?[\w.-]+\.js)["'`]/g)];
      const named = [...text.matchAll(/["'`](?:\.\/)?((?:assets\/)?[\w.-]+\.js)["'`]/g)];
      const next = [...fixed, ...named.filter(([, name]) => wanted.test(name!))].map(([, name]) =>
        name!.startsWith('assets/') ? name! : `${file.startsWith('assets/') ? 'assets/' : ''}${name}`,
      );
      for (const name of next) await visit(name);
    };
    await visit(entry);
    return [...found];
  }

  test('less than 70 kB of script, and 4.5 MB before the first sample on WASM, model not counted', async () => {
    const scripts = await closure('generatrix-sampler.js', /(^|\/)(worker-|ort\.wasm\.min)/);
    expect(scripts.filter((file) => file.includes('worker-'))).toHaveLength(1);
    expect(scripts.filter((file) => file.includes('ort.wasm'))).toHaveLength(1);
    const script = (await kilobytes(scripts)) + (await kilobytes(['ort/ort-wasm-simd-threaded.mjs']));
    const engine = (await readFile(join(fixture.site, 'ort/ort-wasm-simd-threaded.wasm.gz'))).length / 1000;
    console.log(
      `script ${script.toFixed(1)} kB, onnxruntime's WASM ${engine.toFixed(0)} kB: ${scripts.join(', ')}`,
    );
    expect(script).toBeLessThan(70);
    expect(script + engine).toBeLessThan(4500);
  });

  test('pages have no inline script or style, which a strict policy would refuse', async () => {
    const pages = (await readdir(fixture.site, { recursive: true })).filter((file) => file.endsWith('.html'));
    expect(pages.length).toBeGreaterThan(3);
    for (const file of pages) {
      const text = await readFile(join(fixture.site, file), 'utf8');
      expect(text, file).not.toMatch(/<style|\sstyle=|<script(?![^>]*\bsrc=)|\son\w+=/);
    }
  });

  test('the README shows the example as it is', async () => {
    const web = fileURLToPath(new URL('../../web-demo/', import.meta.url));
    const example = await readFile(join(web, 'examples/embed.html'), 'utf8');
    for (const folder of [web, join(web, '..')]) {
      expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain(`\`\`\`html\n${example}\`\`\``);
    }
  });
});

describe.skipIf(missing !== '')('the pages', () => {
  let server: StaticServer;
  let browser: Browser;
  let context: BrowserContext;
  let watched: PageTroubles;
  let page: Page;

  beforeAll(async () => {
    server = await serveFolder(fixture.site, { mounts: { '/models/': fixture.models } });
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  afterEach(async () => {
    await context.close();
    watched.forgive(/ERR_ABORTED/); // what was on its way when the test went on to another page
    expect(watched.lines, 'console, network and page errors').toEqual([]);
  });
  const open = async (options: Parameters<Browser['newContext']>[0] = {}) => {
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    watched = await openWatchedPage(context, server.url);
    page = watched.page;
  };
  const openModel = async (name: string): Promise<void> => {
    await open();
    await page.goto(`${server.url}model.html?model=models/${name}&device=wasm&count=4`);
    expect(await waitUntilIdle(page)).toBe('ready');
  };
  /** Opens a panel, unless it is open. */
  const panel = async (name: string): Promise<Locator> => {
    const section = page.locator(`[data-panel=${name}]`);
    if (!(await section.evaluate((element: HTMLDetailsElement) => element.open))) {
      await section.locator('summary').click();
    }
    return section;
  };
  const picture = (canvas: Locator) => canvas.evaluate((element: HTMLCanvasElement) => element.toDataURL());
  const changed = async (canvas: Locator, before: string) => {
    await expect.poll(() => picture(canvas), { timeout: 20_000 }).not.toBe(before);
    return picture(canvas);
  };
  /** Findings of axe-core that hinder someone seriously, as lines. */
  const findings = async (): Promise<string[]> => {
    await page.evaluate(await readFile(axeFile, 'utf8'));
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run()).violations.map(({ id, impact, nodes }) => ({
        id,
        impact,
        html: nodes[0]!.html,
      }));
    });
    return found
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, html }) => `${id}: ${html}`);
  };

  /** A model's thumbnail in the tree. */
  const tile = (name: string) => page.locator(`#model-models-${name}`);
  const openTree = async (options: Parameters<typeof open>[0] = {}) => {
    await open({ viewport: { width: 1280, height: 1600 }, ...options });
    await page.goto(server.url);
    await page.locator('#main[data-state=ready]').waitFor();
  };

  test('the tree moves before anything large is fetched; then every leaf that has a model runs it, until all is paused', async () => {
    const before = server.requests.length;
    await openTree();
    await tile('vae').and(page.locator('[data-state=poster]')).waitFor();
    await changed(tile('vae').locator('canvas'), await picture(tile('vae').locator('canvas')));
    const fetched = server.requests.slice(before).map(({ path }) => path);
    expect(fetched.filter((path) => /\.(onnx|safetensors|gz|mjs)$/.test(path))).toEqual([]);

    await page.getByRole('button', { name: 'Run them here' }).click();
    const live = page.locator('.model[data-state=live]');
    await expect.poll(() => live.count(), { timeout: 60_000 }).toBe(6);
    const leaves = page.locator('.leaf.here');
    expect(await leaves.count()).toBe(5);
    expect(await page.locator('.leaf.here > .first > .model[data-state=live]').count()).toBe(5);
    expect(await tile('vae').textContent()).toMatch(/live: [\d.]+ (ms|s)$/);
    expect(
      await page
        .locator('.leaf.here', { has: tile('vae') })
        .locator('.equation')
        .textContent(),
    ).toBe('log p(x) ≥ E[log p(x | z)] − KL(q(z | x) ‖ p(z))');
    expect(await page.locator('.model a').allTextContents()).toContain('WaveNet');

    await page.getByRole('button', { name: 'Pause' }).click();
    const stands = await picture(tile('realnvp').locator('canvas'));
    const films = Number(await tile('realnvp').getAttribute('data-films'));
    await tile('realnvp').getByRole('button').click(); // what is touched runs all the same
    await expect.poll(() => tile('realnvp').getAttribute('data-films')).toBe(String(films + 1));
    expect(await picture(tile('realnvp').locator('canvas'))).toBe(stands);
    await page.getByRole('button', { name: 'Go on' }).click();
    await changed(tile('realnvp').locator('canvas'), stands);
  });

  test('who wants no motion sees pictures that stand still, and runs what is touched', async () => {
    const before = server.requests.length;
    await openTree({ reducedMotion: 'reduce' });
    const canvas = tile('vae').locator('canvas');
    await tile('vae').and(page.locator('[data-state=poster]')).waitFor();
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
    expect(server.requests.slice(before).some(({ path }) => path.endsWith('.onnx'))).toBe(false);
    await tile('vae').getByRole('button').click();
    await changed(canvas, stands);
    await tile('vae').and(page.locator('[data-state=live]')).waitFor();
  });

  test('axe finds nothing serious in the gallery, light and dark', async () => {
    await openTree();
    await tile('vae').getByRole('button').click();
    await tile('vae').and(page.locator('[data-state=live]')).waitFor();
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const seen: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      seen.push(await background());
      expect(await findings(), colorScheme).toEqual([]);
    }
    expect(seen[0]).not.toBe(seen[1]);
    // The example says nothing of colours: it is light, whatever the visitor prefers, and so is the element in it.
    await page.goto(`${server.url}examples/embed.html`);
    await page.locator('generatrix-sampler[state=poster]').waitFor();
    expect(await findings(), 'the example, dark').toEqual([]);
  });

  test('axe finds nothing serious in the page of a model with its panels', async () => {
    await openModel('vae');
    for (const name of ['explore', 'interpolate', 'reconstruct', 'likely']) {
      await panel(name);
      expect(await findings(), name).toEqual([]);
    }
  });

  test('nothing is wider than a screen of 360 or 1280 pixels, and nothing moves while a page loads', async () => {
    await open({ viewport: { width: 360, height: 800 } });
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
    await page.goto(server.url);
    await page.locator('#main[data-state=ready]').waitFor();
    await expectStill();
    await expectNoWider();
    await page.setViewportSize({ width: 360, height: 800 });
    await page.goto(`${server.url}model.html?model=models/vae&device=wasm`);
    expect(await waitUntilIdle(page)).toBe('ready');
    await expectStill();
    await expectNoWider();
    await page.goto(`${server.url}model.html?model=models/rbm&device=wasm&count=4`);
    expect(await waitUntilIdle(page)).toBe('ready');
    await (await panel('chain')).getByText('Start at an example').click();
    await expectNoWider();
    await page.goto(`${server.url}model.html?model=models/ddpm&device=wasm&count=4`);
    expect(await waitUntilIdle(page)).toBe('ready');
    await (await panel('refine')).getByText('Start from a drawing').click();
    await expectNoWider();
    await page.goto(`${server.url}parity.html?model=models/vae&device=wasm`);
    await page.locator('#main[data-state=ready]').waitFor();
    await expectNoWider();
  });

  test('the explorer follows the hand, the keyboard and another plane', async () => {
    await openModel('vae');
    const section = await panel('explore');
    const result = section.locator('canvas.result');
    const first = await changed(result, await picture(page.locator('#stage canvas')));
    const pad = section.locator('.pad');
    await pad.scrollIntoViewIfNeeded();
    const box = (await pad.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.9, box.y + box.height * 0.2, { steps: 5 });
    await page.mouse.up();
    const dragged = await changed(result, first);
    expect(Number(await section.getByLabel('Across', { exact: true }).inputValue())).toBeCloseTo(2.4, 0);
    await section.getByLabel('Across', { exact: true }).focus();
    await page.keyboard.press('Home');
    const keyed = await changed(result, dragged);
    await section.getByRole('button', { name: 'Another plane' }).click();
    await changed(result, keyed);
  });

  test('between two samples: the ends of the strip are decoded from the two seeds', async () => {
    await openModel('vae');
    const section = await panel('interpolate');
    const result = section.locator('canvas.result');
    await expect.poll(async () => (await picture(result)).length).toBeGreaterThan(200);
    const middle = await picture(result);
    await section.getByLabel('Place between them').focus();
    await page.keyboard.press('Home');
    const start = await changed(result, middle);
    await page.keyboard.press('End');
    await changed(result, start);
  });

  test('a drawn image is reconstructed, and its likelihood has a place among the samples', async () => {
    await openModel('vae');
    for (const name of ['reconstruct', 'likely']) {
      const section = await panel(name);
      const sheet = section.locator('.sheet');
      await sheet.scrollIntoViewIfNeeded();
      const box = (await sheet.boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.3);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.7, box.y + box.height * 0.7, { steps: 4 });
      await page.mouse.up();
      const note = section.locator('.note').first();
      const expected =
        name === 'reconstruct' ? /difference: 0\.\d+/ : /nats: above \d+ % of the model's own samples/;
      await expect.poll(() => note.textContent(), { timeout: 20_000 }).toMatch(expected);
    }
  });

  test('an autoencoder draws nothing, but reconstructs', async () => {
    await openModel('autoencoder');
    expect(await page.textContent('#status')).toContain('draws no samples');
    expect(await page.locator('[data-panel=reconstruct]').count()).toBe(1);
    await page.goto(server.url);
    expect(await tile('autoencoder').textContent()).toContain('draws no samples');
  });

  test('completion: the rows that are given stay, the rest is drawn row by row', async () => {
    await openModel('pixelcnn');
    const section = await panel('complete');
    await section.getByRole('button', { name: 'Take a sample' }).click();
    await section.getByRole('button', { name: 'Complete' }).click();
    const result = section.locator('canvas.result');
    await expect.poll(() => result.getAttribute('data-done'), { timeout: 20_000 }).toBe('1');
    expect(Number(await result.getAttribute('data-parts'))).toBeGreaterThan(2);
    expect(await section.locator('.note').last().textContent()).toMatch(/^4 ways to go on after 3 of 6 rows/);
  });

  test('completion by a chain tells its steps, gives way to the next one, and is not asked for steps that make no sense', async () => {
    await openModel('rbm');
    const section = await panel('complete');
    const button = section.getByRole('button', { name: 'Complete' });
    const steps = section.getByLabel('Steps of the chain');
    const note = section.locator('.note').last();
    const result = section.locator('canvas.result');
    await steps.fill('1000000');
    await button.click();
    await expect
      .poll(() => note.textContent(), { timeout: 20_000 })
      .toMatch(/^Drawing: step \d+ of 1000000$/);
    await steps.fill('10');
    await button.click();
    await expect.poll(() => result.getAttribute('data-done'), { timeout: 20_000 }).toBe('1');
    const told = () => note.textContent();
    const before = await told();
    expect(before).toMatch(/^4 ways to go on after/);
    for (const refused of ['', '0', '2.5', '1000001']) {
      await steps.fill(refused);
      await button.click();
      expect(await steps.evaluate((box: HTMLInputElement) => box.validity.valid)).toBe(false);
    }
    expect(await told()).toBe(before);
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  test('the density of points covers its samples, with a mixture by its ellipses', async () => {
    await openModel('gmm');
    const note = (await panel('density')).locator('.note');
    await expect.poll(() => note.textContent(), { timeout: 20_000 }).toMatch(/3 components/);
    const share = Number(/(\d+) % of the mass/.exec((await note.textContent()) ?? '')?.[1]);
    // The plot holds all of 1000 samples, so at most about one in a thousand lies outside; cells add a little.
    expect(share).toBeGreaterThanOrEqual(98);
    expect(share).toBeLessThanOrEqual(101);
    await openModel('realnvp');
    const flow = (await panel('density')).locator('.note');
    await expect.poll(() => flow.textContent(), { timeout: 20_000 }).toMatch(/Density at 9216 places/);
  });

  test('noise becomes an example, step by step, also from a drawing of which a part is held', async () => {
    await openModel('ddpm');
    const section = await panel('refine');
    const [noisy, clean] = [
      section.locator('canvas.result').first(),
      section.locator('canvas.result').nth(1),
    ];
    const status = section.locator('[role=status]');
    const done = (runs: number) =>
      expect
        .poll(async () => [await noisy.getAttribute('data-done'), await status.textContent()], {
          timeout: 20_000,
        })
        .toEqual([String(runs), expect.stringMatching(/^\d+ steps? in .* on WASM.*, seed \d+$/)]);
    await done(1);
    expect(await noisy.getAttribute('data-step')).toBe('6');
    const ended = [await picture(noisy), await picture(clean)];
    const back = section.getByLabel('Look back at a step');
    await back.focus();
    await page.keyboard.press('Home');
    expect(await noisy.getAttribute('data-step')).toBe('1');
    expect(await back.getAttribute('aria-valuetext')).toBe('Step 1 of 6');
    expect(await picture(noisy)).not.toBe(ended[0]);
    expect(await picture(clean)).not.toBe(ended[1]);
    const again = section.getByRole('button', { name: 'Draw again' });
    await again.click();
    await done(2);
    expect([await picture(noisy), await picture(clean)]).toEqual(ended);
    await section.getByLabel('Guidance towards the class').focus();
    await page.keyboard.press('End');
    await done(3);
    expect(await picture(noisy)).not.toBe(ended[0]);
    await section.getByLabel('Steps', { exact: true }).focus();
    await page.keyboard.press('Home');
    await done(4);
    expect(await noisy.getAttribute('data-step')).toBe('1');
    expect(await findings(), 'refine').toEqual([]);

    await section.getByText('Start from a drawing').click();
    const sheet = section.locator('.sheet').first();
    await sheet.scrollIntoViewIfNeeded();
    const box = (await sheet.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.1, box.y + box.height * 0.25);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.9, box.y + box.height * 0.25, { steps: 4 });
    await page.mouse.up();
    await section.getByRole('button', { name: 'Hold what is drawn' }).click();
    expect(Number(await section.locator('.sheet').nth(1).getAttribute('data-marked'))).toBeGreaterThan(3);
    expect(await section.getByLabel('Start', { exact: true }).inputValue()).toBe('drawing');
    await section.getByLabel('Samples', { exact: true }).fill('1');
    await page.keyboard.press('Tab');
    await done(5);
    // The second row of the drawing is bright, and held.
    const bright = await noisy.evaluate((element: HTMLCanvasElement) =>
      [...element.getContext('2d')!.getImageData(1, 1, 4, 1).data].filter((_, i) => i % 4 === 0),
    );
    expect(Math.min(...bright)).toBeGreaterThan(60);
    await section.getByRole('button', { name: 'Other noise' }).click();
    await done(6);
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  test('the chain of a machine is followed: step, play and pause, a temperature, an example with a part held', async () => {
    await openModel('rbm');
    const section = await panel('chain');
    const states = section.locator('canvas.result');
    const step = async () => Number(await states.getAttribute('data-step'));
    await expect.poll(step, { timeout: 20_000 }).toBe(1);
    const points = () => section.locator('canvas.trace').getAttribute('data-points');
    await section.getByRole('button', { name: 'Step' }).click();
    await expect.poll(step).toBe(2);
    expect(await points()).toBe('2');
    expect(await section.locator('.note').first().textContent()).toMatch(/^Above: free energy, nats/);
    // By the keyboard alone.
    await section.getByRole('button', { name: 'Play' }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(step).toBeGreaterThan(10);
    await page.keyboard.press('Enter');
    await section.getByRole('button', { name: 'Play' }).waitFor();
    const paused = await step();
    expect(await section.locator('[role=status]').textContent()).toMatch(/^Paused after step \d+$/);
    await section.getByLabel('Temperature').focus();
    await page.keyboard.press('End');
    expect(await section.getByLabel('Temperature').getAttribute('aria-valuetext')).toBe('3.00');
    await section.getByRole('button', { name: 'Step' }).click();
    await expect.poll(step).toBe(paused + 1);

    await section.getByText('Start at an example').click();
    const sheet = section.locator('.sheet').first();
    await sheet.scrollIntoViewIfNeeded();
    const box = (await sheet.boundingBox())!;
    for (const y of [0.1, 0.3, 0.5, 0.7, 0.9]) {
      await page.mouse.move(box.x + box.width * 0.02, box.y + box.height * y);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.98, box.y + box.height * y, { steps: 4 });
      await page.mouse.up();
    }
    await section.getByRole('button', { name: 'Hold upper half' }).click();
    const marks = section.locator('.sheet').nth(1);
    const held = Number(await marks.getAttribute('data-marked'));
    expect(held).toBeGreaterThan(0);
    await section.getByLabel('Show', { exact: true }).selectOption('0');
    await section.getByLabel('Chains', { exact: true }).fill('1');
    await section.getByLabel('Start', { exact: true }).selectOption('drawing');
    await expect.poll(step).toBe(2);
    /** Rows of the one image, and of the drawing under the marks. */
    const rows = (canvas: Locator) =>
      canvas.evaluate((element: HTMLCanvasElement) => {
        const { width, height } = element;
        return [...element.getContext('2d')!.getImageData(0, 0, width, height).data].filter(
          (_, i) => i % 4 === 0,
        );
      });
    const upper = held;
    await section.getByRole('button', { name: 'Hold nothing' }).click();
    const drawn = await rows(marks);
    await section.getByRole('button', { name: 'Hold upper half' }).click();
    await section.getByRole('button', { name: 'Step' }).click();
    await expect.poll(step).toBeGreaterThan(2);
    const found = await rows(states);
    expect(found.length).toBe(drawn.length);
    expect(found.slice(0, upper)).toEqual(drawn.slice(0, upper));
    expect(new Set(found.slice(upper)).size, 'free units are 0 or 1').toBeLessThanOrEqual(2);
    expect(await findings()).toEqual([]);
  });

  test('sound: it is drawn as it comes, and plays', async () => {
    await openModel('wavenet');
    const section = await panel('sound');
    await section.getByRole('button', { name: 'Play' }).click();
    await expect.poll(() => section.locator('.note').textContent()).toMatch(/s of sound with seed 42/);
    const note = section.locator('.note');
    // Set when the sound has come to its end.
    await expect.poll(() => note.getAttribute('data-played')).toBe('1');
  });

  test('without a network the gallery and its models are there again', async () => {
    await openTree();
    const vae = tile('vae');
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await vae.getByRole('button').click();
    await vae.and(page.locator('[data-state=live]')).waitFor();
    await page.waitForFunction(async () => {
      const store = await caches.open('generatrix-page-v1');
      return (await store.keys()).some(({ url }) => url.endsWith('.mjs'));
    });
    await context.setOffline(true);
    await page.reload();
    await vae.getByRole('button').click();
    await vae.and(page.locator('[data-state=live]')).waitFor();
    watched.forgive(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
  });
});
