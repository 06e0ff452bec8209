// What the leader cannot do, for as long as it cannot: `afd status` shows it. Overwritten whole by the leader alone.

const OF_LEADER = {
  failing: "JSON NULL COMMENT 'duties that fail now: term, and of each its name, message and since'",
};

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function up(tools) {
  await tools.addColumns(tools.names.plain.leader, OF_LEADER);
}

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function down(tools) {
  await tools.dropColumns(tools.names.plain.leader, Object.keys(OF_LEADER));
}
