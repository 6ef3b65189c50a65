import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A loader that notes the address of every module as it is resolved. */
const hook = `import { appendFileSync } from 'node:fs';
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  appendFileSync(process.env.LOADED, found.url + '\\n');
  return found;
}`;

/** Every module that Node loads for some imports, as addresses; whatever CommonJS requires included. */
function loadedFor(...specifiers: readonly string[]): string[] {
  const program = `
    import { appendFileSync } from 'node:fs';
    import { createRequire, register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));
    for (const specifier of ${JSON.stringify(specifiers)}) await import(specifier);
    appendFileSync(process.env.LOADED, Object.keys(createRequire(import.meta.url).cache).join('\\n'));`;
  const folder = mkdtempSync(join(tmpdir(), 'generatrix-loaded-'));
  try {
    const file = join(folder, 'modules');
    execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '-'], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      env: { ...process.env, LOADED: file },
      input: program,
    });
    return readFileSync(file, 'utf8').split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const terminal =
  /node_modules\/(express|playwright-core|commander|cli-progress|cli-table3)\/|runtime\/dist\/serve\//;
const tensorflow = /node_modules\/@tensorflow\//;

it('the library loads no server, browser or command line', () => {
  const loaded = loadedFor('@generatrix/training');
  expect(loaded.filter((url) => terminal.test(url))).toEqual([]);
  // The trace sees what it is to see.
  expect(loaded.filter((url) => tensorflow.test(url)).length).toBeGreaterThan(0);
  expect(loadedFor('generatrix/browser').filter((url) => terminal.test(url)).length).toBeGreaterThan(0);
});

it('the rooms of the library that need no TensorFlow.js, which takes a second, load none', () => {
  const rooms = ['data', 'errors', 'files', 'record', 'report'];
  const loaded = loadedFor(...rooms.map((room) => `@generatrix/training/${room}`));
  expect(loaded.filter((url) => tensorflow.test(url) || terminal.test(url))).toEqual([]);
  for (const room of rooms)
    expect(
      loaded.some((url) => url.endsWith(`training/dist/${room}/index.js`)),
      room,
    ).toBe(true);
});

describe('published without tests and fixtures', () => {
  const folders = {
    '@generatrix/runtime': 'runtime',
    '@generatrix/export': 'export',
    '@generatrix/training': 'training',
    generatrix: 'training/cli',
  };
  let packages: readonly { readonly name: string; readonly files: readonly { readonly path: string }[] }[];
  beforeAll(() => {
    const workspaces = Object.keys(folders).flatMap((name) => ['-w', name]);
    const said = execFileSync('npm', ['pack', '--dry-run', '--json', ...workspaces], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    packages = JSON.parse(said.toString());
    expect(packages.map(({ name }) => name)).toEqual(Object.keys(folders));
  });

  it.each(Object.entries(folders))('%s', (name, folder) => {
    // Compiled files of sources that are gone may lie about; a release is compiled anew.
    const source = (path: string) => join(root, folder, path.replace(/^dist/, 'src').replace(/\.js$/, '.ts'));
    const paths = packages
      .find((each) => each.name === name)!
      .files.map(({ path }) => path)
      .filter((path) => path.endsWith('.js') && existsSync(source(path)));
    expect(paths.length).toBeGreaterThan(20);
    expect(
      paths.filter((path) => /\.test\.|test-support|\/testing\/|\/test-|\.case\.|dist-tests/.test(path)),
    ).toEqual([]);
  });
});
