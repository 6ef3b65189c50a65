// Private scratch, deleted before hand-over.
import { tf } from '../tf.ts';
import { record } from '../trace/trace.ts';
import { isSymbolic } from '../graph/ir.ts';
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { convolutionLowerings } from './lower-convolution.ts';
import { poolingLowerings } from './lower-pooling.ts';
import { normalisationLowerings } from './lower-normalisation.ts';
import { resizeLowerings } from './lower-resize.ts';
import { matmulLowerings } from './lower-matmul.ts';
const table: any = { ...convolutionLowerings, ...poolingLowerings, ...normalisationLowerings, ...resizeLowerings, ...matmulLowerings,
  Identity: (e: any, n: any, [x]: any) => [e.op('Identity', [x])],
  Reshape: (e: any, n: any, [x]: any) => [e.reshape(x, n.outputs[0].shape)],
  Transpose: (e: any, n: any, [x]: any) => [e.transpose(x, n.attrs.perm)],
  Multiply: (e: any, n: any, x: any) => [e.op('Mul', x)],
  Add: (e: any, n: any, x: any) => [e.op('Add', x)],
  Sum: (e: any, n: any, [x]: any) => [e.op('ReduceSum', [x, e.ints([n.attrs.axis].flat())], { keepdims: n.attrs.keepDims ? 1 : 0 })],
  Fill: (e: any, n: any) => [e.constant('float32', n.outputs[0].shape, new Float32Array(n.outputs[0].shape.reduce((a: number, b: number) => a * b, 1)).fill(n.attrs.value))],
  Slice: (e: any, n: any, [x]: any) => { const b = n.attrs.begin, s = n.outputs[0].shape; return [e.op('Slice', [x, e.ints(b), e.ints(b.map((v: number, i: number) => v + s[i])), e.ints(b.map((_: number, i: number) => i))])]; },
};
const vi = (n: number | bigint) => { let v = BigInt.asUintN(64, BigInt(n)); const o: number[] = []; while (v > 127n) { o.push(Number(v & 127n) | 128); v >>= 7n; } o.push(Number(v)); return o; };
const fi = (f: number, n: number | bigint) => [...vi(f * 8), ...vi(n)];
const cat = (parts: (Uint8Array | number[])[]) => Buffer.concat(parts.map((p) => Buffer.from(p)));
const by = (f: number, b: Uint8Array | number[]) => cat([vi(f * 8 + 2), vi(b.length), b]);
const st = (f: number, s: string) => by(f, Buffer.from(s));
const T: any = { float32: 1, int32: 6, int64: 7, bool: 9 };
export function toOnnx(graph: any): Uint8Array {
  const nodes: Buffer[] = [], inits: Buffer[] = []; let n = 0; const names = new Map<any, string>(); const seen = new Map<string, string>();
  const name = () => `v${n++}`;
  const attr = (k: string, v: any) => {
    if (typeof v === 'number') return by(5, cat([st(1, k), fi(3, v), fi(20, 2)]));
    if (typeof v === 'string') return by(5, cat([st(1, k), st(4, v), fi(20, 3)]));
    if (Array.isArray(v)) return by(5, cat([st(1, k), ...v.map((x: number) => fi(8, x)), fi(20, 7)]));
    throw new Error('attr ' + k);
  };
  const e: any = {
    ops(type: string, ins: string[], attrs: any, outs: number) { const o = Array.from({ length: outs }, name); nodes.push(by(1, cat([...ins.map((i) => st(1, i)), ...o.map((i) => st(2, i)), st(3, o[0]!), st(4, type), ...Object.entries(attrs).map(([k, v]) => attr(k, v))]))); return o; },
    op(type: string, ins: string[], attrs: any = {}) { return e.ops(type, ins, attrs, 1)[0]; },
    constant(dt: string, shape: number[], data: any) {
      const arr = dt === 'float32' ? Float32Array.from(data) : dt === 'int32' ? Int32Array.from(data) : dt === 'int64' ? BigInt64Array.from(Array.from(data as number[], BigInt)) : Uint8Array.from(data);
      const raw = Buffer.from(arr.buffer); const key = dt + shape + raw.toString('base64'); if (seen.has(key)) return seen.get(key);
      const nm = name(); inits.push(by(5, cat([...shape.map((d) => fi(1, d)), fi(2, T[dt]), st(8, nm), by(9, raw)]))); seen.set(key, nm); return nm; },
    scalar(dt: string, v: number) { return e.constant(dt, [], [v]); },
    ints(v: number[]) { return e.constant('int64', [v.length], v); },
    reshape(x: string, shape: any[]) { return e.op('Reshape', [x, e.ints(shape.map((d) => (isSymbolic(d) ? -1 : d)))]); },
    transpose(x: string, perm: number[]) { return perm.every((p, i) => p === i) ? x : e.op('Transpose', [x], { perm: [...perm] }); },
    cast(x: string, to: string) { return e.op('Cast', [x], { to: T[to] }); },
  };
  const vinfo = (f: number, nm: string, v: any) => by(f, cat([st(1, nm), by(2, by(1, cat([fi(1, T[v.dtype]), by(2, cat(v.shape.map((d: any) => by(1, isSymbolic(d) ? st(2, 'b'+(d as any).scale) : fi(1, d as number)))))])))]));
  for (const p of graph.inputs) names.set(p.value, p.name);
  for (const node of graph.nodes) {
    if (node.op === 'constant') { names.set(node.outputs[0], e.constant(node.outputs[0].dtype, node.outputs[0].shape, node.data)); continue; }
    if (node.op === 'splat') { names.set(node.outputs[0], e.constant(node.outputs[0].dtype, node.outputs[0].shape, new Array(node.outputs[0].shape.reduce((a: number, b: number) => a * b, 1)).fill(node.value))); continue; }
    const lower = table[node.kernel]; if (!lower) throw new Error('no double for ' + node.kernel);
    const outs = lower(e, node, node.inputs.map((v: any) => names.get(v)));
    node.outputs.forEach((v: any, i: number) => names.set(v, outs[i]));
  }
  for (const p of graph.outputs) nodes.push(by(1, cat([st(1, names.get(p.value)!), st(2, p.name + '_out'), st(4, 'Identity')])));
  const g = cat([...nodes, st(2, 'g'), ...inits, ...graph.inputs.map((p: any) => vinfo(11, p.name, p.value)), ...graph.outputs.map((p: any) => vinfo(12, p.name + '_out', p.value))]);
  return cat([fi(1, 8), by(7, g), by(8, cat([st(1, ''), fi(2, 17)]))]);
}
const A: any = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
export async function expectSameInOnnx(fn: any, inputs: Record<string, tf.Tensor>, { tolerance = 1e-5 } = {}) {
  const graph = record(fn, Object.fromEntries(Object.entries(inputs).map(([k, t]) => [k, { dtype: t.dtype, shape: t.shape }])) as any);
  const s = await ort.InferenceSession.create(toOnnx(graph));
  const out = await s.run(Object.fromEntries(Object.entries(inputs).map(([k, t]) => [k, new ort.Tensor(t.dtype as any, A[t.dtype].from(t.dataSync()), t.shape)])));
  const want = tf.tidy(() => fn(inputs)) as Record<string, tf.Tensor>;
  for (const [k, t] of Object.entries(want)) {
    const got = out[k + '_out']!; expect(got.dims, k).toEqual(t.shape); const a = got.data as Float32Array, b = t.dataSync();
    let worst = 0; for (let i = 0; i < b.length; i++) { const d = Number.isNaN(b[i]!) && Number.isNaN(a[i]!) ? 0 : Math.abs(a[i]! - b[i]!) / Math.max(1, Math.abs(b[i]!)); if (!(d <= worst)) worst = d; }
    expect(worst, k).toBeLessThanOrEqual(tolerance);
  }
  await s.release();
}
