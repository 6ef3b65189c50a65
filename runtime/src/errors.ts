/** An error that the user can cure: a bad file, argument or name. Its message is one clear line, shown without a stack. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
}

/** The message of anything thrown, on one line, without the place in onnxruntime's C++ source that it came from. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/\s+/g, ' ')
    .replace(/\S*\/onnxruntime_src\/.* was false\. /, '')
    .trim();
}
