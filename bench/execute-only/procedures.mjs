// The claim, the renewal and the end of a task as stored procedures that run with the rights of who made them, so that a
// worker needs EXECUTE and no right in any table. Nothing of afd calls them: bench/execute-only.mjs measures what they cost,
// and test/proof/servers/execute-only.test.ts shows that they work (docs/adr/0044-no-execute-only-worker.md). Each does what
// src/core/db/claim/statements.ts, src/core/db/attempts/flush-starts.ts and src/core/db/devices/heartbeat-device.ts send, with
// the same fences; what a worker decides between two batches (room for a type, odd tasks, sizes of payloads) is missing.

export const PROCEDURES = ['strict_claim', 'strict_renew', 'strict_end'];

/** An end as af_strict_end and a start as af_strict_renew get it, all of one call in one JSON text. */
const ENDS = `JSON_TABLE(p_ends, '$[*]' COLUMNS (task_id BIGINT PATH '$.task_id', assignment_id BIGINT PATH '$.assignment_id',
    token CHAR(32) PATH '$.token', completed TINYINT PATH '$.completed', age BIGINT PATH '$.age_us', retry_in BIGINT PATH '$.retry_in_us',
    result LONGTEXT PATH '$.result', error TEXT PATH '$.error')) e`;
const STARTS = `JSON_TABLE(p_starts, '$[*]' COLUMNS (assignment_id BIGINT PATH '$.assignment_id', token CHAR(32) PATH '$.token',
    age BIGINT PATH '$.age_us', lease INT PATH '$.lease_s')) e`;
const IDS = `JSON_TABLE(v_ids, '$[*]' COLUMNS (id BIGINT PATH '$')) e`;
const CLAIMED = `t.id, t.attempt, t.task_type, t.username, t.app_id, t.start_date, t.end_date,
    IF(LENGTH(t.task_data) > 16384, NULL, t.task_data) AS task_data, COALESCE(LENGTH(t.task_data), 0) AS payload_bytes, t.priority, t.retry,
    t.execution_timeout, t.required_capabilities, t.claim_rank, t.due_at`;
/** MySQL must be told which table; MariaDB cannot, and skips comments of these versions. */
const LOCK = 'FOR UPDATE /*!80000 OF';
const OPEN = `SELECT COUNT(*) INTO v_open FROM {device} WHERE device_id = p_device AND instance_token = p_instance`;

const BODIES = {
  // Tasks of one lane and rank, from a cursor on. No rows = nothing due there, or the device may not claim.
  strict_claim: `(p_device VARCHAR(64), p_instance BINARY(16), p_token BINARY(16), p_lane BINARY(16), p_rank INT,
    p_due DATETIME(3), p_id BIGINT, p_limit INT, p_lease INT, p_deferred TINYINT)
  BEGIN
    DECLARE v_open INT DEFAULT 0;
    DECLARE v_ids LONGTEXT;
    ${OPEN} AND operator_state = 'active' AND status <> 'offline';
    IF v_open = 1 THEN
      SELECT JSON_ARRAYAGG(id) INTO v_ids FROM (SELECT id FROM {task} FORCE INDEX (afd_claim)
        WHERE claim_state = 100000 AND lane = p_lane AND claim_rank = p_rank
          AND ((due_at = p_due AND id >= p_id) OR (due_at > p_due AND due_at <= NOW(3)))
        ORDER BY claim_rank, due_at, id LIMIT p_limit FOR UPDATE SKIP LOCKED) due;
    END IF;
    IF v_ids IS NOT NULL AND p_deferred = 1 THEN
      UPDATE ${IDS} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.id = e.id
        SET t.status = 'running', t.attempt = LEAST(t.attempt, 2147483646) + 1, t.claim_token = p_token, t.claimed_by = p_device,
          t.claim_instance = p_instance, t.claimed_at = UTC_TIMESTAMP(3), t.claim_deadline = UTC_TIMESTAMP(3) + INTERVAL p_lease SECOND,
          t.target_device_id = NULL, t.target_until = NULL, t.updated_at = NOW(3);
      SELECT ${CLAIMED}, NULL AS assignment_id FROM ${IDS} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.id = e.id;
    ELSEIF v_ids IS NOT NULL THEN
      UPDATE ${IDS} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.id = e.id
        SET t.status = 'running', t.attempt = LEAST(t.attempt, 2147483646) + 1, t.claim_token = p_token, t.claimed_by = NULL,
          t.claim_instance = NULL, t.claimed_at = NULL, t.claim_deadline = NULL, t.target_device_id = NULL, t.target_until = NULL,
          t.updated_at = NOW(3);
      INSERT INTO {assignment} (task_id, device_id, retry_count, attempt, claim_token, instance_token, deadline_at)
        SELECT t.id, p_device, COALESCE(t.retry, 0), t.attempt, p_token, p_instance, UTC_TIMESTAMP(3) + INTERVAL p_lease SECOND
        FROM ${IDS} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.id = e.id;
      SELECT ${CLAIMED}, a.id AS assignment_id FROM ${IDS} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.id = e.id
        STRAIGHT_JOIN {assignment} a FORCE INDEX (idx_task_id) ON a.task_id = t.id AND a.attempt = t.attempt;
    END IF;
  END`,
  // The device lives, and attempts that run for a while have begun.
  strict_renew: `(p_device VARCHAR(64), p_instance BINARY(16), p_active INT, p_starts LONGTEXT)
  BEGIN
    DECLARE v_open INT DEFAULT 0;
    DECLARE v_begun INT DEFAULT 0;
    UPDATE {device} SET status = IF(p_active > 0, 'busy', 'online'), current_tasks = p_active, recent_claims = p_active, over_limits = NULL,
      stuck = NULL, last_heartbeat = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3)
      WHERE device_id = p_device AND instance_token = p_instance;
    SET v_open = ROW_COUNT();
    IF v_open = 1 AND JSON_LENGTH(p_starts) > 0 THEN
      UPDATE ${STARTS} STRAIGHT_JOIN {assignment} a FORCE INDEX (PRIMARY) ON a.id = e.assignment_id
        SET a.status = 'running', a.cause = NULL, a.updated_at = UTC_TIMESTAMP(3),
          a.started_at = COALESCE(a.started_at, UTC_TIMESTAMP(3) - INTERVAL e.age MICROSECOND),
          a.deadline_at = UTC_TIMESTAMP(3) - INTERVAL e.age MICROSECOND + INTERVAL e.lease SECOND
        WHERE a.claim_token = UNHEX(e.token) AND a.device_id = p_device AND a.instance_token = p_instance
          AND a.status IN ('assigned', 'running');
      SET v_begun = ROW_COUNT();
    END IF;
    SELECT v_open AS device, v_begun AS begun;
  END`,
  // All of the ends, or none: then one of the attempts is not the device's any more, and the answer says so by written = 0.
  strict_end: `(p_device VARCHAR(64), p_instance BINARY(16), p_ends LONGTEXT)
  BEGIN
    DECLARE v_tasks INT DEFAULT 0;
    DECLARE v_attempts INT DEFAULT 0;
    DECLARE v_deferred INT DEFAULT 0;
    DECLARE v_failed INT DEFAULT 0;
    DECLARE v_written INT DEFAULT 0;
    SELECT COUNT(*), COALESCE(SUM(e.assignment_id IS NULL), 0), COALESCE(SUM(e.completed = 0), 0) INTO v_tasks, v_deferred, v_failed
      FROM ${ENDS} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.id = e.task_id
      WHERE t.status = 'running' AND t.claim_token = UNHEX(e.token)
        AND (e.assignment_id IS NOT NULL OR (t.claimed_by = p_device AND t.claim_instance = p_instance)) ${LOCK} t */;
    IF v_tasks > v_deferred THEN
      SELECT COUNT(*) INTO v_attempts FROM ${ENDS} STRAIGHT_JOIN {assignment} a FORCE INDEX (PRIMARY) ON a.id = e.assignment_id
        WHERE a.task_id = e.task_id AND a.claim_token = UNHEX(e.token) AND a.device_id = p_device AND a.instance_token = p_instance
          AND a.status IN ('assigned', 'running') ${LOCK} a */;
    END IF;
    IF v_tasks = JSON_LENGTH(p_ends) AND v_tasks = v_attempts + v_deferred THEN
      SET v_written = v_tasks;
      IF v_deferred > 0 THEN
        INSERT INTO {assignment} (task_id, device_id, assigned_at, started_at, completed_at, status, retry_count, attempt, claim_token,
            instance_token, deadline_at, result, error_message)
          SELECT t.id, p_device, t.claimed_at, UTC_TIMESTAMP(3) - INTERVAL e.age MICROSECOND, UTC_TIMESTAMP(3),
            IF(e.completed = 1, 'completed', 'failed'), COALESCE(t.retry, 0), t.attempt, t.claim_token, p_instance, t.claim_deadline, e.result, e.error
          FROM ${ENDS} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.id = e.task_id WHERE e.assignment_id IS NULL;
      END IF;
      IF v_attempts > 0 THEN
        UPDATE ${ENDS} STRAIGHT_JOIN {assignment} a FORCE INDEX (PRIMARY) ON a.id = e.assignment_id
          SET a.status = IF(e.completed = 1, 'completed', 'failed'), a.completed_at = UTC_TIMESTAMP(3), a.updated_at = UTC_TIMESTAMP(3),
            a.result = e.result, a.error_message = e.error, a.cause = NULL,
            a.started_at = COALESCE(a.started_at, UTC_TIMESTAMP(3) - INTERVAL e.age MICROSECOND);
      END IF;
      IF v_failed > 0 THEN
        UPDATE ${ENDS} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.id = e.task_id
          SET t.status = IF(COALESCE(t.retry, 0) < COALESCE(t.max_retry_count, 3), 'pending', 'failed'),
            t.finished_at = IF(COALESCE(t.retry, 0) < COALESCE(t.max_retry_count, 3), NULL, UTC_TIMESTAMP(3)),
            t.next_run_at = NOW(3) + INTERVAL e.retry_in MICROSECOND, t.retry = COALESCE(t.retry, 0) + 1, t.last_error = e.error,
            t.claim_token = NULL, t.claimed_by = NULL, t.claim_instance = NULL, t.claimed_at = NULL, t.claim_deadline = NULL,
            t.lost_count = 0, t.updated_at = NOW(3)
          WHERE e.completed = 0;
      END IF;
      IF v_tasks > v_failed THEN
        UPDATE ${ENDS} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.id = e.task_id
          SET t.status = 'done', t.claim_token = NULL, t.claimed_by = NULL, t.claim_instance = NULL, t.claimed_at = NULL,
            t.claim_deadline = NULL, t.lost_count = 0, t.last_error = NULL, t.finished_at = UTC_TIMESTAMP(3), t.updated_at = NOW(3)
          WHERE e.completed = 1;
      END IF;
    END IF;
    SELECT v_written AS written;
  END`,
};

/** CREATE PROCEDURE for the tables of `names` (tableNames of afd), in its schema. */
export function procedureStatements(names) {
  return PROCEDURES.map((name) =>
    `CREATE PROCEDURE ${names.prefix}${name} ${BODIES[name]}`
      .replace('\n  BEGIN', '\n  MODIFIES SQL DATA SQL SECURITY DEFINER\n  BEGIN')
      .replace(/\{(\w+)\}/g, (_, table) => names[table]),
  );
}

/** The account that may call them, and nothing else. `password` is written as it is. */
export function executeOnlyAccount(names, { schema, user, password }) {
  return [
    `CREATE USER '${user}'@'%' IDENTIFIED BY '${password}'`,
    ...PROCEDURES.map((name) => `GRANT EXECUTE ON PROCEDURE \`${schema}\`.${names.prefix}${name} TO '${user}'@'%'`),
  ];
}

/** The calls of a worker, as statements of a batch. */
export function callsOf(names) {
  const call = (name, values) => ({
    sql: `CALL ${names.prefix}${name}(${values.map(() => '?').join(', ')})`,
    values,
  });
  return {
    claim: ({ device_id, instance_token }, { claim_token, lane, claim_rank, cursor, limit, lease_s, deferred }) => {
      const { due_at, id } = cursor ?? { due_at: '1970-01-01 00:00:00.000', id: 0 };
      const claimed = [claim_token, lane, claim_rank, due_at, id, limit, lease_s, deferred ? 1 : 0];
      return call('strict_claim', [device_id, instance_token, ...claimed]);
    },
    renew: ({ device_id, instance_token }, { active, starts }) =>
      call('strict_renew', [device_id, instance_token, active, JSON.stringify(starts)]),
    end: ({ device_id, instance_token }, ends) =>
      call('strict_end', [device_id, instance_token, JSON.stringify([...ends].sort((a, b) => a.task_id - b.task_id))]),
  };
}
