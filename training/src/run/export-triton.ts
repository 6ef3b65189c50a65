import { tf, tritonRepository } from '@generatrix/export';
import { toTensor } from '../engine/tfjs-engine.ts';
import { bindState, referenceExamples } from './export-run.ts';
import { loadTrained, writeFolder } from './trained-model.ts';

/** Rows that differ in their scalars when programs are tried. */
const examples = 3;

/**
 * Exports a run's latest checkpoint as a model repository for Triton Inference Server: a model `FAMILY-DATA_PROGRAM`
 * for each program. The folder appears whole or not at all.
 * @returns the names of the models.
 * @throws UserError when the run has no checkpoint yet.
 */
export async function exportTriton(run: string, out: string): Promise<string[]> {
  const { settings, data, model, state } = await loadTrained(run);
  await tf.setBackend('cpu');
  const tensors = Object.fromEntries(Object.entries(state).map(([name, x]) => [name, toTensor(x)]));
  const files = await tritonRepository({
    name: `${settings.family}-${settings.data.name}`,
    programs: bindState(model, tensors),
    examples: referenceExamples(data.spec, examples),
  });
  tf.dispose(tensors);
  await writeFolder(out, files);
  return [...new Set(Object.keys(files).map((path) => path.split('/')[0]!))];
}
