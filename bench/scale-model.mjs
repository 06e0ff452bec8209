// What fleets of a size cost, by the constants of one attempt and one device. Nothing here is measured.
const DAY_S = 86_400;
/** A working day has its hours: the busiest second has this many times the mean. */
const PEAK = 3;
/** Days for which ended tasks and their attempts are kept. */
const KEPT_DAYS = 7;
const SIZES = [1000, 10_000].flatMap((devices) => [10, 100, 1000].map((millions) => ({ devices, millions })));

/** Rows of a table in Markdown. */
export function modelTable(constants) {
  return [
    `The busiest second has ${PEAK} times the mean of the day, and ended tasks are kept for ${KEPT_DAYS} days.`,
    '',
    '| devices | attempts a day | attempts/s, busiest | statements/s | cores of the server | flushes/s, before group commit | network, MB/s | binary log, GB a day | connections | memory for them, GB | tables, GB |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...SIZES.map((size) => `| ${cells(needs(size, constants)).join(' | ')} |`),
  ];
}

export function needs({ devices, millions }, { enqueue, attempt, device, connections, connectionBytes, keptBytes }) {
  const perDay = millions * 1e6;
  const rate = (PEAK * perDay) / DAY_S;
  // Each task is added once and tried once.
  const busiest = (name) => rate * (enqueue[name] + attempt[name]) + devices * device[name];
  const daily = (name) => perDay * (enqueue[name] + attempt[name]) + DAY_S * devices * device[name];
  return {
    ...{ devices, millions, rate },
    statements: busiest('statements'),
    cores: busiest('cpuUs') / 1e6,
    flushes: busiest('Innodb_data_fsyncs'),
    network: (busiest('Bytes_received') + busiest('Bytes_sent')) / 1e6,
    binlog: daily('binlog') / 1e9,
    connections: devices * connections,
    memory: (devices * connections * connectionBytes) / 1e9,
    tables: (KEPT_DAYS * perDay * keptBytes) / 1e9,
  };
}

function cells(one) {
  const whole = (value) => (Number.isNaN(value) ? '–' : Math.round(value).toLocaleString('en-US'));
  const some = (value) =>
    Number.isNaN(value) ? '–' : value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 1 : 0 });
  return [
    ...[whole(one.devices), `${whole(one.millions)} million`, whole(one.rate), whole(one.statements)],
    ...[some(one.cores), whole(one.flushes), some(one.network), some(one.binlog), whole(one.connections)],
    ...[some(one.memory), some(one.tables)],
  ];
}
