import type { Manifest } from '@generatrix/runtime/core';
import { labelClasses } from '../model-inputs.ts';
import { make } from '../view/make.ts';
import type { RemoteSampler } from '../worker/remote-sampler.ts';
import { chain } from './chain.ts';
import { complete } from './complete.ts';
import { density } from './density.ts';
import { explorer } from './explorer.ts';
import { interpolate } from './interpolate.ts';
import { likely } from './likely.ts';
import type { Panel, PanelContext } from './panel.ts';
import styleText from './panels.css?inline';
import { reconstruct } from './reconstruct.ts';
import { refinement } from './refinement.ts';
import { rows } from './rows.ts';
import { sound } from './sound.ts';

/** All panels, in the order they are offered: what a model does best comes first. */
const panels: readonly Panel[] = [
  rows,
  density,
  chain,
  refinement,
  sound,
  explorer,
  interpolate,
  complete,
  reconstruct,
  likely,
];

/** The name of what a model does best; nothing where no panel is for it. */
export function bestPanel(manifest: Manifest): string | undefined {
  return panels.find(({ fits }) => fits(manifest))?.name;
}

/** Ends the panels' following of the class box when others take their place. */
let listening: AbortController | undefined;

const style = new CSSStyleSheet();
style.replaceSync(styleText);

/**
 * Puts what can be done with a model into a container, as sections that open one at a time; each is built when it is
 * first opened. What is offered follows from the programs that the bundle declares.
 * @param container an element in the page or in a shadow tree
 * @param first where the first of them stands, apart from the others and always open
 * @param classBox the page's box for the class of samples, which the panels follow; where it says that all take turns,
 *   they show the first. Models without classes need none.
 */
export function offerPanels(
  container: HTMLElement,
  first: HTMLElement,
  sampler: RemoteSampler,
  classBox: HTMLSelectElement,
): void {
  const root = container.getRootNode() as Document | ShadowRoot;
  if (!root.adoptedStyleSheets.includes(style)) root.adoptedStyleSheets.push(style);
  const { manifest } = sampler;
  const error = make('p', { className: 'panel-error', role: 'alert', hidden: true });
  const classes = labelClasses(manifest);
  const classNote = make('p', { className: 'note', role: 'status' });
  const sayClass = () => {
    const name = manifest.data.classNames[Number(classBox.value)] ?? classBox.value;
    classNote.textContent = `The class here is ${classBox.value === '' ? (manifest.data.classNames[0] ?? '0') : name}, by the box Class.`;
  };
  sayClass();
  const context: PanelContext = {
    sampler,
    manifest,
    condition: () => (classes > 0 ? { label: Number(classBox.value) } : {}), // '' is 0
    fail: (reason) => {
      error.textContent = reason instanceof Error ? reason.message : String(reason);
      error.hidden = false;
    },
  };
  const group = `generatrix-panels-${Math.random()}`;
  const offered = panels.filter(({ fits }) => fits(manifest));
  const sections = offered.map((panel, i) => section(panel, context, i === 0 ? '' : group));
  listening?.abort();
  listening = new AbortController();
  classBox.addEventListener(
    'change',
    () => {
      sayClass();
      for (const { element } of sections) if (element.open) element.dispatchEvent(new Event('rebuild'));
      // What is closed is built anew when it is opened.
      for (const { element, body } of sections) if (!element.open) body.replaceChildren();
    },
    { signal: listening.signal },
  );
  for (const each of [first, container]) each.classList.add('generatrix-panels');
  const [best, ...others] = sections.map(({ element }) => element);
  first.replaceChildren(...(classes > 0 ? [classNote] : []), error, ...(best ? [best] : []));
  container.replaceChildren(...others);
}

function section(
  panel: Panel,
  context: PanelContext,
  group: string,
): { element: HTMLDetailsElement; body: HTMLElement } {
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
  element.open = group === '';
  return { element, body };
}
