import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, resolve } from 'node:path';
import {
  type BundleFiles,
  type ImportPlan,
  importOnnx,
  importTfjs,
  largestOnnx,
  ParityError,
  withWeightsInside,
} from '@generatrix/export';
import { UserError } from '@generatrix/runtime/core';
import { renderSamples } from '@generatrix/runtime/media';
import { systemError } from '../errors/system-error.ts';
import { checkExportFolder, writeFolder } from '../run/trained-model.ts';
import { readBeside } from './read-beside.ts';
import { readTfjsModel } from './read-tfjs-model.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

export interface ImportRequest {
  /** An ONNX file, or the model.json of a TensorFlow.js LayersModel or GraphModel. */
  readonly path: string;
  /** Folder that the bundle goes to. */
  readonly out: string;
  readonly plan: ImportPlan;
  /** What the model is called; the file's name when absent. */
  readonly name?: string | undefined;
  readonly classNames: readonly string[];
  /** Replaces a bundle that stands there; nothing else is ever replaced. */
  readonly overwrite: boolean;
}

/**
 * Writes a model that was trained elsewhere as a bundle, which `sample`, `serve` and pages take like one of ours. The
 * folder appears whole or not at all.
 * @throws UserError, in one line, for a file that cannot be imported, saying what is wrong with it and the cure.
 */
export async function importModel({
  path,
  out,
  plan,
  name,
  classNames,
  overwrite,
}: ImportRequest): Promise<void> {
  const replace = { overwrite, inputs: [path] };
  await checkExportFolder(out, replace);
  const source = basename(path) === 'model.json' ? basename(dirname(resolve(path))) : basename(path);
  const about = {
    name: name ?? source.replace(/\.onnx$/i, ''),
    source,
    classNames,
    generatrixVersion: version,
  };
  const render: Parameters<typeof importOnnx>[4] = async (samples, spec) => {
    const { extension, bytes } = await renderSamples(samples, spec);
    return { file: `sample.${extension}`, bytes };
  };
  const files = await bundleOf();
  await writeFolder(out, files, replace);

  async function bundleOf(): Promise<BundleFiles> {
    if (path.endsWith('.json')) {
      return importTfjs(await readTfjsModel(path), path, plan, about, render).catch((error: unknown) => {
        if (error instanceof ParityError) throw new UserError(`${path}: ${error.message}`);
        throw error;
      });
    }
    const { size } = await stat(path).catch((error: unknown) => {
      throw systemError(path, 'expected an ONNX file or a model.json', error);
    });
    if (size > largestOnnx) {
      throw new UserError(`${path}: has ${size} bytes; onnxruntime reads no ONNX file of 2 GiB or more`);
    }
    const bytes = await readFile(path).catch((error: unknown) => {
      throw systemError(path, 'expected an ONNX file or a model.json', error);
    });
    const whole = await withWeightsInside(bytes, path, (location) => readBeside(path, location));
    return importOnnx(whole, path, plan, about, render);
  }
}
