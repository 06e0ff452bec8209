// What the leader publishes for the fleet: the lanes that have work, and the values that all nodes share.

/** @param {import('knex').Knex} knex @param {import('../src/core/db/migrator.ts').MigrationTools} tools */
export async function up(_knex, { names, createTable }) {
  await createTable(
    names.plain.lane,
    `CREATE TABLE ${names.lane} (
      lane BINARY(16) NOT NULL,
      claim_rank TINYINT NOT NULL,
      task_type VARCHAR(32) NOT NULL,
      required_capabilities JSON NULL,
      head_due_at DATETIME(3) NOT NULL COMMENT 'due_at of the best row, in the zone of the task table',
      head_id BIGINT NOT NULL,
      published_at DATETIME(3) NOT NULL,
      PRIMARY KEY (lane, claim_rank)
    )`,
  );
  await createTable(
    names.plain.setting,
    `CREATE TABLE ${names.setting} (
      name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      value JSON NOT NULL,
      updated_at DATETIME(3) NULL DEFAULT (UTC_TIMESTAMP(3)),
      updated_by VARCHAR(128) NULL
    )`,
  );
}

/** @param {import('knex').Knex} knex @param {import('../src/core/db/migrator.ts').MigrationTools} tools */
export async function down(_knex, { names, dropTable }) {
  await dropTable(names.plain.setting);
  await dropTable(names.plain.lane);
}
