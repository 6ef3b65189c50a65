/**
 * Which way imports may go. `npm run rooms` holds it, type-only imports included.
 *
 * Between packages: web-demo -> runtime, cli -> training -> export -> runtime; test sees all. Inside runtime and
 * training a room imports only from rooms before it in `rooms`.
 */
import { builtinModules } from 'node:module';

/** Rooms of a package, each of which imports from those before it. */
const rooms = {
  'runtime/src': ['errors.ts', 'program', 'noise', 'bundle', 'ort', 'model', 'train', 'media', 'serve'],
  'training/src': [
    'errors',
    'files',
    'plugin',
    'data',
    'model',
    'nn',
    'core',
    'families',
    'engine',
    'record',
    'report',
    'tracking',
    'evaluate',
    'run',
    'check',
    'import',
  ],
};

/** What each package may import of the others. */
const packages = {
  runtime: [],
  export: ['runtime'],
  training: ['export', 'runtime'],
  'training/cli': ['training', 'runtime'],
  'web-demo': ['runtime'],
};

/** The modules that touch a heavy dependency; tests may, too. */
const heavy = {
  '@tensorflow/tfjs': ['export/tfjs.mjs'],
  'onnxruntime-node': [
    'runtime/src/ort/engine-node.ts',
    'runtime/src/ort/ort-node.ts',
    'runtime/src/ort/run-at-once.ts',
  ],
  'onnxruntime-web': ['runtime/src/ort/ort-web.ts'],
  '@opentelemetry': [
    'runtime/src/serve/http/telemetry/open-telemetry.ts',
    'runtime/src/serve/http/telemetry/registry-metrics.ts',
  ],
  'lru-cache': ['runtime/src/serve/http/cache/response-cache.ts'],
  sharp: ['runtime/src/media/codec.ts'],
  wavefile: ['runtime/src/media/wav.ts'],
  hyparquet: ['training/src/data/parquet.ts'],
  'hyparquet-compressors': ['training/src/data/parquet.ts'],
  'hyparquet-writer': ['training/cli/src/draw-many/parquet.ts'],
  tar: ['training/src/data/tar-members.ts', 'training/cli/src/draw-many/webdataset.ts'],
  'csv-parse': ['training/src/data/table.ts'],
  'csv-stringify': ['training/src/tracking/metrics-table.ts'],
  fflate: [
    'training/src/data/npy.ts',
    'training/cli/src/cuda/unpack-wheel.ts',
    'web-demo/src/view/zip-folder.ts',
  ],
  '@wasm-audio-decoders': ['training/src/data/decode-sound.ts'],
  'mpg123-decoder': ['training/src/data/decode-sound.ts'],
  'ogg-opus-decoder': ['training/src/data/decode-sound.ts'],
  'ml-matrix': ['training/src/evaluate/frechet/frechet.ts'],
  jiti: ['training/src/plugin/load-module.ts'],
  'cli-progress': ['training/cli/src/progress.ts'],
  'cli-table3': ['training/cli/src/table.ts'],
  '@grpc/reflection': ['runtime/src/serve/grpc/listen-grpc.ts'],
  'grpc-health-check': ['runtime/src/serve/grpc/listen-grpc.ts'],
  'playwright-core': ['training/cli/src/browser/launch.ts'],
  '@aws-sdk/client-s3': ['training/cli/src/bucket-models.ts'],
};

const tests =
  '(\\.test\\.ts$|test-support\\.ts$|\\.case\\.ts$|/cases\\.ts$|/testing/|/test-[a-z-]+\\.ts$|/conformance(\\.ts$|/)|^test/)';

/** A package's sources, and modules that stand beside them as they are. */
const folder = (name) => `^${name}/(src/|[^/]+\\.mjs$)`;
const error = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to });

export default {
  forbidden: [
    error('no-circle', 'Two modules that need each other are one, or share a third.', {}, { circular: true }),
    error('resolves', 'An import that leads nowhere.', {}, { couldNotResolve: true }),
    error(
      'declared',
      'A package declares what it imports.',
      { pathNot: tests },
      // An optional peer is named twice in its package.json, the second time in a way that is not known here.
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    ),
    ...Object.entries(packages).map(([name, others]) =>
      error(
        `${name.replace('/', '-')}-imports`,
        `${name} imports ${others.join(' and ') || 'no other package'}.`,
        { path: folder(name), pathNot: tests },
        {
          path: '^(runtime|export|training|training/cli|web-demo|test)/',
          pathNot: [name, ...others].map(folder),
        },
      ),
    ),
    ...Object.entries(rooms).flatMap(([root, names]) => {
      const places = names.map(
        (name) => `^${root}/${name.endsWith('.ts') ? `${name.replace('.', '\\.')}$` : `${name}/`}`,
      );
      return [
        ...names.map((name, at) =>
          error(
            `${root.split('/')[0]}-room-${name}`,
            `${name} imports from the rooms before it: ${names.slice(0, at).join(', ') || 'none'}.`,
            { path: places[at], pathNot: tests },
            { path: `^${root}/`, pathNot: places.slice(0, at + 1) },
          ),
        ),
        error(
          `${root.split('/')[0]}-every-room-has-a-place`,
          `A new folder of ${root} gets its place in the order.`,
          { path: `^${root}/[^/]+/`, pathNot: [tests, ...places] },
          {},
        ),
      ];
    }),
    error(
      'fixtures-for-tests',
      'Only tests see tests and what is made for them.',
      { pathNot: tests },
      { path: tests },
    ),
    error(
      'runtime-without-tfjs',
      'The runtime runs without TensorFlow.js.',
      { path: folder('runtime'), pathNot: tests },
      { path: '@tensorflow/', reachable: true },
    ),
    error(
      'core-in-a-browser',
      'What pages import needs nothing of Node.',
      { path: '^runtime/src/core\\.ts$' },
      { path: `^(node:)?(${builtinModules.join('|')})$`, reachable: true },
    ),
    error(
      'library-without-terminal',
      'Who imports the library gets no server, browser or command line.',
      { path: '^training/src/index\\.ts$' },
      {
        path: '^runtime/src/serve/|node_modules/(express|playwright-core|commander|cli-progress|cli-table3)/',
        reachable: true,
      },
    ),
    ...Object.entries(heavy).map(([dependency, modules]) =>
      error(
        `one-module-for-${dependency.replace('/', '-')}`,
        `${modules.join(' and ')} alone import${modules.length > 1 ? '' : 's'} ${dependency}.`,
        { pathNot: [tests, ...modules.map((path) => `^${path}$`)] },
        { path: `node_modules/${dependency}/` },
      ),
    ),
  ],
  options: {
    // TypeScript 7 has no compiler in JavaScript that could parse; SWC lists type-only imports, too.
    parser: 'swc',
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(runtime|export|training|training/cli|web-demo|test)/(dist[a-z-]*|node_modules)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['generatrix-source', 'node', 'import'],
      extensions: ['.ts', '.js', '.mjs'],
    },
  },
};
