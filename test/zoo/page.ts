import { markdownTable } from '../markdown-table.ts';
import type { ZooRecord } from './record.ts';

const kilobytes = (bytes: number) => `${Math.round(bytes / 1000)} kB`;

/** `models/README.md`: what the zoo is, and a row for each model. */
export function zooPage(
  records: readonly ZooRecord[],
  withoutModel: Readonly<Record<string, string>>,
): string {
  const rows = records.map(({ name, family, data, why, figure, parity, processorSeconds, bytes }) => {
    const verdict = `${parity.passed ? 'agrees' : 'differs'}, ${parity.maxRelativeError.toExponential(0)}`;
    return [
      `\`${name}\``,
      `\`${family}\``,
      `\`${data}\`: ${why}`,
      figure.text,
      verdict,
      `${processorSeconds} s`,
      kilobytes(bytes),
    ];
  });
  const total = records.reduce((sum, { bytes }) => sum + bytes, 0);
  const seconds = records.reduce((sum, { processorSeconds }) => sum + processorSeconds, 0);
  const missing = Object.entries(withoutModel).map(([family, reason]) => `- \`${family}\`: ${reason}`);
  return `# The zoo

Trained models, one of a family, ${records.length} in all, ${(total / 1e6).toFixed(1)} MB: what \`npm start\` shows at once, and the static site
brings along. All are trained on data that Generatrix draws itself, on one core; \`npm run zoo\` trains again what is
missing, was changed, or has another command in \`test/zoo/models.ts\` than the one recorded, and writes this page;
\`npm run zoo -- NAME...\` those that are named, \`--again\` all the same.

The figure: the log-likelihood of validation examples (or a bound of it, or an estimate), which the bundle's manifest states, too, where
the family has one; else the Fréchet distance on a classifier of the same data, the share of samples near a mode, or how often a classifier
tells samples from real points (50 % is chance), by \`generatrix evaluate\`. Parity is the largest relative
difference of a program's outputs between onnxruntime and TensorFlow.js, found when it was exported.
\`zoo.json\` has all of it, and the SHA-256 of each file.

${markdownTable(['model', 'family', 'data', 'figure', 'parity', 'processor time', 'size'], rows)}

In all ${Math.round(seconds / 60)} minutes of processor time.${missing.length === 0 ? '' : `\n\nWithout a model:\n\n${missing.join('\n')}`}

## Commands

Each with \`--out RUN\`, then \`generatrix export RUN --out models/NAME\`.

\`\`\`
${records.map(({ command }) => command).join('\n')}
\`\`\`
`;
}
