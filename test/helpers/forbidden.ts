// Statements that an account of a role must not be able to run: test/serial/grants.test.ts.
import type { Role } from '../../src/core/domain/database-role.ts';

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
  'DELETE FROM af_crawl_task WHERE id = 1',
  'DELETE FROM af_task_assignment WHERE id = 1',
  "INSERT INTO af_migration (name) VALUES ('9999_x')",
  'DELETE FROM af_migration',
  'UPDATE af_crawl_task SET username = 1 WHERE id = 1',
  "UPDATE af_crawl_task SET task_data = '{}' WHERE id = 1",
  "UPDATE af_crawl_task SET task_type = 'other' WHERE id = 1",
  'UPDATE af_crawl_task SET priority = 10 WHERE id = 1',
  "INSERT INTO af_crawl_task (task_type, claim_token) VALUES ('hello', 'x')",
  'DELETE FROM af_leader',
];

const OF_OPERATORS = [
  "UPDATE af_device SET operator_state = 'paused' WHERE device_id = 'w'",
  "DELETE FROM af_device WHERE device_id = 'w'",
  'UPDATE af_task_assignment SET revoked_at = NOW() WHERE id = 1',
  "UPDATE af_task_assignment SET revoke_outcome = 'cancelled' WHERE id = 1",
  'DELETE FROM af_request',
  'SELECT answer FROM af_request',
];

const OF_LEADERS = [
  "UPDATE af_leader SET term = term + 1 WHERE name = 'leader'",
  'DELETE FROM af_lane',
  'DELETE FROM af_device_heartbeat',
  'DELETE FROM af_task_end',
  'ALTER TABLE af_device_heartbeat ENGINE = InnoDB',
  'ALTER TABLE af_task_log ENGINE = InnoDB',
  'DROP TABLE af_task_log',
];

const OF_SETTINGS = [
  "INSERT INTO af_setting (name, value) VALUES ('x', '1')",
  "UPDATE af_setting SET value = '1' WHERE name = 'x'",
];

const OF_NODES = [
  "UPDATE af_crawl_task SET status = 'done' WHERE id = 1",
  'UPDATE af_crawl_task SET claim_token = NULL WHERE id = 1',
  "INSERT INTO af_task_assignment (task_id, device_id) VALUES (1, 'w')",
  "UPDATE af_task_assignment SET status = 'completed' WHERE id = 1",
  "INSERT INTO af_device (device_id, device_name, device_type, ip_address, port) VALUES ('x', 'x', 'worker', '', 0)",
  "UPDATE af_device SET status = 'offline' WHERE device_id = 'w'",
  "INSERT INTO af_device_heartbeat (device_id) VALUES ('w')",
  "INSERT INTO af_task_progress (task_id, attempt, device_id, updated_at) VALUES (1, 1, 'w', NOW())",
  'DELETE FROM af_task_checkpoint',
  'SELECT value FROM af_task_checkpoint',
  'DELETE FROM af_task_log',
  'SELECT claim_token FROM af_crawl_task',
  'SELECT claim_token FROM af_task_assignment',
  'SELECT instance_token FROM af_task_assignment',
  'SELECT lock_name FROM af_device',
];

export const FORBIDDEN: Record<Role, string[]> = {
  worker: [...NOBODYS, ...OF_OPERATORS, ...OF_LEADERS, ...OF_SETTINGS, 'UPDATE af_device SET success_rate = 1'],
  leader: [
    ...NOBODYS,
    ...OF_OPERATORS,
    "INSERT INTO af_crawl_task (task_type) VALUES ('hello')",
    'SELECT value FROM af_task_checkpoint',
    "INSERT INTO af_task_progress (task_id, attempt, device_id, updated_at) VALUES (1, 1, 'w', NOW())",
    "UPDATE af_task_assignment SET result = '{}' WHERE id = 1",
    'ALTER TABLE af_task_assignment ENGINE = InnoDB',
    'DROP TABLE af_device',
  ],
  gateway: [
    ...NOBODYS,
    "UPDATE af_leader SET term = term + 1 WHERE name = 'leader'",
    'DELETE FROM af_lane',
    'DELETE FROM af_device_heartbeat',
    'ALTER TABLE af_device_heartbeat ENGINE = InnoDB',
    'DELETE FROM af_setting',
    'DELETE FROM af_task_end',
  ],
  producer: [
    ...NOBODYS,
    ...OF_OPERATORS,
    ...OF_LEADERS,
    ...OF_SETTINGS,
    ...OF_NODES,
    'SELECT username FROM af_crawl_task',
    'SELECT task_data FROM af_crawl_task',
    'SELECT result FROM af_task_assignment',
    'SELECT body FROM af_task_log',
    "INSERT INTO af_crawl_task (task_type, id) VALUES ('hello', 1)",
    "INSERT INTO af_crawl_task (task_type, status) VALUES ('hello', 'running')",
    "INSERT INTO af_crawl_task (task_type, target_device_id) VALUES ('hello', 'w')",
    "INSERT INTO af_crawl_task (task_type, parent_id) VALUES ('hello', 1)",
  ],
  readonly: [
    ...NOBODYS,
    ...OF_OPERATORS,
    ...OF_LEADERS,
    ...OF_SETTINGS,
    ...OF_NODES,
    "INSERT INTO af_crawl_task (task_type) VALUES ('hello')",
    'SELECT ring_token FROM af_device',
    'SELECT holder_token FROM af_leader',
    'SELECT claim_instance FROM af_crawl_task',
  ],
};
