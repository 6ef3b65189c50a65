import type { OtherRuntime } from './runtimes.ts';
import { referenceBatch, type SurveyedProgram, type Verdict, variants } from './survey.ts';

interface Run {
  readonly runtime: OtherRuntime;
  readonly version: string;
  readonly verdicts: ReadonlyMap<SurveyedProgram, Verdict>;
}

/** A runtime with what became of the programs in it, or why it was not run. */
export type Column = Run | { readonly runtime: OtherRuntime; readonly skipped: string };

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

/** The page `docs/compatibility.md`: which program runs where, and in what form. */
export function compatibilityPage(
  programs: readonly SurveyedProgram[],
  columns: readonly Column[],
  date: Date,
): string {
  const run = columns.flatMap((column) => ('verdicts' in column ? [column] : []));
  const skipped = columns.flatMap((column) => ('skipped' in column ? [column] : []));
  const count = (verdicts: ReadonlyMap<SurveyedProgram, Verdict>, title: string) =>
    [...verdicts.values()].filter((verdict) => 'variant' in verdict && verdict.variant === title).length;
  const summary = run.map(({ runtime, version, verdicts }) => {
    const works = variants.map(({ title }) => count(verdicts, title));
    const none = verdicts.size - works.reduce((a, b) => a + b, 0);
    return [runtime.title, version, ...works, none];
  });
  const cells = programs.map((program) => [
    program.model,
    program.program,
    ...run.map(({ verdicts }) => {
      const verdict = verdicts.get(program)!;
      if (!('variant' in verdict)) return 'no';
      return verdict.variant === 'default' ? 'yes' : verdict.variant;
    }),
  ]);
  const parts = [
    '# Programs in other runtimes',
    `Written by \`npm run compatibility\` on ${date.toISOString().slice(0, 10)}: ${programs.length} programs of small models of all families (those of the
parity suite, with random weights), in runtimes that are not ours. Each program runs on the inputs of its bundle's reference
(batches of ${referenceBatch}), and its outputs are compared with the reference as on our own devices: to 1e-4 of an output's scale, integers
exactly. The checker only reads.`,
    'A program that does not run as it is exported is tried in the forms that `generatrix export` writes for other runtimes:',
    table(
      ['in the tables', 'flags of `generatrix export`'],
      [
        ['yes, default', 'none'],
        ['unrolled', '`--loops unrolled`: the steps of loops one after the other, no Scan'],
        ['batch', `\`--batch ${referenceBatch}\`: one batch size, no arithmetic on shapes`],
        ['unrolled, batch', 'both'],
      ],
    ),
    '## How many run',
    table(['runtime', 'version', ...variants.map(({ title }) => title), 'none'], summary),
    ...skipped.map(({ runtime, skipped }) => `Not run: ${runtime.title}, ${skipped}.`),
    '## Long loops',
    `A loop of many steps is too large unrolled; a sampler that has the program \`advance\` draws a part of an example at a call,
and \`advance\` alone may be unrolled. For the others \`generatrix export --loops host\` takes each program apart at its loops:
\`portable/NAME.json\` says in which order the caller runs the programs \`portable/NAME.N.onnx\`, none of which has a loop. A part
takes its \`inputs\` from the tensors so far, the program's inputs at first, and adds its \`outputs\`. A part with a \`loop\` is run
\`steps\` times, from the last step to the first where it is \`reversed\`: \`carries\` go from the program's \`output\` to its \`input\` of
the next step (at first from the tensor \`from\`, at last to the tensor \`to\`), \`slices\` are the entries of a tensor along its first
axis, one for each step, and \`stacks\` gather an output of all steps along a new first axis. \`test/reference/host_loops.py\` is
such a caller.`,
    '## What stops the others',
    ...run.flatMap(reasonsOf),
    '## Program by program',
    table(['model', 'program', ...run.map(({ runtime }) => runtime.title)], cells),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** For each runtime in which programs do not run, the reasons in the form that asks the least, the commonest first. */
function reasonsOf({ runtime, verdicts }: Run): readonly string[] {
  const programs = new Map<string, string[]>();
  for (const [{ model, program }, verdict] of verdicts) {
    if ('variant' in verdict) continue;
    const last = Object.values(verdict.reasons).at(-1) ?? '';
    const reason = shorten(last);
    programs.set(reason, [...(programs.get(reason) ?? []), `${model}/${program}`]);
  }
  if (programs.size === 0) return [];
  const rows = [...programs]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([reason, names]) => [`\`${reason}\``, names.length, names[0]!]);
  return [`${runtime.title}:`, table(['reason', 'programs', 'such as'], rows)];
}

/** A message in the width of a table: without names of tensors and numbers, which differ from program to program. */
function shorten(message: string): string {
  const plain = message
    .replaceAll(/\/\S+\//g, '')
    .replaceAll(/[A-Za-z]+_(node_)?\d+/g, '...')
    .replaceAll(/[|`]/g, ' ')
    .replaceAll(/\d+(\.\d+)?(e[+-]?\d+)?/g, 'N');
  return plain.length > 160 ? `${plain.slice(0, 157)}...` : plain;
}
