import { type NamedTensors, scan, tf } from '@generatrix/export';
import { UserError } from '@generatrix/runtime/core';
import type { Player, Turn, TurnResult } from './turn.ts';

/**
 * A turn whose gradients are taken of equal parts of the batch, one part after another, and averaged: the memory of a
 * part, and, for a loss that is a mean over independent examples, the gradients of the whole to rounding. What is
 * reported and what statistics become are means over the parts, too.
 * @param parts how many; 1 is the turn itself
 * @throws UserError when the batch cannot be cut into that many
 */
export function accumulated(turn: Turn, players: Readonly<Record<string, Player>>, parts: number): Turn {
  if (parts === 1) return turn;
  return {
    players: turn.players,
    run: (state, args) => {
      const { data, label, noise, conditions, ...rest } = args;
      const batch = data.shape[0]!;
      if (batch % parts !== 0) {
        const next = parts * Math.ceil(batch / parts);
        throw new UserError(
          `--batch-size ${batch}: expected a multiple of --accumulate ${parts}; give --batch-size ${next}`,
        );
      }
      const cut = (x: tf.Tensor) => tf.reshape(x, [parts, batch / parts, ...x.shape.slice(1)]);
      const zeros = turn.players.flatMap((player) =>
        Object.entries(players[player]!.parameters).map(([name, { shape }]) => [
          `gradient/${name}`,
          tf.zeros([...shape]),
        ]),
      );
      const { carries, outputs } = scan({
        carries: Object.fromEntries(zeros) as NamedTensors,
        sequences: {
          data: cut(data),
          label: cut(label),
          ...under('noise/', mapped(noise, cut)),
          ...under('condition/', mapped(conditions, cut)),
        },
        body: (sums, { data, label, ...slices }) => {
          const part = {
            ...rest,
            data: data!,
            label: label as tf.Tensor1D,
            noise: from('noise/', slices),
            conditions: from('condition/', slices),
          };
          const { gradients, metrics, statistics = {} } = turn.run(state, part);
          const added = under('gradient/', Object.assign({}, ...Object.values(gradients)) as NamedTensors);
          return {
            carries: mapped(sums, (sum, name) => tf.add(sum, added[name]!)),
            outputs: { ...under('metric/', metrics), ...under('statistic/', statistics) },
          };
        },
      });
      const means = mapped(outputs, (x) => tf.mean(x, 0));
      const meanGradients = from(
        'gradient/',
        mapped(carries, (sum) => tf.div(sum, parts)),
      );
      return {
        gradients: Object.fromEntries(
          turn.players.map((player) => [player, pick(meanGradients, players[player]!.parameters)]),
        ),
        metrics: from('metric/', means),
        statistics: from('statistic/', means),
      } satisfies TurnResult;
    },
  };
}

function mapped(tensors: NamedTensors, change: (x: tf.Tensor, name: string) => tf.Tensor): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, change(x, name)]));
}

function under(prefix: string, tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [prefix + name, x]));
}

function from(prefix: string, tensors: NamedTensors): NamedTensors {
  const own = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, x]) => [name.slice(prefix.length), x]));
}

function pick(tensors: NamedTensors, names: Readonly<Record<string, unknown>>): NamedTensors {
  return Object.fromEntries(Object.keys(names).map((name) => [name, tensors[name]!]));
}
