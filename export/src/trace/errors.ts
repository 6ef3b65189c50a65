import { UserError } from '@generatrix/runtime/core';
import type { Place } from '../graph/ir.ts';

/** A function could not be traced; the message names the op and the place in the user's code. */
export class TraceError extends UserError {
  override readonly name: string = 'TraceError';
}

const internalFrame = /node_modules|node:internal|\/export\/(src|dist)\/(?!.*\.test\.)/;

/**
 * The place in the user's code that is running now: the innermost stack frame outside TensorFlow.js and the tracer.
 * The stack is noted here and put into words only when it is read, which takes longer than tracing an op.
 */
export function userLocation(): Place {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  let stack: Error | null = new Error();
  Error.stackTraceLimit = limit;
  let text = '';
  return {
    toString: () => {
      if (stack !== null) text = locationIn(stack.stack ?? '');
      stack = null;
      return text;
    },
  };
}

function locationIn(stack: string): string {
  const frames = stack.split('\n').slice(1);
  const frame = frames.find((line) => !internalFrame.test(line) && line.includes(':'));
  const location = frame?.match(/((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/)?.[1];
  return location?.replace('file://', '') ?? '';
}

/** ` at FILE:LINE`, or nothing when the place is unknown. */
export function at(where: Place): string {
  const text = String(where);
  return text === '' ? '' : ` at ${text}`;
}
