/** A branch of the taxonomy of deep generative models (Goodfellow 2016, arXiv:1701.00160, figure 9). */
export interface Branch {
  readonly title: string;
  readonly says: string;
  readonly leaves: readonly Leaf[];
}

export interface Leaf {
  readonly id: string;
  readonly title: string;
}

export interface Side {
  readonly title: string;
  readonly says: string;
  readonly branches: readonly Branch[];
}

/** Models of maximum likelihood and their relatives, by how they stand to the density. */
export const taxonomy: readonly Side[] = [
  {
    title: 'Explicit density',
    says: 'p(x) is written down',
    branches: [
      {
        title: 'Tractable',
        says: 'and can be computed',
        leaves: [
          { id: 'mixture', title: 'Mixture' },
          { id: 'fvbn', title: 'One dimension after the other' },
          { id: 'flow', title: 'Change of variables' },
        ],
      },
      {
        title: 'Approximate',
        says: 'by a bound or a chain',
        leaves: [
          { id: 'variational', title: 'Variational' },
          { id: 'explicit-chain', title: 'Markov chain' },
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
        leaves: [
          { id: 'direct', title: 'Direct' },
          { id: 'implicit-chain', title: 'Markov chain' },
        ],
      },
    ],
  },
];

/** Models that stand beside the taxonomy. */
export const beside: readonly Leaf[] = [
  { id: 'none', title: 'No density: the ancestor' },
  { id: 'other', title: 'Other models' },
];

/** All leaves with the way to them, in order. */
export const leaves: readonly (Leaf & { readonly path: string })[] = [
  ...taxonomy.flatMap((side) =>
    side.branches.flatMap((branch) =>
      branch.leaves.map((leaf) => ({ ...leaf, path: `${side.title} › ${branch.title} › ${leaf.title}` })),
    ),
  ),
  ...beside.map((leaf) => ({ ...leaf, path: leaf.title })),
];
