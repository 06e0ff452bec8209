// What handlers written in TypeScript may import. A handler needs none of it: a plain object or Error says the same.
export type { HandlerTask, NewTask } from './core/domain/task/task.ts';
export { type ControlError, later, permanent, retry, type When } from './core/handlers/control.ts';
export type { HandlerContext, HandlerLog, WarmUpContext } from './core/handlers/handler.ts';
