import { make } from '../view/make.ts';
import { equation } from './equation.ts';
import { type Leaf, leafOf, type Taxonomy } from './taxonomy.ts';
import type { Tile } from './tile.ts';

type Shown = Pick<Tile, 'family' | 'title' | 'taxonomy' | 'equation' | 'element'>;

/**
 * The taxonomy as a picture: a tree of lists, which the style sheet draws as branches. A leaf is one thumbnail with what
 * its models do, in a sentence and an equation, and below it the leaf's other models.
 */
export function drawTree(container: HTMLElement, taxonomy: Taxonomy, tiles: readonly Shown[]): void {
  const here = (leaf: Leaf) => tiles.filter((tile) => leafOf(taxonomy, tile.taxonomy) === leaf);
  const drawLeaf = (leaf: Leaf) => {
    const [first, ...others] = inOrder(leaf, here(leaf));
    const head = make('h3', { className: 'node' }, leaf.title);
    if (first === undefined)
      return make('li', { className: 'leaf' }, head, make('p', { className: 'none' }, 'No model here yet.'));
    const text = leaf.equation ?? first.equation;
    return make(
      'li',
      { className: 'leaf here' },
      head,
      make('div', { className: 'first' }, first.element),
      make(
        'div',
        { className: 'words' },
        ...(leaf.says ? [make('p', { className: 'says' }, leaf.says)] : []),
        ...(text ? [equation(text)] : []),
      ),
      ...(others.length > 0
        ? [make('ul', { className: 'kin' }, ...others.map(({ element }) => make('li', {}, element)))]
        : []),
    );
  };
  const node = (title: string, says: string) =>
    make('p', { className: 'node' }, title, make('small', { className: 'says' }, says));
  const tree = make(
    'ul',
    { className: 'tree' },
    ...taxonomy.sides.map(({ title, says, branches }) =>
      asWideAs(
        branches.reduce((sum, { leaves }) => sum + leaves.length, 0),
        { className: 'side' },
        node(title, says),
        make(
          'ul',
          { className: 'branches' },
          ...branches.map((branch) =>
            asWideAs(
              branch.leaves.length,
              {},
              node(branch.title, branch.says),
              make('ul', {}, ...branch.leaves.map(drawLeaf)),
            ),
          ),
        ),
      ),
    ),
  );
  container.replaceChildren(tree);
  const others = taxonomy.beside.filter((leaf) => here(leaf).length > 0);
  if (others.length > 0) container.append(make('ul', { className: 'beside' }, ...others.map(drawLeaf)));
}

/** The model that shows a leaf best comes first, the others as they came. */
function inOrder({ shownBy = [] }: Leaf, tiles: readonly Shown[]): readonly Shown[] {
  const best = shownBy.flatMap((family) => tiles.filter((tile) => tile.family === family))[0] ?? tiles[0];
  return best === undefined ? [] : [best, ...tiles.filter((tile) => tile !== best)];
}

/** An item that takes the width of so many leaves, by a property that the style sheet reads. */
function asWideAs(
  leaves: number,
  setup: { readonly className?: string },
  ...children: Node[]
): HTMLLIElement {
  const item = make('li', setup, ...children);
  item.style.setProperty('--leaves', String(leaves));
  return item;
}
