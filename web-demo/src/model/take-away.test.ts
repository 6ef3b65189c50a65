import { expect, test } from 'vitest';
import { embedCode, nodeCode } from './take-away.ts';

test('the embed code has absolute addresses, whatever page it is pasted into', () => {
  const url = 'https://example.com/site/models/my%20vae/';
  expect(
    embedCode({ url, count: 9, seed: 3 }, 'https://example.com/site/model.html?model=x').split('\n'),
  ).toEqual([
    '<script type="module" src="https://example.com/site/generatrix-sampler.js"></script>',
    '<generatrix-sampler src="https://example.com/site/models/my%20vae" count="9" seed="3"></generatrix-sampler>',
  ]);
});

test('the code for Node names the folder that the download has', () => {
  const manifest = { name: 'vae-glyphs' } as Parameters<typeof nodeCode>[0]['manifest'];
  const code = nodeCode({ manifest, count: 9, seed: 3 });
  expect(code).toContain('npx generatrix sample vae-glyphs --count 9 --seed 3 --out vae-glyphs.png');
  expect(code).toContain("loadSampler('vae-glyphs')");
});

test('a name that a shell would take apart is one word', () => {
  const manifest = { name: "../vae, 'mlp'; x" } as Parameters<typeof nodeCode>[0]['manifest'];
  const code = nodeCode({ manifest, count: 1, seed: 1 });
  expect(code).toContain('npx generatrix sample vae-mlp-x --count 1 --seed 1 --out vae-mlp-x.png');
  expect(code).toContain("loadSampler('vae-mlp-x')");
});
