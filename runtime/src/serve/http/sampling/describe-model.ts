import { z } from 'zod';
import { inputsJson } from '../../../bundle/manifest.ts';
import { canInterpolateSeeds, canStream, densityOf, samplingProgram } from '../../../model/abilities.ts';
import { chainScalars } from '../../../program/program.ts';
import type { ServedModel } from '../../engine/engine.ts';
import { formatsOf } from './present.ts';

const anything = z.record(z.string(), z.unknown());

/** What `GET /v1/models` says of each model. */
export const modelSummarySchema = z.object({
  name: z.string(),
  version: z.string(),
  versions: z.array(z.string()),
  title: z.string(),
  family: z.string(),
  state: z.enum(['ready', 'loading', 'draining', 'unhealthy']),
  ready: z.boolean().describe('As KServe V1 says it'),
  can: z.array(z.enum(['samples', 'complete', 'logprob', 'encode', 'decode', 'interpolate', 'stream'])),
  formats: z.array(z.string()).describe('Of samples'),
  data: anything.describe('Kind, shape and range of an example'),
});

/** What `GET /v1/models/{model}` says. */
export const modelSchema = modelSummarySchema.extend({
  loaded_at: z.string(),
  classes: z.int().nullable().describe('Number of classes that samples can be asked of'),
  class_names: z.array(z.string()),
  scalars: z.record(
    z.string(),
    z.object({
      programs: z.array(z.string()),
      default: z.number(),
      min: z.number().optional(),
      max: z.number().optional(),
    }),
  ),
  programs: z.record(z.string(), z.object({ inputs: anything, outputs: anything })),
  options: anything,
  provenance: anything,
  parity: anything.nullable().describe('Largest errors of each program against the reference, at export'),
});

/** What a model can do: a word for each route that works with it. */
export function abilities(model: ServedModel): string[] {
  const { programs } = model.manifest;
  const has = (program: string) => Object.hasOwn(programs, program);
  const table: Readonly<Record<string, boolean>> = {
    samples: samplingProgram(programs) !== undefined,
    complete: has('complete'),
    logprob: densityOf(programs) !== undefined,
    encode: has('encode'),
    decode: has('decode'),
    interpolate: canInterpolateSeeds(model) || has('decode'),
    stream: canStream(model),
  };
  return Object.keys(table).filter((name) => table[name]);
}

/** @param versions all that are served of the model */
export function summarise(model: ServedModel, versions: readonly string[]) {
  const { name, version, state, manifest } = model;
  const { name: title, family, data } = manifest;
  return {
    name,
    version,
    versions,
    title,
    family,
    state,
    ready: state === 'ready',
    can: abilities(model),
    formats: formatsOf(manifest),
    data,
  };
}

/** Everything of a model that a client may want, without its files. */
export function describe(model: ServedModel, versions: readonly string[]) {
  const { data, programs, options, provenance, parity } = model.manifest;
  const inputs = Object.values(programs).flatMap((program) => Object.values(program.inputs));
  const label = inputs.find((spec) => spec.role === 'label');
  return {
    ...summarise(model, versions),
    loaded_at: model.loadedAt.toISOString(),
    classes: label?.role === 'label' ? label.classes : null,
    class_names: data.classNames,
    scalars: scalarsOf(model),
    programs: Object.fromEntries(
      Object.entries(programs).map(([name, program]) => [
        name,
        { inputs: inputsJson(program.inputs), outputs: program.outputs },
      ]),
    ),
    options,
    provenance,
    parity: parity ?? null,
  };
}

function scalarsOf({ manifest }: ServedModel) {
  const scalars: Record<string, { programs: string[]; default: number; min?: number; max?: number }> = {};
  const places: readonly string[] = Object.values(chainScalars);
  for (const [program, { inputs, chain }] of Object.entries(manifest.programs)) {
    for (const [name, spec] of Object.entries(inputs)) {
      if (spec.role !== 'scalar' || (chain !== undefined && places.includes(name))) continue;
      const { min, max } = spec;
      scalars[name] ??= {
        programs: [],
        default: spec.default,
        ...(min !== undefined && { min }),
        ...(max !== undefined && { max }),
      };
      scalars[name].programs.push(program);
    }
  }
  return scalars;
}
