import type { Enrolment, Factors } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { useRef, useState } from "react";
import { useConfirmed } from "../shell/StepUp";
import { say } from "../shell/status";
import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Problem } from "../ui/Note";
import { Section } from "../ui/Page";
import { useAct } from "../ui/useAct";
import { dateOf } from "../words/time";
import { ShowCodes } from "./RecoveryCodes";

export function Authenticator({ factors, changed }: { factors: Factors; changed: () => Promise<void> }) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const [enrolment, setEnrolment] = useState<Enrolment>();
  const [codes, setCodes] = useState<string[]>();
  const [leaving, setLeaving] = useState(false);
  const begin = useAct(async () => setEnrolment(await confirmed(() => gh.factors.totp.begin())));
  const remove = useAct(async () => {
    await confirmed(() => gh.factors.totp.remove());
    setLeaving(false);
    await changed();
    say("The authenticator app is turned off.");
  });
  async function confirm(code: string) {
    const { recovery_codes } = await confirmed(() => gh.factors.totp.confirm(code));
    setEnrolment(undefined);
    if (recovery_codes.length) setCodes(recovery_codes);
    await changed();
    say("The authenticator app is set up.");
  }
  const { enabled, confirmed_at } = factors.totp;
  return (
    <Section
      title="Authenticator app"
      lead={
        enabled
          ? `On${confirmed_at ? ` since ${dateOf(confirmed_at)}` : ""}. Sign-in asks for a code.`
          : "A code from an app on your phone, after your password."
      }
      actions={
        enabled ? (
          <Button onClick={() => setLeaving(true)}>Turn off</Button>
        ) : (
          <Button busy={begin.pending} onClick={() => begin.run()}>
            Set up
          </Button>
        )
      }
    >
      {Boolean(begin.error) && <Problem error={begin.error} />}
      {enrolment && <Enrol enrolment={enrolment} confirm={confirm} close={() => setEnrolment(undefined)} />}
      {codes && <ShowCodes codes={codes} close={() => setCodes(undefined)} />}
      {leaving && (
        <Dialog title="Turn off the authenticator app?" onClose={() => setLeaving(false)}>
          <p>Codes from the app will no longer be asked for, and are no longer taken.</p>
          <Problem error={remove.error} />
          <div className="flex flex-wrap gap-2">
            <Button look="bad" busy={remove.pending} onClick={() => remove.run()}>
              Turn off
            </Button>
            <Button onClick={() => setLeaving(false)}>Cancel</Button>
          </div>
        </Dialog>
      )}
    </Section>
  );
}

/** Nothing is on before a code shows that the app has the secret. */
function Enrol({
  enrolment,
  confirm,
  close,
}: {
  enrolment: Enrolment;
  confirm: (code: string) => Promise<void>;
  close: () => void;
}) {
  const [code, setCode] = useState("");
  const box = useRef<HTMLInputElement>(null);
  const act = useAct(confirm);
  async function submit() {
    if (code && !(await act.run(code))) box.current?.select();
  }
  return (
    <Dialog title="Set up an authenticator app" onClose={close}>
      <p>Scan this with your app, then enter the six digits it shows.</p>
      <img
        className="mx-auto size-48 rounded-md bg-white"
        alt="QR code for your authenticator app"
        width={192}
        height={192}
        src={`data:image/svg+xml,${encodeURIComponent(enrolment.qr_svg)}`}
      />
      <details className="text-mute">
        <summary className="link inline">Can't scan it?</summary>
        <p className="mt-2">Type this key into the app:</p>
        <p className="my-2 font-mono text-ink">{enrolment.secret.replaceAll(/(.{4})(?=.)/g, "$1 ")}</p>
        <Copy text={enrolment.secret} label="Copy the key" />
      </details>
      <form
        noValidate
        className="space-y-4"
        onSubmit={(e) => {
          e.preventDefault();
          void submit();
        }}
      >
        <Field
          ref={box}
          label="Code"
          name="code"
          value={code}
          onChange={(e) => {
            setCode(e.target.value.replaceAll(/\D/g, "").slice(0, 6));
            act.clear();
          }}
          inputMode="numeric"
          autoComplete="one-time-code"
          placeholder="123456"
          autoFocus
          aria-invalid={act.error ? true : undefined}
        />
        <Problem error={act.error} words={{ grant_expired: "This took too long. Close this and begin again." }} />
        <Button type="submit" look="main" className="w-full" busy={act.pending}>
          Turn on
        </Button>
      </form>
    </Dialog>
  );
}
