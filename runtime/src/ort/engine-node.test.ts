import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { binariesFolder, engine, enginePath, refusal } from './engine-node.ts';

const folder = mkdtempSync(join(tmpdir(), 'generatrix-engine-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What Node says when a module cannot be loaded. */
function failure(load: () => unknown): unknown {
  try {
    load();
  } catch (error) {
    return error;
  }
  throw new Error('it was loaded');
}

test('one engine, and its binaries beside it', () => {
  expect(engine()).toBe(engine());
  expect(enginePath()).toBe(join(binariesFolder(), 'dist/index.js'));
});

test('an engine that is not installed: what to run', () => {
  const require = createRequire(join(folder, 'x.js'));
  for (const missing of ['onnxruntime-node', 'onnxruntime-node/dist/binding.js']) {
    const error = refusal(failure(() => require(missing)));
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toBe('onnxruntime-node is not installed: run `npm install @generatrix/node`');
  }
});

test('an engine without a binary for this machine: where there are some', () => {
  const require = createRequire(join(folder, 'x.js'));
  const binary = './bin/onnxruntime_binding.node';
  expect(refusal(failure(() => require(binary))).message).toMatch(
    /has no binary for \w+ \w+ here.*run `npm install --include=optional`$/,
  );
});

test('an engine that cannot be loaded: the reason, in one line', () => {
  mkdirSync(join(folder, 'bin'));
  const file = join(folder, 'bin/broken.node');
  writeFileSync(file, 'no library');
  const { message } = refusal(failure(() => createRequire(file)(file)));
  expect(message).toMatch(/^onnxruntime-node cannot be loaded: .*broken\.node/);
  expect(message).not.toContain('\n');
});
