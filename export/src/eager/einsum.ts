import { sizeOf, walk } from './broadcast.ts';

/** Values and their shape. */
export interface Operand {
  readonly values: ArrayLike<number>;
  readonly shape: readonly number[];
}

/**
 * The sum of products that an equation such as `ij,jk->ik` names: for each index of the result, over all the indices
 * that it leaves out. Any character labels an axis; a label twice in one operand takes the diagonal.
 * @throws when the labels do not fit the operands.
 */
export function einsumValues(
  equation: string,
  operands: readonly Operand[],
): { readonly values: Float64Array; readonly shape: readonly number[] } {
  const [left = '', right = ''] = equation.replace(/\s/g, '').split('->');
  const terms = left.split(',').map((term) => [...term]);
  const result = [...right];
  const sizes = new Map<string, number>();
  for (const [i, labels] of terms.entries()) {
    const { shape } = operands[i]!;
    if (labels.length !== shape.length) {
      throw new Error(
        `einsum ${equation}: operand ${i} has shape [${shape}], expected ${labels.length} axes`,
      );
    }
    for (const [axis, label] of labels.entries()) {
      const known = sizes.get(label) ?? shape[axis]!;
      if (known !== shape[axis]) {
        throw new Error(`einsum ${equation}: '${label}' is ${known} and ${shape[axis]}`);
      }
      sizes.set(label, known);
    }
  }
  const summed = [...sizes.keys()].filter((label) => !result.includes(label));
  const shapeOf = (labels: readonly string[]) => labels.map((label) => sizes.get(label)!);
  /** Steps in an operand's values for one step of each label. */
  const stridesOf = (labels: readonly string[], term: readonly string[], { shape }: Operand) =>
    labels.map((label) =>
      term.reduce((sum, own, axis) => sum + (own === label ? sizeOf(shape.slice(axis + 1)) : 0), 0),
    );
  const along = (labels: readonly string[]) => terms.map((term, i) => stridesOf(labels, term, operands[i]!));
  const shape = shapeOf(result);
  const values = new Float64Array(sizeOf(shape));
  const [outer, inner] = [along(result), along(summed)];
  walk(shape, outer, (place, ...starts) => {
    let sum = 0;
    walk(shapeOf(summed), inner, (_, ...steps) => {
      let product = 1;
      for (const [i, { values: own }] of operands.entries()) product *= own[starts[i]! + steps[i]!]!;
      sum += product;
    });
    values[place] = sum;
  });
  return { values, shape };
}
