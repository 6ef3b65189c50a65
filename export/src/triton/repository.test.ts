import { createExecutor, type HostTensor, hostTensor, type ProgramSignature } from '@generatrix/runtime';
import { describe, expect, it } from 'vitest';
import type { ExportedProgram } from '../bundle/program.ts';
import { tf } from '../tf.ts';
import { tritonRepository } from './repository.ts';

const temperature = { role: 'scalar', dtype: 'float32', shape: [], default: 1, min: 0 } as const;
const inputs = {
  z: { role: 'noise', dtype: 'float32', shape: [2], distribution: 'normal' },
  temperature,
} as const;
const outputs: ProgramSignature['outputs'] = { data: { dtype: 'float32', shape: [2], meaning: 'data' } };
const examples = hostTensor('float32', [3, 2], [1, 2, 3, 4, 5, 6]);

/** Scales its rows: a column of temperatures does as well as one. */
const scaling: ExportedProgram = {
  signature: { inputs, outputs },
  run: ({ z, temperature }) => ({ data: tf.add(tf.mul(z!, temperature!), 1) }),
};

/** Adds up the temperature over the row's two values: a column would be summed over the batch. */
const summing: ExportedProgram = {
  signature: { inputs, outputs },
  run: ({ z, temperature }) => ({ data: tf.mul(z!, tf.sum(temperature!)) }),
};

async function runModel(onnx: Uint8Array, feeds: Record<string, HostTensor>): Promise<HostTensor> {
  const program = await (await createExecutor('cpu')).load('model', onnx);
  const { data } = await program.run(feeds);
  await program.release();
  return data as HostTensor;
}

const z = hostTensor('float32', [2, 2], [1, 2, 3, 4]);
const column = hostTensor('float32', [2, 1], [0.5, 2]);

describe('tritonRepository', () => {
  it('writes a folder for each program, with a config and version 1', async () => {
    const files = await tritonRepository({ name: 'm', programs: { sample: scaling }, examples });
    expect(Object.keys(files)).toEqual(['m_sample/config.pbtxt', 'm_sample/1/model.onnx']);
    expect(new TextDecoder().decode(files['m_sample/config.pbtxt'])).toBe(`# Program sample of m.
name: "m_sample"
backend: "onnxruntime"
max_batch_size: 64
input [
  {
    name: "z"
    data_type: TYPE_FP32
    dims: [ 2 ]
  }
]
input [
  {
    name: "temperature"
    data_type: TYPE_FP32
    dims: [ 1 ]
  }
]
output [
  {
    name: "data"
    data_type: TYPE_FP32
    dims: [ 2 ]
  }
]
dynamic_batching {
  preferred_batch_size: [ 64 ]
  max_queue_delay_microseconds: 2000
}
version_policy { latest { num_versions: 1 } }
`);
  });

  it('rows of a batch keep scalars of their own where the program allows it', async () => {
    const files = await tritonRepository({ name: 'm', programs: { sample: scaling }, examples });
    const data = await runModel(files['m_sample/1/model.onnx']!, { z, temperature: column });
    expect([...data.data]).toEqual([1.5, 2, 7, 9]);
  });

  it('a program that needs true scalars takes those of the first row and is not batched with others', async () => {
    const files = await tritonRepository({ name: 'm', programs: { sample: summing }, examples });
    expect(new TextDecoder().decode(files['m_sample/config.pbtxt'])).not.toContain('dynamic_batching');
    const data = await runModel(files['m_sample/1/model.onnx']!, { z, temperature: column });
    expect([...data.data]).toEqual([0.5, 1, 1.5, 2]);
  });

  it('rows without dimensions, such as labels and log-densities, are declared [1] and reshaped', async () => {
    const program: ExportedProgram = {
      signature: {
        inputs: {
          data: { role: 'data', dtype: 'float32', shape: [2] },
          label: { role: 'label', dtype: 'int32', shape: [], classes: 3 },
        },
        outputs: { logProb: { dtype: 'float32', shape: [], meaning: 'logProb' } },
      },
      run: ({ data, label }) => ({ logProb: tf.add(tf.sum(data!, 1), tf.cast(label!, 'float32')) }),
    };
    const files = await tritonRepository({ name: 'm', programs: { logProb: program }, examples });
    const config = new TextDecoder().decode(files['m_logProb/config.pbtxt']);
    expect(config.match(/dims: \[ 1 \]\n {4}reshape \{ shape: \[ {2}\] \}/g)).toHaveLength(2);
    expect(config).toContain('data_type: TYPE_INT32');
  });
});
