// Section 6 of the design document: its two examples of configuration, their Python written as objects.
import { stringify } from 'yaml';

export const MASTER = {
  enabled: true,
  mode: 'master',
  server: { host: '0.0.0.0', port: 8000, workers: 4 },
  master: { scheduler_interval: 30, health_check_interval: 60, task_timeout: 1800, max_retry_count: 3 },
  load_balancer: {
    strategy: 'least_tasks',
    weights: { load_factor: 0.4, capability_match: 0.3, success_rate: 0.2, response_time: 0.1 },
  },
};

export const WORKER = {
  enabled: true,
  mode: 'worker',
  master: { host: '192.168.1.10', port: 8000, api_key: 'your-api-key' },
  worker: {
    device_id: 'worker-001',
    device_name: 'Worker Node 1',
    max_concurrent_tasks: 5,
    heartbeat_interval: 30,
    task_poll_interval: 10,
    capabilities: { supported_tasks: ['sync_apps', 'sync_data'], proxy_support: true, browser_support: true },
  },
};

/** YAML and JSON, with the root DISTRIBUTION and without. */
export const FORMS = [true, false].flatMap((root) => {
  const whole = (example: object) => (root ? { DISTRIBUTION: example } : example);
  return [
    { file: 'distribution.yaml', root, write: (example: object) => stringify(whole(example)) },
    { file: 'distribution.json', root, write: (example: object) => JSON.stringify(whole(example), null, 2) },
  ];
});
