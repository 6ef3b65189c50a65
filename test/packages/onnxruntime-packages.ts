import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { onnxruntimePackage } from './published.ts';

/**
 * onnxruntime-node as packages that install from a registry alone. The original has a script that fetches CUDA's
 * libraries from elsewhere, with a GPU or without, and fails where there is no way there; and it brings the binaries of
 * all platforms. Here each platform's are a package of their own, of which npm installs the fitting one, and nothing runs
 * at installation. The files are those of the original but for the one line that finds the binary.
 */
const original = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));

/** The line of `dist/binding.js` that finds the binary. */
const findsBinary = `require(\`../bin/napi-v6/\${process.platform}/\${process.arch}/onnxruntime_binding.node\`)`;
const findsPackage = `require(\`${onnxruntimePackage}-\${process.platform}-\${process.arch}\`)`;

/** @throws Error when the module is not the one that is known. */
export function rewiredBinding(script: string): string {
  if (script.split(findsBinary).length !== 2) {
    throw new Error(`onnxruntime-node: dist/binding.js no longer has the line ${findsBinary}`);
  }
  return script.replace(findsBinary, () => findsPackage);
}

/** The original's tarball names its licence without its text. */
const licence = `MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

interface Platform {
  readonly os: string;
  readonly cpu: string;
}

/** The platforms that the original has binaries for. */
export async function onnxruntimePlatforms(): Promise<Platform[]> {
  const binaries = join(original, 'bin/napi-v6');
  const platforms: Platform[] = [];
  for (const os of await readdir(binaries)) {
    for (const cpu of await readdir(join(binaries, os))) platforms.push({ os, cpu });
  }
  return platforms;
}

/**
 * Writes the packages' folders.
 * @param platforms those whose binaries are written; all are named as optional dependencies
 * @returns the folders
 */
export async function stageOnnxruntime(to: string, platforms: readonly Platform[]): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(original, 'package.json'), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  const { version } = manifest;
  const common = {
    version,
    license: 'MIT',
    type: 'commonjs',
    engines: { node: '>=20.19' },
    author: 'Microsoft Corporation',
    repository: { type: 'git', url: 'git+https://github.com/Microsoft/onnxruntime.git' },
  };
  const nameOf = ({ os, cpu }: Platform) => `${onnxruntimePackage}-${os}-${cpu}`;
  const write = async (folder: string, name: string, contents: object, readme: string) => {
    await writeFile(
      join(folder, 'package.json'),
      `${JSON.stringify({ name, ...common, ...contents }, null, 2)}\n`,
    );
    await writeFile(join(folder, 'README.md'), `# ${name}\n\n${readme}\n`);
    await writeFile(join(folder, 'LICENSE'), licence);
  };
  const main = join(to, 'onnxruntime-node');
  await mkdir(main, { recursive: true });
  await cp(join(original, 'dist'), join(main, 'dist'), { recursive: true });
  const binding = join(main, 'dist/binding.js');
  await writeFile(binding, rewiredBinding(await readFile(binding, 'utf8')));
  await write(
    main,
    onnxruntimePackage,
    {
      description: 'onnxruntime-node without an install script, its binaries in packages of their own',
      main: 'dist/index.js',
      types: 'dist/index.d.ts',
      files: ['dist'],
      dependencies: { 'onnxruntime-common': manifest.dependencies['onnxruntime-common'] },
      optionalDependencies: Object.fromEntries(
        (await onnxruntimePlatforms()).map((platform) => [nameOf(platform), version]),
      ),
    },
    `Microsoft's onnxruntime-node ${version}, unchanged but for one line: its binaries come from packages of their own, one ` +
      'for each platform, and nothing is fetched when it is installed.',
  );
  const folders = [main];
  for (const platform of platforms) {
    const { os, cpu } = platform;
    const folder = join(to, `onnxruntime-node-${os}-${cpu}`);
    const place = `bin/napi-v6/${os}/${cpu}`;
    await mkdir(join(folder, place), { recursive: true });
    await cp(join(original, place), join(folder, place), { recursive: true });
    await write(
      folder,
      nameOf(platform),
      {
        description: `onnxruntime's binaries for ${os} on ${cpu}`,
        os: [os],
        cpu: [cpu],
        main: `${place}/onnxruntime_binding.node`,
        files: ['bin'],
      },
      `The binaries of Microsoft's onnxruntime-node ${version} for ${os} on ${cpu}.` +
        (os === 'linux' && cpu === 'x64'
          ? ' Those for CUDA are fetched by `npx generatrix cuda` (package `generatrix`).'
          : ''),
    );
    folders.push(folder);
  }
  return folders;
}
