import { readdir, readFile } from 'node:fs/promises';
import { describeFigure, parseReproduction, type ReproductionRecord } from 'generatrix';
import { z } from 'zod';
import { markdownTable } from '../markdown-table.ts';

/** Files of `results/` in the order of the page. */
export const sections = [
  'about',
  'likelihoods',
  'modes',
  'images',
  'mixtures',
  'diagnostics',
  'parity',
  'draws',
  'speed',
  'serving',
  'drawing',
  'memory',
  'sizes',
] as const;

/** The commit that wrote a figure down, and its day. */
const recorded = z.strictObject({ commit: z.string().regex(/^[0-9a-f]{7,}$/), date: z.iso.date() });

/** One figure with what is needed to see it again. */
const figure = z.strictObject({
  model: z.string(),
  data: z.string(),
  ours: z.string(),
  /** From elsewhere, `-` where there is none. */
  published: z.string(),
  command: z.string(),
  seed: z.int().optional(),
  steps: z.int().positive().optional(),
  time: z.string().optional(),
  recorded,
});

const block = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ figures: z.array(figure).min(1) }),
  z.strictObject({ columns: z.array(z.string()), rows: z.array(z.array(z.string())).min(1), recorded }),
]);

const section = z.strictObject({
  title: z.string(),
  level: z.int().min(1).max(3),
  blocks: z.array(block).min(1),
});

type Block = z.infer<typeof block>;
type Figure = z.infer<typeof figure>;

/** RESULTS.md as the files of a folder have it. @throws when a file is not as the schema above says. */
export async function resultsPage(folder: URL): Promise<string> {
  const parts = await Promise.all(
    sections.map(async (name) => {
      const value: unknown = JSON.parse(await readFile(new URL(`${name}.json`, folder), 'utf8'));
      const parsed = section.safeParse(value);
      if (!parsed.success) throw new Error(`results/${name}.json: ${z.prettifyError(parsed.error)}`);
      const { title, level, blocks } = parsed.data;
      return [`${'#'.repeat(level)} ${title}`, ...blocks.map(written)].join('\n\n');
    }),
  );
  // What `reproduce` wrote stands before the figures that were written down by hand.
  const [about, ...others] = parts;
  const all = [about, ...(await reproduced(new URL('reproduced/', folder))), ...others];
  return `<!-- Written by \`npm run results\` from results/*.json. -->\n\n${all.join('\n\n')}\n`;
}

/** The section of the records that `generatrix reproduce` wrote; none where there are none. */
async function reproduced(folder: URL): Promise<string[]> {
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.json')).toSorted();
  if (files.length === 0) return [];
  const records = await Promise.all(
    files.map(async (file) => {
      try {
        return parseReproduction(JSON.parse(await readFile(new URL(file, folder), 'utf8')));
      } catch (error) {
        throw new Error(
          `results/reproduced/${file}: ${error instanceof z.ZodError ? z.prettifyError(error) : error}`,
        );
      }
    }),
  );
  const rows = records.map(({ family, preset, seed, data, figures, published }, i) => [
    `${i + 1}`,
    `\`${family}/${preset}\`${seed === 1 ? '' : `, seed ${seed}`}`,
    `${data.name}, ${data.examples.toLocaleString('en')} test examples${data.binarised ? ', binarised anew' : ''}`,
    figures.map(describeFigure).join('; '),
    published,
  ]);
  return [
    [
      '## Reproduced',
      'Written by `generatrix reproduce` (`npm run reproduce -- FAMILY/PRESET --data-dir NAME=DIR`): each preset is trained, then judged on its test data. Standard errors in brackets. RUN is the folder of the run.',
      markdownTable(['', 'preset', 'data', 'ours', 'published'], rows),
      records.map((record, i) => `${i + 1}. ${commandsOf(record)}`).join('\n'),
    ].join('\n\n'),
  ];
}

const timeText = (seconds: number) =>
  seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;

function commandsOf({ commands, steps, processorSeconds, environment, date }: ReproductionRecord): string {
  const { commit, engine, threads, processor } = environment;
  const of = [
    `${steps.toLocaleString('en')} steps`,
    ...(processorSeconds === null ? [] : [`${timeText(processorSeconds)} of processor time`]),
    `${engine}${threads === null ? '' : `, ${threads} thread${threads === 1 ? '' : 's'}`}, ${processor}`,
    `recorded ${commit === null ? '' : `in ${commit}, `}${date}`,
  ];
  return `${commands.map((command) => `\`${command}\``).join(', then ')}: ${of.join('; ')}.`;
}

function written(part: Block): string {
  if ('text' in part) return part.text;
  if ('figures' in part) return figures(part.figures);
  const { columns, rows, recorded } = part;
  for (const row of rows) {
    if (row.length !== columns.length)
      throw new Error(`a row of ${row.length} cells, not ${columns.length}: ${row[0]}`);
  }
  return `${markdownTable(columns, rows)}\n\nRecorded first in ${recorded.commit}, ${recorded.date}.`;
}

/** A narrow table, and below it how each figure was come by. */
function figures(all: readonly Figure[]): string {
  const rows = all.map(({ model, data, ours, published }, i) => [`${i + 1}`, model, data, ours, published]);
  const commands = all.map(({ command, seed, steps, time, recorded }, i) => {
    const of = [
      ...(seed === undefined ? [] : [`seed ${seed}`]),
      ...(steps === undefined ? [] : [`${steps.toLocaleString('en')} steps`]),
      ...(time === undefined ? [] : [time]),
      `recorded in ${recorded.commit}, ${recorded.date}`,
    ];
    return `${i + 1}. ${command}: ${of.join('; ')}.`;
  });
  return `${markdownTable(['', 'model', 'data', 'ours', 'published'], rows)}\n\n${commands.join('\n')}`;
}
