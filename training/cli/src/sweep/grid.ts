import { UserError } from '@generatrix/runtime/core';
import { closestNames } from '@generatrix/training/errors';

/** One axis of a grid: a flag without its dashes, and the values that it takes. */
export interface SweepAxis {
  readonly flag: string;
  readonly values: readonly string[];
}

/** One point of the grid: what its run is called, and the values of the flags that differ between runs. */
export interface SweepPoint {
  readonly name: string;
  readonly values: Readonly<Record<string, string>>;
}

/** Runs beyond which a sweep is taken for a slip of the keyboard. */
const mostRuns = 1000;

/** What no sweep can vary: where runs go, and the sweep itself. */
const fixed = new Set(['out', 'sweep', 'jobs', 'overwrite', 'config', 'dry-run']);

/**
 * Reads `--sweep NAME=VALUE,VALUE`: the name as a flag has it (`learning-rate`) or as settings have it
 * (`learningRate`).
 * @param texts one for each time the flag was given
 * @param known flags that take a value, without dashes
 * @throws UserError when a text is of another form, or names no such flag or one that is named already.
 */
export function parseAxes(texts: readonly string[], known: readonly string[]): SweepAxis[] {
  const axes = texts.map((text) => parseAxis(text, known));
  for (const [index, { flag }] of axes.entries()) {
    if (axes.findIndex((axis) => axis.flag === flag) < index) {
      throw new UserError(`--sweep ${flag}: given twice; put all of its values into one list`);
    }
  }
  const runs = axes.reduce((product, { values }) => product * values.length, 1);
  if (runs > mostRuns) {
    throw new UserError(`--sweep: ${runs} runs are more than ${mostRuns}; give fewer values`);
  }
  return axes;
}

function parseAxis(text: string, known: readonly string[]): SweepAxis {
  const [, name, list] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || list === undefined) {
    throw new UserError(`--sweep: expected NAME=VALUE,VALUE such as learningRate=1e-4,1e-3, got '${text}'`);
  }
  const flag = name.trim().replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const choices = known.filter((other) => !fixed.has(other));
  if (!choices.includes(flag)) {
    const like = closestNames(flag, choices).slice(0, 4).join(', ');
    throw new UserError(`--sweep: there is no flag --${flag} to vary; the closest are ${like}`);
  }
  const values = list.split(',').map((value) => value.trim());
  if (values.includes('')) throw new UserError(`--sweep ${flag}: a value is empty in '${list}'`);
  if (new Set(values).size < values.length) {
    throw new UserError(`--sweep ${flag}: a value is given twice in '${list}'`);
  }
  return { flag, values };
}

/** Every combination of the axes' values, the last axis varying fastest. Names are safe as folders and distinct. */
export function gridOf(axes: readonly SweepAxis[]): SweepPoint[] {
  const combinations = axes.reduce<Record<string, string>[]>(
    (points, { flag, values }) =>
      points.flatMap((point) => values.map((value) => ({ ...point, [flag]: value }))),
    [{}],
  );
  const taken = new Map<string, number>();
  return combinations.map((values) => {
    const plain = Object.entries(values)
      .map(([flag, value]) => `${flag}=${value.replaceAll(/[^\w.+-]/g, '-')}`)
      .join('_');
    const before = taken.get(plain) ?? 0;
    taken.set(plain, before + 1);
    return { name: before === 0 ? plain : `${plain}_${before + 1}`, values };
  });
}
