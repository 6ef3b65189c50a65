import { hostTensor, type Manifest } from '@generatrix/runtime/core';
import { drawDensity, type Ellipse, ellipseOf } from '../view/density-plot.ts';
import { make } from '../view/make.ts';
import { gridOf, massInSight } from '../view/mass.ts';
import { plotRegion } from '../view/scatter.ts';
import { formatTime } from '../view/text.ts';
import { has, type Panel, type PanelContext, scores } from './panel.ts';

/** Cells of the heat map along a side. */
const side = 96;
/** Cells of the grid that the mass is summed on where the first is too coarse. */
const fineSide = 192;
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
    const score = (cells: number) =>
      sampler.logProb(hostTensor('float32', [cells * cells, 2], gridOf(region, cells)), {
        samples: 8,
        ...condition(),
      });
    const start = performance.now();
    const scored = await score(side);
    const time = formatTime(performance.now() - start);
    const ellipses = await componentEllipses(manifest, sampler);
    const isExact = scored.kind === 'exact';
    const contours = ellipses.length > 0 ? `, ${ellipses.length} components at one and two deviations` : '';
    const line = `${isExact ? 'Density' : 'Bound of the density'} at ${side * side} places in ${time}${contours}`;
    note.textContent = line;
    const draw = () =>
      drawDensity(canvas, scored.values, { region, ellipses, points: withPoints.checked ? data.data : [] });
    withPoints.addEventListener('change', draw);
    draw();
    // Of a bound there is no mass to speak of.
    if (!isExact) return;
    const share = massInSight(scored.values, region) ?? massInSight((await score(fineSide)).values, region);
    const mass =
      share === undefined
        ? 'the grid is too coarse to sum the mass on'
        : `${percent(share)} of the mass is in sight`;
    note.textContent = `${line}; ${mass}`;
  };
  compute().catch(fail);
  const box = make('label', { className: 'check' }, withPoints, ` Show ${cloud} samples`);
  return make('div', {}, canvas, box, note);
}

const percent = (share: number) => `${(100 * Math.min(1, share)).toFixed(0)} %`;

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
