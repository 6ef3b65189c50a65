/** A browser of one engine with one page in it, driven by scripts alone: what every protocol can do. */
export interface Engine {
  /** As the browser calls itself, such as `firefox 153.8.0`. */
  readonly version: string;
  open(url: string): Promise<void>;
  /**
   * Runs an expression in the page and gives back what it comes to, awaited.
   * @throws what the expression throws.
   */
  evaluate(expression: string): Promise<unknown>;
  close(): Promise<void>;
}

/** An engine that was started, or one line that says why there is none here. */
export type EngineFound = Engine | { readonly reason: string };

/** Waits until an expression in the page is true. @throws after a while, with what the page shows. */
export async function waitFor(engine: Engine, expression: string, seconds = 90): Promise<void> {
  const end = Date.now() + 1000 * seconds;
  while (Date.now() < end) {
    // A page that is being left answers nothing.
    if ((await engine.evaluate(`Boolean(${expression})`).catch(() => false)) === true) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const shown = await engine.evaluate('document.body.innerText.slice(0, 500)').catch(String);
  throw new Error(
    `${engine.version}: still not so after ${seconds} s: ${expression}; the page shows: ${shown}`,
  );
}

/** The first line of an error, for the reason why an engine is absent. */
export function lineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
