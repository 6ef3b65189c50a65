/** A function could not be traced; the message names the op and the place in the user's code. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

const internalFrame = /node_modules|node:internal|\/export\/(src|dist)\/(?!.*\.test\.)/;

/**
 * The file and line of the user's code that is running now: the innermost stack frame outside TensorFlow.js and
 * the tracer. Empty when there is none.
 */
export function userLocation(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = limit;
  const frame = frames.find((line) => !internalFrame.test(line) && line.includes(':'));
  const location = frame?.match(/((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/)?.[1];
  return location?.replace('file://', '') ?? '';
}

/** ` at FILE:LINE`, or nothing when the place is unknown. */
export function at(where: string): string {
  return where === '' ? '' : ` at ${where}`;
}
