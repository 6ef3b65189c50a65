import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveSite } from './site.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'generatrix-models-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A bundle as far as a list of models looks at it. */
function write(path: string, title: string): void {
  mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, path, 'model.json'), JSON.stringify({ name: title }));
}

test('the page is offered the bundles of all folders; of two of one name, that of the first', async () => {
  write('mine/vae', 'my vae');
  write('mine/both', 'my both');
  write('zoo/both', 'both of the zoo');
  write('zoo/gan-ring8', 'gan of the zoo');
  write('secret', 'not to be served');
  mkdirSync(join(folder, 'mine/no-bundle'));
  mkdirSync(join(folder, 'site'));
  const models = ['mine', 'zoo', 'missing'].map((name) => join(folder, name));
  const server = await serveSite(join(folder, 'site'), models, 0);
  try {
    const list = (await (await fetch(`${server.url}models/index.json`)).json()) as unknown[];
    expect(list).toHaveLength(3);
    expect(list).toEqual(
      expect.arrayContaining([
        { name: 'vae', path: 'models/vae', title: 'my vae' },
        { name: 'both', path: 'models/both', title: 'my both' },
        { name: 'gan-ring8', path: 'models/gan-ring8', title: 'gan of the zoo' },
      ]),
    );
    const served = async (path: string) => {
      const response = await fetch(`${server.url}models/${path}`);
      return response.ok ? await response.json() : response.status;
    };
    expect(await served('both/model.json')).toEqual({ name: 'my both' });
    expect(await served('gan-ring8/model.json')).toEqual({ name: 'gan of the zoo' });
    for (const path of [
      'no-bundle/model.json',
      'gan-ring8/none.onnx',
      '..%2fsecret/model.json',
      'vae/..%2f..%2f..%2fsecret%2fmodel.json',
    ])
      expect(await served(path), path).toBeOneOf([403, 404]);
  } finally {
    await server.close();
  }
});
