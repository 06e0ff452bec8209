// Statements that an account of a role must not be able to run: test/proof/servers/grants.test.ts.
import type { Role } from '../../src/core/domain/database-role.ts';

const deletes = (...tables: string[]) => tables.map((table) => `DELETE FROM af_${table}`);
/** Each is a column and its table. */
const reads = (...columns: string[]) => columns.map((one) => `SELECT ${one.replace(' ', ' FROM af_')}`);

/** Of no role: the schema, the server, its files, its accounts. */
const NOBODYS = [
  'CREATE TABLE af_extra (id INT)',
  'DROP TABLE af_crawl_task',
  'TRUNCATE TABLE af_crawl_task',
  'ALTER TABLE af_crawl_task ADD COLUMN extra INT',
  'CREATE INDEX extra ON af_crawl_task (username)',
  'CREATE TRIGGER extra BEFORE INSERT ON af_crawl_task FOR EACH ROW SET NEW.priority = 10',
  'CREATE VIEW extra AS SELECT id FROM af_crawl_task',
  'CREATE PROCEDURE extra() SELECT 1',
  'CREATE DATABASE afd_extra',
  'DROP DATABASE afd',
  "CREATE USER 'extra'@'%' IDENTIFIED BY 'extra'",
  "GRANT SELECT ON afd.af_crawl_task TO 'afd_readonly'@'%'",
  "SET PASSWORD FOR 'afd'@'localhost' = 'extra'",
  'SET GLOBAL max_connections = 1',
  'SELECT * FROM mysql.user',
  "SELECT 'x' INTO OUTFILE '/tmp/afd-extra'",
  'RENAME TABLE af_crawl_task TO af_other',
  ...deletes('crawl_task', 'task_assignment', 'migration', 'leader', 'batch', 'secret', 'audit_head'),
  "INSERT INTO af_migration (name) VALUES ('9999_x')",
  'UPDATE af_crawl_task SET username = 1 WHERE id = 1',
  "UPDATE af_crawl_task SET task_data = '{}' WHERE id = 1",
  "UPDATE af_crawl_task SET task_type = 'other' WHERE id = 1",
  'UPDATE af_crawl_task SET priority = 10 WHERE id = 1',
  "INSERT INTO af_crawl_task (task_type, claim_token) VALUES ('hello', 'x')",
  'UPDATE af_secret SET version = 2',
  "UPDATE af_batch SET name = 'other'",
  "UPDATE af_audit_log SET actor = 'os:nobody' WHERE id = 1",
  'UPDATE af_audit_log SET hash = prev_hash',
  'TRUNCATE TABLE af_audit_log',
  "INSERT INTO af_secret_grant (name, task_type, device_id, granted_at, granted_by) VALUES ('a', 'b', '', NOW(), 'c')",
];

const OF_OPERATORS = [
  "UPDATE af_webhook SET url = 'https://example.org/'",
  ...deletes('webhook', 'user', 'session', 'login_failure', 'device_certificate', 'request', 'device'),
  "UPDATE af_device SET operator_state = 'paused' WHERE device_id = 'w'",
  'UPDATE af_task_assignment SET revoked_at = NOW() WHERE id = 1',
  "UPDATE af_task_assignment SET revoke_outcome = 'cancelled' WHERE id = 1",
  ...reads('key_hash api_key', 'password_hash user', 'id_hash session', 'network login_failure'),
  ...reads('fingerprint device_certificate', 'code_hash device_invitation', 'owner task_owner', 'answer request'),
  "UPDATE af_api_key SET role = 'admin'",
  "UPDATE af_user SET role = 'admin'",
  "INSERT INTO af_user (name, password_hash, role, created_at, created_by, password_changed_at) VALUES ('x', 'x', 'admin', NOW(), 'x', NOW())",
  "INSERT INTO af_session (id_hash, created_at, last_seen_at, expires_at) VALUES ('x', NOW(), NOW(), NOW())",
  'UPDATE af_device_certificate SET revoked_at = NULL',
  "INSERT INTO af_device_invitation (code_hash, device_id, created_at, created_by, expires_at) VALUES ('x', 'w', NOW(), 'c', NOW())",
  "INSERT INTO af_task_owner (owner, task_id) VALUES ('user:1', 1)",
];

const OF_LEADERS = [
  'UPDATE af_batch SET ended_at = NOW()',
  ...reads('secret webhook'),
  ...deletes('webhook_delivery', 'lane', 'device_heartbeat', 'task_end'),
  'UPDATE af_cursor SET value = 0',
  "UPDATE af_leader SET term = term + 1 WHERE name = 'leader'",
  'ALTER TABLE af_device_heartbeat ENGINE = InnoDB',
  'ALTER TABLE af_task_log ENGINE = InnoDB',
  'DROP TABLE af_task_log',
];

/** Neither workers, nor producers, nor readers. */
const OF_AUDITED = [
  ...reads('actor audit_log'),
  ...deletes('audit_log'),
  'UPDATE af_audit_head SET id = 0',
  "INSERT INTO af_audit_log (id, at, actor, action, object_type, object_id, request_id, outcome, prev_hash, hash) VALUES (1, NOW(), 'a', 'a', 'a', 'a', 'a', 'a', '', '')",
];

const OF_SETTINGS = [
  "INSERT INTO af_setting (name, value) VALUES ('x', '1')",
  "UPDATE af_setting SET value = '1' WHERE name = 'x'",
];

const OF_PRODUCERS = [
  "INSERT INTO af_batch (name, created_at, created_by) VALUES ('b', NOW(), 'x')",
  'UPDATE af_batch SET sealed_at = NOW()',
  "INSERT INTO af_crawl_task (task_type, batch_id) VALUES ('hello', 1)",
];

const PROGRESS = "INSERT INTO af_task_progress (task_id, attempt, device_id, updated_at) VALUES (1, 1, 'w', NOW())";
const OF_NODES = [
  "UPDATE af_crawl_task SET status = 'done' WHERE id = 1",
  'UPDATE af_crawl_task SET claim_token = NULL WHERE id = 1',
  "INSERT INTO af_task_assignment (task_id, device_id) VALUES (1, 'w')",
  "UPDATE af_task_assignment SET status = 'completed' WHERE id = 1",
  "INSERT INTO af_device (device_id, device_name, device_type, ip_address, port) VALUES ('x', 'x', 'worker', '', 0)",
  "UPDATE af_device SET status = 'offline' WHERE device_id = 'w'",
  "INSERT INTO af_device_heartbeat (device_id) VALUES ('w')",
  PROGRESS,
  ...deletes('task_checkpoint', 'task_log'),
  ...reads('value task_checkpoint', 'claim_token crawl_task', 'claim_token task_assignment'),
  ...reads('instance_token task_assignment', 'lock_name device'),
];

/** Neither producers nor readers. */
const OF_THE_FLEET = [
  ...[...reads('sealed secret'), ...OF_AUDITED, ...NOBODYS],
  ...[...OF_OPERATORS, ...OF_LEADERS, ...OF_SETTINGS, ...OF_NODES],
];

export const FORBIDDEN: Record<Role, string[]> = {
  worker: [
    ...[...NOBODYS, ...OF_AUDITED, ...OF_OPERATORS, ...OF_LEADERS, ...OF_SETTINGS, ...OF_PRODUCERS],
    'UPDATE af_device SET success_rate = 1',
  ],
  leader: [
    ...[...NOBODYS, ...OF_OPERATORS, ...OF_PRODUCERS],
    "INSERT INTO af_crawl_task (task_type) VALUES ('hello')",
    ...reads('value task_checkpoint', 'sealed secret'),
    PROGRESS,
    "UPDATE af_task_assignment SET result = '{}' WHERE id = 1",
    'ALTER TABLE af_task_assignment ENGINE = InnoDB',
    'DROP TABLE af_device',
  ],
  gateway: [
    ...NOBODYS,
    'UPDATE af_batch SET ended_at = NOW()',
    "UPDATE af_leader SET term = term + 1 WHERE name = 'leader'",
    'UPDATE af_login_failure SET at = NOW()',
    ...deletes('audit_log', 'lane', 'device_heartbeat', 'setting', 'cursor', 'task_end'),
    'ALTER TABLE af_device_heartbeat ENGINE = InnoDB',
  ],
  producer: [
    ...OF_THE_FLEET,
    ...reads('username crawl_task', 'task_data crawl_task', 'result task_assignment', 'body task_log'),
    "INSERT INTO af_crawl_task (task_type, id) VALUES ('hello', 1)",
    "INSERT INTO af_crawl_task (task_type, status) VALUES ('hello', 'running')",
    "INSERT INTO af_crawl_task (task_type, target_device_id) VALUES ('hello', 'w')",
    "INSERT INTO af_crawl_task (task_type, parent_id) VALUES ('hello', 1)",
  ],
  readonly: [
    ...[...OF_THE_FLEET, ...OF_PRODUCERS],
    "INSERT INTO af_crawl_task (task_type) VALUES ('hello')",
    ...reads('ring_token device', 'holder_token leader', 'claim_instance crawl_task'),
  ],
};
