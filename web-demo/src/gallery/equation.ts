import { make } from '../view/make.ts';

/** An equation in plain text, with what follows `_` set below the line: `Σ_k`, `x_<i`. */
export function equation(text: string): HTMLElement {
  const parts = text.split(/_(<?\w)/);
  return make(
    'p',
    { className: 'equation' },
    ...parts.map((part, i) => (i % 2 ? make('sub', {}, part) : part)),
  );
}
