import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type PackageManifest, publishedFolders, publishedManifest } from './published.ts';

const root = new URL('../../', import.meta.url);
const read = (folder: string) =>
  JSON.parse(readFileSync(new URL(`${folder}/package.json`, root), 'utf8')) as PackageManifest;
const { version } = read('.');

test('a manifest as it is published', () => {
  const manifest = {
    name: '@generatrix/runtime',
    version: '0.0.1',
    private: true,
    scripts: { build: 'x' },
    devDependencies: { vite: '1.0.0' },
    exports: {
      '.': {
        'generatrix-source': { browser: './src/web.ts', default: './src/node.ts' },
        types: './dist/node.d.ts',
        default: './dist/node.js',
      },
      './testing': { types: './dist-tests/testing.d.ts' },
    },
    dependencies: { '@generatrix/export': '0.0.1', 'onnxruntime-node': '1.30.0', zod: '4.6.7', x: '1.0.0' },
  };
  expect(publishedManifest(manifest, '2.3.4')).toEqual({
    name: '@generatrix/runtime',
    version: '2.3.4',
    exports: { '.': { types: './dist/node.d.ts', default: './dist/node.js' } },
    dependencies: {
      '@generatrix/export': '2.3.4',
      'onnxruntime-node': 'npm:@generatrix/onnxruntime-node@1.30.0',
      zod: '4.6.7',
      x: '1.0.0',
    },
    bundleDependencies: ['zod'],
  });
});

test.each(publishedFolders)('%s has the version of the root, as have all that it depends on', (folder) => {
  const manifest = read(folder);
  const own = Object.entries(manifest.dependencies ?? {}).filter(([name]) =>
    /^(@generatrix\/|generatrix$)/.test(name),
  );
  expect(Object.fromEntries([[manifest.name, manifest.version], ...own])).toEqual(
    Object.fromEntries([[manifest.name, version], ...own.map(([name]) => [name, version])]),
  );
  // No package of the checkout alone is asked for.
  const published = publishedFolders.map((each) => read(each).name);
  expect(own.filter(([name]) => !published.includes(name))).toEqual([]);
});
