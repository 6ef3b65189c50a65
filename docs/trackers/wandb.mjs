// A tracker for Weights & Biases, whose maintained client is in Python: generatrix train vae --tracker docs/trackers/wandb.mjs
// Needs `pip install wandb` and `wandb login` (or WANDB_MODE=offline). Lines of JSON go to a Python process.
import { spawn } from 'node:child_process';

const client = `
import json, sys, wandb
for line in sys.stdin:
    event = json.loads(line)
    if event['kind'] == 'start': run = wandb.init(project='generatrix', name=event['name'], config=event['settings'])
    elif event['kind'] == 'metrics': run.log(event['metrics'], step=event['step'])
    elif event['path'].endswith('.png'): run.log({'samples': wandb.Image(event['path'])}, step=event['step'])
    else: run.log({'samples': wandb.Audio(event['path'])}, step=event['step'])
run.finish()
`;
let python;
let ended;

const send = (event) => {
  if (python.exitCode !== null) throw new Error(`the Python process ended with status ${python.exitCode}`);
  python.stdin.write(`${JSON.stringify(event)}\n`);
};

export default {
  start({ folder, settings }) {
    python = spawn('python3', ['-c', client], { stdio: ['pipe', 'inherit', 'inherit'] });
    // Writing to a process that has ended is an error event; the status tells of it.
    python.stdin.on('error', () => {});
    ended = new Promise((resolve, reject) => {
      python.once('error', reject);
      python.once('close', (status) =>
        status === 0 ? resolve() : reject(new Error(`the Python process ended with status ${status}`)),
      );
    });
    ended.catch(() => {});
    send({ kind: 'start', name: folder, settings });
  },
  metrics: ({ step, metrics }) => send({ kind: 'metrics', step, metrics }),
  samples: ({ step, path }) => send({ kind: 'samples', step, path }),
  end() {
    python.stdin.end();
    return ended;
  },
};
