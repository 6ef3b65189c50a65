import type { InputSpec, OutputSpec } from '../../../program/program.ts';
import type { InferenceEngine, ServedModel } from '../../engine/engine.ts';
import { type ProtocolModel, protocolNames, versionsOf } from './names.ts';
import { datatypeOf } from './tensors.ts';

/** Extensions of the protocol that the server speaks, by the names that Triton gave them. */
export const extensions = ['binary_tensor_data', 'model_repository', 'statistics'];

/** `GET /v2/models/{name}`. Inputs that may be left out say so in their parameters. */
export function modelMetadata(engine: InferenceEngine, { name, model, entry }: ProtocolModel) {
  return {
    name,
    versions: versionsOf(engine, model.name),
    platform: 'onnx_onnxv1',
    inputs: Object.entries(entry.inputs).map(([input, spec]) => ({
      name: input,
      datatype: datatypeOf[spec.dtype],
      shape: spec.role === 'scalar' ? [-1, 1] : [-1, ...spec.shape],
      parameters: inputParameters(spec),
    })),
    outputs: Object.entries(entry.outputs).map(([output, spec]: [string, OutputSpec]) => ({
      name: output,
      datatype: datatypeOf[spec.dtype],
      shape: [-1, ...spec.shape],
      parameters: { meaning: spec.meaning },
    })),
  };
}

function inputParameters(spec: InputSpec): Record<string, string | number | boolean> {
  const { role } = spec;
  switch (spec.role) {
    case 'noise':
      return {
        role,
        optional: true,
        law: spec.distribution,
        ...(spec.belongsTo !== undefined && { belongs_to: spec.belongsTo }),
      };
    case 'label':
      return { role, optional: true, classes: spec.classes };
    case 'carry':
      return { role, optional: true, initial: spec.initial };
    case 'scalar': {
      const { min, max } = spec;
      return {
        role,
        optional: true,
        default: spec.default,
        ...(min !== undefined && { min }),
        ...(max !== undefined && { max }),
      };
    }
    default:
      return { role, optional: false };
  }
}

const protocolStates: Readonly<Record<ServedModel['state'], string>> = {
  ready: 'READY',
  loading: 'LOADING',
  draining: 'UNLOADING',
  unhealthy: 'UNAVAILABLE',
};

/** The repository index: every name in this protocol, and bundles that are refused. The log says why. */
export function repositoryIndex(engine: InferenceEngine, readyOnly: boolean) {
  const served = engine.models().flatMap((model) =>
    protocolNames(model).map((name) => ({
      name,
      version: model.version,
      state: protocolStates[model.state],
      reason: model.state === 'unhealthy' ? 'its runs have ended several workers; the log says why' : '',
    })),
  );
  const refused = engine.refused().map(({ name, version }) => ({
    name,
    version,
    state: 'UNAVAILABLE',
    reason: 'the bundle was refused; the log says why',
  }));
  const known = new Set(
    [...engine.models(), ...engine.refused()].map(({ name, version }) => `${name}/${version}`),
  );
  const unloaded = engine
    .unloaded()
    .filter(({ name, version }) => !known.has(`${name}/${version}`))
    .map(({ name, version }) => ({ name, version, state: 'UNAVAILABLE', reason: 'unloaded' }));
  return [...served, ...refused, ...unloaded].filter(({ state }) => !readyOnly || state === 'READY');
}
