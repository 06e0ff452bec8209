// The whole schema. Columns and indexes of the design document keep their names, their order and their comments; afd's own
// columns follow them, grouped by purpose. All times are UTC, DATETIME(3), without ON UPDATE; only next_run_at, created_at,
// updated_at and due_at of the task table are in the zone of database.time_zone, because other programs write them.
//
// A table that another program created by the design document is adopted: one ALTER adds what it lacks, INVISIBLE
// (src/core/db/migrate/adoption). It reads this text, so each column and each index stands on a line of its own, its COMMENT
// at the end of the line and without a quote in it.
//
// There are no foreign keys: a child insert locks its parent row in share mode, so claims and heartbeats would block each
// other.

/** @typedef {import('../src/core/db/table-names.ts').TableNames} Names */
/** @typedef {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} Tools */
/** @typedef {(names: Names) => string} TableText the CREATE TABLE; MigrationTools replace TABLE_OPTIONS */

/** One row per device. @type {TableText} */
const devices = (names) => `CREATE TABLE ${names.device} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which the devices were registered',
      device_id VARCHAR(64) NOT NULL COMMENT '设备唯一标识',
      device_name VARCHAR(128) NOT NULL COMMENT '设备名称',
      device_type ENUM('master', 'worker', 'gateway') NOT NULL COMMENT '设备类型',
      ip_address VARCHAR(45) NOT NULL COMMENT 'IP地址',
      port INT NOT NULL COMMENT '端口号',
      status ENUM('online', 'offline', 'busy') DEFAULT 'offline' COMMENT '设备状态',
      capabilities JSON COMMENT '设备能力配置',
      max_concurrent_tasks INT DEFAULT 5 COMMENT '最大并发任务数',
      current_tasks INT DEFAULT 0 COMMENT '当前任务数',
      last_heartbeat DATETIME(3) NULL COMMENT '最后心跳时间',
      created_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'UTC',
      updated_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'UTC',

      region VARCHAR(64) NULL COMMENT 'compared with the region in required_capabilities',
      labels JSON NULL COMMENT 'names and values of the operator',
      operator_state ENUM('active', 'paused', 'draining', 'quarantined') NOT NULL DEFAULT 'active' COMMENT 'what the operator wants of the device',

      instance_token BINARY(16) NULL COMMENT 'random; tells the process that registered last from earlier ones',
      host_name VARCHAR(255) NULL COMMENT 'machine of that process',
      pid INT NULL COMMENT 'number of that process on its machine',
      version VARCHAR(32) NULL COMMENT 'version of afd in that process',
      heartbeat_interval INT NULL COMMENT 'milliseconds',
      ring_token BINARY(16) NULL COMMENT 'secret that the sender of a ring (wake-up datagram) must know',

      lock_name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'session lock of that process (GET_LOCK); free = the process is gone',
      lock_server VARCHAR(255) NULL COMMENT 'database server that has the lock',
      lock_taken_at DATETIME(3) NULL COMMENT 'UTC',

      gateway_id VARCHAR(64) NULL COMMENT 'gateway that it asked last; NULL = it has a session of its own',
      lease_until DATETIME(3) NULL COMMENT 'in place of a session lock; then the device counts as gone, UTC',
      offline_for INT NULL COMMENT 'seconds for which it may be silent and keeps what it holds; NULL = heartbeat_timeout',

      over_limits JSON NULL COMMENT 'resource limits that it is over, in words',
      stuck JSON NULL COMMENT 'tasks whose handlers run on after their end, a slot each',
      recent_claims INT NOT NULL DEFAULT 0 COMMENT 'tasks claimed within the last minute',
      success_rate DECIMAL(5,4) NULL COMMENT '0 to 1, of the last 100 ended attempts',
      avg_duration_ms BIGINT NULL COMMENT 'milliseconds, of the completed ones among them',

      UNIQUE KEY device_id (device_id),
      KEY idx_device_type (device_type),
      KEY idx_status (status),
      KEY idx_last_heartbeat (last_heartbeat)
    ) TABLE_OPTIONS`;

/** One row per heartbeat. The leader adds a partition for each day and drops old ones. @type {TableText} */
const heartbeats = (names) => `CREATE TABLE ${names.heartbeat} (
      id BIGINT NOT NULL AUTO_INCREMENT COMMENT 'order in which the rows were written',
      device_id VARCHAR(64) NOT NULL COMMENT 'device that reports',
      heartbeat_time DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'UTC',
      cpu_usage DECIMAL(5,2) NULL COMMENT 'CPU使用率',
      memory_usage DECIMAL(5,2) NULL COMMENT '内存使用率',
      disk_usage DECIMAL(5,2) NULL COMMENT '磁盘使用率',
      active_tasks INT DEFAULT 0 COMMENT '活跃任务数',
      system_info JSON NULL COMMENT '系统信息',

      PRIMARY KEY (id, heartbeat_time),
      KEY idx_device_id (device_id),
      KEY idx_heartbeat_time (heartbeat_time)
    ) TABLE_OPTIONS PARTITION BY RANGE COLUMNS (heartbeat_time) (PARTITION p_future VALUES LESS THAN (MAXVALUE))`;

/**
 * One row per task. The claim reads generated columns, so that a plain INSERT by any program makes a claimable row. due_at
 * has a value for every date that a row can hold, else the row could not be changed (see adoption/task-columns.ts, which
 * spells these columns for an adopted table). MD5 and SHA1 are gone from MySQL >= 9.6, hence SHA2.
 * @type {TableText}
 */
const tasks = (names) => `CREATE TABLE ${names.task} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order of tasks that are otherwise equal',
      task_type VARCHAR(32) NOT NULL COMMENT 'selects the handler',
      username VARCHAR(255) NULL COMMENT 'payload',
      app_id VARCHAR(128) NULL COMMENT 'payload',
      start_date DATE NULL COMMENT 'payload',
      end_date DATE NULL COMMENT 'payload',
      retry INT DEFAULT 0 COMMENT 'attempts that failed or timed out',
      status ENUM('pending','running','failed','done','assigned','waiting','cancelled') DEFAULT 'pending' COMMENT 'assigned = directed at one device; waiting = parked until next_run_at',
      next_run_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'earliest start, in the zone of database.time_zone',
      created_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'in the zone of database.time_zone',
      updated_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'in the zone of database.time_zone',
      priority INT DEFAULT 5 COMMENT '任务优先级(1-10)',
      estimated_duration INT NULL COMMENT '预估执行时间(秒)',
      required_capabilities JSON NULL COMMENT '所需设备能力',
      max_retry_count INT DEFAULT 3 COMMENT '最大重试次数',

      task_data JSON NULL COMMENT 'payload; its keys override the columns',
      execution_timeout INT NULL COMMENT 'seconds; NULL = that of the handler, else master.task_timeout',
      not_after DATETIME(3) NULL COMMENT 'latest start, UTC',
      dedupe_key VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'unique while its row exists; compared exactly',
      concurrency_key VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'stored with the task; has no effect yet',
      batch_id BIGINT NULL COMMENT 'batch that it was added to',
      parent_id BIGINT NULL COMMENT 'id of the task whose handler added this one',

      target_device_id VARCHAR(64) NULL COMMENT 'device that the task is directed at',
      target_until DATETIME(3) NULL COMMENT 'until when, UTC',

      attempt INT NOT NULL DEFAULT 0 COMMENT 'number of the current or last attempt; 0 = none yet',
      lost_count INT NOT NULL DEFAULT 0 COMMENT 'workers that died under it',
      claim_token BINARY(16) NULL COMMENT 'random; each write of the holder must match it',
      claimed_by VARCHAR(64) NULL COMMENT 'deferred claim: device_id, until the attempt has a row of its own',
      claim_instance BINARY(16) NULL COMMENT 'deferred claim: instance_token of the process',
      claimed_at DATETIME(3) NULL COMMENT 'deferred claim: when, UTC',
      claim_deadline DATETIME(3) NULL COMMENT 'deferred claim: deadline_at of the attempt, UTC',
      last_error TEXT NULL COMMENT 'of the last attempt that did not complete',
      finished_at DATETIME(3) NULL COMMENT 'UTC',

      claim_state MEDIUMINT GENERATED ALWAYS AS
        (FIELD(status, 'pending', 'done', 'failed', 'cancelled', 'waiting', 'assigned', 'running') * 100000
          - IF(status IN ('done', 'failed', 'cancelled'),
            LEAST(DATEDIFF(IF(MONTH(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00'))
              * DAYOFMONTH(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00')) = 0,
              TIMESTAMP'1970-01-01 00:00:00',
              LEAST(GREATEST(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00'),
                TIMESTAMP'1970-01-01 00:00:00'), TIMESTAMP'9999-12-31 23:59:59')), TIMESTAMP'1970-01-01 00:00:00'), 32767),
            0)) STORED COMMENT 'place of the status x 100000; of an ended task, less the days from 1970 to due_at',
      lane BINARY(16) GENERATED ALWAYS AS
        (UNHEX(LEFT(SHA2(CONCAT(task_type, '|', COALESCE(required_capabilities, '')), 256), 32))) STORED COMMENT 'hash of task_type and required_capabilities',
      claim_rank TINYINT GENERATED ALWAYS AS
        (10 - LEAST(GREATEST(COALESCE(priority, 5), 0), 10)) STORED COMMENT '10 - priority; 0 = best',
      due_at DATETIME(3) GENERATED ALWAYS AS
        (IF(MONTH(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00'))
          * DAYOFMONTH(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00')) = 0,
          TIMESTAMP'1970-01-01 00:00:00',
          LEAST(GREATEST(COALESCE(next_run_at, created_at, TIMESTAMP'1970-01-01 00:00:00'),
            TIMESTAMP'1970-01-01 00:00:00'), TIMESTAMP'9999-12-31 23:59:59'))) STORED COMMENT 'next_run_at, else created_at, in the zone of database.time_zone',
      batch_state TINYINT GENERATED ALWAYS AS
        (IF(batch_id IS NULL, NULL, FIELD(status, 'pending', 'waiting', 'assigned', 'running', 'done', 'failed', 'cancelled'))) STORED COMMENT 'place of the status; up to 4 = open. NULL = in no batch',

      KEY afd_claim (claim_state, lane, claim_rank, due_at, id),
      UNIQUE KEY afd_dedupe (dedupe_key),
      KEY afd_target (target_device_id, claim_rank, due_at, id),
      KEY afd_batch (batch_id, batch_state)
    ) TABLE_OPTIONS`;

/**
 * One row per attempt. Another program may insert rows of its own, as the document's table lets it: such a row has no
 * attempt, no deadline, and a token that no claim has, so that it is nobody's attempt, and the leader closes it.
 * @param {Names} names
 * @param {string} taskId type of the task table's id
 */
const assignments = (names, taskId) => `CREATE TABLE ${names.assignment} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which the rows were written',
      task_id ${taskId} NOT NULL COMMENT '任务ID',
      device_id VARCHAR(64) NOT NULL COMMENT '分配的设备ID',
      assigned_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT '分配时间',
      started_at DATETIME(3) NULL COMMENT '开始执行时间',
      completed_at DATETIME(3) NULL COMMENT '完成时间',
      status ENUM('assigned','running','completed','failed','timeout','cancelled','released','lost') DEFAULT 'assigned' COMMENT 'assigned = claimed, the handler has not begun',
      retry_count INT DEFAULT 0 COMMENT '重试次数',
      error_message TEXT NULL COMMENT '错误信息',
      created_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'UTC',
      updated_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'UTC',

      attempt INT NULL COMMENT 'number of the attempt, from 1; NULL = row of another program',
      claim_token BINARY(16) NOT NULL DEFAULT '' COMMENT 'random, as in the task; zeros = row of another program',
      instance_token BINARY(16) NULL COMMENT 'process of the device that claimed it',
      deadline_at DATETIME(3) NULL COMMENT 'UTC; then the leader rescues the attempt',

      revoked_at DATETIME(3) NULL COMMENT 'when an operator asked for its end, UTC',
      revoke_outcome ENUM('cancelled','released') NULL COMMENT 'the end that the operator asked for',
      revoked_by VARCHAR(500) NULL COMMENT 'the operator and the reason, in words',

      result JSON NULL COMMENT 'what the handler returned',
      error_class VARCHAR(64) NULL COMMENT 'short name that groups equal failures',
      cause VARCHAR(64) NULL COMMENT 'why it was lost, released, cancelled or timed out',
      fingerprint VARCHAR(64) NULL COMMENT 'has no effect yet',

      UNIQUE KEY idx_task_id (task_id, attempt),
      KEY idx_device_id (device_id, status),
      KEY idx_status (status, deadline_at),
      KEY idx_assigned_at (assigned_at)
    ) TABLE_OPTIONS`;

/** One row: the leader's lease. @type {TableText} */
const leader = (names) => `CREATE TABLE ${names.leader} (
      name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'leader, in the only row',
      holder VARCHAR(64) NULL COMMENT 'device_id of the leader; NULL = nobody',
      holder_token BINARY(16) NULL COMMENT 'its instance_token',
      term BIGINT NOT NULL DEFAULT 0 COMMENT 'number of the leadership; each new one is higher',
      acquired_at DATETIME(3) NULL COMMENT 'UTC',
      renewed_at DATETIME(3) NULL COMMENT 'UTC',
      expires_at DATETIME(3) NULL COMMENT 'UTC; then another node may take the lease',
      failing JSON NULL COMMENT 'duties that fail now: term, and of each its name, message and since'
    ) TABLE_OPTIONS`;

/** One row per lane and rank with work, for the nodes to read. @type {TableText} */
const lanes = (names) => `CREATE TABLE ${names.lane} (
      lane BINARY(16) NOT NULL COMMENT 'as in the task table',
      claim_rank TINYINT NOT NULL COMMENT '10 - priority; 0 = best',
      task_type VARCHAR(255) NOT NULL COMMENT 'as long as that of an adopted table may be',
      required_capabilities JSON NULL COMMENT 'of each task of the lane',
      head_due_at DATETIME(3) NOT NULL COMMENT 'due_at of its first task, in the zone of database.time_zone',
      head_id BIGINT NOT NULL COMMENT 'id of that task',
      able INT NULL COMMENT 'number of online devices that can run it',
      published_at DATETIME(3) NOT NULL COMMENT 'UTC',

      PRIMARY KEY (lane, claim_rank)
    ) TABLE_OPTIONS`;

/** One row per setting that all nodes share. @type {TableText} */
const settings = (names) => `CREATE TABLE ${names.setting} (
      name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'key, as in the configuration file',
      value JSON NOT NULL COMMENT 'the value that all nodes use',
      updated_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'UTC',
      updated_by VARCHAR(128) NULL COMMENT 'who wrote it'
    ) TABLE_OPTIONS`;

/**
 * One row per attempt that reported something.
 * @param {Names} names
 * @param {string} taskId type of the task table's id
 */
const progress = (names, taskId) => `CREATE TABLE ${names.progress} (
      task_id ${taskId} NOT NULL COMMENT 'id of the task',
      attempt INT NOT NULL COMMENT 'number of the attempt',
      device_id VARCHAR(64) NOT NULL COMMENT 'device that ran it',
      done DOUBLE NULL COMMENT 'how far it is, in a unit of the handler',
      total DOUBLE NULL COMMENT 'in the same unit; NULL = not known',
      message VARCHAR(255) NULL COMMENT 'what it is doing, in words of the handler',
      metrics JSON NULL COMMENT 'names and numbers of the handler',
      peak_memory BIGINT NULL COMMENT 'bytes',
      cpu_ms BIGINT NULL COMMENT 'milliseconds of CPU time',
      begun_done DOUBLE NULL COMMENT 'done of its first report',
      begun_at DATETIME(3) NULL COMMENT 'when that was, UTC',
      updated_at DATETIME(3) NOT NULL COMMENT 'when it was last written, UTC',

      PRIMARY KEY (task_id, attempt)
    ) TABLE_OPTIONS`;

/**
 * One row per task whose handler stored something for the next attempt.
 * @param {Names} names
 * @param {string} taskId type of the task table's id
 */
const checkpoints = (names, taskId) => `CREATE TABLE ${names.checkpoint} (
      task_id ${taskId} NOT NULL PRIMARY KEY COMMENT 'id of the task',
      attempt INT NOT NULL COMMENT 'number of the attempt that stored it',
      value MEDIUMTEXT NOT NULL COMMENT 'JSON, at most 64 KB',
      task_created_at DATETIME(3) NULL COMMENT 'created_at of the task: ids of an emptied table repeat',
      written_at DATETIME(3) NOT NULL COMMENT 'UTC'
    ) TABLE_OPTIONS`;

/**
 * One row per task that ended without an attempt: an operator cancelled it, or no worker could claim it. A reader of ends by the ids of
 * the attempts finds the others here. The leader deletes old rows.
 * @param {Names} names
 * @param {string} taskId type of the task table's id
 */
const taskEnds = (names, taskId) => `CREATE TABLE ${names.taskEnd} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which the rows were written',
      task_id ${taskId} NOT NULL COMMENT 'id of the task',
      status ENUM('failed','cancelled') NOT NULL COMMENT 'of the task, since then',
      cause VARCHAR(64) NOT NULL COMMENT 'why: operator, or not claimable',
      ended_at DATETIME(3) NOT NULL COMMENT 'UTC'
    ) TABLE_OPTIONS`;

/**
 * What attempts print, in pieces. The leader adds a partition for each day and drops old ones.
 * @param {Names} names
 * @param {string} taskId type of the task table's id
 */
const logs = (names, taskId) => `CREATE TABLE ${names.log} (
      id BIGINT NOT NULL AUTO_INCREMENT COMMENT 'order in which the rows of a device were written',
      task_id ${taskId} NOT NULL COMMENT 'task whose attempt printed it',
      attempt INT NOT NULL COMMENT 'number of the attempt, from 1',
      device_id VARCHAR(64) NOT NULL COMMENT 'device that ran the attempt',
      from_byte BIGINT NOT NULL COMMENT 'bytes that the attempt had printed before this piece',
      to_byte BIGINT NOT NULL COMMENT 'and with it; the next piece begins here, or output was dropped between them',
      line_count INT NOT NULL COMMENT 'lines in body',
      body MEDIUMBLOB NOT NULL COMMENT 'the lines with their times and streams, compressed (raw deflate)',
      written_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)) COMMENT 'UTC',

      PRIMARY KEY (id, written_at),
      KEY idx_attempt (task_id, attempt, from_byte),
      KEY idx_device_id (device_id, id)
    ) TABLE_OPTIONS PARTITION BY RANGE COLUMNS (written_at) (PARTITION p_future VALUES LESS THAN (MAXVALUE))`;

/** One row per request with an Idempotency-Key. Gateways delete those that are older than a day. @type {TableText} */
const requests = (names) => `CREATE TABLE ${names.request} (
      request_key BINARY(32) NOT NULL PRIMARY KEY COMMENT 'SHA-256 of the method, the path and the key of the client',
      body_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the body: another one with this key is refused',
      begun_at DATETIME(3) NOT NULL COMMENT 'UTC',
      owner BINARY(16) NOT NULL COMMENT 'random; tells the request that is being answered from an earlier one',
      answer MEDIUMTEXT NULL COMMENT 'JSON; NULL = it is being answered',

      KEY idx_begun_at (begun_at)
    ) TABLE_OPTIONS`;

/** One row per secret. The key that opens it is in no table. @type {TableText} */
const secrets = (names) => `CREATE TABLE ${names.secret} (
      name VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'what tasks refer to, as secret:NAME',
      version INT NOT NULL COMMENT 'counts its values, from 1; part of what is encrypted',
      key_id CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the fleet key that wraps wrapped_key; part of what is encrypted',
      wrapped_key VARBINARY(255) NOT NULL COMMENT 'initialization vector, data key and tag of AES-256-GCM under the fleet key',
      sealed MEDIUMBLOB NOT NULL COMMENT 'initialization vector, value as JSON and tag of AES-256-GCM under the data key',
      created_at DATETIME(3) NOT NULL COMMENT 'UTC',
      changed_at DATETIME(3) NOT NULL COMMENT 'when its value was set last, UTC',
      changed_by VARCHAR(500) NOT NULL COMMENT 'the operator who set it'
    ) TABLE_OPTIONS`;

/** One row per permission to use a secret. Without one nobody may. @type {TableText} */
const secretGrants = (names) => `CREATE TABLE ${names.secretGrant} (
      name VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the secret',
      task_type VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'tasks that may use it; * = of every type',
      device_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'device on which they may; * = on every one',
      granted_at DATETIME(3) NOT NULL COMMENT 'UTC',
      granted_by VARCHAR(500) NOT NULL COMMENT 'the operator who granted it',

      PRIMARY KEY (name, task_type, device_id)
    ) TABLE_OPTIONS`;

/** One row per batch. What became of its tasks is counted in the task table. @type {TableText} */
const batches = (names) => `CREATE TABLE ${names.batch} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which they were made',
      name VARCHAR(191) NOT NULL COMMENT 'words of the operator; several batches may have the same',
      created_at DATETIME(3) NOT NULL COMMENT 'UTC',
      created_by VARCHAR(128) NOT NULL COMMENT 'who made it',
      sealed_at DATETIME(3) NULL COMMENT 'UTC; since then no task may be added to it',
      ended_at DATETIME(3) NULL COMMENT 'UTC; when it was sealed and none of its tasks was open',
      owner VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'submitter who made it, and sees it: key:ID or user:ID; NULL = somebody who sees all',

      KEY afd_unended (ended_at, sealed_at),
      KEY afd_owner (owner, id)
    ) TABLE_OPTIONS`;

/**
 * One row per task that a submitter added: nobody else writes here, so that the tasks of others cost nothing.
 * @param {Names} names
 * @param {string} taskId type of the task table's id
 */
const taskOwners = (names, taskId) => `CREATE TABLE ${names.taskOwner} (
      owner VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'submitter who added it, and sees it: key:ID or user:ID',
      task_id ${taskId} NOT NULL COMMENT 'id of the task',
      task_created_at DATETIME(3) NULL COMMENT 'created_at of the task: ids of an emptied table repeat',

      PRIMARY KEY (owner, task_id)
    ) TABLE_OPTIONS`;

/** One row per address to which ends of tasks and batches are sent. @type {TableText} */
const webhooks = (names) => `CREATE TABLE ${names.webhook} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which they were added',
      url VARCHAR(2000) NOT NULL COMMENT 'where deliveries are sent',
      description VARCHAR(255) NULL COMMENT 'words of the operator',
      event_types JSON NOT NULL COMMENT 'types of the events that are sent',
      task_types JSON NULL COMMENT 'only tasks of these types; NULL = of all',
      active TINYINT NOT NULL DEFAULT 1 COMMENT '0 = nothing is recorded or sent',
      active_since DATETIME(3) NOT NULL COMMENT 'earlier ends are not sent, UTC',
      secret VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'signs the deliveries: encrypted with a fleet key, or as it is',
      secret_version INT NOT NULL DEFAULT 1 COMMENT 'counts its secrets, from 1; part of what is encrypted',
      former_secret VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'the one before it, which signs them too, until former_until',
      former_until DATETIME(3) NULL COMMENT 'UTC',
      created_at DATETIME(3) NOT NULL COMMENT 'UTC',
      created_by VARCHAR(128) NOT NULL COMMENT 'who added it'
    ) TABLE_OPTIONS`;

/** One row per event and webhook. The leader writes and sends them, and deletes old ones. @type {TableText} */
const webhookDeliveries = (names) => `CREATE TABLE ${names.webhookDelivery} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which the rows were written',
      webhook_id BIGINT NOT NULL COMMENT 'id of the webhook',
      source ENUM('attempt','end','batch','test') NOT NULL COMMENT 'what ended: a task by an attempt, or by nothing but a row of the task ends; or a batch',
      source_id BIGINT NULL COMMENT 'id of that row; NULL = a test',
      event_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'as in body',
      task_id BIGINT NULL COMMENT 'task that ended; NULL = a batch, or a test',
      body TEXT NOT NULL COMMENT 'JSON, as it is sent',
      status ENUM('pending','delivered','failed') NOT NULL DEFAULT 'pending' COMMENT 'failed = it is not sent again',
      tries INT NOT NULL DEFAULT 0 COMMENT 'times that it was sent',
      next_try_at DATETIME(3) NULL COMMENT 'UTC; NULL unless it is pending',
      last_try_at DATETIME(3) NULL COMMENT 'UTC',
      last_code SMALLINT NULL COMMENT 'HTTP status of the last answer',
      last_error VARCHAR(500) NULL COMMENT 'why the last try failed',
      last_ms INT NULL COMMENT 'milliseconds that the last try took',
      created_at DATETIME(3) NOT NULL COMMENT 'UTC',

      UNIQUE KEY afd_source (webhook_id, source, source_id),
      KEY afd_due (webhook_id, status, next_try_at),
      KEY idx_webhook_id (webhook_id, id)
    ) TABLE_OPTIONS`;

/** One row per reader of a history that must miss nothing. @type {TableText} */
const cursors = (names) => `CREATE TABLE ${names.cursor} (
      name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'what is read, and for what',
      value BIGINT NOT NULL COMMENT 'id up to which everything has been read',
      updated_at DATETIME(3) NOT NULL COMMENT 'UTC'
    ) TABLE_OPTIONS`;

/** One row per API key of the HTTP API. @type {TableText} */
const apiKeys = (names) => `CREATE TABLE ${names.apiKey} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which they were made',
      key_id CHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'second part of the text of the key; no secret',
      key_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the text of the key',
      name VARCHAR(128) NOT NULL COMMENT 'whose it is, or what for',
      role ENUM('viewer','operator','submitter','device','admin') NOT NULL COMMENT 'what it may do',
      device_id VARCHAR(64) NULL COMMENT 'the only device for which it is; NULL = any',
      first_key_id CHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'key_id of the first of the keys that replaced each other; NULL = it replaced none',
      created_at DATETIME(3) NOT NULL COMMENT 'UTC',
      created_by VARCHAR(128) NOT NULL COMMENT 'who made it',
      expires_at DATETIME(3) NOT NULL COMMENT 'UTC; then it is refused',
      last_used_at DATETIME(3) NULL COMMENT 'UTC, to the minute',
      revoked_at DATETIME(3) NULL COMMENT 'UTC; since then it is refused',
      revoked_by VARCHAR(128) NULL COMMENT 'who revoked it',

      UNIQUE KEY key_id (key_id)
    ) TABLE_OPTIONS`;

/** One row per certificate that a gateway issued to a device, and per one of another authority that was revoked. @type {TableText} */
const deviceCertificates = (names) => `CREATE TABLE ${names.deviceCertificate} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which the rows were written',
      fingerprint CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'SHA-256 of the certificate, in lower case',
      device_id VARCHAR(64) NULL COMMENT 'device for which it is; NULL = of another authority',
      issued_at DATETIME(3) NULL COMMENT 'UTC; NULL = of another authority',
      issued_by VARCHAR(128) NULL COMMENT 'who invited the device, or the fingerprint of the certificate that it renewed',
      expires_at DATETIME(3) NULL COMMENT 'UTC; then it is refused; NULL = of another authority',
      revoked_at DATETIME(3) NULL COMMENT 'UTC; since then it is refused',
      revoked_by VARCHAR(128) NULL COMMENT 'who revoked it',

      UNIQUE KEY fingerprint (fingerprint),
      KEY idx_device_id (device_id)
    ) TABLE_OPTIONS`;

/** One row per code with which a device gets its first certificate. @type {TableText} */
const deviceInvitations = (names) => `CREATE TABLE ${names.deviceInvitation} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which they were made',
      code_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the code',
      device_id VARCHAR(64) NOT NULL COMMENT 'device for which it is',
      created_at DATETIME(3) NOT NULL COMMENT 'UTC',
      created_by VARCHAR(128) NOT NULL COMMENT 'who made it',
      expires_at DATETIME(3) NOT NULL COMMENT 'UTC; then it is refused',
      used_at DATETIME(3) NULL COMMENT 'UTC; since then it is for the key in used_for alone',
      used_for BINARY(32) NULL COMMENT 'SHA-256 of the public key that got the certificate',

      UNIQUE KEY code_hash (code_hash),
      KEY idx_device_id (device_id)
    ) TABLE_OPTIONS`;

/** One row per person who signs in. @type {TableText} */
const users = (names) => `CREATE TABLE ${names.user} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'of this user alone: a later one with the same name has another',
      name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL COMMENT 'compared without case',
      password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'scrypt with its parameters and salt; NULL = the user signs in at an OpenID provider',
      openid_hash BINARY(32) NULL COMMENT 'SHA-256 of the issuer and subject that signed in first with this name; no other one may',
      role ENUM('viewer','operator','submitter','admin') NOT NULL COMMENT 'what the user may do',
      generation INT NOT NULL DEFAULT 1 COMMENT 'sessions of an earlier one have ended; changes with password and role, and when the user is disabled',
      created_at DATETIME(3) NOT NULL COMMENT 'UTC',
      created_by VARCHAR(128) NOT NULL COMMENT 'who added the user',
      password_changed_at DATETIME(3) NULL COMMENT 'UTC; NULL = there is no password',
      last_login_at DATETIME(3) NULL COMMENT 'UTC',
      disabled_at DATETIME(3) NULL COMMENT 'UTC; since then nobody signs in with this name',
      disabled_by VARCHAR(128) NULL COMMENT 'who disabled the user',

      UNIQUE KEY name (name)
    ) TABLE_OPTIONS`;

/** One row per session of a user or of an API key in a browser. @type {TableText} */
const sessions = (names) => `CREATE TABLE ${names.session} (
      id_hash BINARY(32) NOT NULL PRIMARY KEY COMMENT 'SHA-256 of what the cookie holds',
      user_id BIGINT NULL COMMENT 'whose it is; NULL = of a key',
      generation INT NULL COMMENT 'that of the user when it began',
      key_id CHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'API key that it stands for; NULL = of a user',
      source VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'address of the client that signed in',
      created_at DATETIME(3) NOT NULL COMMENT 'UTC',
      last_seen_at DATETIME(3) NOT NULL COMMENT 'UTC, to the minute; it ends some time after that',
      expires_at DATETIME(3) NOT NULL COMMENT 'UTC; then it ends in any case',

      KEY idx_user_id (user_id),
      KEY idx_expires_at (expires_at)
    ) TABLE_OPTIONS`;

/** One row per log-in with a password that failed, or is being checked. Old ones are deleted by later ones. @type {TableText} */
const loginFailures = (names) => `CREATE TABLE ${names.loginFailure} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT COMMENT 'order in which they came',
      name_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the name in lower case: it may be a password that was typed in the wrong place',
      network VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'address of the client; of IPv6 its first 64 bits',
      at DATETIME(3) NOT NULL COMMENT 'UTC',

      KEY idx_name_hash (name_hash, id),
      KEY idx_network (network, id),
      KEY idx_at (at)
    ) TABLE_OPTIONS`;

/** What operators and administrators did, a row for each thing that they changed. @type {TableText} */
const auditLog = (names) => `CREATE TABLE ${names.auditLog} (
      id BIGINT NOT NULL PRIMARY KEY COMMENT 'from 1, without gaps',
      at DATETIME(3) NOT NULL COMMENT 'UTC; never before that of the row before',
      actor VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'user:NAME, key:ID, os:USER@HOST, http:ADDRESS or leader:DEVICE',
      source VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'address of the client; NULL = none',
      action VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'such as tasks.cancel',
      object_type VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'what was changed: task, device, key, secret and others',
      object_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'its id or name',
      before_hash BINARY(32) NULL COMMENT 'SHA-256 of what was changed of it, before; NULL = there was nothing',
      after_hash BINARY(32) NULL COMMENT 'the same, afterwards',
      reason VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'as the actor gave it',
      request_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the HTTP request, or of the command',
      outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'done, or asked: a device was asked to do it',
      prev_hash BINARY(32) NOT NULL COMMENT 'hash of the row before; zeros in row 1',
      hash BINARY(32) NOT NULL COMMENT 'SHA-256 of all other columns',

      KEY afd_object (object_type, object_id, id)
    ) TABLE_OPTIONS`;

/** One row: the end of the audit log. Whoever adds to the log locks it. @type {TableText} */
const auditHead = (names) => `CREATE TABLE ${names.auditHead} (
      name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'head, in the only row',
      id BIGINT NOT NULL COMMENT 'of the newest row of the audit log; 0 = there was none',
      hash BINARY(32) NOT NULL COMMENT 'hash of that row',
      at DATETIME(3) NOT NULL COMMENT 'its time, UTC'
    ) TABLE_OPTIONS`;

/** @param {Tools} tools */
export async function up(tools) {
  const { names } = tools;
  const { plain } = names;
  await tools.createTable(plain.device, devices(names));
  await tools.createTable(plain.heartbeat, heartbeats(names));
  await always(tools);
  const taskId = (await tools.columnType(plain.task)) ?? 'bigint';
  await tools.createTable(plain.assignment, assignments(names, taskId));
  await tools.createTable(plain.leader, leader(names));
  await tools.createTable(plain.lane, lanes(names));
  await tools.createTable(plain.setting, settings(names));
  await tools.createTable(plain.progress, progress(names, taskId));
  await tools.createTable(plain.checkpoint, checkpoints(names, taskId));
  await tools.createTable(plain.log, logs(names, taskId));
  await tools.createTable(plain.taskEnd, taskEnds(names, taskId));
  await tools.createTable(plain.request, requests(names));
  await tools.createTable(plain.secret, secrets(names));
  await tools.createTable(plain.secretGrant, secretGrants(names));
  await tools.createTable(plain.batch, batches(names));
  await tools.createTable(plain.taskOwner, taskOwners(names, taskId));
  await tools.createTable(plain.webhook, webhooks(names));
  await tools.createTable(plain.webhookDelivery, webhookDeliveries(names));
  await tools.createTable(plain.cursor, cursors(names));
  await tools.createTable(plain.apiKey, apiKeys(names));
  await tools.createTable(plain.deviceCertificate, deviceCertificates(names));
  await tools.createTable(plain.deviceInvitation, deviceInvitations(names));
  await tools.createTable(plain.user, users(names));
  await tools.createTable(plain.session, sessions(names));
  await tools.createTable(plain.loginFailure, loginFailures(names));
  await tools.createTable(plain.auditLog, auditLog(names));
  await tools.createTable(plain.auditHead, auditHead(names));
  await tools.run(
    `INSERT INTO ${names.leader} (name) SELECT 'leader' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ${names.leader} WHERE name = 'leader')`,
  );
  await tools.run(
    `INSERT INTO ${names.auditHead} (name, id, hash, at) SELECT 'head', 0, UNHEX(REPEAT('00', 32)), UTC_TIMESTAMP(3) FROM DUAL
     WHERE NOT EXISTS (SELECT 1 FROM ${names.auditHead} WHERE name = 'head')`,
  );
}

/**
 * The task table may have been changed by hand, or tables.task may name another one by now.
 * @param {Tools} tools
 */
export async function always(tools) {
  await tools.ensureTaskTable(tasks(tools.names));
}

/** @param {Tools} tools */
export async function down(tools) {
  const { names } = tools;
  const { plain } = names;
  const reports = [plain.taskEnd, plain.log, plain.checkpoint, plain.progress];
  const audit = [plain.auditHead, plain.auditLog];
  const certificates = [plain.deviceInvitation, plain.deviceCertificate];
  const hooks = [plain.apiKey, plain.cursor, plain.webhookDelivery, plain.webhook, plain.taskOwner, plain.batch];
  const keys = [plain.secretGrant, plain.secret];
  const people = [plain.loginFailure, plain.session, plain.user];
  const access = [...audit, ...people, ...certificates, ...keys, ...hooks];
  const own = [...access, plain.request, ...reports, plain.setting, plain.lane, plain.leader];
  for (const table of own) await tools.dropTable(table);
  await tools.dropTable(plain.assignment, assignments(names, 'bigint'));
  await tools.removeTaskTable();
  await tools.dropTable(plain.heartbeat, heartbeats(names));
  await tools.dropTable(plain.device, devices(names));
}
