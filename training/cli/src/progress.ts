import type { Progress, ProgressCourse } from '@generatrix/training';
import cliProgress from 'cli-progress';

export interface ProgressOptions extends ProgressCourse {
  /** Standard error when absent. */
  readonly stream?: NodeJS.WritableStream;
  /** Milliseconds, from any origin; the process clock when absent. */
  readonly now?: () => number;
}

/** Milliseconds between two lines where there is no terminal. */
const lineInterval = 5000;

/** Milliseconds that the speed is measured over. */
const speedWindow = 30_000;

/**
 * Progress of a run: loss, steps per second (over the last half minute) and time left. A bar that is redrawn in
 * place on a terminal; elsewhere (a log file, CI) a plain line at most every 5 seconds.
 */
export function createProgress(options: ProgressOptions): Progress {
  const { stream = process.stderr } = options;
  return 'isTTY' in stream && stream.isTTY === true
    ? barProgress(options, stream)
    : lineProgress(options, stream);
}

function lineProgress(options: ProgressOptions, stream: NodeJS.WritableStream): Progress {
  const { total, start = 0, label, now = () => performance.now() } = options;
  const speed = speedometer(start, now());
  let lastShown = now();
  let current: { step: number; loss: number | undefined; shown: boolean } | null = null;
  let stopped = false;
  const show = (): void => {
    if (current === null || current.shown) return;
    current.shown = true;
    lastShown = now();
    const { step, loss } = current;
    const rate = speed.rate();
    const parts = [`step ${step}/${total}`, lossText(loss), rateText(rate), leftText(total - step, rate)];
    stream.write(`${label}: ${parts.filter((part) => part !== '').join(', ')}\n`);
  };
  return {
    update: (step, { loss }) => {
      if (stopped) return;
      speed.record(step, now());
      current = { step, loss, shown: false };
      if (now() - lastShown >= lineInterval) show();
    },
    note: (line) => {
      stream.write(`${line}\n`);
    },
    stop: () => {
      if (stopped) return;
      show();
      stopped = true;
    },
  };
}

function barProgress(options: ProgressOptions, stream: NodeJS.WritableStream): Progress {
  const { total, start = 0, label, now = () => performance.now() } = options;
  const speed = speedometer(start, now());
  // A MultiBar of one, since only that kind can write lines above the bar. The cursor and line wrapping stay as
  // they are: a killed run would leave the terminal without.
  const bars = new cliProgress.MultiBar(
    {
      stream,
      format: `${label.replaceAll(/[{}]/g, '')} [{bar}] {percentage}% {value}/{total}  {details}`,
      barsize: 24,
      hideCursor: false,
      linewrap: true,
      gracefulExit: false,
    },
    cliProgress.Presets.legacy,
  );
  const bar = bars.create(total, start, { details: '' });
  let stopped = false;
  return {
    update: (step, { loss }) => {
      if (stopped) return;
      speed.record(step, now());
      const rate = speed.rate();
      const parts = [lossText(loss), rateText(rate), leftText(total - step, rate)];
      bar.update(step, { details: parts.filter((part) => part !== '').join(', ') });
    },
    note: (line) => {
      if (stopped) {
        stream.write(`${line}\n`);
        return;
      }
      bars.log(`${line}\n`);
      bars.update();
    },
    stop: () => {
      if (stopped) return;
      stopped = true;
      bars.stop();
    },
  };
}

/** Steps per second over a sliding window, at a second's grain. */
function speedometer(start: number, startTime: number) {
  let marks = [{ step: start, time: startTime }];
  let latest = marks[0]!;
  return {
    record: (step: number, time: number): void => {
      latest = { step, time };
      if (time - marks.at(-1)!.time < 1000) return;
      marks.push(latest);
      // The youngest mark that is a whole window old is kept: the window is never shorter than asked.
      const firstInside = marks.findIndex((mark) => time - mark.time < speedWindow);
      if (firstInside > 1) marks = marks.slice(firstInside - 1);
    },
    rate: (): number => {
      const { step, time } = marks[0]!;
      return latest.time > time ? ((latest.step - step) * 1000) / (latest.time - time) : 0;
    },
  };
}

function lossText(loss: number | undefined): string {
  return loss === undefined ? '' : `loss ${Number(loss.toPrecision(5))}`;
}

function rateText(rate: number): string {
  if (rate <= 0) return '';
  // Slow steps read better as seconds each.
  return rate >= 1
    ? `${rate.toPrecision(rate < 100 ? 3 : 4)} steps/s`
    : `${(1 / rate).toPrecision(3)} s/step`;
}

function leftText(steps: number, rate: number): string {
  return rate <= 0 || steps <= 0 ? '' : `${durationText(steps / rate)} left`;
}

/** A duration in its two largest units: `45 s`, `3 min 20 s`, `2 h 05 min`, `1 d 04 h`. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${pad(hours % 24)} h`;
}
