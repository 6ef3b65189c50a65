import { tf, tritonRepository } from '@generatrix/export';
import { toTensor } from '../engine/tfjs-engine.ts';
import { tritonMarker } from '../files/owned-folder.ts';
import { bindState, type ExportOptions, referenceExamples } from './export-run.ts';
import { checkExportFolder, loadTrained, writeFolder } from './trained-model.ts';

/** Rows that differ in their scalars when programs are tried. */
const examples = 3;

/**
 * Exports a checkpoint of a run as a model repository for Triton Inference Server: a model `FAMILY-DATA_PROGRAM`
 * for each program. The folder appears whole or not at all.
 * @param options `overwrite` replaces a repository or bundle that stands there, and nothing else; `checkpoint` says which
 * @returns the names of the models.
 * @throws UserError when the folder may not be replaced, or the run has no checkpoint yet.
 */
export async function exportTriton(
  run: string,
  out: string,
  { overwrite = false, checkpoint }: ExportOptions = {},
): Promise<string[]> {
  const replace = { overwrite, inputs: [run] };
  await checkExportFolder(out, replace);
  const { settings, data, model, state } = await loadTrained(run, checkpoint);
  await tf.setBackend('cpu');
  const tensors = Object.fromEntries(Object.entries(state).map(([name, x]) => [name, toTensor(x)]));
  const files = await tritonRepository({
    name: `${settings.family}-${settings.data.name}`,
    programs: bindState(model, tensors),
    examples: referenceExamples(data.spec, examples),
  });
  tf.dispose(tensors);
  // Beside the models, where servers do not look: what tells a later export that all of it is ours.
  const marker = { format: 'generatrix-triton', version: 1, files: Object.keys(files) };
  const written = {
    ...files,
    [tritonMarker]: new TextEncoder().encode(`${JSON.stringify(marker, null, 2)}\n`),
  };
  await writeFolder(out, written, replace);
  return [...new Set(Object.keys(files).map((path) => path.split('/')[0]!))];
}
