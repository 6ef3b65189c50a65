import { afterEach, expect, test, vi } from 'vitest';
import { listModels, toEntry } from './model-list.ts';

const base = 'https://example.org/gallery/';

function answer(body: string, status = 200): void {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body, { status })));
}
afterEach(() => vi.unstubAllGlobals());

test('paths are relative to the page and name a folder', () => {
  expect(toEntry('models/vae', 'VAE', base).url).toBe('https://example.org/gallery/models/vae/');
  expect(toEntry('/models/vae/', 'VAE', base).url).toBe('https://example.org/models/vae/');
});

test.each(['https://elsewhere.example/vae', '//elsewhere.example/vae', 'data:text/plain,x', 'javascript:x'])(
  'a bundle on another origin is refused: %s',
  (path) => {
    expect(() => toEntry(path, 'VAE', base)).toThrow('another origin');
  },
);

test('the list gives the entries; a title falls back to the name, then to the path', async () => {
  answer('[{"path":"models/a","title":"A"},{"path":"models/b","name":"b"},{"path":"models/c"}]');
  const titles = (await listModels(base, null)).map(({ title }) => title);
  expect(titles).toEqual(['A', 'b', 'models/c']);
});

test('the wanted bundle comes first when the list lacks it, and only once when it has it', async () => {
  answer('[{"path":"models/a","title":"A"}]');
  expect((await listModels(base, 'other/b/')).map(({ title }) => title)).toEqual(['b', 'A']);
  expect((await listModels(base, 'models/a/')).map(({ title }) => title)).toEqual(['A']);
});

test('a missing list matters only when no bundle is wanted', async () => {
  answer('not found', 404);
  expect(await listModels(base, 'models/a')).toHaveLength(1);
  await expect(listModels(base, null)).rejects.toThrow('/gallery/models/index.json answered 404');
});

test.each(['{}', '[1]', '[null]', '[{"name":"a"}]', '[{"path":"a","title":3}]', '<html>'])(
  'what is no list of models is refused: %s',
  async (body) => {
    answer(body);
    await expect(listModels(base, null)).rejects.toThrow('expected a list');
  },
);

test('an empty list is refused', async () => {
  answer('[]');
  await expect(listModels(base, null)).rejects.toThrow('is empty');
});
