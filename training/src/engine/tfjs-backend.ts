import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { tf } from '@generatrix/export';
import { UserError } from '@generatrix/runtime/core';
import { mendConvolutions } from './mend-convolutions.ts';

/** What runs the eager engine here. */
export interface TfjsBackend {
  readonly description: string;
  /** One line when the backend is much slower than what could be installed; else empty. */
  readonly warning: string;
}

/** Names the module to load instead of the installed packages: a path to a package's folder or main file. */
export const tfjsNodeVariable = 'GENERATRIX_TFJS_NODE';

const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/**
 * Picks the fastest eager backend that loads: the module that GENERATRIX_TFJS_NODE names, tfjs-node-gpu, tfjs-node,
 * else tfjs's own CPU backend, which is hundreds of times slower than the compiled step and meant for checking only.
 * @throws UserError when the module that GENERATRIX_TFJS_NODE names does not load.
 */
export async function selectTfjsBackend(): Promise<TfjsBackend> {
  // TensorFlow prints lines about the processor when it is loaded; warnings and errors remain.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  const named = process.env[tfjsNodeVariable];
  if (named !== undefined && named !== '') {
    const reason = await load(resolve(named));
    if (reason === null) return { description: 'tfjs on TensorFlow', warning: '' };
    throw new UserError(
      `${tfjsNodeVariable}: expected the folder of a built @tensorflow/tfjs-node, '${named}' does not load: ` +
        `${reason}; correct it or unset it`,
    );
  }
  const broken: string[] = [];
  for (const name of packages) {
    const reason = await load(name);
    if (reason === null) return { description: `tfjs on ${name}`, warning: '' };
    if (reason !== notInstalled) broken.push(`${name} does not load: ${reason}`);
  }
  await tf.setBackend('cpu');
  const why = broken.length > 0 ? broken.join('; ') : `neither ${packages.join(' nor ')} is installed`;
  return {
    description: 'tfjs on its own CPU backend',
    warning:
      `${why}. The eager engine runs on the JavaScript CPU backend, hundreds of times slower than ` +
      '--engine onnx',
  };
}

const notInstalled = 'not installed';

/** Loads a module that registers the backend `tensorflow` and makes it the active one; null, or why it failed. */
async function load(name: string): Promise<string | null> {
  try {
    createRequire(import.meta.url)(name);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // The code is that of any module missing on the way; only a package that is itself missing is not installed.
    if (code === 'MODULE_NOT_FOUND' && message.includes(`'${name}'`)) return notInstalled;
    return message.split('\n')[0]!.trim();
  }
  const active = await tf.setBackend('tensorflow').catch(() => false);
  if (!active) return "it registers no backend 'tensorflow'";
  mendConvolutions('tensorflow');
  return null;
}
