import cliProgress from 'cli-progress';

/** Least time between two lines where there is no terminal to redraw, in seconds. */
const lineInterval = 5;

/** How far back the pace looks, in seconds: long enough to be steady, short enough to notice a change. */
const paceWindow = 10;

/** Where progress is shown; `process.stderr` is one. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  readonly label: string;
  /** Steps when all is done. */
  readonly total: number;
  /** Steps done already. */
  readonly start: number;
  /** `process.stderr` when absent. */
  readonly stream?: ProgressStream;
  /** Milliseconds, rising; `performance.now` when absent. */
  readonly clock?: () => number;
}

/** Shows how far a run is. */
export interface Progress {
  /** After each step: steps done, and its metrics, of which the loss is shown. */
  update(step: number, metrics: Readonly<Record<string, number>>): void;
  /** A line that stays, above the bar if there is one. */
  note(line: string): void;
  /** Shows the last state and ends the display. Calling it twice is harmless. */
  stop(): void;
}

/**
 * A bar where the stream is a terminal; elsewhere, as in a log file, one line at most every five seconds, the
 * notes, and a last line. Both show steps, loss, steps per second and the time left.
 */
export function createProgress(options: ProgressOptions): Progress {
  const { label, total, start, stream = process.stderr, clock = () => performance.now() } = options;
  const pace = new Pace(start, clock());
  let step = start;
  let loss: number | undefined;
  const describe = () => {
    const parts = [`${step}/${total}`];
    if (loss !== undefined) parts.push(`loss ${formatNumber(loss)}`);
    const rate = pace.perSecond();
    if (rate !== null) {
      parts.push(`${formatNumber(rate)} steps/s`);
      if (step < total) parts.push(`${formatDuration((total - step) / rate)} left`);
    }
    return parts.join(', ');
  };
  const display = stream.isTTY
    ? barDisplay(label, total, start, stream)
    : lineDisplay(label, total, stream, clock);
  let stopped = false;
  return {
    update(now, metrics) {
      step = now;
      loss = metrics.loss ?? loss;
      pace.record(step, clock());
      display.update(step, describe);
    },
    note: (line) => display.note(line),
    stop() {
      if (!stopped) display.stop(step, describe);
      stopped = true;
    },
  };
}

interface Display {
  update(step: number, describe: () => string): void;
  note(line: string): void;
  stop(step: number, describe: () => string): void;
}

function barDisplay(label: string, total: number, start: number, stream: ProgressStream): Display {
  // A MultiBar moves the cursor relatively; a SingleBar jumps to a saved place, which scrolling makes wrong.
  const bars = new cliProgress.MultiBar({
    stream: stream as NodeJS.WritableStream,
    format: `${label} [{bar}] {text}`,
    barsize: 16,
    // The bar's line is redrawn by a timer: the loop gives timers a turn after each step.
    fps: 4,
  });
  const bar = bars.create(total, start, { text: `${start}/${total}` });
  const show = (step: number, describe: () => string) => bar.update(step, { text: describe() });
  return {
    update: show,
    note(line) {
      // With a bar on screen the terminal does not wrap lines by itself.
      const parts = line.match(new RegExp(`.{1,${stream.columns ?? 80}}`, 'g')) ?? [''];
      bars.log(`${parts.join('\n')}\n`);
    },
    stop(step, describe) {
      show(step, describe);
      // Notes wait for the next redraw, which stop() does not do.
      bars.update();
      bars.stop();
    },
  };
}

function lineDisplay(label: string, total: number, stream: ProgressStream, clock: () => number): Display {
  let lastTime = clock();
  let lastStep: number | null = null;
  const show = (step: number, describe: () => string) => {
    lastTime = clock();
    lastStep = step;
    stream.write(`${label} ${Math.floor((100 * step) / Math.max(1, total))} %: ${describe()}\n`);
  };
  return {
    update(step, describe) {
      if (clock() - lastTime >= 1000 * lineInterval) show(step, describe);
    },
    note: (line) => void stream.write(`${line}\n`),
    stop(step, describe) {
      if (step !== lastStep) show(step, describe);
    },
  };
}

/** Steps per second over the last seconds. */
class Pace {
  #marks: { step: number; time: number }[];

  constructor(step: number, time: number) {
    this.#marks = [{ step, time }];
  }

  record(step: number, time: number): void {
    const last = this.#marks.at(-1)!;
    // Marks a tenth of a second apart are enough, and bound the list; the newest one always moves along.
    if (this.#marks.length > 1 && last.time - this.#marks.at(-2)!.time < 100) this.#marks.pop();
    this.#marks.push({ step, time });
    while (this.#marks.length > 2 && this.#marks[1]!.time <= time - 1000 * paceWindow) this.#marks.shift();
  }

  perSecond(): number | null {
    const first = this.#marks[0]!;
    const last = this.#marks.at(-1)!;
    const seconds = (last.time - first.time) / 1000;
    return last.step > first.step && seconds > 0 ? (last.step - first.step) / seconds : null;
  }
}

/** Four significant digits, without an exponent where a reader can do without. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  return size >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

/** A length of time as a person says it: `8 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
