import { describe, expect, it } from 'vitest';
import { attachLog, createLog, type LogOptions } from '../../../../src/core/log/log.ts';
import { type AfdEventName, type AfdEvents, Events } from '../../../../src/core/runtime/events.ts';

function logged(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'text', stream: { write: (line) => lines.push(line) }, ...options });
  return { log, lines };
}

it('a line of text holds time, level, device, sentence and facts; it is not written below the level', () => {
  const { log, lines } = logged({ deviceId: 'worker-001' });
  log.info('all is quiet', { task_id: 5, note: 'two words', empty: '' });
  log.debug('no');
  expect(lines).toEqual([
    expect.stringMatching(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO {2}worker-001 all is quiet task_id=5 note="two words" empty=""\n$/,
    ),
  ]);
});

it('is JSON with the same keys when that is wanted', () => {
  const { log, lines } = logged({ format: 'json', deviceId: 'w' });
  log.child({ task_id: 5 }).error('it failed', { attempt: 2 });
  const time = expect.stringMatching(/Z$/);
  const said = { level: 'error', time, device_id: 'w', task_id: 5, attempt: 2, message: 'it failed' };
  expect(JSON.parse(lines[0]!)).toEqual(said);
});

it('secrets are not logged, under whatever depth or name', () => {
  const { log, lines } = logged();
  log.info('connecting to mysql://afd:hunter2@db/afd', {
    password: 'hunter2',
    nested: { api_key: 'hunter2', list: [{ claim_token: 'hunter2' }], url: 'https://u:hunter2@x/' },
    error: new Error('refused by mysql://a:hunter2@h'),
  });
  expect(lines[0]).not.toContain('hunter2');
  expect(lines[0]).toContain('mysql://afd:***@db/afd');
});

describe('events', () => {
  const EXAMPLES: { [K in AfdEventName]: AfdEvents[K] } = {
    'worker:started': { device_id: 'w', slots: 5, task_types: ['a', 'b'], server: 's' },
    'worker:draining': { running: 2, deadline_s: 30 },
    'worker:stopped': { device_id: 'w', reason: 'drained' },
    'task:claimed': { task_id: 1, task_type: 'a', attempt: 1 },
    'task:started': { task_id: 1, task_type: 'a', attempt: 1 },
    'task:finished': {
      ...{ task_id: 1, task_type: 'a', attempt: 1, outcome: 'retry', task_status: 'failed', error_message: 'x' },
    },
    'task:lost': { task_id: 1, attempt: 1, reason: 'another device holds it' },
    'task:stuck': { task_id: 1, attempt: 1, task_type: 'a' },
    'work:troubled': { cause: 'a datagram did not arrive' },
    'task:set-aside': { task_id: 1, failed: true, message: 'it cannot be claimed: out of range' },
    'ring:switched': { on: false },
    'device:registered': { device_id: 'w', instance_token: 'cafe', server: 's' },
    'device:heartbeat': { device_id: 'w', status: 'online' },
    'device:operator-state': { device_id: 'w', operator_state: 'paused' },
    'device:over-limits': { device_id: 'w', reasons: ['memory is at 93 %, over its limit of 90 %'] },
    'device:dead': { device_id: 'v', by: 'lock', tasks: 3 },
    'settings:changed': { changes: [{ key: 'master.task_timeout', from: 1800, to: 900 }] },
    'database:lost': { message: 'gone' },
    'database:awaited': { for_s: 60, message: 'gone' },
    'main:blocked': { for_ms: 1750, tasks: [{ task_id: 1, attempt: 1, task_type: 'a' }], known: true },
    'main:back': { after_ms: 5000, released: 2 },
    'database:back': { after_ms: 1500, server: 'db:1' },
    'database:trust-over': { policy: 'stop' },
    'leader:gained': { device_id: 'w', term: 4 },
    'leader:other': { leader: 'v', term: 4 },
    note: { message: 'rows are deleted one by one' },
    'leader:lost': { device_id: 'w', term: 4, reason: 'resigned' },
    'leader:duty': { duty: 'rescue', counts: { rescued: 1 } },
    'leader:duty-failed': { duty: 'rescue', message: 'x' },
    'leader:duty-works': { duty: 'rescue', after_ms: 1500 },
    warning: { message: 'check' },
  };

  function heard(options: Partial<LogOptions> = {}) {
    const { log, lines } = logged(options);
    const events = new Events();
    return { detach: attachLog(events, log), events, lines };
  }

  it.each(Object.keys(EXAMPLES) as AfdEventName[])('%s has a sentence', (name) => {
    const { events, lines } = heard({ level: 'debug' });
    events.emit(name, EXAMPLES[name]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/undefined|\[object|cafe/);
  });

  it('of a blocked gateway speak of requests, not of tasks and handlers', () => {
    const { events, lines } = heard();
    events.emit('main:blocked', { for_ms: 1750, tasks: [], known: false, gateway: true });
    events.emit('main:back', { after_ms: 5000, released: 0, gateway: true });
    expect(lines).toEqual([
      expect.stringContaining('the main thread of the gateway has been blocked for 1.8 s: requests wait'),
      expect.stringContaining('the gateway answers requests again after 5.0 s'),
    ]);
  });

  it('put the device id into every later line, and say whether a failed task will be tried again', () => {
    const { events, lines, detach } = heard();
    events.emit('worker:started', EXAMPLES['worker:started']);
    const base = { task_id: 7, task_type: 'a', attempt: 1, error_message: 'boom' };
    events.emit('task:finished', { ...base, outcome: 'retry', task_status: 'pending' });
    events.emit('task:finished', { ...base, outcome: 'timeout', task_status: 'failed' });
    // Nothing was done: for debugging only.
    events.emit('leader:duty', { duty: 'rescue', counts: { rescued: 0 } });
    detach();
    events.emit('warning', { message: 'unheard' });
    expect(lines.slice(1)).toEqual([
      expect.stringContaining('WARN  w task 7 (a) failed and will be retried'),
      expect.stringContaining('ERROR w task 7 (a) timed out and has no retries left'),
    ]);
  });
});
