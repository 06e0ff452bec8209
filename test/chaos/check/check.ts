// All rules over one history. Pure. The numbers are those of the list in docs/explain/proof.md; 8 (schedules) and 11
// (audit) have nothing to judge yet.
import { triedBeforeBlamed } from './begun.ts';
import { nobodyBlocked } from './blocking.ts';
import { budgetsKept } from './budgets.ts';
import { oneCompletion } from './completions.ts';
import { noPhantom, nothingLost } from './enqueues.ts';
import { type Evidence, type Finding, taskEvents, type Verdict } from './evidence.ts';
import { executionsExplained } from './executions.ts';
import { nobodyDeadByFailover, oneWriter } from './failover.ts';
import { termsApart } from './leaders.ts';
import { leasesApart, tokensHold } from './leases.ts';
import { legalMoves } from './moves.ts';
import { oddRowsEnd, withoutOddRows } from './odd-rows.ts';

const RULES: ReadonlyArray<{ rule: number; title: string; check: (evidence: Evidence) => Finding }> = [
  { rule: 0, title: 'everything ended, and no process by a bug of its own', check: everythingEnded },
  { rule: 1, title: 'no acknowledged enqueue is lost', check: nothingLost },
  { rule: 2, title: 'nothing is there that nobody enqueued', check: noPhantom },
  { rule: 3, title: 'at most one accepted completion per task and attempt', check: oneCompletion },
  { rule: 4, title: 'leases of one task never overlap', check: leasesApart },
  { rule: 5, title: 'attempts rise, and each accepted write carries the token that holds', check: tokensHold },
  { rule: 6, title: 'only moves of the transition table', check: legalMoves },
  { rule: 7, title: 'leader terms never overlap, duties are written in their term', check: termsApart },
  { rule: 9, title: 'no more attempts than the budget, none before its time', check: budgetsKept },
  { rule: 10, title: 'each repeated execution is explained by a recorded end', check: executionsExplained },
  { rule: 13, title: 'no attempt is timed out or failed whose handler never began', check: triedBeforeBlamed },
  { rule: 14, title: 'nobody is kept from work for longer than a bound', check: nobodyBlocked },
  { rule: 15, title: 'each odd row ends, done or put aside, alone', check: oddRowsEnd },
  { rule: 16, title: 'nobody is declared dead by a failover', check: nobodyDeadByFailover },
  { rule: 17, title: 'one server at a time takes the writes', check: oneWriter },
];
/** These see the odd rows too. */
const WHOLE = new Set([0, 1, 2, 15]);

export function check(evidence: Evidence): Verdict[] {
  const plain = withoutOddRows(evidence);
  return RULES.map(({ rule, title, check: judge }) => ({ rule, title, ...judge(WHOLE.has(rule) ? evidence : plain) }));
}

function everythingEnded(evidence: Evidence): Finding {
  const last = new Map<number, string | undefined>();
  for (const one of taskEvents(evidence)) last.set(one.task, one.now?.status);
  const counts: Record<string, number> = {};
  const violations: string[] = [];
  for (const [task, status = 'deleted'] of last) {
    counts[status] = (counts[status] ?? 0) + 1;
    if (['pending', 'running', 'assigned', 'waiting'].includes(status))
      violations.push(`task ${task} is still ${status} after everything was healed`);
  }
  if (!evidence.drained && violations.length === 0) violations.push('the storm did not come to its end');
  for (const line of evidence.history) {
    if (line.f === 'bug') violations.push(`${line.proc}: ${String(line.message)}`);
  }
  return { violations, counts };
}
