import { AfdError } from '../../core/domain/errors.ts';

/** Flags of `afd tasks add` whose names are not those of the task. */
const FLAGS: Record<string, string> = { task_type: 'type', task_data: 'data', required_capabilities: 'requires' };

/** What is wrong with a task, in the words of the command line that described it. Any other error stays as it is. */
export function inFlags(error: unknown): unknown {
  const problems = error instanceof AfdError && error.code === 'E_USAGE' ? error.data.problems : undefined;
  if (!Array.isArray(problems) || problems.length === 0) return error;
  const sentences = problems.map(({ problem }: { problem: string }) =>
    problem.replace(/^[a-z_]+/, (field) => `--${FLAGS[field] ?? field.replaceAll('_', '-')}`),
  );
  return new AfdError('E_USAGE', `${sentences.join('; ')}.`, {
    suggestions: ['afd tasks add --help'],
    data: (error as AfdError).data,
    cause: error,
  });
}
