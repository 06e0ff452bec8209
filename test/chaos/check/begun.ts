// Rule 13: what ends as `timeout` or `failed` was tried: nobody may say so of an attempt whose handler never began.
import { assignmentEvents, type Evidence, type Finding, isEnd } from './evidence.ts';

const TRIED = new Set(['timeout', 'failed']);

export function triedBeforeBlamed(evidence: Evidence): Finding {
  const begun = new Set(
    evidence.ledger.filter((one) => one.what === 'begin').map((one) => `${one.task}/${one.attempt}`),
  );
  const violations: string[] = [];
  const counts = { tried: 0, unbegun: 0 };
  for (const one of assignmentEvents(evidence)) {
    if (!isEnd(one)) continue;
    const began = begun.has(`${one.task}/${one.attempt}`);
    if (!began) counts.unbegun += 1;
    if (!TRIED.has(one.now ?? '')) continue;
    counts.tried += 1;
    if (!began)
      violations.push(`attempt ${one.attempt} of task ${one.task} ended as ${one.now}, and its handler never began`);
  }
  return { violations, counts };
}
