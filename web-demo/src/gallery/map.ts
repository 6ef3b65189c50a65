import { make } from '../view/make.ts';
import { familiesOf } from './families.ts';
import { beside, type Leaf, taxonomy } from './taxonomy.ts';

/**
 * The taxonomy as a picture: a tree of lists, which the style sheet draws as branches. Families of which a model is
 * here lead to its card; the others are named all the same.
 * @param cards the card's id of each family that is here
 */
export function drawMap(container: HTMLElement, cards: ReadonlyMap<string, string>): void {
  const leaf = ({ id, title }: Leaf) => {
    const families = familiesOf(id).map(({ name, note }) => {
      const card = cards.get(name);
      const entry = card
        ? make('a', { href: `#${card}` }, note.title)
        : make(
            'span',
            { className: 'absent', title: 'No model of this family is on this server' },
            note.title,
          );
      return make('li', {}, entry);
    });
    const known = familiesOf(id).some(({ name }) => cards.has(name));
    return make(
      'li',
      { className: known ? 'leaf here' : 'leaf' },
      make('span', { className: 'node' }, title),
      make('ul', { className: 'families' }, ...families),
    );
  };
  const node = (title: string, says: string) =>
    make('span', { className: 'node' }, title, make('small', { className: 'says' }, says));
  const tree = make(
    'ul',
    { className: 'tree' },
    ...taxonomy.map(({ title, says, branches }) =>
      make(
        'li',
        { className: 'side' },
        node(title, says),
        make(
          'ul',
          { className: 'branches' },
          ...branches.map((branch) =>
            make('li', {}, node(branch.title, branch.says), make('ul', {}, ...branch.leaves.map(leaf))),
          ),
        ),
      ),
    ),
  );
  const others = beside.filter(({ id }) => familiesOf(id).some(({ name }) => cards.has(name)));
  container.replaceChildren(tree);
  if (others.length > 0) container.append(make('ul', { className: 'tree beside' }, ...others.map(leaf)));
}
