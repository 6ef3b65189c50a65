import { samplingInputs } from '@generatrix/runtime/core';
import type { DeviceRequest, Manifest } from '@generatrix/runtime/web';
import { labelClasses } from '../model-inputs.ts';
import type { ModelEntry } from '../model-list.ts';
import type { SampleRequest } from '../worker/protocol.ts';

function byId<E extends HTMLElement>(id: string, type: new () => E): E {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page lacks its element #${id}`);
  return element;
}

/** The form's elements, found once; a missing one is a defect of the page and throws at start. */
export const controls = {
  form: byId('controls', HTMLFormElement),
  model: byId('model', HTMLSelectElement),
  device: byId('device', HTMLSelectElement),
  count: byId('count', HTMLInputElement),
  seed: byId('seed', HTMLInputElement),
  labelField: byId('label-field', HTMLDivElement),
  label: byId('label', HTMLSelectElement),
  scalars: byId('scalars', HTMLDivElement),
  sample: byId('sample', HTMLButtonElement),
  random: byId('random', HTMLButtonElement),
  stop: byId('stop', HTMLButtonElement),
};

/** Fills the model box and chooses one. */
export function offerModels(entries: readonly ModelEntry[], chosen: number): void {
  controls.model.replaceChildren(...entries.map(({ title }, i) => new Option(title, String(i))));
  controls.model.selectedIndex = chosen;
  controls.model.disabled = false;
}

/** Sets the boxes that the address names: `seed`, `count`, `device`. Values a box refuses are left out. */
export function applyQuery(query: URLSearchParams): void {
  for (const name of ['seed', 'count'] as const) {
    const box = controls[name];
    const before = box.value;
    box.value = query.get(name) ?? before;
    if (!box.checkValidity()) box.value = before;
  }
  const device = query.get('device');
  if (device && [...controls.device.options].some(({ value }) => value === device)) {
    controls.device.value = device;
  }
}

/** Shows the class and scalar boxes that this model asks for, keeping values that still fit. */
export function offerInputs({ programs, data }: Manifest): void {
  const specs = Object.entries(samplingInputs(programs) ?? {});
  const classes = labelClasses({ programs });
  controls.labelField.hidden = classes === 0;
  const before = controls.label.value;
  controls.label.replaceChildren(new Option('each in turn', ''));
  for (let i = 0; i < classes; i += 1) {
    controls.label.add(new Option(data.classNames[i] ?? String(i), String(i)));
  }
  if (before !== '' && Number(before) < classes) controls.label.value = before;

  const kept = readScalars();
  controls.scalars.replaceChildren(
    ...specs.flatMap(([name, spec]) =>
      spec.role === 'scalar' ? [scalarField(name, spec, kept[name] ?? spec.default)] : [],
    ),
  );
}

/** Sets the class and the scalars that the address names, of those that there are boxes for. */
export function applyInputs(query: URLSearchParams): void {
  const label = query.get('label');
  if (label !== null && [...controls.label.options].some(({ value }) => value === label)) {
    controls.label.value = label;
  }
  for (const box of controls.scalars.querySelectorAll('input')) {
    const before = box.value;
    box.value = query.get(box.name) ?? before;
    if (!box.checkValidity()) box.value = before;
  }
}

function scalarField(name: string, limits: { min?: number; max?: number }, value: number): HTMLElement {
  const field = document.createElement('div');
  field.className = 'field';
  const label = document.createElement('label');
  const box = document.createElement('input');
  box.id = `scalar-${name}`;
  box.name = name;
  box.type = 'number';
  box.step = 'any';
  box.required = true;
  if (limits.min !== undefined) box.min = String(limits.min);
  if (limits.max !== undefined) box.max = String(limits.max);
  box.value = String(value);
  label.htmlFor = box.id;
  label.textContent = name.charAt(0).toUpperCase() + name.slice(1);
  field.append(label, box);
  return field;
}

function readScalars(): Record<string, number> {
  const boxes = controls.scalars.querySelectorAll('input');
  return Object.fromEntries([...boxes].map((box) => [box.name, box.valueAsNumber]));
}

/** What the form asks for; call it only when the form is valid. */
export function readRequest(): SampleRequest {
  return {
    count: controls.count.valueAsNumber,
    seed: controls.seed.valueAsNumber,
    ...(controls.label.value === '' ? {} : { label: Number(controls.label.value) }),
    scalars: readScalars(),
  };
}

/** The device the form asks for. */
export function readDevice(): DeviceRequest {
  return controls.device.value as DeviceRequest;
}
