import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import type { Locator } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { ensureChromium } from './ensure-chromium.ts';
import { changed, findings, panel, picture } from './panels.ts';
import { sitePages } from './site-pages.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`panel tests skipped: ${missing}`);

describe.skipIf(missing !== '')('the panels of a model', () => {
  const pages = sitePages();

  test('what a model does best comes first; the model and its picture can be taken away', async () => {
    const page = await pages.openModel('vae');
    const names = page.locator('#best [data-panel]');
    expect(await names.evaluateAll((all) => all.map((each) => each.getAttribute('data-panel')))).toEqual([
      'explore',
    ]);
    expect(await page.locator('#panels [data-panel]').count()).toBeGreaterThan(1);
    const download = async (name: string) => {
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name }).click(),
      ]);
      return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
    };
    const saved = await download('Save picture');
    expect(saved.name).toMatch(/-42\.png$/);
    expect(saved.bytes.subarray(1, 4).toString()).toBe('PNG');
    const bundle = await download('Download bundle');
    const folder = bundle.name.replace(/\.zip$/, '');
    const files = unzipSync(bundle.bytes);
    for (const file of ['model.json', 'sample.onnx', 'reference.safetensors'])
      expect(Buffer.from(files[`${folder}/${file}`]!)).toEqual(
        await readFile(join(pages.fixture.models, 'vae', file)),
      );
    await page.getByText('Open in Node').click();
    await expect
      .poll(() => page.locator('#take pre').textContent())
      .toContain(`npx generatrix sample ${folder} --count 4 --seed 42`);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy embed code' }).click();
    await page.getByText(/^Copied/).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(
      `<generatrix-sampler src="${pages.server.url}models/vae" count="4" seed="42"></generatrix-sampler>`,
    );
  });

  test('the explorer follows the hand, the keyboard and another plane', async () => {
    const page = await pages.openModel('vae');
    const section = await panel(page, 'explore');
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
    const page = await pages.openModel('vae');
    const section = await panel(page, 'interpolate');
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
    const page = await pages.openModel('vae');
    for (const name of ['reconstruct', 'likely']) {
      const section = await panel(page, name);
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
    const page = await pages.openModel('autoencoder');
    expect(await page.textContent('#status')).toContain('draws no samples');
    expect(await page.locator('[data-panel=reconstruct]').count()).toBe(1);
    await page.goto(pages.server.url);
    expect(await page.locator('#model-models-autoencoder').textContent()).toContain('draws no samples');
  });

  test('completion: the rows that are given stay, the rest is drawn row by row', async () => {
    const page = await pages.openModel('pixelcnn');
    const section = await panel(page, 'complete');
    await section.getByRole('button', { name: 'Take a sample' }).click();
    await section.getByRole('button', { name: 'Complete' }).click();
    const result = section.locator('canvas.result');
    await expect.poll(() => result.getAttribute('data-done'), { timeout: 20_000 }).toBe('1');
    expect(Number(await result.getAttribute('data-parts'))).toBeGreaterThan(2);
    expect(await section.locator('.note').last().textContent()).toMatch(/^4 ways to go on after 3 of 6 rows/);
  });

  test('completion by a chain tells its steps, gives way to the next one, and is not asked for steps that make no sense', async () => {
    const page = await pages.openModel('rbm');
    const section = await panel(page, 'complete');
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
    let page = await pages.openModel('gmm');
    const note = (await panel(page, 'density')).locator('.note');
    await expect.poll(() => note.textContent(), { timeout: 20_000 }).toMatch(/3 components/);
    const share = Number(/(\d+) % of the mass/.exec((await note.textContent()) ?? '')?.[1]);
    // The plot holds all of 1000 samples, so at most about one in a thousand lies outside; cells add a little.
    expect(share).toBeGreaterThanOrEqual(98);
    expect(share).toBeLessThanOrEqual(101);
    page = await pages.openModel('realnvp');
    const flow = (await panel(page, 'density')).locator('.note');
    await expect.poll(() => flow.textContent(), { timeout: 20_000 }).toMatch(/Density at 9216 places/);
  });

  test('noise becomes an example, step by step, also from a drawing of which a part is held', async () => {
    const page = await pages.openModel('ddpm');
    const section = await panel(page, 'refine');
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
    expect(await findings(page), 'refine').toEqual([]);

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
    const page = await pages.openModel('rbm');
    const section = await panel(page, 'chain');
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
    expect(await findings(page)).toEqual([]);
  });

  test('sound: it is drawn as it comes, and plays', async () => {
    const page = await pages.openModel('wavenet');
    const section = await panel(page, 'sound');
    await section.getByRole('button', { name: 'Play' }).click();
    await expect.poll(() => section.locator('.note').textContent()).toMatch(/s of sound with seed 42/);
    const note = section.locator('.note');
    // Set when the sound has come to its end.
    await expect.poll(() => note.getAttribute('data-played')).toBe('1');
  });
});
