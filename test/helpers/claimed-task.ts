import type { ClaimedTask } from '../../src/core/db/claim/claimed-task.ts';

/** A first attempt of a task of type `t`, with nothing special about it. */
export const claimedTask = (over: Partial<ClaimedTask> = {}): ClaimedTask => ({
  ...{ id: 1, attempt: 0, task_type: 't', username: null, app_id: null, start_date: null, end_date: null },
  ...{ task_data: null, payload_bytes: 0, priority: 5, retry: 0, execution_timeout: null, claimed_by: null },
  ...{ required_capabilities: null, claim_rank: 5, due_at: '2026-01-01 00:00:00.000' },
  ...{ assignment_id: null, lease_s: 60, deferred: true },
  ...over,
});
