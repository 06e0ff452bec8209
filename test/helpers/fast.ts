// The intervals of test nodes, in seconds: short, so that what is due comes at once. What a test is about it sets itself.

/** What is asked or said again and again. */
const OFTEN = {
  master: { health_check_interval: 0.2, lock_check_interval: 0.1, lock_grace: 0.3, lock_trust_after_start: 0 },
  worker: { heartbeat_interval: 0.3, tick_interval: 0.1, task_poll_interval: 0.1, start_flush_after: 0.2 },
};

/**
 * Of processes: a dead one is found by its lock in about half a second. Every patience is long, so that no live one is taken
 * for dead on a busy machine.
 */
export const OF_PROCESSES = {
  master: {
    ...{ ...OFTEN.master, scheduler_interval: 0.5, heartbeat_timeout: 20, lease_duration: 20, lease_trust: 15 },
    ...{ lease_renew_interval: 0.3, retry_backoff: { initial: 0.05, max: 0.2, jitter: 0 } },
  },
  worker: { ...OFTEN.worker, kill_grace: 3, shutdown_timeout: 20 },
};

/** Of nodes inside the test's process: tests of silence and of the lease wait for the ends of these. */
export const OF_THIS_PROCESS = {
  master: {
    ...{ ...OFTEN.master, scheduler_interval: 0.3, heartbeat_timeout: 3, lease_duration: 2, lease_trust: 1.4 },
    ...{ lease_renew_interval: 0.2, retry_backoff: { initial: 0.02, max: 0.1, jitter: 0 } },
  },
  worker: { ...OFTEN.worker, kill_grace: 0.3, shutdown_timeout: 5 },
};
