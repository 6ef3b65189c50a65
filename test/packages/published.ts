/** The packages that are published, by their folders, each after those it depends on. */
export const publishedFolders = [
  'runtime',
  'runtime/node',
  'runtime/server',
  'export',
  'training',
  'web-demo/element',
  'models',
  'training/cli',
] as const;

/** Small dependencies of the runtime that travel inside it, in the parts that it uses: see `bundled-parts.ts`. */
export const bundledInRuntime: readonly string[] = ['@bufbuild/protobuf', '@noble/hashes', 'zod'];

/** onnxruntime for Node without its install script: see `onnxruntime-packages.ts`. */
export const onnxruntimePackage = '@generatrix/onnxruntime-node';

type Exports = string | { readonly [condition: string]: Exports };
type Versions = Readonly<Record<string, string>>;

/** What of a package.json is read or changed here. */
export interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly files?: readonly string[];
  readonly exports?: Exports;
  readonly dependencies?: Versions;
  readonly [field: string]: unknown;
}

/** Fields that say something of the checkout alone. */
const ofCheckout = ['private', 'scripts', 'devDependencies'];

/**
 * The package.json that is published: with the version of the root, which all packages share, without what only the
 * checkout needs, and with the packages that stand for others there.
 */
export function publishedManifest(manifest: PackageManifest, version: string): PackageManifest {
  const kept = Object.entries(manifest).filter(([field]) => !ofCheckout.includes(field));
  const dependencies = Object.entries(manifest.dependencies ?? {}).map(([name, range]) => [
    name,
    isOwn(name) ? version : name === 'onnxruntime-node' ? `npm:${onnxruntimePackage}@${range}` : range,
  ]);
  const bundled = dependencies
    .map(([name]) => name!)
    .filter((name) => manifest.name === '@generatrix/runtime' && bundledInRuntime.includes(name));
  return {
    ...(Object.fromEntries(kept) as unknown as PackageManifest),
    version,
    ...(manifest.exports === undefined ? {} : { exports: withoutSources(manifest.exports) }),
    ...(dependencies.length === 0 ? {} : { dependencies: Object.fromEntries(dependencies) }),
    ...(bundled.length === 0 ? {} : { bundleDependencies: bundled }),
  };
}

const isOwn = (name: string) => name === 'generatrix' || name.startsWith('@generatrix/');

/** Entry points without the condition that leads to TypeScript sources, and without those of tests. */
function withoutSources(exports: Exports): Exports {
  if (typeof exports === 'string') return exports;
  const kept = Object.entries(exports).filter(([key]) => key !== 'generatrix-source' && key !== './testing');
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutSources(value)]));
}
