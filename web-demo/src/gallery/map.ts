import { make } from '../view/make.ts';
import { type Leaf, leafOf, type Taxonomy } from './taxonomy.ts';

/** A family of which a model is here. */
export interface MapEntry {
  readonly title: string;
  /** Its place in the taxonomy. */
  readonly taxonomy: readonly string[];
  /** The id of the card of its first model. */
  readonly card: string;
}

/** The taxonomy as a picture: a tree of lists, which the style sheet draws as branches. Families lead to their cards. */
export function drawMap(container: HTMLElement, taxonomy: Taxonomy, entries: readonly MapEntry[]): void {
  const here = (leaf: Leaf) => entries.filter((entry) => leafOf(taxonomy, entry.taxonomy) === leaf);
  const drawLeaf = (leaf: Leaf) => {
    const families = here(leaf);
    return make(
      'li',
      { className: families.length > 0 ? 'leaf here' : 'leaf' },
      make('span', { className: 'node' }, leaf.title),
      make(
        'ul',
        { className: 'families' },
        ...families.map(({ card, title }) => make('li', {}, make('a', { href: `#${card}` }, title))),
      ),
    );
  };
  const node = (title: string, says: string) =>
    make('span', { className: 'node' }, title, make('small', { className: 'says' }, says));
  const tree = make(
    'ul',
    { className: 'tree' },
    ...taxonomy.sides.map(({ title, says, branches }) =>
      make(
        'li',
        { className: 'side' },
        node(title, says),
        make(
          'ul',
          { className: 'branches' },
          ...branches.map((branch) =>
            make('li', {}, node(branch.title, branch.says), make('ul', {}, ...branch.leaves.map(drawLeaf))),
          ),
        ),
      ),
    ),
  );
  const others = taxonomy.beside.filter((leaf) => here(leaf).length > 0);
  container.replaceChildren(tree);
  if (others.length > 0) container.append(make('ul', { className: 'tree beside' }, ...others.map(drawLeaf)));
}
