import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Opens a panel, unless it is open. */
export async function panel(page: Page, name: string): Promise<Locator> {
  const section = page.locator(`[data-panel=${name}]`);
  if (!(await section.evaluate((element: HTMLDetailsElement) => element.open))) {
    await section.locator('summary').click();
  }
  return section;
}
/** What a canvas shows, as a data URL. */
export const picture = (canvas: Locator) =>
  canvas.evaluate((element: HTMLCanvasElement) => element.toDataURL());
/** Waits until a canvas shows something else, and returns that. */
export const changed = async (canvas: Locator, before: string) => {
  await expect.poll(() => picture(canvas), { timeout: 20_000 }).not.toBe(before);
  return picture(canvas);
};
/** Findings of axe-core that hinder someone seriously, as lines. */
export async function findings(page: Page): Promise<string[]> {
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
}
