import type { KnownDifference } from './differences.ts';
import type { EdgeCase } from './edges.ts';

/** A table in Markdown. */
function table(header: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...body.map(line)].join('\n');
}

function list(values: readonly number[]): string {
  return values.map(String).join(', ');
}

/** The rules of the edge cases, as docs/numerics.md has them. */
export function edgeTable(cases: readonly EdgeCase[]): string {
  return table(
    ['operation', 'value'],
    cases.map(({ operation, rule }) => [operation, rule]),
  );
}

/** The known differences, as docs/numerics.md has them. */
export function differenceTable(differences: readonly KnownDifference[]): string {
  return table(
    ['operation', 'example', 'TensorFlow.js', 'ONNX', 'GraphModel', 'why'],
    differences.map(({ operation, example, tfjs, onnx, graphModel = tfjs, why }) => {
      const ours = 'either' in onnx ? onnx.either.map(list).join(' or ') : list(onnx);
      return [operation, `\`${example}\``, list(tfjs), ours, list(graphModel), why];
    }),
  );
}
