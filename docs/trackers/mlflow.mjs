// A tracker for MLflow, by its REST API: generatrix train vae --tracker docs/trackers/mlflow.mjs
// MLFLOW_TRACKING_URI is the server's address, MLFLOW_EXPERIMENT_ID the experiment (0 is MLflow's default one).
const server = process.env.MLFLOW_TRACKING_URI ?? 'http://127.0.0.1:5000';
const experiment = process.env.MLFLOW_EXPERIMENT_ID ?? '0';
let run;

async function post(path, body) {
  const response = await fetch(`${server}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`MLflow answers ${response.status} to ${path}`);
  return response.json();
}

export default {
  async start({ folder, settings }) {
    const created = await post('runs/create', {
      experiment_id: experiment,
      run_name: folder,
      start_time: Date.now(),
    });
    run = created.run.info.run_id;
    const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
    const params = Object.entries(settings).map(([key, value]) => ({ key, value: text(value) }));
    await post('runs/log-batch', { run_id: run, params });
  },
  async metrics({ step, metrics }) {
    const finite = Object.entries(metrics).filter(([, value]) => Number.isFinite(value));
    const list = finite.map(([key, value]) => ({ key, value, step, timestamp: Date.now() }));
    await post('runs/log-batch', { run_id: run, metrics: list });
  },
  async end({ finished }) {
    await post('runs/update', {
      run_id: run,
      status: finished ? 'FINISHED' : 'KILLED',
      end_time: Date.now(),
    });
  },
};
