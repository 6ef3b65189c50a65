import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { familyCases } from '@generatrix/training/testing';
import { expect, it } from 'vitest';
import { type Column, compatibilityPage } from './page.ts';
import { otherRuntimes, probe } from './runtimes.ts';
import { type SurveyedProgram, survey, writeVariants } from './survey.ts';

/** Where `install.sh` installed the runtimes; the page is written when it is given. */
const runtimes = process.env.GENERATRIX_RUNTIMES;
const page = fileURLToPath(new URL('../../docs/compatibility.md', import.meta.url));
if (runtimes === undefined) {
  console.log(
    'skipped: programs in other runtimes: sh test/compatibility/install.sh FOLDER, then GENERATRIX_RUNTIMES=FOLDER',
  );
}

/** A few models for a look, by a part of their names; all when absent. */
const only = process.env.GENERATRIX_MODELS;

it.skipIf(runtimes === undefined)(
  'every program of every family runs in the runtimes that are here, or the page says why not',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'generatrix-compatibility-'));
    try {
      const programs: SurveyedProgram[] = [];
      const cases = familyCases.filter(({ name }) => only === undefined || name.includes(only));
      for (const [i, familyCase] of cases.entries()) {
        programs.push(...(await writeVariants(join(folder, String(i)), familyCase)));
      }
      const columns: Column[] = [];
      for (const runtime of otherRuntimes) {
        const found = probe(runtime, resolve(runtimes!));
        if ('reason' in found) columns.push({ runtime, skipped: found.reason });
        else {
          const scratch = join(folder, 'scratch');
          await mkdir(scratch, { recursive: true });
          const verdicts = await survey(runtime, resolve(runtimes!), programs, scratch);
          columns.push({ runtime, version: found.version, verdicts });
        }
      }
      const text = compatibilityPage(programs, columns, new Date());
      if (only === undefined) {
        await writeFile(page, text);
        spawnSync('npx', ['biome', 'format', '--write', page]);
      } else console.log(text);
      // What we hold ourselves to: ONNX's own tools and onnxruntime take all programs as they are.
      for (const column of columns.filter(({ runtime }) => runtime.title.startsWith('onnx'))) {
        if (!('verdicts' in column) || column.runtime.title === 'onnx2torch') continue;
        const others = [...column.verdicts].filter(([, v]) => !('variant' in v && v.variant === 'default'));
        expect(
          others.map(([{ model, program }, v]) => ({ model, program, v })),
          column.runtime.title,
        ).toEqual([]);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  3_600_000,
);
