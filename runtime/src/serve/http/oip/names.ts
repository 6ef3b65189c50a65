import type { ProgramEntry } from '../../../bundle/manifest-schema.ts';
import type { InferenceEngine, ServedModel } from '../../engine/engine.ts';
import { ServeError } from '../../engine/engine.ts';

/** A program as a model of its own, which is what the protocol knows. */
export interface ProtocolModel {
  /** `{bundle}_{program}`, or `{bundle}` for its `sample`. */
  readonly name: string;
  readonly model: ServedModel;
  readonly program: string;
  readonly entry: ProgramEntry;
}

/**
 * Finds a program by the name that the protocol gives it. A bundle's own name goes first.
 * @throws ServeError `not-found`.
 */
export function protocolModel(engine: InferenceEngine, name: string, version?: string): ProtocolModel {
  for (const { name: bundle } of candidates(engine, name)) {
    const program = bundle === name ? 'sample' : name.slice(bundle.length + 1);
    const model = engine.model(bundle, version);
    if (!Object.hasOwn(model.manifest.programs, program)) continue;
    return { name, model, program, entry: model.manifest.programs[program]! };
  }
  throw new ServeError('not-found', `there is no model '${name.slice(0, 80)}'`);
}

/** Model names in this protocol, of the default version of each model. */
export function protocolNames(model: ServedModel): string[] {
  const programs = Object.keys(model.manifest.programs);
  return [
    ...(programs.includes('sample') ? [model.name] : []),
    ...programs.map((program) => `${model.name}_${program}`),
  ];
}

/** Versions that are served of a model, lowest first. */
export function versionsOf(engine: InferenceEngine, name: string): string[] {
  return engine
    .models()
    .flatMap((model) => (model.name === name ? [model.version] : []))
    .sort((a, b) => Number(a) - Number(b));
}

/** Longest name first: the bundle `a` must not take what the bundle `a_b` is meant by. */
function candidates(engine: InferenceEngine, name: string): ServedModel[] {
  return engine
    .models()
    .filter((model) => model.name === name || name.startsWith(`${model.name}_`))
    .sort((a, b) => b.name.length - a.name.length);
}
