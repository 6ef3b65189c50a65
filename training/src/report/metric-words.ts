/** Of metrics that an evaluation while training measured. */
export const heldOutPrefix = 'heldOut/';

/** What the metrics that many families share are, in words; those not listed are called by their name, in words. */
const meanings: Readonly<Record<string, string>> = {
  loss: 'loss, what training lowers',
  logProb: 'log-likelihood, nats',
  elbo: 'lower bound of the log-likelihood, nats',
  divergence: 'divergence of the codes from their prior, nats',
  squaredError: 'squared error of the reconstructions',
  generatorLoss: 'loss of the generator',
  discriminatorLoss: 'loss of the discriminator',
  criticLoss: 'loss of the critic',
  realScore: 'mean output of the discriminator for real examples',
  fakeScore: 'mean output of the discriminator for samples',
  saturation: 'share of examples that the discriminator is sure of, and right',
  discriminatorGradient: 'norm of the gradient of the discriminator',
  generatorGradient: 'norm of the gradient of the generator',
  classAccuracy: 'share of real examples whose class the discriminator finds',
  modesHit: 'modes of the data that samples hit',
  highQualityShare: 'share of samples close to a mode',
  dataWait: 'share of the time spent waiting for data',
};

/** A metric in plain words: `generatorLoss` is "loss of the generator", an unknown `deepError` is "deep error". */
export function metricWords(name: string): string {
  if (name.startsWith(heldOutPrefix))
    return `${metricWords(name.slice(heldOutPrefix.length))}, on validation data`;
  return Object.hasOwn(meanings, name)
    ? meanings[name]!
    : name.replace(/[A-Z](?![A-Z])/g, (letter) => ` ${letter.toLowerCase()}`).trim();
}

/** Which way metrics go when training goes well, added to their words. */
const directions = {
  falls: 'should fall',
  rises: 'should rise',
  neither: 'says nothing by its height',
} as const;

/** Words for the metrics that a model describes itself, by name. */
export function modelWords(
  specs: Readonly<Record<string, { readonly direction: keyof typeof directions; readonly meaning?: string }>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { direction, meaning }]) => [
      name,
      `${meaning ?? metricWords(name)}: ${directions[direction]}`,
    ]),
  );
}

/** The least and the greatest value that a metric can have, where both are known: an axis shows all between them. */
export type MetricBounds = Readonly<Record<string, readonly [low: number, high: number]>>;

/** Bounds of the metrics whose names say them. */
export const shareBounds: MetricBounds = {
  highQualityShare: [0, 1],
  dataWait: [0, 1],
  saturation: [0, 1],
  classAccuracy: [0, 1],
};
