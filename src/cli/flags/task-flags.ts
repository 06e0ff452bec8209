import { Flags } from '@oclif/core';
import { AfdError } from '../../core/domain/errors.ts';
import type { NewTask } from '../../core/tasks/tasks.ts';

/** Flags of `afd tasks add` and `afd run`: what a handler sees beside task_data. */
export const taskFlags = {
  username: Flags.string({ helpValue: 'NAME', summary: 'Account name.' }),
  'app-id': Flags.string({ helpValue: 'ID', summary: 'App id.' }),
  'start-date': Flags.string({ helpValue: 'DATE', summary: 'First day, such as 2024-01-31.' }),
  'end-date': Flags.string({ helpValue: 'DATE', summary: 'Last day, such as 2024-01-31.' }),
  priority: Flags.integer({ min: 1, max: 10, helpValue: '1..10', summary: 'Higher runs first (default: 5).' }),
};

type Given = Record<'username' | 'app-id' | 'start-date' | 'end-date', string | undefined> & {
  priority: number | undefined;
};

/** The fields of these flags. */
export function taskOf(flags: Given): Omit<NewTask, 'task_type'> {
  return {
    username: flags.username ?? null,
    app_id: flags['app-id'] ?? null,
    start_date: flags['start-date'] ?? null,
    end_date: flags['end-date'] ?? null,
    priority: flags.priority ?? null,
  };
}

/** Flags whose names are not those of the task. */
const FLAGS: Record<string, string> = { task_type: 'type', task_data: 'data', required_capabilities: 'requires' };

/** What is wrong with a task, in the words of the command line that described it. Any other error stays as it is. */
export function inFlags(error: unknown, command = 'afd tasks add'): unknown {
  const problems = error instanceof AfdError && error.code === 'E_USAGE' ? error.data.problems : undefined;
  if (!Array.isArray(problems) || problems.length === 0) return error;
  const sentences = problems.map(({ problem }: { problem: string }) =>
    problem.replace(/^[a-z_]+/, (field) => `--${FLAGS[field] ?? field.replaceAll('_', '-')}`),
  );
  return new AfdError('E_USAGE', `${sentences.join('; ')}.`, {
    suggestions: [`${command} --help`],
    data: (error as AfdError).data,
    cause: error,
  });
}
