import { make } from '../view/make.ts';

/** An equation in plain text, with what follows `_` set below the line: `Σ_k`, `x_<i`. */
export function equation(text: string): HTMLElement {
  return make('p', { className: 'equation' }, ...equationParts(text));
}

/** What `equation` consists of. */
export function equationParts(text: string): (Node | string)[] {
  return text.split(/_(<?\w)/).map((part, i) => (i % 2 ? make('sub', {}, part) : part));
}
