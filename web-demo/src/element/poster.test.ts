import { afterEach, expect, test, vi } from 'vitest';
import { previewBundle } from './poster.ts';

afterEach(() => vi.unstubAllGlobals());

const entry = { file: 'a.onnx', bytes: 1500, sha256: '0'.repeat(64), inputs: {}, outputs: {} };

/** What the element knows of a bundle whose `model.json` holds this. */
function preview(text: string) {
  vi.stubGlobal('fetch', async () => new Response(text));
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('location', { origin: 'http://host' });
  return previewBundle('http://host/m/', 'wasm', new AbortController().signal);
}

test.each([
  ['null', 'bundle http://host/m/: model.json is no manifest: expected an object, found null'],
  ['[]', 'bundle http://host/m/: model.json is no manifest: expected an object, found a list'],
  ['3', 'bundle http://host/m/: model.json is no manifest: expected an object, found a number'],
  ['{', /^bundle http:\/\/host\/m\/: model\.json is not JSON: [^\n]*$/],
  ['{}', 'bundle http://host/m/: model.json is no manifest: it names no programs with their files'],
  ['{"programs":null}', /it names no programs/],
  ['{"programs":{}}', /it names no programs/],
  ['{"programs":{"sample":null}}', /it names no programs/],
])('a model.json with %s is refused in one line', async (text, line) => {
  await expect(preview(text)).rejects.toThrow(line);
});

test('a bundle that draws samples, and one that does not, which says so', async () => {
  const drawing = await preview(JSON.stringify({ programs: { sample: entry } }));
  expect(drawing).toMatchObject({ draws: true, line: 'Download: model 1.5 kB, engine 0 B' });
  const encoding = await preview(JSON.stringify({ programs: { encode: entry, decode: entry } }));
  expect(encoding).toMatchObject({
    draws: false,
    line: 'Download: model 1.5 kB, engine 0 B. It draws no samples',
  });
});
