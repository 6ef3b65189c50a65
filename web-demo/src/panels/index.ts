import { samplingInputs } from '@generatrix/runtime/core';
import { field, make } from '../view/make.ts';
import type { RemoteSampler } from '../worker/remote-sampler.ts';
import { complete } from './complete.ts';
import { density } from './density.ts';
import { explorer } from './explorer.ts';
import { interpolate } from './interpolate.ts';
import { likely } from './likely.ts';
import type { Panel, PanelContext } from './panel.ts';
import styleText from './panels.css?inline';
import { reconstruct } from './reconstruct.ts';
import { sound } from './sound.ts';

/** All panels, in the order they are offered. */
const panels: readonly Panel[] = [density, explorer, interpolate, reconstruct, complete, likely, sound];

const style = new CSSStyleSheet();
style.replaceSync(styleText);

/**
 * Puts what can be done with a model into a container, as sections that open one at a time; each is built when it is
 * first opened. What is offered follows from the programs that the bundle declares.
 * @param container an element in the page or in a shadow tree
 */
export function offerPanels(container: HTMLElement, sampler: RemoteSampler): void {
  const root = container.getRootNode() as Document | ShadowRoot;
  if (!root.adoptedStyleSheets.includes(style)) root.adoptedStyleSheets.push(style);
  const { manifest } = sampler;
  const error = make('p', { className: 'panel-error', role: 'alert', hidden: true });
  const classBox = make('select');
  const classes = classCount(sampler);
  for (let i = 0; i < classes; i += 1) {
    classBox.add(new Option(manifest.data.classNames[i] ?? String(i), String(i)));
  }
  const context: PanelContext = {
    sampler,
    manifest,
    condition: () => (classes > 0 ? { label: Number(classBox.value) } : {}),
    fail: (reason) => {
      error.textContent = reason instanceof Error ? reason.message : String(reason);
      error.hidden = false;
    },
  };
  const group = `generatrix-panels-${Math.random()}`;
  const offered = panels.filter(({ fits }) => fits(manifest));
  const sections = offered.map((panel, i) => section(panel, context, group, i === 0));
  classBox.addEventListener('change', () => {
    for (const { element } of sections) if (element.open) element.dispatchEvent(new Event('rebuild'));
  });
  container.classList.add('generatrix-panels');
  container.replaceChildren(
    ...(classes > 0 ? [field('Class', classBox)] : []),
    error,
    ...sections.map(({ element }) => element),
  );
}

/** Classes that the model takes, and not a mixture's components, which only one of its programs takes. */
function classCount({ manifest }: RemoteSampler): number {
  const inputs = samplingInputs(manifest.programs) ?? Object.values(manifest.programs)[0]!.inputs;
  const label = Object.values(inputs).find(({ role }) => role === 'label');
  return label?.role === 'label' ? label.classes : 0;
}

function section(
  panel: Panel,
  context: PanelContext,
  group: string,
  open: boolean,
): { element: HTMLDetailsElement } {
  const body = make('div', { className: 'panel-body' });
  const element = make('details', {}, make('summary', {}, panel.title), body);
  element.dataset.panel = panel.name;
  element.name = group;
  const build = () => {
    try {
      body.replaceChildren(panel.build(context));
    } catch (error) {
      context.fail(error);
    }
  };
  element.addEventListener('toggle', () => {
    if (element.open && body.childElementCount === 0) build();
  });
  element.addEventListener('rebuild', build);
  element.open = open;
  return { element };
}
