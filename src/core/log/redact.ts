// For those who print: commands may import no value of the domain.
export { maskArguments } from '../domain/redaction/mask-arguments.ts';
export { redact, redactText } from '../domain/redaction/redact.ts';
