// The registry of devices, their heartbeats, and the leader's lease. Columns and indexes of the design document keep
// their names; what afd adds follows. All times are UTC, DATETIME(3), without ON UPDATE. A table that the document's own
// DDL has made is adopted: it gets what it lacks of this, INVISIBLE (src/core/db/migrate/adoption/table-plan.ts).

/** @param {import('../src/core/db/table-names.ts').TableNames} names */
const devices = (names) => `CREATE TABLE ${names.device} (
      id BIGINT PRIMARY KEY AUTO_INCREMENT,
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
      created_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)),
      updated_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)),
      region VARCHAR(64) NULL,
      labels JSON NULL,
      operator_state ENUM('active', 'paused', 'draining', 'quarantined') NOT NULL DEFAULT 'active',
      instance_token BINARY(16) NULL,
      ring_token BINARY(16) NULL,
      lock_name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      lock_server VARCHAR(255) NULL,
      lock_taken_at DATETIME(3) NULL,
      heartbeat_interval INT NULL COMMENT 'milliseconds',
      version VARCHAR(32) NULL,
      success_rate DECIMAL(5,4) NULL,
      avg_duration_ms BIGINT NULL,
      UNIQUE KEY device_id (device_id),
      KEY idx_device_type (device_type),
      KEY idx_status (status),
      KEY idx_last_heartbeat (last_heartbeat)
    ) TABLE_OPTIONS`;

/** @param {import('../src/core/db/table-names.ts').TableNames} names */
const heartbeats = (names) => `CREATE TABLE ${names.heartbeat} (
      id BIGINT NOT NULL AUTO_INCREMENT,
      device_id VARCHAR(64) NOT NULL,
      heartbeat_time DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
      cpu_usage DECIMAL(5,2) NULL COMMENT 'CPU使用率',
      memory_usage DECIMAL(5,2) NULL COMMENT '内存使用率',
      disk_usage DECIMAL(5,2) NULL COMMENT '磁盘使用率',
      active_tasks INT DEFAULT 0 COMMENT '活跃任务数',
      system_info JSON NULL COMMENT '系统信息',
      PRIMARY KEY (id, heartbeat_time),
      KEY idx_device_id (device_id),
      KEY idx_heartbeat_time (heartbeat_time)
    ) TABLE_OPTIONS PARTITION BY RANGE COLUMNS (heartbeat_time) (PARTITION p_future VALUES LESS THAN (MAXVALUE))`;

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function up(tools) {
  const { names } = tools;
  await tools.createTable(names.plain.device, devices(names));
  await tools.createTable(names.plain.heartbeat, heartbeats(names));
  await tools.createTable(
    names.plain.leader,
    `CREATE TABLE ${names.leader} (
      name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      holder VARCHAR(64) NULL COMMENT 'device_id of the leader; NULL = nobody',
      holder_token BINARY(16) NULL COMMENT 'its instance_token',
      term BIGINT NOT NULL DEFAULT 0,
      acquired_at DATETIME(3) NULL,
      renewed_at DATETIME(3) NULL,
      expires_at DATETIME(3) NULL
    ) TABLE_OPTIONS`,
  );
  await tools.run(
    `INSERT INTO ${names.leader} (name) SELECT 'leader' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ${names.leader} WHERE name = 'leader')`,
  );
}

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function down(tools) {
  const { names } = tools;
  await tools.dropTable(names.plain.leader);
  await tools.dropTable(names.plain.heartbeat, heartbeats(names));
  await tools.dropTable(names.plain.device, devices(names));
}
