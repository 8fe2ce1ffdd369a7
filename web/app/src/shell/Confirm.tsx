import { GatehouseError } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { useState } from "react";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field, PasswordField } from "../ui/Field";
import { Form } from "../ui/Form";
import { Fingerprint } from "../ui/icons";
import { Problem } from "../ui/Note";
import { useAct } from "../ui/useAct";
import { codeOf } from "../words/errors";
import type { Asking } from "./StepUp";

const others: Record<string, string> = {
  password: "Use your password",
  totp: "Use your authenticator app",
  recovery_code: "Use a recovery code",
  passkey: "Use a passkey",
};
const providers: Record<string, string> = { google: "Google", github: "GitHub" };

export default function Confirm({ methods, done }: Asking) {
  const [method, setMethod] = useState(methods[0] ?? "password");
  return (
    <Dialog title="Confirm that it's you" onClose={() => done(false)}>
      <p className="text-mute">Your last sign-in was a while ago, or this needs your second step.</p>
      <Proof key={method} method={method} done={() => done(true)} />
      {methods.length > 1 && (
        <div className="flex flex-col items-start gap-2 border-t border-line pt-4">
          {methods
            .filter((other) => other !== method && others[other])
            .map((other) => (
              <button key={other} type="button" className="link" onClick={() => setMethod(other)}>
                {others[other]}
              </button>
            ))}
        </div>
      )}
    </Dialog>
  );
}

function Proof({ method, done }: { method: string; done: () => void }) {
  const gh = useGatehouse();
  const passkey = useAct(async () => {
    await gh.auth.reauthenticate("passkey");
    done();
  });
  if (method === "passkey")
    return (
      <>
        <Problem error={passkey.error} />
        <Button
          look="main"
          className="w-full"
          icon={<Fingerprint size={16} />}
          busy={passkey.pending}
          onClick={() => passkey.run()}
        >
          Use a passkey
        </Button>
      </>
    );
  if (method === "google" || method === "github")
    return (
      <Button
        look="main"
        className="w-full"
        onClick={() => gh.auth.signIn.oauth(method, { redirectTo: location.pathname + location.search })}
      >
        Continue with {providers[method]}
      </Button>
    );
  async function show(values: Record<string, string>) {
    try {
      await gh.auth.reauthenticate(
        method === "password"
          ? { password: values.password ?? "" }
          : { code: (values.code ?? "").replaceAll(/[\s-]/g, "") },
      );
    } catch (error) {
      if (method === "password" && codeOf(error) === "invalid_credentials")
        throw new GatehouseError("validation_failed", 422, { fields: { password: "That isn't your password" } });
      throw error;
    }
    done();
  }
  return (
    <Form submit="Confirm" onSubmit={show} wide>
      {(errors) =>
        method === "password" ? (
          <PasswordField
            label="Password"
            name="password"
            autoComplete="current-password"
            autoFocus
            required
            error={errors.password}
          />
        ) : (
          <Field
            label={method === "totp" ? "Code" : "Recovery code"}
            name="code"
            inputMode={method === "totp" ? "numeric" : "text"}
            autoComplete="one-time-code"
            spellCheck={false}
            autoFocus
            required
            error={errors.code}
            hint={
              method === "totp"
                ? "The six digits that your authenticator app shows."
                : "One of the codes you kept. Each works once."
            }
          />
        )
      }
    </Form>
  );
}
