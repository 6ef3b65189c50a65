import type { Draw, Known, Line } from './draw.ts';

const list = (numbers: readonly number[]) => `[${numbers.join(', ')}]`;

/** Equations by the rank of the first operand; the others are grids of sizes that fit. */
const equations: Readonly<Record<number, readonly string[]>> = {
  1: ['i,i->', 'i,j->ij', 'i,ij->j', 'i->i'],
  2: ['ij,jk->ik', 'ij,kj->ik', 'ij->ji', 'ij,ij->', 'ij,j->i', 'ij,ik->kj', 'ij->j'],
  3: ['bij,bjk->bik', 'bij,bjk->b', 'bij,jk->bik', 'bij,bkj->bik', 'bij->bji', 'bij,b->ij', 'abc,cd->abd'],
  4: ['bijc,cd->bijd', 'abij,abjk->abik', 'abij->ab'],
};
const extraSizes: Readonly<Record<string, number>> = { k: 2, j: 3, d: 2 };

/** Matrix products and sums of products. */
export function product(draw: Draw, x: Known): Line | null {
  const { name, shape, dtype } = x;
  const rank = shape.length;
  if (dtype === 'bool') return null;
  const exact = x.exact;
  const salt = draw.below(5);
  if (rank >= 2 && draw.flag()) {
    const [transposeA, transposeB] = [draw.flag(), draw.flag()];
    const inner = shape.at(transposeA ? -2 : -1)!;
    const columns = 1 + draw.below(3);
    const matrix = transposeB ? [columns, inner] : [inner, columns];
    const own = shape.slice(0, -2);
    const batch = draw.oneOf([
      [],
      own,
      own.map(() => 1),
      [2, ...own.map(() => 1)],
      own.map((size, i) => (i % 2 ? 1 : size)),
    ]);
    const other = `grid(${list([...batch, ...matrix])}, ${salt}, "${dtype}")`;
    return { text: `tf.matMul(${name}, ${other}, ${transposeA}, ${transposeB})`, exact };
  }
  const known = equations[rank];
  if (known === undefined) return null;
  const equation = draw.oneOf(known);
  const [first, ...others] = equation.split('->')[0]!.split(',') as [string, ...string[]];
  const sizes = new Map([...first].map((letter, i) => [letter, shape[i]!]));
  const operands = others.map(
    (labels) =>
      `grid(${list([...labels].map((letter) => sizes.get(letter) ?? extraSizes[letter]!))}, ${salt}, "${dtype}")`,
  );
  return { text: `tf.einsum("${equation}", ${[name, ...operands].join(', ')})`, exact };
}

/** Layers of networks over images [batch, height, width, channels]. */
export function spatial(draw: Draw, x: Known): Line | null {
  const { name, shape, dtype } = x;
  if (shape.length !== 4 || dtype !== 'float32' || shape.slice(1).includes(0)) return null;
  const channels = shape[3]!;
  const [height, width] = [1 + draw.below(3), 1 + draw.below(3)];
  const stride = 1 + draw.below(2);
  const pad = draw.oneOf(['"same"', '"valid"', '0', '1']);
  const dilation = stride === 1 && draw.flag() ? 2 : 1;
  const size = list([1 + draw.below(4), 1 + draw.below(4)]);
  const [align, half] = draw.oneOf([
    [false, false],
    [true, false],
    [false, true],
  ]);
  const filter = (last: number) => `grid(${list([height, width, channels, last])}, 1)`;
  const statistics = [`grid([${channels}], 2)`, `tf.abs(grid([${channels}], 3))`, `grid([${channels}], 4)`];
  const ways: Line[] = [
    {
      text: `tf.conv2d(${name}, ${filter(1 + draw.below(3))}, ${stride}, ${pad}, "NHWC", ${dilation})`,
      exact: x.exact,
    },
    { text: `tf.depthwiseConv2d(${name}, ${filter(1 + draw.below(2))}, ${stride}, ${pad})`, exact: x.exact },
    { text: `tf.maxPool(${name}, [${height}, ${width}], ${stride}, ${pad})`, exact: x.exact },
    {
      text: `tf.avgPool(${name}, [${height}, ${width}], ${stride}, ${pad === '1' ? '"same"' : pad})`,
      exact: false,
    },
    { text: `tf.image.resizeNearestNeighbor(${name}, ${size}, ${align}, ${half})`, exact: x.exact },
    { text: `tf.image.resizeBilinear(${name}, ${size}, ${align}, ${half})`, exact: false },
    { text: `tf.batchNorm(${name}, ${statistics.join(', ')}, undefined, 0.5)`, exact: false },
    { text: `tf.localResponseNormalization(${name}, 1, 1, 0.5, 0.75)`, exact: false },
    ...(channels % 4 === 0 ? [{ text: `tf.depthToSpace(${name}, 2)`, exact: x.exact }] : []),
  ];
  return draw.oneOf(ways);
}
