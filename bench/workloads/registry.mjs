import { bulkInsert } from './bulk-insert.mjs';
import { crowd } from './crowd.mjs';
import { deadEntries } from './dead-entries.mjs';
import { count, drain } from './drain.mjs';
import { enqueue } from './enqueue.mjs';
import { idle } from './idle.mjs';
import { latency } from './latency.mjs';
import { openInsert } from './open-insert.mjs';
import { recovery } from './recovery.mjs';
import { scale } from './scale.mjs';
import { slowLink } from './slow-link.mjs';

/**
 * `run(peer, {workers, slots, n})` returns the figures of one repetition, or a list of them that `what` tells apart.
 * `n`: tasks by default; `shares`: profiles that are much faster or slower get a multiple of it. `only`: the peers that
 * can be measured so. `figure`: what afd is compared by. `least`: each row is compared with that of the fewest of these too, and `n`
 * is meant for the fewest: more of them have as many each. `apart`: figures that get a table of their own, and its section of
 * the page; the first is what afd is compared by there.
 */
export const WORKLOADS = {
  drain: {
    run: drain,
    n: 40_000,
    shares: true,
    workers: [4],
    slots: [10, 50],
    figure: 'tasks_per_s',
    apart: { 'cpu-per-task': ['server_cpu_us_per_task', 'workers_cpu_us_per_task'] },
  },
  crowd: {
    run: crowd,
    n: 20_000,
    shares: true,
    workers: [4, 16, 40],
    slots: [10],
    only: ['afd', 'bullmq', 'graphile'],
    figure: 'tasks_per_s',
    least: 'workers',
  },
  'slow-link': { run: slowLink, n: 3000, workers: [2], slots: [5], only: ['afd'] },
  'round-trips': { run: count, n: 10_000, workers: [4], slots: [10, 50], only: ['afd'] },
  enqueue: { run: enqueue, n: 40_000, figure: 'tasks_per_s' },
  latency: { run: latency, n: 200, workers: [4], slots: [10], figure: 'p50_ms' },
  idle: { run: idle, n: 20, workers: [4], slots: [10], figure: 'database_cpu_ms_per_s' },
  recovery: { run: recovery, n: 10, workers: [4], slots: [10], only: ['afd'] },
  scale: { run: scale, n: 5_000_000, workers: [4], slots: [10], only: ['afd'] },
  'open-insert': {
    run: openInsert,
    n: 40_000,
    workers: [4],
    slots: [10],
    only: ['afd'],
    figure: 'tasks_per_s',
  },
  'bulk-insert': {
    run: bulkInsert,
    n: 100_000,
    workers: [4, 40],
    slots: [10],
    only: ['afd'],
    figure: 'seconds',
  },
  'dead-entries': { run: deadEntries, n: 100_000, workers: [4], slots: [10], only: ['afd'] },
};
