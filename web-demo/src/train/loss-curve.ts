import '../view/language.ts'; // before uPlot, which asks for the language as it is loaded
import uPlot from 'uplot';
import type { TrainingReport } from './protocol.ts';

/** A curve of the loss over the steps that grows while training goes on. */
export interface LossCurve {
  add(report: TrainingReport): void;
  clear(): void;
}

/** Draws the curve into an element, and follows its width and the colour scheme. */
export function lossCurve(element: HTMLElement): LossCurve {
  const steps: number[] = [];
  const losses: number[] = [];
  const height = 220;
  let plot = makePlot();
  new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height })).observe(element);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    plot.destroy();
    plot = makePlot();
  });

  function makePlot(): uPlot {
    const style = getComputedStyle(element);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 } };
    return new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false } },
        axes: [{ ...axis }, { ...axis, size: 60 }],
        series: [{ label: 'step' }, { label: 'loss', stroke: colour('--accent'), width: 2 }],
      },
      [steps, losses],
      element,
    );
  }
  return {
    add({ step, metrics }) {
      steps.push(step);
      losses.push(metrics.loss!);
      plot.setData([steps, losses]);
    },
    clear() {
      steps.length = 0;
      losses.length = 0;
      plot.setData([steps, losses]);
    },
  };
}
