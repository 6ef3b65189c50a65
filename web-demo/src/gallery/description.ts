import type { Manifest } from '@generatrix/runtime/web';

type Description = NonNullable<Manifest['description']>;

/** What a bundle says of its family; of one from a release that did not write it down, the family's name alone. */
export function descriptionOf({
  family,
  description,
}: Pick<Manifest, 'family' | 'description'>): Description {
  const { title, taxonomy, equation, sources } = (description ?? {}) as Partial<
    Record<keyof Description, unknown>
  >;
  return {
    title: textOf(title) || family,
    taxonomy: textsOf(taxonomy),
    equation: textOf(equation),
    sources: textsOf(sources),
  };
}

// The gallery reads manifests as they come, before a model is opened and all of it is checked.
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
