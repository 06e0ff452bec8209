import type { ExportEnd, ExportProgress } from '../../core/export/export-tasks.ts';
import { printable } from './text.ts';

export function exportProgress({ tasks, share }: ExportProgress): string {
  return `${counted(tasks)}  ${Math.floor(share * 100)} %`;
}

/** `file`: undefined = stdout, which needs no sentence when all is well. */
export function renderExport({ tasks, complete }: ExportEnd, file: string | undefined): string {
  const name = printable(file ?? 'standard output');
  if (complete) return `Exported ${counted(tasks)} to ${name}.`;
  const rest = file === undefined ? 'the output is not complete' : `${name} was not written`;
  return `Stopped after ${counted(tasks)}; ${rest}.`;
}

function counted(tasks: number): string {
  return `${tasks.toLocaleString('en-US')} task${tasks === 1 ? '' : 's'}`;
}
