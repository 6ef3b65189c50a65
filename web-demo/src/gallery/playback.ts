import type { Conductor } from './conductor.ts';
import type { Tile } from './tile.ts';

/** Milliseconds between two paintings. */
const frameTime = 33;

/** Milliseconds within which a press of the button means what the button said before the visitor's hand came near. */
const surprise = 1000;

/** What a browser tells of the network, where it does. */
interface Connection {
  readonly saveData?: boolean;
}

interface Circumstances {
  /** Begins and ends all of it. */
  readonly button: HTMLElement;
  /** Whether the visitor wants no motion. */
  readonly still: MediaQueryList;
  /** Whether running a model fetches the model alone. */
  readonly engineKept: boolean;
}

/**
 * Paints the thumbnails in sight, and has their models run: at once where the engine is kept from before, else as soon as
 * the visitor touches the page (before that nothing large is fetched), or presses the button, which also stops all motion.
 * A visitor who wants no motion sees pictures that stand still, and models that run when they are touched.
 */
export function playTiles(
  tiles: readonly Tile[],
  conductor: Conductor,
  { button, still, engineKept }: Circumstances,
): void {
  const { connection } = navigator as Navigator & { readonly connection?: Connection };
  let paused = false;
  /** When the models began to run by themselves. */
  let begunAt: number | undefined;
  const byElement = new Map<Element, Tile>(tiles.map((tile) => [tile.canvas, tile]));
  const sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) byElement.get(target)?.setSeen(isIntersecting);
    conductor.look();
  });
  const size = new ResizeObserver((entries) => {
    for (const { target } of entries) byElement.get(target)?.refresh();
  });
  for (const { canvas } of tiles) {
    sight.observe(canvas);
    size.observe(canvas);
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const tile of tiles) tile.refresh();
  });

  let last = 0;
  const paint = (now: number) => {
    if (now - last >= frameTime) {
      last = now;
      if (!paused) for (const tile of tiles) tile.paint(now, !still.matches);
    }
    requestAnimationFrame(paint);
  };
  requestAnimationFrame(paint);

  const say = () => {
    button.textContent = paused ? 'Go on' : conductor.running ? 'Pause' : 'Run them here';
  };
  const begin = () => {
    if (paused || conductor.running) return;
    conductor.start();
    say();
  };
  button.addEventListener('click', () => {
    const stops = conductor.running && performance.now() - (begunAt ?? 0) > surprise;
    paused = stops;
    if (stops) conductor.pause();
    else conductor.start();
    say();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) conductor.pause();
    else if (begunAt !== undefined && !paused) begin();
  });
  const touch = () => {
    begunAt ??= performance.now();
    begin();
  };
  say();
  if (still.matches || connection?.saveData) return;
  if (engineKept) touch();
  else
    for (const sign of ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchstart'])
      addEventListener(sign, touch, { once: true, passive: true });
}
