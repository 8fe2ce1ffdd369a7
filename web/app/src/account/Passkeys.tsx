import type { Passkey } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { useRef, useState } from "react";
import { useConfirmed } from "../shell/StepUp";
import { say } from "../shell/status";
import { Ago } from "../ui/Ago";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Form } from "../ui/Form";
import { Fingerprint } from "../ui/icons";
import { Problem } from "../ui/Note";
import { Section } from "../ui/Page";
import { useRowFocus } from "../ui/rows";
import { useAct } from "../ui/useAct";
import { dateOf } from "../words/time";
import { ShowCodes } from "./RecoveryCodes";

export function Passkeys({ passkeys, changed }: { passkeys: Passkey[]; changed: () => Promise<void> }) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const list = useRef<HTMLUListElement>(null);
  const [codes, setCodes] = useState<string[]>();
  useRowFocus(
    list,
    passkeys.map((p) => p.id),
    "h1",
  );
  const add = useAct(async () => {
    const made = await confirmed(() => gh.factors.passkeys.add());
    if (made.recovery_codes?.length) setCodes(made.recovery_codes);
    await changed();
    say("The passkey is added.");
  });
  return (
    <Section
      title="Passkeys"
      lead="Sign in with your fingerprint, face, screen lock or security key. No password to steal."
      actions={
        <Button busy={add.pending} onClick={() => add.run()}>
          Add a passkey
        </Button>
      }
    >
      {Boolean(add.error) && (
        <Problem
          error={add.error}
          words={{ invalid_code: "That passkey couldn't be added. Perhaps it is here already." }}
        />
      )}
      {passkeys.length > 0 && (
        <ul ref={list} className="divide-y divide-line" aria-label="Passkeys">
          {passkeys.map((p) => (
            <PasskeyRow key={p.id} passkey={p} changed={changed} />
          ))}
        </ul>
      )}
      {codes && <ShowCodes codes={codes} close={() => setCodes(undefined)} />}
    </Section>
  );
}

function PasskeyRow({ passkey: p, changed }: { passkey: Passkey; changed: () => Promise<void> }) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const [open, setOpen] = useState<"rename" | "remove">();
  const close = () => setOpen(undefined);
  const remove = useAct(async () => {
    await confirmed(() => gh.factors.passkeys.remove(p.id));
    close();
    await changed();
    say(`${p.name} is removed.`);
  });
  return (
    <li data-row={p.id} className="flex flex-wrap items-center gap-3 py-3 first:pt-0 last:pb-0">
      <Fingerprint size={20} className="shrink-0 text-mute" />
      <div className="min-w-0 flex-1 basis-40">
        <p className="font-medium">{p.name}</p>
        <p className="text-mute">
          Added {dateOf(p.created_at)} ·{" "}
          {p.last_used_at ? (
            <>
              used <Ago at={p.last_used_at} />
            </>
          ) : (
            "never used"
          )}
        </p>
      </div>
      <div className="flex gap-2">
        <Button data-does="rename" aria-label={`Rename ${p.name}`} onClick={() => setOpen("rename")}>
          Rename
        </Button>
        <Button data-does="remove" aria-label={`Remove ${p.name}`} onClick={() => setOpen("remove")}>
          Remove
        </Button>
      </div>
      {open === "rename" && (
        <Dialog title="Rename the passkey" onClose={close}>
          <Form
            submit="Save"
            beside={<Button onClick={close}>Cancel</Button>}
            onSubmit={async ({ name = "" }) => {
              await confirmed(() => gh.factors.passkeys.rename(p.id, name.trim()));
              close();
              await changed();
              say(`Renamed to ${name.trim()}.`);
            }}
          >
            {(errors) => (
              <Field label="Name" name="name" defaultValue={p.name} autoFocus autoComplete="off" error={errors.name} />
            )}
          </Form>
        </Dialog>
      )}
      {open === "remove" && (
        <Dialog title={`Remove ${p.name}?`} onClose={close}>
          <p>It can no longer sign you in. Remove it from your device or password manager too.</p>
          <Problem error={remove.error} />
          <div className="flex flex-wrap gap-2">
            <Button look="bad" busy={remove.pending} onClick={() => remove.run()}>
              Remove
            </Button>
            <Button onClick={close}>Cancel</Button>
          </div>
        </Dialog>
      )}
    </li>
  );
}
