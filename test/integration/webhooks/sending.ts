// A leader that sends webhooks, and what the database has of them; each test has its own.
import { activeWebhooks } from '../../../src/core/db/webhooks/webhook-rows.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { Keyring } from '../../../src/core/secrets/keyring.ts';
import { addWebhook } from '../../../src/core/webhooks/manage-webhooks.ts';
import { WebhookSender } from '../../../src/core/webhooks/send/webhook-sender.ts';
import { testWebhook } from '../../../src/core/webhooks/webhook-deliveries.ts';
import { actor } from '../../helpers/actor.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';
import { closeReceivers } from '../../helpers/receiver.ts';

const networks = ['127.0.0.1'];
const master = { webhook_networks: networks };
export type Sending = ReturnType<typeof sendingOf>;
type Machine = ReturnType<typeof testContext>;

export function eachWithSender(take: (opened: Sending) => unknown): void {
  it.beforeEach(async ({ given, onTestFinished }) => {
    const open: Array<() => Promise<unknown>> = [closeReceivers];
    onTestFinished(async () => {
      for (const close of open.reverse()) await close();
    });
    await given.rows.leader('leader', 1);
    take(sendingOf(given, open));
  });
}

function sendingOf({ db, session, rows }: Given, open: Array<() => Promise<unknown>>) {
  const warnings: string[] = [];
  const { names } = db;
  return {
    ...{ db, session, names, rows, warnings },
    /** With this key file, or without one. */
    machine(key_file?: string): Machine {
      const context = testContext(db, { master, ...(key_file === undefined ? {} : { secrets: { key_file } }) });
      open.push(() => context.close());
      return context;
    },
    async hook(context: Machine, url: string, secret?: string) {
      const rest = { description: null, event_types: ['task.done' as const], task_types: null };
      const made = await addWebhook(context, { ...rest, url, secret }, actor());
      return { ...made, id: made.webhook.id };
    },
    send: (context: Machine, id: number) => testWebhook(context, id, { now: '2026-01-02T03:04:05.678Z', by: actor() }),
    /** That begins with the webhooks as they are; `round`: as they are then. */
    async sender(keys: Machine | Keyring) {
      const own = await db.session();
      let webhooks = await activeWebhooks(own, names);
      const duty = new DutySession(own, names, { holder: 'leader', term: 1 });
      const keyring = keys instanceof Keyring ? keys : Keyring.of(keys.resolved);
      const warn = (message: string) => void warnings.push(message);
      const one = new WebhookSender({ duty, networks, keyring, webhooks: () => webhooks, warn, random: () => 0.5 });
      open.push(() => one.close());
      const round = async () => {
        webhooks = await activeWebhooks(own, names);
        return one.runToEnd();
      };
      return Object.assign(one, { round });
    },
    due: () =>
      session.write(`UPDATE ${names.webhookDelivery} SET next_try_at = UTC_TIMESTAMP(3) WHERE status = 'pending'`),
  };
}
