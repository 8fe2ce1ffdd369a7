import type { AuthState } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { Fingerprint } from "../ui/icons";
import { Problem, useCountdown } from "../ui/Note";
import { useAct } from "../ui/useAct";
import { codeOf } from "../words/errors";
import { minutes } from "../words/time";
import { Frame, Or } from "./Frame";

type Wanted = Extract<AuthState, { status: "mfa_required" }>;

/** The second step of a sign-in. */
export function Mfa({ auth }: { auth: Wanted }) {
  const gh = useGatehouse();
  const left = useSecondsLeft(auth);
  const has = (method: string) => auth.methods.some((m) => m === method);
  const [recovery, setRecovery] = useState(!has("totp") && !has("passkey"));
  const passkey = useAct(() => gh.auth.mfa.passkey());
  const [spent, setSpent] = useState(false);
  if (left <= 0 || spent || codeOf(passkey.error) === "grant_expired")
    return (
      <Frame
        title="That took too long"
        lead="For your security the second step has to be finished within a few minutes and a few tries. Your password was right: start again."
      >
        <Button look="main" className="w-full" onClick={() => gh.auth.mfa.cancel()}>
          Start again
        </Button>
      </Frame>
    );
  return (
    <Frame
      title="Second step"
      lead={
        recovery
          ? "Enter one of the recovery codes you kept."
          : has("totp")
            ? "Enter the code that your authenticator app shows."
            : "Use the passkey you set up."
      }
      below={
        <button type="button" className="link" onClick={() => gh.auth.mfa.cancel()}>
          Back to sign-in
        </button>
      }
    >
      {(has("totp") || recovery) && (
        <CodeForm key={String(recovery)} recovery={recovery} spent={() => setSpent(true)} />
      )}
      {has("passkey") && (
        <div className="space-y-3">
          {(has("totp") || recovery) && <Or />}
          <Problem error={passkey.error} />
          <Button
            className="w-full"
            look={has("totp") || recovery ? "plain" : "main"}
            icon={<Fingerprint size={18} />}
            busy={passkey.pending}
            onClick={() => passkey.run()}
          >
            Use a passkey
          </Button>
        </div>
      )}
      <p className="flex flex-wrap justify-between gap-2">
        {has("recovery_code") && (has("totp") || has("passkey")) ? (
          <button type="button" className="link" onClick={() => setRecovery(!recovery)}>
            {!recovery ? "Use a recovery code" : has("totp") ? "Use your authenticator app" : "Use a passkey instead"}
          </button>
        ) : (
          <span />
        )}
        {left < 120 && <span className="text-mute tabular-nums">{minutes(left)} left</span>}
      </p>
    </Frame>
  );
}

function CodeForm({ recovery, spent }: { recovery: boolean; spent: () => void }) {
  const gh = useGatehouse();
  const box = useRef<HTMLInputElement>(null);
  const [code, setCode] = useState("");
  const act = useAct(async (typed: string) => {
    try {
      await (recovery ? gh.auth.mfa.recoveryCode(typed) : gh.auth.mfa.totp(typed));
    } catch (error) {
      if (codeOf(error) === "grant_expired") return spent();
      throw error;
    }
  });
  const wait = useCountdown(act.error);
  useEffect(() => {
    if (act.error) box.current?.select(); // the next code replaces the wrong one
  }, [act.error]);
  const send = (typed: string) => wait <= 0 && void act.run(typed.trim());
  function type(text: string) {
    const clean = recovery ? text : text.replaceAll(/\D/g, "").slice(0, 6);
    setCode(clean);
    act.clear();
    // After a refusal six digits are there already: what replaces them is another try.
    if (!recovery && clean.length === 6 && clean !== code && (code.length < 6 || act.error)) send(clean);
  }
  function submit(e: FormEvent) {
    e.preventDefault();
    if (code) send(code);
    box.current?.focus();
  }
  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      <Field
        ref={box}
        label={recovery ? "Recovery code" : "Code"}
        name="code"
        value={code}
        onChange={(e) => type(e.target.value)}
        autoComplete="one-time-code"
        inputMode={recovery ? "text" : "numeric"}
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        readOnly={act.pending}
        placeholder={recovery ? "" : "123456"}
        aria-invalid={act.error ? true : undefined}
        hint={recovery ? "Each code works once. Spaces and dashes don't matter." : undefined}
      />
      <Problem error={act.error} />
      <Button type="submit" look="main" className="w-full" busy={act.pending} disabled={wait > 0}>
        Continue
      </Button>
    </form>
  );
}

/** Counts down by a clock that nobody sets. */
function useSecondsLeft(auth: Wanted): number {
  const [left, setLeft] = useState(auth.expiresIn);
  useEffect(() => {
    const end = performance.now() + auth.expiresIn * 1000;
    const timer = setInterval(() => setLeft(Math.max(0, Math.ceil((end - performance.now()) / 1000))), 1000);
    return () => clearInterval(timer);
  }, [auth]);
  return left;
}
