import { readFile } from 'node:fs/promises';
import { graphModelFunction, layersModelFunction, type TfjsModel, tf } from '@generatrix/export';
import { messageOf, UserError } from '@generatrix/runtime/core';
import { systemError } from '../errors/system-error.ts';
import { readBeside } from './read-beside.ts';

interface ModelJson {
  readonly format?: string;
  readonly modelTopology?: { readonly node?: unknown; readonly class_name?: unknown };
  readonly weightsManifest?: readonly {
    readonly paths: readonly string[];
    readonly weights: tf.io.WeightsManifestEntry[];
  }[];
}

/**
 * Reads a TensorFlow.js model from its `model.json` and the weight files beside it.
 * @throws UserError, in one line, for another JSON, a weight file that is missing or lies outside the folder, and
 *   what TensorFlow.js cannot build.
 */
export async function readTfjsModel(path: string): Promise<TfjsModel> {
  const json = await readModelJson(path);
  const kind =
    json.format ??
    (Array.isArray(json.modelTopology?.node) ? 'graph-model' : json.modelTopology && 'layers-model');
  if (json.format === 'generatrix-bundle') {
    throw new UserError(`${path}: is a bundle already: sample, serve and score take its folder`);
  }
  if (kind !== 'graph-model' && kind !== 'layers-model') {
    throw new UserError(
      `${path}: expected the model.json of a TensorFlow.js LayersModel or GraphModel, found none of them`,
    );
  }
  const artifacts = { ...json, ...(await readWeights(path, json)) } as tf.io.ModelArtifacts;
  const handler = { load: () => Promise.resolve(artifacts) };
  await tf.setBackend('cpu');
  try {
    return kind === 'graph-model'
      ? graphModelFunction(await tf.loadGraphModel(handler))
      : layersModelFunction(await tf.loadLayersModel(handler));
  } catch (error) {
    throw new UserError(
      `${path}: TensorFlow.js cannot build this ${kind}: ${messageOf(error).replace(/\s+/g, ' ').trim()}`,
    );
  }
}

async function readModelJson(path: string): Promise<ModelJson> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw systemError(path, 'expected a model.json', error);
  });
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as ModelJson;
  } catch (error) {
    throw new UserError(`${path}: expected the model.json of a TensorFlow.js model: ${messageOf(error)}`);
  }
  throw new UserError(`${path}: expected the model.json of a TensorFlow.js model, found another JSON`);
}

async function readWeights(path: string, { weightsManifest }: ModelJson) {
  const groups = Array.isArray(weightsManifest) ? weightsManifest : [];
  if (groups.some((group) => !Array.isArray(group?.paths) || !Array.isArray(group.weights))) {
    throw new UserError(`${path}: its weightsManifest is not that of a TensorFlow.js model`);
  }
  const files: Uint8Array[] = [];
  for (const name of groups.flatMap(({ paths }) => paths)) {
    files.push(await readBeside(path, String(name)));
  }
  const data = Buffer.concat(files);
  return {
    weightSpecs: groups.flatMap(({ weights }) => weights),
    weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer,
  };
}
