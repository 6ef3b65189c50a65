import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { type BuiltFiles, describedEngine, engineFiles } from './engine-of-build.ts';

function siteFiles(files: BuiltFiles): Plugin {
  return {
    name: 'site-files',
    async config() {
      return { define: { __ENGINE_BUILD__: await describedEngine() } };
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
              // What the library takes of small modules that pages share comes in one file: each has its overhead.
              codeSplitting: {
                groups: [
                  {
                    name: 'files',
                    test: /web-demo\/src\/cache\/(poster-file|engine-kept|engine-build)\.ts|view\/sound\.ts/,
                  },
                ],
              },
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
  plugins: [everyPage(), siteFiles(engineFiles('ort'))],
});
