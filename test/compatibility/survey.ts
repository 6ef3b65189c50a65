import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PortableOptions, portableGraph, traceExported, writeOnnx } from '@generatrix/export';
import { compareWithReference, openFolder, readReference } from '@generatrix/runtime';
import { decodeSafetensors, messageOf } from '@generatrix/runtime/core';
import type { FamilyCase } from '@generatrix/training/testing';
import { modelPrograms, writeModelBundle } from '../parity/model-bundles.ts';
import { type Job, type OtherRuntime, outputsOf, runJobs } from './runtimes.ts';

/** A way in which a program can be exported, as the flags of `generatrix export` say it. */
export interface Variant {
  readonly title: string;
  readonly options: PortableOptions;
}

/** Examples in the reference of every small model, and so the batch size of the variants that have one. */
export const referenceBatch = 4;

/** From what everyone gets to what asks the least of a runtime. */
export const variants: readonly Variant[] = [
  { title: 'default', options: {} },
  { title: 'unrolled', options: { loops: 'unrolled' } },
  { title: 'batch', options: { batch: referenceBatch } },
  { title: 'unrolled, batch', options: { loops: 'unrolled', batch: referenceBatch } },
];

/** A program of a model, in all of its variants. */
export interface SurveyedProgram {
  readonly family: string;
  readonly model: string;
  readonly program: string;
  readonly folder: string;
  /** By title, where the variant differs from those before it. */
  readonly files: Readonly<Record<string, string>>;
}

/** Writes a small model's bundle and the variants of its programs. */
export async function writeVariants(folder: string, familyCase: FamilyCase): Promise<SurveyedProgram[]> {
  await writeModelBundle(folder, familyCase, ['onnx']);
  const { programs, release } = await modelPrograms(familyCase);
  const surveyed: SurveyedProgram[] = [];
  for (const [program, exported] of Object.entries(programs)) {
    const graph = traceExported(program, exported);
    const loops = graph.nodes.some(({ op }) => op === 'scan');
    const files: Record<string, string> = { default: join(folder, `${program}.onnx`) };
    for (const [i, { title, options }] of variants.entries()) {
      if (title === 'default' || (options.loops === 'unrolled' && !loops)) continue;
      const path = join(folder, `variant-${i}`, `${program}.onnx`);
      await mkdir(join(folder, `variant-${i}`), { recursive: true });
      await writeFile(path, writeOnnx(portableGraph(program, graph, options), { name: program }));
      files[title] = path;
    }
    surveyed.push({ family: familyCase.family, model: familyCase.name, program, folder, files });
  }
  release();
  return surveyed;
}

/** What became of a program in a runtime: the first variant that gives the right values, or why none does. */
export type Verdict = { readonly variant: string } | { readonly reasons: Readonly<Record<string, string>> };

/** Runs every program in a runtime, those that fail in their next variant, and so on. */
export async function survey(
  runtime: OtherRuntime,
  runtimes: string,
  programs: readonly SurveyedProgram[],
  scratch: string,
): Promise<ReadonlyMap<SurveyedProgram, Verdict>> {
  const verdicts = new Map<SurveyedProgram, Verdict>();
  const reasons = new Map(programs.map((program) => [program, {} as Record<string, string>]));
  for (const { title } of variants) {
    const open = programs.filter((program) => !verdicts.has(program) && title in program.files);
    const jobs = open.map(
      (program, i): Job => ({
        model: program.files[title]!,
        reference: join(program.folder, 'reference.safetensors'),
        program: program.program,
        out: join(scratch, `${i}.safetensors`),
      }),
    );
    const failures = await runJobs(runtime, runtimes, jobs, join(scratch, 'jobs'));
    for (const [i, program] of open.entries()) {
      const trouble = failures[i] ?? (runtime.computes ? await difference(program, jobs[i]!) : null);
      if (trouble === null) verdicts.set(program, { variant: title });
      else {
        reasons.get(program)![title] = trouble;
        console.log(`${runtime.title}: ${program.model}/${program.program}, ${title}: ${trouble}`);
      }
    }
  }
  for (const program of programs) {
    if (!verdicts.has(program)) verdicts.set(program, { reasons: reasons.get(program)! });
  }
  return verdicts;
}

/** How the outputs of a job differ from the reference of the bundle, or null. */
async function difference({ folder, program }: SurveyedProgram, job: Job): Promise<string | null> {
  const reference = await readReference(await openFolder(folder));
  try {
    const { tensors } = decodeSafetensors(await outputsOf(job), job.out);
    const expected = reference.outputs(program);
    const off = compareWithReference(program, tensors, expected, reference.margins(program)).filter(
      ({ passed }) => !passed,
    );
    if (off.length === 0) return null;
    return `other values: ${off.map(({ output, maxRelativeError }) => `${output} by ${maxRelativeError.toExponential(0)}`).join(', ')}`;
  } catch (error) {
    return `no outputs: ${messageOf(error)}`;
  }
}
