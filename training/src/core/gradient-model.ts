import { type NamedTensors, tf } from '@generatrix/export';
import { type FieldSpec, UserError } from '@generatrix/runtime/core';
import type { Trainable } from '../model/family.ts';
import type { Model, ModelProgram, NoiseSpec, Phase, Step } from '../model/model.ts';
import { ofKind, type StateSpecs, withKinds } from '../model/state.ts';
import type { SettledTraining } from '../model/training-options.ts';
import { accumulated } from './accumulation.ts';
import { clipByNorm, gradientNorm } from './gradient-norm.ts';
import { type Loss, type LossGradients, lossAndGradients } from './gradients.ts';
import { type Optimizer, optimizerOf } from './optimizer.ts';
import { average, averaged, averageSpecs, startAverages } from './parameter-average.ts';
import type { Player, Turn, TurnArguments } from './turn.ts';
import { decayed } from './weight-decay.ts';

/** What every model that follows gradients says of itself. */
interface Declared
  extends Pick<Model, 'initialise' | 'programs' | 'freeParameters' | 'metrics' | 'retired' | 'filters'> {
  /** What the state holds besides parameters, each with its kind; by the batch size where it has a row for each example. */
  readonly state?: StateSpecs | ((batchSize: number) => StateSpecs);
  /** Noise that the losses are given, each [batch, ...shape]. */
  readonly noise?: Readonly<Record<string, NoiseSpec>>;
  /** Fields of the data set that the losses are given with each example, as the data set describes them. */
  readonly conditions?: Readonly<Record<string, FieldSpec>>;
  /** What the running mean of the weights covers, and programs then use; all parameters when absent. */
  readonly averaged?: StateSpecs;
}

/** A model of one loss, differentiated, or with its gradients written out. */
interface OnePlayer extends Declared {
  /** What the optimizer changes. Tensors among them that are marked as of another kind stay as the loss says. */
  readonly parameters: StateSpecs;
  /** The loss of a batch at a state, and what is reported and measured besides. */
  loss?(state: NamedTensors, args: TurnArguments): Loss;
  /** In its place: the loss with gradients that are no derivative of it, or that are written out. */
  gradients?(
    state: NamedTensors,
    args: TurnArguments,
  ): Omit<LossGradients, 'statistics'> & { statistics?: NamedTensors };
}

/** A model of several players, each with an optimizer, that move in turns. */
interface SeveralPlayers extends Declared {
  /** By their names. The first moves once a step: its updates count the steps. */
  readonly players: Readonly<Record<string, Player>>;
  /** The turns of a step, first to last. */
  readonly turns: readonly Turn[];
  /** What changes after the last turn of a step. */
  after?(state: NamedTensors): NamedTensors;
}

/** A phase of training: whose turns it is, and on what noise. */
export interface GradientPhase extends Pick<Phase, 'name' | 'steps' | 'batchSize' | 'learningRate'> {
  /** The turns of a step, first to last. Players that have none stay as they are, their slots with them. */
  readonly turns: readonly Turn[];
  /** Noise that its losses are given, each [batch, ...shape]. */
  readonly noise?: Readonly<Record<string, NoiseSpec>>;
  /** What changes after the last turn of a step. */
  after?(state: NamedTensors): NamedTensors;
}

/** A model whose players learn one after another. */
interface InPhases extends Omit<Declared, 'noise'> {
  /** By their names. The first of those that move in a phase moves once a step: its updates count the steps. */
  readonly players: Readonly<Record<string, Player>>;
  /** First to last; all but the last say how many steps they take. */
  readonly phases: readonly [GradientPhase, ...GradientPhase[]];
}

export type GradientModel = OnePlayer | SeveralPlayers | InPhases;

/** The one player of a model that has one: its optimizer's slots carry no name. */
const alone = '';

/**
 * A model that is trained by gradients. The family declares parameters, losses and programs; the step is composed of
 * them by the options of the run: gradients (in parts, where they accumulate), clipped, followed by the optimizer with
 * its weight decay, and the running mean of the weights, which all programs then use.
 */
export function gradientModel(declared: GradientModel): Trainable {
  return { compose: (training, batchSize) => compose(declared, training, batchSize) };
}

function compose(declared: GradientModel, training: SettledTraining, batchSize?: number): Model {
  const { initialise, programs, freeParameters, metrics, retired, filters } = declared;
  const rest = stateOf(declared, training, batchSize);
  const { players, phases, specs } = playersOf(declared);
  const parameters: StateSpecs = Object.assign({}, ...Object.values(players).map((each) => each.parameters));
  const optimizer = optimizerOf(training);
  const slotOf = (player: string) => (player === alone ? optimizer.prefix : `${optimizer.prefix}/${player}`);
  const slots = Object.entries(players).map(([name, each]) => optimizer.specs(each.parameters, slotOf(name)));
  const covered = declared.averaged ?? parameters;
  const updatesAt = (state: NamedTensors): NamedTensors =>
    Object.fromEntries(Object.keys(players).map((name) => [name, state[`${slotOf(name)}/count`]!]));
  const stepOf = ({ turns, noise = {}, after }: GradientPhase): Step => {
    const parts = turns.map((turn) => accumulated(turn, players, training.accumulate));
    const counting = Object.keys(players).find((name) => turns.some((turn) => turn.players.includes(name)))!;
    return {
      noise,
      ...(declared.conditions && { conditions: declared.conditions }),
      run: ({ state: before, data, label, conditions, noise, learningRate }) => {
        const step = updatesAt(before)[counting] as tf.Scalar;
        let state = before;
        let metrics: NamedTensors = {};
        for (const turn of parts) {
          const args = { data, label, conditions, noise, step, updates: updatesAt(state) };
          const result = turn.run(state, args);
          const [moved, norms]: [NamedTensors, NamedTensors] = [{}, {}];
          for (const [name, gradients] of Object.entries(result.gradients)) {
            const move = {
              player: players[name]!,
              args,
              learningRate,
              training,
              optimizer,
              slot: slotOf(name),
            };
            Object.assign(moved, updated(state, gradients, move));
            if (training.gradientClip > 0) norms[normName(name)] = gradientNorm(gradients);
          }
          state = { ...state, ...moved, ...result.statistics };
          metrics = { ...metrics, ...result.metrics, ...norms };
        }
        const next = { ...state, ...after?.(state), ...average(state, covered, training.ema) };
        return { state: next, metrics };
      },
    };
  };
  const steps = phases.map(stepOf);
  const starts = initialise !== undefined || training.ema > 0;
  return {
    state: withKinds(
      Object.assign({}, parameters, specs, rest, ...slots, averageSpecs(covered, training.ema)) as StateSpecs,
    ),
    ...(starts && {
      initialise: async (state, dataset, seed) =>
        startAverages((await initialise?.(state, dataset, seed)) ?? state, covered, training.ema),
    }),
    batching: 'shuffled',
    step: steps.at(-1)!,
    ...(phases.length > 1 && {
      phases: phases.map(({ turns: _, noise: __, after: ___, ...phase }, i) => ({
        ...phase,
        step: steps[i]!,
      })),
    }),
    programs: Object.fromEntries(
      Object.entries(programs).map(([name, program]) => [name, ofAverages(program, covered, training.ema)]),
    ),
    training,
    ...(metrics && { metrics }),
    ...(retired && { retired }),
    ...(filters !== undefined && { filters }),
    ...(freeParameters !== undefined && { freeParameters }),
  };
}

/** What the state holds besides parameters. @throws UserError when rows of the batch are to be cut that stay with it */
function stateOf(
  { state = {} }: Declared | InPhases,
  { accumulate }: SettledTraining,
  batchSize?: number,
): StateSpecs {
  if (typeof state !== 'function') return state;
  if (accumulate > 1) {
    throw new UserError(
      `--accumulate ${accumulate}: the model keeps something for each example of a batch, which cannot be gone through in parts; leave it out`,
    );
  }
  if (batchSize === undefined) throw new Error('a state that depends on the batch size needs it');
  return state(batchSize);
}

/** The metric of the length of a player's gradients. */
function normName(player: string): string {
  return player === alone ? 'gradientNorm' : `${player}Gradient`;
}

/** The players and phases of a model: one player as the only one of one turn, one phase where there are no more. */
function playersOf(
  declared: GradientModel,
): Pick<InPhases, 'players' | 'phases'> & { readonly specs: StateSpecs } {
  if ('phases' in declared) return { players: declared.players, phases: declared.phases, specs: {} };
  const { noise = {} } = declared;
  const phaseOf = (own: Pick<GradientPhase, 'turns' | 'after'>) =>
    [{ name: 'training', noise, ...own }] as const;
  if ('players' in declared) {
    const { players, turns, after } = declared;
    return { players, phases: phaseOf({ turns, ...(after && { after }) }), specs: {} };
  }
  const { gradients, loss } = declared;
  const parameters = ofKind(declared.parameters, 'parameter');
  const turn: Turn = {
    players: [alone],
    run: (state, args) => {
      const found =
        gradients?.(state, args) ?? lossAndGradients(state, parameters, (current) => loss!(current, args));
      return { ...found, gradients: { [alone]: found.gradients } };
    },
  };
  return {
    players: { [alone]: { parameters } },
    phases: phaseOf({ turns: [turn] }),
    specs: declared.parameters,
  };
}

interface Move {
  readonly player: Player;
  readonly args: TurnArguments;
  readonly learningRate: tf.Scalar;
  readonly training: SettledTraining;
  readonly optimizer: Optimizer;
  /** What the names of the player's slots begin with. */
  readonly slot: string;
}

/** A player's parameters and slots after it has followed its gradients. */
function updated(state: NamedTensors, gradients: NamedTensors, move: Move): NamedTensors {
  const { player, args, learningRate, training, optimizer, slot } = move;
  const { rate: factor = 1, constrain } = player;
  const rate =
    factor === 1
      ? learningRate
      : tf.mul<tf.Scalar>(learningRate, typeof factor === 'number' ? factor : factor(args));
  const followed = training.gradientClip > 0 ? clipByNorm(gradients, training.gradientClip) : gradients;
  const names = Object.keys(gradients);
  const changed = decayed(
    state,
    optimizer.update(state, followed, rate, slot),
    names,
    rate,
    training.weightDecay,
  );
  if (constrain === undefined) return changed;
  return { ...changed, ...constrain(Object.fromEntries(names.map((name) => [name, changed[name]!]))) };
}

/** A program that sees the running means in the place of the last weights. */
function ofAverages(program: ModelProgram, covered: StateSpecs, decay: number): ModelProgram {
  if (decay === 0) return program;
  const { signature, run, forced } = program;
  return {
    signature,
    run: (state, inputs) => run(averaged(state, covered, decay), inputs),
    ...(forced && {
      forced: (state, inputs, drawn) => forced(averaged(state, covered, decay), inputs, drawn),
    }),
  };
}
