import { field, make } from './make.ts';

/** A slider with its label and, beside it, its value. */
export interface Slider {
  readonly box: HTMLInputElement;
  readonly field: HTMLElement;
}

/** @param shown the value in words */
export function slider(
  label: string,
  limits: { readonly min: number; readonly max: number; readonly step: number; readonly value: number },
  shown = (value: number) => value.toFixed(2),
): Slider {
  const box = make('input', { type: 'range', ...limits });
  const value = make('span', { className: 'note', 'aria-hidden': 'true' });
  const say = () => {
    value.textContent = shown(box.valueAsNumber);
    box.setAttribute('aria-valuetext', value.textContent);
  };
  box.addEventListener('input', say);
  say();
  const whole = field(label, box);
  whole.append(value);
  return { box, field: whole };
}
