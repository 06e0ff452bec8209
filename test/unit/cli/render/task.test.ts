import { describe, expect, it } from 'vitest';
import { renderTask, renderTasks } from '../../../../src/cli/render/task.ts';
import type { ShownTask, TaskRecord } from '../../../../src/core/tasks/tasks.ts';

const record: TaskRecord = {
  ...{ task_id: 5, task_type: 'sync_data', status: 'pending', task_data: null, username: null, app_id: null },
  ...{ start_date: null, end_date: null, priority: 5, required_capabilities: null, retry_count: 0, progress: null },
  ...{ max_retry_count: 3, attempt: 0, lost_count: 0, dedupe_key: null, concurrency_key: null },
  ...{ target_device_id: null, device_id: null, execution_timeout: null, estimated_duration: null },
  ...{ parent_id: null, batch_id: null, last_error: null, finished_at: null },
  ...{ next_run_at: '2026-11-24T08:00:00.000Z', created_at: '2026-11-24T07:00:00.000Z' },
  updated_at: '2026-11-24T07:30:00.000Z',
};
const noActs = { acts: [], more_acts: false, acts_note: null };
const task: ShownTask = { ...record, result: null, payload: {}, assignments: [], waiting: null, ...noActs };
const terminal = { colour: false, width: 80 };

describe('the list of tasks', () => {
  it('fits 80 columns whatever the types and devices are called, and keeps ids and times whole', () => {
    const long = { task_type: 'a_very_long_type_of_a_task_32chr', device_id: 'a-device-of-64'.repeat(4) };
    const shown = renderTasks(
      [record, { ...record, ...long, task_id: 1_234_567_890, status: 'cancelled', attempt: 12 }],
      terminal,
    );
    const lines = shown.split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines[1]).toMatch(/^ +5 +sync_.* due 2026-11-24 08:00:00$/);
    expect(lines[2]).toMatch(/^1234567890 .* ended 2026-11-24 07:30:00$/);
  });

  it('lets no value move the cursor or forge a line', () => {
    const evil = { task_type: 'a\u001b[2J\nTASK 9', device_id: 'b\r' };
    const shown = renderTasks([{ ...record, ...evil }], terminal);
    expect([shown.includes('\u001b'), shown.includes('\r'), shown.split('\n').length]).toEqual([false, false, 2]);
    expect(renderTask({ ...task, last_error: 'a\u001b[2J' }, terminal)).not.toContain('\u001b');
  });
});

describe('a task', () => {
  it('finding B11: says how many of its retries are spent, never more than it has', () => {
    const retries = (retry_count: number, max_retry_count: number | null) =>
      /^Retries +(.*)$/m.exec(renderTask({ ...task, retry_count, max_retry_count }, terminal))?.[1];
    expect([retries(0, 3), retries(2, 3), retries(4, 3), retries(1, 0), retries(2, null)]).toEqual([
      '0 of 3 used',
      '2 of 3 used',
      '3 of 3 used',
      '0 of 0 used',
      '2 used',
    ]);
  });

  it('that waits says why, and each device with its score or what keeps it', () => {
    const waiting = {
      why: 'every device that can run it is full',
      devices: [
        { device_id: 'worker-001', reasons: ['is full (5 of 5 slots)'], score: 0.25, parts: null },
        { device_id: 'worker-002', reasons: ['lacks browser=true', 'is paused'], score: null, parts: null },
      ],
    };
    const shown = renderTask({ ...task, waiting }, terminal);
    expect(shown).toMatch(/^Pending reason +every device that can run it is full$/m);
    expect(shown).toMatch(/^worker-001 +0\.25 +is full \(5 of 5 slots\)$/m);
    expect(shown).toMatch(/^worker-002 +lacks browser=true, is paused$/m);
  });

  it('shows its attempts with how long each took and why it ended', () => {
    const ended = {
      ...{ assignment_id: 9, attempt: 1, device_id: 'worker-001', status: 'failed' as const, retry_count: 0 },
      ...{ assigned_at: '2026-11-24T08:00:00.000Z', started_at: null, completed_at: '2026-11-24T08:00:01.500Z' },
      ...{ deadline_at: '2026-11-24T09:00:00.000Z', error_message: 'boom', error_class: 'TypeError', cause: null },
      ...{ revoked_at: null, revoke_outcome: null, revoked_by: null, result: null, progress: null },
    };
    const shown = renderTask({ ...task, attempt: 1, assignments: [ended] }, terminal);
    expect(shown).not.toMatch(/PROGRESS|MEMORY|CPU/);
    expect(shown).toMatch(/1 +worker-001 +failed +2026-11-24 08:00:00 +1\.5 s +boom/);
  });

  it('names who acted on it, oldest first, and says when that is not shown', () => {
    const act = { id: 1, at: '2026-11-24T07:00:00.123Z', actor: 'os:ada@ops', source: null, request_id: 'r' };
    const acts = [
      { ...act, id: 2, action: 'tasks.cancel', reason: 'not\u001b needed', outcome: 'asked' },
      { ...act, action: 'tasks.retry', reason: null, outcome: 'done' },
    ];
    const shown = renderTask({ ...task, acts }, terminal);
    expect(shown.split('\n').slice(-3)).toEqual([
      expect.stringMatching(/^ACT +TIME \(UTC\) +BY +REASON$/),
      expect.stringMatching(/^tasks\.retry +2026-11-24 07:00:00 +os:ada@ops$/),
      expect.stringMatching(/^tasks\.cancel, asked +2026-11-24 07:00:00 +os:ada@ops +not.* needed$/),
    ]);
    expect(shown).not.toContain('\u001b');
    expect(renderTask({ ...task, acts, more_acts: true }, terminal)).toMatch(/afd audit ls\.$/);
    const hidden = { acts: null, acts_note: 'not shown: this account may not read the audit log' };
    expect(renderTask({ ...task, ...hidden }, terminal)).toMatch(
      /\nActs of operators: not shown: this account may not read the audit log\.$/,
    );
    expect(renderTask(task, terminal)).not.toContain('ACT ');
  });

  it('whose data cannot be read shows it as it is', () => {
    expect(renderTask({ ...task, payload: null, task_data: [1] }, terminal)).toContain('not a JSON object: [1]');
  });
});

describe('the timeout of a task', () => {
  it('is exact where the task has one, and none where its row says zero or less', () => {
    const timeoutIn = (execution_timeout: number | null) =>
      /^Timeout .*$/m.exec(renderTask({ ...task, execution_timeout }, terminal))?.[0];
    expect(timeoutIn(null)).toBeUndefined();
    expect(timeoutIn(45)).toMatch(/^Timeout +45 s$/);
    expect(timeoutIn(100)).toMatch(/^Timeout +100 s \(about 2 min\)$/);
    expect(timeoutIn(0)).toMatch(/^Timeout +none of its own \(execution_timeout = 0\)$/);
    expect(timeoutIn(-5)).toContain('none of its own (execution_timeout = -5)');
  });
});
