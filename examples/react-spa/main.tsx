import { createGatehouse } from "@gatehouse/client";
import { AuthLoading, GatehouseProvider, SignedIn, SignedOut, useAuth, useDevices } from "@gatehouse/client/react";
import { type FormEvent, useState } from "react";
import { createRoot } from "react-dom/client";

const gh = createGatehouse({ url: import.meta.env.VITE_GATEHOUSE_URL ?? "http://localhost:8080" });

function SignIn() {
  const state = useAuth();
  const [error, setError] = useState("");
  const second = state.status === "mfa_required"; // the password was right, a code of the authenticator app is missing
  const forced = state.status === "signed_out" && typeof state.reason === "object" ? state.reason : undefined;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const field = (name: string) => String(new FormData(event.currentTarget).get(name));
    const done = second
      ? gh.auth.mfa.totp(field("code"))
      : gh.auth.signIn.password({ email: field("email"), password: field("password") });
    done.then(() => setError(""), (e) => setError(e.message));
  };

  return (
    <form onSubmit={submit}>
      {forced && <p role="status">You were signed out ({forced.reason}). {forced.message}</p>}
      {second && <label>Code <input name="code" autoComplete="one-time-code" required /></label>}
      {!second && <label>E-mail <input name="email" type="email" autoComplete="username" required /></label>}
      {!second && <label>Password <input name="password" type="password" autoComplete="current-password" required /></label>}
      <button type="submit">Sign in</button>
      {error && <p role="alert">{error}</p>}
    </form>
  );
}

function Devices() {
  const { data = [], isLoading, error, pendingIds, revoke } = useDevices();
  const [refused, setRefused] = useState("");
  if (isLoading) return <p>Loading…</p>;
  return (
    <>
      <ul>
        {data.map((d) => (
          <li key={d.id}>
            {d.online ? "●" : "○"} {d.name} {d.current && "(this device)"}{" "}
            <button type="button" disabled={pendingIds.has(d.id)} onClick={() => revoke(d.id).catch((e) => setRefused(e.message))}>
              Sign out {d.name}
            </button>
          </li>
        ))}
      </ul>
      {(error || refused) && <p role="alert">{error?.message ?? refused}</p>}
    </>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <GatehouseProvider client={gh}>
    <AuthLoading>Loading…</AuthLoading>
    <SignedOut><SignIn /></SignedOut>
    <SignedIn><Devices /></SignedIn>
  </GatehouseProvider>,
);
