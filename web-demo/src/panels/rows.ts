import { randomSeed, samplingProgram } from '@generatrix/runtime/core';
import { field, make } from '../view/make.ts';
import { textRows } from '../view/table.ts';
import { formatTime } from '../view/text.ts';
import type { Panel, PanelContext } from './panel.ts';

/** Rows that are drawn at a time. */
const usualCount = 12;

/** Draws rows of a table and shows them as one. */
export const rows: Panel = {
  name: 'rows',
  title: 'Draw rows of the table',
  fits: ({ data, programs }) =>
    data.kind === 'points' && data.columns !== undefined && samplingProgram(programs) !== undefined,
  build,
};

function build({ sampler, manifest, condition, fail }: PanelContext): HTMLElement {
  const spec = manifest.data;
  if (spec.kind !== 'points' || spec.columns === undefined) throw new Error('this panel is for tables');
  const { columns } = spec;
  const head = make('tr', {}, ...columns.map(({ name }) => make('th', { scope: 'col' }, name)));
  const body = make('tbody');
  const seed = make('input', { type: 'number', min: '0', step: '1', value: '42' });
  const count = make('input', { type: 'number', min: '1', max: '500', value: String(usualCount) });
  const note = make('p', { className: 'note', role: 'status' });
  const draw = async () => {
    const request = {
      ...{ count: Math.min(500, Math.max(1, count.valueAsNumber || usualCount)) },
      ...{ seed: seed.valueAsNumber || 0 },
      ...condition(),
    };
    const { data, sampleMs } = await sampler.sample(request);
    const cells = textRows(data.data as Float32Array, columns);
    body.replaceChildren(...cells.map((row) => make('tr', {}, ...row.map((cell) => make('td', {}, cell)))));
    note.textContent = `${cells.length} rows with seed ${request.seed} in ${formatTime(sampleMs)}`;
  };
  const again = make(
    'button',
    {
      type: 'button',
      onclick: () => {
        seed.valueAsNumber = randomSeed();
        draw().catch(fail);
      },
    },
    'Others',
  );
  for (const box of [seed, count]) box.addEventListener('change', () => void draw().catch(fail));
  draw().catch(fail);
  return make(
    'div',
    {},
    make('div', { className: 'table-rows' }, make('table', {}, make('thead', {}, head), body)),
    make('div', { className: 'boxes' }, field('Rows', count), field('Seed', seed), again),
    note,
  );
}
