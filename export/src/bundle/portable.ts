import { UserError } from '@generatrix/runtime/core';
import type { Graph } from '../graph/ir.ts';
import { fixBatch } from '../passes/fix-batch.ts';
import { plainComparisons } from '../passes/plain-comparisons.ts';
import { deeply } from '../passes/rewrite.ts';
import { simplify } from '../passes/simplify.ts';
import { unrollScans } from '../passes/unroll.ts';

/** What a program is written as for runtimes that do not know all of ONNX. */
export interface PortableOptions {
  /**
   * `scan` keeps loops as ONNX's Scan, `unrolled` repeats their bodies step by step, `host` leaves them to the caller
   * (`host-loops.ts`).
   */
  readonly loops?: PortableLoops;
  /** The only batch size that the program takes; any, when absent. */
  readonly batch?: number | undefined;
}

export const portableLoops = ['scan', 'unrolled', 'host'] as const;
export type PortableLoops = (typeof portableLoops)[number];

/**
 * The graph of a program in a form that other people's runtimes take; with loops left to the caller, still whole. It computes the same, by the same operations.
 * @param graph of a program of any batch size, as `traceExported` or `traceBatched` returns it
 * @throws UserError when the batch size is no positive whole number, or too many steps would have to be unrolled.
 */
export function portableGraph(name: string, graph: Graph, { loops = 'scan', batch }: PortableOptions): Graph {
  if (batch !== undefined && !(Number.isSafeInteger(batch) && batch > 0)) {
    throw new UserError(`program ${name}: batch: expected a positive whole number, got ${batch}`);
  }
  const sized = batch === undefined ? graph : fixBatch(graph, batch);
  if (loops === 'host') return simplify(deeply(sized, plainComparisons));
  if (loops === 'scan') return batch === undefined ? graph : simplify(deeply(sized, plainComparisons));
  try {
    return simplify(plainComparisons(unrollScans(sized)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(
      `program ${name}: ${error.message}: keep its loops (scan), or run them outside (host)`,
      { cause: error },
    );
  }
}
