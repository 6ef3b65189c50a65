import { hostTensor, type Manifest } from '@generatrix/runtime/core';
import { drawDensity, type Ellipse, ellipseOf } from '../view/density-plot.ts';
import { make } from '../view/make.ts';
import { plotRegion } from '../view/scatter.ts';
import { formatTime } from '../view/text.ts';
import { has, type Panel, type PanelContext, scores } from './panel.ts';

/** Cells of the heat map along a side. */
const side = 96;
const cloud = 1000;
/** Draws of each component that its ellipse is made from. */
const drawsOfComponent = 2000;

/** Density and samples of a model of points in the plane. */
export const density: Panel = {
  name: 'density',
  title: 'Density and samples',
  fits: (manifest) => manifest.data.kind === 'points' && manifest.data.shape[0] === 2 && scores(manifest),
  build,
};

function build({ sampler, manifest, condition, fail }: PanelContext): HTMLElement {
  const canvas = make('canvas', { role: 'img', 'aria-label': 'Density of the model', className: 'plot' });
  const note = make('p', { className: 'note', role: 'status' }, 'Computing the density');
  const withPoints = make('input', { type: 'checkbox', checked: true });
  const compute = async () => {
    const { data } = await sampler.sample({ count: cloud, seed: 42, ...condition() });
    const region = plotRegion(data.data, 2);
    const grid = new Float32Array(side * side * 2);
    for (let i = 0; i < side * side; i += 1) {
      const place = (cell: number) => ((cell + 0.5) / side - 0.5) * 2 * region.halfWidth;
      grid[2 * i] = region.centre[0] + place(i % side);
      grid[2 * i + 1] = region.centre[1] - place(Math.floor(i / side));
    }
    const start = performance.now();
    const examples = hostTensor('float32', [side * side, 2], grid);
    const scored = await sampler.logProb(examples, { samples: 8, ...condition() });
    const time = formatTime(performance.now() - start);
    const ellipses = await componentEllipses(manifest, sampler);
    const what = scored.kind === 'exact' ? 'Density' : 'Bound of the density';
    const mass = scored.values.reduce((sum, value) => sum + Math.exp(value), 0);
    const share = (100 * mass * ((2 * region.halfWidth) / side) ** 2).toFixed(0);
    const contours = ellipses.length > 0 ? `, ${ellipses.length} components at one and two deviations` : '';
    note.textContent = `${what} at ${side * side} places in ${time}; ${share} % of the mass is in sight${contours}`;
    const draw = () =>
      drawDensity(canvas, scored.values, { region, ellipses, points: withPoints.checked ? data.data : [] });
    withPoints.addEventListener('change', draw);
    draw();
  };
  compute().catch(fail);
  const box = make('label', { className: 'check' }, withPoints, ` Show ${cloud} samples`);
  return make('div', {}, canvas, box, note);
}

/**
 * A mixture's components as ellipses, from the means and covariances of draws of each (their parameters are inside
 * the program); none for other models.
 */
async function componentEllipses(
  manifest: Manifest,
  sampler: PanelContext['sampler'],
): Promise<readonly Ellipse[]> {
  if (!has(manifest, 'sampleComponent')) return [];
  const inputs = Object.values(manifest.programs.sampleComponent!.inputs);
  const spec = inputs.find(({ role }) => role === 'label');
  const components = spec?.role === 'label' ? spec.classes : 0;
  const ellipses: Ellipse[] = [];
  for (let component = 0; component < components; component += 1) {
    const request = { count: drawsOfComponent, seed: 1, program: 'sampleComponent', label: component };
    ellipses.push(ellipseOf((await sampler.sample(request)).data.data));
  }
  return ellipses;
}
