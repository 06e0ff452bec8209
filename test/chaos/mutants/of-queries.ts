// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source code
// A condition of a statement, or of what is done with its rows, taken away: by reading each statement of src/core/db.
import { caught, core, type Mutant, test } from './mutant.ts';

const query = (file: string, find: string, replace: string) => core(`db/${file}.ts`, find, replace);
const by = (file: string, name: string) => test('db', `test/db/${file}.test.ts`, name);
const signing = (name: string) => test('db', 'test/integration/webhooks/signing-secrets.test.ts', name);
const people = (name: string) => test('db', 'test/integration/gateway/people.test.ts', name);
const own = (name: string) => test('db', 'test/integration/gateway/own-tasks.test.ts', name);

export const OF_QUERIES: Mutant[] = [
  caught(
    'progress-of-anybody',
    'an attempt that has lost its task goes on writing its progress',
    query('reports/write-progress', ' AND t.claim_token = r.claim_token', ''),
    by('reports/write-progress', 'of an attempt that lost its task is not written'),
  ),
  caught(
    'progress-waits-for-claims',
    'writing progress locks the tasks, so that claims and ends wait for it',
    query('reports/write-progress', '     ON DUPLICATE KEY', '     LOCK IN SHARE MODE ON DUPLICATE KEY'),
    by('reports/write-progress', 'waits for no lock on the task'),
  ),
  caught(
    'checkpoint-of-anybody',
    'an attempt that has lost its task overwrites the checkpoint of its successor',
    query('reports/write-checkpoint', 'id = ? AND claim_token = ?', 'id = ? AND ? IS NOT NULL'),
    by('reports/checkpoint', 'of an attempt whose task another one holds is refused'),
  ),
  caught(
    'last-administrators-at-once',
    'two administrators take their right from each other at one moment, and none is left',
    query('access/users', '     ORDER BY id FOR UPDATE', '     ORDER BY id'),
    test(
      'db',
      'test/integration/gateway/users.test.ts',
      'is one of two who take that right from each other at the same moment',
    ),
  ),
  caught(
    'own-task-of-an-earlier-table',
    'a submitter sees a task because it once added another one with its id',
    query('access/task-owners', ' AND t.created_at <=> o.task_created_at', ''),
    by('search/own-tasks', 'is theirs alone, and one that has its id later is not'),
  ),
  caught(
    'own-task-of-any-submitter',
    'a submitter lists, by a status, what other submitters have added',
    query('search/task-search', 'WHERE o.owner = ? AND', 'WHERE ? IS NOT NULL AND'),
    by('search/own-tasks', 'is found with each other condition, page by page'),
  ),
  caught(
    'batch-of-another-submitter',
    'a submitter adds tasks to a batch that it does not see',
    query('batches/write-batch', 'row.owner !== owner', 'row.owner === undefined'),
    own('adds to their own batches, lists and seals them'),
  ),
  caught(
    'checkpoint-beside-a-rescue',
    'a checkpoint is stored for an attempt that is rescued at the same moment',
    query('reports/write-checkpoint', ' LOCK IN SHARE MODE', ''),
    by('reports/checkpoint', 'and a rescue come one after the other'),
  ),
  caught(
    'checkpoint-of-an-earlier-table',
    'a task is given the checkpoint of an earlier one with its id',
    query('reports/read-checkpoints', ' AND c.task_created_at <=> t.created_at', ''),
    by('reports/checkpoint', 'is not that of an earlier task with its id'),
  ),
  caught(
    'checkpoint-of-a-later-attempt-deleted',
    'the end of an earlier attempt deletes the checkpoint of a later one',
    query('reports/delete-checkpoint', ' AND attempt <= ?', ' AND ? IS NOT NULL'),
    by('reports/checkpoint', 'stays if a later attempt has stored it'),
  ),
  caught(
    'done-and-retried-resumes',
    'a task that was done and runs again is given the checkpoint of the run before',
    query('tasks/retry-task', "if (task.status === 'done') await", 'if (task.id < 0) await'),
    by('reports/checkpoint', 'begins anew, if it was done'),
  ),
  caught(
    'last-heartbeat-frozen',
    'a heartbeat does not move last_heartbeat',
    query('devices/heartbeat-device', ' last_heartbeat = UTC_TIMESTAMP(3),', ''),
    by('devices/device-life', 'moves last_heartbeat, each time'),
  ),
  caught(
    'heartbeat-of-any-instance',
    'the heartbeat of a process that was superseded keeps its successor’s row alive',
    query('devices/heartbeat-device', 'device_id = ? AND instance_token = ?', 'device_id = ? AND ? IS NOT NULL'),
    by('devices/device-life', 'of an instance that no longer owns the id'),
  ),
  caught(
    'signed-off-by-any-instance',
    'a process that was superseded signs its successor off',
    query('devices/sign-off-device', 'device_id = ? AND instance_token = ?', 'device_id = ? AND ? IS NOT NULL'),
    by('devices/device-life', 'of an instance that was superseded changes nothing'),
  ),
  caught(
    'lock-retaken-by-any-instance',
    'a process that was superseded says that the lock is its own again',
    query(
      'devices/register-device',
      'WHERE device_id = ? AND instance_token = ?',
      'WHERE device_id = ? AND ? IS NOT NULL',
    ),
    by('devices/device-life', 'only the owner may say so'),
  ),
  caught(
    'limits-outlive-their-process',
    'a device that starts keeps the exceeded limits and the stuck slots of the process before it',
    query('devices/register-device', '    over_limits: null,\n    stuck: null,\n', ''),
    by('devices/device-life', 'takes the row over'),
  ),
  caught(
    'lock-by-spelling',
    'two spellings of a device id are two locks',
    query('devices/session-lock', 'deviceId.toLowerCase()', 'deviceId'),
    by('devices/device-life', 'however its id is spelled'),
  ),
  caught(
    'lock-of-any-server',
    'the free lock of a leader counts although it was taken on another server',
    query('leader/read-lease', 'd.lock_server = ?', '? IS NOT NULL'),
    by('fleet-views', 'says something only if it was taken on this server'),
  ),
  caught(
    'dead-leader-as-it-is-now',
    'the lease of a leader that was found dead is taken although it has renewed it since',
    query('leader/elect-leader', 'AND term = ? AND renewed_at <=> ?', 'AND term = ? AND (? IS NULL OR TRUE)'),
    by('leader/leader-row', 'is taken only as it was seen'),
  ),
  caught(
    'duty-shares-no-lock',
    'another may be elected between the fence of a duty and its COMMIT',
    query('leader/assert-leader', ' LOCK IN SHARE MODE', ''),
    by('leader/leader-row', 'nobody acquires between the fence and its commit'),
  ),
  caught(
    'expired-lease-renewed',
    'a lease that has run out is extended',
    query('leader/renew-leader', ' AND expires_at > UTC_TIMESTAMP(3)', ''),
    by('leader/leader-row', 'an expired lease is not extended'),
  ),
  caught(
    'resigned-for-another-term',
    'a leader that resigns gives up the lease of a later term too',
    query('leader/resign-leader', 'AND holder = ? AND term = ?', 'AND holder = ? AND ? IS NOT NULL'),
    by('leader/leader-row', 'resigning is bound to the term'),
  ),
  caught(
    'outage-is-their-silence',
    'devices are declared silent although nobody could reach the database',
    query('devices/heartbeat-coverage', '>= 3', '>= 1'),
    by('devices/dead-devices', 'needs a heartbeat in every third of the window'),
  ),
  caught(
    'paused-is-rung',
    'a device that was paused is rung',
    query('devices/ring-targets', " AND d.operator_state = 'active'", ''),
    by('fleet-views', 'rung are workers that are there'),
  ),
  caught(
    'oldest-reading',
    'devices show prints the first reading of a device',
    query('devices/show-device', 'ORDER BY id DESC LIMIT 1', 'ORDER BY id LIMIT 1'),
    by('fleet-views', 'shows its newest reading'),
  ),
  caught(
    'own-attempts-are-earlier',
    'a worker that starts closes what it has just begun as left by another process',
    query('attempts/earlier-attempts', 'NOT (instance_token <=> ?)', '? IS NOT NULL'),
    by('fleet-views', 'that was started again finds what the processes before it left'),
  ),
  caught(
    'directed-before-due',
    'a directed task that is due later keeps its device polling',
    query('lanes/due-work', "status = 'assigned' AND due_at <= NOW(3)", "status = 'assigned'"),
    by('fleet-views', 'what is directed at it and due now'),
  ),
  caught(
    'directed-by-id',
    'directed tasks are claimed in the order of their ids, whatever their rank',
    query(
      'claim/statements',
      'ORDER BY claim_rank, due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,\n    values: without',
      'ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,\n    values: without',
    ),
    test('db', 'test/db/ends.test.ts', 'is claimed best rank first'),
  ),
  caught(
    'directed-behind-full',
    'directed tasks of a type that is at its maximum keep those behind them waiting',
    query('claim/statements', "' AND task_type NOT IN (?)'", "' AND ? IS NOT NULL'"),
    test(
      'db',
      'test/integration/worker/type-maximum.test.ts',
      'keeps no directed task of another type waiting behind its own',
    ),
  ),
  caught(
    'claimable-before-due',
    'a task that is due later is rung for',
    query('tasks/claimable-tasks', ' AND due_at <= NOW(3)', ''),
    by('fleet-views', 'of named tasks: those that are due and wait'),
  ),
  caught(
    'young-history-goes',
    'the history of heartbeats is kept for as many hours as it should be days',
    query('history/delete-old', 'INTERVAL ? DAY', 'INTERVAL ? HOUR'),
    by('fleet-views', 'old rows of the history go'),
  ),
  caught(
    'log-beginning-trimmed',
    'the beginning of a run log is deleted with its middle',
    query('logs/trim-log', 'from_byte >= ? AND', 'from_byte >= 0 * ? AND'),
    by('logs', 'the middle of a run log goes, its beginning and its newest part stay'),
  ),
  caught(
    'log-tail-trimmed',
    'the newest part of a run log is deleted where the middle ends',
    query('logs/trim-log', 'to_byte <= ?', 'to_byte <= 1000 + ?'),
    by('logs', 'the middle of a run log goes, its beginning and its newest part stay'),
  ),
  caught(
    'busy-session-cut',
    'a session is cut although it works',
    query('server/cut-session', " AND COMMAND = 'Sleep'", ''),
    by('fleet-views', 'a session that works is not cut'),
  ),
  caught(
    'target-until-ignored',
    'a directed task waits for its device beyond the time it was meant to',
    query('attempts/return-assigned', 'if (waits && task.past !== 1)', 'if (waits)'),
    by('attempts/return-assigned', 'had the task for as long as it was meant to'),
  ),
  caught(
    'paused-device-is-waited-for',
    'a directed task is not returned by a device that was paused',
    query(
      'attempts/return-assigned',
      "device.status !== 'offline' && device.operator_state === 'active'",
      "device.status !== 'offline'",
    ),
    by('attempts/return-assigned', 'is not active'),
  ),
  caught(
    'operator-does-not-wait',
    'an operator’s change does not wait for the claim that is under way',
    query('tasks/lock-task', 'FORCE INDEX (PRIMARY) WHERE id = ? FOR UPDATE', 'FORCE INDEX (PRIMARY) WHERE id = ?'),
    by('tasks/cancel-task', 'a claim that comes first is met as running'),
  ),
  caught(
    'revoked-anew',
    'a second request moves the time of the first, from which the leader counts',
    query(
      'tasks/revoke-attempt',
      'SET revoked_at = COALESCE(revoked_at, UTC_TIMESTAMP(3)), revoke',
      'SET revoked_at = UTC_TIMESTAMP(3), revoke',
    ),
    by('tasks/cancel-task', 'wins over a reassignment that its holder has not obeyed yet'),
  ),
  caught(
    'vanished-lanes-stay',
    'a lane that has no pending task any more stays published',
    query(
      'lanes/publish-lanes',
      'DELETE FROM ${names.lane} WHERE (lane > ?',
      'DELETE FROM ${names.lane} WHERE FALSE AND (lane > ?',
    ),
    by('lanes/lanes', 'overwrites the table whole'),
  ),
  {
    name: 'number-capability',
    what: '16 GB do not meet "16 at least"',
    patches: [core('domain/eligibility.ts', 'has >= wanted', 'has > wanted')],
    by: test('unit', 'test/unit/core/domain/placement/eligible.test.ts', 'a number asks for at least as much'),
  },
  {
    name: 'directed-at-the-unable',
    what: 'a device claims a directed task that it cannot run',
    patches: [core('worker/claim/claim-planner.ts', "(kind === 'lane' || catalog.accepts(task)) && ", '')],
    by: test(
      'db',
      'test/integration/worker/placement.test.ts',
      'stays directed there, and keeps no other from being run',
    ),
  },
  {
    name: 'worst-rank-by-turn',
    what: 'each eighth claim goes to the worst rank',
    patches: [
      core(
        'worker/claim/lane-catalog.ts',
        'return a.claim_rank - b.claim_rank;',
        'return b.claim_rank - a.claim_rank;',
      ),
    ],
    by: test(
      'unit',
      'test/unit/core/worker/claim/lane-catalog.test.ts',
      'finding F14: a turn never leaves the best rank',
    ),
  },
  {
    name: 'any-answer-believed',
    what: 'an answer to no ring of ours is taken for one to the first of them',
    patches: [
      core(
        'ring/sent-rings.ts',
        "this.#sent.get(reply.sequence.toString('hex'));",
        "this.#sent.get(reply.sequence.toString('hex')) ?? [...this.#sent.values()][0];",
      ),
    ],
    by: test('unit', 'test/unit/core/ring/ring-sender.test.ts', 'believes no answer that it has not asked for'),
  },
  {
    name: 'anybody-answers',
    what: 'an answer is believed that was not written by the device that was rung',
    patches: [core('ring/sent-rings.ts', 'sent === undefined || !isSigned(bytes, sent.token)', 'sent === undefined')],
    by: test(
      'unit',
      'test/unit/core/ring/ring-sender.test.ts',
      'an answer that its device did not write changes nothing',
    ),
  },
  caught(
    'session-of-before',
    'a session goes on after the password of its user was changed',
    query('access/sessions', ' AND u.generation = s.generation', ''),
    people('ends when password or role changes'),
  ),
  caught(
    'session-begins-late',
    'a log-in that was under way while its user was changed gets a session',
    query('access/sessions', 'WHERE id = ? AND generation = ? AND', 'WHERE id = ? AND ? > 0 AND'),
    people('does not begin when the user is changed'),
  ),
  caught(
    'session-never-idle',
    'a session goes on after half an hour without a request',
    query('access/sessions', ' AND s.last_seen_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND', ' AND ? > 0'),
    people('ends after half an hour without a request'),
  ),
  caught(
    'guesses-at-one-moment',
    'of log-ins that come at one moment, some do not count the others',
    query('access/login-failures', 'AND id <> ? AND', 'AND id < ? - 100 AND'),
    people('count each other when they come at one moment'),
  ),
  caught(
    'signing-secret-put-back',
    'a rotation that comes late puts the signing secret of before back',
    query('webhooks/signing-rows', ' AND secret_version = ? AND secret = ?', ' AND ? IS NOT NULL AND ? IS NOT NULL'),
    signing('never writes over a secret that was set meanwhile'),
  ),
  caught(
    'unsigned-is-a-try',
    'a delivery that a leader without the key cannot sign loses its tries',
    query('webhooks/deliveries', 'sent ? 1 : 0', 'sent ? 1 : 1'),
    signing('keeps what is due with all its tries'),
  ),
];
