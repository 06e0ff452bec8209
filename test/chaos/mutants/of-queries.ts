// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source code
// A condition of a statement, or of what is done with its rows, taken away: by reading each statement of src/core/db.
import { type Mutant, mutant } from './mutant.ts';

export const OF_QUERIES: Mutant[] = [
  mutant('progress-of-anybody', 'an attempt that has lost its task goes on writing its progress')
    .in('db/reports/write-progress.ts', ' AND t.claim_token = r.claim_token', '')
    .test('test/db/reports/write-progress.test.ts', 'of an attempt that lost its task is not written'),
  mutant('progress-waits-for-claims', 'writing progress locks the tasks, so that claims and ends wait for it')
    .in('db/reports/write-progress.ts', '     ON DUPLICATE KEY', '     LOCK IN SHARE MODE ON DUPLICATE KEY')
    .test('test/db/reports/write-progress.test.ts', 'waits for no lock on the task'),
  mutant('checkpoint-of-anybody', 'an attempt that has lost its task overwrites the checkpoint of its successor')
    .in('db/reports/write-checkpoint.ts', 'id = ? AND claim_token = ?', 'id = ? AND ? IS NOT NULL')
    .test('test/db/reports/checkpoint.test.ts', 'of an attempt whose task another one holds is refused'),
  mutant(
    'last-administrators-at-once',
    'two administrators take their right from each other at one moment, and none is left',
  )
    .in('db/access/users.ts', '     ORDER BY id FOR UPDATE', '     ORDER BY id')
    .test(
      'test/integration/gateway/users.test.ts',
      'is one of two who take that right from each other at the same moment',
    ),
  mutant('own-task-of-an-earlier-table', 'a submitter sees a task because it once added another one with its id')
    .in('db/access/task-owners.ts', ' AND t.created_at <=> o.task_created_at', '')
    .test('test/db/search/own-tasks.test.ts', 'is theirs alone, and one that has its id later is not'),
  mutant('own-task-of-any-submitter', 'a submitter lists, by a status, what other submitters have added')
    .in('db/search/task-search.ts', 'WHERE o.owner = ? AND', 'WHERE ? IS NOT NULL AND')
    .test('test/db/search/own-tasks.test.ts', 'is found with each other condition, page by page'),
  mutant('batch-of-another-submitter', 'a submitter adds tasks to a batch that it does not see')
    .in('db/batches/write-batch.ts', 'row.owner !== owner', 'row.owner === undefined')
    .test('test/integration/gateway/own-tasks.test.ts', 'adds to their own batches, lists and seals them'),
  mutant('checkpoint-beside-a-rescue', 'a checkpoint is stored for an attempt that is rescued at the same moment')
    .in('db/reports/write-checkpoint.ts', ' LOCK IN SHARE MODE', '')
    .test('test/db/reports/checkpoint.test.ts', 'and a rescue come one after the other'),
  mutant('checkpoint-of-an-earlier-table', 'a task is given the checkpoint of an earlier one with its id')
    .in('db/reports/read-checkpoints.ts', ' AND c.task_created_at <=> t.created_at', '')
    .test('test/db/reports/checkpoint.test.ts', 'is not that of an earlier task with its id'),
  mutant('checkpoint-of-a-later-attempt-deleted', 'the end of an earlier attempt deletes the checkpoint of a later one')
    .in('db/reports/delete-checkpoint.ts', ' AND attempt <= ?', ' AND ? IS NOT NULL')
    .test('test/db/reports/checkpoint.test.ts', 'stays if a later attempt has stored it'),
  mutant('done-and-retried-resumes', 'a task that was done and runs again is given the checkpoint of the run before')
    .in('db/tasks/retry-task.ts', "if (task.status === 'done') await", 'if (task.id < 0) await')
    .test('test/db/reports/checkpoint.test.ts', 'begins anew, if it was done'),
  mutant('last-heartbeat-frozen', 'a heartbeat does not move last_heartbeat')
    .in('db/devices/heartbeat-device.ts', ' last_heartbeat = UTC_TIMESTAMP(3),', '')
    .test('test/db/devices/device-life.test.ts', 'moves last_heartbeat, each time'),
  mutant('heartbeat-of-any-instance', 'the heartbeat of a process that was superseded keeps its successor’s row alive')
    .in('db/devices/heartbeat-device.ts', 'device_id = ? AND instance_token = ?', 'device_id = ? AND ? IS NOT NULL')
    .test('test/db/devices/device-life.test.ts', 'of an instance that no longer owns the id'),
  mutant('signed-off-by-any-instance', 'a process that was superseded signs its successor off')
    .in('db/devices/sign-off-device.ts', 'device_id = ? AND instance_token = ?', 'device_id = ? AND ? IS NOT NULL')
    .test('test/db/devices/device-life.test.ts', 'of an instance that was superseded changes nothing'),
  mutant('lock-retaken-by-any-instance', 'a process that was superseded says that the lock is its own again')
    .in('db/devices/register-device.ts', 'device_id = ? AND instance_token = ?', 'device_id = ? AND ? IS NOT NULL')
    .test('test/db/devices/device-life.test.ts', 'only the owner may say so'),
  mutant(
    'limits-outlive-their-process',
    'a device that starts keeps the exceeded limits and the stuck slots of the process before it',
  )
    .in('db/devices/register-device.ts', '    over_limits: null,\n    stuck: null,\n', '')
    .test('test/db/devices/device-life.test.ts', 'takes the row over'),
  mutant('lock-by-spelling', 'two spellings of a device id are two locks')
    .in('db/devices/session-lock.ts', 'deviceId.toLowerCase()', 'deviceId')
    .test('test/db/devices/device-life.test.ts', 'however its id is spelled'),
  mutant('lock-of-any-server', 'the free lock of a leader counts although it was taken on another server')
    .in('db/leader/read-lease.ts', 'd.lock_server = ?', '? IS NOT NULL')
    .test('test/db/fleet-views.test.ts', 'says something only if it was taken on this server'),
  mutant(
    'dead-leader-as-it-is-now',
    'the lease of a leader that was found dead is taken although it has renewed it since',
  )
    .in('db/leader/elect-leader.ts', 'AND term = ? AND renewed_at <=> ?', 'AND term = ? AND (? IS NULL OR TRUE)')
    .test('test/db/leader/leader-row.test.ts', 'is taken only as it was seen'),
  mutant('duty-shares-no-lock', 'another may be elected between the fence of a duty and its COMMIT')
    .in('db/leader/assert-leader.ts', ' LOCK IN SHARE MODE', '')
    .test('test/db/leader/leader-row.test.ts', 'nobody acquires between the fence and its commit'),
  mutant('expired-lease-renewed', 'a lease that has run out is extended')
    .in('db/leader/renew-leader.ts', ' AND expires_at > UTC_TIMESTAMP(3)', '')
    .test('test/db/leader/leader-row.test.ts', 'an expired lease is not extended'),
  mutant('resigned-for-another-term', 'a leader that resigns gives up the lease of a later term too')
    .in('db/leader/resign-leader.ts', 'AND holder = ? AND term = ?', 'AND holder = ? AND ? IS NOT NULL')
    .test('test/db/leader/leader-row.test.ts', 'resigning is bound to the term'),
  mutant('outage-is-their-silence', 'devices are declared silent although nobody could reach the database')
    .in('db/devices/heartbeat-coverage.ts', '>= 3', '>= 1')
    .test('test/db/devices/dead-devices.test.ts', 'needs a heartbeat in every third of the window'),
  mutant('paused-is-rung', 'a device that was paused is rung')
    .in('db/devices/ring-targets.ts', " AND d.operator_state = 'active'", '')
    .test('test/db/fleet-views.test.ts', 'rung are workers that are there'),
  mutant('oldest-reading', 'devices show prints the first reading of a device')
    .in('db/devices/show-device.ts', 'ORDER BY id DESC LIMIT 1', 'ORDER BY id LIMIT 1')
    .test('test/db/fleet-views.test.ts', 'shows its newest reading'),
  mutant('own-attempts-are-earlier', 'a worker that starts closes what it has just begun as left by another process')
    .in('db/attempts/earlier-attempts.ts', 'NOT (instance_token <=> ?)', '? IS NOT NULL')
    .test('test/db/fleet-views.test.ts', 'that was started again finds what the processes before it left'),
  mutant('directed-before-due', 'a directed task that is due later keeps its device polling')
    .in('db/lanes/due-work.ts', "status = 'assigned' AND due_at <= NOW(3)", "status = 'assigned'")
    .test('test/db/fleet-views.test.ts', 'what is directed at it and due now'),
  mutant('directed-by-id', 'directed tasks are claimed in the order of their ids, whatever their rank')
    .in(
      'db/claim/statements.ts',
      'claim_rank, due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,\n    values: without',
      'id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,\n    values: without',
    )
    .test('test/db/ends.test.ts', 'is claimed best rank first'),
  mutant('directed-behind-full', 'directed tasks of a type that is at its maximum keep those behind them waiting')
    .in('db/claim/statements.ts', "' AND task_type NOT IN (?)'", "' AND ? IS NOT NULL'")
    .test(
      'test/integration/worker/type-maximum.test.ts',
      'keeps no directed task of another type waiting behind its own',
    ),
  mutant('claimable-before-due', 'a task that is due later is rung for')
    .in('db/tasks/claimable-tasks.ts', ' AND due_at <= NOW(3)', '')
    .test('test/db/fleet-views.test.ts', 'of named tasks: those that are due and wait'),
  mutant('young-history-goes', 'the history of heartbeats is kept for as many hours as it should be days')
    .in('db/history/delete-old.ts', 'INTERVAL ? DAY', 'INTERVAL ? HOUR')
    .test('test/db/fleet-views.test.ts', 'old rows of the history go'),
  mutant('log-beginning-trimmed', 'the beginning of a run log is deleted with its middle')
    .in('db/logs/trim-log.ts', 'from_byte >= ? AND', 'from_byte >= 0 * ? AND')
    .test('test/db/logs.test.ts', 'the middle of a run log goes, its beginning and its newest part stay'),
  mutant('log-tail-trimmed', 'the newest part of a run log is deleted where the middle ends')
    .in('db/logs/trim-log.ts', 'to_byte <= ?', 'to_byte <= 1000 + ?')
    .test('test/db/logs.test.ts', 'the middle of a run log goes, its beginning and its newest part stay'),
  mutant('busy-session-cut', 'a session is cut although it works')
    .in('db/server/cut-session.ts', " AND COMMAND = 'Sleep'", '')
    .test('test/db/fleet-views.test.ts', 'a session that works is not cut'),
  mutant('target-until-ignored', 'a directed task waits for its device beyond the time it was meant to')
    .in('db/attempts/return-assigned.ts', 'if (waits && task.past !== 1)', 'if (waits)')
    .test('test/db/attempts/return-assigned.test.ts', 'had the task for as long as it was meant to'),
  mutant('paused-device-is-waited-for', 'a directed task is not returned by a device that was paused')
    .in('db/attempts/return-assigned.ts', "!== 'offline' && device.operator_state === 'active'", "!== 'offline'")
    .test('test/db/attempts/return-assigned.test.ts', 'is not active'),
  mutant('operator-does-not-wait', 'an operator’s change does not wait for the claim that is under way')
    .in('db/tasks/lock-task.ts', '(PRIMARY) WHERE id = ? FOR UPDATE', '(PRIMARY) WHERE id = ?')
    .test('test/db/tasks/cancel-task.test.ts', 'a claim that comes first is met as running'),
  mutant('revoked-anew', 'a second request moves the time of the first, from which the leader counts')
    .in('db/tasks/revoke-attempt.ts', '= COALESCE(revoked_at, UTC_TIMESTAMP(3)), revoke', '= UTC_TIMESTAMP(3), revoke')
    .test('test/db/tasks/cancel-task.test.ts', 'wins over a reassignment that its holder has not obeyed yet'),
  mutant('vanished-lanes-stay', 'a lane that has no pending task any more stays published')
    .in('db/lanes/publish-lanes.ts', '${names.lane} WHERE (lane > ?', '${names.lane} WHERE FALSE AND (lane > ?')
    .test('test/db/lanes/lanes.test.ts', 'overwrites the table whole'),
  mutant('number-capability', '16 GB do not meet "16 at least"')
    .in('domain/eligibility.ts', 'has >= wanted', 'has > wanted')
    .test('test/unit/core/domain/placement/eligible.test.ts', 'a number asks for at least as much'),
  mutant('directed-at-the-unable', 'a device claims a directed task that it cannot run')
    .in('worker/claim/claim-planner.ts', "(kind === 'lane' || catalog.accepts(task)) && ", '')
    .test('test/integration/worker/placement.test.ts', 'stays directed there, and keeps no other from being run'),
  mutant('worst-rank-by-turn', 'each eighth claim goes to the worst rank')
    .in('worker/claim/lane-catalog.ts', 'return a.claim_rank - b.claim_rank;', 'return b.claim_rank - a.claim_rank;')
    .test('test/unit/core/worker/claim/lane-catalog.test.ts', 'finding F14: a turn never leaves the best rank'),
  mutant('any-answer-believed', 'an answer to no ring of ours is taken for one to the first of them')
    .in('ring/sent-rings.ts', ".toString('hex'));", ".toString('hex')) ?? [...this.#sent.values()][0];")
    .test('test/unit/core/ring/ring-sender.test.ts', 'believes no answer that it has not asked for'),
  mutant('anybody-answers', 'an answer is believed that was not written by the device that was rung')
    .in('ring/sent-rings.ts', 'sent === undefined || !isSigned(bytes, sent.token)', 'sent === undefined')
    .test('test/unit/core/ring/ring-sender.test.ts', 'an answer that its device did not write changes nothing'),
  mutant('session-of-before', 'a session goes on after the password of its user was changed')
    .in('db/access/sessions.ts', ' AND u.generation = s.generation', '')
    .test('test/integration/gateway/people.test.ts', 'ends when password or role changes'),
  mutant('session-begins-late', 'a log-in that was under way while its user was changed gets a session')
    .in('db/access/sessions.ts', 'WHERE id = ? AND generation = ? AND', 'WHERE id = ? AND ? > 0 AND')
    .test('test/integration/gateway/people.test.ts', 'does not begin when the user is changed'),
  mutant('session-never-idle', 'a session goes on after half an hour without a request')
    .in('db/access/sessions.ts', ' AND s.last_seen_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND', ' AND ? > 0')
    .test('test/integration/gateway/people.test.ts', 'ends after half an hour without a request'),
  mutant('guesses-at-one-moment', 'of log-ins that come at one moment, some do not count the others')
    .in('db/access/login-failures.ts', 'AND id <> ? AND', 'AND id < ? - 100 AND')
    .test('test/integration/gateway/people.test.ts', 'count each other when they come at one moment'),
  mutant('signing-secret-put-back', 'a rotation that comes late puts the signing secret of before back')
    .in('db/webhooks/signing-rows.ts', 'secret_version = ? AND secret = ?', '? IS NOT NULL AND ? IS NOT NULL')
    .test('test/integration/webhooks/signing-secrets.test.ts', 'never writes over a secret that was set meanwhile'),
  mutant('unsigned-is-a-try', 'a delivery that a leader without the key cannot sign loses its tries')
    .in('db/webhooks/deliveries.ts', 'sent ? 1 : 0', 'sent ? 1 : 1')
    .test('test/integration/webhooks/signing-secrets.test.ts', 'keeps what is due with all its tries'),
];
