import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as OnnxRuntime from 'onnxruntime-node';
import type * as OnnxRuntimeBinding from 'onnxruntime-node/dist/binding.js';
import { messageOf, UserError } from '../errors.ts';

const require = createRequire(import.meta.url);
const { platform, arch } = process;

/**
 * onnxruntime for Node, loaded when it is first used: who imports this package on a server that renders pages, or for
 * its arithmetic alone, needs none.
 * @throws UserError that says what to install when it is missing.
 */
export function engine(): typeof OnnxRuntime {
  return load('onnxruntime-node') as typeof OnnxRuntime;
}

/** What lies behind onnxruntime's public API, which computes at once. @throws as `engine` does. */
export function engineBinding(): typeof OnnxRuntimeBinding {
  return load('onnxruntime-node/dist/binding.js') as typeof OnnxRuntimeBinding;
}

/** Version of onnxruntime for Node. @throws as `engine` does. */
export function engineVersion(): string {
  return engine().env.versions.node ?? 'unknown';
}

/** Address of onnxruntime's main module, for another process to load. @throws as `engine` does. */
export function enginePath(): string {
  try {
    return require.resolve('onnxruntime-node');
  } catch (error) {
    throw refusal(error);
  }
}

/**
 * Folder of the package that has onnxruntime's binaries, with those of CUDA among them once they are fetched: a package
 * of its own for each platform where onnxruntime was installed with `@generatrix/node`.
 */
export function binariesFolder(): string {
  const main = enginePath();
  try {
    const own = `@generatrix/onnxruntime-node-${platform}-${arch}/package.json`;
    return dirname(createRequire(main).resolve(own));
  } catch {
    return join(dirname(main), '..');
  }
}

function load(specifier: string): unknown {
  try {
    return require(specifier);
  } catch (error) {
    throw refusal(error);
  }
}

/** What is missing and how to get it, in one line. */
export function refusal(error: unknown): Error {
  const message = messageOf(error);
  if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') {
    return new UserError(`onnxruntime-node cannot be loaded: ${message.split('\n')[0]}`);
  }
  if (/'onnxruntime-node['/]/.test(message)) {
    return new UserError('onnxruntime-node is not installed: run `npm install @generatrix/node`');
  }
  return new UserError(
    `onnxruntime-node has no binary for ${platform} ${arch} here: it exists for Linux and Windows on x64 and arm64 and for ` +
      'macOS on arm64, and is missing there where npm was told to omit optional dependencies: run ' +
      '`npm install --include=optional`',
  );
}
