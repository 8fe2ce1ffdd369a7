import type { AuthState, Options } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import { currentArrival, forgetArrival, watchArrival } from "../arrival";
import { entranceAhead } from "../later";
import { safeNext } from "../next";
import { Link, useQuery } from "../router";
import { Button } from "../ui/Button";
import { Field, PasswordField } from "../ui/Field";
import { Form } from "../ui/Form";
import { Fingerprint } from "../ui/icons";
import { Note, Problem } from "../ui/Note";
import { type Act, useAct } from "../ui/useAct";
import { whyEnded } from "../words/ended";
import { arrivalSentence, codeOf } from "../words/errors";
import { Frame, Or } from "./Frame";
import { ProviderButtons, useOptions } from "./Providers";
import { SendAgain } from "./SendAgain";

export function Login({ auth }: { auth: AuthState }) {
  const gh = useGatehouse();
  const [query] = useQuery();
  const next = safeNext(query.get("next"));
  const options = useOptions();
  const passkey = useAct(() => gh.auth.signIn.passkey());
  useAutofill(options.data?.passkeys ?? false, passkey);
  return (
    <Frame title="Sign in" below={options.data?.signup && <SignUpLink next={query.get("next")} />}>
      <Reason auth={auth} />
      <PasswordSignIn />
      {Boolean(options.error) && !options.data && (
        <Problem error={options.error} what="Other ways to sign in are not known." retry={options.reload} />
      )}
      <OtherWays options={options.data} passkey={passkey} next={next} />
    </Frame>
  );
}

function SignUpLink({ next }: { next: string | null }) {
  return (
    <>
      New here?{" "}
      <Link href={next ? `/signup?next=${encodeURIComponent(next)}` : "/signup"} className="link">
        Create an account
      </Link>
    </>
  );
}

function PasswordSignIn() {
  const gh = useGatehouse();
  const [unverified, setUnverified] = useState("");
  async function signIn({ email = "", password = "" }: Record<string, string>) {
    setUnverified("");
    forgetArrival();
    entranceAhead();
    try {
      await gh.auth.signIn.password({ email, password });
    } catch (error) {
      if (codeOf(error) === "email_unverified") setUnverified(email);
      throw error;
    }
  }
  return (
    <>
      <Form submit="Sign in" wide onSubmit={signIn}>
        {(errors) => (
          <>
            <Field
              label="E-mail"
              name="email"
              type="email"
              autoComplete="username webauthn"
              autoFocus
              required
              spellCheck={false}
              autoCapitalize="none"
              error={errors.email}
            />
            <div className="relative">
              <PasswordField
                label="Password"
                name="password"
                autoComplete="current-password"
                required
                error={errors.password}
              />
              <Link href="/forgot" className="link absolute top-0 right-0">
                Forgot password?
              </Link>
            </div>
          </>
        )}
      </Form>
      {unverified && <SendAgain email={unverified} />}
    </>
  );
}

function OtherWays({ options, passkey, next }: { options?: Options; passkey: Act<[]>; next: string }) {
  if (!options || (!options.passkeys && !options.providers.length)) return null;
  return (
    <div className="space-y-3">
      <Or />
      <Problem error={passkey.error} words={{ invalid_credentials: "That passkey isn't known here." }} />
      {options.passkeys && (
        <Button
          className="w-full"
          icon={<Fingerprint size={18} />}
          busy={passkey.pending}
          onClick={() => passkey.run()}
        >
          Use a passkey
        </Button>
      )}
      <ProviderButtons providers={options.providers} redirectTo={next} />
    </div>
  );
}

/**
 * Offers passkeys where the e-mail address is typed. Pressing the button ends an offer; when that comes to nothing it
 * is made again, and so it is, a few times, when the hub refuses one.
 */
function useAutofill(on: boolean, passkey: Act<[]>) {
  const gh = useGatehouse();
  const [refused, setRefused] = useState(0);
  const offer = on && !passkey.pending && refused < 3;
  // Each refusal is followed by another offer.
  useEffect(() => {
    if (!offer) return;
    const stop = new AbortController();
    gh.auth.signIn.passkeyAutofill({ signal: stop.signal }).catch(() => {
      if (!stop.signal.aborted) setRefused((n) => n + 1);
    });
    return () => stop.abort();
  }, [gh, offer, refused]);
}

/** Why somebody who was inside stands here again. */
function Reason({ auth }: { auth: AuthState }): ReactNode {
  const { error } = useSyncExternalStore(watchArrival, currentArrival);
  if (error)
    return (
      <Note look="bad" role="alert">
        {arrivalSentence(error)}
      </Note>
    );
  if (auth.status !== "signed_out" || auth.reason === "none") return null;
  if (auth.reason === "signed_out") return <Note>You signed out.</Note>;
  return <Note look="warn">{whyEnded(auth.reason)}</Note>;
}
