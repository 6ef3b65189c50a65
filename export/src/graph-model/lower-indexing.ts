import { isSymbolic } from '../graph/ir.ts';
import { select } from './lower-elementwise.ts';
import { type GraphModelLowerings, refuse } from './lowering.ts';
import { attr } from './node-def.ts';

/** Gathers, scatters and what selects by index. */
export const indexingLowerings = {
  GatherNd: (emit, _, inputs) => [emit.op('GatherNd', inputs)],
  GatherV2: (emit, { attrs }, [x, indices]) => [
    emit.op('GatherV2', [x!, indices!, emit.scalar('int32', attrs.axis)], {
      batch_dims: attr.int(attrs.batchDims ?? 0),
    }),
  ],
  OneHot: (emit, node, [indices]) => {
    const { depth, onValue, offValue } = node.attrs;
    const { dtype } = node.outputs[0]!;
    const values = [emit.scalar(dtype, onValue), emit.scalar(dtype, offValue)];
    return [emit.op('OneHot', [indices!, emit.scalar('int32', depth), ...values], { T: attr.dtype(dtype) })];
  },
  ScatterNd: (emit, node, [indices, updates]) => [
    emit.op('ScatterNd', [indices!, updates!, emit.dims(node.outputs[0]!.shape)]),
  ],
  TensorScatterUpdate: (emit, _, inputs) => [emit.op('TensorScatterUpdate', inputs)],
  // Rows whose segment does not exist go to one extra row, which is cut off: ScatterNd refuses such indices.
  UnsortedSegmentSum: (emit, node, [x, segmentIds]) => {
    const [data, ids] = node.inputs as [(typeof node.inputs)[0], (typeof node.inputs)[0]];
    if (ids.shape.length !== 1) refuse(`UnsortedSegmentSum with segment ids of rank ${ids.shape.length}`);
    const { numSegments } = node.attrs;
    const rest = data.shape.slice(1);
    const end = emit.scalar('int32', numSegments);
    const inside = emit.op('LogicalAnd', [
      emit.op('GreaterEqual', [segmentIds!, emit.scalar('int32', 0)]),
      emit.op('Less', [segmentIds!, end]),
    ]);
    const rows = emit.op('ExpandDims', [select(emit, inside, segmentIds!, end), emit.scalar('int32', 1)]);
    // tfjs's sums are float32, whatever the summands.
    const types = { SrcT: attr.dtype(data.dtype), DstT: attr.dtype('float32') };
    const summands = data.dtype === 'float32' ? x! : emit.op('Cast', [x!], types);
    const sums = emit.op('ScatterNd', [rows, summands, emit.dims([numSegments + 1, ...rest])]);
    const begin = emit.ints(data.shape.map(() => 0));
    const size = emit.dims([numSegments, ...rest.map((dim) => (isSymbolic(dim) ? -1 : dim))]);
    return [emit.op('Slice', [sums, begin, size])];
  },
} satisfies Partial<GraphModelLowerings>;
