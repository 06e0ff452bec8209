// One row per attempt: the record that a task is held by a device, with its claim token and deadline. No foreign keys:
// a child insert locks its parent row in share mode, so claims and heartbeats would block each other.

// Another program may insert rows of its own, as the document's table lets it: such a row has no number (attempt), no
// deadline, and a token that no claim has, so that it is nobody's attempt, and the leader closes it.

/**
 * @param {import('../src/core/db/table-names.ts').TableNames} names
 * @param {string} taskId type of the task table's id
 */
const assignments = (names, taskId) => `CREATE TABLE ${names.assignment} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT,
      task_id ${taskId} NOT NULL COMMENT '任务ID',
      device_id VARCHAR(64) NOT NULL COMMENT '分配的设备ID',
      assigned_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT '分配时间',
      started_at DATETIME(3) NULL COMMENT '开始执行时间',
      completed_at DATETIME(3) NULL COMMENT '完成时间',
      status ENUM('assigned','running','completed','failed','timeout','cancelled','released','lost') DEFAULT 'assigned',
      retry_count INT DEFAULT 0 COMMENT '重试次数',
      error_message TEXT NULL COMMENT '错误信息',
      created_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)),
      updated_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)),
      attempt INT NULL,
      claim_token BINARY(16) NOT NULL DEFAULT '',
      instance_token BINARY(16) NULL,
      deadline_at DATETIME(3) NULL,
      revoked_at DATETIME(3) NULL,
      revoke_outcome ENUM('cancelled','released') NULL,
      result JSON NULL,
      error_class VARCHAR(64) NULL,
      cause VARCHAR(64) NULL,
      fingerprint VARCHAR(64) NULL,
      UNIQUE KEY idx_task_id (task_id, attempt),
      KEY idx_device_id (device_id, status),
      KEY idx_status (status, deadline_at),
      KEY idx_assigned_at (assigned_at)
    ) TABLE_OPTIONS`;

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function up(tools) {
  const { names } = tools;
  const taskId = (await tools.columnType(names.plain.task, 'id')) ?? 'bigint';
  await tools.createTable(names.plain.assignment, assignments(names, taskId));
}

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function down(tools) {
  await tools.dropTable(tools.names.plain.assignment, assignments(tools.names, 'bigint'));
}
