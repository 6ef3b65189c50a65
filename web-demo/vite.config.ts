import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
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
const ortFiles = builds.flatMap((build) => [`${build}.mjs`, `${build}.wasm`]);

/** Serves onnxruntime's files under `ort/`: copied unchanged, so that a page fetches only the build it runs. */
function onnxruntimeFiles(): Plugin {
  const fromRuntime = createRequire(new URL('../runtime/package.json', import.meta.url));
  const locate = (file: string) => fromRuntime.resolve(`onnxruntime-web/${file}`);
  return {
    name: 'onnxruntime-files',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname;
        const file = ortFiles.find((name) => path === `/ort/${name}`);
        if (!file) return next();
        const type = file.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
        readFile(locate(file)).then(
          (content) => response.writeHead(200, { 'Content-Type': type }).end(content),
          (error: Error) => next(error),
        );
      });
    },
    async generateBundle() {
      for (const file of ortFiles) {
        this.emitFile({ type: 'asset', fileName: `ort/${file}`, source: await readFile(locate(file)) });
      }
    },
  };
}

/** Makes every `.html` file of the root folder a page of the site. */
function everyPage(): Plugin {
  return {
    name: 'every-page',
    config({ root = process.cwd() }) {
      const pages = readdirSync(root).filter((file) => file.endsWith('.html'));
      const input = Object.fromEntries(pages.map((file) => [basename(file, '.html'), resolve(root, file)]));
      return { build: { rolldownOptions: { input } } };
    },
  };
}

const element = 'generatrix-sampler';

/**
 * The embeddable element as a file of its own, `embed/generatrix-sampler.js`, whose name stays and whose exports are
 * kept; and the example page that uses it.
 */
function embeddable(): Plugin {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  return {
    name: 'embeddable',
    config: () => ({
      build: {
        rolldownOptions: {
          input: { [element]: here(`./src/element/${element}.ts`) },
          preserveEntrySignatures: 'exports-only',
          output: {
            entryFileNames: ({ name }) => (name === element ? `embed/${name}.js` : 'assets/[name]-[hash].js'),
          },
        },
      },
    }),
    async generateBundle() {
      const source = await readFile(here('./examples/embed.html'));
      this.emitFile({ type: 'asset', fileName: 'examples/embed.html', source });
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
  plugins: [everyPage(), embeddable(), onnxruntimeFiles()],
});
