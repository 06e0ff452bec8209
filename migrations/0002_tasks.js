// The task table as the design document and its users know it, plus what afd adds. claim_state, lane, claim_rank and
// due_at are generated: a plain INSERT by any program makes a claimable row. MD5 and SHA1 are gone from MySQL >= 9.6, hence SHA2.
// due_at has a value for every date that a row can hold, else the row could not be changed (see task-columns.ts).
// A table that exists is adopted instead: it gets what it lacks, in another form (src/core/db/migrate/adoption/task-columns.ts).

/** Also when it is recorded: the table may have been changed by hand, or tables.task may name another one by now. */
export const always = true;

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function up(tools) {
  await tools.ensureTaskTable(
    `CREATE TABLE ${tools.names.task} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT,
      task_type VARCHAR(32) NOT NULL,
      username VARCHAR(255) NULL,
      app_id VARCHAR(128) NULL,
      start_date DATE NULL,
      end_date DATE NULL,
      retry INT DEFAULT 0,
      status ENUM('pending','running','failed','done','assigned','waiting','cancelled') DEFAULT 'pending',
      next_run_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)),
      created_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)),
      updated_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)),
      priority INT DEFAULT 5 COMMENT '任务优先级(1-10)',
      estimated_duration INT NULL COMMENT '预估执行时间(秒)',
      required_capabilities JSON NULL COMMENT '所需设备能力',
      max_retry_count INT DEFAULT 3 COMMENT '最大重试次数',
      task_data JSON NULL,
      execution_timeout INT NULL COMMENT 'seconds',
      not_after DATETIME(3) NULL,
      dedupe_key VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
      concurrency_key VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
      target_device_id VARCHAR(64) NULL,
      target_until DATETIME(3) NULL,
      claim_token BINARY(16) NULL,
      claimed_by VARCHAR(64) NULL COMMENT 'set while the claim has no row in the assignment table yet',
      claim_instance BINARY(16) NULL,
      claimed_at DATETIME(3) NULL,
      claim_deadline DATETIME(3) NULL,
      attempt INT NOT NULL DEFAULT 0,
      lost_count INT NOT NULL DEFAULT 0,
      batch_id BIGINT NULL,
      parent_id BIGINT NULL,
      last_error TEXT NULL,
      finished_at DATETIME(3) NULL,
      lane BINARY(16) GENERATED ALWAYS AS
        (UNHEX(LEFT(SHA2(CONCAT(task_type, '|', COALESCE(required_capabilities, '')), 256), 32))) STORED,
      claim_rank TINYINT GENERATED ALWAYS AS (10 - LEAST(GREATEST(COALESCE(priority, 5), 0), 10)) STORED,
      due_at DATETIME(3) GENERATED ALWAYS AS
        (IF(MONTH(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00'))
          * DAYOFMONTH(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00')) = 0,
          TIMESTAMP'1970-01-01 00:00:00',
          LEAST(GREATEST(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00'),
            TIMESTAMP'1970-01-01 00:00:00'), TIMESTAMP'9999-12-31 23:59:59'))) STORED,
      claim_state MEDIUMINT GENERATED ALWAYS AS
        (FIELD(status, 'pending', 'done', 'failed', 'cancelled', 'waiting', 'assigned', 'running') * 100000
          - IF(status IN ('done', 'failed', 'cancelled'),
            LEAST(DATEDIFF(IF(MONTH(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00'))
              * DAYOFMONTH(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00')) = 0,
              TIMESTAMP'1970-01-01 00:00:00',
              LEAST(GREATEST(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00'),
                TIMESTAMP'1970-01-01 00:00:00'), TIMESTAMP'9999-12-31 23:59:59')), TIMESTAMP'1970-01-01 00:00:00'), 32767),
            0)) STORED,
      KEY afd_claim (claim_state, lane, claim_rank, due_at, id),
      UNIQUE KEY afd_dedupe (dedupe_key),
      KEY afd_target (target_device_id, claim_rank, due_at, id)
    ) TABLE_OPTIONS`,
  );
}

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function down(tools) {
  await tools.removeTaskTable();
}
