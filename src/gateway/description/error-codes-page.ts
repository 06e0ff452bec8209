// GET /docs/errors: what the `type` of a problem document leads to.
import { ERROR_CODES, type ErrorCode } from '../../core/domain/errors.ts';
import { HTTP_STATUS } from '../server/problem-answers.ts';
import { documentOf, html, prose } from './html.ts';

export function errorCodesPage(): string {
  const codes = Object.entries(ERROR_CODES) as Array<[ErrorCode, (typeof ERROR_CODES)[ErrorCode]]>;
  const shown = codes.filter(([code]) => HTTP_STATUS[code] >= 400);
  return documentOf(
    'afd: the codes of errors',
    html`<header>
<h1>The codes of errors</h1>
<p>An answer of the type <code>application/problem+json</code> (RFC 9457) has one of these codes in its member <code>code</code>.
Its <code>detail</code> says what failed and why; <code>request_id</code> finds it in the log of the gateway.</p>
<p><a href="/docs">The HTTP API</a></p>
</header>
<main>
${shown.map(
  ([code, { means, remedy, command }]) => html`<section id="${code}">
<h3><code>${code}</code>, status ${HTTP_STATUS[code]}</h3>
<p>${prose(means)} ${prose(remedy)}</p>
<p>Try: <code>${command}</code></p>
</section>`,
)}
</main>`,
  );
}
