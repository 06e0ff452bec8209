// A task as a claim and its recovery read it.
import { requirementsColumn } from '../requirements-text.ts';

/** A row that a claim has locked, and has taken once `lease_s` and what follows are set. JSON columns are text. */
export interface ClaimedTask {
  id: number;
  /** Number of the attempt before this claim. */
  attempt: number;
  task_type: string;
  username: string | null;
  app_id: string | null;
  start_date: string | null;
  end_date: string | null;
  /** Null also when it is longer than INLINE_BYTES: then it is fetched before the handler begins (claimed-payload.ts). */
  task_data: string | null;
  /** Bytes of task_data. */
  payload_bytes: number;
  priority: number | null;
  retry: number | null;
  execution_timeout: number | null;
  required_capabilities: string | null;
  claim_rank: number;
  due_at: string;
  /** Left by a deferred claim of a task that another program has set back; null otherwise. */
  claimed_by: string | null;
  /** Seconds until the leader's backstop. */
  lease_s: number;
  /** Its attempt gets its row with its end. */
  deferred: boolean;
  /** The attempt's row; null = deferred, so there is none yet. */
  assignment_id: number | null;
}

/**
 * A longer payload does not travel with the claim: hundreds of them would hold the claim's locks for as long as the network
 * takes, and fill the worker's memory with what waits for a slot.
 */
export const INLINE_BYTES = 16 * 1024;

/** What a claim and its recovery read of a task; `t` is its alias, `attempt` the number before the claim. */
export const taskColumns = (t: string, attempt: string) => `${t}.id, ${attempt} AS attempt, ${t}.task_type,
  ${t}.username, ${t}.app_id, ${t}.start_date, ${t}.end_date, IF(LENGTH(${t}.task_data) > ${INLINE_BYTES}, NULL, ${t}.task_data) AS task_data,
  COALESCE(LENGTH(${t}.task_data), 0) AS payload_bytes, ${t}.priority, ${t}.retry, ${t}.execution_timeout,
  ${requirementsColumn(`${t}.required_capabilities`)}, ${t}.claim_rank, ${t}.due_at, ${t}.claimed_by`;
