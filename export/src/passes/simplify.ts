import { checkGraph } from '../graph/check.ts';
import type { Graph } from '../graph/ir.ts';
import { shareCommonNodes } from './common.ts';
import { removeDeadNodes } from './dead.ts';
import { foldConstants } from './fold.ts';
import { removeIdentities } from './identities.ts';
import { removeNoOps } from './no-ops.ts';
import { deeply } from './rewrite.ts';

const passes: Record<string, (graph: Graph) => Graph> = {
  'removal of no-ops': removeNoOps,
  'constant folding': foldConstants,
  'removal of identities': removeIdentities,
  'sharing of common nodes': shareCommonNodes,
  'removal of dead nodes': removeDeadNodes,
};

/**
 * Removes what a program does not need: copies, computations on constants, repeated and unused nodes. The graph
 * is checked after each pass. Scan bodies are simplified too.
 */
export function simplify(graph: Graph): Graph {
  let result = graph;
  checkGraph(result, 'tracing');
  for (const [name, pass] of Object.entries(passes)) {
    result = deeply(result, pass);
    checkGraph(result, name);
  }
  return result;
}
