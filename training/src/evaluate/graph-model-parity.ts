import { tf } from '@generatrix/export';
import {
  type Bundle,
  compareWithReference,
  type HostTensor,
  type ParityRow,
  readReference,
} from '@generatrix/runtime';
import { toHost, toTensor } from '../engine/tfjs-engine.ts';

/**
 * Runs a bundle's GraphModels in tfjs's converter and compares them with the bundle's reference outputs.
 * @returns a row for each output, or one line that says why there is nothing to run.
 */
export async function graphModelParity(bundle: Bundle): Promise<ParityRow[] | string> {
  const { graphModels } = bundle.manifest;
  if (graphModels === undefined) return 'the bundle has no GraphModel; export with --format onnx,graph-model';
  await tf.setBackend('cpu');
  const reference = await readReference(bundle);
  const rows: ParityRow[] = [];
  for (const program of Object.keys(graphModels)) {
    const model = await tf.loadGraphModel(await graphModelHandler(bundle, program));
    const inputs = Object.entries(reference.inputs(program)).map(([name, x]) => [name, toTensor(x)]);
    const names = Object.keys(bundle.manifest.programs[program]!.outputs);
    const outputs = [
      model.execute(Object.fromEntries(inputs) as tf.NamedTensorMap, names),
    ].flat() as tf.Tensor[];
    const actual: Record<string, HostTensor> = {};
    for (const [i, name] of names.entries()) actual[name] = await toHost(outputs[i]!);
    rows.push(...compareWithReference(program, actual, reference.outputs(program)));
    tf.dispose([outputs, Object.fromEntries(inputs)]);
    model.dispose();
  }
  return rows;
}

async function graphModelHandler(bundle: Bundle, program: string): Promise<tf.io.IOHandler> {
  const read = async (file: string) => {
    const path = `graph-model/${program}/${file}`;
    return bundle.readFile({ file: path, ...bundle.manifest.graphModels![program]!.files[path]! });
  };
  const json = JSON.parse(new TextDecoder().decode(await read('model.json'))) as tf.io.ModelJSON;
  const weights = await read('weights.bin');
  return tf.io.fromMemory({
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
    weightData: weights.slice().buffer,
    ...(json.signature === undefined ? {} : { signature: json.signature }),
    ...(json.format === undefined ? {} : { format: json.format }),
  });
}
