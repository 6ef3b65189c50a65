import { readdirSync } from 'node:fs';
import type { CaseFile, FamilyCase } from './family-case.ts';

const families = new URL('../families/', import.meta.url);
const paths = readdirSync(families, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.case.ts'))
  .sort();

/** The files NAME.case.ts that stand beside the families, each with the cases of one. */
export const caseFiles: readonly CaseFile[] = await Promise.all(
  paths.map((path) => import(/* @vite-ignore */ new URL(path, families).href) as Promise<CaseFile>),
);

/** The cases of every family; the conformance suite runs over all of them. */
export const familyCases: readonly FamilyCase[] = caseFiles.flatMap(({ cases }) => cases);
