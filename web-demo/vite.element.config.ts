import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { describedEngine, engineFiles, locate } from './engine-of-build.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The package's scripts, by the mode that builds them: one that is all in one file is a build of its own. */
const modes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  library: {
    'generatrix-sampler': 'src/packaged/index.ts',
    wasm: 'src/packaged/wasm.ts',
    react: 'src/packaged/react.ts',
  },
  worker: { 'files/generatrix-worker': 'src/worker/worker.ts' },
  offline: { 'generatrix-offline': 'src/offline/service-worker.ts' },
};

/** onnxruntime's scripts as they are, which the worker imports from beside it: bundlers then copy them unread. */
const scripts = ['ort.wasm.min.mjs', 'ort.jspi.min.mjs', 'ort.webgpu.min.mjs'];
const notInside = '\0onnxruntime-web';

/** The place of files in a package, in place of that on the site; and onnxruntime outside of the worker's script. */
function packaged(): Plugin {
  return {
    name: 'packaged',
    enforce: 'pre',
    resolveId(source) {
      if (source.endsWith('/place.ts') && !source.endsWith('packaged-place.ts'))
        return here('src/worker/packaged-place.ts');
      if (source.startsWith('onnxruntime-web/')) return notInside;
      return undefined;
    },
    load: (id) => (id === notInside ? 'export {};' : undefined),
  };
}

/** Vite changes the form that bundlers know, `new URL(file, import.meta.url)`, for files that it does not find. */
function asWritten(): Plugin {
  return {
    name: 'as-written',
    enforce: 'post',
    renderChunk: (code) => ({ code: code.replaceAll('"" + import.meta.url', 'import.meta.url'), map: null }),
  };
}

function engineBeside(): Plugin {
  return {
    name: 'engine-beside',
    async generateBundle() {
      for (const [fileName, read] of Object.entries(engineFiles('files'))) {
        this.emitFile({ type: 'asset', fileName, source: await read() });
      }
      for (const script of scripts) {
        const source = await readFile(join(dirname(locate('ort-wasm-simd-threaded.wasm')), script));
        this.emitFile({ type: 'asset', fileName: `files/${script}`, source });
      }
    },
  };
}

/** Builds `element/dist`, a part of it in each mode: `library`, `worker`, `offline`. */
export default defineConfig(async ({ mode }) => ({
  define: { __ENGINE_BUILD__: await describedEngine(), 'process.env.NODE_ENV': '"production"' },
  resolve: { conditions: ['generatrix-source', ...defaultClientConditions] },
  publicDir: false as const,
  build: {
    outDir: 'element/dist',
    emptyOutDir: false,
    target: 'es2022',
    sourcemap: true,
    lib: { entry: modes[mode]!, formats: ['es' as const] },
    rolldownOptions: {
      external: ['react'],
      output: {
        codeSplitting: mode === 'library',
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        banner: ({ name }: { readonly name: string }) => (name === 'react' ? "'use client';" : ''),
      },
    },
  },
  plugins: [packaged(), asWritten(), ...(mode === 'worker' ? [engineBeside()] : [])],
}));
