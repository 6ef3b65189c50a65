/**
 * The taxonomy of deep generative models (Goodfellow 2016, arXiv:1701.00160, figure 9) as the map draws it. Which family
 * stands where is said by the bundles' manifests: a path from the root, such as `explicit density`, `tractable`, `flow`.
 */
export interface Side {
  readonly title: string;
  readonly says: string;
  readonly branches: readonly Branch[];
}

export interface Branch {
  readonly title: string;
  readonly says: string;
  /** Where paths of its families begin. */
  readonly place: readonly string[];
  /** Leaves that are drawn whether or not a model is there. */
  readonly leaves: readonly Leaf[];
}

export interface Leaf {
  readonly title: string;
  readonly place: readonly string[];
  /** What its models do, in one sentence. */
  readonly says?: string;
  /** What they have in common, as an equation in plain text. */
  readonly equation?: string;
  /** Families whose picture shows it best, best first. */
  readonly shownBy?: readonly string[];
}

/** Models of maximum likelihood and their relatives, by how they stand to the density. */
const known: readonly Side[] = [
  {
    title: 'Explicit density',
    says: 'p(x) is written down',
    branches: [
      {
        title: 'Tractable',
        says: 'and can be computed',
        place: ['explicit density', 'tractable'],
        leaves: [
          {
            title: 'Mixture',
            place: ['explicit density', 'tractable', 'mixture'],
            says: 'Choose one of a few simple clouds, then a point of it.',
            equation: 'p(x) = Σ_k π_k p_k(x)',
            shownBy: ['gmm'],
          },
          {
            title: 'One after the other',
            place: ['explicit density', 'tractable', 'fully visible belief net'],
            says: 'Draw one dimension at a time, each given those before it.',
            equation: 'p(x) = ∏_i p(x_i | x_<i)',
            shownBy: ['pixelcnn', 'made', 'nade'],
          },
          {
            title: 'Change of variables',
            place: ['explicit density', 'tractable', 'flow'],
            says: 'Bend simple noise into the data by steps that can be undone, and count how space stretches.',
            equation: 'log p(x) = log p(f(x)) + log |det ∂f/∂x|',
            shownBy: ['realnvp', 'flowmatching', 'nice'],
          },
        ],
      },
      {
        title: 'Approximate',
        says: 'by a bound or a chain',
        place: ['explicit density', 'approximate'],
        leaves: [
          {
            title: 'Variational',
            place: ['explicit density', 'approximate', 'variational'],
            says: 'Decode a hidden code; bound the density by a guess of which code it was.',
            equation: 'log p(x) ≥ E[log p(x | z)] − KL(q(z | x) ‖ p(z))',
            shownBy: ['vae', 'cvae'],
          },
          {
            title: 'Markov chain',
            place: ['explicit density', 'approximate', 'markov chain'],
            says: 'Give every state an energy, and walk to where it is low.',
            equation: 'p(x) ∝ exp(−E(x))',
            shownBy: ['rbm', 'dbm'],
          },
        ],
      },
    ],
  },
  {
    title: 'Implicit density',
    says: 'only samples are drawn',
    branches: [
      {
        title: 'Sampling',
        says: 'in one step, or many',
        place: ['implicit density'],
        leaves: [
          {
            title: 'Direct',
            place: ['implicit density', 'direct'],
            says: 'One network turns noise into samples; another, or a statistic, tells them from data.',
            equation: 'x = G(z),  z ~ p(z)',
            shownBy: ['gan', 'dcgan', 'wgan', 'cgan'],
          },
          {
            title: 'Markov chain',
            place: ['implicit density', 'markov chain'],
            says: 'Spoil an example and restore it, again and again.',
            equation: 'x_t ~ p(x_t | x_t−1)',
          },
        ],
      },
    ],
  },
];

/** Models that stand beside the taxonomy. */
const beside: readonly Leaf[] = [
  {
    title: 'No density: the ancestor',
    place: ['no density'],
    says: 'Squeeze data through a narrow code and back; no law says which codes to draw.',
    equation: 'min ‖x − d(e(x))‖²',
  },
  { title: 'Other models', place: [] },
];

/** The map's branches, with a leaf for every path that families name below them. */
export interface Taxonomy {
  readonly sides: readonly Side[];
  readonly beside: readonly Leaf[];
}

/** The taxonomy with a leaf for each of these paths. */
export function taxonomyFor(paths: readonly (readonly string[])[]): Taxonomy {
  const branchWith = (branch: Branch): Branch => {
    const leaves = [...branch.leaves];
    for (const path of paths) {
      const depth = branch.place.length;
      if (path.length <= depth || !begins(path, branch.place)) continue;
      if (leaves.some(({ place }) => begins(path, place))) continue;
      const title = path[depth]!;
      leaves.push({
        title: `${title[0]!.toUpperCase()}${title.slice(1)}`,
        place: path.slice(0, depth + 1).map((part) => part.toLowerCase()),
      });
    }
    return { ...branch, leaves };
  };
  const sides = known.map((side) => ({ ...side, branches: side.branches.map(branchWith) }));
  return { sides, beside };
}

/** The leaf that a path belongs to. */
export function leafOf({ sides, beside: others }: Taxonomy, path: readonly string[]): Leaf {
  const leaves = [...sides.flatMap(({ branches }) => branches.flatMap(({ leaves }) => leaves)), ...others];
  return leaves.find(({ place }) => begins(path, place))!;
}

/** All leaves with the way to them, in the order of the map. */
export function leavesOf({ sides, beside: others }: Taxonomy): readonly { leaf: Leaf; way: string }[] {
  return [
    ...sides.flatMap((side) =>
      side.branches.flatMap((branch) =>
        branch.leaves.map((leaf) => ({ leaf, way: `${side.title} › ${branch.title} › ${leaf.title}` })),
      ),
    ),
    ...others.map((leaf) => ({ leaf, way: leaf.title })),
  ];
}

function begins(path: readonly string[], place: readonly string[]): boolean {
  return place.every((part, i) => path[i]?.toLowerCase() === part);
}
