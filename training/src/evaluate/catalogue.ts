import { chainMixing } from './chain/chain-finding.ts';
import { classBalance } from './classifier/class-balance-finding.ts';
import { usefulness } from './classifier/usefulness-finding.ts';
import { convergence } from './convergence/convergence-finding.ts';
import type { Outcome, Skipped } from './diagnostic.ts';
import { disentanglement } from './disentanglement/disentanglement-finding.ts';
import { divergences } from './divergence/divergence-finding.ts';
import type { Evaluation } from './evaluation.ts';
import { frechet, manifolds, score } from './frechet/frechet-finding.ts';
import { interpolation } from './interpolation/interpolation-finding.ts';
import { inversionError } from './inversion/inversion-finding.ts';
import { memorisationOfTraining } from './memorisation/memorisation-finding.ts';
import { modes } from './modes/modes-finding.ts';
import { parzenLogLikelihood } from './parzen/parzen-finding.ts';
import { posteriorCollapse } from './posterior/posterior-finding.ts';
import { qualityBySteps } from './steps/steps-finding.ts';
import { classifierTest, discrepancyTest } from './two-sample/two-sample-finding.ts';

/** A diagnostic by the name that `--metrics` takes. */
export interface DiagnosticEntry {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  run(evaluation: Evaluation): Promise<Outcome | Skipped>;
}

/** One diagnostic's outcome. */
export interface Reported {
  readonly entry: DiagnosticEntry;
  readonly outcome: Outcome | Skipped;
  readonly seconds: number;
}

/** Every diagnostic, in the order that reports show them. */
export const diagnostics: readonly DiagnosticEntry[] = [
  {
    name: 'c2st',
    title: 'Classifier two-sample test',
    source: 'Lopez-Paz and Oquab 2017, arXiv:1610.06545',
    run: classifierTest,
  },
  {
    name: 'mmd',
    title: 'Maximum mean discrepancy',
    source: 'Gretton et al. 2012, JMLR 13, eq. 3',
    run: discrepancyTest,
  },
  {
    name: 'divergence',
    title: 'KL and Jensen-Shannon divergence',
    source: 'definition, by histograms and by densities',
    run: divergences,
  },
  {
    name: 'modes',
    title: 'Mode coverage',
    source: 'Lin et al. 2018 (PacGAN), arXiv:1712.04086, section 4.1',
    run: modes,
  },
  {
    name: 'classes',
    title: 'Class balance',
    source: 'class histogram by a classifier of the same data',
    run: classBalance,
  },
  {
    name: 'fid',
    title: 'Fréchet distance',
    source: 'Heusel et al. 2017, arXiv:1706.08500, eq. 6, on other features',
    run: frechet,
  },
  {
    name: 'score',
    title: 'Classifier score',
    source: 'Salimans et al. 2016, arXiv:1606.03498, section 4, with another classifier',
    run: score,
  },
  {
    name: 'precision-recall',
    title: 'Precision and recall of the manifold',
    source: 'Kynkäänniemi et al. 2019, arXiv:1904.06991, k = 3',
    run: manifolds,
  },
  {
    name: 'steps',
    title: 'Quality by the number of steps',
    source: 'the two above, of samples drawn in fewer steps and more',
    run: qualityBySteps,
  },
  {
    name: 'memorisation',
    title: 'Memorisation',
    source: 'nearest neighbours with a permutation test; compare Meehan et al. 2020, arXiv:2004.05675',
    run: memorisationOfTraining,
  },
  {
    name: 'usefulness',
    title: 'Usefulness for training a classifier',
    source: 'Esteban et al. 2017, arXiv:1706.02633, section 4.2',
    run: usefulness,
  },
  {
    name: 'parzen',
    title: 'Parzen-window log-likelihood',
    source: 'Goodfellow et al. 2014, arXiv:1406.2661, section 5',
    run: parzenLogLikelihood,
  },
  {
    name: 'convergence',
    title: 'Convergence of training',
    source: "the run's metrics.jsonl",
    run: convergence,
  },
  {
    name: 'chain',
    title: 'Mixing of the chain',
    source: 'Gelman et al. 2013, section 11.4; Vehtari et al. 2021, arXiv:1903.08008, section 3',
    run: chainMixing,
  },
  {
    name: 'posterior',
    title: 'Use of the code',
    source: 'Burda et al. 2016, arXiv:1509.00519, section 5.2; Kingma and Welling 2014, appendix B',
    run: posteriorCollapse,
  },
  {
    name: 'disentanglement',
    title: 'Disentanglement',
    source: 'Chen et al. 2018, arXiv:1802.04942, eq. 6; Kumar et al. 2018, arXiv:1711.00848, section 3',
    run: disentanglement,
  },
  {
    name: 'interpolation',
    title: 'Smoothness between samples',
    source: 'White 2016, arXiv:1609.04468 (paths)',
    run: interpolation,
  },
  {
    name: 'inversion',
    title: 'Inversion',
    source: 'Creswell and Bharath 2018, arXiv:1611.05644',
    run: inversionError,
  },
];
