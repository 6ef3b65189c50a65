import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@generatrix/runtime/core';
import { expect, onTestFinished, test } from 'vitest';

/** A fresh folder holding these files (path to content), removed when the test ends. */
export async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-data-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** Expects a UserError of one line that holds each of these texts. */
export async function expectUserError(
  action: Promise<unknown> | (() => Promise<unknown>),
  ...texts: (string | RegExp)[]
): Promise<void> {
  const error: unknown = await (typeof action === 'function' ? action() : action).then(
    () => 'nothing was thrown',
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as UserError;
  expect(message).not.toContain('\n');
  for (const text of texts) expect(message).toMatch(text);
}

/** A test on public data kept beside the repository; skipped, saying so, where it is absent. */
export function testWithData(path: string, title: string, body: (folder: string) => Promise<void>): void {
  const folder = fileURLToPath(new URL(`../../../../shared/data/${path}`, import.meta.url));
  const present = existsSync(folder);
  if (!present) console.log(`skipped "${title}": no data at ../shared/data/${path}`);
  test.skipIf(!present)(title, () => body(folder));
}

export { everyIndex } from '../data/dataset.ts';
