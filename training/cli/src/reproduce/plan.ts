import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import type { Family, Preset } from '@generatrix/training';
import { readsFiles } from '@generatrix/training/data';
import { closestNames } from '@generatrix/training/errors';

/** A preset that is to be trained and judged. */
export interface Reproduction {
  /** `FAMILY/PRESET`, with the seed where that is not 1. */
  readonly name: string;
  readonly family: Family;
  readonly presetName: string;
  readonly preset: Preset;
  /** Folder or file of its data; absent for data that is built in. */
  readonly dataDir?: string;
  /** Folder of its run. */
  readonly run: string;
  /** File that its figures go to. */
  readonly record: string;
}

/** A preset that is not, and why. */
export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

export interface PlanRequest {
  /** `FAMILY` or `FAMILY/PRESET`; all of them when empty. */
  readonly names: readonly string[];
  /** Where data lies: `NAME=DIR`, or `DIR` where one data set needs files. */
  readonly dataDirs: readonly string[];
  readonly seed: number;
  /** Folder of the runs, and of the figures. */
  readonly out: string;
  readonly results: string;
}

/**
 * Which presets are trained, in the order of the families, and which cannot be.
 * @throws UserError when a name is no family or preset, with the closest ones, or data is named that nothing needs.
 */
export function planReproductions(
  families: readonly Family[],
  request: PlanRequest,
): { readonly planned: Reproduction[]; readonly leftOut: LeftOut[] } {
  const chosen = choosePresets(families, request.names);
  const needed = new Set(chosen.map(({ preset }) => preset.data).filter((name) => readsFiles(name)));
  const dirs = dataDirsOf(request.dataDirs, [...needed]);
  const planned: Reproduction[] = [];
  const leftOut: LeftOut[] = [];
  for (const { family, presetName, preset } of chosen) {
    const seed = request.seed === 1 ? '' : `-seed-${request.seed}`;
    const name = `${family.name}/${presetName}${seed}`;
    const dataDir = dirs.get(preset.data);
    if (readsFiles(preset.data) && dataDir === undefined) {
      leftOut.push({ name, why: `it needs --data-dir ${preset.data}=DIR` });
      continue;
    }
    const file = name.replace('/', '-');
    planned.push({
      ...{ name, family, presetName, preset, run: join(request.out, file) },
      ...{ record: join(request.results, `${file}.json`), ...(dataDir !== undefined && { dataDir }) },
    });
  }
  return { planned, leftOut };
}

function choosePresets(families: readonly Family[], names: readonly string[]) {
  const all = families.flatMap((family) =>
    Object.entries(family.reproduce).map(([presetName, preset]) => ({ family, presetName, preset })),
  );
  if (names.length === 0) return all;
  const fits = (name: string, { family, presetName }: (typeof all)[number]) =>
    name === family.name || name === `${family.name}/${presetName}`;
  for (const name of names) {
    if (all.some((each) => fits(name, each))) continue;
    const bare = families.find((family) => family.name === name);
    if (bare !== undefined) throw new UserError(`${name}: the family has no presets to reproduce`);
    const known = all.map(({ family, presetName }) => `${family.name}/${presetName}`);
    throw new UserError(
      `${name}: expected FAMILY or FAMILY/PRESET, such as ${closestNames(name, known).slice(0, 3).join(', ')}; ` +
        'all of them: generatrix reproduce --list',
    );
  }
  return all.filter((each) => names.some((name) => fits(name, each)));
}

function dataDirsOf(texts: readonly string[], needed: readonly string[]): Map<string, string> {
  return new Map(
    texts.map((text) => {
      const at = text.indexOf('=');
      const name = at > 0 ? text.slice(0, at) : '';
      if (needed.includes(name)) return [name, text.slice(at + 1)];
      if (at > 0 && readsFiles(name))
        throw new UserError(`--data-dir ${text}: none of these presets takes ${name}; leave it out`);
      if (needed.length === 1) return [needed[0]!, text];
      throw new UserError(
        needed.length === 0
          ? `--data-dir ${text}: the data of these presets is built in; leave it out`
          : `--data-dir ${text}: say of which data, NAME=DIR, where NAME is one of ${needed.join(', ')}`,
      );
    }),
  );
}

const unit = { s: 1, m: 60, h: 3600 } as const;

/** Reads `--budget`: seconds of 90m, 1.5h or 300s. @throws UserError for anything else */
export function budgetSeconds(text: string): number {
  const [, number, letter] = /^(\d+(?:\.\d+)?)([smh])$/.exec(text) ?? [];
  const seconds = Number(number) * (unit[letter as keyof typeof unit] ?? Number.NaN);
  if (seconds > 0) return seconds;
  throw new UserError(`--budget: expected a time such as 90m, 1.5h or 300s, got '${text}'`);
}
