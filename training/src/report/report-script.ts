/**
 * Draws the charts in the page, redrawing for the colour scheme and the width. It is text, not a module: it
 * travels inside the report, where uPlot is a global.
 */
export const reportScript = `'use strict';
const charts = JSON.parse(document.getElementById('charts').textContent);
const drawn = [];
// Distances of an axis's marks where only whole numbers have a meaning: 1, 2, 5, 10 and so on.
const wholeSteps = Array.from({ length: 30 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));

function draw() {
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue('--' + name).trim();
  for (const plot of drawn.splice(0)) plot.destroy();
  for (const [index, chart] of charts.entries()) {
    const host = document.getElementById('plot-' + index);
    const axis = {
      stroke: colour('muted'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { stroke: colour('line'), width: 1 },
    };
    // Room for the longest label, at about seven pixels a letter.
    const labelWidth = (_, labels) => 22 + 7 * Math.max(2, ...(labels || []).map((label) => String(label ?? '').length));
    const first = (source, index) => source === 'train' || (source !== 'held-out' && index === 0);
    // Eight colours, then the same ones dashed.
    const many = (index) => ({ name: 'curve-' + (index % 8), dashed: index >= 8 });
    const two = (source, index) => ({ name: first(source, index) ? 'train' : 'held-out', dashed: !first(source, index) });
    const look = (source, index) => (chart.series.length > 2 ? many(index) : two(source, index));
    const series = chart.series.map(({ source, values }, index) => ({
      label: source,
      stroke: colour(look(source, index).name),
      dash: look(source, index).dashed ? [7, 4] : undefined,
      width: 2,
      spanGaps: true,
      points: { show: values.filter((value) => value !== null).length <= 40, size: 6, fill: colour('panel') },
      value: (_, value) => (value == null ? '-' : String(Number(value.toPrecision(5)))),
    }));
    // Where the pointer is not, the legend has each curve's last value.
    const lastOf = (values) => values.findLastIndex((value) => value !== null);
    const ends = [chart.steps.length - 1, ...chart.series.map(({ values }) => lastOf(values))];
    const showEnds = (plot) => plot.setLegend({ idxs: ends }, false);
    const all = chart.series.flatMap(({ values }) => values.filter((value) => value !== null));
    const [least, greatest] = [Math.min(...all), Math.max(...all)];
    const beside = chart.whole ? 1 : Math.abs(least) / 10 || 1;
    const range = chart.bounds || (least === greatest ? [least - beside, least + beside] : null);
    const options = {
      width: host.clientWidth,
      height: 260,
      scales: {
        x: { time: false, range: (_, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) },
        y: { distr: chart.logarithmic ? 3 : 1, ...(range ? { range } : {}) },
      },
      axes: [
        { ...axis, label: 'step', labelSize: 20, size: 34, incrs: wholeSteps },
        { ...axis, size: labelWidth, ...(chart.whole ? { incrs: wholeSteps } : {}) },
      ],
      series: [{ label: 'step' }, ...series],
      hooks: {
        ready: [showEnds],
        setCursor: [(plot) => { if (plot.cursor.idx == null) showEnds(plot); }],
      },
    };
    drawn.push(new uPlot(options, [chart.steps, ...chart.series.map(({ values }) => values)], host));
  }
}

draw();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
new ResizeObserver(() => {
  for (const plot of drawn) plot.setSize({ width: plot.root.parentElement.clientWidth, height: 260 });
}).observe(document.querySelector('main'));
`;
