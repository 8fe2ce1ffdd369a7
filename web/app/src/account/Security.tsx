import { type Factors, GatehouseError } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { useSyncExternalStore } from "react";
import { currentArrival, watchArrival } from "../arrival";
import { useConfirmed } from "../shell/StepUp";
import { say } from "../shell/status";
import { ProviderMark, providerNames, useOptions } from "../signin/Providers";
import { Button } from "../ui/Button";
import { PasswordField } from "../ui/Field";
import { Form } from "../ui/Form";
import { Note, Problem } from "../ui/Note";
import { Page, Section } from "../ui/Page";
import { useAct } from "../ui/useAct";
import { useLoad } from "../ui/useLoad";
import { arrivalSentence, codeOf, renamed } from "../words/errors";
import { Authenticator } from "./Authenticator";
import { Passkeys } from "./Passkeys";
import { RecoveryCodes } from "./RecoveryCodes";

/** must: the hub lets this person do nothing else before a second step is set up. */
export function Security({ must }: { must?: boolean }) {
  const gh = useGatehouse();
  const options = useOptions();
  const { data, error, reload } = useLoad(() => gh.factors.list());
  const arrived = useSyncExternalStore(watchArrival, currentArrival);
  return (
    <Page title="Security" lead="How you sign in, and what stands behind your password.">
      <div className="mb-6 space-y-3 empty:hidden">
        {must && (
          <Note look="warn">Your hub asks for a second step. Set up an authenticator app or a passkey to go on.</Note>
        )}
        {arrived.error && <Note look="bad">{arrivalSentence(arrived.error)}</Note>}
        <Problem
          error={error}
          what={data ? "This may be old." : "Your sign-in methods can't be shown."}
          retry={reload}
        />
      </div>
      {!must && <Password />}
      {data ? <Methods factors={data} changed={reload} options={options.data} /> : !error && <Waiting />}
    </Page>
  );
}

function Methods({
  factors,
  changed,
  options,
}: {
  factors: Factors;
  changed: () => Promise<void>;
  options?: { passkeys: boolean; providers: string[] };
}) {
  const any = factors.totp.enabled || factors.passkeys.length > 0;
  return (
    <>
      <Authenticator factors={factors} changed={changed} />
      {(options?.passkeys || factors.passkeys.length > 0) && <Passkeys passkeys={factors.passkeys} changed={changed} />}
      <RecoveryCodes left={factors.recovery_codes_left} any={any} changed={changed} />
      <Linked factors={factors} providers={options?.providers ?? []} changed={changed} />
    </>
  );
}

/** The sections before they are known, as tall as they will be. */
function Waiting() {
  return (
    <>
      {["Authenticator app", "Passkeys", "Recovery codes"].map((title) => (
        <Section key={title} title={title} lead={<span className="skeleton">Whether it is set up</span>} />
      ))}
    </>
  );
}

function Password() {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  async function change({ current = "", password = "" }: Record<string, string>) {
    try {
      await confirmed(() => gh.auth.changePassword({ currentPassword: current || undefined, newPassword: password }));
    } catch (error) {
      if (codeOf(error) === "invalid_credentials")
        throw new GatehouseError("validation_failed", 422, { fields: { current: "That isn't your password" } });
      throw renamed(renamed(error, "new_password", "password"), "current_password", "current");
    }
    say("Password changed. Your other devices were signed out.");
    for (const input of document.querySelectorAll<HTMLInputElement>("#password input")) input.value = "";
  }
  return (
    <div id="password">
      <Section title="Password" lead="Changing it signs out your other devices.">
        <Form submit="Change password" look="plain" onSubmit={change} className="max-w-sm">
          {(errors) => (
            <>
              <PasswordField
                label="Current password"
                name="current"
                autoComplete="current-password"
                error={errors.current}
                hint="Leave this empty if you have none yet."
              />
              <PasswordField
                label="New password"
                name="password"
                autoComplete="new-password"
                error={errors.password}
                hint="At least 8 characters."
              />
            </>
          )}
        </Form>
      </Section>
    </div>
  );
}

function Linked({
  factors,
  providers,
  changed,
}: {
  factors: Factors;
  providers: string[];
  changed: () => Promise<void>;
}) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const act = useAct(async (provider: string, linked: boolean) => {
    if (!linked) return confirmed(() => gh.factors.link(provider as "google" | "github", { redirectTo: "/security" }));
    await confirmed(() => gh.factors.unlink(provider));
    await changed();
    say(`${providerNames[provider]} is unlinked.`);
  });
  const all = [...new Set([...providers, ...factors.identities.map((i) => i.provider)])];
  if (!all.length) return null;
  return (
    <Section title="Linked accounts" lead="Sign in with an account you have elsewhere.">
      <Problem error={act.error} />
      <ul className="divide-y divide-line">
        {all.map((provider) => {
          const linked = factors.identities.find((i) => i.provider === provider);
          return (
            <li key={provider} className="flex flex-wrap items-center gap-3 py-3 first:pt-0 last:pb-0">
              <ProviderMark of={provider} />
              <div className="min-w-0 flex-1">
                <p className="font-medium">{providerNames[provider] ?? provider}</p>
                <p className="text-mute">{linked ? linked.email : "Not linked"}</p>
              </div>
              <Button
                aria-label={`${linked ? "Unlink" : "Link"} ${providerNames[provider]}`}
                busy={act.pending}
                onClick={() => act.run(provider, Boolean(linked))}
              >
                {linked ? "Unlink" : "Link"}
              </Button>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
