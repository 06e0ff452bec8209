// What the leader publishes for the fleet: the lanes that have work, and the values that all nodes share.

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function up(tools) {
  const { names } = tools;
  await tools.createTable(
    names.plain.lane,
    `CREATE TABLE ${names.lane} (
      lane BINARY(16) NOT NULL,
      claim_rank TINYINT NOT NULL,
      task_type VARCHAR(255) NOT NULL COMMENT 'as long as that of an adopted table may be',
      required_capabilities JSON NULL,
      head_due_at DATETIME(3) NOT NULL COMMENT 'due_at of the best row, in the zone of the task table',
      head_id BIGINT NOT NULL,
      published_at DATETIME(3) NOT NULL,
      PRIMARY KEY (lane, claim_rank)
    ) TABLE_OPTIONS`,
  );
  await tools.createTable(
    names.plain.setting,
    `CREATE TABLE ${names.setting} (
      name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      value JSON NOT NULL,
      updated_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)),
      updated_by VARCHAR(128) NULL
    ) TABLE_OPTIONS`,
  );
}

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function down(tools) {
  await tools.dropTable(tools.names.plain.setting);
  await tools.dropTable(tools.names.plain.lane);
}
