import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';

/**
 * onnxruntime's builds that the site offers, each a `.mjs` loader and a `.wasm`: plain WASM, and WebGPU with and
 * without the browser's JSPI. The JSEP build is left out on purpose: it computes some graphs wrongly.
 */
const builds = [
  'ort-wasm-simd-threaded',
  'ort-wasm-simd-threaded.jspi',
  'ort-wasm-simd-threaded.asyncify',
] as const;
const wasmFiles = builds.map((build) => `${build}.wasm`);

/** A file of the site by its path: served by the development server, written by the build. */
type SiteFiles = Readonly<Record<string, () => Promise<Uint8Array>>>;

const fromRuntime = createRequire(new URL('../runtime/package.json', import.meta.url));
const locate = (file: string) => fromRuntime.resolve(`onnxruntime-web/${file}`);
const compressedFolder = new URL('./node_modules/.cache/', import.meta.url);

async function engineVersion(): Promise<string> {
  const folder = dirname(locate('ort-wasm-simd-threaded.wasm'));
  const { version } = JSON.parse(await readFile(join(folder, '../package.json'), 'utf8'));
  return String(version);
}

/** A `.wasm` file as gzip, kept from one build to the next: it takes seconds. */
async function compressed(file: string): Promise<Uint8Array> {
  const kept = new URL(`${await engineVersion()}-${file}.gz`, compressedFolder);
  try {
    return await readFile(kept);
  } catch {
    const bytes = await promisify(gzip)(await readFile(locate(file)), { level: 9 });
    await mkdir(compressedFolder, { recursive: true });
    const unfinished = new URL(`${kept.href}.${process.pid}`);
    await writeFile(unfinished, bytes);
    await rename(unfinished, kept);
    return bytes;
  }
}

/**
 * onnxruntime's files under `ort/`, so that a page fetches only the build it runs; the `.wasm` files as `.gz`, which the
 * pages unpack themselves: small from any host, with a size that is known beforehand.
 */
const engineFiles: SiteFiles = Object.fromEntries([
  ...builds.map((build) => [`ort/${build}.mjs`, () => readFile(locate(`${build}.mjs`))] as const),
  ...wasmFiles.map((file) => [`ort/${file}.gz`, () => compressed(file)] as const),
]);

function siteFiles(files: SiteFiles): Plugin {
  return {
    name: 'site-files',
    async config() {
      const sizes = await Promise.all(
        wasmFiles.map(async (file) => [
          file,
          { bytes: (await stat(locate(file))).size, compressed: (await compressed(file)).length },
        ]),
      );
      const build = { version: await engineVersion(), files: Object.fromEntries(sizes) };
      return { define: { __ENGINE_BUILD__: JSON.stringify(build) } };
    },
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname.slice(1);
        const read = files[path];
        if (!read) return next();
        read().then(
          (content) =>
            response
              .writeHead(200, {
                'Content-Type': path.endsWith('.gz') ? 'application/gzip' : 'text/javascript',
              })
              .end(content),
          (error: Error) => next(error),
        );
      });
    },
    async generateBundle() {
      for (const [fileName, read] of Object.entries(files)) {
        this.emitFile({ type: 'asset', fileName, source: await read() });
      }
    },
  };
}

/** Files that keep their names, since pages write them down: the library for other pages, and its service worker. */
const named: Readonly<Record<string, string>> = {
  'generatrix-sampler': 'src/element/index.ts',
  'generatrix-offline': 'src/offline/service-worker.ts',
};

/** Makes every `.html` file of the root folder a page of the site, and adds the library where the root has it. */
function everyPage(): Plugin {
  return {
    name: 'every-page',
    config({ root = process.cwd() }) {
      const pages = readdirSync(root).filter((file) => file.endsWith('.html'));
      const input = Object.fromEntries(
        pages.map((file) => [file.slice(0, -'.html'.length), resolve(root, file)]),
      );
      const entries = Object.entries(named).map(([name, file]) => [name, resolve(root, file)] as const);
      const present = Object.fromEntries(entries.filter(([, file]) => existsSync(file)));
      return {
        build: {
          rolldownOptions: {
            input: { ...input, ...present },
            preserveEntrySignatures: 'exports-only',
            output: {
              entryFileNames: ({ name }) => (name in named ? '[name].js' : 'assets/[name]-[hash].js'),
            },
          },
        },
      };
    },
    async generateBundle() {
      const examples = new URL('./examples/', import.meta.url);
      if (this.environment.config.root !== import.meta.dirname) return;
      for (const file of readdirSync(examples)) {
        const source = await readFile(new URL(file, examples));
        this.emitFile({ type: 'asset', fileName: `examples/${file}`, source });
      }
    },
  };
}

export default defineConfig({
  base: './', // relative: the site may lie in any folder of any server
  resolve: {
    // The first reads workspace packages from their sources; the second keeps onnxruntime's files out of the
    // bundle, where they would be emitted a second time.
    conditions: ['generatrix-source', 'onnxruntime-web-use-extern-wasm', ...defaultClientConditions],
  },
  build: {
    outDir: 'dist-site',
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // inlined assets would be data: URLs, which a strict policy refuses
  },
  worker: { format: 'es' },
  plugins: [everyPage(), siteFiles(engineFiles)],
});
