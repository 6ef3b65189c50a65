import { field, make } from '../view/make.ts';
import { drawSamples } from '../view/sample-view.ts';
import { codeSpace } from './code-space.ts';
import { axis, randomPlane, stack } from './directions.ts';
import { has, latest, type Panel, type PanelContext } from './panel.ts';

/** How far from the middle the plane reaches: three standard deviations of the codes. */
const reach = 3;
/** Pictures along a side of the map, and of one whose pictures each take longer than `slow` milliseconds. */
const mapSide = { quick: 9, slow: 5 };
const slow = 100;

/** Drag on a plane through the latent space; the picture follows. */
export const explorer: Panel = {
  name: 'explore',
  title: 'Explore the latent space',
  fits: (manifest) => has(manifest, 'decode') && manifest.data.kind !== 'points',
  build,
};

function build({ sampler, manifest, condition, fail }: PanelContext): HTMLElement {
  const spec = Object.values(manifest.programs.decode!.inputs).find(({ role }) => role === 'latent')!;
  const size = spec.shape.reduce((product, side) => product * side, 1);
  const isImage = manifest.data.kind === 'image';
  let planeSeed = 1;
  let plane = randomPlane(planeSeed, size);

  const names = [
    new Option('random', 'random'),
    ...Array.from({ length: size }, (_, i) => new Option(`dimension ${i + 1}`, String(i))),
  ];
  const first = make('select', {}, ...names);
  const second = make('select', {}, ...names.map((option) => option.cloneNode(true)));
  const slider = (name: string) =>
    make('input', { type: 'range', min: -reach, max: reach, step: 0.05, value: '1', name });
  const [across, up] = [slider('across'), slider('up')];
  const map = make('canvas', { className: 'pixels', 'aria-hidden': 'true' });
  const dot = make('span', { className: 'dot' });
  const pad = make('div', { className: 'pad', 'aria-hidden': 'true' }, map, dot);
  const canvas = make('canvas', { role: 'img', 'aria-label': 'Decoded image', className: 'result' });
  const speed = make('p', { className: 'note', role: 'status' });

  const where = codeSpace(sampler, manifest, size, condition());
  where.catch(fail);
  const codeAt = async (x: number, y: number) => {
    const { centre, deviation } = await where;
    return plane[0].map((value, i) => centre[i]! + deviation[i]! * (x * value + y * plane[1][i]!));
  };
  const show = latest<readonly [number, number]>(async ([x, y]) => {
    const start = performance.now();
    const { data } = await sampler.decode(stack([await codeAt(x, y)], spec.shape), condition());
    drawSamples(canvas, data, manifest.data);
    canvas.dataset.at = `${x.toFixed(2)},${y.toFixed(2)}`;
    const took = performance.now() - start;
    speed.textContent = `${took.toFixed(0)} ms from hand to picture`;
    // After the picture, which would wait for it, and as fine as there is time for.
    if (mapped !== plane) drawMap(took > slow ? mapSide.slow : mapSide.quick);
    mapped = plane;
  }, fail);
  let mapped: typeof plane | undefined;
  const drawMap = latest<number>(async (side) => {
    if (!isImage) return;
    const place = (i: number) => ((i + 0.5) / side - 0.5) * 2 * reach;
    const cells = await Promise.all(
      Array.from({ length: side ** 2 }, (_, i) => codeAt(place(i % side), -place(Math.floor(i / side)))),
    );
    const { data } = await sampler.decode(stack(cells, spec.shape), condition());
    drawSamples(map, data, manifest.data);
  }, fail);

  const follow = () => {
    const [x, y] = [across.valueAsNumber, up.valueAsNumber];
    dot.style.left = `${((x / reach + 1) / 2) * 100}%`;
    dot.style.top = `${((1 - y / reach) / 2) * 100}%`;
    show([x, y]);
  };
  for (const box of [across, up]) box.addEventListener('input', follow);
  const drag = (event: PointerEvent) => {
    if (event.buttons === 0) return;
    const box = pad.getBoundingClientRect();
    across.valueAsNumber = ((event.clientX - box.left) / box.width - 0.5) * 2 * reach;
    up.valueAsNumber = (0.5 - (event.clientY - box.top) / box.height) * 2 * reach;
    follow();
  };
  pad.addEventListener('pointerdown', (event) => {
    pad.setPointerCapture(event.pointerId);
    drag(event);
  });
  pad.addEventListener('pointermove', drag);
  const axes = () => {
    const random = randomPlane(planeSeed, size);
    const along = ({ value }: HTMLSelectElement, i: 0 | 1) =>
      value === 'random' ? random[i] : axis(Number(value), size);
    plane = [along(first, 0), along(second, 1)];
    follow();
  };
  for (const box of [first, second]) box.addEventListener('change', axes);
  const random = make(
    'button',
    {
      type: 'button',
      onclick: () => {
        planeSeed += 1;
        first.value = 'random';
        second.value = 'random';
        axes();
      },
    },
    'Another plane',
  );
  follow();
  return make(
    'div',
    { className: 'explorer' },
    make('div', { className: 'pair' }, pad, canvas),
    make(
      'div',
      { className: 'boxes' },
      field('Across', across),
      field('Up', up),
      field('Across is', first),
      field('Up is', second),
      random,
    ),
    speed,
  );
}
