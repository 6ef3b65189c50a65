import type { Command } from 'commander';
import { type Comparison, compareRuns } from './compare/comparison.ts';
import { figureText, stepsText, writeComparison } from './compare/comparison-page.ts';
import { summariesOf } from './compare/run-summary.ts';
import { textTable } from './table.ts';

/** `generatrix compare RUN...`: settings, figures, curves and samples of several runs side by side. */
export function addCompare(program: Command): void {
  program
    .command('compare')
    .description('set training runs side by side: a table here, and a page with curves and samples')
    .argument('<runs...>', "folders of runs, or of a sweep's runs")
    .option('--out <file>', 'where the page goes', 'comparison.html')
    .action(async (folders: string[], { out }: { out: string }) => {
      await showComparison(folders, out);
    });
}

/** Prints the table and writes the page. @throws UserError when a folder holds no run, or the page cannot be written. */
export async function showComparison(folders: readonly string[], out: string): Promise<void> {
  const comparison = compareRuns(await summariesOf(folders));
  await writeComparison(out, comparison);
  console.log(comparisonTable(comparison));
  console.log(`wrote ${out}`);
}

/** One row for each run; the best held-out figures carry a star. */
export function comparisonTable({ runs, differences, figures }: Comparison): string {
  const head = [
    'run',
    'steps',
    ...differences.map(({ setting }) => setting),
    ...figures.map(({ name }) => name),
  ];
  const rows = runs.map(({ name, steps }, index) => {
    const numbers = figures.map(
      ({ values, best }) => `${figureText(values[index]!)}${best === index ? ' *' : ''}`,
    );
    return [name, stepsText(steps), ...differences.map(({ values }) => values[index]!), ...numbers];
  });
  return textTable(head, rows);
}
