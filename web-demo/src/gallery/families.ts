/** What the pages say of a family; the bundles themselves do not carry it. */
export interface FamilyNote {
  readonly title: string;
  /** Place in the taxonomy, from the root: a path of `taxonomy.ts`. */
  readonly leaf: string;
  /** The equation at its heart, in plain text; what follows `_` is written below the line, `<` with it. */
  readonly equation: string;
  readonly source: string;
}

/** By the name that a bundle's manifest has; the order is that of the cards. */
const notes: Readonly<Record<string, FamilyNote>> = {
  gmm: {
    title: 'Gaussian mixture',
    leaf: 'mixture',
    equation: 'p(x) = Σ_k π_k N(x; μ_k, Σ_k)',
    source: 'Dempster, Laird and Rubin 1977',
  },
  nade: {
    title: 'NADE',
    leaf: 'fvbn',
    equation: 'p(x) = ∏_i p(x_i | x_<i)',
    source: 'Larochelle and Murray 2011',
  },
  made: {
    title: 'MADE',
    leaf: 'fvbn',
    equation: 'p(x) = ∏_i p(x_i | x_<i), one masked network',
    source: 'Germain et al. 2015, arXiv:1502.03509',
  },
  pixelrnn: {
    title: 'PixelRNN',
    leaf: 'fvbn',
    equation: 'p(x) = ∏_i p(x_i | pixels above and to the left)',
    source: 'van den Oord et al. 2016, arXiv:1601.06759',
  },
  pixelcnn: {
    title: 'Gated PixelCNN',
    leaf: 'fvbn',
    equation: 'y = tanh(W_f ∗ x) ⊙ σ(W_g ∗ x)',
    source: 'van den Oord et al. 2016, arXiv:1606.05328',
  },
  wavenet: {
    title: 'WaveNet',
    leaf: 'fvbn',
    equation: 'p(x) = ∏_t p(x_t | x_<t), dilated convolutions',
    source: 'van den Oord et al. 2016, arXiv:1609.03499',
  },
  nice: {
    title: 'NICE',
    leaf: 'flow',
    equation: 'log p(x) = log p(f(x)) + log |det ∂f/∂x|',
    source: 'Dinh, Krueger and Bengio 2014, arXiv:1410.8516',
  },
  realnvp: {
    title: 'Real NVP',
    leaf: 'flow',
    equation: 'y_2 = x_2 ⊙ exp s(x_1) + t(x_1)',
    source: 'Dinh et al. 2017, arXiv:1605.08803',
  },
  vae: {
    title: 'Variational autoencoder',
    leaf: 'variational',
    equation: 'log p(x) ≥ E[log p(x | z)] − KL(q(z | x) ‖ p(z))',
    source: 'Kingma and Welling 2014, arXiv:1312.6114',
  },
  rbm: {
    title: 'Restricted Boltzmann machine',
    leaf: 'explicit-chain',
    equation: 'p(v, h) ∝ exp(bᵀv + cᵀh + vᵀWh)',
    source: 'Salakhutdinov and Murray 2008',
  },
  dbm: {
    title: 'Deep Boltzmann machine',
    leaf: 'explicit-chain',
    equation: 'p(v, h_1, h_2) ∝ exp(vᵀW_1 h_1 + h_1ᵀW_2 h_2)',
    source: 'Salakhutdinov and Hinton 2009',
  },
  gsn: {
    title: 'Generative stochastic network',
    leaf: 'implicit-chain',
    equation: 'x′ ~ p(x | h),  h ~ C(h | x)',
    source: 'Bengio et al. 2014, arXiv:1306.1091',
  },
  gan: {
    title: 'Generative adversarial network',
    leaf: 'direct',
    equation: 'min_G max_D E log D(x) + E log(1 − D(G(z)))',
    source: 'Goodfellow et al. 2014, arXiv:1406.2661',
  },
  dcgan: {
    title: 'Deep convolutional GAN',
    leaf: 'direct',
    equation: 'min_G max_D E log D(x) + E log(1 − D(G(z)))',
    source: 'Radford et al. 2016, arXiv:1511.06434',
  },
  wgan: {
    title: 'Wasserstein GAN',
    leaf: 'direct',
    equation: 'min_G max_f E f(x) − E f(G(z)), f 1-Lipschitz',
    source: 'Arjovsky et al. 2017; Gulrajani et al. 2017, arXiv:1704.00028',
  },
  cgan: {
    title: 'Conditional GAN',
    leaf: 'direct',
    equation: 'min_G max_D E log D(x | y) + E log(1 − D(G(z | y)))',
    source: 'Mirza and Osindero 2014, arXiv:1411.1784',
  },
  acgan: {
    title: 'Auxiliary-classifier GAN',
    leaf: 'direct',
    equation: 'adversarial loss + log p(y | x) of both networks',
    source: 'Odena et al. 2017, arXiv:1610.09585',
  },
  cogan: {
    title: 'Coupled GAN',
    leaf: 'direct',
    equation: 'x_1 = G_1(z), x_2 = G_2(z), first layers shared',
    source: 'Liu and Tuzel 2016, arXiv:1606.07536',
  },
  vaegan: {
    title: 'VAE-GAN',
    leaf: 'direct',
    equation: 'KL(q(z | x) ‖ p(z)) − E log p(D_l(x) | z) + adversarial loss',
    source: 'Larsen et al. 2016, arXiv:1512.09300',
  },
  gmmn: {
    title: 'Generative moment matching network',
    leaf: 'direct',
    equation: 'min_G MMD²(x, G(z)) = ‖E φ(x) − E φ(G(z))‖²',
    source: 'Li, Swersky and Zemel 2015, arXiv:1502.02761',
  },
  autoencoder: {
    title: 'Autoencoder',
    leaf: 'none',
    equation: 'min ‖x − d(e(x))‖²',
    source: 'Hinton and Salakhutdinov 2006',
  },
};

/** What to say of a family; of one that is not in the table, its name alone. */
export function familyNamed(name: string): FamilyNote {
  if (Object.hasOwn(notes, name)) return notes[name]!;
  return { title: name, leaf: 'other', equation: '', source: '' };
}

/** Families of a leaf of the taxonomy, whether or not a model of them is here. */
export function familiesOf(leaf: string): readonly { readonly name: string; readonly note: FamilyNote }[] {
  return Object.entries(notes).flatMap(([name, note]) => (note.leaf === leaf ? [{ name, note }] : []));
}
