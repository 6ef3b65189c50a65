import type { Draw, Known, Line } from './draw.ts';

const list = (numbers: readonly number[]) => `[${numbers.join(', ')}]`;
const nested = (rows: readonly (readonly number[])[]) => `[${rows.map(list).join(', ')}]`;

/** Sums, extremes and tests along axes. */
export function reduction(draw: Draw, x: Known): Line {
  const axes = list(draw.axes(x.shape.length));
  const keep = draw.flag();
  if (x.dtype === 'bool') {
    const name = draw.oneOf(['all', 'any', 'sum']);
    return { text: `tf.${name}(${x.name}, ${axes}, ${keep})`, exact: true };
  }
  const name = draw.oneOf(['sum', 'mean', 'max', 'min', 'prod', 'logSumExp']);
  const exact = x.exact && name !== 'mean' && name !== 'logSumExp';
  return { text: `tf.${name}(${x.name}, ${axes}, ${keep})`, exact };
}

/** What runs along one axis. */
export function alongAxis(draw: Draw, x: Known): Line | null {
  const rank = x.shape.length;
  if (rank === 0) return null;
  const axis = draw.axis(rank);
  const [exclusive, reverse] = [draw.flag(), draw.flag()];
  const ways = [
    { text: `tf.cumsum(${x.name}, ${axis}, ${exclusive}, ${reverse})`, exact: x.exact },
    { text: `tf.cumprod(${x.name}, ${axis}, ${exclusive}, ${reverse})`, exact: x.exact },
    { text: `tf.reverse(${x.name}, ${list(draw.axes(rank))})`, exact: x.exact },
    ...(x.dtype === 'float32'
      ? [
          { text: `tf.softmax(${x.name})`, exact: false },
          { text: `tf.logSoftmax(${x.name})`, exact: false },
        ]
      : []),
    ...(x.exact
      ? [
          { text: `tf.argMax(${x.name}, ${axis})`, exact: true },
          { text: `tf.argMin(${x.name}, ${axis})`, exact: true },
          { text: `tf.topk(${x.name}, ${1 + draw.below(2)}).values`, exact: true },
          { text: `tf.topk(${x.name}, ${1 + draw.below(2)}).indices`, exact: true },
        ]
      : []),
  ];
  return draw.oneOf(ways);
}

/** What moves values without computing on them. */
export function movement(draw: Draw, x: Known): Line | null {
  const { name, shape, exact } = x;
  const rank = shape.length;
  const places = shape.map((_, i) => i);
  const [before, after] = [draw.below(3), draw.below(2)];
  const axis = rank === 0 ? 0 : draw.axis(rank);
  const at = axis < 0 ? axis + rank : axis;
  const size = shape[at] ?? 1;
  const turned = places.map((i) => (i + before) % Math.max(1, rank));
  const begin = shape.map((length) => Math.min(draw.below(3), Math.max(0, length - 1)));
  const taken = shape.map((length, i) =>
    draw.flag() ? -1 : Math.min(1 + draw.below(2), length - begin[i]!),
  );
  const indices = `tf.tensor1d(${list(Array.from({ length: draw.below(4) }, () => draw.below(Math.max(1, size))))}, "int32")`;
  const ways: (string | null)[] = [
    `tf.transpose(${name}, ${list(turned)})`,
    `tf.reshape(${name}, ${list(draw.oneOf([shape.toReversed(), [...shape, 1], [1, ...shape], shape.includes(0) ? [0] : [-1]]))})`,
    `tf.expandDims(${name}, ${draw.flag() ? -1 : 0})`,
    rank === 0 ? null : `tf.slice(${name}, ${list(begin)}, ${list(taken)})`,
    rank === 0 || shape.includes(0)
      ? null
      : `tf.stridedSlice(${name}, ${list(begin)}, ${list(shape.map((length) => length - draw.below(2)))}, ${list(shape.map(() => 1 + draw.below(2)))})`,
    rank === 0
      ? null
      : `tf.stridedSlice(${name}, ${list(shape.map(() => -1))}, ${list(shape.map((length) => -length - 1))}, ${list(shape.map(() => -1 - draw.below(2)))})`,
    `tf.pad(${name}, ${nested(places.map(() => [draw.below(2), draw.below(3)]))}, ${x.dtype === 'float32' ? 0.5 : 1})`,
    rank === 0 || shape.some((length) => length < 2)
      ? null
      : `tf.mirrorPad(${name}, ${nested(places.map(() => [draw.below(2), draw.below(2)]))}, "${draw.oneOf(['reflect', 'symmetric'])}")`,
    `tf.tile(${name}, ${list(places.map(() => 1 + draw.below(2)))})`,
    `tf.broadcastTo(${name}, ${list([1 + before, ...shape])})`,
    rank === 0 ? null : `tf.gather(${name}, ${indices}, ${axis})`,
    rank === 0 || size === 0 ? null : `tf.gather(${name}, tf.scalar(${size - 1}, "int32"), ${axis})`,
    rank === 0 ? null : `tf.concat([${name}, tf.zerosLike(${name}), ${name}], ${axis})`,
    rank === 0 ? null : `tf.concat([${name}], ${axis})`,
    `tf.stack([${name}, ${name}], ${draw.below(rank + 1)})`,
    rank === 0 || size === 0 ? null : `tf.unstack(${name}, ${axis})[${size - 1}]`,
    rank === 0 || size === 0 ? null : `tf.split(${name}, ${size}, ${axis})[${Math.min(after, size - 1)}]`,
    rank === 0 ? null : `tf.split(${name}, [${size}, 0], ${at})[${after}]`,
    rank === 0 ? null : `tf.split(${name}, 1, ${at})[0]`,
    rank < 2 || size === 0
      ? null
      : `tf.gatherND(${name}, tf.tensor2d([[0], [${shape[0]! > 1 ? 1 : 0}]], [2, 1], "int32"))`,
    rank === 0
      ? null
      : `tf.scatterND(tf.tensor2d(${list(Array.from({ length: shape[0]! }, (_, i) => (i * 2) % 5))}, [${shape[0]}, 1], "int32"), ${name}, ${list([5, ...shape.slice(1)])})`,
    rank === 0 || shape[0] === 0
      ? null
      : `tf.unsortedSegmentSum(${name}, tf.tensor1d(${list(Array.from({ length: shape[0]! }, (_, i) => i % 2))}, "int32"), 3)`,
    x.dtype === 'int32' ? `tf.oneHot(tf.abs(${name}), 3)` : null,
    rank === 2 || rank === 3
      ? `tf.linalg.bandPart(${name}, ${draw.oneOf([-1, 0, 1])}, ${draw.oneOf([0, 1, -1])})`
      : null,
    x.dtype === 'float32' && rank === 4 && shape[0]! % 2 === 0
      ? `tf.batchToSpaceND(${name}, [1, 2], [[0, 0], [0, 0]])`
      : null,
    rank === 4 && shape[1]! % 2 === 0 ? `tf.spaceToBatchND(${name}, [2, 1], [[0, 0], [0, 0]])` : null,
  ];
  const text = draw.oneOf(ways.filter((way) => way !== null));
  return { text, exact };
}
