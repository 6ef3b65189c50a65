import type { Executor } from '@generatrix/runtime';
import fc from 'fast-check';
import { compare, type Outcome } from './compare.ts';
import { type Program, programOf, type Recipe } from './program.ts';
import { slopeDifference } from './slopes.ts';

const numbers = fc.array(fc.nat(1000), { minLength: 6, maxLength: 6 });
const recipes: fc.Arbitrary<Recipe> = fc.record({
  base: fc.array(fc.nat(1000), { maxLength: 4 }),
  inputs: fc.array(numbers, { minLength: 1, maxLength: 3 }),
  lines: fc.array(numbers, { minLength: 1, maxLength: 8 }),
  gradient: fc.boolean(),
  batched: fc.integer({ min: 0, max: 3 }).map((n) => n === 3),
});

/** A program for which ONNX and tfjs differ, as small as it could be made. */
export interface Failure {
  readonly seed: number;
  readonly program: Program;
  readonly message: string;
}

export interface Tally {
  readonly same: number;
  readonly refused: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
}

/**
 * Compares one random program per seed.
 * @param onSame is told of each program that is the same both ways
 */
export async function fuzz(
  firstSeed: number,
  count: number,
  executor: Executor,
  onSame: (seed: number, program: Program, outcome: Outcome & { kind: 'same' }) => void = () => {},
): Promise<Tally> {
  let same = 0;
  const refused = new Map<string, number>();
  const failures: Failure[] = [];
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    let failed: Failure | null = null;
    let first = true;
    const property = fc.asyncProperty(recipes, async (recipe) => {
      const program = programOf(recipe);
      const compared = await compare(program, executor);
      const slope = compared.kind === 'same' ? slopeDifference(program) : null;
      const outcome: Outcome = slope === null ? compared : { kind: 'different', message: slope };
      const drawn = first;
      first = false;
      if (outcome.kind === 'different') {
        failed = { seed, program, message: outcome.message };
        return false;
      }
      if (drawn && outcome.kind === 'same') {
        same++;
        onSame(seed, program, outcome);
      }
      if (drawn && outcome.kind === 'refused') {
        const kind = outcome.message.replace(/ at \S+:\d+:\d+|<anonymous>|\d+/g, '').slice(0, 100);
        refused.set(kind, (refused.get(kind) ?? 0) + 1);
      }
      return true;
    });
    await fc.check(property, { seed, numRuns: 1, unbiased: true });
    if (failed !== null) failures.push(failed);
  }
  return { same, refused, failures };
}

/** A failure in a few lines, which can be pasted and run. */
export function describeFailure({ seed, program, message }: Failure): string {
  const inputs = program.inputs.map(
    ({ name, dtype, shape }, i) => `${name} = grid([${shape}], ${i}, '${dtype}')`,
  );
  const batched = program.batched.length > 0 ? `; any batch size: ${program.batched.join(', ')}` : '';
  return [`seed ${seed}: ${message}`, `  ${program.text}`, `  inputs: ${inputs.join(', ')}${batched}`].join(
    '\n',
  );
}
